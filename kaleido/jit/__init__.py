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
where its IR comes from in a source text          ``DebugInfo`` ``DebugVariable``
its settings: tiers, thresholds, limits; a cache  ``Policy`` ``ObjectCache``
its output: what happens to units                 ``Event`` ``EventKind`` ``Tier``
their stubs in memory                             ``StubRecord`` ``StubCode``
what the evaluation thread runs, sampled          ``Sampler`` ``Sample``
what they are now                                 ``UnitStats`` ``NotInlined`` ``MemoryUse``
their code, with places in the source             ``CodeLines`` ``CodeLine`` ``CodePlace`` ``PassChange``
a unit is not what the engine requires            ``UnitError`` ``UnresolvedName``
a call needs what is not there                    ``UndefinedUnit`` ``SignatureChanged``
native code was stopped                           ``StackOverflow`` ``Interrupted``
in IR: calls of C and Python, large frames        ``LEAVE_JIT`` ``REENTER_JIT`` ``PROBED``
a C function that runs a Python function          ``Callback``
in IR: output, counters, the most parameters      ``PUT_BYTE`` ``COUNT`` ``MAX_PARAMETERS``
in Python: output that is held back               ``take_bytes``
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
after; from then on it is deprecated first, with a DeprecationWarning, for one minor version at least. `help` of a name,
such as ``help(kaleido.jit.Engine)``, has its types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # ruff: noqa: F403, F405
    from kaleido.jit.exports import *

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


def __getattr__(name: str) -> Any:
    """Import what is exported on first use. So `help` of this package is a page, and not all of its classes."""
    if name not in __all__:
        raise AttributeError(f"module 'kaleido.jit' has no attribute {name!r}")
    from kaleido.jit import exports

    return getattr(exports, name)
