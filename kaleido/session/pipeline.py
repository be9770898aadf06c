"""The pipeline: definitions go through check, lower, define and commit, a run at a time; expressions are run.

The function table and the engine change together. Between the two changes, the lock keeps out other threads, and
``signals_deferred`` defers signals. While the program runs, the lock is free, so another thread may redefine what it
calls; and `Engine.call` lets signals through.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from kaleido.codegen.mangling import symbol
from kaleido.diagnostics import SemanticError, Source, Span
from kaleido.jit import (
    Callback,
    Engine,
    LockOrder,
    UndefinedUnit,
    Unit,
    fork_safe,
    interruptibly,
    raise_pending,
    signals_deferred,
)
from kaleido.language.nodes import Definition, Expression, External, For, Item
from kaleido.session.collector_pause import collector_paused
from kaleido.session.defined_function import DefinedFunction
from kaleido.session.engine_errors import located, memory, refused, undefined_call
from kaleido.session.expression import CompiledExpression, compile_expression
from kaleido.session.function_table import FunctionTable
from kaleido.session.parsed_text import Step, Text, parsed, targets
from kaleido.session.recovery import remaining_errors
from kaleido.session.snapshot import Change, Snapshot
from kaleido.session.transaction import compile_definitions

if TYPE_CHECKING:
    from kaleido.numpy_map.kernel_table import KernelTable
    from kaleido.session.python_function import PythonFunction

__all__ = ["Pipeline", "Result"]

# A text of so many characters makes so many objects that the garbage collector would begin.
_LONG = 10_000


class Result(NamedTuple):
    """The result of one item of a text.

    `value`            the value of an expression; None for a definition
    `change`           what the item changed: definitions, or top-level variables. Definitions that take effect together
                       make one change, which the first of them has. None for the others, and if nothing has changed
    `compile_seconds`  the time from an expression's tree to machine code, with all that it can reach and had none
    `run_seconds`      the time that an expression ran
    `warning`          a line to show to the user, if the item does less than it seems to; else empty
    """

    item: Item
    value: float | None
    change: Change | None = None
    compile_seconds: float = 0.0
    run_seconds: float = 0.0
    warning: str = ""

    @property
    def shown(self) -> str | None:
        """The value as text, in the fewest digits that read back as the same value; None if there is nothing to show.

        The value of a loop at top level is not shown: it is always zero.
        """
        return None if self.value is None or isinstance(self.item, For) else repr(self.value)


def _warning(item: Definition | External, source: Source) -> str:
    operator = item.prototype.operator
    if operator is None or not item.prototype.is_assignment:
        return ""
    place = f"{source.name}:{source.position(item.span.start)[0]}"
    return f"warning: {place}: `=` remains assignment; its precedence is {operator.precedence} now"


class Pipeline:
    """The function table and the engine of a session, which change together.

    `libraries` are the paths of those in which its externs are found. `caches_expressions` says whether the code of
    expressions goes into the engine's object cache.
    """

    def __init__(self, engine: Engine, table: FunctionTable, libraries: Sequence[str] = ()) -> None:
        self.libraries = libraries
        self.engine = engine
        self.caches_expressions = True
        self.table = table
        self._registered: list[PythonFunction] = []
        # The units of expressions whose values are there: see :meth:`evaluate`.
        self._finished: list[str] = []
        self._kernels: KernelTable | None = None
        self._lock = fork_safe(threading.RLock(), LockOrder.SESSION)

    # Items

    def parsed(self, source: Source) -> Text:
        """Parse a text, by the present operators. Raises ParseError."""
        table = self.table
        if len(source.text) < _LONG:
            return parsed(source, table.operators, table.functions)
        with signals_deferred(), self._lock, collector_paused():
            return interruptibly(lambda: parsed(source, table.operators, table.functions))

    def results(self, text: Text) -> Iterator[Result]:
        """Run a text step by step: each run of definitions is a transaction. Yields the result of each item.

        Ctrl-C that is deferred is raised between two steps, but not between the results of one.
        """
        for index, step in enumerate(text.steps):
            raise_pending()
            word = text.word_operator_after(index)
            if word is not None:
                with self._all_errors(text, index + 1):
                    compile_expression(word, text, self.table)
            with self._all_errors(text, index):
                results = self._define(step, text) if isinstance(step, list) else [self.evaluate(step, text)]
            yield from results
            self.remove_finished()

    def units(self, text: Text) -> Generator[Unit, None, None]:
        """Define what a text defines, and lower its expressions without running them. Yields the unit of each."""
        for step, expression in self.lowered(text):
            if expression is not None:
                yield expression.unit
            elif isinstance(step, list):
                yield from self._defined(step)

    def lowered(self, text: Text) -> Generator[tuple[Step, CompiledExpression | None], None, None]:
        """Define what a text defines, and lower its expressions without running them. Yields each step.

        The engine has the unit of an expression until the next step is requested.
        """
        for index, step in enumerate(text.steps):
            with signals_deferred(), self._lock, self._all_errors(text, index):
                if isinstance(step, list):
                    self.define(step, text)
                expression = None if isinstance(step, list) else self._define_expression(step, text)
            try:
                yield step, expression
            finally:
                if expression is not None and not isinstance(step, list):
                    self.engine.remove(expression.unit.symbol)
                    self.table.assume_variables(targets(step))

    def _defined(self, step: Sequence[Definition | External]) -> list[Unit]:
        """The units of the bodies in definitions that have taken effect: an extern has none."""
        found = [(item, self.table.functions.get(item.prototype.name)) for item in step if isinstance(item, Definition)]
        return [function.unit for item, function in found if function is not None and function.item is item]

    def reachable(self, expression: CompiledExpression, item: Expression, text: Text) -> list[Unit]:
        """The units that an expression of :meth:`lowered` can call now, after its own. Raises KaleidoError."""
        try:
            return self.engine.reachable(expression.unit.symbol)
        except UndefinedUnit as error:
            raise undefined_call(error, text.source, item.span, text.forward, self.table) from None

    @contextmanager
    def _all_errors(self, text: Text, index: int) -> Iterator[None]:
        """A context that checks and runs step `index`: to its errors, it adds those in the rest of the text.

        Where there is no memory for it, that is an error of the step, too.
        """
        step = text.steps[index]
        span = step[0].prototype.span if isinstance(step, list) else step.span
        try:
            with memory(text.source, span):
                yield
        except SemanticError as error:
            if Callback.has_raised(error):
                raise
            raise SemanticError(*remaining_errors(error, index, text, self.table)) from None

    # Definitions

    def _define(self, items: Sequence[Definition | External], text: Text) -> Iterable[Result]:
        """Define a run of definitions. Returns a result for each; the first one has the change."""
        change = self.define(items, text)
        # Made one by one: of many, most are not kept.
        return (
            Result(item, None, change if index == 0 else None, warning=_warning(item, text.source))
            for index, item in enumerate(items)
        )

    def define(
        self, items: Sequence[Definition | External], text: Text, registered: Mapping[str, PythonFunction] = {}
    ) -> Change | None:
        """Check, lower, define and commit definitions of a text, all or none of them.

        `registered` has the externs among them that are Python functions. Returns None if nothing changed. Raises
        SemanticError; KaleidoError if a running program prevents it.
        """
        with signals_deferred(), self._lock, collector_paused():
            self.remove_finished()
            transaction = compile_definitions(items, text, self.table, registered=registered)
            # Code that calls them may run longer than the table has them.
            self._registered += registered.values()
            with refused(text.source, items[0].prototype.span), self._without_kernels(transaction.functions) as removed:
                deoptimized = self.engine.define(*transaction.units, removed=removed)
            past = transaction.commit(self.table)
            return Change(past, deoptimized) if self.table.differs(past) else None

    def restore(self, snapshot: Snapshot, optimized: Iterable[str] = ()) -> Change:
        """Undo a change: make the table as in `snapshot`, and the engine with it, and optimize `optimized` again.

        Raises KaleidoError if a running program prevents it.
        """
        with signals_deferred(), self._lock:
            self.remove_finished()
            past, present = snapshot.functions, self.table.functions
            removed = [symbol(name) for name in past if past[name] is None and name in present]
            restored = {name: each.unit for name, each in past.items() if each is not None}
            units = [unit for name, unit in restored.items() if name not in present or present[name].unit is not unit]
            with refused(), self._without_kernels(past) as kernels:
                removed += kernels
                deoptimized = self.engine.define(*units, removed=removed) if units or removed else frozenset[str]()
            change = Change(self.table.restore(snapshot), deoptimized)
            for each in optimized:
                # The change is undone, whether or not optimizing succeeds.
                with suppress(Exception):
                    self.engine.optimize(each, background=True)
            return change

    @property
    def kernels(self) -> KernelTable:
        """The loops over arrays, for functions of this session."""
        from kaleido.numpy_map.kernel_table import KernelTable

        with self._lock:
            if self._kernels is None:
                self._kernels = KernelTable(self.engine)
            return self._kernels

    @contextmanager
    def _without_kernels(self, functions: Mapping[str, DefinedFunction | None]) -> Iterator[list[str]]:
        """A context in which functions change: their kernels are removed that are for other parameters now."""
        if self._kernels is None:
            yield []
            return
        arities = {name: each.prototype.arity for name, each in functions.items() if each is not None}
        symbols = self._kernels.symbols_of(functions, arities)
        yield symbols
        self._kernels.forget(symbols)

    # Expressions

    def evaluate(self, item: Expression, text: Text) -> Result:
        """Check, lower, define and run an expression. Raises KaleidoError and Interrupted.

        To remove its unit takes a tenth of the time that a user waits for a short one. So :meth:`results` does that
        after it has yielded the value; or where it is not resumed, what looks at the engine or changes it next.
        """
        begin = time.perf_counter()
        with signals_deferred():
            with self._lock:
                expression = self._define_expression(item, text)
            symbol, arguments = expression.unit.symbol, expression.arguments()
            try:
                self.engine.prepare(symbol)
                compiled = time.perf_counter()
                value = self.call(symbol, arguments, text.source, item.span)
                ended = time.perf_counter()
            except BaseException as error:
                self.engine.remove(symbol)
                if not isinstance(error, UndefinedUnit) or Callback.has_raised(error):
                    raise
                raise undefined_call(error, text.source, item.span, text.forward, self.table) from None
            self._finished.append(symbol)
            change = self._assign(expression.changes(*arguments))
            return Result(item, value, change, compiled - begin, ended - compiled)

    def remove_finished(self) -> None:
        """Remove the units of expressions whose values are there; of one in a closed engine, nothing is left."""
        if self._finished:
            with signals_deferred(), self._lock, suppress(RuntimeError):
                while self._finished:
                    self.engine.remove(self._finished.pop())

    @contextmanager
    def compiled(self, item: Expression, text: Text) -> Iterator[CompiledExpression]:
        """A context in which an expression is lowered and defined, and does not run. Raises SemanticError."""
        with signals_deferred(), self._lock:
            expression = self._define_expression(item, text)
        try:
            yield expression
        finally:
            self.engine.remove(expression.unit.symbol)

    def _assign(self, values: Mapping[str, float]) -> Change | None:
        """Create or change top-level variables. Returns None if there are none."""
        with self._lock:
            return Change(self.table.assign(values), frozenset()) if values else None

    def _define_expression(self, item: Expression, text: Text) -> CompiledExpression:
        self.remove_finished()
        expression = compile_expression(item, text, self.table, cache=self.caches_expressions)
        self.engine.define(expression.unit)
        return expression

    def call(self, symbol: str, arguments: Iterable[object], source: Source, span: Span) -> float:
        """Call a unit. `source` and `span` are the place of the call, for messages."""
        with self.located(source, span):
            value: float = self.engine.call(symbol, *arguments)
        # LLVM does not specify which NaN a computation returns: callers always get the same one.
        return math.nan if value != value else value

    def located(self, source: Source, span: Span) -> AbstractContextManager[None]:
        """A context in which `source` runs at `span`: errors of the engine get that place."""
        return located(source, span, self.table.functions, self.engine.policy.stack_size)
