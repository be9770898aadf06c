"""Deferring Ctrl-C and other signals in Python code: where they take effect, and where they wait."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from kaleido.jit.process import interrupts
from kaleido.jit.process.interrupts import (
    discard_pending,
    interruptibly,
    raise_pending,
    signals_deferred,
    uninterrupted,
)
from tests.jit.helpers import Running


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_deferred_to_the_end_of_the_outermost_block() -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            with uninterrupted():
                press()
                done.append("inner")
            done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_takes_effect_at_once_in_a_window() -> None:
    done = []
    with uninterrupted():
        with pytest.raises(KeyboardInterrupt):
            interruptibly(press)
        press()
        with pytest.raises(KeyboardInterrupt):
            interruptibly(lambda: done.append("not reached"))
        press()
        discard_pending()
    assert done == []


def test_a_deferred_ctrl_c_is_raised_where_nothing_has_changed_yet() -> None:
    with uninterrupted():
        raise_pending()
        press()
        with pytest.raises(KeyboardInterrupt):
            raise_pending()
        raise_pending()


def test_a_second_ctrl_c_at_the_end_of_a_window_is_deferred(monkeypatch: pytest.MonkeyPatch) -> None:
    look = interrupts._get_handler
    pressed: list[int] = []

    def press_once(number: int) -> object:
        if not pressed:
            pressed.append(number)
            press()
        return look(number)

    def window() -> None:
        monkeypatch.setattr(interrupts, "_get_handler", press_once)

    with uninterrupted():
        with pytest.raises(KeyboardInterrupt):
            interruptibly(window)
        press()
        discard_pending()


def test_another_signal_s_exception_leaves_ctrl_c_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    install = interrupts._set_handler

    def late(number: int, handler: Any) -> Any:
        before = install(number, handler)
        monkeypatch.setattr(interrupts, "_set_handler", install)
        raise TimeoutError if before else AssertionError

    monkeypatch.setattr(interrupts, "_set_handler", late)
    with pytest.raises(TimeoutError), uninterrupted():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            press()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_do_not_touch_the_handler() -> None:
    def enter() -> object:
        with uninterrupted():
            return signal.getsignal(signal.SIGINT)

    assert Running(enter).result() is signal.getsignal(signal.SIGINT)


# Other signals


@pytest.fixture
def user_signals() -> Iterator[list[int]]:
    """Handlers of SIGUSR1 and SIGUSR2, which raise ValueError; the numbers of the signals they were called for."""
    called: list[int] = []

    def handler(number: int, frame: object) -> None:
        called.append(number)
        raise ValueError(number)

    before = {number: signal.signal(number, handler) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    yield called
    for number, previous in before.items():
        assert signal.signal(number, previous) is handler


def test_every_deferred_signal_is_delivered_once(user_signals: list[int]) -> None:
    def work() -> None:
        with uninterrupted(), signals_deferred():
            for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGUSR2, signal.SIGUSR1):
                signal.raise_signal(number)
            assert user_signals == []

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    # The inner block ends first; Ctrl-C belongs to the outer one.
    assert isinstance(caught.value.__context__, ValueError)
    assert user_signals == [signal.SIGUSR1, signal.SIGUSR2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_only_ctrl_c_is_deferred_where_a_block_is_for_ctrl_c(user_signals: list[int]) -> None:
    with uninterrupted():
        with pytest.raises(ValueError, match="10"):
            signal.raise_signal(signal.SIGUSR1)
        press()
        discard_pending()


def test_other_signals_take_effect_in_a_window_and_where_nothing_has_changed_yet(user_signals: list[int]) -> None:
    with signals_deferred():
        with pytest.raises(ValueError, match="10"):
            interruptibly(lambda: signal.raise_signal(signal.SIGUSR1))
        signal.raise_signal(signal.SIGUSR2)
        # That is about Ctrl-C.
        discard_pending()
        with pytest.raises(ValueError, match="12"):
            raise_pending()
        raise_pending()


def test_the_handlers_of_native_code_stay() -> None:
    assert not set(interrupts._DEFERRED) & {signal.SIGSEGV, signal.SIGURG}


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="the module of subinterpreters has another name")
@pytest.mark.parametrize(("isolated", "jit"), [(True, "tiered"), (True, "O0"), (False, "tiered"), (False, "O0")])
def test_a_subinterpreter(isolated: bool, jit: str) -> None:
    script = f"""
try:
    import kaleido
    with kaleido.Session(jit={jit!r}) as session:
        print(session.run("1 + 1"))
except (ImportError, OSError) as error:
    print(error)
"""
    code = (
        f"import _xxsubinterpreters as interpreters; child = interpreters.create(isolated={isolated})\n"
        f"interpreters.run_string(child, {script!r}); interpreters.destroy(child)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    if not isolated:
        sentence = "2.0"
    elif sys.version_info >= (3, 12):
        sentence = "module _ctypes does not support loading in subinterpreters"
    else:
        sentence = "thread is not supported for isolated subinterpreters"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{sentence}\n", "")
