"""A whole program as native code: its units, C's ``main``, and the functions that C can call, in one module.

An executable for this machine has two: what does not depend on the program is an object file of its own, which comes
from the object cache, and so does the program if it is the same as before.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from kaleido.build.number_output import SHOW
from kaleido.build.startup import MAIN, RUN, main_unit, startup_data, startup_units
from kaleido.build.static_program import StaticProgram
from kaleido.codegen.mangling import signature
from kaleido.jit import DebugInfo, Engine, ObjectCache, Policy, RunCounter, Signature, Tier, Unit, quoted
from kaleido.jit.ahead_of_time import Form, Machine
from kaleido.language.prelude import PRELUDE

__all__ = ["executable_code", "native_code"]

_PLAIN = Policy(check=False)

# The C functions by which the two object files of an executable call each other.
_PROGRAM, _SHOW = "kaleido.program", "kaleido.show.number"

# The first line of a unit.
_HEAD = re.compile(r"^(define .*) \{$", re.MULTILINE)

# Architectures of 32 bits. C's types have other sizes there, and that of Intel computes with more digits.
_NARROW = re.compile(r"i\d86|x86|arm(?!64).*|thumb.*|wasm32|riscv32|mips(el)?|powerpc|ppc|sparc")


def native_code(
    program: StaticProgram,
    form: Form,
    machine: Machine,
    policy: Policy = _PLAIN,
    *,
    entry: str = "",
    callable_from_c: Sequence[str] = (),
    tier: Tier = Tier.OPTIMIZED,
) -> bytes:
    """The program in a form, for a machine, compiled at a tier.

    With an `entry`, a C function ``int entry(void)`` runs the program, and `main`, which calls it, gives way to one of
    another object. Without, there is only `main`. `callable_from_c` are names of functions of the program. With
    ``policy.debug``, lines and variables are described, as far as its session has recorded them.

    Raises ValueError where LLVM rejects or does not know something, OSError where its subprocess fails.
    """
    triple = machine.triple or _host_platform()
    if _NARROW.fullmatch(triple.partition("-")[0]):
        raise ValueError(f"{triple} is a platform of 32 bits: programs need one of 64 bits")
    start = [*startup_units(entry, triple), main_unit(entry)] if entry else startup_units(MAIN, triple)
    own = _prepared(program.units, tier)
    units = {unit.symbol: unit for unit in own}
    exported = [_exported(name, *program.functions[name], units) for name in callable_from_c]
    names = [MAIN, *([entry] if entry else ()), *callable_from_c]
    with Engine(policy) as engine:
        engine.define(*own, *start, *exported, *program.data, *startup_data(triple))
        return engine.object_file(*names, weak=[MAIN] if entry else (), form=form, machine=machine, tier=tier)


def executable_code(
    program: StaticProgram,
    machine: Machine,
    policy: Policy = _PLAIN,
    cache: ObjectCache | None = None,
    tier: Tier = Tier.OPTIMIZED,
) -> list[bytes]:
    """The object files of an executable, compiled at a tier.

    Raises ValueError and OSError as :func:`native_code` does.
    """
    if policy.debug or not machine.is_host:
        return [native_code(program, Form.OBJECT, machine, policy, tier=tier)]
    units = {unit.symbol: unit for unit in program.units}
    run, show = units.pop(RUN), units.pop(SHOW)
    own = [*units.values(), run, _calling_c(SHOW, show.signature, _SHOW)]
    common = [*startup_units(MAIN, _host_platform()), show, _calling_c(RUN, run.signature, _PROGRAM)]
    # A program that prints no value needs not the unit that does.
    names = [MAIN, _SHOW] if SHOW in run.calls else [MAIN]
    with Engine(policy, cache=cache) as engine:
        engine.define(*own, *program.data, _called_by_c(_PROGRAM, run.signature, RUN))
        program_object = engine.object_file(_PROGRAM, tier=tier)
    with Engine(policy, cache=cache) as engine:
        engine.define(*common, *startup_data(_host_platform()), _called_by_c(_SHOW, show.signature, SHOW))
        return [program_object, engine.object_file(*names)]


def _calling_c(symbol: str, kind: Signature, function: str) -> Unit:
    """A unit that calls a C function of the other object file, which has no address here."""
    call = f"call {kind.result} {quoted(function)}({kind.arguments})"
    end = "ret void" if kind.result == "void" else f"ret {kind.result_type} %result"
    ir = (
        f"define {kind.prototype(f'{symbol}.impl')} nounwind {{\n"
        f"  {call if kind.result == 'void' else f'%result = {call}'}\n  {end}\n}}\n"
        f"declare {kind.result} {quoted(function)}({', '.join(kind.parameters)}) nounwind\n"
    )
    return Unit(symbol, kind, ir, externals={function: 1}, counter=RunCounter.NONE)


def _called_by_c(function: str, kind: Signature, symbol: str) -> Unit:
    """The unit of a C function that calls a unit."""
    ir = f"define {kind.prototype(f'{function}.impl')} nounwind {{\n{kind.forward(quoted(symbol))}}}\n"
    ir += f"declare {kind.prototype(symbol)}\n"
    return Unit(function, kind, ir, {symbol: kind}, counter=RunCounter.NONE)


def _prepared(units: Sequence[Unit], tier: Tier) -> list[Unit]:
    """Units without debug information of the prelude, whose text is no file.

    At the baseline, its functions are inlined as they are at -O3: a debugger that steps into a function stops there.
    """
    return [_prelude_unit(unit, tier) if _is_of_prelude(unit) else unit for unit in units]


def _is_of_prelude(unit: Unit) -> bool:
    return unit.place is not None and unit.place.source == PRELUDE


def _prelude_unit(unit: Unit, tier: Tier) -> Unit:
    ir = unit.ir if tier is Tier.OPTIMIZED else _HEAD.sub(r"\1 alwaysinline {", unit.ir)
    return replace(unit, ir=ir, debug=None)


def _exported(name: str, symbol: str, parameters: Sequence[str], units: Mapping[str, Unit]) -> Unit:
    """The unit for C function `name`, which calls the function of the language, and is where that begins."""
    unit = _called_by_c(name, signature(len(parameters)), symbol)
    return replace(unit, debug=partial(_at_beginning, units[symbol].debug, unit.ir))


def _at_beginning(debug: Callable[[], DebugInfo] | None, ir: str) -> DebugInfo:
    """Debug information for IR that calls what begins where `debug` says."""
    found = debug() if debug is not None else DebugInfo("", "", 1, ())
    places = [(found.line, 0, 0) if line.startswith("  ") else None for line in ir.split("\n")]
    return found._replace(places=places, scopes=((0, 0, 0),), variables=())


def _host_platform() -> str:
    """This platform, as far as the startup depends on it, in the manner of LLVM's names: LLVM need not be loaded."""
    return f"{os.uname().machine}-{sys.platform}"
