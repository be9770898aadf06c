"""The reader for terminals, on prompt_toolkit."""

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
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.layout.processors import HighlightMatchingBracketProcessor
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import DynamicStyle

from kaleido.jit import discard_pending
from kaleido.repl.completion import EntryCompleter
from kaleido.repl.entries import CONTINUATION, PROMPT
from kaleido.repl.history import open_history
from kaleido.repl.key_bindings import key_bindings
from kaleido.repl.notices import Notices
from kaleido.repl.prompt_styles import EntryLexer, styles
from kaleido.repl.signatures import calling
from kaleido.repl.state import State
from kaleido.repl.status import Status
from kaleido.terminal.text import width

if TYPE_CHECKING:
    from prompt_toolkit.input import Input
    from prompt_toolkit.output import Output

__all__ = ["Prompt"]

# Seconds for which news is gathered, so that the prompt is not drawn again for each of many.
_GATHER = 0.05


class Prompt:
    """Reads entries at a prompt. Close it to stop following the session."""

    def __init__(
        self,
        state: State,
        *,
        remember: bool = True,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self._state, session = state, state.session
        self._status = Status(session, changed=self._invalidate)
        self._notices = Notices(session, changed=self._notify)
        self._announcing_in: AbstractEventLoop | None = None
        # The entries of a pasted transcript that have not been read yet.
        self._queue: deque[str] = deque()
        # Ours to say: prompt_toolkit would ask NO_COLOR, whatever --color says. The themes have sixteen colors.
        self._depth = ColorDepth.DEPTH_4_BIT if state.console.colored else ColorDepth.DEPTH_1_BIT
        self._style = DynamicStyle(lambda: styles(state.settings["theme"]))
        self._prompt: PromptSession[str] = PromptSession(
            [("class:prompt", PROMPT)],
            multiline=True,
            prompt_continuation=_continuation,
            key_bindings=key_bindings(lambda: session.operators, self._queue.extend),
            history=open_history() if remember else InMemoryHistory(),
            enable_history_search=True,
            auto_suggest=ConditionalAutoSuggest(
                AutoSuggestFromHistory(), Condition(lambda: state.settings.on("suggestions"))
            ),
            completer=EntryCompleter(state),
            complete_while_typing=False,
            lexer=EntryLexer(),
            style=self._style,
            include_default_pygments_style=False,
            input_processors=[HighlightMatchingBracketProcessor(chars="()")],
            color_depth=self._depth,
            enable_suspend=True,
            input=input,
            output=output,
        )

    def read(self) -> str:
        """The next entry that is not blank. Raises EOFError at Ctrl-D on an empty line."""
        interrupts = 0
        while True:
            self._begin_line()
            self._announce()
            if self._queue:
                return self._next_of_transcript()
            self._apply_settings()
            try:
                # What has come since then is not lost: it is looked for once when the prompt is there.
                text = self._prompt.prompt(pre_run=self._gather)
            except KeyboardInterrupt:
                interrupts = 0 if self._prompt.default_buffer.text else interrupts + 1
                if interrupts == 2:
                    self._state.console.write_error("Ctrl-D leaves")
                    interrupts = 0
                continue
            finally:
                # While it reads, the prompt takes Ctrl-C for a key. Before and after, there is nothing to interrupt.
                discard_pending()
            interrupts = 0
            if text.strip():
                return text

    def discard(self) -> None:
        """Forget what else was pasted: what came before it has been stopped."""
        self._queue.clear()

    def close(self) -> None:
        self._status.close()
        self._notices.close()

    def _apply_settings(self) -> None:
        settings = self._state.settings
        self._prompt.editing_mode = EditingMode.VI if settings.on("vi") else EditingMode.EMACS
        self._prompt.bottom_toolbar = self._toolbar if settings.on("toolbar") else None

    def _next_of_transcript(self) -> str:
        """The next entry of a transcript, shown as if it had been typed."""
        text = self._queue.popleft()
        self._prompt.history.append_string(text)
        lines = EntryLexer().lex_document(Document(text))
        for number in range(text.count("\n") + 1):
            lead = ("class:prompt", PROMPT) if not number else ("class:prompt.continuation", CONTINUATION)
            self._print([lead, *lines(number)])
        return text

    def _begin_line(self) -> None:
        """Go to the beginning of a line: a program may have left the cursor in the middle of one.

        Nobody knows where the cursor is. So a mark is written, and spaces up to the width of the terminal.
        From the middle of a line they end on the next one; from its beginning, on the same one, where the
        mark is then erased.
        """
        output = self._prompt.output
        output.write_raw("\x1b[7m%\x1b[0m" + " " * (output.get_size().columns - 1) + "\r\x1b[K")
        output.flush()

    def _print(self, fragments: StyleAndTextTuples) -> None:
        print_formatted_text(
            FormattedText(fragments), style=self._style, output=self._prompt.output, color_depth=self._depth
        )

    # News, which comes from any thread: the prompt may not be there yet, or end at any point of this with its loop.

    def _invalidate(self) -> None:
        with suppress(RuntimeError, AttributeError):
            self._prompt.app.invalidate()

    def _notify(self) -> None:
        with suppress(RuntimeError, AttributeError):
            loop = self._prompt.app.loop
            if loop is not None:
                loop.call_soon_threadsafe(self._gather)

    def _gather(self) -> None:
        loop = self._prompt.app.loop
        # Each prompt has a loop of its own, and what was to be done in an earlier one was not.
        if loop is not None and self._announcing_in is not loop:
            self._announcing_in = loop
            loop.call_later(_GATHER, self._announce_above)

    def _announce_above(self) -> None:
        """Show notices above the prompt, and the prompt with what is typed again below them."""
        self._announcing_in = None
        self._announce()

    def _announce(self) -> None:
        # All in one: while a prompt is there, it is taken away for them and drawn again.
        lines = self._news()
        if lines:
            self._print([("class:notice", "\n".join(lines))])

    def _news(self) -> list[str]:
        lines = self._notices.take()
        return lines if self._state.settings.on("notices") else []

    # The toolbar

    def _toolbar(self) -> StyleAndTextTuples:
        """What is being called where the cursor is, and the tiers, as far as there is room."""
        signature = self._signature()
        used = sum(width(each[1]) for each in signature)
        status = f" {self._status.text()} "
        if signature and used + width(status) > self._state.console.columns:
            return signature
        return [*signature, ("class:bottom-toolbar.text", status)]

    def _signature(self) -> StyleAndTextTuples:
        call = calling(self._prompt.default_buffer.document.text_before_cursor)
        if call is None:
            return []
        try:
            parameters = self._state.session[call.name].parameters
        except KeyError:
            return []
        fragments: StyleAndTextTuples = [("class:signature", f" {call.name}(")]
        for index, parameter in enumerate(parameters):
            style = "class:signature.parameter" if index == call.argument else "class:signature"
            fragments += [("class:signature", ", " if index else ""), (style, parameter)]
        return [*fragments, ("class:signature", ") ")]


def _continuation(columns: int, line: int, wraps: int) -> StyleAndTextTuples:
    """What stands before a line of an entry that is not its first; nothing before the rest of a long line."""
    return [("class:prompt.continuation", " " * columns if wraps else CONTINUATION)]
