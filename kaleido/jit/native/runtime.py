"""The native functions of one engine: the hook, publication, and entry points; and the pipes to its recompiler.

The *hook* is called by baseline code when a unit becomes hot. It may be a million frames deep in the user's program,
on a thread that does not hold Python's interpreter lock: so all it does is to write the unit's number to a pipe. In
deterministic mode it then waits for one byte from a second pipe, which the recompiler writes after the swap. The mode
may change at any time, so the hook reads it once, and its message says whether it waits.

*Publication* stores an address into a slot, sequentially consistent: a thread that reads the new address sees the
complete code, and the store is visible before the publisher checks which calls are in progress (see ``reclaim``).

*Entry points* and *thunks* are described in ``entry_points``. Each entry point is compiled once for its signature.
"""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Callable
from typing import Any

from kaleido.jit.compiling.lazy_compiler import baseline_code
from kaleido.jit.compiling.object_cache import ObjectCache
from kaleido.jit.native.entry_points import c_function, entry_point_ir, thunk_ir
from kaleido.jit.native.handlers import handlers
from kaleido.jit.native.loader import LoadedObject, Loader
from kaleido.jit.native.put_byte import HAND_OVER
from kaleido.jit.unit import Signature

__all__ = ["FAILED", "MESSAGE_SIZE", "WAITS", "Runtime"]

MESSAGE_SIZE = 8
"""Bytes of a message to the recompiler: a number of a unit, perhaps with WAITS."""

WAITS = 1 << 62
"""The bit of a message that says that the hook waits for a reply."""

FAILED = 1 << 61
"""The bit of a number that says that guards of the unit have failed, again and again."""

_NO_PIPE = -1

_NATIVE = f"""
declare i64 @write(i32, ptr, i64)
declare i64 @read(i32, ptr, i64)
@requests = global i32 {_NO_PIPE}
@replies = global i32 {_NO_PIPE}
define void @hook(i64 %unit) nounwind {{
  %message = alloca i64
  %replies = load atomic i32, ptr @replies monotonic, align 4
  %waits = icmp ne i32 %replies, {_NO_PIPE}
  %flag = select i1 %waits, i64 {WAITS}, i64 0
  %number = or i64 %unit, %flag
  store i64 %number, ptr %message
  %requests = load i32, ptr @requests
  %written = call i64 @write(i32 %requests, ptr %message, i64 {MESSAGE_SIZE})
  br i1 %waits, label %wait, label %done
wait:
  ; A signal may interrupt the read: only a byte, or the end of the pipe, ends the wait.
  %got = call i64 @read(i32 %replies, ptr %message, i64 1)
  %interrupted = icmp slt i64 %got, 0
  br i1 %interrupted, label %wait, label %done
done:
  ret void
}}
define void @publish(ptr %slot, ptr %code) nounwind {{
  store atomic ptr %code, ptr %slot seq_cst, align 8
  ret void
}}
@inside = global [2 x i64] zeroinitializer
@side = global i64 0
"""


class Runtime:
    """Hook, publication and entry points of one engine, with the pipes to its recompiler.

    `objects` has object code of earlier runs. `inside` counts the calls from C that are in native code, on each of two
    sides; `side` is the current one. Raises MemoryError, and OSError where there is no pipe.
    """

    def __init__(self, loader: Loader, objects: ObjectCache | None = None) -> None:
        self._loader, self._objects = loader, objects
        # The first engine of the process compiles them.
        handlers(objects)
        names = ["hook", "publish", "requests", "replies", "inside", "side"]
        addresses = self.load(_NATIVE, names).addresses
        self.requests, self._requests_in = os.pipe()
        self._replies = self._replies_in = _NO_PIPE
        self.hook = addresses["hook"]
        ctypes.c_int32.from_address(addresses["requests"]).value = self._requests_in
        self._replies_of_hook = ctypes.c_int32.from_address(addresses["replies"])
        self.publish = c_function(addresses["publish"], Signature("void", ("ptr", "ptr")))
        self.inside = (ctypes.c_int64 * 2).from_address(addresses["inside"])
        self.side = ctypes.c_int64.from_address(addresses["side"])
        self._counters = {name: addresses[name] for name in ("inside", "side")}
        self._entry_points: dict[Signature, Callable[..., Any]] = {}

    def request(self, number: int) -> None:
        """Write a number to the recompiler's pipe, as the hook does."""
        os.write(self._requests_in, number.to_bytes(MESSAGE_SIZE, "little", signed=True))

    def wait_for_request(self, seconds: float) -> None:
        """Return when there is a request, or after so many seconds."""
        # Not `select`, which takes no numbers of files above 1,023.
        poll = select.poll()
        poll.register(self.requests, select.POLLIN)
        poll.poll(seconds * 1_000)

    def open_replies(self) -> None:
        """Create the pipe for replies, if there is none. Raises OSError."""
        if self._replies == _NO_PIPE:
            self._replies, self._replies_in = os.pipe()

    def set_waiting(self, wait: bool) -> None:
        """Set whether the hook waits for a reply from now on, for which :meth:`open_replies` was called."""
        self._replies_of_hook.value = self._replies if wait else _NO_PIPE

    def reply(self) -> None:
        """Let one waiting hook return."""
        if self._replies_in >= 0:
            os.write(self._replies_in, b"\n")

    def entry_point(self, signature: Signature) -> Callable[..., Any]:
        """``entry_point(native_thread, stub, *arguments)`` calls the stub at an address.

        `native_thread` is the address of the calling thread's NativeThread; 0 if it has none.
        """
        if signature not in self._entry_points:
            imports = {"renew.handlers": handlers().renew_handlers, HAND_OVER: handlers().hand_over}
            loaded = self.load(entry_point_ir(signature), ["entry"], imports)
            self._entry_points[signature] = c_function(loaded.addresses["entry"], signature, leading=("ptr", "ptr"))
        return self._entry_points[signature]

    def thunk(self, signature: Signature, stub: int) -> LoadedObject:
        """A C function, exported as ``thunk``, that calls the stub at `stub` and counts the call in `inside`."""
        native = handlers()
        imports = {**self._counters, "stub": stub, "find.thread": native.find_thread, HAND_OVER: native.hand_over}
        return self.load(thunk_ir(signature), ["thunk"], imports)

    def load(self, ir: str, exports: list[str], imports: dict[str, int] | None = None) -> LoadedObject:
        """Compile and load IR that is the same in every engine."""
        return self._loader.load(baseline_code(ir, self._objects), exports, imports or {})

    def no_more_replies(self) -> None:
        """Let every waiting hook return, and every later one at once: the recompiler has stopped."""
        if self._replies_in >= 0:
            os.close(self._replies_in)
            self._replies_in = _NO_PIPE

    def disconnect(self) -> None:
        """Redirect the pipes to the null device: what is written is lost, and a read for a reply ends at once."""
        null = os.open(os.devnull, os.O_RDWR)
        for end in self._ends:
            os.dup2(null, end)
        os.close(null)

    def close(self) -> None:
        """Close the pipes."""
        for end in self._ends:
            os.close(end)

    @property
    def _ends(self) -> list[int]:
        return [end for end in (self.requests, self._requests_in, self._replies, self._replies_in) if end >= 0]
