"""Stubs: addresses of units that never change, and jump through slots that do.

The problem. Code that calls a unit contains an address. When the unit is compiled again or redefined, every caller
must reach the new code from its next call on, while other threads may be executing the call.

The solution. Baseline code calls the unit's *stub*: a jump through an 8-byte *slot*. To exchange the code of a unit is
one atomic store into its slot. Each stub has a *record*, which contains everything about the unit that running code
needs::

    offset  field   content
    0       slot    the target of the stub: the counter prologue, or a body
    8       runs    counted by the counter prologue; the engine only reads it
    16      limit   the number of runs at which the unit is hot
    24      body    the target of the prologue: the unit's baseline body
    32      number  what the hook sends to the recompiler

The *counter prologue* adds one to `runs`, and takes the way over the hook once `limit` is reached. The first thread to
reach the limit disarms it with a compare-and-swap and calls the hook: one request for each limit that is set, however
many threads count, and whatever the count is by then.

In an engine that speculates, a unit is profiled before it is counted: the slot leads to the *profiler*, which jumps to
the prologue. For each argument it combines the bits of all values by "and" and by "or". The two are equal exactly where
all values were. So there is no first run to be told from the others, and no branch. Threads that count at the same time
may lose a value; what relies on the profile is guarded (see ``program.speculation``).

A stub outlives every version of its unit, so it is part of no unit's object code. Stubs are allocated from pools, and
used again after their unit is removed. A stub passes on all registers that may have arguments, so most signatures have
the same code: see :func:`_kind`. Pools of the same kind and size are the same code, too: it is compiled once, and
loaded once for each pool. To compile a pool of 16 takes 17 ms, and one of a single stub 2.2; to load them takes 0.16
and 0.04. So the first stubs of a kind are pools of their own, as many as take as long as that compilation: most
programs need no others.

Limits. The count is not atomic: two threads that count at the same time may lose a run. Each call through a stub costs
an indirect jump; optimized code pays it only for units outside of its inline group.

What does not work, and why.

- *Patching the call instructions.* Each caller must be found and changed while another thread may be executing it. The
  processor's rules for that (alignment, the order of writes, serializing instructions) differ from one kind to the
  next, and code must be writable while it runs.
- *An atomic count.* It would be exact, but a locked increment takes some twenty cycles on x86-64, and more
  when several threads run the same unit. It does no harm if a unit becomes hot a few runs later.
- *A branch in the prologue around a call of the hook.* The arguments would have to be saved around that call, and room
  for them reserved on each run. The prologue selects between two jump targets, so the arguments stay in their
  registers.
- *A counter in the unit's own code.* The code of a unit would differ between tiers, and a counter that is off would
  still cost its test. As it is, the stub jumps past the prologue as soon as nothing needs to be counted.
- *C's convention for units that make no tail call*, by a second entry of each stub. LLVM's fast instruction selector
  takes neither a ``tailcc`` function nor a tail call. In C's convention, without tail calls, the 188 units of Kaleido's
  example programs are emitted in two thirds of the time. But 152 of them make tail calls, which cost the most of it:
  with the other 36 in C's convention, and their calls, it is 0.95 of the time (``python -m tests.benchmarks waiting``).
  A function in C's convention inside of each of the 36 takes almost as long as it saves: 0.96. And calls of a
  ``tailcc`` unit by the entry for C need a frame more.
- *Freeing a stub with its unit.* A call may be between reading the slot and arriving; and C may keep the address for
  ever. The first is why :meth:`Stubs.free` needs a grace period, the second why :meth:`Stubs.disconnect` exists.
"""

from __future__ import annotations

import ctypes
import re
import struct
from collections import Counter
from collections.abc import Mapping
from functools import cache, lru_cache
from itertools import takewhile
from typing import NamedTuple

from kaleido.jit.compiling.lazy_compiler import baseline_assembly
from kaleido.jit.events import StubCode
from kaleido.jit.native.faults import LEAVE_JIT
from kaleido.jit.native.handlers import handlers
from kaleido.jit.native.loader import LoadedObject
from kaleido.jit.native.runtime import Runtime
from kaleido.jit.unit import Signature

__all__ = ["Stub", "Stubs"]

# So many stubs of a kind are loaded one by one; then so many at once.
_SINGLE, _POOL = 512, 16

# The registers of arguments in x86-64's convention for C. AArch64 has more.
_INTEGERS, _FLOATING = 6, 8
_SCALARS = frozenset({"void", "i1", "i8", "i16", "i32", "i64", "ptr", "half", "float", "double"})

# A limit that no count reaches.
_NEVER = 2**63 - 1


class _Record(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("slot", "runs", "limit", "body", "number")]


_FIELDS = struct.Struct("=5q")

# What the profiler has combined for one argument, by "and" and by "or": at first, and in memory.
_NOTHING_SEEN, _SEEN = b"\xff" * 8 + bytes(8), struct.Struct("=2Q")

# How the profiler makes 64 bits of an argument, by its type. Others are not profiled.
_BITS = {
    **{f"i{size}": [f"zext i{size} {{value}} to i64"] for size in (1, 8, 16, 32)},
    "i64": [],
    "float": ["bitcast float {value} to i32", "zext i32 {value} to i64"],
    "double": ["bitcast double {value} to i64"],
    "ptr": ["ptrtoint ptr {value} to i64"],
}


class Stub(NamedTuple):
    """The stub of a symbol.

    `kind`      the signature that its code was compiled for
    `address`   what calls of the unit call
    `prologue`  the counter prologue, to be published for a unit that counts its runs
    `undefined` a function that does nothing and returns zero, to be published when the symbol has no unit
    `record`    the address of the record
    `profiler`  what is published instead of the prologue where arguments are profiled, and `profile` the address of
                what it has combined; 0 where they are not
    """

    signature: Signature
    kind: Signature
    address: int
    prologue: int
    undefined: int
    record: int
    profiler: int = 0
    profile: int = 0

    @property
    def fields(self) -> _Record:
        """The record in memory: reading a field loads it, and assigning stores it."""
        return _Record.from_address(self.record)

    @property
    def has_reported(self) -> bool:
        """Whether its unit reached the limit that was set last, and the hook was called for that."""
        return bool(self.fields.limit == _NEVER)

    def read(self) -> tuple[int, str, int, int | None, int, int]:
        """What is in the record: the slot, what that leads to, the runs, the limit, the body, the number."""
        slot, runs, limit, body, number = _FIELDS.unpack(ctypes.string_at(self.record, _FIELDS.size))
        counts = slot in (self.prologue, self.profiler)
        target = "prologue" if counts else "none" if slot == self.undefined else "body"
        return slot, target, runs, None if limit == _NEVER else limit, body, number

    def forget_arguments(self) -> None:
        """Begin a new profile of the arguments."""
        if self.profile:
            count = len(self.signature.parameters)
            ctypes.memmove(self.profile, _NOTHING_SEEN * count, _SEEN.size * count)

    def constant_arguments(self) -> Mapping[int, int]:
        """The arguments, by index from 0, that were the same in every run of the profile, with their bits."""
        if not self.profile:
            return {}
        data = ctypes.string_at(self.profile, _SEEN.size * len(self.signature.parameters))
        return {index: both for index, (both, any_) in enumerate(_SEEN.iter_unpack(data)) if both == any_}

    def code(self) -> StubCode:
        """The machine code of the stub and of its prologue."""
        texts = _assembly(self.kind)
        stub, prologue = (_bytes_at(address) for address in (self.address, self.prologue))
        return StubCode(self.address, stub, texts["stub"], self.prologue, prologue, texts["prologue"], self.record)


# On x86-64: the jump that ends a stub and a prologue, and what follows it up to the next multiple of 16: instructions
# that do nothing. As many bytes are searched for it.
_END, _LONGEST = re.compile(rb"\xff\xe0(?=[\x90\x66\x2e\x0f\x1f\x40\x44\x80\x84\x00]*$)"), 128


def _bytes_at(address: int) -> bytes:
    """The bytes of a stub or a prologue; none on another processor."""
    for size in range(16, _LONGEST, 16):
        code = ctypes.string_at(address, size)
        if found := _END.search(code, size - 17 if size > 16 else 0):
            return code[: found.end()]
    return b""


@cache
def _assembly(kind: Signature) -> dict[str, list[str]]:
    """The instructions of the stub and the prologue of a kind, as LLVM writes them, with the record's fields."""
    lines = baseline_assembly(_pool_ir(kind, 1)).splitlines()
    return {part: _instructions(lines, f"{part}.0:") for part in ("stub", "prologue")}


def _instructions(lines: list[str], label: str) -> list[str]:
    after = lines[lines.index(label) + 1 :]
    body = takewhile(lambda line: not line.startswith(".Lfunc_end"), after)
    instructions = (line.strip() for line in body if line.startswith("\t") and not line.startswith("\t."))
    return [_FIELD.sub(_field_name, _HOT.sub("hot", each)) for each in instructions]


_FIELD, _HOT = re.compile(r"\.Lrecords\$local(?:\+(\d+))?"), re.compile(r"\.Lhot\.0\$local")


def _field_name(found: re.Match[str]) -> str:
    return str(_Record._fields_[int(found[1] or 0) // 8][0])


class Stubs:
    """Stubs in `pools`, which stay until the engine is closed. Not thread-safe by itself.

    `profiled` says whether they have profilers, if the arguments are all in registers.
    """

    def __init__(self, runtime: Runtime, *, profiled: bool = False) -> None:
        self._runtime, self._profiled = runtime, profiled
        self._unused: dict[Signature, list[Stub]] = {}
        self.pools: list[LoadedObject] = []
        # How many stubs of each kind exist.
        self._loaded: Counter[Signature] = Counter()

    def allocate(self, signature: Signature) -> Stub:
        """An unused stub; calls to it do nothing until code is published."""
        # Profilers read arguments, by their types.
        kind = signature if self._profiled else _kind(signature)
        if not self._unused.get(kind):
            count = 1 if self._loaded[kind] < _SINGLE else _POOL
            self._unused[kind] = self._pool(kind, count)
            self._loaded[kind] += count
        return self._unused[kind].pop()._replace(signature=signature)

    def free(self, stub: Stub) -> None:
        """Make `stub` available to another symbol. No code may call it any more, and no thread be executing it."""
        self.disconnect(stub)
        # Everything but the slot.
        counted = _Record.runs.offset
        ctypes.memset(stub.record + counted, 0, ctypes.sizeof(_Record) - counted)
        self._unused[stub.kind].append(stub)

    def disconnect(self, stub: Stub) -> None:
        """Make calls to `stub` do nothing and return zero from now on."""
        self.publish(stub, stub.undefined)

    def publish(self, stub: Stub, code: int) -> None:
        """Make calls to `stub` reach the address `code` from now on. Calls that have read the slot are not affected."""
        self._runtime.publish(stub.record + _Record.slot.offset, code)

    def c_function(self, stub: Stub) -> LoadedObject:
        """A C function, exported as ``thunk``, that calls `stub`."""
        return self._runtime.thunk(stub.signature, stub.address)

    def _pool(self, kind: Signature, count: int) -> list[Stub]:
        is_profiled = self._profiled and bool(kind.parameters) and kind.in_registers
        parts = ("stub", "prologue", *(("profiler",) if is_profiled else ()))
        exports = [f"{part}.{index}" for part in parts for index in range(count)]
        exports += ["records", "undefined", *(("profiles",) if is_profiled else ())]
        ir = _pool_ir(kind, count) + (_profilers_ir(kind, count) if is_profiled else "")
        native = handlers()
        imports = {"hook": self._runtime.hook, LEAVE_JIT: native.leave, "reenter.code": native.reenter_code}
        loaded = self._runtime.load(ir, exports, imports)
        self.pools.append(loaded)
        at, size = loaded.addresses, ctypes.sizeof(_Record)
        profile, profile_size = at.get("profiles", 0), _SEEN.size * len(kind.parameters)
        # In reverse: allocation takes from the end.
        return [
            Stub(
                kind,
                kind,
                at[f"stub.{index}"],
                at[f"prologue.{index}"],
                at["undefined"],
                at["records"] + index * size,
                at.get(f"profiler.{index}", 0),
                profile and profile + index * profile_size,
            )
            for index in reversed(range(count))
        ]


def _kind(signature: Signature) -> Signature:
    """The signature that the code of a stub is compiled for, in place of its own.

    Where all arguments and the result are numbers or pointers in registers, it has all registers that may have such
    arguments; those that have none are passed on as they are. A `tailcc` function that has no arguments on the stack
    pops the same number of bytes, whatever its arguments are.
    """
    is_scalar = _SCALARS.issuperset((signature.result_type, *signature.parameter_types))
    return _ANY_SCALARS if signature.in_registers and is_scalar else signature


_ANY_SCALARS = Signature("{ double, i64 }", ("i64",) * _INTEGERS + ("double",) * _FLOATING)


def _profilers_ir(signature: Signature, count: int) -> str:
    """The profilers of a pool, and the memory that they combine arguments in."""
    kind = f"[{count} x [{len(signature.parameters)} x [2 x i64]]]"
    functions = []
    for stub in range(count):
        lines = [f"define dso_local {signature.prototype(f'profiler.{stub}')} nounwind {{"]
        for index, type_ in enumerate(signature.parameter_types):
            if type_ not in _BITS:
                continue
            value = f"%{index}"
            for step, conversion in enumerate(_BITS[type_]):
                lines.append(f"  %bits.{index}.{step} = {conversion.format(value=value)}")
                value = f"%bits.{index}.{step}"
            for place, operation in enumerate(("and", "or")):
                name = f"{operation}.{index}"
                at = f"getelementptr ({kind}, ptr @profiles, i64 0, i64 {stub}, i64 {index}, i64 {place})"
                lines.append(f"  %before.{name} = load i64, ptr {at}")
                lines.append(f"  %after.{name} = {operation} i64 %before.{name}, {value}")
                lines.append(f"  store i64 %after.{name}, ptr {at}")
        functions.append("\n".join([*lines, signature.forward(f"@prologue.{stub}") + "}\n"]))
    return "\n".join([f"@profiles = dso_local global {kind} zeroinitializer", *functions])


@lru_cache(maxsize=64)
def _pool_ir(signature: Signature, count: int) -> str:
    zero = "void" if signature.result == "void" else f"{signature.result_type} zeroinitializer"
    records = ", ".join(["%Record { ptr @undefined, i64 0, i64 0, ptr null, i64 0 }"] * count)
    head = f"""
%Record = type {{ ptr, i64, i64, ptr, i64 }}
@records = dso_local global [{count} x %Record] [{records}]
declare void @hook(i64)
declare ptr @{LEAVE_JIT}()
declare void @reenter.code(ptr, ptr)
define {signature.prototype("undefined")} nounwind {{
  ret {zero}
}}
"""
    return head + "".join(_stub_ir(signature, index, count) for index in range(count))


def _stub_ir(signature: Signature, index: int, count: int) -> str:
    """A stub, its counter prologue, and what the prologue jumps to when the unit is hot."""

    def pointer(field: int) -> str:
        return f"getelementptr ([{count} x %Record], ptr @records, i64 0, i64 {index}, i32 {field})"

    slot, runs, limit, body, number = map(pointer, range(5))
    return f"""
define dso_local {signature.prototype(f"stub.{index}")} nounwind {{
  %target = load atomic ptr, ptr {slot} monotonic, align 8
{signature.forward("%target")}}}

define dso_local {signature.prototype(f"prologue.{index}")} nounwind {{
  %before = load i64, ptr {runs}
  %runs = add i64 %before, 1
  store i64 %runs, ptr {runs}
  %limit = load atomic i64, ptr {limit} monotonic, align 8
  %hot = icmp sge i64 %runs, %limit
  %body = load atomic ptr, ptr {body} monotonic, align 8
  %target = select i1 %hot, ptr @hot.{index}, ptr %body
{signature.forward("%target")}}}

define dso_local {signature.prototype(f"hot.{index}")} nounwind {{
  %limit = load atomic i64, ptr {limit} monotonic, align 8
  %armed = icmp ne i64 %limit, {_NEVER}
  br i1 %armed, label %disarm, label %go
disarm:
  ; Once the limit is disarmed, the hook must be called: so there must be enough stack for it, and no interruption.
  %thread = call ptr @{LEAVE_JIT}()
  %swap = cmpxchg ptr {limit}, i64 %limit, i64 {_NEVER} seq_cst seq_cst
  %first = extractvalue {{ i64, i1 }} %swap, 1
  br i1 %first, label %report, label %reenter
report:
  %number = load atomic i64, ptr {number} monotonic, align 8
  call void @hook(i64 %number)
  br label %reenter
reenter:
  ; An interruption that ends the wait is one of this unit.
  %next = load atomic ptr, ptr {body} monotonic, align 8
  call void @reenter.code(ptr %thread, ptr %next)
  br label %go
go:
  %body = load atomic ptr, ptr {body} monotonic, align 8
{signature.forward("%body")}}}
"""
