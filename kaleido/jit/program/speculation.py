"""Speculation on arguments: an argument that was the same in all runs of a unit so far is taken for a constant.

An experiment, off unless ``Policy.speculate`` is set. A failure is a tail call, so that no frame is ever replaced, and
deoptimization needs nothing that redefinition does not have:

- *Recording.* While a unit runs at the baseline, its stub leads to a profiler in front of the counter
  (``native.stubs``): for each argument two loads, two operations and two stores. It is left behind with the baseline.
- *Deciding.* When a unit is hot and first compiled at -O3, by itself or in the code of a caller, the arguments whose
  bits were the same in all runs are its constants (:func:`constants_of`). That is decided once for a version.
- *Specializing.* In a module at -O3 the unit's name is a guard (``compiling.specialization``), and so is the body that
  the module exports. A guard that holds jumps to the body with the constants.
- *Failing.* A guard that fails jumps, with all of the arguments, to the version's *generic stub*: a second stub, which
  leads to the baseline body by way of a counter. The call returns what it always would.
- *Giving up.* When the generic stub has been called as often as makes the unit hot, it reports to the recompiler, as a
  hot unit does. The version has no constants then, for ever; all code with its guards is deoptimized, and compiled
  again without them; and the generic stub leads to the unit's own stub. Code that is running, such as a loop that has
  inlined the guard, so reaches the optimized code of the unit by two jumps.

What must hold: a generic stub never leads to a guard of its own version, or a failed guard would jump in a circle. It
leads to the baseline body; or to the unit's stub, when no code with the guards is in use or can come into use. The
recompiler checks that before it publishes.

When a unit is redefined, its generic stub stays with the old version, and is freed with it. An old caller that is still
running reaches the old version's baseline by it, or, after giving up, the new version. Loops are units, but their
arguments are pointers to variables; so a value that does not change in a loop is a constant where it is an argument of
what the loop calls. On-stack replacement is what it was.

Limits. Arguments that are passed in memory, vectors and structures are not looked at, nor are NaNs and pointers other
than null: see ``constant``. A unit that never calls itself and is called once has no profile. Without a baseline
there is nothing to fall back to, so nothing is taken for a constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kaleido.jit.compiling.specialization import Constants, constant, value
from kaleido.jit.program.versions import Version

__all__ = ["assumptions", "constants_of", "not_constant"]


def constants_of(version: Version, threshold: int | None) -> Mapping[int, int]:
    """The arguments of a version that are constants, with their bits by index from 0.

    Decided now, if it has run at the baseline as often as `threshold`. Used under the engine's lock.
    """
    stub = version.symbol.stub
    if version.constants is None and stub is not None and version.baseline is not None and threshold is not None:
        if not version.current or version.runs < threshold:
            return {}
        types = version.unit.signature.parameter_types
        found = stub.constant_arguments().items()
        version.take_for_constants({index: bits for index, bits in found if constant(types[index], bits) is not None})
    return version.constants or {}


def assumptions(members: Iterable[Version], constants: Constants) -> str:
    """What code of `members` takes for granted, for people: ``argument 2 of f is 7``; empty if that is nothing."""
    return ", ".join(
        f"argument {index + 1} of {member.unit.label} is {value(member.unit.signature.parameter_types[index], bits)}"
        for member in members
        for index, bits in constants.get(member.unit.symbol, {}).items()
    )


def not_constant(version: Version) -> str:
    """Why the guards of a version are given up, for people."""
    numbers = [str(index + 1) for index in version.constants or {}]
    return f"argument {' or '.join(numbers)} of {version.unit.label} has changed"
