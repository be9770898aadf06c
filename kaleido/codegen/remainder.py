"""``x % y``, without a call where the quotient is not huge: the bits that C's ``fmod`` returns.

The algorithm. For a = abs(x) and b = abs(y): where a < b, the result is x. Where q = a/b, rounded, is less than 2^53:

    r = fma(-trunc(q), b, a);  if r < 0: r = r + b;  the result is copysign(r, x)

Division, truncation, one fused multiply-add, one correction: gnulib's ``remainder`` has the same shape, for another
rounding of the quotient. Everything else, which is an infinite x, NaNs, division by zero and huge quotients, calls
``fmod``; it reduces such quotients bit by bit.

The test for a < b is not necessary for a finite b: it is a branch that is mostly predicted, and then a loop such as
``at = (at + step) % size`` does not wait for a division.

Why it is exact. Where a < b, x is the remainder, also if b is infinite. Otherwise b is finite. Let t be the integer
part of the true quotient, m = a - t*b the true result, and n = trunc(q).

- n is t or t + 1. Rounding is monotonic, and integers up to 2^53 are doubles: from t <= a/b < t + 1 follows
  t <= q <= t + 1.
- If n = t, r is m. It is a double: m is a multiple of the smaller of the units in the last place of a and b, at most a,
  and less than b. So the fused multiply-add, which rounds once, does not round. Zero has the sign of x at the end.
- If n = t + 1, the quotient was rounded up to n, so a/b < n, and r is m - b < 0. As a > b, b has the smaller unit in
  the last place, and m - b is a multiple of it and at most b: a double. Adding b gives m, which is a double, too.

A remainder by a power of two that is a literal stays an ``frem``: LLVM expands that to a multiplication, a truncation
and a fused multiply-add, without any condition.

Where the processor has no fused multiply-add, LLVM would call ``fma`` of the C library, which takes longer than
``fmod``. There all of this is an ``frem``, which calls ``fmod``.
"""

from __future__ import annotations

import math

from kaleido.codegen.writer import FunctionWriter, constant
from kaleido.jit import has_fused_multiply_add

__all__ = ["remainder"]

_EXACT_INTEGERS = constant(2.0**53)

# Not an `frem`: LLVM may execute that ahead of the condition, as it has no side effect. It never does so with a call.
_FMOD = "declare double @fmod(double, double) nobuiltin nounwind willreturn memory(none)"


def remainder(writer: FunctionWriter, left: str, right: str, divisor: float | None) -> str:
    """Emit the remainder of two values, and return its name. `divisor` is the second one if it is a literal."""
    if not has_fused_multiply_add() or (divisor is not None and _is_power_of_two(divisor)):
        return writer.value(f"frem double {left}, {right}")
    magnitudes = [_call(writer, "fabs", value) for value in (left, right)]
    smaller = writer.value(f"fcmp olt double {', '.join(magnitudes)}")
    divide, inline, call, end = map(writer.local, ("divide", "inline", "fmod", "end"))
    before = f"%{writer.block}"
    writer.branch(smaller, end, divide)
    writer.begin(divide)
    quotient = writer.value(f"fdiv double {', '.join(magnitudes)}")
    writer.branch(writer.value(f"fcmp olt double {quotient}, {_EXACT_INTEGERS}"), inline, call)
    writer.begin(inline)
    reduced = _call(writer, "copysign", _reduced(writer, quotient, *magnitudes), left)
    writer.emit(f"br label {end}")
    writer.begin(call)
    writer.declare_external(_FMOD)
    called = writer.value(f"call double @fmod(double {left}, double {right}) nobuiltin")
    writer.emit(f"br label {end}")
    writer.begin(end)
    return writer.value(f"phi double [ {left}, {before} ], [ {reduced}, {inline} ], [ {called}, {call} ]")


def _reduced(writer: FunctionWriter, quotient: str, dividend: str, divisor: str) -> str:
    whole = _call(writer, "trunc", quotient)
    negative = writer.value(f"fneg double {whole}")
    rest = _call(writer, "fma", negative, divisor, dividend)
    corrected = writer.value(f"fadd double {rest}, {divisor}")
    is_below = writer.value(f"fcmp olt double {rest}, {constant(0.0)}")
    return writer.value(f"select i1 {is_below}, double {corrected}, double {rest}")


def _call(writer: FunctionWriter, name: str, *arguments: str) -> str:
    """A call of an LLVM intrinsic of doubles."""
    kinds = ", ".join(["double"] * len(arguments))
    writer.declare_external(f"declare double @llvm.{name}.f64({kinds})")
    return writer.value(f"call double @llvm.{name}.f64({', '.join(f'double {each}' for each in arguments)})")


def _is_power_of_two(value: float) -> bool:
    return math.isfinite(value) and value >= 1.0 and math.frexp(value)[0] == 0.5
