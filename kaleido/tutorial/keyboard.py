"""Reads keys: one at a time from a terminal, or by the line from a dumb one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from kaleido.jit import discard_pending, interruptibly
from kaleido.tutorial.key_choices import Choice, Key, key_line

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.output import Output

    from kaleido.repl.display.console import Console

# Windows has no termios.
with suppress(ImportError):
    import termios

__all__ = ["Keyboard", "LineKeyboard", "TerminalKeyboard", "terminal_mode"]

_ALIASES = {"c-m": Key.MORE, "c-j": Key.MORE, "space": Key.MORE, "down": Key.MORE, "pagedown": Key.MORE}
_ALIASES |= {"up": Key.UP, "pageup": Key.UP, "h": Key.HELP, "c-d": Key.QUIT}

_REMINDER = "q quits"


@contextmanager
def terminal_mode(*, by_line: bool) -> Iterator[None]:
    """In this block, the terminal passes on input by the line with echo, or each key at once without echo.

    Without echo, keys that are pressed while no key is awaited do not appear in the output. Without a terminal, this
    does nothing.
    """
    try:
        before = termios.tcgetattr(0)
    except (NameError, termios.error):
        yield
        return
    flags = termios.ECHO | termios.ICANON
    changed = [*before[:3], before[3] | flags if by_line else before[3] & ~flags, *before[4:]]
    termios.tcsetattr(0, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


class Keyboard(Protocol):
    """A source of keys and of answers to questions."""

    def key(self, choices: Sequence[Choice]) -> Key:
        """Show `choices` and wait for one of their keys. The end of input is QUIT."""

    def line(self, question: str) -> str:
        """The line that answers a question. Raises EOFError at the end of input and at Ctrl-C."""


class TerminalKeyboard:
    """The keys of a terminal. The available keys are shown in a line that is erased when one is pressed."""

    def __init__(self, *, input: Input | None = None, output: Output | None = None) -> None:
        self._input, self._output = input, output

    def key(self, choices: Sequence[Choice]) -> Key:
        try:
            return self._application(choices).run()
        except EOFError:
            return Key.QUIT
        finally:
            # Ctrl-C has been handled as a key.
            discard_pending()

    def _application(self, choices: Sequence[Choice]) -> Application[Key]:
        from prompt_toolkit.application import Application
        from prompt_toolkit.formatted_text import StyleAndTextTuples
        from prompt_toolkit.layout import FormattedTextControl, Layout, Window
        from prompt_toolkit.output import ColorDepth

        reminders: list[str] = []

        def shown() -> StyleAndTextTuples:
            columns = application.output.get_size().columns
            return [("reverse", reminders[-1] if reminders else key_line(choices, columns - 1))]

        application: Application[Key] = Application(
            layout=Layout(Window(FormattedTextControl(shown, show_cursor=False), height=1)),
            key_bindings=_bindings(choices, lambda: reminders.append(_REMINDER)),
            color_depth=ColorDepth.DEPTH_1_BIT,
            erase_when_done=True,
            input=self._input,
            output=self._output,
        )
        return application

    def line(self, question: str) -> str:
        from prompt_toolkit import PromptSession

        try:
            session: PromptSession[str] = PromptSession(input=self._input, output=self._output)
            return session.prompt(question)
        except KeyboardInterrupt:
            raise EOFError from None
        finally:
            discard_pending()


def _bindings(choices: Sequence[Choice], remind: Callable[[], None]) -> KeyBindings:
    """Each key ends the wait, except Ctrl-C, which may have been meant for a block that had just ended."""
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    bindings = KeyBindings()

    def bind(name: str, key: Key) -> None:
        @bindings.add(name)
        def _(event: KeyPressEvent) -> None:
            # A second key may arrive before the application has exited.
            if not event.app.is_done:
                event.app.exit(result=key)

    keys = {choice.key for choice in choices}
    names = {**{key.value: key for key in Key if key is not Key.MORE}, **_ALIASES}
    for name, key in names.items():
        if key in keys:
            bind(name, key)

    @bindings.add("c-c")
    def _(event: KeyPressEvent) -> None:
        remind()

    @bindings.add("c-z")
    def _(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    return bindings


class LineKeyboard:
    """Keys from lines: the first character of each line is the key. An empty line is the key Enter."""

    def __init__(self, console: Console, lines: Iterable[bytes]) -> None:
        self._console, self._lines = console, iter(lines)

    def key(self, choices: Sequence[Choice]) -> Key:
        keys = {choice.key.value: choice.key for choice in choices}
        while True:
            try:
                answer = self.line(f"[{key_line(choices, self._console.columns - 3)}] ").strip().lower()
            except EOFError:
                return Key.QUIT
            except KeyboardInterrupt:
                self._console.write_error(f"\n{_REMINDER}")
                continue
            found = keys.get(answer[:1] or Key.MORE.value)
            if found is not None:
                return found

    def line(self, question: str) -> str:
        self._console.ask(question)
        line = interruptibly(lambda: next(self._lines, b""))
        if not line:
            raise EOFError
        return line.decode("utf-8", errors="replace")
