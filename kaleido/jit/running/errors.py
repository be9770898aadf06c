"""Exceptions for native code that was left early, with the unit and the estimated depth of the recursion."""

from __future__ import annotations

import ctypes
import mmap
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

from kaleido.jit.native.faults import GUARD_ZONE, NativeThread
from kaleido.jit.process.machine import machine
from kaleido.jit.unit import Unit

__all__ = ["Interrupted", "StackOverflow", "stack_overflow_error"]

FindUnit = Callable[[int], tuple[Unit, int] | None]
"""Finds the unit with the machine code that contains an address, and how many calls of it one frame holds; or None."""

# The most of a stack that is examined: bytes, and calls.
_SAMPLE, _CALLS = 16 << 20, 100


class Interrupted(KeyboardInterrupt):
    """Native code was stopped by Ctrl-C or ``interrupt()``.

    `unit` is the unit that ran, or None if it is not known. `detached`: native code is in a C function that did not
    return in time; it will stop when that returns.
    """

    def __init__(self, unit: Unit | None, *, detached: bool = False) -> None:
        place = f" in {unit.label}" if unit is not None else ""
        super().__init__(f"interrupted{place}")
        self.unit, self.detached = unit, detached


class StackOverflow(RecursionError):
    """Native code used up its stack.

    `unit` is the unit with the most frames at the end of the stack, or None if none is found. `calls` is the estimated
    number of calls on the stack. Fewer than 2 calls are no recursion: one frame was too large for the stack.
    """

    def __init__(self, unit: Unit | None, calls: int) -> None:
        super().__init__(f"stack overflow in {unit.label if unit is not None else 'native code'} after {calls:,} calls")
        self.unit, self.calls = unit, calls


def stack_overflow_error(native_thread: NativeThread, find_unit: FindUnit) -> StackOverflow:
    """The error for a stack overflow for which native code has just been left, on the same thread.

    The stack below the entry still has its contents, but it is not unwound: words on it that are addresses in machine
    code count as return addresses. So the number of calls is an estimate, extrapolated from the end of the stack.
    """
    found = list(islice(_callers(native_thread, find_unit), _CALLS))
    if not found:
        running = find_unit(native_thread.pc)
        return StackOverflow(running[0] if running is not None else None, 1)
    [(symbol, _)] = Counter(unit.symbol for _, unit, _ in found).most_common(1)
    distance = found[-1][0] - found[0][0]
    between = sum(levels for _, _, levels in found[1:])
    calls = round(_used(native_thread) * between / distance) if distance else len(found)
    return StackOverflow(next(unit for _, unit, _ in found if unit.symbol == symbol), calls)


def _callers(native_thread: NativeThread, find_unit: FindUnit) -> Iterator[tuple[int, Unit, int]]:
    """The words that look like return addresses, from the end of the stack.

    Yields their address, the unit that called, and how many calls of it the frame holds.
    """
    begin = _lowest(native_thread)
    words = (ctypes.c_uint64 * (min(_SAMPLE, _used(native_thread)) // 8)).from_address(begin)
    for index, word in enumerate(words):
        # As in handlers.ll: the instruction after a call may be another function's first.
        if word and (found := find_unit(word - 1)) is not None and _follows_call(word, find_unit):
            yield begin + 8 * index, *found


# The first byte of an indirect call, by its distance from the next instruction.
_INDIRECT_CALLS = (2, 3, 4, 6, 7)
_LONGEST_CALL = 7


def _follows_call(address: int, find_unit: FindUnit) -> bool:
    """Whether an address in machine code may be a return address: other words on the stack are entry addresses.

    On x86-64 there is a call instruction before it: E8, or FF with the extension 2 in the next byte.
    """
    if machine() != "x86_64":
        return True
    length = min(_LONGEST_CALL, (address - 1) % mmap.PAGESIZE + 1)
    # Of the page before, only code of units is known to be there.
    while length < _LONGEST_CALL and find_unit(address - length - 1) is not None:
        length += 1
    code = ctypes.string_at(address - length, length)
    if length >= 5 and code[-5] == 0xE8:
        return True
    return any(n <= length and code[-n] == 0xFF and code[1 - n] >> 3 & 7 == 2 for n in _INDIRECT_CALLS)


def _lowest(native_thread: NativeThread) -> int:
    """The lowest address of the stack that was in use, above the guard zone."""
    lowest: int = max(native_thread.sp, native_thread.bottom + GUARD_ZONE) // 8 * 8
    return lowest


def _used(native_thread: NativeThread) -> int:
    """Bytes of the stack that were in use by native code."""
    used: int = native_thread.top - _lowest(native_thread)
    return max(0, used)
