"""A tiered just-in-time compiler over llvmlite, for any language that can hand it LLVM IR.

Everything is a function behind a stub; a tier is only a way to bind names; a loop is a function that calls
itself through its stub. Imports run from the bottom of this table to its top:

=================  =============================================================================
``process``        Ctrl-C and fork: what concerns the process as a whole
``value_types``    LLVM's types as text
``function_text``  functions of ``llvmlite.ir`` as text
``signature``      what a unit takes and returns
``unit``           the input: LLVM IR of one function, and the names it calls
``policy``         thresholds, limits, and which tiers there are
``events``         the event stream and the statistics of a unit
``compiling``      LLVM modules to object code for this machine
``native``         machine code in memory: loading, stubs, entry points, signal handlers
``program``        the symbol table, versions and their code: compiling, publishing, redefinition
``running``        the threads that native code runs on, and the errors that end it early
``lifetime``       shutdown: threads stop, memory is freed
``calls``          calls from Python on the evaluation thread
``inspection``     what can be seen of a program
``direct_calls``   calls from Python on the thread that makes them
``engine``         the public interface
``observers``      names of machine code for profilers and debuggers
=================  =============================================================================

This package knows nothing of the language above it, and never imports it. `README.md` beside this file is the guide
to its internals, with a glossary.
"""

from kaleido.jit.compiling.counting import COUNT
from kaleido.jit.compiling.llvm import has_fused_multiply_add
from kaleido.jit.direct_calls import SignatureChanged
from kaleido.jit.engine import Engine
from kaleido.jit.events import Event, EventKind, MemoryUse, NotInlined, UnitStats
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
    "Policy",
    "RunCounter",
    "Signature",
    "SignatureChanged",
    "StackOverflow",
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
