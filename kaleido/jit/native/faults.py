"""Getting out of native code that will not end by itself: endless recursion, and Ctrl-C.

The problem. Compiled code contains no checks, neither of the stack in its prologues nor of a flag in its loops: they
would cost on every call and every iteration. So what stops it comes from outside, as a signal; and a signal's handler
runs between two instructions, on a thread that may be anywhere: in compiled code, in the C library with a lock in its
hand, or in Python.

The solution. Native code runs on threads that have a *native thread*: a record of where the thread's stack is, and of
how to
get out. Whoever enters native code (see ``runtime``) calls ``_setjmp``, and puts the buffer into the native_thread.
Then

- *stack overflow* is the SIGSEGV of touching the GUARD_ZONE at the end of the stack. The handler, on a stack of its
own,
  sees from the address what it is, and jumps to the innermost buffer with ``_longjmp``;
- *interruption* is a request in the native_thread, and then a signal to the thread. The handler jumps if the thread is
in the
  machine code of a unit. Otherwise it does nothing, and the signal is sent again a little later.

Nobody jumps out of a C function, which may hold a lock. Pure ones like ``sin`` are back soon. Any other is called
between :data:`LEAVE_JIT` and :data:`REENTER_JIT`. The first makes sure that there is room on the stack for it; the
second looks
whether an interruption was asked for in the meantime. In between the native_thread says that the thread is outside,
where
an overflow is a crash like any other.

Which native_thread is the one of a handler's thread is told by the stack pointer alone. Threads that are not ours have
none:
there, faults go on to whoever handled them before, and LEAVE_JIT and REENTER_JIT do nothing.

What it does not do. Functions whose frames may be larger than a page must be :data:`PROBED`, or they may step over
the end of the stack. C that is called without LEAVE_JIT must
be back soon, and with little stack. Who takes the signals for himself after we did, and does not hand on what is not
his, takes this away. And a handler must know where it finds the registers of the thread that it
interrupted, which is a fact about one kind of machine: see _REGISTERS.

The handlers, LEAVE_JIT and REENTER_JIT are native code, in ``handlers``; ``guarding`` gives a thread its native_thread.
"""

from __future__ import annotations

import ctypes
import platform
import signal
import sys
from enum import IntEnum

__all__ = [
    "GUARD_ZONE",
    "INTERRUPT",
    "LEAVE_JIT",
    "PROBED",
    "REENTER_JIT",
    "STACK_RESERVE",
    "Fault",
    "NativeThread",
    "missing_protection",
    "registers",
]

LEAVE_JIT, REENTER_JIT = "jit.leave", "jit.reenter"
"""Symbols that every unit may declare, ``ptr @jit.leave()`` and ``void @jit.reenter(ptr)``: what the first gives, the
second takes."""

PROBED = '"probe-stack"="inline-asm"'
"""The attribute of a function that touches each page of its frame in turn; it costs small frames nothing."""

STACK_RESERVE = 256 << 10
"""Bytes of stack that a C function called after LEAVE_JIT has at the least."""

GUARD_ZONE = 64 << 10
"""Bytes at the end of a protected stack that nobody may touch: wider than the one page that the C library leaves, for
the
frames of C functions, which are not probed; and inside the stack, because right below it there may be another."""

INTERRUPT: int | None = getattr(signal, "SIGURG", None)
"""The signal that carries interruptions: nobody dies of it, and next to nobody uses it."""

# Where the kernel tells a handler the stack pointer and the program counter: offsets into ucontext, in bytes.
_REGISTERS = {("linux", "x86_64"): (160, 168)}


class Fault(IntEnum):
    """Why native code was left before its end."""

    NONE = 0
    OVERFLOW = 1
    INTERRUPTED = 2


class NativeThread(ctypes.Structure):
    """What handlers need to know about a thread.

    `next`     in the list of all guards there are
    `bottom`, `extent`  the thread's stack with the GUARD_ZONE: address and bytes. No bytes: nobody's native_thread
    `jump`     the buffer of the innermost entry into native code; null outside of native code
    `outside`  while a C function runs, where it was called; otherwise 0
    `pending`  the Fault for which the thread is to leave native code as soon as it can
    `fault`    the Fault for which it has left; and where it was, as stack pointer and as an address in the code of a
               unit, if it was in one or called by one: `sp`, `pc`
    `top`      the address of the buffer through which it left
    """

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in ("next", "bottom", "extent", "jump", "outside", "pending", "fault", "pc", "sp", "top")
    ]

    @property
    def address(self) -> int:
        return ctypes.addressof(self)


def missing_protection() -> str:
    """What protection this platform lacks, as a sentence; empty where it is all there."""
    if INTERRUPT is not None and (sys.platform, platform.machine()) in _REGISTERS:
        return ""
    kind = f"{platform.system()} on {platform.machine()}"
    return f"no protection on {kind}: endless recursion ends the process, and Ctrl-C leaves native code running"


def registers() -> tuple[int, int]:
    """Where the kernel tells a handler the stack pointer and the program counter: offsets into ucontext, in bytes."""
    return _REGISTERS[sys.platform, platform.machine()]
