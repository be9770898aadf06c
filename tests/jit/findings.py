"""What the engine does where authors of languages once found it wrong: ``python -m tests.jit.findings [--costs]``.

In November 2026, two front ends and some eighty probes were written against the engine from its documentation alone.
Each row is one of their findings, with what happened then and what happens now. The exit code is 1 if a row is not
right. `test_findings` runs the rows; the costs are measured only here, because times are no tests.
"""

from __future__ import annotations

import ctypes
import re
import runpy
import sys
import threading
import timeit
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from llvmlite import ir as builder

from kaleido.jit import LEAVE_JIT, REENTER_JIT, Data, Engine, Policy, RunCounter, Signature, Tier, Unit
from kaleido.jit.compiling.llvm import SharedContext, parse_alone, parse_as_it_is
from kaleido.jit.compiling.unit_checks import check_units
from tests.jit.compiling.wrong_units import DOUBLES, INTEGER, RET, G, bad, calls, ir
from tests.jit.tiny import unit as tiny

REAL = Signature("double", ("double",))
FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
SYNC = Policy(background=False)


class Row(NamedTuple):
    """One finding: what was tried, what happened then, what is right now (a part of what happens), and how to try."""

    tried: str
    then: str
    right: str
    happens: Callable[[], str]


def error(*definitions: Any, arguments: tuple[Any, ...] = (5,), **options: Any) -> str:
    """What `define` says, or the first call."""
    with Engine(SYNC, **options) as engine:
        step = "define"
        try:
            engine.define(DOUBLES, *definitions)
            step = "call"
            return f"call: {engine.call(definitions[-1].symbol, *arguments)}"
        except Exception as found:
            cause = f", because of {type(found.__cause__).__name__}" if found.__cause__ is not None else ""
            return f"{step}: {type(found).__name__}: {str(found).splitlines()[0]}{cause}"


def tiers(*definitions: Unit | Data, argument: int = 5) -> str:
    """The values of the last unit, at the baseline and optimized."""
    with Engine(SYNC) as engine:
        engine.define(DOUBLES, *definitions)
        symbol = definitions[-1].symbol
        before = engine.call(symbol, argument)
        engine.optimize(symbol)
        return f"O0: {before}, O3: {engine.call(symbol, argument)}"


def failing(*_: Any) -> None:
    raise RuntimeError("this pass is wrong")


SQRT = Unit("sqrt", REAL, "define tailcc double @sqrt.impl(double %x) nounwind {\nret double 42.0\n}\n")
USES_SQRT = bad(
    ir(
        "%f = call tailcc double @sqrt(double 4.0)\n%r = fptosi double %f to i64\nret i64 %r",
        "declare tailcc double @sqrt(double)",
    ),
    calls={"sqrt": REAL},
)
COUNTS = "%o = load i64, ptr @n\n%r = add i64 %o, 1\nstore i64 %r, ptr @n\nret i64 %r"

WRONG = (
    Row(
        "IR that does not parse", "late, without unit", "define: UnitError: bad, line 3", lambda: error(bad(ir("rett")))
    ),
    Row(
        "the types differ from the signature",
        "5.0",
        "define: UnitError: bad, line 2",
        lambda: error(bad(ir(RET), REAL)),
    ),
    Row(
        "`calls` says other types than the IR",
        "O0: 10, O3: 0",
        "define: UnitError: bad, line 1: calls `g` as i64 (double), but `g` is i64 (i64)",
        lambda: error(calls("call tailcc i64 @g(double 0.0)", "declare tailcc i64 @g(double)", **G)),
    ),
    Row(
        "a callee is missing in `calls`",
        "late, not named",
        "define: UnitError: bad, line 1: calls `g`, which is not among its `calls`",
        lambda: error(calls("call tailcc i64 @g(i64 %x)", "declare tailcc i64 @g(i64)")),
    ),
    Row(
        "the body has another name",
        "late, without unit",
        "define: UnitError: bad: defines `other.impl`",
        lambda: error(bad(ir(RET).replace("bad", "other"))),
    ),
    Row(
        "the body is not tailcc",
        "SIGSEGV",
        "define: UnitError: bad, line 2: its body `bad.impl` is not tailcc",
        lambda: error(bad(ir(RET, convention=""))),
    ),
    Row(
        "the call is not tailcc",
        "SIGSEGV",
        "define: UnitError: bad, line 1: declares `g` without tailcc",
        lambda: error(calls("call i64 @g(i64 %x)", "declare i64 @g(i64)", **G)),
    ),
    Row(
        "a variable of the unit's own",
        "state lost",
        "define: UnitError: bad, line 1: `n` is a variable",
        lambda: error(bad(ir(COUNTS, "@n = internal global i64 0\n"))),
    ),
    Row(
        "an object instead of text", "late, 'encode'", "its IR is of type object, not str", lambda: error(bad(object()))
    ),
    Row("a unit called sqrt", "O0: 42, O3: 2", "O0: 42, O3: 42", lambda: tiers(SQRT, USES_SQRT)),
    Row(
        "a C function that is nowhere",
        "late, not named",
        "define: UnresolvedName: bad, line 1: uses `no_such`",
        lambda: error(calls("call i64 @no_such(i64 %x)", "declare i64 @no_such(i64)")),
    ),
    Row(
        "a transform that raises",
        "the cause is lost",
        "call: UnitError: bad: the transform at -O0 has failed: RuntimeError: this pass is wrong, because of Runtime",
        lambda: error(bad(ir(RET)), transform=failing),
    ),
    Row(
        "an argument that is no number",
        "argument 3",
        "call: TypeError: argument 1 of bad is i64, not str",
        lambda: error(bad(ir(RET)), arguments=("five",)),
    ),
    Row(
        "2**70 as an i64",
        "0",
        "call: OverflowError: argument 1 of bad is i64",
        lambda: error(bad(ir(RET)), arguments=(2**70,)),
    ),
)


def address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def outside(callee: str, function: Any, more: str = "ret i64 %z", **rest: Any) -> Unit:
    """A unit that calls Python."""
    declared = f"declare i64 @{callee}(i64)\ndeclare ptr @{LEAVE_JIT}()\ndeclare void @{REENTER_JIT}(ptr)\n"
    declared += "declare tailcc i64 @g(i64)\n" if "calls" in rest else ""
    lines = f"%q = call ptr @{LEAVE_JIT}()\n%z = call i64 @{callee}(i64 %x)\ncall void @{REENTER_JIT}(ptr %q)\n{more}"
    return bad(ir(lines, declared), externals={callee: address(function)}, **rest)


def redefined_while_running() -> str:
    values = []
    thrice = Unit("g", INTEGER, DOUBLES.ir.replace("mul i64 %x, 2", "mul i64 %x, 3"))
    for optimize in (False, True):
        with Engine(SYNC) as engine:
            redefine = FUNCTION(lambda _, engine=engine: int(bool(engine.define(thrice))) * 0)
            then = "%r = call tailcc i64 @g(i64 %x)\nret i64 %r"
            engine.define(DOUBLES, outside("redefine", redefine, then, **G))
            if optimize:
                engine.optimize("bad")
            values += [engine.call("bad", 10), engine.call("bad", 10)]
    return str(values)


def together() -> str:
    """Two threads, each of which waits in a callback until the other is there."""
    barrier, values = threading.Barrier(2, timeout=30), []
    meet = FUNCTION(lambda _: int(barrier.wait() >= 0))
    with Engine() as engine:
        engine.define(outside("meet", meet))
        function = engine.function("bad")
        threads = [threading.Thread(target=lambda: values.append(function(0))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return f"both inside at once: {values == [1, 1]}"


def loop_again() -> str:
    symbol = "bad.loop"
    text = f"declare tailcc i64 @{symbol}(i64)\ndefine tailcc i64 @{symbol}.impl(i64 %x) nounwind {{\nret i64 %x\n}}\n"
    loop = Unit(symbol, INTEGER, text, {symbol: INTEGER}, counter=RunCounter.ITERATIONS)
    whole = calls(
        f"call tailcc i64 @{symbol}(i64 %x)",
        f"declare tailcc i64 @{symbol}(i64)",
        calls={symbol: INTEGER},
        nested_units=(loop,),
    )
    with Engine(SYNC) as engine:
        engine.define(whole)
        try:
            engine.define(whole)
        except ValueError as found:
            return str(found)
        return "accepted"


def loads_in_loop() -> str:
    """Whether a loop by pointers loads in each iteration at -O3, without ``noalias`` and with it."""
    found = []
    for attribute in ("", "noalias"):
        text = f"""
declare tailcc void @bad(ptr, ptr)
define tailcc void @bad.impl(ptr {attribute} %a, ptr {attribute} %b) nounwind {{
  %i = load i64, ptr %a
  %c = icmp sgt i64 %i, 0
  br i1 %c, label %body, label %done
body:
  %s = load i64, ptr %b
  %t = xor i64 %s, %i
  store i64 %t, ptr %b
  %j = sub i64 %i, 1
  store i64 %j, ptr %a
  musttail call tailcc void @bad(ptr %a, ptr %b)
  ret void
done:
  ret void
}}
"""
        kind = Signature("void", ("ptr", "ptr"))
        with Engine(SYNC) as engine:
            engine.define(Unit("bad", kind, text, {"bad": kind}))
            body = engine.ir("bad", Tier.OPTIMIZED).partition("\nbody:")[2].partition("br i1")[0]
            found.append(body.count(" load "))
    return f"{found[0] > 0} without, {found[1] > 0} with noalias"


COUNTER = Data("n", "i64", "0")

PROBES = (
    Row(
        "inline assembly",
        "ends the process",
        "O0: 6, O3: 6",
        lambda: tiers(calls('call i64 asm "leaq 1($1), $0", "=r,r"(i64 %x)', "")),
    ),
    Row(
        "assembly that is none",
        "ends the process",
        "UnitError: bad: LLVM cannot compile it",
        lambda: error(bad(ir('call void asm sideeffect "no such", ""()\nret i64 %x'))),
    ),
    Row(
        "the mode of the floating-point unit",
        "ends the process",
        "UnitError: bad, line 1: calls `llvm.set.fpmode.i64`, which changes how",
        lambda: error(
            bad(ir("call void @llvm.set.fpmode.i64(i64 0)\nret i64 %x", "declare void @llvm.set.fpmode.i64(i64)"))
        ),
    ),
    Row(
        "a function without a frame",
        "ends the process",
        "UnitError: bad, line 2: `bad.impl` is naked",
        lambda: error(bad(ir("unreachable", attributes="naked nounwind"))),
    ),
    Row(
        "a variable of several units",
        "splits at the swap",
        "O0: 1, O3: 2",
        lambda: tiers(COUNTER, bad(ir(COUNTS, "@n = external global i64\n"), data=frozenset({"n"}))),
    ),
    Row(
        "constructors",
        "run at -O3 only",
        "`llvm.global_ctors` is neither",
        lambda: error(bad(ir(RET, "@llvm.global_ctors = appending global [0 x { i32, ptr, ptr }] zeroinitializer\n"))),
    ),
    Row(
        "a thread-local variable",
        "LookupError",
        "`n` is thread-local",
        lambda: error(bad(ir(RET, "@n = internal thread_local global i64 0\n"))),
    ),
    Row("a callee that changes while its caller runs", "undocumented", "[30, 30, 20, 30]", redefined_while_running),
    Row("a loop by pointers", "3.5 times slower, undocumented", "True without, False with noalias", loads_in_loop),
    Row("two threads that wait for each other", "never end", "both inside at once: True", together),
    Row(
        "a loop with its symbol, defined again",
        "a wrong reason",
        "a nested unit has a new symbol in each version",
        loop_again,
    ),
    Row("a list of parameters", "unequal to the tuple", "True", lambda: str(Signature("i64", ["i64"]) == INTEGER)),  # type: ignore[arg-type]
    Row("units in a set", "TypeError", "1", lambda: str(len({DOUBLES, DOUBLES}))),
    Row(
        "a structure by value",
        "refused",
        "{ double, i64 }",
        lambda: Signature("i64", ("{ double, i64 }",)).parameters[0],
    ),
    Row(
        "an attribute in a signature",
        "refused",
        "ptr noalias",
        lambda: Signature("i64", ("ptr noalias",)).parameters[0],
    ),
)


def per_call(function: Callable[[], Any]) -> float:
    return min(timeit.repeat(function, number=2_000, repeat=25))


class Cost(NamedTuple):
    """A ratio of two things that are measured by turns, and the most that is right.

    `floor` is the part of it that LLVM takes to parse, verify and dispose of the text, which no check can leave out; 0
    for what is not a check.
    """

    what: str
    ratio: float
    most: float
    floor: float = 0.0


def costs() -> Iterator[Cost]:
    with Engine(SYNC) as engine:
        engine.define(DOUBLES)
        direct, bare = engine.function("g"), FUNCTION(engine.address("g"))
        pairs = [(per_call(lambda: direct(5)), per_call(lambda: bare(5))) for _ in range(5)]
        ratio = min(a for a, _ in pairs) / min(b for _, b in pairs)
        yield Cost("`Engine.function`, to a bare ctypes call", ratio, 3.0)

    for shape, unit in shapes().items():
        ratio, floor = check_ratios(unit)
        yield Cost(f"a check of {shape}, to a parse for compilation", ratio, 4 / 3, floor)


def check_ratios(unit: Unit) -> tuple[float, float]:
    """What a check takes, and what LLVM takes in it, in parses of the same text for compilation.

    These are minima of single runs that are taken by turns, each time of a unit with a new name: so that none has seen
    it before, and each finds the processor's caches as another has left them. The lines of a front end recur. Only the
    first units that have a line pay for it, and they are not measured.
    """
    context = SharedContext()
    steps: tuple[Callable[[Unit], None], ...] = (
        lambda each: check_units([each]),
        lambda each: parse_as_it_is(each.ir, context.get()).close(),
        lambda each: parse_alone(each.ir).close(),
    )
    times = [[timeit.timeit(partial(step, each), number=1) for step in steps] for each in map(named(unit), range(300))]
    checked, floor, parsed = map(min, zip(*times, strict=True))
    return checked / parsed, floor / parsed


def named(unit: Unit) -> Callable[[int], Unit]:
    """The same unit with a number at the end of its name."""

    def numbered(number: int) -> Unit:
        symbol = f"{unit.symbol}{number}"
        text = re.sub(rf'@("?){re.escape(unit.symbol)}(?=[."(])', lambda found: f"@{found[1]}{symbol}", unit.ir)
        calls = {symbol if each == unit.symbol else each: kind for each, kind in unit.calls.items()}
        return replace(unit, symbol=symbol, ir=text, calls=calls)

    return numbered


def shapes() -> dict[str, Unit]:
    """Units as front ends write them."""
    adds = [f"%a{n + 1} = add i64 %a{n}, {n}" for n in range(500)]
    many_calls = [f"%a{n + 1} = call tailcc i64 @g(i64 %a{n})" for n in range(100)]
    blocks = [f"b{n}:\n%c{n} = icmp sgt i64 %x, {n}\nbr i1 %c{n}, label %b{n + 1}, label %b100" for n in range(100)]
    tape = runpy.run_path(str(Path(__file__).parents[2] / "tutorials" / "languages" / "tape.py"))
    [procedure, *_], _ = tape["compile_text"]("step { ++[->++<] >>. step }")
    return {
        "one instruction": DOUBLES,
        "a loop by pointer": tiny("(define (count n) (let i 0 (do (while (< i n) (set i (+ i 1))) i)))").nested_units[
            0
        ],
        "500 instructions": bad(ir("\n".join([*adds, "ret i64 %a500"])).replace("%x", "%a0")),
        "100 calls": bad(ir("\n".join([*many_calls, "ret i64 %a100"]), G_DECLARED).replace("%x", "%a0"), **G),
        "100 blocks": bad(ir("\n".join(["br label %b0", *blocks, "b100:\nret i64 %x"]))),
        "a constant text": bad(ir(RET, '@t = private constant [6 x i8] c"<%ld>\\00"\n')),
        "data": bad(ir(COUNTS, "@n = external global i64\n"), data=frozenset({"n"})),
        "a function of llvmlite.ir": built(),
        "a procedure of Tape": replace(procedure, nested_units=()),
    }


G_DECLARED = "declare tailcc i64 @g(i64)\n"


def built() -> Unit:
    """A module of llvmlite.ir: a sum of calls."""
    module, kind = builder.Module(), builder.IntType(64)
    function = builder.Function(module, builder.FunctionType(kind, [kind]), "bad.impl")
    callee = builder.Function(module, builder.FunctionType(kind, [kind]), "g")
    function.calling_convention = callee.calling_convention = "tailcc"
    function.attributes.add("nounwind")
    code = builder.IRBuilder(function.append_basic_block())
    place = code.alloca(kind)
    code.store(function.args[0], place)
    for _ in range(10):
        value = code.load(place)
        with code.if_then(code.icmp_signed(">", value, kind(0)), likely=False):
            code.store(code.add(value, code.call(callee, [value], cconv="tailcc")), place)
    code.ret(code.load(place))
    return bad(str(module), **G)


def main(arguments: list[str]) -> int:
    wrong = 0
    for title, rows in (("Wrong inputs", WRONG), ("Probes", PROBES)):
        print(f"\n## {title}\n\n| tried | then | now | |\n|---|---|---|---|")
        for row in rows:
            now = row.happens()
            wrong += row.right not in now
            print(
                f"| {row.tried} | {row.then} | {now[:120]} | {'right' if row.right in now else 'WRONG'} |", flush=True
            )
    if "--costs" in arguments:
        print("\n## Costs\n\n| what | ratio | at most | LLVM's part | |\n|---|---|---|---|---|")
        for what, ratio, most, floor in costs():
            wrong += ratio > most
            print(
                f"| {what} | {ratio:.2f} | {most:.2f} | {f'{floor:.2f}' if floor else '-'} "
                f"| {'right' if ratio <= most else 'WRONG'} |"
            )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
