"""Which versions are compiled in one module: batches at the baseline, an inline group at -O3.

In one module, an external name has one address. So versions whose units disagree on the address of an external, or on
whether a name is data, never share a module.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from kaleido.jit.policy import Policy
from kaleido.jit.program.versions import Version

__all__ = ["agree", "batches", "bindings", "inline_group", "is_inlined"]


def batches(versions: Iterable[Version], limit: int) -> Iterator[list[Version]]:
    """`versions` in lists of at most `limit`, each for one module."""
    batch: list[Version] = []
    bound: dict[str, int | None] = {}
    for version in versions:
        if len(batch) == limit or not agree(bound, bindings(version)):
            yield batch
            batch, bound = [], {}
        batch.append(version)
        bound.update(bindings(version))
    if batch:
        yield batch


def inline_group(root: Version, callees: Callable[[Version], Iterable[Version]], policy: Policy) -> tuple[Version, ...]:
    """`root` and the versions reachable from it in the call graph, nearest first, within the policy's limits.

    A unit that must not be inlined is not a member, and neither is what only it reaches.
    """
    members, seen, size = [root], {root}, 0
    bound = bindings(root)
    queue = deque(callees(root))
    while queue and len(members) < policy.max_group_units:
        member = queue.popleft()
        length = len(member.unit.ir)
        fits = size + length <= policy.max_group_ir and agree(bound, bindings(member))
        if member in seen or not fits or not is_inlined(member):
            continue
        seen.add(member)
        members.append(member)
        bound.update(bindings(member))
        size += length
        queue.extend(callees(member))
    return tuple(members)


def is_inlined(version: Version) -> bool:
    """Whether optimized code of other units may contain it."""
    return version.unit.inline and version.unit.optimize


def bindings(version: Version) -> dict[str, int | None]:
    """The external names of a unit, each with its address; data has the same one for all, which is not asked for."""
    return {**version.unit.externals, **dict.fromkeys(version.unit.data)}


def agree(known: Mapping[str, int | None], more: Mapping[str, int | None]) -> bool:
    """Whether no external name has one address in `known` and another in `more`."""
    return all(known.get(name, address) == address for name, address in more.items())
