"""A whole program as units for one module: `main` runs its expressions in order, and nothing is interpreted.

The text is read as ``kaleido script.kal`` reads it, item by item, but its expressions do not run. For each of them the
session says which units it can call at that moment. From this follow:

- *Versions.* A function that is defined once is bound statically. A function that the program redefines between two
  expressions has several versions. Its callers call a *dispatcher*, a function that jumps through a *slot*; the run of
  expressions stores the present version into the slot before the next expression. That is a stub without tiers.
- *Unused definitions*: what no expression and no export reaches is not there.
- *Top-level variables* are data. An expression works on copies, as in a session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from kaleido.build.number_output import SHOW, show_unit
from kaleido.build.startup import RUN
from kaleido.codegen.externals import lower_external
from kaleido.codegen.mangling import is_top_level, symbol
from kaleido.diagnostics import Source
from kaleido.jit import Data, DebugInfo, RunCounter, Signature, Unit, quoted
from kaleido.language.nodes import For
from kaleido.session import Session
from kaleido.session.expression import CompiledExpression

__all__ = ["StaticProgram", "static_program"]

_SHOW = Signature("void", ("double",))
_RUN = Signature("ptr", ("ptr",))


class Statement(NamedTuple):
    """An expression at top level.

    `place`     its line and column, from 1
    `versions`  the unit of each symbol that it can reach
    `shown`     whether its value is printed
    """

    expression: CompiledExpression
    place: tuple[int, int]
    versions: Mapping[str, Unit]
    shown: bool


class StaticProgram(NamedTuple):
    """`units` and `data` are everything. `functions` has the symbol and the parameters of each function for C."""

    units: Sequence[Unit]
    data: Sequence[Data]
    functions: Mapping[str, tuple[str, Sequence[str]]]


def static_program(session: Session, source: Source, *, quiet: bool, functions: bool) -> StaticProgram:
    """The program of a text. The session is new. Raises KaleidoError.

    `quiet`: values are not printed. `functions`: the functions that the text defines can be called by C, and functions
    that it declares may be in other object files, as long as its expressions do not call them.
    """
    statements = [
        Statement(expression, source.position(item.span.start), _functions(units), not (quiet or isinstance(item, For)))
        for item, expression, units in session.statements(source)
    ]
    exported = [each for each in session.functions() if not each.is_extern] if functions else []
    if functions:
        session.engine.define(*_left_to_the_linker(session))
    final = _functions(unit for each in exported for unit in session.engine.reachable(symbol(each.name)))
    versions = _Versions([each.versions for each in statements], final)
    run = _Run(versions, source)
    for statement in statements:
        run.add(statement)
    names = {each.name: (versions.bound(final[symbol(each.name)]), each.parameters) for each in exported}
    return StaticProgram(
        [*versions.units(), *run.units, run.unit(), show_unit()], [*versions.slots(), *run.data()], names
    )


def _left_to_the_linker(session: Session) -> Iterator[Unit]:
    """Units for the externs that this process does not have."""
    for name, declaration in session.declared.items():
        if declaration.arity is not None:
            # An address that nothing uses: object files have the names of externs.
            yield lower_external(name, declaration.arity, lambda _: 1)


def _functions(units: Iterable[Unit]) -> dict[str, Unit]:
    """The functions among units, by symbol. Loops are not: they come with the unit that they are nested in."""
    found = {unit.symbol: unit for unit in units}
    nested = {inner.symbol for unit in found.values() for inner in unit.with_nested() if inner is not unit}
    return {name: unit for name, unit in found.items() if name not in nested and not is_top_level(name)}


class _Versions:
    """All versions of the functions that a program uses, in the order in which it uses them.

    `moments`  the units of each symbol at each moment
    `final`    those at the end
    """

    def __init__(self, moments: Sequence[Mapping[str, Unit]], final: Mapping[str, Unit]) -> None:
        self._versions: dict[str, list[Unit]] = {}
        self._final = final
        for unit in (unit for units in [*moments, final] for unit in units.values()):
            known = self._versions.setdefault(unit.symbol, [])
            if not any(each is unit for each in known):
                known.append(unit)

    def units(self) -> Iterator[Unit]:
        """Each version under its own symbol, and the dispatchers."""
        for name, known in self._versions.items():
            for unit in known:
                yield self.named(unit, self.version(unit))
            for signature in self._dispatched(name):
                yield self._dispatcher(name, signature)

    def slots(self) -> Iterator[Data]:
        """The slots of the dispatchers."""
        for name in self._versions:
            for signature in self._dispatched(name):
                yield Data(_slot(_dispatcher_name(name, signature)), "ptr")

    def _dispatched(self, name: str) -> Iterable[Signature]:
        """The signatures that a function is called with through dispatchers."""
        return dict.fromkeys(unit.signature for unit in self._versions[name]) if self.has_slot(name) else ()

    def version(self, unit: Unit) -> str:
        """The symbol of a version."""
        if not self.has_slot(unit.symbol):
            return unit.symbol
        number = next(index for index, each in enumerate(self._versions[unit.symbol]) if each is unit)
        return f"{unit.symbol}~{number + 1}"

    def bound(self, unit: Unit) -> str:
        """The symbol that calls of a unit's symbol go to, where `unit` is its present version."""
        return self.callee(unit.symbol, unit.signature)

    def callee(self, name: str, signature: Signature) -> str:
        """The symbol that a call goes to."""
        return _dispatcher_name(name, signature) if self.has_slot(name) else name

    def has_slot(self, name: str) -> bool:
        return len(self._versions.get(name, ())) > 1

    def named(self, unit: Unit, name: str) -> Unit:
        """A unit under another symbol, which calls what its calls go to."""
        callees = {each: self.callee(each, signature) for each, signature in unit.calls.items()}
        changed = {f"{unit.symbol}.impl": f"{name}.impl"} | callees
        ir = unit.ir
        for old, new in changed.items():
            if old != new:
                ir = ir.replace(quoted(old), quoted(new))
        calls = {callees[each]: signature for each, signature in unit.calls.items()}
        inner = tuple(self.named(each, each.symbol) for each in unit.nested_units)
        return replace(unit, symbol=name, ir=ir, calls=calls, nested_units=inner)

    def _dispatcher(self, name: str, signature: Signature) -> Unit:
        """A function that jumps through its slot. An empty one means the last version: C may call before the run."""
        slot, last = _slot(_dispatcher_name(name, signature)), self._final.get(name)
        lines, calls = [f"  %target = load ptr, ptr {quoted(slot)}"], {}
        if last is not None and last.signature == signature:
            calls[self.version(last)] = signature
            lines += [
                "  %empty = icmp eq ptr %target, null",
                f"  %jump = select i1 %empty, ptr {quoted(_body(self.version(last)))}, ptr %target",
            ]
        name = _dispatcher_name(name, signature)
        parts = [
            f"define {signature.prototype(f'{name}.impl')} nounwind {{",
            *lines,
            signature.forward("%jump" if calls else "%target") + "}",
            f"{quoted(slot)} = external global ptr",
            *(f"declare {signature.prototype(_body(each))}" for each in calls),
        ]
        return Unit(name, signature, "\n".join(parts), calls, data=frozenset({slot}), counter=RunCounter.NONE)


def _dispatcher_name(name: str, signature: Signature) -> str:
    return f"{name}/{len(signature.parameters)}"


def _slot(name: str) -> str:
    return f"slot.{name}"


def _body(name: str) -> str:
    """The function of a unit, for its address: a stub would have no debug information, into which LLVM inlines it."""
    return f"{name}.impl"


class _Run:
    """The unit that runs the expressions, while it is written."""

    def __init__(self, versions: _Versions, source: Source) -> None:
        self._versions, self._source = versions, source
        self._present: dict[str, Unit] = {}
        self._lines: list[str] = []
        # For each line, the place of its expression.
        self._places: list[tuple[int, int, int]] = []
        self._allocations: list[str] = []
        self._calls: dict[str, Signature] = {}
        # Of units whose addresses are stored.
        self._bodies: dict[str, Signature] = {}
        self._variables: dict[str, None] = {}
        self._slots: dict[str, None] = {}
        self.units: list[Unit] = []

    def add(self, statement: Statement) -> None:
        """Store the versions of this moment, call the expression, and print its value."""
        self.store(statement.versions)
        unit = self._versions.named(statement.expression.unit, f"{statement.expression.unit.symbol}!{len(self.units)}")
        self.units.append(unit)
        names, number = list(statement.expression.before), len(self.units)
        array = f"%array.{number}"
        for index, name in enumerate(names):
            self._copy_in(name, f"{array}.{index}", array, index)
        if names:
            self._allocations.append(f"  {array} = alloca [{len(names)} x double]")
        argument = f"ptr {array}" if names else ""
        self._lines.append(f"  %value.{number} = call tailcc double {self._call(unit)}({argument})")
        for index, name in enumerate(names):
            if name in statement.expression.assigned:
                self._copy_out(name, f"%after.{number}.{index}", array, index)
        if statement.shown:
            self._calls[SHOW] = _SHOW
            self._lines.append(f"  call tailcc void {quoted(SHOW)}(double %value.{number})")
        self._places += [(*statement.place, 0)] * (len(self._lines) - len(self._places))

    def store(self, versions: Mapping[str, Unit]) -> None:
        """Store versions into their slots, where they are not there already."""
        for name, unit in versions.items():
            if self._versions.has_slot(name) and self._present.get(name) is not unit:
                self._present[name] = unit
                slot = _slot(self._versions.bound(unit))
                self._slots[slot] = None
                version = self._versions.named(unit, self._versions.version(unit))
                self._bodies[version.symbol] = version.signature
                self._lines.append(f"  store ptr {quoted(_body(version.symbol))}, ptr {quoted(slot)}")

    def unit(self) -> Unit:
        declared = {**self._calls, **{_body(name): signature for name, signature in self._bodies.items()}}
        declarations = [f"declare {signature.prototype(name)}" for name, signature in declared.items()]
        data = [*map(_variable, self._variables), *self._slots]
        types = ["double"] * len(self._variables) + ["ptr"] * len(self._slots)
        globals = [f"{quoted(name)} = external global {kind}" for name, kind in zip(data, types, strict=True)]
        ir = "\n".join(
            [
                f"define tailcc ptr {quoted(f'{RUN}.impl')}(ptr %nothing) noinline nounwind {{",
                *self._allocations,
                *self._lines,
                "  ret ptr null\n}",
                *declarations,
                *globals,
                "@canonical.nan = private constant double 0x7FF8000000000000",
            ]
        )
        calls = {**self._calls, **self._bodies}
        return Unit(RUN, _RUN, ir, calls, counter=RunCounter.NONE, data=frozenset(data), debug=self._debug_information)

    def _debug_information(self) -> DebugInfo:
        before = [None] * (1 + len(self._allocations))
        return DebugInfo(self._source.name, self._source.text, 1, [*before, *self._places])

    def data(self) -> Iterator[Data]:
        for name in self._variables:
            yield Data(_variable(name), "double")

    def _call(self, unit: Unit) -> str:
        self._calls[unit.symbol] = unit.signature
        return quoted(unit.symbol)

    def _copy_in(self, name: str, local: str, array: str, index: int) -> None:
        self._variables[name] = None
        self._lines += [
            f"  {local}.value = load double, ptr {quoted(_variable(name))}",
            f"  {local} = getelementptr double, ptr {array}, i64 {index}",
            f"  store double {local}.value, ptr {local}",
        ]

    def _copy_out(self, name: str, local: str, array: str, index: int) -> None:
        """Assign a variable. As in a session, there is one NaN; see ``codegen.externals`` on the volatile load."""
        self._lines += [
            f"  {local} = load double, ptr {array}.{index}",
            f"  {local}.nan = fcmp uno double {local}, 0.0",
            f"  {local}.one = load volatile double, ptr @canonical.nan",
            f"  {local}.value = select i1 {local}.nan, double {local}.one, double {local}",
            f"  store double {local}.value, ptr {quoted(_variable(name))}",
        ]


def _variable(name: str) -> str:
    return f"variable.{name}"
