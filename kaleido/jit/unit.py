"""The engine's input: a unit is one function's LLVM IR, and the names it calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import EnumType, StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from kaleido.jit.debug_info import DebugInfo
from kaleido.jit.function_text import function_text, types
from kaleido.jit.signature import MAX_PARAMETERS, Signature, quoted

if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import field
else:
    from kaleido.jit.records import field, record

__all__ = [
    "MAX_PARAMETERS",
    "THRESHOLDS",
    "Data",
    "Place",
    "RunCounter",
    "Signature",
    "Tier",
    "Unit",
    "UnitError",
    "UnresolvedName",
    "Words",
    "c_name",
    "is_address",
    "is_threshold",
    "nested",
    "quoted",
]

T = TypeVar("T")

THRESHOLDS = "a whole number, at least 1 and below 2**62"


def is_threshold(number: object) -> bool:
    """Whether it is one of THRESHOLDS: a record counts in 64 bits, and a new version counts on from the one before."""
    return isinstance(number, int) and 1 <= number < 1 << 62


class Words(EnumType):
    """The type of enumerations whose members are texts. `help` shows what is their own, and not all methods of str."""

    def __dir__(cls) -> list[str]:
        own = [name for name in vars(cls) if not name.startswith("_")]
        return sorted({*own, *(name for name in super().__dir__() if not hasattr(str, name))})


class Tier(StrEnum, metaclass=Words):
    """How code was compiled: ``O0``, the baseline, with calls through stubs; ``O3``, with callees inlined."""

    BASELINE = "O0"
    OPTIMIZED = "O3"


class RunCounter(StrEnum, metaclass=Words):
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


@record(frozen=True)
class Place:
    """A part of a source text, for reports.

    `source`        the name of the text, for people
    `text`          the whole text
    `start`, `end`  a line and a column, both from 1; `end` is that of the first character behind the part
    """

    source: str
    text: str = field(repr=False)
    start: tuple[int, int]
    end: tuple[int, int]


@record(frozen=True)
class Unit:
    """One function, in LLVM IR that is the same for every tier.

    `ir` is a module, in text: of an llvmlite ``ModuleRef`` that is ``str(module)``, of bitcode
    ``str(llvmlite.binding.parse_bitcode(data))``; :meth:`from_function` takes a function of ``llvmlite.ir``.

    Its first definition is ``define tailcc … @"SYMBOL.impl"``. Everything else it defines has private or internal
    linkage and is constant, because each tier's code has a copy of its own. It calls other units, and itself, by their
    plain symbols, as ``tailcc``. It may call C functions, also with any number of arguments. A call in tail position is
    marked as :meth:`Signature.tail_call` says; one that passes on all of the caller's own arguments, as a loop's does,
    may always be ``musttail``. Nothing in it unwinds: every function is ``nounwind``. ``Engine.define`` checks what can
    be checked, and raises :class:`UnitError`.

    `symbol`        unique; it may be the name of a C function, which LLVM does not take it for
    `signature`     of the function
    `calls`         the units it calls, with the signature it calls them by
    `externals`     addresses of the C symbols it uses; others are the engine's, or looked up in the process
    `data`          the Data it uses, each declared ``external global``; as a function, if it is thread-local
    `c_functions`   the units among `calls` that it gives to C as function pointers: its IR declares them with the C
                    convention, as ``@"jit.c.SYMBOL"`` (see :func:`c_name`). The pointer stays, whatever code is current
    `counter`       what a run is counted as
    `threshold`     how many runs make it hot; None for what the policy says
    `optimize`      False keeps it at the baseline, whatever the policy says and is asked for: no optimized code has it
    `inline`        False keeps it out of its callers' optimized code, so that they reach a new definition at their next
                    call, as the baseline does
    `nested_units`  units that only this one calls (its loops): defined, replaced and removed together with it
    `cache`         False keeps its code out of the engine's object cache, and what is compiled together with it: for
                    code that runs once, and has another symbol the next time
    `name`          for people, in events, statistics and traces; the symbol where it is empty
    `place`         where its text is, for reports; the engine does not read it
    `debug`         makes its debug information: where the lines of its IR come from. It is called when that is wanted
    """

    symbol: str
    signature: Signature
    ir: str = field(repr=False)
    calls: Mapping[str, Signature] = field(default_factory=dict, repr=False, hash=False)
    externals: Mapping[str, int] = field(default_factory=dict, repr=False, hash=False)
    counter: RunCounter = RunCounter.CALLS
    nested_units: tuple[Unit, ...] = field(default=(), repr=False)
    name: str = ""
    data: frozenset[str] = frozenset()
    threshold: int | None = None
    optimize: bool = True
    inline: bool = True
    c_functions: frozenset[str] = frozenset()
    cache: bool = True
    place: Place | None = field(default=None, repr=False, compare=False)
    debug: Callable[[], DebugInfo] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in self.c_functions:
            if name not in self.calls:
                raise UnitError(self, f"`{name}` is among its `c_functions`, but not among its `calls`")
            try:
                self.calls[name].check_foreign(name)
            except TypeError as error:
                raise UnitError(self, str(error)) from None
        if self.threshold is not None and not is_threshold(self.threshold):
            raise UnitError(self, f"its threshold is {self.threshold!r}, but must be {THRESHOLDS}")

    @classmethod
    def from_function(cls, function: Any, **fields: Any) -> Unit:
        """A unit for an ``llvmlite.ir.Function``, which has the unit's symbol as its name. The module stays as it is.

        Its types are the signature. The ``tailcc`` functions that it calls by name are its `calls`, itself included,
        whether its module defines or declares them: so all functions of a module can become units one by one. So are
        those that it declares by the names of :func:`c_name`, which are also its `c_functions`. The
        private and internal functions that it uses become a part of the unit. Its convention must be ``tailcc`` before
        a call of it is built. `fields` are the unit's other fields.

        Raises UnitError where it has no definition, or types that a unit cannot have.
        """
        symbol = str(getattr(function, "name", function))
        try:
            text = function_text(function, quoted(symbol + ".impl"))
            signature = Signature(text.result, text.parameters)
            callees = {each.name: each for each in text.declared if each.calling_convention == "tailcc"}
            for_c = {
                each.name.removeprefix(c_name("")): each for each in text.declared if each.name.startswith(c_name(""))
            }
            calls = {name: Signature(*types(each)) for name, each in {**for_c, **callees}.items()}
        except ValueError as error:
            raise UnitError(cls(symbol, Signature("void", ()), "", **fields), str(error)) from None
        return cls(symbol, signature, text.ir, calls, c_functions=frozenset(for_c), **fields)

    @property
    def body(self) -> str:
        """The symbol of the function that the IR defines."""
        return self.symbol + ".impl"

    @property
    def becomes_hot(self) -> bool:
        """Whether its runs are counted, to optimize it."""
        return self.optimize and self.counter is not RunCounter.NONE

    @property
    def label(self) -> str:
        return self.name or self.symbol

    def with_nested(self) -> Iterator[Unit]:
        """This unit, its nested units, and theirs."""
        return nested(self, lambda unit: unit.nested_units)

    def code_units(self, tier: Tier) -> list[Unit]:
        """The units whose code together is this unit's: at the baseline its nested units have code of their own."""
        return list(self.with_nested()) if tier is Tier.BASELINE else [self]


@record(frozen=True)
class Data:
    """A variable in memory, with one address for all units, tiers and versions: see ``program.data``.

    `symbol`        unique among units and data
    `type`          an LLVM type, such as ``i64`` or ``[100 x double]``
    `initializer`   its initial value: a constant of that type in LLVM IR
    `thread_local`  each thread has its own, and the symbol is that of a function for its address, ``ptr @SYMBOL()``
    """

    symbol: str
    type: str
    initializer: str = "zeroinitializer"
    thread_local: bool = False


class UnitError(ValueError):
    """A unit is not what the engine requires. `line` is the line in its IR, from 1; 0 if there is none."""

    def __init__(self, unit: Unit, reason: str, line: int = 0) -> None:
        super().__init__(f"{unit.label}{f', line {line}' if line else ''}: {reason}")
        self.unit, self.line = unit, line


class UnresolvedName(UnitError, LookupError):
    """A unit uses a C function or variable that is neither among its externals nor in the process."""


def is_address(value: object) -> bool:
    """Whether a value can be the address of an external."""
    return isinstance(value, int) and 0 < value < 1 << 64


def c_name(symbol: str) -> str:
    """The name in IR of the C function for a unit, which C can call: see `Unit.c_functions`."""
    return f"jit.c.{symbol}"


def nested(root: T, nested_units: Callable[[T], Sequence[T]]) -> Iterator[T]:
    """`root`, its nested units and theirs, in preorder. They may be nested more deeply than Python recurses."""
    # Most have none, and then need no generator.
    return _nested(root, nested_units) if nested_units(root) else iter((root,))


def _nested(root: T, nested_units: Callable[[T], Sequence[T]]) -> Iterator[T]:
    waiting = [root]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += reversed(nested_units(each))
