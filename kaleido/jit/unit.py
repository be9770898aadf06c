"""The engine's input: a unit is one function's LLVM IR, and the names it calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

__all__ = ["MAX_PARAMETERS", "RunCounter", "Signature", "Tier", "Unit", "nested", "quoted"]

T = TypeVar("T")


class Tier(StrEnum):
    """How code was compiled: ``O0``, the baseline, with calls through stubs; ``O3``, with callees inlined."""

    BASELINE = "O0"
    OPTIMIZED = "O3"


class RunCounter(StrEnum):
    """What one run of a unit is counted as, which decides the policy's threshold that makes it hot.

    A unit whose counter is NONE never becomes hot, and is compiled at the baseline in every mode: code that runs once,
    or that only forwards to other code.
    """

    CALLS = "calls"
    ITERATIONS = "iterations"
    NONE = "none"

    def of(self, number: int) -> str:
        """A number with its noun: ``1 call``, ``2,000 iterations``."""
        return f"{number:,} {self.removesuffix('s') if number == 1 else self}"


MAX_PARAMETERS = 8_000
"""A `tailcc` function pops its arguments when it returns, and x86-64's instruction for that pops up to 65,535 bytes."""

TYPES = ("double", "float", "ptr", "i64", "i32", "i16", "i8", "i1")


@dataclass(frozen=True)
class Signature:
    """Result and parameters as LLVM types, such as ``Signature("double", ("double", "ptr"))``.

    The result may be void; everything else is one of TYPES. Raises ValueError otherwise, and for more than
    MAX_PARAMETERS parameters.
    """

    result: str
    parameters: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.parameters) > MAX_PARAMETERS:
            raise ValueError(f"{len(self.parameters)} parameters are more than {MAX_PARAMETERS}")
        for kind in (*self.parameters, *([] if self.result == "void" else [self.result])):
            if kind not in TYPES:
                raise ValueError(f"{kind} is not a type that a unit can pass: {', '.join(TYPES)}")

    @property
    def in_registers(self) -> bool:
        """Whether all arguments are passed in registers, by the C conventions that ``tailcc`` follows."""
        floating = sum(kind in ("double", "float") for kind in self.parameters)
        return floating <= 8 and len(self.parameters) - floating <= 6

    def tail_call(self, callee: Signature) -> str:
        """The marker for a call of `callee` in tail position of a function of this signature.

        ``musttail`` keeps optimizers from moving the call out of tail position. But LLVM 22 omits the stores of
        arguments on the stack that differ from the caller's own (llvm-project#199224). There the marker is ``tail``,
        which ``tailcc`` guarantees, too, as long as the call stays where it is.
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
        """Instructions that end a function of this signature by jumping to `target`, a pointer, with its arguments."""
        if self.result == "void":
            return f"  musttail call tailcc void {target}({self.arguments})\n  ret void\n"
        call = f"musttail call tailcc {self.result} {target}({self.arguments})"
        return f"  %result = {call}\n  ret {self.result} %result\n"


@dataclass(frozen=True)
class Unit:
    """One function, in LLVM IR that is the same for every tier.

    `ir` is a module. Its first definition is ``define tailcc … @"SYMBOL.impl"``. Everything else it defines has private
    or internal linkage and is constant, because each tier's code has a copy of its own. It calls other units, and
    itself, by their plain symbols. A call in tail position is marked as :meth:`Signature.tail_call` says; one that
    passes on all of the caller's own arguments, as a loop's does, may always be ``musttail``. Nothing in it unwinds:
    every function is ``nounwind``.

    `symbol`        unique, and not a name that LLVM takes for a function of the C library
    `signature`     of the function
    `calls`         the units it calls, with the signature it calls them by
    `externals`     addresses of the C symbols it uses; others are looked up in the process
    `counter`       what a run is counted as
    `nested_units`  units that only this one calls (its loops): defined, replaced and removed together with it
    `name`          for people, in events, statistics and traces; the symbol where it is empty
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
        """This unit, its nested units, and theirs."""
        return nested(self, lambda unit: unit.nested_units)

    def code_units(self, tier: Tier) -> list[Unit]:
        """The units whose code together is this unit's: at the baseline its nested units have code of their own."""
        return list(self.with_nested()) if tier is Tier.BASELINE else [self]


def nested(root: T, nested_units: Callable[[T], Sequence[T]]) -> Iterator[T]:
    """`root`, its nested units and theirs, in preorder. They may be nested more deeply than Python recurses."""
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
