"""Variables that units share: one address for all tiers, versions and threads; redefinition and removal; externals."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterable, Iterator

import pytest

from kaleido.jit import Data, Engine, Policy, Signature, Unit
from tests.jit.helpers import TIMEOUT, Running, callback, statistics, sync

NUMBER = Signature("i64", ())

NEXT = """
@n = external global i64
define tailcc i64 @"next.impl"() nounwind {
  %before = load i64, ptr @n
  %after = add i64 %before, 1
  store i64 %after, ptr @n
  ret i64 %after
}
"""

READ = """
@n = external global i64
define tailcc i64 @"read.impl"() nounwind {
  %value = load i64, ptr @n
  ret i64 %value
}
"""

TICK = """
declare ptr @t()
define tailcc i64 @"tick.impl"() nounwind {
  %own = call ptr @t()
  %before = load i64, ptr %own
  %after = add i64 %before, 1
  store i64 %after, ptr %own
  ret i64 %after
}
"""


def unit(symbol: str, ir: str, data: Iterable[str] = ("n",)) -> Unit:
    return Unit(symbol, NUMBER, ir, data=frozenset(data))


@pytest.fixture(
    params=[Policy(), Policy(baseline=False), Policy(optimize=False), sync()], ids=["tiered", "O3", "O0", "sync"]
)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with Engine(request.param) as engine:
        yield engine


def test_tiers_and_units_share_a_variable(engine: Engine) -> None:
    engine.define(Data("n", "i64", "41"), unit("next", NEXT), unit("read", READ))
    assert [engine.call("next") for _ in range(10)] == list(range(42, 52))
    engine.optimize("next")
    assert engine.call("next") == 52
    assert engine.call("read") == ctypes.c_int64.from_address(engine.data("n")).value == 52


def test_a_variable_keeps_its_value_over_a_redefinition_of_its_users(engine: Engine) -> None:
    engine.define(Data("n", "i64"), unit("next", NEXT))
    assert engine.call("next") == 1
    engine.define(unit("next", NEXT.replace("%before, 1", "%before, 10")))
    assert engine.call("next") == 11


def test_the_same_definition_changes_nothing_and_another_value_is_assigned(engine: Engine) -> None:
    engine.define(Data("n", "i64", "41"), unit("next", NEXT))
    address = engine.data("n")
    assert engine.call("next") == 42
    engine.define(Data("n", "i64", "41"))
    assert engine.call("next") == 43
    engine.define(Data("n", "i64", "7"))
    assert (engine.call("next"), engine.data("n")) == (8, address)


def test_another_type_needs_the_users(engine: Engine) -> None:
    engine.define(Data("n", "i64", "5"), unit("next", NEXT), unit("read", READ))
    assert engine.call("next") == 6
    other = Data("n", "[2 x i64]", "[i64 70, i64 80]")
    for incomplete in ([other], [other, unit("next", NEXT)]):
        with pytest.raises(ValueError, match=r"data that changes is used by (next, )?read"):
            engine.define(*incomplete)
        assert engine.call("read") == 6
    engine.define(other, unit("next", NEXT), unit("read", READ))
    assert (engine.call("read"), engine.call("next"), engine.call("read")) == (70, 71, 71)


def test_what_is_used_is_not_removed(engine: Engine) -> None:
    engine.define(Data("n", "i64", "5"), unit("read", READ))
    for remove in (lambda: engine.remove("n"), lambda: engine.define(removed=["n"])):
        with pytest.raises(ValueError, match="data that changes is used by read"):
            remove()
    assert engine.call("read") == 5
    engine.define(removed=["n", "read"])
    with pytest.raises(KeyError):
        engine.data("n")
    engine.define(Data("n", "i64", "6"), unit("read", READ))
    assert engine.call("read") == 6


@pytest.mark.parametrize(
    ("definitions", "message"),
    [
        ([unit("read", READ)], "read uses the data n, which is not defined"),
        ([Data("n", "i64"), Data("n", "i64", "1")], "a symbol is given twice"),
        ([Data("n", "i64", "oops")], "expected value token"),
        ([Data("n", "no type")], "expected type"),
        ([Data("n", "i64", "0, align 65536")], "n: `i64 0, align 65536` is not a type and a constant: expected type"),
        ([Data("n", "i64", "0 @m = global i64 0")], "is not a type and a constant"),
        ([Data("n", "i64", "0\n@m = global i64 0")], "text on one line"),
        ([Data("n", "x86_amx")], "is not a type and a constant: Cannot create a null constant"),
        ([Data("n", "i64", "xor (i64 ptrtoint (ptr @n to i64), i64 5)")], "unsupported expression"),
        ([Data("n", f"[{1 << 62} x i64]")], "is too large"),
        ([Data("n", "<65536 x i64>")], "is too large"),
        ([Data("jit.leave", "i64")], "the symbol of data is empty, or has a meaning already"),
        ([Data("n", "i64", 5)], "are texts"),  # type: ignore[arg-type]
        ([Data("taken", "i64")], "taken is a unit, and cannot be data"),
        (
            [Data("n", "i64"), unit("n", "define tailcc i64 @n.impl() nounwind { ret i64 1 }", ())],
            "n is data, and cannot be a unit",
        ),
    ],
)
def test_refused(definitions: list[Unit | Data], message: str) -> None:
    with Engine(Policy()) as engine:
        engine.define(unit("taken", "define tailcc i64 @taken.impl() nounwind { ret i64 1 }", ()))
        before = engine.memory().objects
        with pytest.raises(ValueError, match=message):
            engine.define(*definitions)
        assert engine.memory().objects == before
        engine.define(Data("n", "i64", "3"), unit("read", READ))
        assert engine.call("read") == 3


def test_a_transaction_that_fails_later_gives_the_memory_back() -> None:
    with Engine(Policy()) as engine:
        engine.define(Data("n", "i64", "5"), unit("read", READ))
        assert engine.call("read") == 5
        before = engine.memory().objects
        broken = unit("read", READ.replace("ret i64 %value", "ret i64 %unknown"))
        with pytest.raises(ValueError, match="unknown"):
            engine.define(Data("n", "[2 x i64]"), broken)
        assert (engine.memory().objects, engine.call("read")) == (before, 5)


def test_running_code_keeps_the_variable_that_it_has() -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold(_: int) -> None:
        entered.set()
        leave.wait(TIMEOUT)

    back = callback(hold)
    text = READ.replace("{\n", "{\n  call void @hold(i64 0)\n") + "declare void @hold(i64)\n"
    held = Unit("read", NUMBER, text, externals={"hold": back.address}, data=frozenset(["n"]))
    with Engine(Policy()) as engine:
        engine.define(Data("n", "i64", "5"), held)
        call = Running(lambda: engine.function("read")())
        assert entered.wait(TIMEOUT)
        engine.define(Data("n", "[2 x i64]", "[i64 6, i64 6]"), unit("read", READ))
        leave.set()
        assert call.result() == 5
        assert engine.call("read") == 6


def test_each_thread_has_its_own_of_thread_local_data(engine: Engine) -> None:
    engine.define(Data("t", "i64", "7", thread_local=True), unit("tick", TICK, ["t"]))
    tick = engine.function("tick")
    assert [tick(), tick()] == [8, 9]
    assert Running(lambda: [tick() for _ in range(6)]).result() == [8, 9, 10, 11, 12, 13]
    assert tick() == 10
    assert ctypes.c_int64.from_address(engine.data("t")).value == 10


def test_hot_units_share_it() -> None:
    with Engine(sync(3)) as engine:
        engine.define(Data("n", "i64"), unit("next", NEXT))
        assert [engine.call("next") for _ in range(9)] == list(range(1, 10))
        assert statistics(engine, "next").tier == "O3"


def test_externals_of_the_engine() -> None:
    seen: list[int] = []
    tell, other = callback(seen.append), callback(lambda _: None)
    text = """
declare void @tell(i64)
define tailcc i64 @"f.impl"() nounwind {
  call void @tell(i64 5)
  ret i64 1
}
"""
    with Engine(Policy(), externals={"tell": tell.address}) as engine:
        engine.define(unit("f", text, ()))
        assert engine.call("f") == 1
        engine.optimize("f")
        assert engine.call("f") == 1
        assert seen == [5, 5]
        with pytest.raises(ValueError, match="another address for tell than the engine"):
            engine.define(Unit("g", NUMBER, text.replace("f.impl", "g.impl"), externals={"tell": other.address}))
