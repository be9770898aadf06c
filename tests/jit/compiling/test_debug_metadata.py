"""Debug information: metadata that LLVM accepts, in linked and optimized modules, and the same code as without it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import llvmlite.binding as llvm
import pytest

from kaleido.jit import DebugInfo, DebugVariable, Engine, Policy, Signature, Tier, Unit
from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.debug_metadata import with_lines, with_variables
from kaleido.jit.compiling.llvm import Target
from tests.jit.tiny import units

PROGRAMS = {
    "calls": "(define (f x) (+ (g x) 1)) (define (g x) (* x x))",
    "recursion": "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))",
    "mutual recursion": "(define (f n) (if (< n 1) 0 (+ 1 (g (- n 1))))) (define (g n) (if (< n 1) 1 (+ 2 (f n))))",
    "tail calls in a cycle": "(define (f n) (if (< n 1) 0 (do (+ (f (- n 1)) 1) (g n)))) (define (g n) (f (- n 1)))",
    "no result": "(define (f:void n p:ptr) (if (< n 1) (store p n) (do (f:void (- n 1) p) (f:void (- n 2) p))))",
    "a loop": "(define (f n) (let i 0 (while (< i n) (set i (+ i (g i)))) i)) (define (g i) (+ i 1))",
}


def described(unit: Unit, file: str = "tiny.lisp") -> Unit:
    """A unit each line of whose IR comes from a line of its own."""
    lines = unit.ir.split("\n")
    head = next(index for index, line in enumerate(lines) if line.startswith("define "))
    end = lines.index("}", head)
    places = [
        (index + 1, index % 80 + 1, 0) if head < index < end and lines[index].startswith("  ") else None
        for index in range(len(lines))
    ]
    found = ((line, re.match(r"  (%\S+) = alloca double", line)) for line in lines)
    variables = [DebugVariable(name[1], name[1], head + 1) for _, name in found if name is not None]
    info = DebugInfo(file, "", 1, places, variables=variables)
    return replace(unit, debug=lambda: info, nested_units=tuple(described(each) for each in unit.nested_units))


def modules(group: Sequence[Unit], tier: Tier) -> tuple[str, bytes]:
    """The IR of a verified module, and its machine code."""
    compiler = Compiler(Target(Policy()), None)
    with compiler.module(group, tier) as module:
        module.verify()
        return str(module), text(compiler.emit(module, tier).data)


def text(data: bytes) -> bytes:
    """The machine code and the constants in an object file."""
    sections = llvm.ObjectFileRef.from_data(data).sections()
    return b"".join(each.data() for each in sections if (each.name() or b"").startswith((b".text", b".rodata")))


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("make", [lambda unit, tier: with_lines(unit, 0), with_variables], ids=["lines", "variables"])
@pytest.mark.parametrize("tier", Tier)
def test_llvm_accepts_it_and_the_code_is_the_same(program: str, make: Callable[[Unit, Tier], Unit], tier: Tier) -> None:
    with Engine() as engine:
        defined = list(map(described, units(PROGRAMS[program])))
        engine.define(*defined)
        group = engine.inline_group(defined[0].symbol, tier)
    plain, code = modules(group, tier)
    ir, with_debug = modules([make(unit, tier) for unit in group], tier)
    # LLVM drops all of a module's debug information where one part of it is wrong.
    heads = [line for line in ir.split("\n") if line.startswith("define ")]
    assert heads and all("!dbg !" in head for head in heads)
    assert "!dbg" not in plain
    assert with_debug == code


def test_copies_of_a_function_keep_their_places() -> None:
    with Engine() as engine:
        engine.define(*map(described, units(PROGRAMS["recursion"])))
        group = engine.inline_group("fib", Tier.OPTIMIZED)
    ir, _ = modules([with_variables(unit, Tier.OPTIMIZED) for unit in group], Tier.OPTIMIZED)
    assert "recursion" in ir
    subtractions = re.findall(r"= add .*, -[12]\b.*", ir)
    assert len(subtractions) > 4
    for line in subtractions:
        number = line.partition("!dbg !")[2]
        assert re.search(rf"^!{number} = !DILocation\(line: \d+, column: \d+, scope: ", ir, re.MULTILINE), line


ODD = ['say "hi"\\', "<entry 3>", "näme", "a\nb", "!5"]


@pytest.mark.parametrize("name", ODD)
def test_names_and_places_of_any_kind(name: str) -> None:
    ir = "define tailcc double @f.impl(double %x) nounwind {\n  %y = fadd double %x, 1.0\n  ret double %y\n}\n"
    info = DebugInfo(name, "", 1 << 30, [None, (1 << 30, 1 << 20, 0), (2, 0xFFFF, 1)], [(0, 1, 1), (0, 1, 1 << 20)])
    unit = Unit("f", Signature("double", ("double",)), ir, name=name, debug=lambda: info)
    for each in (with_variables(unit, Tier.BASELINE), with_lines(unit, 3)):
        found, _ = modules([each], Tier.BASELINE)
        # LLVM has 16 bits for a column: a larger one is unknown.
        assert "!DILocation(line: 1073741824, scope:" in found
        assert "!DILocation(line: 2, column: 65535, scope:" in found


def test_a_unit_without_debug_information_stays_as_it_is() -> None:
    [unit] = units("(define (f x) x)")
    assert with_lines(unit, 0) is unit
    assert with_variables(unit, Tier.BASELINE) is unit


def test_metadata_of_a_front_end_s_own_is_accepted() -> None:
    """The IR of a unit may have it: it is checked, compiled in both tiers, and copied with a recursive function."""
    [unit] = map(described, units(PROGRAMS["recursion"]))
    with Engine() as engine:
        engine.define(with_variables(unit, Tier.OPTIMIZED))
        assert engine.call("fib", 10) == 55
        engine.optimize("fib")
        assert engine.call("fib", 20) == 6765
        assert "recursion" in engine.ir("fib", Tier.OPTIMIZED)
        assert "!DISubprogram" in engine.ir("fib", Tier.OPTIMIZED)
