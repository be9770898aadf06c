"""One name may be several things in the IR of several units: each gets what it means, in both tiers, in any module."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from kaleido.jit import Engine, Policy, Tier, Unit
from tests.jit.compiling.wrong_units import INTEGER, REAL, ir

MORE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(lambda x: x + 1000)
TENTH = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(lambda x: x / 10)


def address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def forwards(symbol: str, callee: str, **rest: Any) -> Unit:
    """A unit that calls a C function, or a unit among its calls."""
    convention = "tailcc" if callee in rest.get("calls", {}) else ""
    call = f'%r = call {convention} i64 @"{callee}"(i64 %x)\nret i64 %r'
    text = ir(call, f'declare {convention} i64 @"{callee}"(i64)').replace("@bad.impl", f'@"{symbol}.impl"')
    return Unit(symbol, INTEGER, text, **rest)


def both(*callees: str) -> Unit:
    """A unit that adds 1, 10, 100 … times what each unit returns."""
    lines = [f'%r{n} = call tailcc i64 @"{name}"(i64 %x)' for n, name in enumerate(callees)]
    sums = ["%s0 = add i64 0, 0"]
    for n in range(len(callees)):
        sums += [f"%m{n} = mul i64 %r{n}, {10**n}", f"%s{n + 1} = add i64 %s{n}, %m{n}"]
    declared = [f'declare tailcc i64 @"{name}"(i64)\n' for name in callees]
    text = ir("\n".join([*lines, *sums, f"ret i64 %s{len(callees)}"]), *declared)
    return Unit("bad", INTEGER, text, calls=dict.fromkeys(callees, INTEGER))


def values(*units: Unit, externals: dict[str, int] | None = None, argument: int = -5) -> set[Any]:
    """What `bad` returns in both tiers."""
    with Engine(Policy(background=False), externals=externals) as engine:
        engine.define(*units)
        baseline = engine.call("bad", argument)
        engine.optimize("bad")
        return {baseline, engine.call("bad", argument)}


@pytest.mark.parametrize("name", ["sqrt", "sqrtf", "malloc", "printf", "strlen", "abs", "_start", "__sinpi", "fmod"])
def test_a_unit_may_have_the_name_of_a_library_function(name: str) -> None:
    library = Unit(name, REAL, f"define tailcc double @{name}.impl(double %x) nounwind {{\nret double 42.0\n}}\n")
    caller = Unit(
        "caller",
        REAL,
        f"define tailcc double @caller.impl(double %x) nounwind {{\n%r = call tailcc double @{name}(double 4.0)\n"
        f"%s = frem double %r, %x\nret double %s\n}}\ndeclare tailcc double @{name}(double)\n",
        {name: REAL},
    )
    with Engine(Policy(background=False)) as engine:
        engine.define(library, caller)
        assert engine.call("caller", 100.0) == 42.0
        engine.optimize("caller")
        assert engine.call("caller", 100.0) == 42.0


@pytest.mark.parametrize("name", ["labs", "mine"])
def test_a_unit_has_the_name_of_a_c_function_that_its_group_calls(name: str) -> None:
    named = Unit(name, INTEGER, ir("%r = add i64 %x, 7\nret i64 %r").replace("@bad", f"@{name}"))
    externals = {name: address(MORE)} if name == "mine" else {}
    of_c = {"labs": 5, "mine": 995}
    found = values(named, forwards("other", name, externals=externals), both(name, "other"))
    assert found == {2 + 10 * of_c[name]}


def test_a_unit_may_call_the_library_function_of_its_name() -> None:
    assert values(forwards("labs", "labs"), both("labs")) == {5}


def test_an_external_is_not_taken_for_the_library_function_of_its_name() -> None:
    text = (
        "define tailcc double @bad.impl(double %x) nounwind {\n%r = call double @sqrt(double 4.0)\nret double %r\n}\n"
    )
    root = Unit("bad", REAL, text + "declare double @sqrt(double)\n", externals={"sqrt": address(TENTH)})
    assert values(root) == {0.4}
    shared = Unit("bad", REAL, root.ir)
    assert values(shared, externals={"sqrt": address(TENTH)}) == {0.4}
    assert values(shared) == {2.0}


def test_an_external_of_one_unit_is_none_of_another() -> None:
    own = forwards("own", "labs", externals={"labs": address(MORE)})
    assert values(forwards("of_c", "labs"), own, both("own", "of_c")) == {995 + 50}
    assert values(own, forwards("of_c", "labs"), both("of_c", "own")) == {5 + 9950}


def test_a_name_that_no_c_function_has_is_one_thing_in_a_module() -> None:
    named = Unit("a.b", INTEGER, ir("%r = add i64 %x, 7\nret i64 %r").replace("@bad.impl", '@"a.b.impl"'))
    other = forwards("other", "a.b", externals={"a.b": address(MORE)})
    assert values(named, other, both("a.b", "other")) == {2 + 9950}


def test_a_unit_has_the_name_of_the_body_of_another() -> None:
    one = Unit("a", INTEGER, ir("%r = add i64 %x, 7\nret i64 %r").replace("@bad", "@a"))
    two = Unit("a.impl", INTEGER, ir("%r = add i64 %x, 9\nret i64 %r").replace("@bad.impl", '@"a.impl.impl"'))
    assert values(one, two, both("a", "a.impl")) == {2 + 40}


def test_an_external_of_the_engine_and_a_unit_cannot_have_one_name_unless_c_has_it() -> None:
    named = Unit("a.b", INTEGER, ir("ret i64 %x").replace("@bad.impl", '@"a.b.impl"'))
    with Engine(externals={"a.b": 1}) as engine, pytest.raises(ValueError, match=r"a\.b is an external of the engine"):
        engine.define(named)
    labs = Unit("labs", INTEGER, ir("ret i64 7").replace("@bad", "@labs"))
    own = {"labs": address(MORE)}
    assert values(labs, forwards("other", "labs"), both("labs", "other"), externals=own) == {7 + 9950}


def test_names_in_modules_begin_with_what_no_symbol_may_begin_with() -> None:
    with Engine() as engine:
        engine.define(both("labs"), forwards("labs", "labs"))
        assert "call tailcc i64 @jit.stub.labs(" in engine.ir("bad", Tier.BASELINE)


def test_types_of_an_external() -> None:
    """Nothing is known of an external that has another address than the C function of its name: not even its type."""
    add = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(lambda x, y: x + y)
    text = "%r = call i64 @strlen(i64 %x, i64 1)\nret i64 %r"
    root = Unit("bad", INTEGER, ir(text, "declare i64 @strlen(i64, i64)"), externals={"strlen": address(add)})
    assert values(root) == {-4}
