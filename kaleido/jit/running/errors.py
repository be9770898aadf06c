"""What is told about native code that was left before its end: where it was, and how deep."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

from kaleido.jit.native.faults import GUARD_ZONE, NativeThread
from kaleido.jit.unit import Unit

__all__ = ["Interrupted", "StackOverflow", "stack_overflow_error"]

Find = Callable[[int], Unit | None]
"""The unit whose machine code is at an address."""

# How much of a stack is looked at, at most: bytes, and calls.
_SAMPLE, _CALLS = 16 << 20, 100


class Interrupted(KeyboardInterrupt):
    """Native code was stopped, by Ctrl-C or ``interrupt()``.

    `unit` is where it was, if that is known. `detached`: it did not stop, because it is in a C function; it will
    when that returns.
    """

    def __init__(self, unit: Unit | None, *, detached: bool = False) -> None:
        place = f" in {unit.label}" if unit is not None else ""
        super().__init__(f"interrupted{place}")
        self.unit, self.detached = unit, detached


class StackOverflow(RecursionError):
    """Native code used up its stack: `unit` is the one that most of it belongs to, `calls` about how many there are.

    With fewer than 2 calls it was no recursion: one frame alone was too large.
    """

    def __init__(self, unit: Unit | None, calls: int) -> None:
        super().__init__(f"stack overflow in {unit.label if unit is not None else 'native code'} after {calls} calls")
        self.unit, self.calls = unit, calls


def stack_overflow_error(native_thread: NativeThread, find: Find) -> StackOverflow:
    """The error for a stack overflow that has just been left, from what it left on the stack.

    The stack is not unwound: words on it that are addresses in machine code are taken for return addresses. That is
    why the number of calls is an estimate, from the end of the stack.
    """
    found = list(islice(_callers(native_thread, find), _CALLS))
    if not found:
        return StackOverflow(find(native_thread.pc), 1)
    [(most, _)] = Counter(unit.symbol for _, unit in found).most_common(1)
    distance = found[-1][0] - found[0][0]
    calls = round(_used(native_thread) * (len(found) - 1) / distance) if distance else len(found)
    return StackOverflow(next(unit for _, unit in found if unit.symbol == most), calls)


def _callers(native_thread: NativeThread, find: Find) -> Iterator[tuple[int, Unit]]:
    """What looks like return addresses, from the end of the stack on: where they are, and the unit that called."""
    begin = _end(native_thread)
    words = (ctypes.c_uint64 * (min(_SAMPLE, _used(native_thread)) // 8)).from_address(begin)
    for index, word in enumerate(words):
        # As in ``faults``: what a call returns to may be another function's beginning, the call itself is not.
        if word and (unit := find(word - 1)) is not None:
            yield begin + 8 * index, unit


def _end(native_thread: NativeThread) -> int:
    """The lowest address in use, but for what was not to be used."""
    lowest: int = max(native_thread.sp, native_thread.bottom + GUARD_ZONE) // 8 * 8
    return lowest


def _used(native_thread: NativeThread) -> int:
    used: int = native_thread.top - _end(native_thread)
    return max(0, used)
