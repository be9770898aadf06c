"""The few native functions everything rests on, in LLVM IR, compiled once per engine.

*The hook* is called by baseline code when a unit becomes hot. It may be a million frames deep in the user's
program, on a thread that does not hold Python's lock: so it only writes the unit's number to a pipe. In
deterministic mode it then reads one byte from a second pipe, which the recompiler writes when the swap is done.

*Publication* stores an address into a slot, sequentially consistent: whoever sees the new address sees final code,
and the store is visible before the publisher looks at who is still running (see ``reclaim``).

*Entries* are how Python, through ctypes, gets into native code: they call a stub with the stubs' calling
convention. *Thunks* do that for C, which is given their addresses, and count who is inside, on one of two sides.
Both say to the thread's native_thread how native code can be left before its end (see ``faults``). Who was left so
through
an entry gets a zero, and Python finds the fault in the native_thread. So does C, through a thunk: but then the fault
stays
pending, and the native code that called C leaves too, once that has returned.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

from kaleido.jit.compiling.llvm import baseline_code
from kaleido.jit.native.faults import missing_protection
from kaleido.jit.native.handlers import field, handlers
from kaleido.jit.native.loader import Library, Loader
from kaleido.jit.unit import Signature

__all__ = ["Runtime", "native"]

MESSAGE_SIZE = 8

# Enough for a jmp_buf of any C library (glibc's has 200 bytes on x86-64).
_JUMP_BUFFER = 512

_C_TYPES: dict[str, Any] = {
    "void": None, "double": ctypes.c_double, "float": ctypes.c_float, "ptr": ctypes.c_void_p,
    "i64": ctypes.c_int64, "i32": ctypes.c_int32, "i16": ctypes.c_int16, "i8": ctypes.c_int8, "i1": ctypes.c_bool,
}  # fmt: skip

_HOOK = """
define void @hook(i64 %unit) nounwind {{
  %message = alloca i64
  store i64 %unit, ptr %message
  %written = call i64 @write(i32 {requests}, ptr %message, i64 8)
  {wait}
}}
declare i64 @write(i32, ptr, i64)
declare i64 @read(i32, ptr, i64)
"""

_RETURN = "ret void"

# A signal may interrupt the read: only a byte, or the end of the pipe, ends the wait.
_WAIT = """br label %wait
wait:
  %got = call i64 @read(i32 {replies}, ptr %message, i64 1)
  %interrupted = icmp slt i64 %got, 0
  br i1 %interrupted, label %wait, label %done
done:
  ret void"""

_PUBLISH = """
define void @publish(ptr %slot, ptr %code) nounwind {
  store atomic ptr %code, ptr %slot seq_cst, align 8
  ret void
}
@inside = global [2 x i64] zeroinitializer
@side = global i64 0
"""


def native(address: int, signature: Signature, *, leading: tuple[str, ...] = ()) -> Callable[..., Any]:
    """A Python callable for the C function at `address`: the one place where an address becomes callable.

    The caller vouches for address and signature, and keeps the code loaded. Python's lock is released while
    it runs. `leading` are parameters before those of the signature.
    """
    kinds = [_C_TYPES[kind] for kind in (*leading, *signature.parameters)]
    return ctypes.CFUNCTYPE(_C_TYPES[signature.result], *kinds)(address)


class Runtime:
    """Hook, publication and entries of one engine, with the pipes to its recompiler."""

    def __init__(self, loader: Loader, *, wait: bool) -> None:
        self._loader = loader
        self.requests, self._requests_in = os.pipe()
        self._replies, self._replies_in = os.pipe() if wait else (-1, -1)
        waiting = _WAIT.format(replies=self._replies) if wait else _RETURN
        ir = _HOOK.format(requests=self._requests_in, wait=waiting) + _PUBLISH
        symbols = self._load(ir, ["hook", "publish", "inside", "side"]).addresses
        self.hook = symbols["hook"]
        self.publish = native(symbols["publish"], Signature("void", ("ptr", "ptr")))
        self.inside = (ctypes.c_int64 * 2).from_address(symbols["inside"])
        self.side = ctypes.c_int64.from_address(symbols["side"])
        self._counters = {name: symbols[name] for name in ("inside", "side")}
        self._entries: dict[Signature, Callable[..., Any]] = {}

    def request(self, number: int) -> None:
        """Send the recompiler what the hook would send."""
        os.write(self._requests_in, number.to_bytes(MESSAGE_SIZE, "little", signed=True))

    def reply(self) -> None:
        """In deterministic mode, let the waiting hook go on."""
        if self._replies_in >= 0:
            os.write(self._replies_in, b"\n")

    def entry(self, signature: Signature) -> Callable[..., Any]:
        """``entry(native_thread, stub, *arguments)`` calls the stub at an address, on the thread that has the
        native_thread (or 0)."""
        if signature not in self._entries:
            library = self._load(_entry_ir(signature), ["entry"])
            self._entries[signature] = native(library.addresses["entry"], signature, leading=("ptr", "ptr"))
        return self._entries[signature]

    def thunk(self, signature: Signature, stub: int) -> Library:
        """A C function, exported as ``thunk``, that calls the stub at `stub`, counted as being inside."""
        imports = {**self._counters, "stub": stub, "find.thread": handlers().find_thread}
        return self._load(_thunk_ir(signature), ["thunk"], imports)

    def no_more_replies(self) -> None:
        """Let every waiting hook go on, and those to come: the recompiler has stopped."""
        if self._replies_in >= 0:
            os.close(self._replies_in)
            self._replies_in = -1

    def disconnect(self) -> None:
        """Have the pipes lead nowhere: nobody reads what is written, and what waits for a reply has the end of it."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for end in self._ends:
            os.dup2(nowhere, end)
        os.close(nowhere)

    def close(self) -> None:
        for end in self._ends:
            os.close(end)

    @property
    def _ends(self) -> list[int]:
        return [end for end in (self.requests, self._requests_in, self._replies, self._replies_in) if end >= 0]

    def _load(self, ir: str, exports: list[str], imports: dict[str, int] | None = None) -> Library:
        return self._loader.load(baseline_code(ir), exports, imports or {})


_SETJMP = "declare i32 @_setjmp(ptr) returns_twice nounwind"


def _entry_ir(signature: Signature) -> str:
    parameters = ", ".join(["ptr %thread", "ptr %stub", *filter(None, [signature.arguments])])
    return f"""
{_SETJMP}
define {_c_result(signature)} @entry({parameters}) nounwind {{
  {_protected(signature, "%stub")}
  {_return(signature)}
}}
"""


def _thunk_ir(signature: Signature) -> str:
    return f"""
{_SETJMP}
declare {signature.prototype("stub")}
@inside = external global [2 x i64]
@side = external global i64
declare ptr @find.thread(i64)
declare ptr @llvm.frameaddress.p0(i32)
define {_c_result(signature)} @thunk({signature.arguments}) nounwind {{
  %side = load atomic i64, ptr @side monotonic, align 8
  %inside = getelementptr [2 x i64], ptr @inside, i64 0, i64 %side
  %before = atomicrmw add ptr %inside, i64 1 seq_cst
  %frame = call ptr @llvm.frameaddress.p0(i32 0)
  %here = ptrtoint ptr %frame to i64
  %thread = call ptr @find.thread(i64 %here)
  {_protected(signature, "@stub", from_c=True)}
  %after = atomicrmw sub ptr %inside, i64 1 seq_cst
  {_return(signature)}
}}
"""


def _protected(signature: Signature, stub: str, *, from_c: bool = False) -> str:
    """Call `stub`; where %thread is not null, with a way out, on which the result is zero.

    C is not left: it goes on with that zero, nothing more is called while the fault is pending, and REENTER_JIT is
    where
    it goes on from.
    """
    if missing_protection():
        return _call(signature, stub)
    results = ["[ %direct, %plain ]", "[ %full, %run ]", "[ zeroinitializer, %fault ]"]
    check = propagate = ""
    if from_c:
        results.append("[ zeroinitializer, %set ]")
        check = f"""%pending.field = {field("pending")}
  %pending = load atomic i64, ptr %pending.field monotonic, align 8
  %leaving = icmp ne i64 %pending, 0
  br i1 %leaving, label %done, label %enter
enter:"""
        propagate = f"""%fault.field = {field("fault")}
  %why = load i64, ptr %fault.field
  store atomic i64 %why, ptr %pending.field monotonic, align 8"""
    return f"""%buffer = alloca [{_JUMP_BUFFER} x i8], align 16
  %none = icmp eq ptr %thread, null
  br i1 %none, label %plain, label %set
plain:
  {_call(signature, stub, "%direct")}
  br label %done
set:
  {check}
  %jump.field = {field("jump")}
  %outside.field = {field("outside")}
  %jump.before = load volatile ptr, ptr %jump.field
  %outside.before = load volatile i64, ptr %outside.field
  %again = call i32 @_setjmp(ptr %buffer) returns_twice
  %left = icmp ne i32 %again, 0
  br i1 %left, label %fault, label %run
run:
  store volatile i64 0, ptr %outside.field
  store volatile ptr %buffer, ptr %jump.field
  {_call(signature, stub, "%full")}
  store volatile ptr %jump.before, ptr %jump.field
  store volatile i64 %outside.before, ptr %outside.field
  br label %done
fault:
  store volatile ptr %jump.before, ptr %jump.field
  store volatile i64 %outside.before, ptr %outside.field
  {propagate}
  br label %done
done:
  {f"%result = phi {signature.result} {', '.join(results)}" if signature.result != "void" else ""}"""


def _c_result(signature: Signature) -> str:
    # C takes a truth value for a whole byte.
    return "zeroext i1" if signature.result == "i1" else signature.result


def _call(signature: Signature, stub: str, result: str = "%result") -> str:
    call = f"call tailcc {signature.result} {stub}({signature.arguments})"
    return call if signature.result == "void" else f"{result} = {call}"


def _return(signature: Signature) -> str:
    return "ret void" if signature.result == "void" else f"ret {signature.result} %result"
