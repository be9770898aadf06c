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

ENTER, ALT_ENTER, TAB, UP, LEFT = "\r", "\x1b\r", "\t", "\x1b[A", "\x1b[D"
CTRL_C, CTRL_D = "\x03", "\x04"


@dataclass(frozen=True)
class Outcome:
    """What a REPL did with what was typed. `errors` is without the banner."""

    code: int
    output: str
    errors: str


TypeKeys = Callable[..., Outcome]


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
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


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
