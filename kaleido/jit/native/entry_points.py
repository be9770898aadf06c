"""Entry points and thunks: how Python and C call units.

An *entry point* is a native function that Python calls through ctypes: it calls a stub with the calling convention of
stubs. A *thunk* is a C function pointer for one unit: it does the same for C code, and counts the calls that are inside
native code, on the current one of two sides (see ``reclaim``).

Both store a jump buffer in the thread's NativeThread, and so are the place to which native code is left early (see
``faults``). The result is zero then. Python finds the reason in the NativeThread. C goes on with the zero until it
returns to the unit that called it. Meanwhile the fault stays pending: thunks call nothing, and REENTER_JIT leaves that
unit, too.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from kaleido.jit.native.faults import NativeThread, missing_protection
from kaleido.jit.native.put_byte import HAND_OVER
from kaleido.jit.unit import Signature

__all__ = ["C_TYPES", "JUMP_BUFFER", "c_function", "entry_point_ir", "thunk_ir"]

# Bytes: enough for the jmp_buf of any C library (glibc's has 200 on x86-64).
JUMP_BUFFER = 512

C_TYPES: dict[str, Any] = {
    "void": None, "double": ctypes.c_double, "float": ctypes.c_float, "ptr": ctypes.c_void_p,
    "i64": ctypes.c_int64, "i32": ctypes.c_int32, "i16": ctypes.c_int16, "i8": ctypes.c_int8, "i1": ctypes.c_bool,
}  # fmt: skip


def c_function(address: int, signature: Signature, *, leading: tuple[str, ...] = ()) -> Callable[..., Any]:
    """A Python callable for the C function at `address`. `leading` are parameters before those of the signature.

    This is the only place where an address becomes callable. The caller vouches for the address and the signature, and
    keeps the code loaded. Python's interpreter lock is released while the function runs.
    """
    kinds = [C_TYPES[kind] for kind in (*leading, *signature.parameter_types)]
    return ctypes.CFUNCTYPE(C_TYPES[signature.result_type], *kinds)(address)


def entry_point_ir(signature: Signature) -> str:
    """``RESULT entry(ptr thread, ptr stub, PARAMETERS...)``: call a stub. `thread` may be null."""
    parameters = ", ".join(["ptr %thread", "ptr %stub", *filter(None, [signature.arguments])])
    body = f"  {_call(signature, '%stub', '%result')}" if missing_protection() else _protected_call(signature)
    return f"""
declare i32 @_setjmp(ptr) returns_twice nounwind
declare void @renew.handlers(ptr)
declare void @{HAND_OVER}()
define {signature.c_result} @entry({parameters}) nounwind {{
{body}
  {_return(signature)}
}}
"""


def _protected_call(signature: Signature) -> str:
    return f"""
  %buffer = alloca [{JUMP_BUFFER} x i8], align 16
  %unprotected = icmp eq ptr %thread, null
  br i1 %unprotected, label %plain, label %protected
plain:
  {_call(signature, "%stub", "%plain.result")}
  call void @{HAND_OVER}()
  br label %done
protected:
  call void @renew.handlers(ptr %thread)
  {_enter(signature, "%stub")}
fault:
  {_restore()}
  br label %done
done:
  {_result(signature, "fault")}
"""


def thunk_ir(signature: Signature) -> str:
    """``RESULT thunk(PARAMETERS...)``: call the imported stub for C code, counted as being inside native code."""
    body = f"  {_call(signature, '@stub', '%result')}" if missing_protection() else _protected_thunk_call(signature)
    return f"""
declare i32 @_setjmp(ptr) returns_twice nounwind
declare {signature.prototype("stub")}
@inside = external global [2 x i64]
@side = external global i64
declare ptr @find.thread(i64)
declare void @{HAND_OVER}()
declare ptr @llvm.frameaddress.p0(i32)
define {signature.c_result} @thunk({signature.arguments}) nounwind {{
  %side = load atomic i64, ptr @side monotonic, align 8
  %inside = getelementptr [2 x i64], ptr @inside, i64 0, i64 %side
  %entered = atomicrmw add ptr %inside, i64 1 seq_cst
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %sp = ptrtoint ptr %frame to i64
  %thread = call ptr @find.thread(i64 %sp)
{body}
  %left = atomicrmw sub ptr %inside, i64 1 seq_cst
  {_return(signature)}
}}
"""


def _protected_thunk_call(signature: Signature) -> str:
    """As in an entry point; but with a fault pending nothing is called, and a fault stays pending for C's caller."""
    return f"""
  %buffer = alloca [{JUMP_BUFFER} x i8], align 16
  %unprotected = icmp eq ptr %thread, null
  br i1 %unprotected, label %plain, label %check
plain:
  {_call(signature, "@stub", "%plain.result")}
  call void @{HAND_OVER}()
  br label %done
check:
  %pending.field = {_field("pending")}
  %pending = load atomic i64, ptr %pending.field monotonic, align 8
  %leaving = icmp ne i64 %pending, 0
  br i1 %leaving, label %done, label %protected
protected:
  {_enter(signature, "@stub")}
fault:
  {_restore()}
  %fault.field = {_field("fault")}
  %fault.code = load i64, ptr %fault.field
  store atomic i64 %fault.code, ptr %pending.field monotonic, align 8
  br label %done
done:
  {_result(signature, "check", "fault")}
"""


def _enter(signature: Signature, stub: str) -> str:
    """Call `stub` with a jump buffer in the NativeThread, then go to %done; a jump to the buffer goes to %fault.

    Accesses are volatile, because a handler may read the fields at any moment.
    """
    return f"""%jump.field = {_field("jump")}
  %outside.field = {_field("outside")}
  %jump.before = load volatile ptr, ptr %jump.field
  %outside.before = load volatile i64, ptr %outside.field
  %jumped = call i32 @_setjmp(ptr %buffer) returns_twice
  %is.fault = icmp ne i32 %jumped, 0
  br i1 %is.fault, label %fault, label %run
run:
  store volatile i64 0, ptr %outside.field
  store volatile ptr %buffer, ptr %jump.field
  {_call(signature, stub, "%run.result")}
  {_restore()}
  br label %done"""


def _restore() -> str:
    """Let C write what the thread has put out, and restore the fields as they were before the entry.

    In this order: while the stream cannot be written to, an interruption is sent again, and ends the write.
    """
    return f"""call void @{HAND_OVER}()
  store volatile ptr %jump.before, ptr %jump.field
  store volatile i64 %outside.before, ptr %outside.field"""


def _field(name: str) -> str:
    """The instruction for a pointer to a field of %thread."""
    return f"getelementptr i8, ptr %thread, i64 {getattr(NativeThread, name).offset}"


def _call(signature: Signature, stub: str, result: str) -> str:
    call = f"call tailcc {signature.result} {stub}({signature.arguments})"
    return call if signature.result == "void" else f"{result} = {call}"


def _result(signature: Signature, *without_call: str) -> str:
    """%result: what the call returned; zero if the block before was one of `without_call`."""
    if signature.result == "void":
        return ""
    zeros = "".join(f", [zeroinitializer, %{block}]" for block in without_call)
    return f"%result = phi {signature.result_type} [%plain.result, %plain], [%run.result, %run]{zeros}"


def _return(signature: Signature) -> str:
    return "ret void" if signature.result == "void" else f"ret {signature.result_type} %result"
