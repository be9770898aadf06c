"""Units at -O3 with arguments that are taken for constants: see ``program.speculation`` for when, and for failures.

Nothing is cloned. The name of a unit in a module that binds it is a small function that is always inlined
(``static_stub``). Here that function is a *guard*: it compares the arguments, and passes the constants to the body. So
each call of the body in the module passes the same constants, and LLVM's interprocedural constant propagation
puts them into the body. A recursive call that passes its argument on has no guard left.

Bits are compared, not values: 0.0 is not -0.0 to a guard.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

from kaleido.jit.compiling.module_names import generic_name, stub_name
from kaleido.jit.unit import Signature, Unit, quoted

__all__ = ["Constants", "constant", "guarded_entry", "guarded_stub", "special_body", "value"]

Constants = Mapping[str, Mapping[int, int]]
"""For some units, by symbol, the arguments that are constants: the bits of each, by its index from 0."""

_INTEGERS = {f"i{size}": size for size in (1, 8, 16, 32, 64)}
_FLOATING = {"float": "i32", "double": "i64"}


def constant(kind: str, bits: int) -> str | None:
    """The constant of a type that has these bits, as LLVM writes it; None where it is not to be used.

    A pointer that is not null says nothing about the memory it points to. A NaN is left out because LLVM may compute
    another one than the processor, and its sign and payload can be seen.
    """
    if kind == "ptr":
        return "null" if bits == 0 else None
    if kind in _INTEGERS:
        return str(bits)
    if kind not in _FLOATING:
        return None
    number = value(kind, bits)
    # LLVM writes a float as the double of the same value.
    [double] = struct.unpack("=Q", struct.pack("=d", number))
    return None if math.isnan(number) else f"0x{double:016X}"


def value(kind: str, bits: int) -> float:
    """The number that has these bits, as Python has it: integers are signed, and a pointer is its address."""
    if kind in _FLOATING:
        [number] = struct.unpack("=d", struct.pack("=Q", bits)) if kind == "double" else _single(bits)
        return float(number)
    size = _INTEGERS.get(kind, 0)
    return bits - (1 << size) if size > 1 and bits >> size - 1 else bits


def _single(bits: int) -> tuple[float]:
    return struct.unpack("=f", struct.pack("=I", bits))


def special_body(unit: Unit) -> str:
    """The name of the body of a unit where a guard has its own."""
    return f"{unit.body}.special"


def guarded_entry(unit: Unit, constants: Mapping[int, int]) -> str:
    """IR of a guard that has the name of a unit's body. The body itself is :func:`special_body`."""
    return _guard(unit, constants, f"{unit.signature.prototype(unit.body)} nounwind", special_body(unit))


def guarded_stub(unit: Unit, constants: Mapping[int, int], body: str) -> str:
    """IR of a guard in place of the static stub of a unit whose body is called `body`."""
    return _guard(unit, constants, f"{unit.signature.prototype(stub_name(unit.symbol))} alwaysinline nounwind", body)


def _guard(unit: Unit, constants: Mapping[int, int], head: str, body: str) -> str:
    signature, generic = unit.signature, generic_name(unit.symbol)
    arguments = [f"{kind} %{index}" for index, kind in enumerate(signature.parameters)]
    lines, decided = [], "true"
    for index, bits in constants.items():
        kind = signature.parameter_types[index]
        arguments[index] = f"{signature.parameters[index]} {constant(kind, bits)}"
        lines += [*_test(index, kind, bits), f"  %all.{index} = and i1 {decided}, %is.{index}"]
        decided = f"%all.{index}"
    return "\n".join(
        [
            f"declare {signature.prototype(body)}",
            f"declare {signature.prototype(generic)}",
            f"define {head} {{",
            *lines,
            f'  br i1 {decided}, label %special, label %generic, !prof !{{!"branch_weights", i32 2000, i32 1}}',
            f"special:\n{_jump('special', signature, body, ', '.join(arguments))}",
            f"generic:\n{_jump('generic', signature, generic, signature.arguments)}}}\n",
        ]
    )


def _test(index: int, kind: str, bits: int) -> list[str]:
    """Instructions that compare an argument with a constant; the result is ``%is.INDEX``."""
    # An argument that is not used may be undefined, and a branch must not depend on that.
    lines, argument = [f"  %frozen.{index} = freeze {kind} %{index}"], f"%frozen.{index}"
    if kind in _FLOATING:
        lines.append(f"  %bits.{index} = bitcast {kind} {argument} to {_FLOATING[kind]}")
        kind, argument = _FLOATING[kind], f"%bits.{index}"
    return [*lines, f"  %is.{index} = icmp eq {kind} {argument}, {constant(kind, bits)}"]


def _jump(name: str, signature: Signature, function: str, arguments: str) -> str:
    if signature.result == "void":
        return f"  musttail call tailcc void {quoted(function)}({arguments})\n  ret void"
    call = f"musttail call tailcc {signature.result} {quoted(function)}({arguments})"
    return f"  %{name}.result = {call}\n  ret {signature.result_type} %{name}.result"
