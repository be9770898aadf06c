"""A REPL that is typed at: keys in, what it printed out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from prompt_toolkit import data_structures
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.output.vt100 import Vt100_Output

from kaleido import Session
from kaleido.repl import Repl
from kaleido.repl.display.console import Console, Size
from kaleido.repl.settings import Settings

ENTER, ALT_ENTER, TAB, UP, LEFT = "\r", "\x1b\r", "\t", "\x1b[A", "\x1b[D"
CTRL_C, CTRL_D = "\x03", "\x04"
NEW_PROMPT = "%" + " " * 20
"""What is written once for a prompt, before anything else. (The prompt itself is drawn again when Enter is pressed.)"""
ESCAPE, DOWN, RIGHT, HOME, END = "\x1b", "\x1b[B", "\x1b[C", "\x1b[H", "\x1b[F"
CTRL_A, CTRL_R = "\x01", "\x12"


def pasted(text: str) -> str:
    """What a terminal sends when a text is pasted."""
    return f"\x1b[200~{text}\x1b[201~"


@dataclass(frozen=True)
class Outcome:
    """What a REPL did with what was typed. `errors` is without the banner."""

    code: int
    output: str
    errors: str


TypeKeys = Callable[..., Outcome]


class Run:
    """A REPL that is given lines, on a terminal of so many columns that shows no colors."""

    def __init__(self, session: Session, capfd: pytest.CaptureFixture[str]) -> None:
        self._session, self._capfd = session, capfd
        self.columns, self.rows = 80, 24
        self.interactive = self.colored = False

    def __call__(self, *entries: str | Callable[[], object]) -> list[str]:
        """What each entry printed, standard output first. What is no text is called when it is its turn."""
        printed: list[str] = []

        def lines() -> Iterator[bytes]:
            for entry in entries:
                if callable(entry):
                    entry()
                    continue
                self._capfd.readouterr()
                yield (entry + "\n").encode("utf-8", "surrogateescape")
                # The REPL has come back for more: the entry has run.
                printed.append("".join(self._capfd.readouterr()))

        console = Console(
            Settings(),
            interactive=self.interactive,
            colored=self.colored,
            size=lambda: Size(self.columns, self.rows),
        )
        Repl(self._session, lines=lines(), console=console).run()
        return printed

    def last(self, *entries: str | Callable[[], object]) -> str:
        """What the last of the entries printed."""
        return self(*entries)[-1]


class Typist(DummyOutput):
    """A screen that nobody sees, with somebody who types: the next of `keys` at each prompt, at last Ctrl-D.

    So each prompt has drawn itself, and loaded its history, before it is typed at.
    """

    def __init__(self, keyboard: PipeInput, keys: tuple[str, ...]) -> None:
        self._keyboard = keyboard
        self._keys = iter(keys)

    def write_raw(self, data: str) -> None:
        # Written once for a prompt, before anything else.
        self._keyboard.send_bytes(next(self._keys, CTRL_D).encode("utf-8", "surrogateescape"))


@pytest.fixture(autouse=True)
def _no_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(jit="sync") as session:
        yield session


@pytest.fixture
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the history's folder is in; there is no init.kal, and nobody else's settings."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORFGBG", "PAGER", "EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def run(state_home: Path, session: Session, capfd: pytest.CaptureFixture[str]) -> Run:
    """Gives lines to a REPL."""
    return Run(session, capfd)


@pytest.fixture
def type_keys(state_home: Path, session: Session, capfd: pytest.CaptureFixture[str]) -> TypeKeys:
    """Types each argument at a prompt of its own, with Enter; then Ctrl-D."""

    def type_keys(*keys: str, **options: Any) -> Outcome:
        with create_pipe_input() as keyboard:
            # The end of the input ends a prompt that waits for more than is typed.
            too_long = Timer(60, keyboard.close)
            too_long.start()
            try:
                typist = Typist(keyboard, tuple(each + ENTER for each in keys))
                code = Repl(session, input=keyboard, output=typist, **options).run()
            finally:
                too_long.cancel()
        output, errors = capfd.readouterr()
        banner, _, errors = errors.partition("\n")
        assert "`:help`" in banner
        return Outcome(code, output, errors)

    return type_keys


Step = tuple[str, str | Callable[[], object]]

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_WHERE, _AT_THE_TOP = "\x1b[6n", "\x1b[1;1R"


class Screen(StringIO):
    """A terminal, with somebody at it who waits for a text to appear before each thing they do.

    They type, or do what is to be called. `plain` is what was written so far, without escape sequences: a text that is
    drawn in pieces is in it whole, if nothing else was drawn meanwhile."""

    def __init__(self, keyboard: PipeInput, steps: tuple[Step, ...]) -> None:
        super().__init__()
        self._keyboard, self._steps = keyboard, iter(steps)
        self._next = next(self._steps, None)
        self._seen, self._is_there = 0, True
        self.plain = ""

    def write(self, text: str) -> int:
        # A terminal is asked where the cursor is: the toolbar is drawn when it has answered.
        if self._is_there:
            self._keyboard.send_text(_AT_THE_TOP * text.count(_WHERE))
        self.plain += _ESCAPE_SEQUENCE.sub("", text)
        written = super().write(text)
        while self._next is not None and (found := self.plain.find(self._next[0], self._seen)) >= 0:
            self._seen = found + len(self._next[0])
            act = self._next[1]
            self._next = next(self._steps, None)
            act() if callable(act) else self._keyboard.send_text(act)
        return written

    def isatty(self) -> bool:
        return True

    def hang_up(self) -> None:
        self._is_there = False
        self._keyboard.close()

    def check_done(self) -> None:
        assert self._next is None, f"never shown: {self._next[0]!r} in {self.plain[self._seen :]!r}"


SitAt = Callable[..., Screen]


@pytest.fixture
def sit_at(state_home: Path, session: Session) -> SitAt:
    """Does steps, each when its text has appeared; gives the screen. The last of them should leave the REPL."""

    def sit_at(*steps: Step, columns: int = 80, **options: Any) -> Screen:
        with create_pipe_input() as keyboard:
            screen = Screen(keyboard, steps)
            # The end of the input ends a prompt at which nobody types any more.
            too_long = Timer(60, screen.hang_up)
            too_long.start()
            try:
                output = Vt100_Output(screen, lambda: data_structures.Size(rows=24, columns=columns))
                Repl(session, input=keyboard, output=output, **options).run()
            finally:
                too_long.cancel()
        screen.check_done()
        return screen

    return sit_at
