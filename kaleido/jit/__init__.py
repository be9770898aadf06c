"""A tiered just-in-time compiler over llvmlite, for any language that can hand it LLVM IR.

Everything is a function behind a stub; a tier is only a way to bind names; a loop is a function that calls
itself through its stub. Imports run from the bottom of this table to its top:

==============  ==============================================================================
``process``     Ctrl-C and fork: what concerns the process as a whole
``unit``        the input: LLVM IR of one function, and the names it calls
``policy``      thresholds, limits, and which tiers there are
``events``      the event stream and the statistics of a unit
``compiling``   LLVM modules to object code for this machine
``native``      machine code in memory: loading, stubs, entry points, signal handlers
``program``     the symbol table, versions and their code: compiling, publishing, redefinition
``running``     the thread that native code runs on, and the errors that end it early
``lifetime``    shutdown: threads stop, memory is freed
``calls``       calls from Python into native code
``inspection``  statistics, IR, machine code, memory
``engine``      the public interface
==============  ==============================================================================

This package knows nothing of the language above it, and never imports it. `README.md` beside this file is the guide
to its internals, with a glossary.
"""

from kaleido.jit.compiling.object_cache import ObjectCache
from kaleido.jit.engine import Engine
from kaleido.jit.events import Event, EventKind, MemoryUse, UnitStats
from kaleido.jit.native.faults import LEAVE_JIT, PROBED, REENTER_JIT
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
from kaleido.jit.unit import MAX_PARAMETERS, RunCounter, Signature, Tier, Unit, quoted

__all__ = [
    "LEAVE_JIT",
    "MAX_PARAMETERS",
    "PROBED",
    "REENTER_JIT",
    "Engine",
    "Event",
    "EventKind",
    "Interrupted",
    "LockOrder",
    "MemoryUse",
    "ObjectCache",
    "Policy",
    "RunCounter",
    "Signature",
    "StackOverflow",
    "Tier",
    "UndefinedUnit",
    "Unit",
    "UnitStats",
    "discard_pending",
    "fork_safe",
    "interruptibly",
    "quoted",
    "raise_pending",
    "signals_deferred",
    "uninterrupted",
]
