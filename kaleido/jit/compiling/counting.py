"""COUNT: counters of a language's own, which cost nothing in optimized code.

A language knows better than the engine what is worth counting: branches, types, values. Its counters are words of
:class:`~kaleido.jit.unit.Data`, which all versions of a unit share. ``call void @jit.count(ptr %word)`` adds one to the
``i64`` at an address in baseline code, and does nothing at -O3. There a transform may read the counts, which are the
unit's profile, with ``Engine.read_data``.

Kaleido counts nothing by it: branch weights (``!prof``) from such counts changed the time of its kernels by less than
two runs of the same code differ. The figures are in ``tests/benchmarks/LIMITS.md``.

Limits. As with runs, two threads that count at the same time may lose one. Baseline code pays for a call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaleido.jit.unit import Tier, Unit

if TYPE_CHECKING:
    import llvmlite.binding as llvm

__all__ = ["COUNT", "define_counting"]

COUNT = "jit.count"
"""A function for units, ``void (ptr)``: see this module. `Data` has the counters."""

_DEFINITIONS = {
    Tier.BASELINE: f"""
define void @{COUNT}(ptr %word) nounwind {{
  %before = load i64, ptr %word
  %after = add i64 %before, 1
  store i64 %after, ptr %word
  ret void
}}
""",
    Tier.OPTIMIZED: f"define void @{COUNT}(ptr %word) alwaysinline nounwind {{ ret void }}\n",
}


def define_counting(module: llvm.ModuleRef, units: Iterable[Unit], tier: Tier) -> None:
    """Define COUNT in a module of `units`, if one of them uses it."""
    if any(COUNT in unit.ir for unit in units):
        # Here, because the name alone needs no LLVM.
        from kaleido.jit.compiling.llvm import link_in

        link_in(module, _DEFINITIONS[tier])
        module.get_function(COUNT).linkage = "internal"
