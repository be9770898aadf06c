"""The native part of ``faults``: signal handlers, and the way out, in LLVM IR.

It can be neither Python, as handlers must be async-signal-safe, nor part of an engine, as they outlive all of those.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import NamedTuple

import llvmlite.binding as llvm

from kaleido.jit.compiling.llvm import Target, parse
from kaleido.jit.native.code_ranges import CODE, SEARCH
from kaleido.jit.native.faults import (
    GUARD_ZONE,
    LEAVE_JIT,
    REENTER_JIT,
    STACK_RESERVE,
    Fault,
    NativeThread,
    missing_protection,
    registers,
)
from kaleido.jit.native.loader import Loader
from kaleido.jit.policy import Policy
from kaleido.jit.process.fork import LockOrder, fork_safe
from kaleido.jit.unit import Tier

__all__ = ["Handlers", "field", "handlers"]

# Where the kernel tells a handler the address that could not be accessed: an offset into siginfo, in bytes.
_FAULT_ADDRESS = 16

# Bytes of stack in which the caller of what is not a unit's code is looked for.
_NEAR = 4096


def field(name: str) -> str:
    """The LLVM instruction for a pointer to a field of the native_thread that %thread points to."""
    return f"getelementptr i8, ptr %thread, i64 {getattr(NativeThread, name).offset}"


class Handlers(NamedTuple):
    """Addresses: LEAVE_JIT, REENTER_JIT, the handlers, and the words for the head of the list and the previous
    handlers."""

    leave: int
    reenter: int
    find_thread: int
    on_overflow: int
    on_interrupt: int
    threads: int
    before_overflow: int
    before_interrupt: int

    @property
    def imports(self) -> dict[str, int]:
        """What every unit may use."""
        return {LEAVE_JIT: self.leave, REENTER_JIT: self.reenter}


def handlers() -> Handlers:
    """The native part: made once, and kept as long as the process lives. A signal may come at any time."""
    with _making:
        return _natives()


@cache
def _natives() -> Handlers:
    target = Target(Policy())
    loader = Loader(target, 2)
    _forever.append(loader)
    names = [
        LEAVE_JIT,
        REENTER_JIT,
        "find.thread",
        "on.overflow",
        "on.interrupt",
        "threads",
        "before.overflow",
        "before.interrupt",
    ]
    with parse(_native_ir(), llvm.create_context()) as module:
        code = target.emit(module, Tier.BASELINE)
    library = loader.load(code, names, {"ranges": CODE.address})
    return Handlers(*(library.addresses[name] for name in names))


_making = fork_safe(threading.Lock(), LockOrder.HANDLERS)
_forever: list[Loader] = []


def _native_ir() -> str:
    if missing_protection():
        return _WORDS + _UNGUARDED
    return "\n".join([_WORDS, SEARCH, _GUARDS, _LEAVING, _handlers(*registers())])


_WORDS = """
@threads = global ptr null
@before.overflow = global ptr null
@before.interrupt = global ptr null
"""


# The native_thread whose stack an address is in, and the way out.
_GUARDS = f"""
declare void @_longjmp(ptr, i32) noreturn nounwind

define ptr @find.thread(i64 %address) nounwind {{
  %first = load atomic ptr, ptr @threads acquire, align 8
  br label %look
look:
  %thread = phi ptr [%first, %0], [%next, %on]
  %none = icmp eq ptr %thread, null
  br i1 %none, label %found, label %compare
compare:
  %bottom.field = {field("bottom")}
  %extent.field = {field("extent")}
  %bottom = load i64, ptr %bottom.field
  %extent = load i64, ptr %extent.field
  %distance = sub i64 %address, %bottom
  %here = icmp ult i64 %distance, %extent
  br i1 %here, label %found, label %on
on:
  %next.field = {field("next")}
  %next = load ptr, ptr %next.field
  br label %look
found:
  ret ptr %thread
}}

define internal void @out(ptr %thread, i64 %fault, i64 %pc, i64 %sp) noreturn nounwind {{
  %fault.field = {field("fault")}
  %pc.field = {field("pc")}
  %sp.field = {field("sp")}
  %top.field = {field("top")}
  %jump.field = {field("jump")}
  %jump = load ptr, ptr %jump.field
  ; Who left a thunk for this, below the C function that has now returned, has said where.
  %before = load i64, ptr %fault.field
  %told = icmp ne i64 %before, 0
  br i1 %told, label %leave, label %tell
tell:
  %place = call i64 @place(ptr %thread, i64 %pc, i64 %sp)
  store i64 %fault, ptr %fault.field
  store i64 %place, ptr %pc.field
  store i64 %sp, ptr %sp.field
  store ptr %jump, ptr %top.field
  br label %leave
leave:
  call void @_longjmp(ptr %jump, i32 1)
  unreachable
}}

; An address in the code of a unit: where it was left, or was called out of. The stack will be overwritten soon, so
; this is the time to look for what may be a return address. What a call returns to is after it, and may be another
; function's beginning: so the call itself is what is looked up.
define internal i64 @place(ptr %thread, i64 %pc, i64 %sp) nounwind {{
  %jump.field = {field("jump")}
  %top = load i64, ptr %jump.field
  %far = add i64 %sp, {_NEAR}
  %nearer = icmp ult i64 %far, %top
  %limit = select i1 %nearer, i64 %far, i64 %top
  %begin = and i64 %sp, -8
  br label %look
look:
  %at = phi i64 [%begin, %0], [%next, %on]
  %here = phi i64 [%pc, %0], [%call, %on]
  %found = call i1 @in.code(i64 %here)
  br i1 %found, label %done, label %more
more:
  %inside = icmp ult i64 %at, %limit
  br i1 %inside, label %on, label %nowhere
on:
  %pointer = inttoptr i64 %at to ptr
  %word = load i64, ptr %pointer
  %call = sub i64 %word, 1
  %next = add i64 %at, 8
  br label %look
done:
  ret i64 %here
nowhere:
  ret i64 %pc
}}
"""

_LEAVING = f"""
declare ptr @llvm.frameaddress.p0(i32)
declare ptr @llvm.returnaddress(i32)

define ptr @{LEAVE_JIT}() nounwind {{
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %here = ptrtoint ptr %frame to i64
  %thread = call ptr @find.thread(i64 %here)
  %caller = call ptr @llvm.returnaddress(i32 0)
  %pc = ptrtoint ptr %caller to i64
  %none = icmp eq ptr %thread, null
  br i1 %none, label %gone, label %measure
measure:
  %bottom.field = {field("bottom")}
  %bottom = load i64, ptr %bottom.field
  %room = sub i64 %here, %bottom
  %enough = icmp uge i64 %room, {STACK_RESERVE + GUARD_ZONE}
  br i1 %enough, label %leave, label %full
leave:
  %outside.field = {field("outside")}
  store i64 %pc, ptr %outside.field
  br label %gone
gone:
  ret ptr %thread
full:
  call void @out(ptr %thread, i64 {Fault.OVERFLOW:d}, i64 %pc, i64 %here)
  unreachable
}}

define void @{REENTER_JIT}(ptr %thread) nounwind {{
  %none = icmp eq ptr %thread, null
  br i1 %none, label %done, label %back
back:
  %outside.field = {field("outside")}
  store i64 0, ptr %outside.field
  %pending.field = {field("pending")}
  %pending = load atomic i64, ptr %pending.field monotonic, align 8
  %wanted = icmp ne i64 %pending, 0
  br i1 %wanted, label %out, label %done
done:
  ret void
out:
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %here = ptrtoint ptr %frame to i64
  %caller = call ptr @llvm.returnaddress(i32 0)
  %pc = ptrtoint ptr %caller to i64
  call void @out(ptr %thread, i64 %pending, i64 %pc, i64 %here)
  unreachable
}}
"""

# Where nothing is known about handlers, nobody has a native_thread.
_UNGUARDED = f"""
define ptr @{LEAVE_JIT}() nounwind {{
  ret ptr null
}}
define void @{REENTER_JIT}(ptr %thread) nounwind {{
  ret void
}}
define ptr @find.thread(i64 %address) nounwind {{
  ret ptr null
}}
define void @on.overflow(i32 %signal, ptr %info, ptr %context) nounwind {{
  ret void
}}
define void @on.interrupt(i32 %signal, ptr %info, ptr %context) nounwind {{
  ret void
}}
"""


def _handlers(stack_pointer: int, program_counter: int) -> str:
    overflow = _handler(
        "overflow",
        stack_pointer,
        program_counter,
        look=f"""
  %address.field = getelementptr i8, ptr %info, i64 {_FAULT_ADDRESS}
  %address = load i64, ptr %address.field
  %bottom.field = {field("bottom")}
  %bottom = load i64, ptr %bottom.field
  %distance = sub i64 %address, %bottom
  %overflow = icmp ult i64 %distance, {GUARD_ZONE}
  br i1 %overflow, label %out, label %others""",
        fault=str(int(Fault.OVERFLOW)),
        # The instruction faults again, and nobody is asked any more.
        alone="%ours = call ptr @signal(i32 %signal, ptr null)",
    )
    interrupt = _handler(
        "interrupt",
        stack_pointer,
        program_counter,
        look=f"""
  %pending.field = {field("pending")}
  %pending = load atomic i64, ptr %pending.field monotonic, align 8
  %wanted = icmp ne i64 %pending, 0
  br i1 %wanted, label %search, label %others
search:
  %ready = call i1 @in.code(i64 %pc)
  br i1 %ready, label %out, label %done""",
        fault="%pending",
        alone="",
    )
    return f"declare ptr @signal(i32, ptr) nounwind\n{overflow}{interrupt}"


def _handler(name: str, stack_pointer: int, program_counter: int, *, look: str, fault: str, alone: str) -> str:
    """A handler that goes to `look` where its thread is inside native code, and not in a C function.

    That goes on to %out, to leave for `fault`; to %done; or to %others, for whoever handled the signal before: where
    there is nobody, `alone` is done.
    """
    return f"""
define void @on.{name}(i32 %signal, ptr %info, ptr %context) nounwind {{
  %sp.field = getelementptr i8, ptr %context, i64 {stack_pointer}
  %pc.field = getelementptr i8, ptr %context, i64 {program_counter}
  %sp = load i64, ptr %sp.field
  %pc = load i64, ptr %pc.field
  %thread = call ptr @find.thread(i64 %sp)
  %none = icmp eq ptr %thread, null
  br i1 %none, label %others, label %protected_stack
protected_stack:
  %jump.field = {field("jump")}
  %outside.field = {field("outside")}
  %jump = load ptr, ptr %jump.field
  %outside = load i64, ptr %outside.field
  %entered = icmp ne ptr %jump, null
  %inside = icmp eq i64 %outside, 0
  %native = and i1 %entered, %inside
  br i1 %native, label %look, label %others
look:{look}
out:
  call void @out(ptr %thread, i64 {fault}, i64 %pc, i64 %sp)
  unreachable
others:
  %before = load ptr, ptr @before.{name}
  %standard = icmp ule ptr %before, inttoptr (i64 1 to ptr)
  br i1 %standard, label %alone, label %tell
tell:
  call void %before(i32 %signal, ptr %info, ptr %context)
  br label %done
alone:
  {alone}
  br label %done
done:
  ret void
}}
"""
