"""A whole program as native code: its units, C's ``main``, and the functions that C can call, in one module."""

from __future__ import annotations

from collections.abc import Sequence

from kaleido.build.startup import MAIN, main_unit, startup_data, startup_units
from kaleido.build.static_program import StaticProgram
from kaleido.codegen.mangling import signature
from kaleido.jit import Engine, Policy, RunCounter, Unit, quoted
from kaleido.jit.ahead_of_time import Form, Machine

__all__ = ["native_code"]


def native_code(
    program: StaticProgram, form: Form, machine: Machine, *, entry: str = "", callable_from_c: Sequence[str] = ()
) -> bytes:
    """The program in a form, for a machine.

    With an `entry`, a C function ``int entry(void)`` runs the program, and `main`, which calls it, gives way to one of
    another object. Without, there is only `main`. `callable_from_c` are names of functions of the program.

    Raises ValueError where LLVM rejects or does not know something, OSError where its subprocess fails.
    """
    triple = machine.triple or _host_triple()
    start = [*startup_units(entry, triple), main_unit(entry)] if entry else startup_units(MAIN, triple)
    exported = [_exported(name, *program.functions[name]) for name in callable_from_c]
    names = [MAIN, *([entry] if entry else ()), *callable_from_c]
    with Engine(Policy(check=False)) as engine:
        engine.define(*program.units, *start, *exported, *program.data, *startup_data(triple))
        return engine.object_file(*names, weak=[MAIN] if entry else (), form=form, machine=machine)


def _exported(name: str, symbol: str, parameters: Sequence[str]) -> Unit:
    """The unit for C function `name`, which calls the function of the language."""
    kind = signature(len(parameters))
    ir = (
        f"define {kind.prototype(f'{name}.impl')} nounwind {{\n{kind.forward(quoted(symbol))}}}\n"
        f"declare {kind.prototype(symbol)}\n"
    )
    return Unit(name, kind, ir, {symbol: kind}, counter=RunCounter.NONE)


def _host_triple() -> str:
    from llvmlite.binding import get_default_triple

    triple: str = get_default_triple()
    return triple
