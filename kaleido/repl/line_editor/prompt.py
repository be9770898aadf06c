"""The reader for terminals, on prompt_toolkit: the prompt, the notices above it and the toolbar below it."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession, print_formatted_text
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory, ConditionalAutoSuggest
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.layout.processors import (
    AfterInput,
    ConditionalProcessor,
    HighlightMatchingBracketProcessor,
    TabsProcessor,
)
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import DynamicStyle

from kaleido.diagnostics import counted
from kaleido.jit import discard_pending
from kaleido.repl.entries import CONTINUATION, numbered_prompt
from kaleido.repl.line_editor.completion import EntryCompleter
from kaleido.repl.line_editor.history import MemoryHistory, open_history
from kaleido.repl.line_editor.key_bindings import key_bindings
from kaleido.repl.line_editor.notices import Notices
from kaleido.repl.line_editor.prompt_styles import EntryLexer, styles, with_tiers
from kaleido.repl.line_editor.signatures import open_call
from kaleido.repl.line_editor.status import Status
from kaleido.repl.line_editor.terminal_background import ReplyFilter, ask, wait_for_replies
from kaleido.repl.state import State
from kaleido.report.tier_marks import has_256_colors
from kaleido.terminal.text import width

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

__all__ = ["Prompt"]

# Seconds from the first new notice until all are shown: they come in bursts, and the prompt is redrawn once.
_NOTICE_DELAY = 0.05
_PRELOAD_DELAY = 0.02

_VI_MODES = {
    InputMode.INSERT: "insert",
    InputMode.INSERT_MULTIPLE: "insert",
    InputMode.NAVIGATION: "normal",
    InputMode.REPLACE: "replace",
    InputMode.REPLACE_SINGLE: "replace",
}
"""The modes of vi as the toolbar names them."""

# Rows for the menu of completions, and rows of a small window that it leaves to the input and the toolbar.
_MENU_ROWS, _OTHER_ROWS = 8, 3


class Prompt:
    """Reads entries at a prompt. Close it to unsubscribe from the events of the session."""

    def __init__(
        self,
        state: State,
        *,
        save_history: bool = True,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._state, session = state, state.session
        self._status = Status(session, changed=self._invalidate)
        self._notices = Notices(session, changed=self._notify)
        state.drop_notice = self._notices.drop
        # The event loop in which showing notices is scheduled.
        self._scheduled_in: AbstractEventLoop | None = None
        # The unread entries of a pasted transcript.
        self._pasted: deque[str] = deque()
        # Given explicitly: prompt_toolkit alone would obey NO_COLOR and ignore --color.
        self._depth = _color_depth(colored=state.console.colored)
        self._style = DynamicStyle(lambda: styles(state.console.theme))
        self._prompt: PromptSession[str] = PromptSession(
            lambda: [("class:prompt", self._numbered())],
            multiline=True,
            prompt_continuation=_continuation,
            key_bindings=key_bindings(lambda: session.operators, self._pasted.extend),
            history=open_history() if save_history else MemoryHistory(),
            enable_history_search=True,
            auto_suggest=ConditionalAutoSuggest(
                AutoSuggestFromHistory(), Condition(lambda: state.settings.on("suggestions"))
            ),
            completer=EntryCompleter(state),
            complete_while_typing=False,
            lexer=EntryLexer(),
            style=self._style,
            include_default_pygments_style=False,
            input_processors=[
                HighlightMatchingBracketProcessor(chars="()"),
                TabsProcessor(tabstop=4, char1=" ", char2=" "),
                ConditionalProcessor(AfterInput("^C"), Condition(self._is_dropped)),
            ],
            color_depth=self._depth,
            enable_suspend=True,
            enable_open_in_editor=True,
            tempfile_suffix=".kal",
            input=input,
            output=output,
        )
        self._prompt.app.before_render += lambda _: self._fit_menu()
        state.console.erase_prompt, state.console.redraw_prompt = self._erase, self._invalidate
        self._replies = self._ask_background() if input is None and output is None else None

    def read(self) -> str:
        """Return the next entry that is not blank. Raises EOFError at Ctrl-D on an empty line."""
        interrupts = 0
        while True:
            self._go_to_line_start()
            self._show_notices()
            if self._pasted:
                return self._next_pasted()
            self._apply_settings()
            try:
                # `pre_run` is called when the prompt is there.
                text = self._prompt.prompt(pre_run=self._prompt_is_there)
            except KeyboardInterrupt:
                interrupts = 0 if self._prompt.default_buffer.text else interrupts + 1
                if interrupts == 2:
                    self._state.console.write_message("Ctrl-D leaves")
                    interrupts = 0
                continue
            finally:
                # The prompt reads Ctrl-C as a key. As a signal, just before or after that, it has nothing to interrupt.
                discard_pending()
            interrupts = 0
            if text.strip():
                return text

    def discard(self) -> None:
        """Drop the rest of a pasted transcript, after the user stopped one of its entries."""
        self._pasted.clear()

    def close(self) -> None:
        if self._replies is not None and not self._replies.is_ended:
            wait_for_replies(self._prompt.input, self._replies)
        self._state.console.erase_prompt = self._state.console.redraw_prompt = lambda: None
        self._status.close()
        self._notices.close()

    def _ask_background(self) -> ReplyFilter | None:
        """Ask the terminal for its background, if colors are shown; the reply sets the theme ``auto``."""
        input = self._prompt.input
        if not self._state.console.colored or not isinstance(input, Vt100Input) or not input.stdin.isatty():
            return None
        return ask(input, self._prompt.output, self._set_background)

    def _set_background(self, background: str) -> None:
        self._state.console.background = background
        self._invalidate()

    def _apply_settings(self) -> None:
        settings = self._state.settings
        self._prompt.editing_mode = EditingMode.VI if settings.on("vi") else EditingMode.EMACS
        self._prompt.bottom_toolbar = self._toolbar if settings.on("toolbar") else None

    def _is_dropped(self) -> bool:
        """Whether the entry is drawn for the last time, after Ctrl-C."""
        app = self._prompt.app
        return app.is_done and app.exit_style == "class:aborting" and bool(self._prompt.default_buffer.text)

    def _fit_menu(self) -> None:
        """Leave lines for the menu of completions, but no more than a small window has beside input and toolbar."""
        rows = self._prompt.output.get_size().rows
        self._prompt.reserve_space_for_menu = max(0, min(_MENU_ROWS, rows - _OTHER_ROWS))

    def _next_pasted(self) -> str:
        """Take the next entry of a pasted transcript, and show it as if it had been typed."""
        text = self._pasted.popleft()
        self._prompt.history.append_string(text)
        lines, prompt = EntryLexer().lex_document(Document(text)), self._numbered()
        for number in range(text.count("\n") + 1):
            lead = [("class:prompt", prompt)] if not number else _continuation(len(prompt), number, 0)
            self._print([*lead, *lines(number)])
        return text

    def _numbered(self) -> str:
        return numbered_prompt(self._state.entry_count + 1)

    def _go_to_line_start(self) -> None:
        """Move the cursor to the beginning of a line: a program may have left it in the middle of one.

        The position of the cursor is unknown. So a mark is written, and blanks up to the width of the terminal. From
        the middle of a line they wrap to the next line. From the beginning of a line they end on the same line, and
        the mark is erased.
        """
        output = self._prompt.output
        output.write_raw("\x1b[7m%\x1b[0m" + " " * (output.get_size().columns - 1) + "\r\x1b[K")
        output.flush()

    def _print(self, fragments: StyleAndTextTuples) -> None:
        print_formatted_text(
            FormattedText(fragments), style=self._style, output=self._prompt.output, color_depth=self._depth
        )

    # Callbacks for events, which arrive on any thread. Before the prompt is there, and after it has ended, its event
    # loop is missing or closed: then these raise RuntimeError or AttributeError, and there is nothing to redraw.

    def _erase(self) -> None:
        if self._prompt.app.is_running:
            self._prompt.app.renderer.erase()

    def _invalidate(self) -> None:
        with suppress(RuntimeError, AttributeError):
            self._prompt.app.invalidate()

    def _notify(self) -> None:
        with suppress(RuntimeError, AttributeError):
            loop = self._prompt.app.loop
            if loop is not None:
                loop.call_soon_threadsafe(self._schedule_notices)

    def _prompt_is_there(self) -> None:
        # Notices have come since the last call of `_show_notices`.
        self._schedule_notices()
        loop = self._prompt.app.loop
        if loop is not None:
            # While the user thinks or types, and after the prompt has been drawn.
            loop.call_later(_PRELOAD_DELAY, self._state.session.engine.preload)

    def _schedule_notices(self) -> None:
        loop = self._prompt.app.loop
        # Each prompt has its own event loop, and a call scheduled in an earlier loop was never made.
        if loop is not None and self._scheduled_in is not loop:
            self._scheduled_in = loop
            loop.call_later(_NOTICE_DELAY, self._show_scheduled_notices)

    def _show_scheduled_notices(self) -> None:
        self._scheduled_in = None
        self._show_notices()

    def _show_notices(self) -> None:
        """Print new notices. prompt_toolkit prints them above a prompt that is there, and redraws that."""
        lines = self._notices.take()
        # All in one call, so that the prompt is redrawn once.
        if lines and self._state.settings.on("notices"):
            self._print(with_tiers("\n".join(lines), "class:notice"))

    # The toolbar

    def _toolbar(self) -> StyleAndTextTuples:
        """The signature of the call that the cursor is in, and the status where there is room for both."""
        signature = self._signature()
        used = sum(width(each[1]) for each in signature)
        status = f" {self._status.text()} "
        if self._prompt.editing_mode is EditingMode.VI:
            status = f" {_VI_MODES[self._prompt.app.vi_state.input_mode]} ·{status}"
        if signature and used + width(status) > self._state.console.columns:
            return signature
        return [*signature, *with_tiers(status, "class:bottom-toolbar.text")]

    def _signature(self) -> StyleAndTextTuples:
        call = open_call(self._prompt.default_buffer.document.text_before_cursor)
        if call is None:
            return []
        try:
            parameters = self._state.session[call.name].parameters
        except KeyError:
            return []
        fragments: StyleAndTextTuples = [("class:signature", f" {call.name}(")]
        for index, parameter in enumerate(parameters):
            style = "class:signature.parameter" if index == call.argument else "class:signature"
            fragments += [("class:signature", " " if index else ""), (style, parameter)]
        fragments.append(("class:signature", ") "))
        if call.argument >= max(1, len(parameters)):
            fragments.append(("class:signature.error", f"takes {counted(len(parameters), 'argument')} "))
        return fragments


def _color_depth(*, colored: bool) -> ColorDepth:
    """Two colors are not among the first sixteen: those of the tiers."""
    if not colored:
        return ColorDepth.DEPTH_1_BIT
    return ColorDepth.DEPTH_8_BIT if has_256_colors() else ColorDepth.DEPTH_4_BIT


def _continuation(columns: int, line: int, wraps: int) -> StyleAndTextTuples:
    """The prompt of a further line of an entry, `columns` wide; blanks for the rest of a line that is wrapped."""
    return [("class:prompt.continuation", " " * columns if wraps else CONTINUATION.rjust(columns))]
