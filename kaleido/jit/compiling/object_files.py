"""Object files of units for ahead-of-time use: all calls are bound in one module, and C can call what is exported.

There are no stubs and no tiers: what the engine provides to running code (see ``native.faults``) does nothing. Data are
variables of the object file with their initial values; thread-local data are those of the platform. Externals keep
their names, for the linker to find: the addresses that they have here mean nothing there.

``foreign_machines`` compiles for another machine than this one.
"""

from __future__ import annotations

from collections.abc import Sequence

import llvmlite.binding as llvm

from kaleido.jit.ahead_of_time import ClosedProgram, Form
from kaleido.jit.compiling.compiler import Compiler, link_dynamically, static_stub
from kaleido.jit.compiling.counting import define_counting
from kaleido.jit.compiling.debug_metadata import with_entry_place, with_one_compile_unit, with_variables
from kaleido.jit.compiling.llvm import closed_on_error, link_in, rename
from kaleido.jit.compiling.stack_walks import with_unwind_tables
from kaleido.jit.signature import Signature, quoted
from kaleido.jit.unit import Data, Tier, Unit, c_name

__all__ = ["object_file"]

_PROVIDED = """
define ptr @jit.leave() alwaysinline nounwind { ret ptr null }
define void @jit.reenter(ptr %thread) alwaysinline nounwind { ret void }
define zeroext i1 @jit.put.byte(ptr %stream, i32 %byte) alwaysinline nounwind { ret i1 false }
"""


def object_file(compiler: Compiler, program: ClosedProgram, form: Form, *, debug: bool = False) -> bytes:
    """A program for the machine of the compiler's target, in a form; with `debug`, it has debug information.

    Raises ValueError where LLVM rejects the IR, or one name would be two things; UnitError where a transform fails.
    """
    try:
        module = _linked(compiler, program, debug=debug)
        if program.tier is Tier.BASELINE:
            module = compiler.bind(module)
        else:
            module, _ = compiler.optimize(module, list(program.units))
        with module:
            rename(module, {_entry(unit): unit.symbol for unit in program.exports})
            return compiler.emit_as(module, form, program.tier)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _linked(compiler: Compiler, program: ClosedProgram, *, debug: bool) -> llvm.ModuleRef:
    """One module with everything, in which only the entries for C can be seen from outside."""
    units = [_described(unit, program.tier) if debug else unit for unit in program.units]
    exports = program.exports
    signatures = {unit.symbol: unit.signature for unit in units}
    callbacks = {name for unit in units for name in unit.c_functions}
    parts = [
        *(static_stub(unit, _stub_name) for unit in units),
        *map(_definition, program.data),
        *(_c_function(c_name(symbol), symbol, signatures[symbol]) for symbol in sorted(callbacks)),
    ]
    transform = compiler.transformed if program.tier is Tier.BASELINE else None
    module = link_dynamically(units, lambda unit: {name: _stub_name(name) for name in unit.calls}, transform)
    with closed_on_error(module):
        link_in(module, "\n".join([*parts, *_needed(units)]))
        for unit in exports:
            entry = _c_function(_entry(unit), unit.symbol, unit.signature)
            entry += f"declare {unit.signature.prototype(unit.body)}\n"
            link_in(module, with_entry_place(entry, unit) if debug else entry)
        define_counting(module, units, Tier.OPTIMIZED)
        kept = {_entry(unit): "weak_any" if unit.symbol in program.weak else "external" for unit in exports}
        for each in [*module.functions, *module.global_variables]:
            if not each.is_declaration:
                each.linkage = kept.get(each.name, "internal")
        return with_one_compile_unit(module) if debug else module


def _described(unit: Unit, tier: Tier) -> Unit:
    return with_variables(with_unwind_tables(unit), tier, linked=True)


def _needed(units: Sequence[Unit]) -> list[str]:
    return [_PROVIDED] if any("jit." in unit.ir for unit in units) else []


def _stub_name(symbol: str) -> str:
    # Not the symbol: the entry for C has that, and a unit may use a C function of that name.
    return f"jit.stub.{symbol}"


def _entry(unit: Unit) -> str:
    return f"jit.entry.{unit.symbol}"


def _c_function(name: str, symbol: str, signature: Signature) -> str:
    """A function of C's convention that calls the body of a unit."""
    call = f"call tailcc {signature.result} {quoted(f'{symbol}.impl')}({signature.arguments})"
    end = "ret void" if signature.result == "void" else f"ret {signature.result_type} %result"
    assign = "" if signature.result == "void" else "%result = "
    head = f"{signature.c_result} {quoted(name)}({signature.arguments})"
    return f"define {head} nounwind {{\n  {assign}{call}\n  {end}\n}}\n"


def _definition(data: Data) -> str:
    if not data.thread_local:
        return f"{quoted(data.symbol)} = global {data.type} {data.initializer}\n"
    variable = quoted(f"{data.symbol}.variable")
    return (
        f"{variable} = internal thread_local global {data.type} {data.initializer}\n"
        "declare ptr @llvm.threadlocal.address.p0(ptr)\n"
        f"define ptr {quoted(data.symbol)}() nounwind {{\n"
        f"  %address = call ptr @llvm.threadlocal.address.p0(ptr {variable})\n  ret ptr %address\n}}\n"
    )
