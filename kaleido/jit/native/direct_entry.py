"""Direct entries: how Python calls a unit on the thread that it runs on.

A direct entry is a native function for ctypes, one for each signature in the process. It is called with Python's
interpreter lock held, and releases the lock itself. So what it does before that is atomic for Python: it looks whether
the call is still *prepared*, and counts it as active. No other thread can remove the unit in between.

::

    is the record of the present epoch, and has the thread a NativeThread?   otherwise `prepare` in Python, and again
    count the call, on the current side (see ``program.reclaim``)
    release the interpreter lock
    set a jump buffer (see ``faults``); change to the thread's own stack, unless the thread runs on it already
    call the stub
    change back; hand over the output; restore; count the call as ended; acquire the interpreter lock
    was there a fault, or has the epoch ended?                                then `finish` in Python

The jump buffer is at the upper end of the stack, so that a stack that overflowed is between two addresses, as on an
evaluation thread.

`prepare` and `finish` may raise: the entry returns zero then, and ctypes raises what is set. A Ctrl-C that stopped
native code is also pending in Python, and is raised when `finish` begins, before it has run: then it is called again.

The stack pointer is changed with LLVM's ``stackrestore``. The function has a frame pointer, by which it finds its
variables.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from kaleido.jit.compiling.lazy_compiler import baseline_code
from kaleido.jit.native.entry_points import C_TYPES, JUMP_BUFFER
from kaleido.jit.native.faults import Fault, NativeThread
from kaleido.jit.native.handlers import handlers
from kaleido.jit.native.loader import Loader
from kaleido.jit.native.put_byte import HAND_OVER
from kaleido.jit.unit import Signature

__all__ = ["STACK_TOP", "DirectCall", "EngineState", "direct_entry"]

STACK_TOP = 4096
"""Bytes at the upper end of a stack that direct entries change to: the jump buffer, and arguments on the stack."""

_PYTHON = ("PyEval_SaveThread", "PyEval_RestoreThread", "PyObject_CallNoArgs", "Py_DecRef", "PyErr_Clear")


class EngineState(ctypes.Structure):
    """What direct entries read of an engine.

    `epoch`       changes when prepared calls must be prepared again
    `inside`      the address of the counters of active calls, `side` that of the current side; 0 for a closed engine
    `stack_size`  bytes of the stack that its calls run on
    """

    _fields_ = [(name, ctypes.c_uint64) for name in ("epoch", "inside", "side", "stack_size")]

    @property
    def address(self) -> int:
        return ctypes.addressof(self)


class DirectCall(ctypes.Structure):
    """What a direct entry calls: the first argument is its address.

    `epoch`    the engine's epoch in which the call was prepared: `stub` is valid in that one only
    `engine`   the address of the EngineState
    `prepare`  the address of a Python function without parameters, which prepares the call and the thread, or raises
    `finish`   the same, called after a call with a fault, and after one that an epoch ended in; raises the fault
    """

    _fields_ = [(name, ctypes.c_uint64) for name in ("stub", "epoch", "engine", "prepare", "finish")]

    @property
    def address(self) -> int:
        return ctypes.addressof(self)


def direct_entry(signature: Signature) -> Callable[..., Any]:
    """``entry(address of a DirectCall, *arguments)``, compiled by the first call for a signature. Thread-safe.

    The caller keeps the DirectCall, its EngineState, and its functions.
    """
    kinds = [C_TYPES[kind] for kind in ("ptr", *signature.parameter_types)]
    return ctypes.PYFUNCTYPE(C_TYPES[signature.result_type], *kinds)(_address(signature))


@cache
def _address(signature: Signature) -> int:
    native = handlers()
    imports = {"find.owner": native.find_owner, "renew.stale.handlers": native.renew_stale_handlers}
    imports[HAND_OVER] = native.hand_over
    for name in _PYTHON:
        imports[name] = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
    matches = ctypes.cast(ctypes.pythonapi.PyErr_ExceptionMatches, ctypes.c_void_p).value or 0
    imports |= {"PyErr_ExceptionMatches": matches, "keyboard.interrupt": id(KeyboardInterrupt)}
    loaded = _loader().load(baseline_code(_ir(signature)), ["direct.entry"], imports)
    return loaded.addresses["direct.entry"]


@cache
def _loader() -> Loader:
    """The code belongs to no engine: a call may be made after its engine was closed."""
    return Loader(2)


def _ir(signature: Signature) -> str:
    parameters = ", ".join(["ptr %call", *filter(None, [signature.arguments])])
    void = signature.result == "void"
    assign = "" if void else "%value = "
    save = "" if void else f"store {signature.result_type} %value, ptr %result"
    zero = "" if void else f"store {signature.result_type} zeroinitializer, ptr %result"
    leave = (
        "ret void"
        if void
        else f"%returned = load {signature.result_type}, ptr %result\n  ret {signature.result_type} %returned"
    )
    return f"""
@keyboard.interrupt = external global i8
declare i32 @_setjmp(ptr) returns_twice nounwind
declare ptr @llvm.stacksave.p0()
declare void @llvm.stackrestore.p0(ptr)
declare ptr @llvm.thread.pointer.p0()
declare ptr @llvm.frameaddress.p0(i32)
declare ptr @find.owner(i64)
declare void @renew.stale.handlers(ptr)
declare void @{HAND_OVER}()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
declare ptr @PyObject_CallNoArgs(ptr)
declare void @Py_DecRef(ptr)
declare void @PyErr_Clear()
declare i32 @PyErr_ExceptionMatches(ptr)

define {signature.c_result} @direct.entry({parameters}) nounwind "frame-pointer"="all" {{
  %own.buffer = alloca [{JUMP_BUFFER} x i8], align 16
  %result = alloca {"i8" if void else signature.result_type}
  {zero}
  %pointer = call ptr @llvm.thread.pointer.p0()
  %owner = ptrtoint ptr %pointer to i64
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %sp = ptrtoint ptr %frame to i64
  %engine.field = {_field("call", DirectCall, "engine")}
  %engine = load ptr, ptr %engine.field
  br label %look
look:
  %epoch.field = {_field("call", DirectCall, "epoch")}
  %prepared = load i64, ptr %epoch.field
  %present.field = {_field("engine", EngineState, "epoch")}
  %present = load i64, ptr %present.field
  %thread = call ptr @find.owner(i64 %owner)
  %in.epoch = icmp eq i64 %prepared, %present
  %has.thread = icmp ne ptr %thread, null
  %known = and i1 %in.epoch, %has.thread
  br i1 %known, label %check, label %prepare
check:
  %pending.field = {_field("thread", NativeThread, "pending")}
  %pending = load atomic i64, ptr %pending.field monotonic, align 8
  %none.pending = icmp eq i64 %pending, 0
  %bottom.field = {_field("thread", NativeThread, "bottom")}
  %bottom = load i64, ptr %bottom.field
  %extent.field = {_field("thread", NativeThread, "extent")}
  %extent = load i64, ptr %extent.field
  %distance = sub i64 %sp, %bottom
  %nested = icmp ult i64 %distance, %extent
  %size.field = {_field("engine", EngineState, "stack_size")}
  %size = load i64, ptr %size.field
  %right.size = icmp eq i64 %size, %extent
  %stack = or i1 %nested, %right.size
  %ready = and i1 %none.pending, %stack
  br i1 %ready, label %enter, label %prepare
prepare:
  %prepare.field = {_field("call", DirectCall, "prepare")}
  %prepare.function = load ptr, ptr %prepare.field
  %done.preparing = call ptr @PyObject_CallNoArgs(ptr %prepare.function)
  %refused = icmp eq ptr %done.preparing, null
  br i1 %refused, label %return, label %retry
retry:
  call void @Py_DecRef(ptr %done.preparing)
  br label %look
enter:
  call void @renew.stale.handlers(ptr %thread)
  %end = add i64 %bottom, %extent
  %top = sub i64 %end, {STACK_TOP}
  %top.pointer = inttoptr i64 %top to ptr
  %buffer = select i1 %nested, ptr %own.buffer, ptr %top.pointer
  %side.field = {_field("engine", EngineState, "side")}
  %side.pointer = load ptr, ptr %side.field
  %side = load atomic i64, ptr %side.pointer monotonic, align 8
  %inside.field = {_field("engine", EngineState, "inside")}
  %inside = load ptr, ptr %inside.field
  %counter = getelementptr i64, ptr %inside, i64 %side
  %entered = atomicrmw add ptr %counter, i64 1 seq_cst
  %stub.field = {_field("call", DirectCall, "stub")}
  %stub = load ptr, ptr %stub.field
  %jump.field = {_field("thread", NativeThread, "jump")}
  %outside.field = {_field("thread", NativeThread, "outside")}
  %within.field = {_field("thread", NativeThread, "engine")}
  %jump.before = load volatile ptr, ptr %jump.field
  %outside.before = load volatile i64, ptr %outside.field
  %within.before = load volatile ptr, ptr %within.field
  %entries.field = {_field("thread", NativeThread, "entries")}
  %entries = load i64, ptr %entries.field
  %first = icmp eq ptr %jump.before, null
  %one = zext i1 %first to i64
  %entries.now = add i64 %entries, %one
  store volatile i64 %entries.now, ptr %entries.field
  store volatile ptr %engine, ptr %within.field
  %fault.field = {_field("thread", NativeThread, "fault")}
  %fault.before = load i64, ptr %fault.field
  %fault.now = select i1 %first, i64 0, i64 %fault.before
  store volatile i64 %fault.now, ptr %fault.field
  %state = call ptr @PyEval_SaveThread()
  %jumped = call i32 @_setjmp(ptr %buffer) returns_twice
  %is.fault = icmp ne i32 %jumped, 0
  br i1 %is.fault, label %leave, label %run
run:
  store volatile i64 0, ptr %outside.field
  store volatile ptr %buffer, ptr %jump.field
  %stack.before = call ptr @llvm.stacksave.p0()
  %stack.now = select i1 %nested, ptr %stack.before, ptr %top.pointer
  call void @llvm.stackrestore.p0(ptr %stack.now)
  {assign}call tailcc {signature.result} %stub({signature.arguments})
  call void @llvm.stackrestore.p0(ptr %stack.before)
  {save}
  br label %leave
leave:
  call void @{HAND_OVER}()
  store volatile ptr %jump.before, ptr %jump.field
  store volatile i64 %outside.before, ptr %outside.field
  store volatile ptr %within.before, ptr %within.field
  %left = atomicrmw sub ptr %counter, i64 1 seq_cst
  call void @PyEval_RestoreThread(ptr %state)
  %fault = load volatile i64, ptr %fault.field
  %faulted = icmp ne i64 %fault, 0
  %epoch.now = load volatile i64, ptr %present.field
  %ended = icmp ne i64 %epoch.now, %present
  %more = or i1 %faulted, %ended
  br i1 %more, label %finish, label %return
finish:
  %finish.field = {_field("call", DirectCall, "finish")}
  %finish.function = load ptr, ptr %finish.field
  %finished = call ptr @PyObject_CallNoArgs(ptr %finish.function)
  %raised = icmp eq ptr %finished, null
  br i1 %raised, label %compare, label %release
release:
  call void @Py_DecRef(ptr %finished)
  br label %return
compare:
  %fault.still = load volatile i64, ptr %fault.field
  %interrupted = icmp eq i64 %fault.still, {int(Fault.INTERRUPTED)}
  br i1 %interrupted, label %match, label %return
match:
  %matches = call i32 @PyErr_ExceptionMatches(ptr @keyboard.interrupt)
  %same = icmp ne i32 %matches, 0
  br i1 %same, label %again, label %return
again:
  call void @PyErr_Clear()
  br label %finish
return:
  {leave}
}}
"""


def _field(pointer: str, struct: Any, name: str) -> str:
    """The instruction for a pointer to a field of the structure at %`pointer`."""
    return f"getelementptr i8, ptr %{pointer}, i64 {getattr(struct, name).offset}"
