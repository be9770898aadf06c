"""What is told about native code that was left before its end: where it was, and how deep."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable

from kaleido.jit.faults import MARGIN, Guard
from kaleido.jit.unit import Unit

__all__ = ["Interrupted", "StackOverflow", "overflow"]

Find = Callable[[int], Unit | None]
"""The unit whose machine code is at an address."""

# How much of a stack is looked at: from the first of these on, so much that there is enough to count.
_SAMPLES = (64 << 10, 1 << 20, 16 << 20)
_ENOUGH = 16


class Interrupted(KeyboardInterrupt):
    """Native code was stopped, by Ctrl-C or ``interrupt()``.

    `unit` is where it was, if that is known. `left_behind`: it did not stop, because it is in a C function; it will
    when that returns.
    """

    def __init__(self, unit: Unit | None, *, left_behind: bool = False) -> None:
        place = f" in {unit.label}" if unit is not None else ""
        super().__init__(f"interrupted{place}")
        self.unit, self.left_behind = unit, left_behind


class StackOverflow(RecursionError):
    """Native code used up its stack: `unit` is the one that most of it belongs to, `calls` about how many there are.

    With fewer than 2 calls it was no recursion: one frame alone was too large.
    """

    def __init__(self, unit: Unit | None, calls: int) -> None:
        super().__init__(f"stack overflow in {unit.label if unit is not None else 'native code'} after {calls} calls")
        self.unit, self.calls = unit, calls


def overflow(guard: Guard, find: Find) -> StackOverflow:
    """The error for a stack overflow that has just been left, from what it left on the stack.

    The stack is not unwound: words on it that are addresses in machine code are taken for return addresses. That is
    why the number of calls is an estimate, from the end of the stack.
    """
    low = max(guard.sp, guard.bottom + MARGIN) // 8 * 8
    used = max(0, guard.top - low)
    found: list[tuple[int, Unit]] = []
    for size in _SAMPLES:
        words = (ctypes.c_uint64 * (min(size, used) // 8)).from_address(low)
        # What a call returns to is after it, so that it may be another function's beginning: the call itself is not.
        found = [(index, unit) for index, word in enumerate(words) if word and (unit := find(word - 1)) is not None]
        if len(found) >= _ENOUGH or size >= used:
            break
    here = find(guard.pc)
    if not found:
        return StackOverflow(here, 1)
    [(most, _)] = Counter(unit.symbol for _, unit in found).most_common(1)
    distance = (found[-1][0] - found[0][0]) * 8
    calls = round(used * (len(found) - 1) / distance) if distance else len(found)
    return StackOverflow(next(unit for _, unit in found if unit.symbol == most), calls)
