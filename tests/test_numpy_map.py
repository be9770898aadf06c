"""Functions over arrays: the same values, shapes, types and errors as NumPy's ufuncs, in every mode and layout."""

from __future__ import annotations

import math
import os
import re
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kaleido import Interrupted, KaleidoError, Session
from kaleido.diagnostics import Source
from kaleido.jit import Tier
from kaleido.jit.native.faults import missing_protection
from kaleido.numpy_map.kernel_table import KernelTable
from kaleido.session import MODES, function
from tests.jit.helpers import TIMEOUT, Running

np: Any = pytest.importorskip("numpy", reason="NumPy is not installed: pip install 'kaleido-lang[numpy]'")

needs_protection = pytest.mark.skipif(bool(missing_protection()), reason=missing_protection())

# A ufunc that computes this with the same operations, for comparison.
PROGRAM = "def f(x y) x - y  def square(x) x * x  def even(x) if x % 2 == 0 then x else 0 - x"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(threshold=10) as session:
        session.run(PROGRAM)
        yield session


def numbers(*shape: int) -> Any:
    return np.random.default_rng(1).random(shape)


def unaligned(array: Any) -> Any:
    found = np.frombuffer(b"x" + array.tobytes(), np.uint8)[1:].view(array.dtype).reshape(array.shape)
    assert not found.flags.aligned
    return found


CUBE = numbers(6, 7, 8)

LAYOUTS: dict[str, tuple[Any, Any]] = {
    "one row": (numbers(100), numbers(100)),
    "one element": (numbers(1), numbers(1)),
    "a scalar on the right": (numbers(100), 2.5),
    "a scalar on the left": (3, numbers(100)),
    "scalars": (3, 2.5),
    "0-d": (np.array(3.0), np.float64(2)),
    "0-d and a row": (np.array(3.0), numbers(5)),
    "empty": (numbers(0), 1.0),
    "empty, three axes": (numbers(3, 0, 2), numbers(1, 1, 2)),
    "lists": ([1, 2, 3], [[1], [2]]),
    "several axes": (CUBE, CUBE + 1),
    "transposed": (CUBE.T, CUBE.T + 1),
    "transposed against contiguous": (CUBE[:6, :6, 0].T, CUBE[:6, :6, 0]),
    "of Fortran": (np.asfortranarray(CUBE), np.asfortranarray(CUBE)),
    "every other": (numbers(100)[::2], numbers(50)),
    "backwards": (numbers(100)[::-1], numbers(100)[::-1]),
    "backwards against forwards": (numbers(100)[::-1], numbers(100)),
    "a part of each row": (CUBE[:, :, 2:6], CUBE[:, :, 1:5]),
    "steps in each axis": (CUBE[::2, ::-3, 1::2], 1),
    "a row against a column": (numbers(7), numbers(5, 1)),
    "a row against a matrix": (numbers(7), numbers(5, 7)),
    "a column against a matrix": (numbers(5, 1), numbers(5, 7)),
    "broadcast without memory": (np.broadcast_to(np.float64(2), (4, 5)), numbers(4, 5)),
    "integers": (np.arange(10), np.arange(10, dtype=np.uint8)),
    "truth values": (np.array([True, False]), 1),
    "smaller floats": (numbers(10).astype(np.float32), numbers(10).astype(np.float16)),
    "other byte order": (numbers(10).astype(">f8"), numbers(10)),
    "not aligned": (unaligned(numbers(10)), numbers(10)),
    "more axes than most": (numbers(*[2] * 12)[..., ::-1, :], 1),
    "an axis of one": (numbers(4, 1, 5), numbers(1, 3, 1)),
    "read-only": (np.broadcast_to(numbers(3), (2, 3)), 1),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_it_gives_what_a_ufunc_gives(session: Session, case: str) -> None:
    expected = np.subtract(*(np.asarray(each, np.float64) for each in LAYOUTS[case]))
    for _ in range(2):
        result = session["f"].map(*LAYOUTS[case])
        assert type(result) is type(expected)
        assert result.dtype == np.float64 and result.shape == expected.shape
        assert np.array_equal(result, expected)
        if expected.size:
            assert result.strides == expected.strides


@pytest.mark.parametrize("jit", MODES)
def test_each_mode_gives_the_same(jit: str) -> None:
    with Session(jit=jit, threshold=100) as session:
        session.run(PROGRAM)
        for shape in ((5,), (1000,), (30, 40)):
            array = numbers(*shape)
            for _ in range(3):
                assert np.array_equal(session["square"].map(array), array * array)
                assert np.array_equal(session["f"].map(array, array[..., ::-1]), array - array[..., ::-1])
        assert np.array_equal(session["f"].reduce(numbers(500)), np.subtract.reduce(numbers(500)))
        tiers = {each.tier for each in session.stats() if each.name == "square.map"}
        assert tiers == {Tier.BASELINE if jit == "O0" else Tier.OPTIMIZED}


def test_functions_of_many_and_of_no_parameters(session: Session) -> None:
    session.run("def many(a b c d e g h i j k) a-b*c+d*e-g*h+i*j-k  def none() 7")
    arrays = [numbers(50) + each for each in range(10)]
    a, b, c, d, e, g, h, i, j, k = arrays
    assert np.array_equal(session["many"].map(*arrays), a - b * c + d * e - g * h + i * j - k)
    assert session["none"].map() == 7.0
    assert np.array_equal(session["none"].map(out=np.zeros(3)), [7, 7, 7])
    with pytest.raises(TypeError, match="f takes 2 arguments, not 1"):
        session["f"].map(a)


def test_functions_of_c_and_operators(session: Session) -> None:
    array = numbers(1000) * 10
    assert session["sin"].map(array).tolist() == [math.sin(each) for each in array]
    assert session["sqrt"].map(array).tolist() == np.sqrt(array).tolist()
    assert session["binary|"].map([0, 0, 2], [0, 3, 0]).tolist() == [0.0, 1.0, 1.0]


# out, where, casting


def test_out_is_returned(session: Session) -> None:
    array, out = numbers(10), np.empty(10)
    f = session["square"]
    assert f.map(array, out=out) is out and np.array_equal(out, array**2)
    assert f.map(array + 1, out=(out,)) is out and np.array_equal(out, (array + 1) ** 2)
    point = np.array(0.0)
    assert f.map(3, out=point) is point and point == 9.0
    wide = np.empty((4, 10))
    assert f.map(array, out=wide) is wide and np.array_equal(wide, np.broadcast_to(array**2, (4, 10)))
    column = np.empty((10, 4))[:, 2]
    assert np.array_equal(f.map(array, out=column), array**2)


CASTS = [
    ("float32", "same_kind"),
    ("int32", "unsafe"),
    ("complex128", "same_kind"),
    ("float64", "no"),
    (">f8", "equiv"),
]


@pytest.mark.parametrize(("kind", "casting"), CASTS)
def test_the_result_is_converted(session: Session, kind: str, casting: Any) -> None:
    array = numbers(10) * 9
    ours, theirs = np.zeros(10, kind), np.zeros(10, kind)
    session["f"].map(array, np.ones(10), out=ours, casting=casting)
    np.subtract(array, np.ones(10), out=theirs, casting=casting)
    assert np.array_equal(ours, theirs)


WRONG: dict[str, Callable[[Any], Any]] = {
    "shapes": lambda f: f(numbers(3), numbers(4)),
    "the shape of out": lambda f: f(numbers(2, 3), 1, out=np.empty(3)),
    "a read-only out": lambda f: f(numbers(3), 1, out=np.broadcast_to(np.float64(1), 3)),
    "an out of no array": lambda f: f(numbers(3), 1, out=[1, 2, 3]),
    "two outs": lambda f: f(numbers(3), 1, out=(None, np.empty(3))),
    "integers for out": lambda f: f(numbers(3), 1, out=np.empty(3, int)),
    "float32 without casting": lambda f: f(numbers(3), 1, out=np.empty(3, np.float32), casting="safe"),
    "texts": lambda f: f(["a"], 1),
    "objects": lambda f: f([object()], 1),
    "dates": lambda f: f(np.array(["2026-01-01"], "M8[D]"), 1),
    "a ragged list": lambda f: f([[1, 2], [3]], 1),
    "a mask of integers": lambda f: f(numbers(3), 1, where=np.array([1, 0, 1])),
    "the shape of a mask": lambda f: f(numbers(3), 1, where=[True, False]),
    "an unknown casting": lambda f: f(numbers(3), 1, out=np.empty(3), casting="any"),
    "an unknown order": lambda f: f(numbers(3), 1, order="X"),
}


@pytest.mark.filterwarnings("ignore:'where' used without 'out'")
@pytest.mark.parametrize("case", WRONG)
def test_the_errors_are_those_of_ufuncs(session: Session, case: str) -> None:
    with pytest.raises((TypeError, ValueError)) as theirs:
        WRONG[case](np.logaddexp)
    with pytest.raises((TypeError, ValueError)) as ours:
        WRONG[case](session["f"].map)
    assert issubclass(theirs.type, ours.type)


def test_complex_numbers_are_refused(session: Session) -> None:
    with pytest.raises(TypeError, match="cannot convert input 1 of f from dtype\\('complex128'\\)"):
        session["f"].map(1, [1j])


@pytest.mark.filterwarnings("ignore:'where' used without 'out'")
def test_a_mask_leaves_elements_out(session: Session) -> None:
    array = numbers(5, 6)
    for mask in (array > 0.5, array[0] > 0.5, array[:, :1] > 0.5, np.array(False), True, [1, 0, 0, 1, 0, 1]):
        ours, theirs = np.full((5, 6), 7.0), np.full((5, 6), 7.0)
        session["f"].map(array, 1, out=ours, where=mask)
        assert np.array_equal(ours, np.subtract(array, 1, out=theirs, where=mask))
    assert np.array_equal(session["f"].map(array, 1, where=None), array - 1)
    alone = session["f"].map(array, 1, where=array > 0.5)
    assert np.array_equal(np.isnan(alone), array <= 0.5)
    # It takes part in broadcasting.
    assert session["f"].map(1, 2, where=[True, True]).shape == np.subtract(1, 2, where=[True, True]).shape
    small = np.full((5, 6), 7, np.float32)
    session["f"].map(array, 1, out=small, where=array > 0.5)
    assert np.array_equal(small == 7, array <= 0.5)


def test_what_a_mask_leaves_out_is_not_called(session: Session) -> None:
    called: list[float] = []
    session.register("note", called.append, 1)
    session["note"].map([1, 2, 3, 4], where=[True, False, False, True])
    assert called == [1.0, 4.0]


OVERLAPS: dict[str, Callable[[Any], tuple[Any, Any, Any]]] = {
    "the same": lambda a: (a, a, a),
    "the same, moved": lambda a: (a[:-1], a[:-1], a[1:]),
    "the left": lambda a: (a, 1.0, a),
    "the right": lambda a: (1.0, a, a),
    "one further": lambda a: (a[:-1], a[1:], a[1:]),
    "one before": lambda a: (a[1:], a[:-1], a[:-1]),
    "backwards": lambda a: (a, 2.0, a[::-1]),
    "transposed": lambda a: (a.reshape(10, 10), 2.0, a.reshape(10, 10).T),
    "a row of it": lambda a: (a.reshape(10, 10), a[:10], a.reshape(10, 10)),
    "every other": lambda a: (a[:50], a[::2], a[::2]),
}


@pytest.mark.parametrize("case", OVERLAPS)
def test_overlapping_arrays(session: Session, case: str) -> None:
    ours, theirs = numbers(100), numbers(100)
    left, right, out = OVERLAPS[case](ours)
    session["f"].map(left, right, out=out)
    left, right, out = OVERLAPS[case](theirs)
    np.subtract(left, right, out=out)
    assert np.array_equal(ours, theirs)


def bits(array: Any) -> list[int]:
    return [int(each) for each in np.atleast_1d(array).view(np.uint64)]


def test_there_is_one_nan(session: Session) -> None:
    [one] = bits(np.array([math.nan]))
    payloads = [struct.unpack("d", struct.pack("Q", each))[0] for each in (0xFFF8000000000001, 0x7FF8DEADBEEF0000, one)]
    session.run("def same(x) x  def root(x) sqrt(x)")
    for array in (np.array(payloads), np.array(payloads * 100), np.array(payloads * 2)[::2]):
        for name in ("same", "root", "square"):
            assert set(bits(session[name].map(array))) == {one}
    assert set(bits(session["root"].map(np.full(100, -1.0)))) == {one}
    assert set(bits(session["f"].reduce(payloads))) | set(bits(session["f"].accumulate(payloads))) == {one}


# Compilation


def test_the_function_is_inlined_and_vectorized(session: Session) -> None:
    session.run("def half(x) x / 2  def both(x y) half(x) * y + 1")
    for right in (numbers(1000), 3.0, np.broadcast_to(numbers(1000), (3, 1000))):
        session["both"].map(numbers(1000), right)
    for kind in ("cc", "cs", "cc-rows"):
        text = session.engine.ir(f"map.map-{kind}-2.both", Tier.OPTIMIZED)
        assert re.search(r"fmul <\d+ x double>", text)
        assert "call tailcc" not in text


@pytest.mark.parametrize("size", [1, 7, 511, 512, 513, 2000])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_large_result_is_streamed(session: Session, monkeypatch: pytest.MonkeyPatch, size: int, workers: int) -> None:
    """In blocks from a line of the cache on, whatever the address of the array is, and no further than its end."""
    monkeypatch.setattr("kaleido.numpy_map.broadcasting._STREAMED", 1)
    x, y, out = numbers(size), numbers(size), np.full(size + 9, 7.0)
    for begin in range(9):
        out[:] = 7
        session["f"].map(x, y, out=out[begin : begin + size], workers=workers)
        assert (out[begin : begin + size] == x - y).all()
        assert (out[:begin] == 7).all() and (out[begin + size :] == 7).all()
    assert (session["f"].map(x, 0.5, out=x, workers=workers) == numbers(size) - 0.5).all()
    assert (session["f"].map(0.5, y, out=x) == 0.5 - y).all()


def test_streamed_stores_bypass_the_caches(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaleido.numpy_map.broadcasting._STREAMED", 1)
    session["square"].map(numbers(5000), out=numbers(5000))
    assembly = session.engine.assembly("map.map-c-streamed-1.square", Tier.OPTIMIZED)
    assert "movnt" in assembly


def test_the_next_map_sees_a_redefinition() -> None:
    array = numbers(500)
    with Session(threshold=10) as session:
        session.run("def g(x) x + 1  def f(x) g(x) * 2")
        f = session["f"]
        assert np.array_equal(f.map(array), (array + 1) * 2)
        scale = 2
        for factor in range(3):
            session.run(f"def g(x) x - {factor}")
            assert np.array_equal(f.map(array), (array - factor) * scale)
            scale = factor
            session.run(f"def f(x) g(x) * {scale}")
            assert np.array_equal(f.map(array), (array - factor) * scale)
        [kernel] = [each for each in session.stats() if each.name == "f.map"]
        assert kernel.tier is Tier.OPTIMIZED
        session.register("g", lambda x: -x)
        assert np.array_equal(f.map(array), -array * 2)


def test_a_function_may_change_its_parameters() -> None:
    with Session(threshold=10) as session:
        session.run("def f(x) x + 1")
        f = session["f"]
        assert f.map([1.0, 2.0]).tolist() == [2.0, 3.0]
        [result] = session.evaluate(Source("<input>", "def f(x y) x * y"))
        assert f.map([1.0, 2.0], 3).tolist() == [3.0, 6.0]
        assert f.reduce([2, 3, 4]) == 24.0
        assert result.change is not None
        session.undo(result.change)
        assert f.map([1.0, 2.0]).tolist() == [2.0, 3.0]
        session.reset()
        with pytest.raises(KeyError):
            f.map([1.0])
        session.run("def f(x y) x - y")
        assert f.map(5, [1.0, 2.0]).tolist() == [4.0, 3.0]


@pytest.mark.parametrize("step", ["_kernel", "_optimize"])
def test_a_redefinition_with_other_parameters_while_a_map_begins(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    proceed = getattr(KernelTable, step)
    with Session() as session:
        session.run("def f(x) x")
        f = session["f"]
        f.map(np.arange(3.0))

        def redefine(*arguments: Any) -> Any:
            session.run("def f(x y) x")
            return proceed(*arguments)

        monkeypatch.setattr(KernelTable, step, redefine)
        for array in (np.arange(3.0), np.arange(30.0)[::2]):
            with pytest.raises(TypeError, match="f takes 2 arguments, not 1"):
                f.map(array)
            session.run("def f(x) x")


def test_a_redefinition_while_a_map_runs() -> None:
    entered, gate = threading.Event(), threading.Event()

    def wait(x: float) -> float:
        entered.set()
        assert gate.wait(TIMEOUT)
        return x

    with Session(threshold=10) as session:
        session.register("wait", wait)
        session.run("def f(x) wait(x) + 1")
        call = Running(lambda: session["f"].map(np.arange(3.0)))
        assert entered.wait(TIMEOUT)
        session.run("def f(x y) x")
        gate.set()
        assert call.result().tolist() == [1.0, 2.0, 3.0]
        assert session["f"].map([1.0], 2).tolist() == [1.0]


# Threads, errors, interruption


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_compute_the_same(session: Session, workers: int) -> None:
    array = numbers(200_000)
    assert np.array_equal(session["even"].map(array, workers=workers), session["even"].map(array))
    assert np.array_equal(session["f"].map(array[::2], array[1::2], workers=workers), array[::2] - array[1::2])
    with pytest.raises(ValueError, match="workers"):
        session["even"].map(array, workers=0)


class Broken(Exception):
    """What a Python function here raises."""


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_is_raised_as_it_is(session: Session, workers: int) -> None:
    def broken(x: float) -> float:
        if x == 90_000:
            raise Broken(x)
        return x

    session.register("broken", broken)
    with pytest.raises(Broken) as caught:
        session["broken"].map(np.arange(100_000.0), workers=workers)
    assert caught.value.args == (90_000.0,)
    assert session["broken"].map([1, 2]).tolist() == [1.0, 2.0]


@needs_protection
@pytest.mark.parametrize("workers", [1, 2])
def test_too_deep_recursion_is_located(workers: int) -> None:
    with Session(threshold=10, stack_size=1 << 20) as session:
        session.run("def deep(x) if x < 1 then 0 else 1 + deep(x - 1)")
        array = np.zeros(20_000)
        array[-1] = 1e9
        with pytest.raises(KaleidoError, match="recursion too deep in deep"):
            session["deep"].map(array, workers=workers)
        assert session["deep"].map(array[:10], workers=workers).tolist() == [0.0] * 10


def interrupted(session: Session, workers: int, stop: Callable[[], object]) -> None:
    """Run a map that does not end, and call `stop` when each worker is in it."""
    entered = threading.Semaphore(0)
    session.register("entered", lambda: entered.release(), 0)
    session.run("def spin(x) entered() : (for i = 0, 1 in 0)")

    def stop_it() -> None:
        for _ in range(workers):
            assert entered.acquire(timeout=TIMEOUT)
        stop()

    stopping = threading.Thread(target=stop_it)
    stopping.start()
    with pytest.raises(KeyboardInterrupt):
        session["spin"].map(np.zeros(10_000), workers=workers)
    stopping.join()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("kaleido-map")]


@needs_protection
@pytest.mark.parametrize("workers", [1, 2])
def test_a_map_is_interrupted(session: Session, workers: int) -> None:
    interrupted(session, workers, session.interrupt)
    interrupted(session, workers, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert session["square"].map([3.0]).tolist() == [9.0]


@needs_protection
def test_ctrl_c_stops_only_the_map(session: Session) -> None:
    ready, go_on = threading.Event(), threading.Event()
    session.register("ready", ready.set, 0)
    session.register("wait", lambda: go_on.wait(TIMEOUT), 0)
    session.run("def other() ready() + wait() + (for i = 1, i < 100000 in 0) + 1")
    other = Running(lambda: session["other"]())
    assert ready.wait(TIMEOUT)
    interrupted(session, 2, lambda: os.kill(os.getpid(), signal.SIGINT))
    go_on.set()
    assert other.result() == 2.0


@needs_protection
def test_the_interpreter_runs_meanwhile(session: Session) -> None:
    entered = threading.Event()
    session.register("entered", lambda: entered.set(), 0)
    session.run("def spin(x) entered() : (for i = 0, 1 in 0)")
    call = Running(lambda: session["spin"].map([1.0]))
    assert entered.wait(TIMEOUT)
    # This thread runs, and the other one is in native code for ever.
    session.interrupt()
    with pytest.raises(Interrupted, match="interrupted in"):
        call.result()


def test_maps_on_several_threads(session: Session) -> None:
    session.run("def shared(x) x * 3")
    array = numbers(1000)
    calls = [Running(lambda: session["shared"].map(array)) for _ in range(6)]
    assert all(np.array_equal(call.result(), array * 3) for call in calls)


# Reductions


def test_reductions_are_those_of_a_ufunc(session: Session) -> None:
    f, theirs = session["f"], np.subtract
    for array in (CUBE, CUBE[::2, ::-1], CUBE.T, numbers(30), np.arange(12).reshape(3, 4)):
        for axis in range(-array.ndim, array.ndim):
            assert np.array_equal(f.accumulate(array, axis), theirs.accumulate(array.astype(float), axis))
            for options in ({}, {"keepdims": True}, {"initial": 3}, {"initial": 0, "keepdims": True}):
                ours = f.reduce(array, axis, **options)
                expected = theirs.reduce(array.astype(float), axis, **options)
                assert np.array_equal(ours, expected) and type(ours) is type(expected)
    out = np.empty((7, 8), np.float32)
    assert f.reduce(CUBE, out=out) is out and np.array_equal(out, theirs.reduce(CUBE).astype(np.float32))
    assert np.array_equal(f.accumulate(CUBE, 1, out=np.empty(CUBE.shape)), theirs.accumulate(CUBE, 1))


def test_a_reduction_with_a_mask(session: Session) -> None:
    f, mask = session["f"], CUBE > 0.4
    for axis in (0, 1, -1, None, (0, 2), (1, 2)):
        for where in (mask, mask[0], True, np.zeros(CUBE.shape, bool)):
            ours = f.reduce(CUBE, axis, where=where, initial=3)
            # With several axes, a ufunc wants to know that their order does not matter: of a sum it does.
            if isinstance(axis, int):
                assert np.array_equal(ours, np.subtract.reduce(CUBE, axis, where=where, initial=3))
            else:
                assert np.allclose(ours, 3 - np.add.reduce(CUBE, axis, where=where))
    with pytest.raises(ValueError, match=r"f has no identity, so to use `where` one has to give `initial`"):
        f.reduce(CUBE, where=mask)
    seen: list[float] = []
    session.register("see", lambda y: seen.append(y) or y, 1)  # type: ignore[func-returns-value]
    session.run("def watched(x y) x + see(y)")
    assert session["watched"].reduce([1, 2, 3, 4], where=[True, False, True, False], initial=0) == 4
    assert seen == [1.0, 3.0]


def test_a_reduction_may_begin_with_an_array(session: Session) -> None:
    f, begin = session["f"], numbers(7, 8)
    assert np.array_equal(f.reduce(CUBE, initial=begin), f.reduce(np.concatenate([begin[None], CUBE])))
    with pytest.raises(ValueError, match="broadcast"):
        f.reduce(CUBE, initial=numbers(3))


def test_reductions_are_in_order(session: Session) -> None:
    session.run("def digits(x y) x * 10 + y")
    digits = session["digits"]
    table = np.arange(1, 7).reshape(2, 3)
    assert digits.reduce([1, 2, 3, 4]) == 1234.0
    assert digits.reduce(table, axis=None) == 123456.0
    assert digits.reduce(table.T, axis=None) == 142536.0
    assert digits.reduce(np.arange(8).reshape(2, 2, 2), axis=(0, 2)).tolist() == [145.0, 2367.0]
    assert digits.reduce(table, axis=None, keepdims=True).shape == (1, 1)
    assert digits.accumulate([1, 2, 3]).tolist() == [1.0, 12.0, 123.0]
    array = np.array([1.0, 2.0, 3.0])
    assert digits.accumulate(array, out=array).tolist() == [1.0, 12.0, 123.0]


def test_reductions_of_nothing(session: Session) -> None:
    f = session["f"]
    with pytest.raises(ValueError, match="zero-size array to reduction operation f which has no identity"):
        f.reduce([])
    assert f.reduce([], initial=5) == 5.0
    assert f.reduce(np.zeros((0, 3)), initial=5).tolist() == [5.0] * 3
    assert f.reduce(np.zeros((0, 3)), axis=1, initial=5).shape == f.reduce(np.zeros((0, 3)), axis=1).shape == (0,)
    assert f.reduce([7]) == 7.0 and f.accumulate([]).shape == (0,)
    with pytest.raises(TypeError, match="square takes 1 argument, not 2"):
        session["square"].reduce([1])
    for wrong in (f.reduce, f.accumulate):
        with pytest.raises(np.exceptions.AxisError):
            wrong([1], 1)
    with pytest.raises(TypeError, match="cannot accumulate on a scalar"):
        f.accumulate(1)
    with pytest.raises(ValueError, match="has the shape"):
        f.reduce(CUBE, out=np.empty(3))


# The extra


def test_the_core_does_not_import_numpy() -> None:
    code = """
import sys
import kaleido
with kaleido.Session() as session:
    session.run("def f(x) x  f(1)")
    session["f"](2.0)
print([name for name in ("numpy", "dask", "kaleido.numpy_map") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_without_numpy_an_error_says_what_to_install(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    function._numpy_module.cache_clear()
    monkeypatch.delitem(sys.modules, "kaleido.numpy_map.broadcasting", raising=False)
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match=r"pip install 'kaleido-lang\[numpy\]'"):
        session["f"].map(1, 2)
