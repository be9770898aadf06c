"""The background of the terminal, dark or light: the terminal is asked for its color, before the first prompt.

The query is OSC 11. A terminal that does not know it does not answer. So a second query follows, DA1 (device
attributes), which every terminal answers, and in order: after its reply none is to come any more.

The problem: replies arrive as input, between the keys, and over a slow connection they arrive at any time, also in
pieces. Then they must not appear as typed text, and no key may be lost.

The solution: :class:`ReplyFilter` takes replies out of the input, as long as the prompt exists. :func:`ask` waits only
a short time; a later reply still sets the background. Keys that are pressed meanwhile go to the first prompt.

Limits: an editor, a pager or a program that reads standard input before a late reply has arrived receives it.
"""

from __future__ import annotations

import re
import select
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from prompt_toolkit.input.typeahead import store_typeahead

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.input.vt100 import Vt100Input
    from prompt_toolkit.input.vt100_parser import Vt100Parser
    from prompt_toolkit.output import Output

__all__ = ["QUERY", "ReplyFilter", "ask", "wait_for_replies"]

QUERY = "\x1b]11;?\x1b\\\x1b[c"
"""OSC 11 and DA1."""

# Seconds to wait for the replies.
_TIMEOUT = 0.1

# A reply to one of the queries: the color, or nothing.
_REPLY = re.compile(r"\x1b\]11;([rgba:#/0-9a-fA-F]*)(?:\x07|\x1b\\)|\x1b\[\?[0-9;]*c")

# The beginning of a reply. A shorter beginning, such as an escape character, may be a key, too.
_BEGINNING = re.compile(r"\x1b\]11;[rgba:#/0-9a-fA-F]{0,40}\x1b?|\x1b\[\?[0-9;]{0,40}")
_SHORT_BEGINNINGS = ("\x1b", "\x1b]", "\x1b]1", "\x1b]11", "\x1b[")

# A component of a color has one to four hexadecimal digits.
_COLOR = re.compile(r"rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})(?:/[0-9a-fA-F]{1,4})?")

# The parts of red, green and blue in the brightness of a color.
_BRIGHTNESS = (0.2126, 0.7152, 0.0722)


class ReplyFilter:
    """Input on its way to prompt_toolkit's parser of keys, which does not get the replies.

    `is_ended`  whether the last reply has arrived

    `learned` is called with ``dark`` or ``light`` when the terminal has reported its background.
    """

    def __init__(self, parser: Vt100Parser, learned: Callable[[str], None]) -> None:
        self._parser, self._learned = parser, learned
        # What may be the beginning of a reply, and the beginning of one whose rest has not arrived in time.
        self._held, self._fragment = "", ""
        self.is_ended = False

    def feed(self, data: str) -> None:
        """Pass on `data` without replies. The beginning of one is held back until more data arrives."""
        text, self._held = self._held + data, ""
        if self._fragment:
            text = self._without_rest(text)
        position = 0
        while (escape := text.find("\x1b", position)) >= 0:
            self._pass_on(text[position:escape])
            reply = _REPLY.match(text, escape)
            if reply is None and _may_begin_reply(text[escape:]):
                self._held = text[escape:]
                return
            if reply is None:
                self._pass_on("\x1b")
            else:
                self._note(reply)
            position = escape + 1 if reply is None else reply.end()
        self._pass_on(text[position:])

    def flush(self) -> None:
        """No more data has arrived for a while: what is held back is keys, or it is a fragment of a reply."""
        held, self._held = self._held, ""
        if _BEGINNING.fullmatch(held):
            self._fragment = held
        else:
            self._pass_on(held)
        self._parser.flush()

    def _without_rest(self, text: str) -> str:
        """`text` without the rest of the reply that a fragment is the beginning of."""
        joined = self._fragment + text
        reply = _REPLY.match(joined)
        if reply is not None:
            self._note(reply)
            return joined[reply.end() :]
        if _may_begin_reply(joined):
            self._held = text
            return ""
        return text

    def _pass_on(self, keys: str) -> None:
        if keys:
            self._parser.feed(keys)

    def _note(self, reply: re.Match[str]) -> None:
        self._fragment = ""
        if reply[1] is None:
            self.is_ended = True
        elif (background := _background(reply[1])) is not None:
            self._learned(background)


def _may_begin_reply(text: str) -> bool:
    return text in _SHORT_BEGINNINGS or _BEGINNING.fullmatch(text) is not None


def _background(color: str) -> str | None:
    """Whether a color, such as ``rgb:ffff/ffff/ffff``, is ``dark`` or ``light``; None if it is not a color."""
    found = _COLOR.fullmatch(color)
    if found is None:
        return None
    parts = (int(each, 16) / (16 ** len(each) - 1) for each in found.groups())
    return "light" if sum(part * weight for part, weight in zip(parts, _BRIGHTNESS, strict=True)) > 0.5 else "dark"


def ask(input: Vt100Input, output: Output, learned: Callable[[str], None]) -> ReplyFilter:
    """Ask the terminal, and wait for a moment; returns the filter that `input` has from now on."""
    replies = ReplyFilter(input.vt100_parser, learned)
    # It has the methods of a parser that inputs use.
    input.vt100_parser = replies  # type: ignore[assignment]
    with input.raw_mode():
        output.write_raw(QUERY)
        output.flush()
        _wait(input, replies)
    return replies


def wait_for_replies(input: Input, replies: ReplyFilter) -> None:
    """Wait for a moment for replies that have not arrived yet, so that no other program receives them."""
    with input.raw_mode():
        _wait(input, replies)


def _wait(input: Input, replies: ReplyFilter) -> None:
    """Read until the last reply. The keys that are read are for the next prompt."""
    end = time.monotonic() + _TIMEOUT
    # A terminal that is gone is readable, too.
    while not replies.is_ended and not input.closed and (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([input.fileno()], [], [], left)
        if readable:
            store_typeahead(input, input.read_keys())
    if not replies.is_ended:
        store_typeahead(input, input.flush_keys())
