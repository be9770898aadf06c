"""A whole program as native code: its units, C's ``main``, and the functions that C can call, in one module."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from kaleido.build.startup import MAIN, main_unit, startup_data, startup_units
from kaleido.build.static_program import StaticProgram
from kaleido.codegen.mangling import signature
from kaleido.jit import DebugInfo, Engine, Policy, RunCounter, Unit, quoted
from kaleido.jit.ahead_of_time import Form, Machine

__all__ = ["native_code"]

# Architectures of 32 bits. C's types have other sizes there, and that of Intel computes with more digits.
_NARROW = re.compile(r"i\d86|x86|arm(?!64).*|thumb.*|wasm32|riscv32|mips(el)?|powerpc|ppc|sparc")


def native_code(
    program: StaticProgram,
    form: Form,
    machine: Machine,
    *,
    entry: str = "",
    callable_from_c: Sequence[str] = (),
    debug: bool = False,
) -> bytes:
    """The program in a form, for a machine.

    With an `entry`, a C function ``int entry(void)`` runs the program, and `main`, which calls it, gives way to one of
    another object. Without, there is only `main`. `callable_from_c` are names of functions of the program. `debug` says
    whether lines and variables are described, as far as its session has recorded them.

    Raises ValueError where LLVM rejects or does not know something, OSError where its subprocess fails.
    """
    triple = machine.triple or _host_triple()
    if _NARROW.fullmatch(triple.partition("-")[0]):
        raise ValueError(f"{triple} is a platform of 32 bits: programs need one of 64 bits")
    start = [*startup_units(entry, triple), main_unit(entry)] if entry else startup_units(MAIN, triple)
    units = {unit.symbol: unit for unit in program.units}
    exported = [_exported(name, *program.functions[name], units) for name in callable_from_c]
    names = [MAIN, *([entry] if entry else ()), *callable_from_c]
    with Engine(Policy(check=False, debug=debug)) as engine:
        engine.define(*program.units, *start, *exported, *program.data, *startup_data(triple))
        return engine.object_file(*names, weak=[MAIN] if entry else (), form=form, machine=machine)


def _exported(name: str, symbol: str, parameters: Sequence[str], units: Mapping[str, Unit]) -> Unit:
    """The unit for C function `name`, which calls the function of the language, and is where that begins."""
    kind = signature(len(parameters))
    ir = (
        f"define {kind.prototype(f'{name}.impl')} nounwind {{\n{kind.forward(quoted(symbol))}}}\n"
        f"declare {kind.prototype(symbol)}\n"
    )
    debug = units[symbol].debug
    return Unit(name, kind, ir, {symbol: kind}, counter=RunCounter.NONE, debug=partial(_at_beginning, debug, ir))


def _at_beginning(debug: Callable[[], DebugInfo] | None, ir: str) -> DebugInfo:
    """Debug information for IR that calls what begins where `debug` says."""
    found = debug() if debug is not None else DebugInfo("", "", 1, ())
    places = [(found.line, 0, 0) if line.startswith("  ") else None for line in ir.split("\n")]
    return found._replace(places=places, scopes=((0, 0, 0),), variables=())


def _host_triple() -> str:
    from llvmlite.binding import get_default_triple

    triple: str = get_default_triple()
    return triple
