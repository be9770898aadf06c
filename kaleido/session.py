"""Source in, values out: the public face of Kaleido for Python."""

from __future__ import annotations

import ctypes
import math
import threading
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from types import TracebackType

import llvmlite.binding as llvm

from kaleido.codegen.environment import Environment, function_name, symbol
from kaleido.codegen.externals import KNOWN_ARITIES, lower_external
from kaleido.codegen.lowering import Lowered, lower_definition, lower_expression
from kaleido.codegen.operators import BUILTIN_OPERATORS
from kaleido.diagnostics import Diagnostic, KaleidoError, Source, counted
from kaleido.jit import Engine, Event, Policy, Tier, UndefinedUnit, Unit, UnitStats
from kaleido.jit.unit import MOST_PARAMETERS
from kaleido.language.nodes import Definition, Expression, External, For, Item, Prototype
from kaleido.language.operators import BUILTINS, OperatorTable
from kaleido.language.parser import parse

__all__ = ["MODES", "Function", "LibraryError", "Result", "Session", "policy_for"]

MODES = ("tiered", "sync", "O0", "O3")


def policy_for(jit: str, threshold: int | None = None) -> Policy:
    """The engine's policy for one of MODES; `threshold` counts calls and loop iterations alike."""
    policy = {
        "tiered": Policy(),
        "sync": Policy(background=False),
        "O0": Policy(optimise=False),
        "O3": Policy(baseline=False),
    }.get(jit)
    if policy is None:
        raise ValueError(f"jit is one of {', '.join(MODES)}, not {jit!r}")
    if threshold is None:
        return policy
    return replace(policy, call_threshold=threshold, iteration_threshold=threshold)


class LibraryError(OSError):
    """A shared library that cannot be loaded: its path, and the system's reason."""

    def __init__(self, library: str, reason: str) -> None:
        super().__init__(f"cannot load {library}: {reason}")
        self.library, self.reason = library, reason


@dataclass(frozen=True)
class Result:
    """What one item of a text came to: an expression's value, or None for a definition."""

    item: Item
    value: float | None

    @property
    def shown(self) -> str | None:
        """The value as it is echoed, in the fewest digits that give it back; None where there is nothing to show.

        A loop at top level is run for what it does: its value, always zero, is not shown.
        """
        return None if self.value is None or isinstance(self.item, For) else repr(self.value)


@dataclass(frozen=True)
class _Known:
    """A function there is now: as it was read, and what it became. `lowered` is None for an extern."""

    prototype: Prototype
    source: Source
    item: Definition | External
    lowered: Lowered | None

    @property
    def calls(self) -> Mapping[str, int]:
        """The functions it calls, with how many arguments."""
        return self.lowered.calls if self.lowered is not None else {}

    @property
    def defined_arity(self) -> int | None:
        """How many parameters its `def` has; None for an extern."""
        return self.prototype.arity if self.lowered is not None else None


class Function:
    """A function of a session, by name: it follows redefinitions. Get one as ``session["f"]``; call it with floats."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self.name = name

    def __call__(self, *arguments: float) -> float:
        """Raises TypeError for a wrong number of arguments."""
        if len(arguments) != len(self.parameters):
            raise TypeError(f"{self.name} takes {len(self.parameters)} arguments, not {len(arguments)}")
        return self._session._call(symbol(self.name), map(float, arguments))

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
        return self._session.engine.tier(symbol(self.name))

    @property
    def source(self) -> str:
        """Its definition as it was written."""
        known = self._known
        return known.source.text[known.item.span.start : known.item.span.end]

    @property
    def _known(self) -> _Known:
        return self._session._functions[self.name]


class Session:
    """One program growing: definitions, and the engine that runs them.

    `jit`        one of MODES: tiers in the background, tiers while the program waits, or one tier alone
    `threshold`  calls of a function, and iterations of a loop, that make it hot; without it 1,000 and 10,000
    `libraries`  paths of shared libraries in which `extern` may find functions
    `prelude`    whether to begin with the prelude's definitions
    `externs`    whether programs may reach C functions beyond the prelude's; without, there are no libraries either

    Raises LibraryError, an OSError, where a library cannot be loaded; ValueError for another mode or threshold, and
    for libraries without externs.

    Close it, or use it as a context manager, to give its memory and its threads back.
    """

    def __init__(
        self,
        *,
        jit: str = "tiered",
        threshold: int | None = None,
        libraries: Sequence[str] = (),
        prelude: bool = True,
        externs: bool = True,
    ) -> None:
        if libraries and not externs:
            raise ValueError("libraries are for externs, which are switched off")
        for library in libraries:
            _load(library)
        self.engine = Engine(policy_for(jit, threshold))
        self.operators: OperatorTable = BUILTINS
        self._functions: dict[str, _Known] = {}
        self._arities: dict[str, int] = {}
        # What is called and not defined: further down in the text, or never, if an error came first.
        self._awaited: set[str] = set()
        self._externs = True
        self._lock = threading.RLock()
        if prelude:
            self.run((files("kaleido") / "prelude.kal").read_text("utf-8"), "<prelude>")
        self._prelude = frozenset(self._functions)
        self._externs = externs

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop compiling and free all code. The session cannot be used afterwards."""
        self.engine.close()

    def run(self, text: str, name: str = "<input>") -> float | None:
        """Run a whole text; gives the value of its last expression, or None where there is none.

        Raises KaleidoError; what came before the error has run and stays defined. With a syntax error nothing has.
        """
        value = None
        for result in self.evaluate(Source(name, text)):
            value = result.value if result.value is not None else value
        return value

    def evaluate(self, source: Source) -> Iterator[Result]:
        """Run a text item by item, giving each one's result as soon as it is there. Raises as :meth:`run`."""
        items = parse(source, self.operators)
        forward = self._declared_later(items)
        return (Result(item, self._execute(item, source, forward)) for item in items)

    def __getitem__(self, name: str) -> Function:
        """The function called `name` (``binary|`` and ``unary!`` for operators). Raises KeyError."""
        if name not in self._functions:
            raise KeyError(name)
        return Function(self, name)

    def __contains__(self, name: object) -> bool:
        return name in self._functions

    def functions(self, *, prelude: bool = False) -> list[Function]:
        """The functions there are, in the order of their first definition; with the prelude's own if wanted."""
        hidden = frozenset[str]() if prelude else self._prelude
        names = (
            name for name, known in self._functions.items() if name not in hidden or known.source.name != "<prelude>"
        )
        return [Function(self, name) for name in names]

    def stats(self) -> list[UnitStats]:
        """What the engine knows about each function and loop there is."""
        return self.engine.stats()

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Have `listener` told of everything the engine does; see ``Engine.subscribe``."""
        return self.engine.subscribe(listener)

    def units(self, source: Source) -> Iterator[Unit]:
        """Define what a text defines and lower its expressions, running nothing: the unit of each.

        An expression's unit is there until the next one is asked for. Raises KaleidoError.
        """
        items = parse(source, self.operators)
        forward = self._declared_later(items)
        for item in items:
            if isinstance(item, Definition | External):
                self._execute(item, source, forward)
                known = self._functions.get(item.prototype.name)
                if known is not None and known.item is item and known.lowered is not None:
                    yield known.lowered.unit
            else:
                unit = self._expression(item, source, forward)
                yield unit
                self.engine.remove(unit.symbol)

    # One item

    def _execute(self, item: Item, source: Source, forward: dict[str, int]) -> float | None:
        with self._lock:
            match item:
                case Definition():
                    self._define(item, source, forward)
                    return None
                case External():
                    self._declare(item, source, forward)
                    return None
            unit = self._expression(item, source, forward)
        try:
            return self._call(unit.symbol, ())
        except UndefinedUnit as error:
            title = f"`{function_name(error.symbol)}` is called before it is defined"
            raise KaleidoError(
                Diagnostic(title, source, item.span, f"reaches it through `{error.caller.label}`")
            ) from None
        finally:
            self.engine.remove(unit.symbol)

    def _expression(self, item: Expression, source: Source, forward: dict[str, int]) -> Unit:
        unit = lower_expression(item, self._environment(source, forward)).unit
        self.engine.define(unit)
        return unit

    def _call(self, symbol: str, arguments: Iterable[float]) -> float:
        value: float = self.engine.call(symbol, *arguments)
        # Which NaN a computation gives is left open by LLVM: here there is one.
        return math.nan if value != value else value

    def _define(self, item: Definition, source: Source, forward: dict[str, int]) -> None:
        prototype = item.prototype
        environment = self._environment(source, forward, prototype)
        self._check_arity(prototype, environment)
        changed = {prototype.name: _Known(prototype, source, item, lower_definition(item, environment))}
        if prototype.name in BUILTIN_OPERATORS and prototype.name not in self._functions:
            changed |= self._without_builtin(prototype, forward)
        try:
            self.engine.define(*(known.lowered.unit for known in changed.values() if known.lowered is not None))
        except UndefinedUnit as error:
            # Only while a program is running, as when another thread redefines what it calls.
            title = f"`{function_name(error.symbol)}` is not defined, and the running program could call it"
            environment.fail(title, prototype.span)
        self._functions |= changed
        self._commit(prototype)
        self._awaited.update(callee for known in changed.values() for callee in known.calls if callee not in self)

    def _without_builtin(self, prototype: Prototype, forward: dict[str, int]) -> dict[str, _Known]:
        """The functions that have a built-in operator inline, lowered again to call the user's."""
        changed = {}
        for name, known in self._functions.items():
            if known.lowered is not None and prototype.name in known.lowered.operators and name != prototype.name:
                assert isinstance(known.item, Definition)
                # What it calls may not be defined: it was further down in its own text, and an error came first.
                names = {**known.calls, **forward}
                lowered = lower_definition(known.item, self._environment(known.source, names, prototype))
                changed[name] = _Known(known.prototype, known.source, known.item, lowered)
        return changed

    def _declare(self, item: External, source: Source, forward: dict[str, int]) -> None:
        """An extern is a C function, unless a def has the name (then it only declares what is there)."""
        prototype, environment = item.prototype, self._environment(source, forward)
        name, known = prototype.name, self._functions.get(item.prototype.name)
        defined = forward.get(name) if known is None else known.defined_arity
        if defined is not None:
            if defined != prototype.arity:
                environment.fail(
                    f"`{name}` is defined with {counted(defined, 'parameter')}, not {prototype.arity}", prototype.span
                )
            self._commit(prototype)
            return
        # What is known and not defined is an extern of the prelude, which may be declared again as it is.
        if not self._externs and (known is None or known.prototype.arity != prototype.arity):
            environment.fail("`extern` is switched off (--no-extern)", prototype.span)
        expected = KNOWN_ARITIES.get(name, prototype.arity)
        if expected != prototype.arity:
            environment.fail(
                f"C's `{name}` takes {counted(expected, 'parameter')}, not {prototype.arity}", prototype.span
            )
        self._check_arity(prototype, environment)
        unit = lower_external(name, prototype.arity, llvm.address_of_symbol) if prototype.operator is None else None
        if unit is None:
            hint = "`--load` a library that has it, or `def` it further down"
            environment.fail(f"no function `{name}` in this process", prototype.span, "not found", hint)
        self.engine.define(unit)
        self._functions[name] = _Known(prototype, source, item, None)
        self._commit(prototype)

    def _commit(self, prototype: Prototype) -> None:
        self._arities[prototype.name] = prototype.arity
        self._awaited.discard(prototype.name)
        if prototype.operator is not None:
            self.operators = self.operators.with_operator(prototype.operator)

    # Names

    def _declared_later(self, items: Iterable[Item]) -> dict[str, int]:
        """What a text defines and nobody knows yet: it may be called before its definition has been reached."""
        later: dict[str, int] = {}
        known = BUILTIN_OPERATORS.union(self._functions)
        for item in items:
            if isinstance(item, Definition) and item.prototype.name not in known:
                later.setdefault(item.prototype.name, item.prototype.arity)
        return later

    def _environment(self, source: Source, forward: dict[str, int], new: Prototype | None = None) -> Environment:
        own = {new.name: new.arity} if new is not None else {}
        return Environment(source, ChainMap(own, self._arities, forward))

    def _check_arity(self, prototype: Prototype, environment: Environment) -> None:
        """Refuse more parameters than there can be, and what :meth:`_check_callers` refuses."""
        if prototype.arity > MOST_PARAMETERS:
            environment.fail(
                "too many parameters", prototype.span, f"{prototype.arity:,}, and {MOST_PARAMETERS:,} is the most"
            )
        self._check_callers(prototype, environment)

    def _check_callers(self, prototype: Prototype, environment: Environment) -> None:
        """Refuse to change how many parameters a function has while others call it with as many as it had."""
        name, arity = prototype.name, prototype.arity
        if name not in self._awaited and self._arities.get(name, arity) == arity:
            return
        calls = {other: known.calls.get(name, arity) for other, known in self._functions.items() if other != name}
        callers = {other: given for other, given in calls.items() if given != arity}
        if callers:
            given = next(iter(callers.values()))
            title = f"`{name}` cannot take {counted(arity, 'parameter')} now: it is called with {given}"
            names = ", ".join(f"`{caller}`" for caller in callers)
            environment.fail(title, prototype.span, f"by {names}", "redefine the callers first")


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
