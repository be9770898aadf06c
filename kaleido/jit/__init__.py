"""A tiered just-in-time compiler over llvmlite, for any language that can hand it LLVM IR.

Everything is a function behind a stub; a tier is only a way to bind names; a loop is a function that calls
itself through its stub. In the order a definition meets them:

========================  =====================================================================
``unit``                  what the language hands over: LLVM IR, and the names it calls
``policy``                the knobs: which tiers, how hot is hot, how much to bind statically
``events``                what happened, to whom, when
``target``                modules to object code for this machine, at -O0 and -O3
``loader``                object code into memory, and out of it
``runtime``               the few native functions everything rests on: hook, publication, entry
``stubs``                 addresses that never change, over slots that do
``binding``               the two ways to bind names: through stubs, or inside one module
``reclaim``               when retired code may be freed
``fork``                  what becomes of all this in a forked process
``faults``                how native code is left before its end: stack overflow, interruption
``natives``               what that needs in native code: the signal handlers, and the way out
``ranges`` ``guarding``   what it needs besides: where the code is, and a guard for a thread
``evaluation``            the thread that native code runs on
``interrupts``            where Ctrl-C may strike in Python, and where it waits
``traps``                 what is told about native code that was left
``recompiler``            the background thread that turns hot units into optimised ones
``catalogue``             what is defined: symbols, versions, who calls whom
``tiers``                 versions and their code: compiling, publishing, invalidating
``lifetime``              its end: threads stop, memory is given back
``engine``                all of it together: the public interface
========================  =====================================================================

This package knows nothing of the language above it, and never imports it.
"""

from kaleido.jit.engine import Engine
from kaleido.jit.events import Event, EventKind
from kaleido.jit.faults import LEAVE, PROBED, RETURN
from kaleido.jit.policy import Policy
from kaleido.jit.stats import UnitStats
from kaleido.jit.tiers import UndefinedUnit
from kaleido.jit.traps import Interrupted, StackOverflow
from kaleido.jit.unit import Counts, Signature, Tier, Unit

__all__ = [
    "LEAVE",
    "PROBED",
    "RETURN",
    "Counts",
    "Engine",
    "Event",
    "EventKind",
    "Interrupted",
    "Policy",
    "Signature",
    "StackOverflow",
    "Tier",
    "UndefinedUnit",
    "Unit",
    "UnitStats",
]
