"""Deferring Ctrl-C in Python code: where it takes effect, and where it waits."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from kaleido.jit.process import interrupts
from kaleido.jit.process.interrupts import discard_pending, interruptibly, raise_pending, uninterrupted
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
