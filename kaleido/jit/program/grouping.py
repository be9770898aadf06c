"""Which versions are compiled in one module: batches at the baseline, an inline group at -O3.

In one module, an external name has one address. So versions whose units disagree on the address of an external never
share a module.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from kaleido.jit.policy import Policy
from kaleido.jit.program.versions import Version

__all__ = ["agree", "batches", "inline_group"]


def batches(versions: Iterable[Version], limit: int) -> Iterator[list[Version]]:
    """`versions` in lists of at most `limit`, each for one module."""
    batch: list[Version] = []
    externals: dict[str, int] = {}
    for version in versions:
        if len(batch) == limit or not agree(externals, version.unit.externals):
            yield batch
            batch, externals = [], {}
        batch.append(version)
        externals.update(version.unit.externals)
    if batch:
        yield batch


def inline_group(root: Version, callees: Callable[[Version], Iterable[Version]], policy: Policy) -> tuple[Version, ...]:
    """`root` and the versions reachable from it in the call graph, nearest first, within the policy's limits."""
    members, seen, size = [root], {root}, 0
    externals = dict(root.unit.externals)
    queue = deque(callees(root))
    while queue and len(members) < policy.max_group_units:
        member = queue.popleft()
        length = len(member.unit.ir)
        fits = size + length <= policy.max_group_ir and agree(externals, member.unit.externals)
        if member in seen or not fits:
            continue
        seen.add(member)
        members.append(member)
        externals.update(member.unit.externals)
        size += length
        queue.extend(callees(member))
    return tuple(members)


def agree(known: Mapping[str, int], more: Mapping[str, int]) -> bool:
    """Whether no external has one address in `known` and another in `more`."""
    return all(known.get(name, address) == address for name, address in more.items())
