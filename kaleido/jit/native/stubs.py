"""Stubs: addresses that never change, over slots that do.

What baseline code calls when it calls a unit is the unit's *stub*: a jump through an 8-byte *slot*. Making a
unit faster, or redefining it, is one store into its slot. Each stub comes with a *record*, and everything running
code needs to know about the unit is in it::

    offset  field   what
    0       slot    where the stub jumps to: the counter prologue, or straight to a body
    8       runs    counted by the counter prologue; the engine only reads it
    16      limit   the number of runs at which the unit is hot
    24      body    where the prologue jumps on to: the unit's baseline body
    32      number  what the hook tells the recompiler

The *counter prologue* adds one to `runs`, and from `limit` on takes the way over the hook. It chooses between two jump
targets instead of branching around a call, so that arguments stay in their registers. The count is not atomic: two
threads may lose a run of each other's. Whoever finds the limit reached first takes it away and calls the hook, so that
it is called once for each limit that is set, however many threads count, and whatever the count is by then.

A stub outlives every version of its unit, so it is part of no unit's object. Stubs come in pools, one kind for
each signature, and are used again when their unit is gone. Stubs of one signature differ in nothing but where they
are: a pool is compiled once, and its object loaded again whenever more are needed.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from kaleido.jit.compiling.llvm import baseline_code
from kaleido.jit.native.faults import LEAVE_JIT, REENTER_JIT
from kaleido.jit.native.handlers import handlers
from kaleido.jit.native.loader import Loader
from kaleido.jit.native.runtime import Runtime
from kaleido.jit.unit import Signature

__all__ = ["Stub", "Stubs"]

# The first stub of a signature is often the last; who needs two will need many.
_FIRST_POOL, _POOL = 1, 16

# A limit that no count reaches.
_NEVER = 2**63 - 1


class _Record(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("slot", "runs", "limit", "body", "number")]


@dataclass(frozen=True)
class Stub:
    """`address` is what calls the unit; the others are what to publish into its slot.

    `prologue` for a unit that counts; `nowhere`, where there is no unit, does nothing and returns zero.
    """

    signature: Signature
    address: int
    prologue: int
    nowhere: int
    record: int

    @property
    def fields(self) -> _Record:
        """The live record: reading gives the values now, assigning stores them."""
        return _Record.from_address(self.record)


class Stubs:
    """Pools of stubs. Not thread-safe by itself."""

    def __init__(self, loader: Loader, runtime: Runtime) -> None:
        self._loader, self._runtime = loader, runtime
        self._free: dict[Signature, list[Stub]] = {}

    def take(self, signature: Signature) -> Stub:
        """A stub that nobody uses; calls to it do nothing yet."""
        if not self._free.get(signature):
            self._free[signature] = self._pool(signature, _POOL if signature in self._free else _FIRST_POOL)
        return self._free[signature].pop()

    def give_back(self, stub: Stub) -> None:
        """Let `stub` be used again. Nothing may call it any more, or be on its way through it."""
        ctypes.memset(stub.record, 0, ctypes.sizeof(_Record))
        self.abandon(stub)
        self._free[stub.signature].append(stub)

    def abandon(self, stub: Stub) -> None:
        """Make calls to `stub` do nothing: its unit is gone, and C may have its address."""
        self.publish(stub, stub.nowhere)

    def publish(self, stub: Stub, code: int) -> None:
        """Make calls to `stub` go to `code` from now on; calls on their way arrive where they were going."""
        self._runtime.publish(stub.record + _Record.slot.offset, code)

    def _pool(self, signature: Signature, count: int) -> list[Stub]:
        exports = [f"{kind}.{index}" for kind in ("stub", "prologue") for index in range(count)]
        code = baseline_code(_pool_ir(signature, count))
        imports = {"hook": self._runtime.hook, **handlers().imports}
        library, size = self._loader.load(code, [*exports, "records", "nowhere"], imports), ctypes.sizeof(_Record)
        at = library.addresses
        return [
            Stub(
                signature,
                at[f"stub.{index}"],
                at[f"prologue.{index}"],
                at["nowhere"],
                at["records"] + index * size,
            )
            for index in reversed(range(count))
        ]


def _pool_ir(signature: Signature, count: int) -> str:
    size = ctypes.sizeof(_Record)
    empty = "{ ptr, i64, i64, ptr, i64 } { ptr @nowhere, i64 0, i64 0, ptr null, i64 0 }"
    zero = "" if signature.result == "void" else " zeroinitializer"
    return "\n".join(
        [
            f"@records = dso_local global [{count} x {{ ptr, i64, i64, ptr, i64 }}] [{', '.join([empty] * count)}]",
            "declare void @hook(i64)",
            f"declare ptr @{LEAVE_JIT}()",
            f"declare void @{REENTER_JIT}(ptr)",
            f"define {signature.prototype('nowhere')} nounwind {{",
            f"  ret {signature.result}{zero}",
            "}",
            *(_stub_ir(signature, index, index * size) for index in range(count)),
        ]
    )


def _stub_ir(signature: Signature, index: int, offset: int) -> str:
    def field(name: str) -> str:
        return f"getelementptr (i8, ptr @records, i64 {offset + getattr(_Record, name).offset})"

    define = f"define dso_local {{}} nounwind {{{{{chr(10)}"
    return f"""
{define.format(signature.prototype(f"stub.{index}"))}
  %target = load atomic ptr, ptr {field("slot")} monotonic, align 8
{signature.forward("%target")}}}
{define.format(signature.prototype(f"prologue.{index}"))}
  %before = load i64, ptr {field("runs")}
  %runs = add i64 %before, 1
  store i64 %runs, ptr {field("runs")}
  %limit = load atomic i64, ptr {field("limit")} monotonic, align 8
  %hot = icmp sge i64 %runs, %limit
  %body = load atomic ptr, ptr {field("body")} monotonic, align 8
  %target = select i1 %hot, ptr @hot.{index}, ptr %body
{signature.forward("%target")}}}
{define.format(signature.prototype(f"hot.{index}"))}
  %limit = load atomic i64, ptr {field("limit")} monotonic, align 8
  %armed = icmp ne i64 %limit, {_NEVER}
  br i1 %armed, label %disarm, label %go
disarm:
  ; From here on the hook must be reached, and it is C: so there has to be stack for it, and no interruption.
  %thread = call ptr @{LEAVE_JIT}()
  %swap = cmpxchg ptr {field("limit")}, i64 %limit, i64 {_NEVER} seq_cst seq_cst
  %first = extractvalue {{ i64, i1 }} %swap, 1
  br i1 %first, label %tell, label %back
tell:
  %number = load atomic i64, ptr {field("number")} monotonic, align 8
  call void @hook(i64 %number)
  br label %back
back:
  call void @{REENTER_JIT}(ptr %thread)
  br label %go
go:
  %body = load atomic ptr, ptr {field("body")} monotonic, align 8
{signature.forward("%body")}}}
"""
