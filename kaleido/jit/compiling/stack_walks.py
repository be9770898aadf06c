"""What profilers need to find the callers of a function on the stack.

*Frame pointers*: a register holds the address of the frame, where the caller's is saved. A profiler follows them in
each sample. They take an instruction or two of every call, and a register.

*Unwind tables*: an object file says for each instruction where the caller's frame is. Code stays as it is. A profiler
that saves a part of the stack with each sample reads the tables later.
"""

from __future__ import annotations

import re
from dataclasses import replace

from kaleido.jit.unit import Unit

__all__ = ["with_frame_pointers", "with_unwind_tables"]

# In the first line of a function, the attribute that each unit has, or the group of attributes that it is in.
_ATTRIBUTES = re.compile(r"^(define .*?\).*?)( nounwind\b| #\d+)", re.MULTILINE)


def with_frame_pointers(unit: Unit) -> Unit:
    """A unit whose functions keep frame pointers, in every tier."""
    return _with(unit, '"frame-pointer"="all"')


def with_unwind_tables(unit: Unit) -> Unit:
    """A unit whose functions have unwind tables in object files."""
    return _with(unit, "uwtable")


def _with(unit: Unit, attribute: str) -> Unit:
    return replace(unit, ir=_ATTRIBUTES.sub(rf"\1 {attribute}\2", unit.ir))
