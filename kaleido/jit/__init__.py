"""A tiered just-in-time compiler over llvmlite, for any language that can hand it LLVM IR.

Each function is a *unit*. It is compiled at -O0 behind a stub, its runs are counted, and when it is hot it is compiled
at -O3, with its callees inlined, while the program runs. Any unit can be defined again at any time::

    from kaleido.jit import Engine, Signature, Unit

    twice = Unit("twice", Signature("i64", ("i64",)), '''
    define tailcc i64 @twice.impl(i64 %x) nounwind {
      %result = add i64 %x, %x
      ret i64 %result
    }
    ''')
    with Engine() as engine:
        engine.define(twice)
        print(engine.function("twice")(21))

================================================  ========================================================
the interface: define, call, optimize, look into  ``Engine``
its input: functions and variables                ``Unit`` ``Data`` ``Signature`` ``RunCounter`` ``Place``
its settings: tiers, thresholds, limits; a cache  ``Policy`` ``ObjectCache``
its output: what happens to units                 ``Event`` ``EventKind`` ``Tier``
their stubs in memory                             ``StubRecord`` ``StubCode``
what they are now                                 ``UnitStats`` ``NotInlined`` ``MemoryUse``
a unit is not what the engine requires            ``UnitError`` ``UnresolvedName``
a call needs what is not there                    ``UndefinedUnit`` ``SignatureChanged``
native code was stopped                           ``StackOverflow`` ``Interrupted``
in IR: calls of C and Python, large frames        ``LEAVE_JIT`` ``REENTER_JIT`` ``PROBED``
in IR: output, counters, the most parameters      ``PUT_BYTE`` ``COUNT`` ``MAX_PARAMETERS``
in IR: any name, a unit as a function of C        ``quoted`` ``c_name``
whether ``llvm.fma`` is one instruction here      ``has_fused_multiply_add``
in Python: where Ctrl-C may take effect           ``interruptibly`` ``uninterrupted`` ``signals_deferred``
and what becomes of one that came meanwhile       ``raise_pending`` ``discard_pending``
in Python: locks that a forked child can use      ``fork_safe`` ``LockOrder``
================================================  ========================================================

``LANGUAGES.md`` beside this file is the guide for authors of languages, ``README.md`` the guide to the internals. The
package ``observers`` tells GDB and perf the names of machine code, and ``ahead_of_time`` has the forms of object files.
All of it knows nothing of the language above it.

What these names, their parameters and fields, and the exceptions in their docstrings are, is public; nothing else is.
Until version 1.0, a minor version (0.x) may change what is public, and CHANGELOG.md then shows the code before and
after; from then on it is deprecated first, with a DeprecationWarning, for one minor version at least.
"""

from kaleido.jit.compiling.counting import COUNT
from kaleido.jit.compiling.object_cache import ObjectCache
from kaleido.jit.compiling.processor import has_fused_multiply_add
from kaleido.jit.direct_calls import SignatureChanged
from kaleido.jit.engine import Engine
from kaleido.jit.events import Event, EventKind, MemoryUse, NotInlined, StubCode, StubRecord, UnitStats
from kaleido.jit.native.faults import LEAVE_JIT, PROBED, REENTER_JIT
from kaleido.jit.native.put_byte import PUT_BYTE
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
from kaleido.jit.running.errors import Interrupted, StackOverflow
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
    "Data",
    "Engine",
    "Event",
    "EventKind",
    "Interrupted",
    "LockOrder",
    "MemoryUse",
    "NotInlined",
    "ObjectCache",
    "Place",
    "Policy",
    "RunCounter",
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
    "uninterrupted",
]
