"""What the engine compiles: a unit is one function's LLVM IR, and the names it calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

__all__ = ["MOST_PARAMETERS", "RunCounter", "Signature", "Tier", "Unit", "nested", "quoted"]

T = TypeVar("T")


class Tier(StrEnum):
    """How code was compiled: ``O0``, the baseline, bound through stubs; ``O3``, bound inside one module."""

    BASELINE = "O0"
    OPTIMIZED = "O3"


class RunCounter(StrEnum):
    """What one run of a unit counts as, and so which of the policy's thresholds makes it hot.

    A unit that counts as NOTHING never becomes hot and is compiled at the baseline in every mode: code that
    runs once, or that only forwards to somewhere else.
    """

    CALLS = "calls"
    ITERATIONS = "iterations"
    NONE = "none"

    def of(self, number: int) -> str:
        """So many, in words: ``1 call``, ``2,000 iterations``."""
        return f"{number:,} {self.removesuffix('s') if number == 1 else self}"


# A function takes its arguments off the stack when it returns, and x86-64's instruction for that counts to 65,535.
MOST_PARAMETERS = 8_000

TYPES = ("double", "float", "ptr", "i64", "i32", "i16", "i8", "i1")


@dataclass(frozen=True)
class Signature:
    """Result and parameters as LLVM types, such as ``Signature("double", ("double", "ptr"))``.

    The result may be void; all else is one of TYPES. Raises ValueError, also for more than MOST_PARAMETERS.
    """

    result: str
    parameters: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.parameters) > MOST_PARAMETERS:
            raise ValueError(f"{len(self.parameters)} parameters are more than {MOST_PARAMETERS}")
        for kind in (*self.parameters, *([] if self.result == "void" else [self.result])):
            if kind not in TYPES:
                raise ValueError(f"{kind} is not a type that a unit can pass: {', '.join(TYPES)}")

    @property
    def in_registers(self) -> bool:
        """Whether all arguments are passed in registers, by the C conventions that ``tailcc`` follows."""
        floating = sum(kind in ("double", "float") for kind in self.parameters)
        return floating <= 8 and len(self.parameters) - floating <= 6

    def tail_call(self, callee: Signature) -> str:
        """How a call of `callee`, in tail position in a function of this signature, is marked.

        ``musttail`` is what keeps optimizers from moving it out of tail position. But LLVM 22 leaves out the stores
        of arguments on the stack that differ from the caller's own, so there it is ``tail``, which ``tailcc``
        guarantees too as long as the call stays where it is.
        """
        return "musttail" if self.in_registers and callee.in_registers else "tail"

    @property
    def arguments(self) -> str:
        """The parameters with names: ``double %0, ptr %1``."""
        return ", ".join(f"{kind} %{index}" for index, kind in enumerate(self.parameters))

    def prototype(self, name: str, convention: str = "tailcc") -> str:
        """``tailcc double @f(double %0)``, without ``define`` or ``declare``."""
        return f"{convention} {self.result} {quoted(name)}({self.arguments})".lstrip()

    def forward(self, target: str) -> str:
        """Instructions that jump to `target` (a pointer) with the arguments of this call, and end the function."""
        if self.result == "void":
            return f"  musttail call tailcc void {target}({self.arguments})\n  ret void\n"
        call = f"musttail call tailcc {self.result} {target}({self.arguments})"
        return f"  %result = {call}\n  ret {self.result} %result\n"


@dataclass(frozen=True)
class Unit:
    """One function, in LLVM IR that is the same for every tier.

    `ir` is a module. Its first definition is ``define tailcc … @"SYMBOL.impl"``; whatever else it defines has private
    or internal linkage and is constant: each tier's code has a copy of its own. It calls other units, and itself, by
    their plain symbols. A call in tail position is marked as :meth:`Signature.tail_call` says; one that hands on all
    the caller's own arguments, as a loop's does, may always be ``musttail``. Nothing in it unwinds (every function
    is ``nounwind``).

    `symbol`     unique, and no name that LLVM takes for a C library function
    `signature`  of the function
    `calls`      the units it calls, with the signature it calls them by
    `externals`  addresses of the C symbols it uses; others are looked up in the process
    `counts`     what a run counts as
    `nested_units`      units that only this one calls (its loops): they are defined, replaced and removed with it
    `name`       for people: events, statistics and traces show it; the symbol where it is empty
    """

    symbol: str
    signature: Signature
    ir: str = field(repr=False)
    calls: Mapping[str, Signature] = field(default_factory=dict, repr=False)
    externals: Mapping[str, int] = field(default_factory=dict, repr=False)
    counter: RunCounter = RunCounter.CALLS
    nested_units: tuple[Unit, ...] = field(default=(), repr=False)
    name: str = ""

    @property
    def body(self) -> str:
        """The symbol of the function that the IR defines."""
        return self.symbol + ".impl"

    @property
    def label(self) -> str:
        return self.name or self.symbol

    def with_nested(self) -> Iterator[Unit]:
        """This unit, its nested_units, and theirs."""
        return nested(self, lambda unit: unit.nested_units)

    def modules(self, tier: Tier) -> list[Unit]:
        """What to look at to see all of this unit's code: at the baseline its nested_units have code of their own."""
        return list(self.with_nested()) if tier is Tier.BASELINE else [self]


def nested(root: T, nested_units: Callable[[T], Sequence[T]]) -> Iterator[T]:
    """`root`, its nested_units and theirs, each before its own; they may be nested more deeply than Python recurses."""
    waiting = [root]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += reversed(nested_units(each))


_SPECIAL = re.compile(rb"[^A-Za-z0-9_.$!%&()*+,/:;<=>?@^`|~ \[\]{}#\'-]")


def quoted(symbol: str) -> str:
    """`symbol` as a global name in LLVM assembly, whatever characters it has."""
    escaped = _SPECIAL.sub(lambda match: b"\\%02X" % match[0][0], symbol.encode())
    return f'@"{escaped.decode("ascii")}"'
