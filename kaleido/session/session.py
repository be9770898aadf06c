"""Source in, values out: the public face of Kaleido for Python."""

from __future__ import annotations

import ctypes
import math
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import NoReturn

import llvmlite.binding as llvm

from kaleido.codegen.mangling import function_name, symbol
from kaleido.diagnostics import Diagnostic, KaleidoError, SemanticError, Source, Span
from kaleido.jit import (
    Engine,
    Event,
    Interrupted,
    LockOrder,
    Policy,
    StackOverflow,
    Tier,
    UndefinedUnit,
    Unit,
    UnitStats,
    fork_safe,
    uninterrupted,
)
from kaleido.language.nodes import Definition, Expression, External, For, Item
from kaleido.language.operators import OperatorTable
from kaleido.language.parser import parse
from kaleido.language.prelude import prelude as prelude_source
from kaleido.session.definitions import Definitions, Forward, Known, Past, check, declared_later, errors_from

__all__ = ["MODES", "Change", "Function", "LibraryError", "Result", "Session", "policy_for"]

MODES = ("tiered", "sync", "O0", "O3")


def policy_for(jit: str, threshold: int | None = None, stack_size: int | None = None) -> Policy:
    """The engine's policy for one of MODES; `threshold` counts calls and loop iterations alike.

    What is None is as the policy has it. Raises ValueError.
    """
    policy = {
        "tiered": Policy(),
        "sync": Policy(background=False),
        "O0": Policy(optimize=False),
        "O3": Policy(baseline=False),
    }.get(jit)
    if policy is None:
        raise ValueError(f"jit is one of {', '.join(MODES)}, not {jit!r}")
    if threshold is not None:
        policy = replace(policy, call_threshold=threshold, iteration_threshold=threshold)
    if stack_size is not None:
        policy = replace(policy, stack_size=stack_size)
    return policy


class LibraryError(OSError):
    """A shared library that cannot be loaded: its path, and the system's reason."""

    def __init__(self, library: str, reason: str) -> None:
        super().__init__(f"cannot load {library}: {reason}")
        self.library, self.reason = library, reason


@dataclass(frozen=True)
class Change:
    """A change of what is defined, for :meth:`Session.undo`: what was there before, and what was optimized."""

    past: Past
    optimized: frozenset[str]


@dataclass(frozen=True)
class Result:
    """What one item of a text came to: an expression's value, or None for a definition.

    `change` is what a definition changed; None where it says nothing new. `compile_seconds` is what an expression
    took from its tree to machine code, with all it can reach that had none, and `run_seconds` what it ran for.
    """

    item: Item
    value: float | None
    change: Change | None = None
    compile_seconds: float = 0.0
    run_seconds: float = 0.0

    @property
    def shown(self) -> str | None:
        """The value as it is echoed, in the fewest digits that give it back; None where there is nothing to show.

        A loop at top level is run for what it does: its value, always zero, is not shown.
        """
        return None if self.value is None or isinstance(self.item, For) else repr(self.value)


class Function:
    """A function of a session, by name: it follows redefinitions. Get one as ``session["f"]``; call it with floats."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self.name = name

    def __call__(self, *arguments: float) -> float:
        """Raises TypeError for a wrong number of arguments, KaleidoError for too deep recursion, and Interrupted."""
        if len(arguments) != len(self.parameters):
            raise TypeError(f"{self.name} takes {len(self.parameters)} arguments, not {len(arguments)}")
        known = self._known
        return self._session._call(symbol(self.name), map(float, arguments), known.source, known.prototype.span)

    def __repr__(self) -> str:
        return f"<kaleido function {self.signature}>"

    @property
    def signature(self) -> str:
        """``f(x y)``, as in a prototype."""
        return f"{self.name}({' '.join(self.parameters)})"

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self._known.prototype.parameters)

    @property
    def address(self) -> int:
        """A C function pointer (of doubles, to a double): the same through redefinitions with as many parameters."""
        return self._session.engine.address(symbol(self.name))

    @property
    def tier(self) -> Tier | None:
        """The tier it runs in now; None while it is not compiled."""
        return self._session.engine.describe(symbol(self.name)).tier

    @property
    def source(self) -> str:
        """Its definition as it was written."""
        known = self._known
        return known.source.text[known.item.span.start : known.item.span.end]

    @property
    def origin(self) -> tuple[Source, Span]:
        """The text that it was defined in, and where in it its definition is."""
        return self._known.source, self._known.item.span

    @property
    def loops(self) -> Mapping[str, str]:
        """The source of each loop in it, on one line, by the name of the loop's unit."""
        known = self._known
        spans = known.lowered.loops if known.lowered is not None else {}
        return {name: " ".join(known.source.text[span.start : span.end].split()) for name, span in spans.items()}

    @property
    def calls(self) -> tuple[str, ...]:
        """The functions it calls, in the order of the first call; operators are functions where a user defined them."""
        return tuple(self._known.calls)

    @property
    def unit(self) -> Unit:
        """What the engine knows it as."""
        return self._known.unit

    @property
    def _known(self) -> Known:
        return self._session._definitions.functions[self.name]


class Session:
    """One program growing: definitions, and the engine that runs them.

    `jit`        one of MODES: tiers in the background, tiers while the program waits, or one tier alone
    `threshold`  calls of a function, and iterations of a loop, that make it hot; without it 1,000 and 10,000
    `stack_size` bytes of stack for recursion, at least 1 MiB; without it 256 MiB. Only what is used costs memory
    `libraries`  paths of shared libraries in which `extern` may find functions
    `prelude`    whether to begin with the prelude's definitions
    `externs`    whether programs may reach C functions beyond the prelude's; without, there are no libraries either

    Raises LibraryError, an OSError, where a library cannot be loaded; ValueError for another mode, for a threshold or a
    stack size that cannot be, and for libraries without externs.

    Close it, or use it as a context manager, to give its memory and its threads back. It belongs to the process that
    made it: in a forked child all but :meth:`close` raises RuntimeError, and the child makes its own.
    """

    def __init__(
        self,
        *,
        jit: str = "tiered",
        threshold: int | None = None,
        stack_size: int | None = None,
        libraries: Sequence[str] = (),
        prelude: bool = True,
        externs: bool = True,
    ) -> None:
        if libraries and not externs:
            raise ValueError("libraries are for externs, which are switched off")
        for library in libraries:
            _load(library)
        self.engine = Engine(policy_for(jit, threshold, stack_size))
        self._definitions = Definitions()
        self._lock = fork_safe(threading.RLock(), LockOrder.SESSION)
        if prelude:
            beginning = prelude_source()
            self.run(beginning.text, beginning.name)
        self._beginning = self._definitions.copy()
        self._definitions.externs = externs

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop compiling and free all code. The session cannot be used afterwards."""
        self.engine.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session cannot be pickled: make one in each process, and run the source there")

    def interrupt(self) -> None:
        """Stop what is running now, as Ctrl-C does: whoever runs it gets Interrupted. From any thread.

        All of it: where a program has called back into Python, and that has run another, both are left.
        """
        self.engine.interrupt()

    def run(self, text: str, name: str = "<input>") -> float | None:
        """Run a whole text; gives the value of its last expression, or None where there is none.

        Raises ParseError with all syntax errors, and then nothing has run. Raises SemanticError at the first item
        that means nothing, with what is wrong with it and with the items after it, which do not run any more; what
        came before has run and stays defined. Raises KaleidoError where running something went wrong.
        """
        value = None
        for result in self.evaluate(Source(name, text)):
            value = result.value if result.value is not None else value
        return value

    def evaluate(self, source: Source) -> Iterator[Result]:
        """Run a text item by item, giving each one's result as soon as it is there. Raises as :meth:`run`."""
        items = parse(source, self.operators)
        return self._results(items, source, self._declared_later(items, source))

    def _results(self, items: Sequence[Item], source: Source, forward: Forward) -> Iterator[Result]:
        for index, item in enumerate(items):
            with self._checking(items[index:], source, forward):
                result = self._execute(item, source, forward)
            yield result

    def check(self, source: Source) -> None:
        """Raise KaleidoError if a text, run in a new session like this one, could not even begin to: nothing runs."""
        definitions = self._beginning.copy()
        definitions.externs = self._definitions.externs
        check(parse(source, definitions.operators), source, definitions)

    def __getitem__(self, name: str) -> Function:
        """The function called `name` (``binary|`` and ``unary!`` for operators). Raises KeyError."""
        if name not in self._definitions.functions:
            raise KeyError(name)
        return Function(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self._definitions.functions

    @property
    def operators(self) -> OperatorTable:
        """The operators there are now."""
        return self._definitions.operators

    @property
    def variables(self) -> dict[str, float]:
        """Variables that every expression at top level may use, and the values they begin with: yours to change."""
        return self._definitions.variables

    def functions(self, *, prelude: bool = False) -> list[Function]:
        """The functions there are, in the order of their first definition; with the prelude's own if wanted."""
        hidden = {} if prelude else self._beginning.functions
        # A copy, because another thread may define one meanwhile.
        known = list(self._definitions.functions.items())
        own = [name for name, each in known if name not in hidden or hidden[name].source is not each.source]
        return [Function(self, name) for name in own]

    def undo(self, *changes: Change) -> Change:
        """Take back the latest changes, given in the order in which they were made; gives what takes that back.

        Optimized code that the changes put out of use is made again, in the background where there is one. Raises
        KaleidoError, and changes nothing, where a program that is running could come to what would not be defined.
        """
        past = changes[0].past
        for change in changes[1:]:
            past = past.before(change.past)
        return self._go_back(past, frozenset[str]().union(*(change.optimized for change in changes)))

    def reset(self) -> Change:
        """Forget all but the prelude, and restore that; gives what takes it back. Raises as :meth:`undo`."""
        return self._go_back(self._definitions.since(self._beginning), frozenset())

    def _go_back(self, past: Past, optimized: frozenset[str]) -> Change:
        with uninterrupted(), self._lock:
            there = [name for name in past.functions if name in self._definitions.functions]
            removed = [symbol(name) for name in there if past.functions[name] is None]
            units = [known.unit for known in past.functions.values() if known is not None]
            with self._refusing():
                outdated = self.engine.define(*units, removed=removed)
            undone = Change(self._definitions.restore(past), outdated)
            for each in optimized:
                # It has been taken back by now, fast again or not.
                with suppress(Exception):
                    self.engine.optimize(each, background=True)
            return undone

    def stats(self) -> list[UnitStats]:
        """What the engine knows about each function and loop there is."""
        return self.engine.stats()

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Have `listener` told of everything the engine does; see ``Engine.subscribe``."""
        return self.engine.subscribe(listener)

    def units(self, source: Source) -> Generator[Unit, None, None]:
        """Define what a text defines and lower its expressions, running nothing: the unit of each.

        An expression's unit is there until the next one is asked for. Raises KaleidoError.
        """
        items = parse(source, self.operators)
        forward = self._declared_later(items, source)
        for index, item in enumerate(items):
            with uninterrupted(), self._lock, self._checking(items[index:], source, forward):
                unit = self._unit(item, source, forward)
            if unit is None:
                continue
            try:
                yield unit
            finally:
                if not isinstance(item, Definition):
                    self.engine.remove(unit.symbol)

    def _unit(self, item: Item, source: Source, forward: Forward) -> Unit | None:
        """Define an item or lower it. The unit, where it is one that stands in the text."""
        if not isinstance(item, Definition | External):
            return self._expression(item, source, forward)
        if self._define(item, source, forward) is None:
            return None
        lowered = self._definitions.functions[item.prototype.name].lowered
        return lowered.unit if lowered is not None else None

    @contextmanager
    def _checking(self, items: Sequence[Item], source: Source, forward: Forward) -> Iterator[None]:
        """If the first of `items` means nothing, say in one go what else is wrong with them."""
        try:
            yield
        except SemanticError as fault:
            raise SemanticError(*errors_from(fault, items, source, self._definitions, forward)) from None

    # One item

    def _execute(self, item: Item, source: Source, forward: Forward) -> Result:
        begin = time.perf_counter()
        with uninterrupted():
            with self._lock:
                if isinstance(item, Definition | External):
                    return Result(item, None, self._define(item, source, forward))
                unit = self._expression(item, source, forward)
            try:
                self.engine.prepare(unit.symbol)
                compiled = time.perf_counter()
                value = self._call(unit.symbol, (), source, item.span)
                return Result(item, value, None, compiled - begin, time.perf_counter() - compiled)
            except UndefinedUnit as error:
                name = function_name(error.symbol)
                title, label = f"`{name}` is called before it is defined", f"reaches it through `{error.caller.label}`"
                places = forward[name].places if name in forward else []
                raise KaleidoError(Diagnostic(title, source, item.span, label, "", tuple(places))) from None
            finally:
                self.engine.remove(unit.symbol)

    def _expression(self, item: Expression, source: Source, forward: Forward) -> Unit:
        unit = self._definitions.expression(item, source, forward).unit
        self.engine.define(unit)
        return unit

    def _call(self, symbol: str, arguments: Iterable[float], source: Source, span: Span) -> float:
        """Run a unit; `source` and `span` are what it was made of."""
        with self.placing(source, span):
            value: float = self.engine.call(symbol, *arguments)
        # Which NaN a computation gives is left open by LLVM: here there is one.
        return math.nan if value != value else value

    @contextmanager
    def placing(self, source: Source, span: Span) -> Iterator[None]:
        """Have errors of the engine say where they were in a text that is run: as KaleidoError, and Interrupted."""
        try:
            yield
        except StackOverflow as error:
            raise KaleidoError(self._overflow(error, source, span)) from None
        except Interrupted as stop:
            after = ": a C function it called is left running" if stop.detached else ""
            stop.args = (f"interrupted{self._place(stop.unit, source, span)}{after}",)
            raise

    def _overflow(self, error: StackOverflow, source: Source, span: Span) -> Diagnostic:
        place, size = self._place(error.unit, source, span), self.engine.policy.stack_size
        if error.calls < 2:
            return Diagnostic(f"not enough stack{place}", source, span, f"needs more than {size:,} bytes")
        title = f"recursion too deep{place} (about {_rounded(error.calls):,} calls)"
        hint = "a call that is the last thing a function does takes no stack"
        return Diagnostic(title, source, span, f"used up the stack of {size:,} bytes", hint)

    def _place(self, unit: Unit | None, source: Source, span: Span) -> str:
        """Where a unit is, for a message: in the text that is running, or wherever its function was defined."""
        if unit is None:
            return ""
        functions = self._definitions.functions
        owner, is_loop, position = unit.label.rpartition(".for@")
        if is_loop:
            name = functions[owner].source.name if owner in functions else source.name
            return f" in the loop at {name}:{position.partition(':')[0]}"
        if function_name(unit.symbol) not in functions:
            return f" at {source.name}:{source.position(span.start)[0]}"
        return f" in {unit.label}"

    def _define(self, item: Definition | External, source: Source, forward: Forward) -> Change | None:
        """Make a definition, or an extern, so. What that changes; None where it says nothing new."""
        changes = self._definitions.changes(item, source, forward)
        with self._refusing(source, item.prototype.span):
            outdated = self.engine.define(*(known.unit for known in changes.values()))
        past = self._definitions.commit(item, source, changes)
        return Change(past, outdated) if changes else None

    @contextmanager
    def _refusing(self, source: Source | None = None, span: Span | None = None) -> Iterator[None]:
        """What cannot be while a program is running, as when another thread redefines what it calls, is an error."""
        try:
            yield
        except UndefinedUnit as error:
            title = f"`{function_name(error.symbol)}` is not defined, and the running program could call it"
            raise KaleidoError(Diagnostic(title, source, span)) from None

    def _declared_later(self, items: Iterable[Item], source: Source) -> Forward:
        return declared_later(items, source, self._definitions.functions)


def _rounded(number: int) -> int:
    """To two significant digits."""
    return int(float(f"{number:.2g}"))


def _load(library: str) -> None:
    if not library:
        raise LibraryError(library, "it has no name")
    try:
        # LLVM alone would find out about what is missing in a library when it is called, and end the process.
        ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
        llvm.load_library_permanently(library)
    except UnicodeError:
        raise LibraryError(library, "its name is not UTF-8") from None
    except (OSError, RuntimeError) as error:
        raise LibraryError(library, str(error).removeprefix(f"{library}: ")) from None
