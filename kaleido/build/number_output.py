"""The unit that prints a double as ``repr`` of Python does: the fewest digits that read back as the same double.

For each number of digits, from one up, C's ``snprintf`` rounds correctly, and ``strtod`` reads the result back. That
alone does not find the fewest digits of some powers of two: below a power of two, doubles are twice as dense. So a
decimal above it may read back, although a nearer one below does not. Therefore the next decimal above is tried, too.
Which is tried first does not matter: both read back only if the nearest does, and that is the one to print.

Like Python, it uses an exponent below 1e-4 and from 1e16 on.
"""

from __future__ import annotations

from kaleido.jit import RunCounter, Signature, Unit, quoted

__all__ = ["SHOW", "show_unit", "text_constant"]

SHOW = "kaleido.show"
"""The symbol of the unit. It prints its argument on a line of standard output."""

_TEXTS = {
    "minus": "-",
    "nothing": "",
    "zeros": "0000000000000000",
    "scientific": "%.*e",
    "exact": "%llue%d",
    "integer": "%llu",
    "not.a.number": "nan",
    "infinity": "%sinf\n",
    "small": "%s0.%.*s%s\n",
    "whole": "%s%s%.*s.0\n",
    "mixed": "%s%.*s.%s\n",
    "one.digit": "%s%se%+03d\n",
    "digits": "%s%.1s.%se%+03d\n",
}

_IR = r"""
define tailcc void @"kaleido.show.impl"(double %x) nounwind {
entry:
  %text = alloca [48 x i8]
  %is.nan = fcmp uno double %x, %x
  br i1 %is.nan, label %nan, label %number
nan:
  %written.nan = call i32 @puts(ptr @not.a.number)
  ret void
number:
  %bits = bitcast double %x to i64
  %is.negative = icmp slt i64 %bits, 0
  %sign = select i1 %is.negative, ptr @minus, ptr @nothing
  %size = call double @llvm.fabs.f64(double %x)
  %is.infinite = fcmp oeq double %size, 0x7FF0000000000000
  br i1 %is.infinite, label %infinite, label %search
infinite:
  %written.infinite = call i32 (ptr, ...) @printf(ptr @infinity, ptr %sign)
  ret void

; The fewest digits: `mantissa` times ten to the `power`.
search:
  %places = phi i32 [ 0, %number ], [ %more, %longer ]
  %length = call i32 (ptr, i64, ptr, ...) @snprintf(ptr %text, i64 48, ptr @scientific, i32 %places, double %size)
  %has.point = icmp sgt i32 %places, 0
  %after.point = add i32 %places, 2
  %mark = select i1 %has.point, i32 %after.point, i32 1
  %exponent.at = add i32 %mark, 1
  %exponent.text = getelementptr i8, ptr %text, i32 %exponent.at
  %exponent.long = call i64 @strtol(ptr %exponent.text, ptr null, i32 10)
  %exponent = trunc i64 %exponent.long to i32
  %power = sub i32 %exponent, %places
  %second = getelementptr i8, ptr %text, i32 1
  %third = getelementptr i8, ptr %text, i32 2
  %places.long = zext i32 %places to i64
  %moved = call ptr @memmove(ptr %second, ptr %third, i64 %places.long)
  %end.at = add i32 %places, 1
  %end = getelementptr i8, ptr %text, i32 %end.at
  store i8 0, ptr %end
  %nearest = call i64 @strtoull(ptr %text, ptr null, i32 10)
  br label %try
try:
  %mantissa = phi i64 [ %nearest, %search ], [ %above, %next ]
  %exact.length = call i32 (ptr, i64, ptr, ...) @snprintf(ptr %text, i64 48, ptr @exact, i64 %mantissa, i32 %power)
  %read = call double @strtod(ptr %text, ptr null)
  %reads.back = fcmp oeq double %read, %size
  br i1 %reads.back, label %found, label %next
next:
  %above = add i64 %mantissa, 1
  %is.nearest = icmp eq i64 %mantissa, %nearest
  br i1 %is.nearest, label %try, label %longer
longer:
  %more = add i32 %places, 1
  br label %search

; `point` digits are before the decimal point.
found:
  %count = call i32 (ptr, i64, ptr, ...) @snprintf(ptr %text, i64 48, ptr @integer, i64 %mantissa)
  %point = add i32 %power, %count
  %point.or.zero = add i32 %point, 3
  %is.plain = icmp ult i32 %point.or.zero, 20
  br i1 %is.plain, label %plain, label %scaled
plain:
  %is.small = icmp sle i32 %point, 0
  br i1 %is.small, label %as.small, label %not.small
as.small:
  %leading = sub i32 0, %point
  %written.small = call i32 (ptr, ...) @printf(ptr @small, ptr %sign, i32 %leading, ptr @zeros, ptr %text)
  ret void
not.small:
  %is.whole = icmp sge i32 %point, %count
  br i1 %is.whole, label %as.whole, label %as.mixed
as.whole:
  %trailing = sub i32 %point, %count
  %written.whole = call i32 (ptr, ...) @printf(ptr @whole, ptr %sign, ptr %text, i32 %trailing, ptr @zeros)
  ret void
as.mixed:
  %fraction = getelementptr i8, ptr %text, i32 %point
  %written.mixed = call i32 (ptr, ...) @printf(ptr @mixed, ptr %sign, i32 %point, ptr %text, ptr %fraction)
  ret void
scaled:
  %shown.power = sub i32 %point, 1
  %is.one.digit = icmp eq i32 %count, 1
  br i1 %is.one.digit, label %as.one.digit, label %as.digits
as.one.digit:
  %written.one = call i32 (ptr, ...) @printf(ptr @one.digit, ptr %sign, ptr %text, i32 %shown.power)
  ret void
as.digits:
  %rest = getelementptr i8, ptr %text, i32 1
  %written.digits = call i32 (ptr, ...) @printf(ptr @digits, ptr %sign, ptr %text, ptr %rest, i32 %shown.power)
  ret void
}
declare i32 @puts(ptr) nobuiltin nounwind
declare i32 @printf(ptr, ...) nobuiltin nounwind
declare i32 @snprintf(ptr, i64, ptr, ...) nobuiltin nounwind
declare double @strtod(ptr, ptr) nobuiltin nounwind
declare i64 @strtol(ptr, ptr, i32) nobuiltin nounwind
declare i64 @strtoull(ptr, ptr, i32) nobuiltin nounwind
declare ptr @memmove(ptr, ptr, i64) nobuiltin nounwind
declare double @llvm.fabs.f64(double)
"""


def show_unit() -> Unit:
    """The unit of SHOW: ``void (double)``."""
    ir = "\n".join([_IR, *(text_constant(name, text) for name, text in _TEXTS.items())])
    return Unit(SHOW, Signature("void", ("double",)), ir, counter=RunCounter.NONE)


def text_constant(name: str, text: str) -> str:
    """A C string as a constant in LLVM assembly."""
    data = text.encode() + b"\0"
    escaped = "".join(f"\\{byte:02X}" for byte in data)
    return f'{quoted(name)} = private constant [{len(data)} x i8] c"{escaped}"'
