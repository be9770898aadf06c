"""A REPL that is typed at: keys in, what it printed out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from kaleido import Session
from kaleido.repl import Repl
from kaleido.repl.console import Console, Size
from kaleido.repl.settings import Settings

ENTER, ALT_ENTER, TAB, UP, LEFT = "\r", "\x1b\r", "\t", "\x1b[A", "\x1b[D"
CTRL_C, CTRL_D = "\x03", "\x04"


@dataclass(frozen=True)
class Outcome:
    """What a REPL did with what was typed. `errors` is without the banner."""

    code: int
    output: str
    errors: str


TypeKeys = Callable[..., Outcome]


class Run:
    """A REPL that is given lines, on a terminal of so many columns that shows no colours."""

    def __init__(self, session: Session, capfd: pytest.CaptureFixture[str]) -> None:
        self._session, self._capfd = session, capfd
        self.columns, self.rows = 80, 24
        self.interactive = self.coloured = False

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
            coloured=self.coloured,
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
