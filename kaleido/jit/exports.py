"""What `kaleido.jit` exports, each name from the module that defines it."""

from __future__ import annotations

from kaleido.jit.compiling.counting import COUNT
from kaleido.jit.compiling.object_cache import ObjectCache
from kaleido.jit.compiling.processor import has_fused_multiply_add
from kaleido.jit.debug_info import DebugInfo, DebugVariable
from kaleido.jit.direct_calls import SignatureChanged
from kaleido.jit.engine import Engine
from kaleido.jit.events import (
    CodeLine,
    CodeLines,
    CodePlace,
    Event,
    EventKind,
    MemoryUse,
    NotInlined,
    PassChange,
    StubCode,
    StubRecord,
    UnitStats,
)
from kaleido.jit.native.faults import LEAVE_JIT, PROBED, REENTER_JIT
from kaleido.jit.native.handlers import take_bytes
from kaleido.jit.native.put_byte import PUT_BYTE
from kaleido.jit.native.samples import Sample
from kaleido.jit.policy import Policy
from kaleido.jit.process.fork import LockOrder, fork_safe
from kaleido.jit.process.interrupts import (
    discard_pending,
    interruptibly,
    raise_pending,
    signals_deferred,
    uninterrupted,
)
from kaleido.jit.program.compilation import UndefinedUnit
from kaleido.jit.running.callbacks import Callback
from kaleido.jit.running.errors import Interrupted, StackOverflow
from kaleido.jit.running.sampler import Sampler
from kaleido.jit.unit import (
    MAX_PARAMETERS,
    Data,
    Place,
    RunCounter,
    Signature,
    Tier,
    Unit,
    UnitError,
    UnresolvedName,
    c_name,
    quoted,
)

__all__ = [
    "COUNT",
    "LEAVE_JIT",
    "MAX_PARAMETERS",
    "PROBED",
    "PUT_BYTE",
    "REENTER_JIT",
    "Callback",
    "CodeLine",
    "CodeLines",
    "CodePlace",
    "Data",
    "DebugInfo",
    "DebugVariable",
    "Engine",
    "Event",
    "EventKind",
    "Interrupted",
    "LockOrder",
    "MemoryUse",
    "NotInlined",
    "ObjectCache",
    "PassChange",
    "Place",
    "Policy",
    "RunCounter",
    "Sample",
    "Sampler",
    "Signature",
    "SignatureChanged",
    "StackOverflow",
    "StubCode",
    "StubRecord",
    "Tier",
    "UndefinedUnit",
    "Unit",
    "UnitError",
    "UnitStats",
    "UnresolvedName",
    "c_name",
    "discard_pending",
    "fork_safe",
    "has_fused_multiply_add",
    "interruptibly",
    "quoted",
    "raise_pending",
    "signals_deferred",
    "take_bytes",
    "uninterrupted",
]
