"""Python functions that units call: what they raise ends the native code, and is raised by the call."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from kaleido.jit import Callback, Engine, EventKind, Interrupted, Signature
from kaleido.jit.native import faults
from tests.jit.helpers import Log, Running, sync
from tests.jit.tiny import unit

pytestmark = pytest.mark.skipif(bool(faults.missing_protection()), reason=faults.missing_protection())

INT = Signature("i64", ("i64",))


class Odd(Exception):
    """What the callbacks here raise."""


def even(number: int) -> int:
    if number % 2:
        raise Odd(number)
    return number


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(sync(3)) as engine:
        yield engine


Way = Callable[[Engine, str], Callable[..., int]]

WAYS: dict[str, Way] = {
    "call": lambda engine, name: lambda *arguments: engine.call(name, *arguments),
    "function": lambda engine, name: engine.function(name),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_exception_ends_the_native_code_in_each_tier(engine: Engine, way: str) -> None:
    called: list[int] = []

    def once(number: int) -> int:
        called.append(number)
        return even(number)

    native = Callback(once, INT)
    log = Log(engine)
    engine.define(unit("(define (f x) (+ (foreign once x) (foreign once 8)))", {"once": native.address}))
    run = WAYS[way](engine, "f")
    tiers = []
    for _ in range(8):
        tiers.append(engine.describe("f").tier)
        assert run(2) == 10
        with pytest.raises(Odd) as caught:
            run(3)
        assert caught.value.args == (3,) and caught.traceback[-1].name == "even"
    assert {"O0", "O3"} <= set(tiers)
    # Nothing ran after the call that raised.
    assert called == [2, 8, 3] * 8
    assert [event.message for event in log.of("f") if event.kind is EventKind.FAULTED] == [
        "a Python function raised Odd"
    ] * 8


def test_deep_frames_are_left_at_once(engine: Engine) -> None:
    native = Callback(even, INT)
    engine.define(
        unit("(define (down n) (if (= n 0) (foreign even 1) (+ 1 (down (- n 1)))))", {"even": native.address})
    )
    for _ in range(3):
        with pytest.raises(Odd):
            engine.call("down", 100_000)


def test_a_callback_between_catches_it(engine: Engine) -> None:
    inner = Callback(even, INT)

    def catch(number: int) -> int:
        try:
            found: int = engine.function("inner")(number)
            return found
        except Odd:
            return 100

    outer = Callback(catch, INT)
    engine.define(unit("(define (inner x) (foreign even x))", {"even": inner.address}))
    engine.define(unit("(define (outer x) (+ 1 (foreign catch x)))", {"catch": outer.address}))
    for run in (engine.function("outer"), partial(engine.call, "outer")):
        assert [run(each) for each in (3, 4, 5)] == [101, 5, 101]


def test_it_passes_through_a_callback_that_does_not_catch_it(engine: Engine) -> None:
    inner = Callback(even, INT)
    outer = Callback(lambda x: engine.function("inner")(x), INT)
    engine.define(unit("(define (inner x) (foreign even x))", {"even": inner.address}))
    engine.define(unit("(define (outer x) (+ 1 (foreign through x)))", {"through": outer.address}))
    for _ in range(5):
        with pytest.raises(Odd):
            engine.call("outer", 3)
        assert engine.call("outer", 4) == 5


def test_it_passes_through_a_c_function_that_calls_a_unit(engine: Engine) -> None:
    native = Callback(even, INT)
    engine.define(unit("(define (inner x) (foreign even x))", {"even": native.address}))
    # ctypes is the C function here: it calls the address of a unit.
    engine.prepare("inner")
    from_c = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.address("inner"))
    returned: list[int] = []

    def call_from_c(number: int) -> int:
        returned.append(from_c(number))
        return returned[-1]

    between = Callback(call_from_c, INT)
    engine.define(unit("(define (outer x) (+ 1 (foreign between x)))", {"between": between.address}))
    with pytest.raises(Odd):
        engine.call("outer", 3)
    assert returned == [0]
    assert engine.call("outer", 4) == 5


def test_threads_have_their_own_exceptions(engine: Engine) -> None:
    barrier = threading.Barrier(4, timeout=60)

    def meet(number: int) -> int:
        barrier.wait()
        raise Odd(number)

    native = Callback(meet, INT)
    engine.define(unit("(define (f x) (foreign meet x))", {"meet": native.address}))
    f = engine.function("f")
    calls = [Running(partial(f, number)) for number in range(4)]
    for number, call in enumerate(calls):
        with pytest.raises(Odd) as caught:
            call.result()
        assert caught.value.args == (number,)


def test_an_interruption_that_came_before_wins(engine: Engine) -> None:
    def interrupted(number: int) -> int:
        stopping = threading.Thread(target=engine.interrupt)
        stopping.start()
        while not _pending():
            pass
        raise Odd(number)

    def _pending() -> bool:
        from kaleido.jit.running.stacks import current_native_thread

        thread = current_native_thread()
        return thread is not None and thread.pending != 0

    native = Callback(interrupted, INT)
    engine.define(unit("(define (f x) (foreign interrupted x))", {"interrupted": native.address}))
    with pytest.raises(Interrupted):
        engine.call("f", 1)
    # The exception that was forgotten does not come later.
    engine.define(unit("(define (f x) x)"))
    assert engine.call("f", 1) == 1


def test_what_is_returned_must_be_a_number(engine: Engine) -> None:
    native = Callback(lambda number: "four", INT)
    engine.define(unit("(define (f x) (foreign four x))", {"four": native.address}))
    with pytest.raises(TypeError):
        engine.call("f", 1)
    nothing = Callback(lambda number: "ignored", Signature("void", ("i64",)))
    assert nothing.address


def test_on_a_thread_of_c_it_is_printed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda hook: printed.append(hook.exc_value))
    native = Callback(even, INT)
    engine.define(unit("(define (f x) (foreign even x))", {"even": native.address}))
    from_c = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.address("f"))
    assert Running(lambda: from_c(3)).result() == 0
    assert [type(each) for each in printed] == [Odd]


def test_without_protection_it_is_raised_at_the_end(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    from kaleido.jit.running import callbacks

    monkeypatch.setattr(callbacks, "current_native_thread", lambda: None)
    monkeypatch.setattr(callbacks, "missing_protection", lambda: "none here")
    native = Callback(even, INT)
    engine.define(unit("(define (f x) (foreign even x))", {"even": native.address}))
    with pytest.raises(Odd):
        engine._calls._run(  # the part of a call on such a platform that has no NativeThread
            engine._program.prepare("f"),
            engine._runtime.entry_point(INT),
            None,
            engine._program.publisher.stub(engine._program.symbols.symbol("f", {}), INT).address,
            (3,),
        )


def test_what_cannot_be_called_is_refused(engine: Engine) -> None:
    with pytest.raises(TypeError, match="a callback runs a function, not a int"):
        Callback(5, Signature("i64", ()))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a listener is called with each event"):
        engine.subscribe(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["0x1000", None, 0, 2**70])
def test_what_is_no_address_is_refused(address: Any) -> None:
    with pytest.raises(ValueError, match="the address of the external f is"):
        Engine(externals={"f": address})
