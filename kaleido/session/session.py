"""The public API for Python: source in, values out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from kaleido.codegen.scope import Declaration
from kaleido.diagnostics import Source, Span
from kaleido.jit import Engine, Event, EventKind, ObjectCache, Unit, UnitStats, take_bytes
from kaleido.language.nodes import Definition, Expression, External, Item
from kaleido.language.operators import BUILTINS, OperatorTable
from kaleido.language.prelude import prelude as prelude_source
from kaleido.session.expression import CompiledExpression
from kaleido.session.function import Function
from kaleido.session.function_table import FunctionTable
from kaleido.session.libraries import load_library
from kaleido.session.modes import policy_for
from kaleido.session.parsed_text import Text, parsed
from kaleido.session.pipeline import Pipeline, Result
from kaleido.session.recovery import check_text
from kaleido.session.snapshot import Change
from kaleido.terminal import streams

if TYPE_CHECKING:
    from kaleido.recording import Recorder

__all__ = ["Session"]


class Session:
    """A program that grows item by item, and the engine that runs it.

    `jit`         one of MODES: two tiers with compilation in the background (tiered) or while the program waits (sync),
                  or one tier alone (O0, O3)
    `threshold`   the number of calls, and of loop iterations, that make a unit hot; by default 1,000 and 10,000
    `stack_size`  the bytes of stack for recursion, at least 1 MiB; by default 256 MiB. Only used pages take memory
    `libraries`   paths of shared libraries in which `extern` may find functions
    `prelude`     whether the session begins with the definitions of the prelude
    `externs`     whether programs may declare C functions beyond those of the prelude; if not, `libraries` is empty
    `cache`       object code of earlier processes, and for later ones; see ``kaleido.jit.ObjectCache``. By default none
    `speculate`   whether arguments that never changed are constants at -O3, an experiment: see ``kaleido.jit.Policy``
    `debug`       whether machine code has debug information: see ``kaleido.jit.observers.GdbInterface``
    `source_folder`   where texts that are no files are written then, for the debugger to find
    `frame_pointers`  whether it keeps frame pointers, by which profilers find callers

    Raises LibraryError, an OSError, if a library cannot be loaded; ValueError for an unknown mode, for a threshold or a
    stack size that is not allowed, and for libraries without externs.

    Close it, or use it as a context manager, to free its memory and end its threads. Any thread may use it. It belongs
    to the process that created it: in a forked child, every method but :meth:`close` raises RuntimeError, and the child
    creates its own session.
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
        cache: ObjectCache | None = None,
        debug: bool = False,
        source_folder: str = "",
        frame_pointers: bool = False,
        speculate: bool = False,
    ) -> None:
        if libraries and not externs:
            raise ValueError("libraries are for externs, which are switched off")
        for library in libraries:
            load_library(library)
        policy = policy_for(
            jit,
            threshold,
            stack_size,
            debug=debug,
            source_folder=source_folder,
            frame_pointers=frame_pointers,
            speculate=speculate,
        )
        self.engine = Engine(policy, cache=cache)
        streams.held_back(take_bytes)
        self._recorder: Recorder | None = None
        self._table = FunctionTable()
        self._pipeline = Pipeline(self.engine, self._table, tuple(libraries))
        if prelude:
            for _ in self._pipeline.results(_prelude()):
                pass
        self._table.externs = externs
        self._prelude = self._table.copy()
        self.make_initial()

    # The object

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop compiling, and free all code. The session cannot be used afterwards."""
        self.engine.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session cannot be pickled: create one in each process, and run the source there")

    # Running

    def run(self, text: str, name: str = "<input>") -> float | None:
        """Run a text. Returns the value of its last expression; None if it has no expressions.

        Definitions without an expression between them are one transaction: they take effect together.

        Raises ParseError with all syntax errors; then nothing has run. Raises SemanticError at the first expression or
        transaction that has errors, with these and with those in the rest of the text, which does not run; the items
        before it have run, and their definitions stay. Raises KaleidoError if an expression fails, and Interrupted: it
        has changed no variable then.
        """
        value = None
        for result in self.evaluate(Source(name, text)):
            value = result.value if result.value is not None else value
        return value

    async def run_async(self, text: str, name: str = "<input>") -> float | None:
        """Run a text as :meth:`run`, on a thread of the event loop's executor, which goes on meanwhile.

        When the task is cancelled, what the session runs is stopped, as by :meth:`interrupt`. An interruption from
        elsewhere raises CancelledError, too.
        """
        from kaleido.session.asynchronous import run_in_thread

        return await run_in_thread(partial(self.run, text, name), self.interrupt)

    def evaluate(self, source: Source) -> Iterator[Result]:
        """Run a text, and yield the result of each item. Raises as :meth:`run`."""
        return self._pipeline.results(self._parsed(source))

    def units(self, source: Source) -> Generator[Unit, None, None]:
        """Define what a text defines, and lower its expressions without running them. Yields the unit of each item.

        The unit of an expression is removed when the next one is requested. The top-level variables that it would
        create count as created, and are zero. Raises KaleidoError.
        """
        yield from self._pipeline.units(self._parsed(source))

    def statements(self, source: Source) -> Iterator[tuple[Expression, CompiledExpression, Sequence[Unit]]]:
        """Define what a text defines, and lower its expressions without running them.

        Yields each expression, what it was lowered to, and the units that it can call then, after its own. Top-level
        variables are as for :meth:`units`. Raises KaleidoError, also for an expression that can reach a function which
        is not defined.
        """
        text = self._parsed(source)
        for step, expression in self._pipeline.lowered(text):
            if expression is not None:
                assert not isinstance(step, list)
                yield step, expression, self._pipeline.reachable(expression, step, text)

    def compiled(self, source: Source) -> AbstractContextManager[CompiledExpression]:
        """A context in which a text that is one expression is lowered, and does not run. Raises KaleidoError."""
        text = self._parsed(source)
        [item] = text.items
        assert not isinstance(item, Definition | External)
        return self._pipeline.compiled(item, text)

    def stop_caching_expressions(self) -> None:
        """Keep the code of expressions at top level out of the object cache from now on; definitions stay in it.

        For expressions that are typed: each has a name of its own, so a later process will hardly look for it. Without
        the cache a short one takes a fifth less.
        """
        self._pipeline.caches_expressions = False

    def check(self, source: Source, *, initial: bool = True) -> Sequence[Item]:
        """Check that a text could run in the initial state of this session; nothing runs. Returns its items.

        If not `initial`: after the prelude alone. Raises KaleidoError with all errors of the text.
        """
        table = (self._initial if initial else self._prelude).copy()
        text = parsed(source, table.operators, table.functions)
        check_text(text, table)
        return text.items

    def interrupt(self) -> None:
        """Stop the running program, as Ctrl-C does: the thread that runs it gets Interrupted. From any thread.

        If the program has called back into Python, and that code runs another program, both stop.
        """
        self.engine.interrupt()

    def placing(self, source: Source, span: Span) -> AbstractContextManager[None]:
        """A context in which `source` runs at `span`: a StackOverflow in it becomes KaleidoError, with the place."""
        return self._pipeline.located(source, span)

    def _parsed(self, source: Source) -> Text:
        return self._pipeline.parsed(source)

    # The program

    def __getitem__(self, name: str) -> Function:
        """The function called `name` (``binary|`` and ``unary!`` for operators). Raises KeyError."""
        if name not in self:
            raise KeyError(name)
        return Function(self._pipeline, name)

    def __contains__(self, name: object) -> bool:
        return name in self._table.functions

    def functions(self, *, prelude: bool = False) -> list[Function]:
        """The functions that are defined, in the order of their first definition; the prelude's only on request."""
        hidden = {} if prelude else self._prelude.functions
        # A copy, because another thread may define a function meanwhile.
        defined = list(self._table.functions.items())
        names = [name for name, each in defined if name not in hidden or not each.comes_from(hidden[name])]
        return [Function(self._pipeline, name) for name in names]

    @property
    def declared(self) -> dict[str, Declaration]:
        """The functions that an `extern` has declared, and that are neither defined nor in this process, by name."""
        return {name: each for name, each in self._table.declared.items() if name not in self._table.functions}

    @property
    def operators(self) -> OperatorTable:
        """The operators and their precedences."""
        return self._table.operators

    @property
    def variables(self) -> dict[str, float]:
        """The top-level variables, which every expression at top level may use, with their values. Mutable."""
        return self._table.variables

    def register(
        self, name: str, function: Callable[..., Any], parameters: Sequence[str] | int | None = None
    ) -> Function:
        """Make a Python function one of the program: `function` gets floats, and returns a number, or None for zero.

        The program calls it as if an ``extern`` had declared it, and may repeat that. What `function` raises ends the
        program that called it, and is raised by :meth:`run`, or by the call of a :class:`Function`. It may use the
        session. The session keeps it. It is also allowed where `externs` are switched off.

        `parameters` are names, or a number; by default, the parameters that `function` must be given. Raises TypeError
        where these are not known, ValueError where a name is none, SemanticError where functions that are defined call
        `name` with another number of arguments, and KaleidoError as :meth:`run`.
        """
        from kaleido.session.python_function import PythonFunction

        registered = PythonFunction(name, function, parameters)
        text = self._parsed(registered.source)
        [item] = text.items
        assert isinstance(item, External)
        self._pipeline.define([item], text, {name: registered})
        return self[name]

    # Undoing

    def undo(self, *changes: Change) -> Change:
        """Undo the latest changes, given in the order in which they happened. Returns the change that undoes this.

        The changed definitions and top-level variables are as before.

        Code that the changes deoptimized is optimized again, in the background in tiered mode. Raises KaleidoError, and
        changes nothing, if a running program could call a function that would become undefined.
        """
        past = changes[0].past
        for change in changes[1:]:
            past = past.merged(change.past)
        return self._pipeline.restore(past, frozenset[str]().union(*(change.deoptimized for change in changes)))

    def make_initial(self) -> None:
        """Make the present definitions and variables the initial state, which :meth:`reset` restores.

        At first, it is the prelude.
        """
        self._initial = self._table.copy()

    def reset(self) -> Change:
        """Remove all definitions and variables but those of the initial state, and restore these.

        Returns the change that undoes it. Raises as :meth:`undo`.
        """
        return self._pipeline.restore(self._table.difference(self._initial))

    # The engine

    def record(self, name: str = "", *, passes: bool = False) -> Recorder:
        """Begin to record what the engine does, for :meth:`report`. `name` is that of the program, for people.

        With `passes`, the report shows what each pass of LLVM's has changed, for which LLVM is asked in subprocesses.

        The recorder has the data; see ``kaleido.recording.Recorder``. Close it, or keep it as long as the session.
        """
        from kaleido.code_views import view
        from kaleido.recording import Recorder
        from kaleido.session.unit_descriptions import describe

        self._recorder = Recorder(
            self.engine, name=name, describe=describe, view=partial(view, self.engine, passes=passes)
        )
        return self._recorder

    def report(self, past: Iterable[Event] = ()) -> str:
        """A page that shows what the engine did since :meth:`record`: one HTML file that needs nothing else.

        Without a recording it shows `past`, the events up to now that a listener has kept, without samples.
        """
        from kaleido.code_views import view
        from kaleido.page import document
        from kaleido.recording import Recorder
        from kaleido.session.unit_descriptions import describe

        if self._recorder is not None:
            return document(self._recorder.report())
        recorder = Recorder(self.engine, describe=describe, view=partial(view, self.engine), past=past, live=False)
        try:
            return document(recorder.report())
        finally:
            recorder.close()

    def stats(self) -> list[UnitStats]:
        """The engine's statistics of each function and loop."""
        self._pipeline.remove_finished()
        return self.engine.stats()

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with every event of the engine. The result ends that; see ``Engine.subscribe``."""
        return self.engine.subscribe(listener)

    def on(self, event: EventKind | str, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call `callback` with every event of one kind, such as ``"swapped"``, from now on. The result ends that.

        As for :meth:`subscribe`, it is called on the thread where the event happens, and must be quick and wait for no
        other thread. What it raises is printed, and changes nothing. Raises ValueError for an unknown kind.
        """
        if event not in list(EventKind):
            raise ValueError(f"an event is one of {', '.join(EventKind)}, not {event!r}")
        return self.subscribe(lambda each: callback(each) if each.kind == event else None)


@cache
def _prelude() -> Text:
    """The prelude after parsing. All sessions of a process share it: a text is only read."""
    return parsed(prelude_source(), BUILTINS, ())
