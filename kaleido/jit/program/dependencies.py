"""Which optimized code inlined which versions: the assumptions that redefinitions break.

Optimized code assumes that each version in its inline group stays current. The assumption is recorded when the code is
installed. When a version is superseded or removed, its *dependents*, the versions whose optimized code inlined it, are
deoptimized. `redefinition` has the table of everything else that happens then.
"""

from __future__ import annotations

from collections.abc import Iterable

from kaleido.jit.program.versions import Version

__all__ = ["Dependencies"]


class Dependencies:
    """A relation between versions, kept in both directions. Used under the engine's lock."""

    def __init__(self) -> None:
        self._inlined: dict[Version, tuple[Version, ...]] = {}
        self._dependents: dict[Version, set[Version]] = {}

    def record(self, root: Version, inlined: Iterable[Version]) -> None:
        """The optimized code of `root` has inlined these versions."""
        self._inlined[root] = tuple(inlined)
        for version in self._inlined[root]:
            self._dependents.setdefault(version, set()).add(root)

    def inlined(self, root: Version) -> tuple[Version, ...]:
        """The versions that the optimized code of `root` inlined; none where it has no such code."""
        return self._inlined.get(root, ())

    def dependents(self, version: Version) -> set[Version]:
        """The versions whose optimized code inlined `version`. A copy."""
        return set(self._dependents.get(version, ()))

    def forget(self, root: Version) -> None:
        """The optimized code of `root` is out of use."""
        for version in self._inlined.pop(root, ()):
            dependents = self._dependents[version]
            dependents.discard(root)
            if not dependents:
                del self._dependents[version]
