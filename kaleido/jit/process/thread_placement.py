"""Which processor a thread runs on, where another thread of this process runs, too.

The problem. A thread that has waited is woken where it ran last, and often that is where the program runs: the two
share one processor while another one is idle. The kernel notices, but after some tens of milliseconds. A compilation
takes no longer than that: so it takes twice its time, and the program runs its baseline code at half the speed.
Measured on two processors of a virtual machine with Linux 6.18, from hot to swapped: 27 and 55 ms of the clock, of
which the thread waited 13 and 28 for a processor.

The solution. A thread that is about to work for some milliseconds looks whether a thread that runs, or could run, has
the same processor. If so it allows itself only the others for a moment, which makes the kernel move it at once. Looking
takes 0.1 to 0.2 ms.

What does not work. *Excluding a processor for as long as the work takes*: the program may move to the others meanwhile.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress

__all__ = ["move_apart"]

# Of the fields of /proc/self/task/N/stat that follow the name in parentheses.
_STATE, _PROCESSOR = 0, 36

_TASKS = "/proc/self/task"


def move_apart() -> None:
    """Move the calling thread to another processor, where another running thread of this process is on the same one.

    Does nothing where the system has one processor for the process, or does not tell.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    with suppress(OSError):
        allowed = os.sched_getaffinity(0)
        if len(allowed) > 1 and _is_shared(own := _state_and_processor(threading.get_native_id())[1]):
            try:
                os.sched_setaffinity(0, allowed - {own})
            finally:
                os.sched_setaffinity(0, allowed)


def _is_shared(processor: int) -> bool:
    """Whether another thread of this process runs on a processor, or waits to."""
    own = str(threading.get_native_id())
    for thread in os.listdir(_TASKS):
        # It may have ended meanwhile.
        with suppress(OSError):
            if thread != own and _state_and_processor(thread) == (b"R", processor):
                return True
    return False


def _state_and_processor(thread: int | str) -> tuple[bytes, int]:
    with open(f"{_TASKS}/{thread}/stat", "rb") as file:
        text = file.read()
    # A name may contain spaces and parentheses.
    fields = text[text.rindex(b")") + 1 :].split()
    return fields[_STATE], int(fields[_PROCESSOR])
