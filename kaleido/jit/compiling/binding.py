"""The two ways to bind the names a unit calls: a tier is nothing else.

*Dynamically*, for the baseline: many units in one module, every call going to a stub. *Statically*, for optimized
code: one unit and the callees nearest to it in one module, where every name among them is a little function that
forwards to the body and is always inlined. Then LLVM sees straight through: recursion is direct, callees inline,
tail calls become loops.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import llvmlite.binding as llvm

from kaleido.jit.compiling.llvm import closed_on_error, parse
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Unit, quoted

__all__ = ["batches", "closure", "dynamically", "statically"]

T = TypeVar("T")


def dynamically(units: Sequence[Unit]) -> llvm.ModuleRef:
    """One module with the bodies of all `units`, which call each other and everybody else through stubs."""
    return _linked(units)


def statically(units: Sequence[Unit]) -> llvm.ModuleRef:
    """One module that exports the body of the first of `units`, with the names of all of them bound inside it."""
    module = _linked(units)
    with closed_on_error(module):
        module.link_in(parse("\n".join(map(_static_stub, units)), module._context))
        for function in module.functions:
            if not function.is_declaration and function.name != units[0].body:
                function.linkage = "internal"
    return module


def batches(units: Iterable[T], unit: Callable[[T], Unit], limit: int) -> Iterator[list[T]]:
    """`units` in pieces of at most `limit`, in which every external name has one address."""
    batch: list[T] = []
    externals: dict[str, int] = {}
    for each in units:
        if len(batch) == limit or not _agree(externals, unit(each).externals):
            yield batch
            batch, externals = [], {}
        batch.append(each)
        externals.update(unit(each).externals)
    if batch:
        yield batch


def _agree(known: Mapping[str, int], more: Mapping[str, int]) -> bool:
    return all(known.get(name, address) == address for name, address in more.items())


def closure(root: T, callees: Callable[[T], Iterable[T]], unit: Callable[[T], Unit], policy: Policy) -> list[T]:
    """`root` and what it can reach by calls, nearest first, as far as the policy's limits allow.

    A unit that knows another address for an external name that the module already has stays outside.
    """
    members, seen, size = [root], {root}, 0
    externals = dict(unit(root).externals)
    queue = deque(callees(root))
    while queue and len(members) < policy.max_group_units:
        member = queue.popleft()
        length = len(unit(member).ir)
        if member in seen or size + length > policy.max_group_ir or not _agree(externals, unit(member).externals):
            continue
        seen.add(member)
        members.append(member)
        externals.update(unit(member).externals)
        size += length
        queue.extend(callees(member))
    return members


def _linked(units: Sequence[Unit]) -> llvm.ModuleRef:
    context = llvm.create_context()
    module = parse(units[0].ir, context)
    with closed_on_error(module):
        for unit in units[1:]:
            module.link_in(parse(unit.ir, context))
    return module


def _static_stub(unit: Unit) -> str:
    # External while modules are being linked, or the declarations in them would not find it.
    return (
        f"declare {unit.signature.prototype(unit.body)}\n"
        f"define {unit.signature.prototype(unit.symbol)} alwaysinline nounwind {{\n"
        f"{unit.signature.forward(quoted(unit.body))}}}\n"
    )
