"""Ctrl-C while Kaleido works in Python: whatever it is at, the session is as it was, or as it was to become.

A trace function presses Ctrl-C at the n-th line of Kaleido's own that is executed, for many n. The same for a signal
with a handler that raises an exception.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import kaleido
from kaleido import Session
from tests.scaling import definitions

PACKAGE = str(Path(kaleido.__file__).parent)

# What is at work: a definition that is in use is redefined, called, tiered up and removed from its callers again.
PROGRAM = """
def square(x) x * x
def sum(n) var s in (for i = 1, i < n in s = s + square(i)) : s
sum(5)
def binary <> 9 (a b) a < b | a > b
sum(3) <> 2
extern exp(x)
exp(0)
"""


class Alarm(Exception):
    """Raised by the handler of SIGALRM."""


@pytest.fixture
def alarm() -> Iterator[None]:
    def strike(number: int, frame: FrameType | None) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, strike)
    yield
    assert signal.signal(signal.SIGALRM, before) is strike


class Press:
    """Presses Ctrl-C when the line number `at` (from 1) of Kaleido's begins. `lines` is how many there were.

    `number` is another signal to raise.
    """

    def __init__(self, at: int, number: int = signal.SIGINT) -> None:
        self._at, self._number, self.lines = at, number, 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._at:
                signal.raise_signal(self._number)
        return self

    def run(self, session: Session, text: str) -> bool:
        """Run a text under this; whether it was interrupted."""
        before = sys.gettrace()
        sys.settrace(self)
        try:
            session.run(text)
        except (KeyboardInterrupt, Alarm):
            return True
        finally:
            sys.settrace(before)
        return False


def fresh(jit: str) -> Session:
    session = Session(jit=jit, threshold=2)
    session.run("def square(x) x  def sum(n) square(n)  sum(4)")
    return session


@pytest.mark.parametrize(("jit", "number"), [("sync", signal.SIGINT), ("O3", signal.SIGINT), ("sync", signal.SIGALRM)])
@pytest.mark.usefixtures("alarm")
def test_ctrl_c_or_an_alarm_at_any_line(jit: str, number: int) -> None:
    with fresh(jit) as session:
        whole = Press(0)
        assert not whole.run(session, PROGRAM)
    interrupted = 0
    for at in range(1, whole.lines, max(1, whole.lines // 60)):
        with fresh(jit) as session:
            interrupted += Press(at, number).run(session, PROGRAM)
            # Nothing is left of what was under way, and everything goes on.
            assert not [each.name for each in session.stats() if each.name.startswith("top")]
            assert session.run(PROGRAM + "sum(4)") == 30.0
            assert session.run("def square(x) x + 1 sum(4)") == 14.0
            assert session.engine.memory().calls == 0
    assert interrupted > 30
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_in_a_long_text() -> None:
    text = definitions(600)
    with fresh("O0") as session:
        whole = Press(0)
        assert not whole.run(session, text)
    # Not the last lines: another run may have a few less.
    for at in range(1, whole.lines * 9 // 10, whole.lines // 12):
        with fresh("O0") as session:
            assert Press(at).run(session, text)
            assert gc.isenabled()
            assert len(session.functions()) in (2, 602)
            assert session.run("sum(4)") == 4.0


def test_ctrl_c_while_a_session_begins_and_ends() -> None:
    def live() -> None:
        with Session(jit="sync") as session:
            session.run("1 + 2")

    def under(press: Press) -> bool:
        sys.settrace(press)
        try:
            live()
        except KeyboardInterrupt:
            return True
        finally:
            sys.settrace(None)
        return False

    # Of sessions that other tests have left open.
    others = threading.enumerate()
    # Some lines run once in a process.
    live()
    whole = Press(0)
    assert not under(whole)
    interrupted = sum(under(Press(at)) for at in range(1, whole.lines, whole.lines // 40))
    assert interrupted > 30
    live()
    # What was begun and not finished is closed by the garbage collector, on threads of its own.
    gc.collect()
    for thread in threading.enumerate():
        if thread.name.startswith("kaleido-") and thread not in others:
            thread.join(60)
            assert not thread.is_alive(), thread.name
