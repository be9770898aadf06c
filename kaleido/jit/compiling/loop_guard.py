"""The test before a loop that counts in an integer: see ``counted_loops``."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaleido.jit.compiling.loops import Exit, Loop

__all__ = ["Guard", "bits", "constant", "integer"]

_LARGEST = 2.0**50

OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
_ROUNDING = {"lt": "ceil", "ge": "ceil", "gt": "floor", "le": "floor", "eq": "floor", "ne": "floor"}


class Guard:
    """The test before a loop. `start` and :meth:`comparison` are integers that are right where the test succeeds.

    `lines` compute them and `conditions`, which all must be true; constants need none.
    """

    def __init__(self, fresh: Callable[[], str]) -> None:
        self._fresh = fresh
        self.lines: list[str] = []
        self.conditions: list[str] = []
        self.start = ""
        self._limits: dict[str, str] = {}

    def test(self, loop: Loop) -> bool:
        """Write the test of `loop`. Returns False if it is known to fail."""
        start = self._integer(loop.start, "floor", whole=True, signed=True)
        if start is None:
            return False
        self.start = start
        for each in loop.exits:
            limit = self._integer(each.limit, _ROUNDING[each.predicate], whole=each.predicate in ("eq", "ne"))
            if limit is None:
                return False
            self._limits[each.name] = limit
        return any(each.bounds(loop.step) for each in loop.exits) or self._ends(loop)

    def comparison(self, each: Exit, value: str) -> str:
        predicate = OPPOSITE[each.predicate] if each.inverted else each.predicate
        return f"icmp {'' if predicate in ('eq', 'ne') else 's'}{predicate} i64 {value}, {self._limits[each.name]}"

    def iterations(self, loop: Loop) -> int:
        """The most iterations of a loop whose ends are constants."""
        distances = [int(self._limits[each.name]) - int(self.start) - each.offset for each in loop.exits if each.always]
        return min(distance // loop.step for distance in distances) + 1

    def branch(self, counting: str, other: str) -> list[str]:
        """The test's end: the instructions that go to one of two loops."""
        result, *rest = self.conditions
        lines = []
        for each in rest:
            both = self._fresh()
            lines.append(f"  {both} = and i1 {result}, {each}")
            result = both
        return [*lines, f"  br i1 {result}, label {counting}, label {other}"]

    def _emit(self, instruction: str) -> str:
        name = self._fresh()
        self.lines.append(f"  {name} = {instruction}")
        return name

    def _integer(self, value: str, rounding: str, *, whole: bool, signed: bool = False) -> str | None:
        """A double rounded to an integer. With `whole` it must be one already, with `signed` not be -0.0."""
        if not value.startswith("%"):
            return _rounded(_number(value), rounding, whole=whole, signed=signed)
        magnitude = self._emit(f"call double @llvm.fabs.f64(double {value})")
        is_small = self._emit(f"fcmp ole double {magnitude}, {constant(_LARGEST)}")
        safe = self._emit(f"select i1 {is_small}, double {value}, double 0.0")
        rounded = self._emit(f"call double @llvm.{rounding}.f64(double {safe})")
        # With 52 bits, LLVM knows that one more is no overflow. Otherwise it counts the iterations of a loop with `<=`
        # in 128 bits, and divides these by a large step with a function that the JIT does not have.
        narrow = self._emit(f"fptosi double {rounded} to i52")
        integer = self._emit(f"sext i52 {narrow} to i64")
        self.conditions.append(is_small)
        if signed:
            back = self._emit(f"sitofp i64 {integer} to double")
            both = [self._emit(f"bitcast double {each} to i64") for each in (value, back)]
            self.conditions.append(self._emit(f"icmp eq i64 {', '.join(both)}"))
        elif whole:
            self.conditions.append(self._emit(f"fcmp oeq double {rounded}, {safe}"))
        return integer

    def _ends(self, loop: Loop) -> bool:
        """Test that the limit of one of the exits with ``==`` is ahead, a multiple of the step away."""
        tests: list[str] = []
        for each in loop.exits:
            if each.is_equality:
                limit = self._limits[each.name]
                if limit.startswith("%") or self.start.startswith("%"):
                    tests.append(self._is_ahead(limit, each.offset, loop.step))
                elif _is_multiple(int(limit) - int(self.start) - each.offset, loop.step):
                    return True
        if tests:
            either, *others = tests
            for other in others:
                either = self._emit(f"or i1 {either}, {other}")
            self.conditions.append(either)
        return bool(tests)

    def _is_ahead(self, limit: str, offset: int, step: int) -> str:
        first = self._emit(f"add nsw i64 {self.start}, {offset}")
        distance = self._emit(f"sub nsw i64 {limit}, {first}")
        ahead = self._emit(f"icmp {'sge' if step > 0 else 'sle'} i64 {distance}, 0")
        if abs(step) == 1:
            return ahead
        rest = self._emit(f"srem i64 {distance}, {step}")
        multiple = self._emit(f"icmp eq i64 {rest}, 0")
        return self._emit(f"and i1 {ahead}, {multiple}")


def bits(value: float) -> int:
    return int.from_bytes(struct.pack(">d", value), "big")


def _is_multiple(distance: int, step: int) -> bool:
    return distance % step == 0 and distance // step >= 0


def _rounded(value: float | None, rounding: str, *, whole: bool, signed: bool) -> str | None:
    if value is None or not abs(value) <= _LARGEST or (whole and value != math.floor(value)):
        return None
    if signed and value == 0 and math.copysign(1, value) < 0:
        return None
    return str(math.ceil(value) if rounding == "ceil" else math.floor(value))


def _number(text: str) -> float | None:
    """A constant double as LLVM prints it; None if it is an expression, or no value in particular."""
    if text.startswith("0x"):
        return float(struct.unpack(">d", int(text[2:], 16).to_bytes(8, "big"))[0]) if len(text) == 18 else None
    try:
        return float(text)
    except ValueError:
        return None


def constant(value: float) -> str:
    return f"0x{bits(value):016X}"


def integer(text: str, largest: int) -> int | None:
    """The integer that an addition adds; None if it adds something else, nothing, or more than `largest`."""
    value = _number(text)
    return int(value) if value is not None and abs(value) <= largest and value == int(value) != 0 else None
