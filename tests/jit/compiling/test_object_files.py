"""``Engine.object_file``: units as an object file, linked with C and run as a program of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kaleido.jit import Data, Engine, Policy, RunCounter, Signature, Tier, UndefinedUnit, Unit, UnitError
from tests.jit.helpers import TIMEOUT, callback, sync
from tests.jit.test_c_functions import compare, sort
from tests.jit.tiny import unit, units

COMPILER = shutil.which("cc")

MAIN = """
#include <stdio.h>
long sum(long); double half(long); long count(void); void sort(long *, long); _Bool odd(signed char); long pair(long);
long twice(long x) { return 2 * x; }
int main(void) {
  long items[] = {3, -1, 2};
  sort(items, 3);
  long first = count();
  printf("%ld %g %ld %ld %d %d %ld", sum(10), half(5), first, count(), odd(3), odd(-2), pair(20));
  printf(" %ld %ld %ld\\n", items[0], items[1], items[2]);
}
"""

PROGRAM = """
(define (sum n) (let s 0 (let i 0 (do (while (< i n) (do (set i (+ i 1)) (set s (+ s (square i))))) s))))
(define (square x) (foreign twice (* x x)))
(define (half:double x) (* (real x) 0.5))
"""

INTEGER = Signature("i64", ("i64",))
PAIR = Signature("{ i64, i64 }", ("i64",))


def counting() -> list[Unit | Data]:
    """A variable of all threads and one of each, both counted up."""
    ir = """@all = external global i64
declare ptr @own()
define tailcc i64 @count.impl() nounwind {
  %p = call ptr @own()
  %a = load i64, ptr @all
  %b = load i64, ptr %p
  %c = add i64 %a, 1
  %d = add i64 %b, 1
  store i64 %c, ptr @all
  store i64 %d, ptr %p
  %e = mul i64 %c, 1000
  %f = add i64 %e, %d
  ret i64 %f
}
"""
    names = frozenset({"all", "own"})
    count = Unit("count", Signature("i64", ()), ir, data=names)
    return [Data("all", "i64", "40"), Data("own", "i64", "7", thread_local=True), count]


def others() -> list[Unit]:
    odd = """define tailcc i1 @odd.impl(i8 signext %x) nounwind {
  %r = trunc i8 %x to i1
  ret i1 %r
}
"""
    split = """define tailcc { i64, i64 } @split.impl(i64 %x) nounwind {
  %a = insertvalue { i64, i64 } zeroinitializer, i64 %x, 0
  %b = insertvalue { i64, i64 } %a, i64 1, 1
  ret { i64, i64 } %b
}
"""
    pair = """declare tailcc { i64, i64 } @split(i64)
define tailcc i64 @pair.impl(i64 %x) nounwind {
  %p = call tailcc { i64, i64 } @split(i64 %x)
  %a = extractvalue { i64, i64 } %p, 0
  %b = extractvalue { i64, i64 } %p, 1
  %r = add i64 %a, %b
  ret i64 %r
}
"""
    return [
        Unit("odd", Signature("i1", ("i8 signext",)), odd),
        Unit("split", PAIR, split),
        Unit("pair", INTEGER, pair, {"split": PAIR}),
    ]


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")
@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("policy", [Policy(optimize=False), sync(2), Policy(baseline=False)])
def test_c_calls_what_is_exported(policy: Policy, tier: Tier, tmp_path: Path) -> None:
    twice = callback(lambda x: 2 * x)
    with Engine(policy) as engine:
        engine.define(*units(PROGRAM, {"twice": twice.address}), *counting(), sort(), compare(), *others())
        engine.call("count")
        names = ["sum", "half", "count", "sort", "odd", "pair"]
        (tmp_path / "units.o").write_bytes(engine.object_file(*names, tier=tier))
        assert engine.call("sum", 10) == 770
    (tmp_path / "main.c").write_text(MAIN)
    command = [str(COMPILER), "main.c", "units.o", "-o", "program"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=TIMEOUT)
    done = subprocess.run([tmp_path / "program"], stdout=subprocess.PIPE, timeout=TIMEOUT)
    assert (done.stdout, done.returncode) == (b"770 2.5 41008 42009 1 0 21 -1 2 3\n", 0)


@pytest.mark.skipif(shutil.which("nm") is None, reason="there is no nm")
def test_nothing_else_can_be_seen(tmp_path: Path) -> None:
    with Engine() as engine:
        engine.define(*counting(), sort(), compare())
        file = tmp_path / "units.o"
        file.write_bytes(engine.object_file("sort", "count"))
    listed = subprocess.run(["nm", "-P", str(file)], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    symbols = {line.split()[0]: line.split()[1] for line in listed}
    assert {name for name, kind in symbols.items() if kind.isupper() and kind != "U"} == {"sort", "count"}
    assert {name for name, kind in symbols.items() if kind == "U"} - {"_GLOBAL_OFFSET_TABLE_", "__tls_get_addr"} == {
        "qsort"
    }


def test_a_unit_with_the_name_of_a_library_function_is_exported_by_it() -> None:
    with Engine() as engine:
        engine.define(unit("(define (sqrt x) (* x x))"), unit("(define (f x) (sqrt x))"))
        assert b"sqrt" in engine.object_file("sqrt", "f")


def test_what_cannot_be_an_object_file() -> None:
    with Engine() as engine:
        engine.define(
            sort(), *others(), unit("(define (f x) (missing x))"), unit("(define (getppid x) (foreign getppid x))")
        )
        with pytest.raises(UndefinedUnit, match="sort calls compare"):
            engine.object_file("sort")
        with pytest.raises(KeyError, match="nothing"):
            engine.object_file("nothing")
        with pytest.raises(TypeError, match="the result of split"):
            engine.object_file("split")
        with pytest.raises(ValueError, match="at least one"):
            engine.object_file()
        with pytest.raises(ValueError, match="the module defines `getppid`"):
            engine.object_file("getppid")
        engine.define(unit("(define (g x) (getppid x))"))
        assert engine.object_file("g")
        first, second = callback(lambda x: x), callback(lambda x: x)
        for name, each in (("a", first), ("b", second)):
            engine.define(unit(f"(define ({name} x) (foreign c x))", {"c": each.address}))
        engine.define(unit("(define (both x) (+ (a x) (b x)))"))
        with pytest.raises(ValueError, match="another C function of the same name"):
            engine.object_file("both")


def test_it_changes_nothing() -> None:
    with Engine(sync(2)) as engine:
        engine.define(unit("(define (f x) x)", counter=RunCounter.CALLS))
        before = engine.stats()
        engine.object_file("f", "f")
        assert engine.stats() == before


def test_a_transform_is_applied_and_its_failure_named() -> None:
    seen: list[tuple[str, Tier]] = []

    def look(module: Any, each: Unit, tier: Tier) -> None:
        seen.append((each.symbol, tier))
        raise KeyError("no")

    with Engine(transform=look) as engine:
        engine.define(compare())
        with pytest.raises(UnitError, match="compare: the transform at -O3 has failed"):
            engine.object_file("compare")
    assert seen == [("compare", Tier.OPTIMIZED)]
