"""Leaving native code that does not end by itself: endless recursion, Ctrl-C, and exceptions of Python functions.

The problem. Compiled code contains no checks, neither of the stack in its prologues nor of a flag in its loops: they
would cost on every call and every iteration. So what stops it comes from outside, as a signal; and a signal handler
runs between two instructions, on a thread that may be anywhere: in compiled code, in the C library while it holds a
lock, or in Python.

The solution. Native code runs on threads that have a :class:`NativeThread`: a structure with the bounds of the
thread's stack and the jump buffer of its innermost entry. Every entry into native code (see ``entry_points``) calls
``_setjmp`` with a buffer, and stores its address there. Then

- a *stack overflow* is the SIGSEGV of an access to the GUARD_ZONE at the end of the stack. The handler runs on a stack
  of its own. It recognizes the overflow by the address, and jumps to the innermost buffer with ``_longjmp``;
- an *interruption* is a request in the NativeThread, followed by a signal to the thread. The handler jumps if the
  thread is in the machine code of a unit. Otherwise it does nothing, and the signal is sent again after a short time.

An *exception* of a Python function is a request, too, which the thread makes itself: see ``running/callbacks``.

No handler jumps out of a C function, which may hold a lock. Pure functions such as ``sin`` return soon. Any other is
called between :data:`LEAVE_JIT` and :data:`REENTER_JIT`. The first makes sure that there is enough stack for it, and
marks the thread as outside; the second clears the mark, and leaves native code if an interruption was requested in the
meantime. While a thread is outside, an overflow is a crash as in any other C program.

A handler finds the NativeThread of its thread by the stack pointer alone. Threads without one are not protected: on
them, signals go on to the handlers that were installed before, and LEAVE_JIT and REENTER_JIT do nothing.

Limits.

- A function with a frame that may be larger than a page must be :data:`PROBED`, or it may step over the end of the
  stack.
- A C function called without LEAVE_JIT must return soon, and need little stack.
- Code that installs its own handler of SIGSEGV while native code runs, and does not pass on the signals that are not
  its own, disables this until the next entry, where ours is installed above it. Of several such handlers, signals that
  are not ours reach the last one, and the one before our first.
- A handler must know where the kernel saves the registers of the interrupted thread, which depends on the platform:
  handlers.ll knows Linux on x86-64. See :func:`missing_protection`.

What does not work, and why.

- *A flag, tested in every loop and prologue.* It costs a load and a branch for each iteration and call, also in the
  smallest loop. LLVM moves an ordinary read of it out of the loop; one that it must not move, atomic or volatile, keeps
  the loop from being vectorized. And a C function would not be stopped by it.
- *A page, read in every loop and made inaccessible with mprotect*, as virtual machines do that must stop all threads at
  known places. It saves the branch, but the read remains, and a loop with it is not vectorized either. One page stops
  every thread that reads it, not only the one that is meant. The known state at the place of the stop, for which other
  machines pay this, is of no use here: nothing is resumed.
- *Comparing the stack pointer with a limit in every prologue.* It costs something on every call, and the guard zone
  costs nothing. Only LEAVE_JIT compares, because C functions have no such prologue.
- *Unwinding the stack*, as C++ exceptions do. Native code has nothing to clean up, so a jump does. An unwinder needs
  tables for every instruction of the compiled code, registered with the C library; and it takes locks, which a handler
  must not do.
- *sigsetjmp*, which saves the signal mask, and *siglongjmp*, which restores it. Each is a system call, the first at
  every entry. The handlers are installed so that the mask does not change while they run (SA_NODEFER), so
  nothing has to be restored.
- *Blocking the signal around C functions with pthread_sigmask.* Two system calls for each C function called, where
  LEAVE_JIT and REENTER_JIT take a few dozen instructions. Also, a blocked signal would not interrupt a C function that
  sleeps, and that is wanted; and the kernel ends the process if a thread causes a SIGSEGV while that is blocked.
- *A handler in Python.* Python's own C handler only sets a flag. The Python function runs later, on the main thread,
  between two bytecodes: native code on another thread is not stopped by it; and for SIGSEGV the faulting instruction
  would be executed again, for ever. A ctypes callback as a handler would run Python in the middle of whatever the
  thread was doing, an allocation included.
- *Ending the thread with pthread_cancel.* It unwinds through Python's frames, which are not written for that, and the
  thread's Python state and locks stay behind.

The handlers, LEAVE_JIT and REENTER_JIT are native code, in handlers.ll; ``running/stacks`` protects a thread.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from enum import IntEnum

from kaleido.jit.process.machine import machine

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
]

LEAVE_JIT, REENTER_JIT = "jit.leave", "jit.reenter"
"""Symbols that every unit may declare, ``ptr @jit.leave()`` and ``void @jit.reenter(ptr)``: the second takes the result
of the first."""

PROBED = '"probe-stack"="inline-asm"'
"""The attribute of a function that touches each page of its frame in turn; it costs small frames nothing."""

STACK_RESERVE = 256 << 10
"""Bytes of stack that a C function called after LEAVE_JIT has at least."""

GUARD_ZONE = 64 << 10
"""Bytes at the end of a protected stack that are inaccessible.

More than the one page that the C library leaves, because the frames of C functions are not probed; and inside the
stack, because the memory right below may be another thread's stack."""

INTERRUPT: int | None = getattr(signal, "SIGURG", None)
"""The signal that carries interruptions: its default action is to do nothing, and programs rarely use it."""

# The platforms that handlers.ll describes.
_PLATFORMS = {("linux", "x86_64")}


class Fault(IntEnum):
    """The reason why native code was left early; RAISED: a Python function that it called raised an exception."""

    NONE = 0
    OVERFLOW = 1
    INTERRUPTED = 2
    RAISED = 3


class NativeThread(ctypes.Structure):
    """What the handlers know about a protected thread: ``%NativeThread`` in handlers.ll.

    `next`      the next in the list of all of them
    `bottom`    the lowest address of the thread's stack, where the GUARD_ZONE begins
    `extent`    bytes of the stack, GUARD_ZONE included; 0: it belongs to no thread
    `jump`      the address of the jump buffer of the innermost entry; 0 outside of native code
    `outside`   inside a C function, an address in the unit that called it; otherwise 0
    `pending`   the Fault for which the thread must leave native code as soon as it can
    `fault`     the Fault for which it has left
    `pc`, `sp`  where it was then: an address in the code of a unit, which ran or had called the C function that ran, if
                one was found; and the stack pointer
    `top`       the address of the jump buffer through which it left
    `owner`     the thread pointer of the thread (what ``pthread_self`` returns); 0: it belongs to no thread
    `entries`   how often native code was entered on it while none was running
    `engine`    the address of the EngineState (see ``direct_entry``) of the innermost direct call; 0 if there is none
    `renewed`   when a direct call last looked for signal handlers that were installed after ours, as a time stamp of
                the processor, and `restored`: interrupts.RESTORED at that time
    """

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in (
            "next", "bottom", "extent", "jump", "outside", "pending", "fault", "pc", "sp", "top",
            "owner", "entries", "engine", "renewed", "restored",
        )
    ]  # fmt: skip

    @property
    def address(self) -> int:
        return ctypes.addressof(self)


def missing_protection() -> str:
    """The protection that this platform lacks, as a sentence; empty if it lacks none."""
    if INTERRUPT is not None and (sys.platform, machine()) in _PLATFORMS:
        return ""
    from platform import system

    kind = f"{system()} on {machine()}"
    return f"no protection on {kind}: endless recursion ends the process, and Ctrl-C leaves native code running"
