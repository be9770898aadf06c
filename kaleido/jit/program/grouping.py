"""Which versions are compiled in one module: batches at the baseline, an inline group at -O3.

In one module, a name is one thing. So versions whose units disagree on the address of an external, or on whether a name
is data, a unit, or the body of a unit, never share a module.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import Any

from kaleido.jit.compiling.module_names import external_name, stub_name
from kaleido.jit.policy import Policy
from kaleido.jit.program.versions import Version

__all__ = ["Binding", "agree", "batches", "bindings", "inline_group", "is_inlined"]


class Kind(Enum):
    """What a name is that has no address of its own in each unit."""

    DATA = auto()
    STUB = auto()
    BODY = auto()


Binding = Kind | int
"""What a name is in a module: the address of an external, or one of these."""


def batches(versions: Iterable[Version], limit: int) -> Iterator[list[Version]]:
    """`versions` in lists of at most `limit`, each for one module."""
    batch: list[Version] = []
    bound: dict[str, Binding] = {}
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


def bindings(version: Version) -> dict[str, Binding]:
    """What the names of a unit are in a module."""
    unit = version.unit
    return {
        **{stub_name(name): Kind.STUB for name in (unit.symbol, *unit.calls)},
        **{external_name(name, address): address for name, address in unit.externals.items()},
        **dict.fromkeys(unit.data, Kind.DATA),
        unit.body: Kind.BODY,
    }


def agree(known: Mapping[str, Any], more: Mapping[str, Any]) -> bool:
    """Whether no name is one thing in `known` and another in `more`."""
    return all(known.get(name, address) == address for name, address in more.items())
