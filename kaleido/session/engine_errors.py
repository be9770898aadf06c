"""Errors of the engine, as messages with a place in the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kaleido.codegen.externals import KNOWN_ARITIES
from kaleido.codegen.mangling import function_name, is_top_level
from kaleido.diagnostics import Diagnostic, KaleidoError, Source, Span, suggestion
from kaleido.jit import Callback, Interrupted, StackOverflow, UndefinedUnit, Unit
from kaleido.session.defined_function import DefinedFunction
from kaleido.session.function_table import FunctionTable
from kaleido.session.parsed_text import ForwardDeclarations

__all__ = ["located", "memory", "refused", "undefined_call"]


@contextmanager
def located(source: Source, span: Span, functions: Mapping[str, DefinedFunction], stack_size: int) -> Iterator[None]:
    """A context in which `source` runs at `span`.

    Turns StackOverflow into KaleidoError, and sets the message of Interrupted: both name the place. `stack_size` is the
    engine's, in bytes. Errors as in :func:`memory`, too.
    """
    try:
        with memory(source, span):
            yield
    except StackOverflow as error:
        if Callback.has_raised(error):
            raise
        place = _place(error.unit, source, span, functions)
        raise KaleidoError(_overflow(error, place, source, span, stack_size)) from None
    except Interrupted as stop:
        if Callback.has_raised(stop):
            raise
        detached = ": a C function it called is left running" if stop.detached else ""
        stop.args = (f"interrupted{_place(stop.unit, source, span, functions)}{detached}",)
        raise


def _overflow(error: StackOverflow, place: str, source: Source, span: Span, stack_size: int) -> Diagnostic:
    if error.calls < 2:
        return Diagnostic(f"not enough stack{place}", source, span, f"needs more than {stack_size:,} bytes")
    title = f"recursion too deep{place} (about {_rounded(error.calls):,} calls)"
    hint = "a call that is the last thing a function does takes no stack"
    return Diagnostic(title, source, span, f"used up the stack of {stack_size:,} bytes", hint)


def _rounded(number: int) -> int:
    """To two significant digits."""
    return int(float(f"{number:.2g}"))


def _place(unit: Unit | None, source: Source, span: Span, functions: Mapping[str, DefinedFunction]) -> str:
    """Where a unit is, for a message: in a function that is defined, or in the text that runs."""
    if unit is None:
        return ""
    owner, is_loop, position = unit.label.rpartition(".for@")
    if is_loop:
        if not is_top_level(unit.symbol) and owner in functions:
            return f" in the loop at {_line_of(unit.label, functions[owner], position)}"
        return f" in the loop at {source.name}:{position.partition(':')[0]}"
    if function_name(unit.symbol) not in functions:
        return f" at {source.name}:{source.position(span.start)[0]}"
    return f" in {unit.label}"


def _line_of(loop: str, function: DefinedFunction, position: str) -> str:
    """Where the text of a loop is now: it keeps its name when its function is defined again elsewhere, the same."""
    if loop not in function.loops:
        return f"{function.source.name}:{position.partition(':')[0]}"
    return f"{function.source.name}:{function.source.position(function.loops[loop].start)[0]}"


def undefined_call(
    error: UndefinedUnit, source: Source, span: Span, forward: ForwardDeclarations, table: FunctionTable
) -> KaleidoError:
    """The error for an expression that could call a function which is not defined yet.

    `forward` are the functions that the text defines further down.
    """
    name, caller = function_name(error.symbol), error.caller
    label = "" if is_top_level(caller.symbol) else f"reaches it through `{caller.label}`"
    if name in forward or name not in table.declared:
        title, hint, declarations = f"`{name}` is called before it is defined", "", [forward.get(name)]
    else:
        title, declarations = f"`{name}` is declared, and not defined", [table.declared[name]]
        known = {*KNOWN_ARITIES, *filter(str.isidentifier, table.functions)}
        hint = suggestion(name, known) or "`def` it; or start Kaleido with `--load` and a library that has it"
    places = [place for each in declarations if each is not None for place in each.places]
    return KaleidoError(Diagnostic(title, source, span, label, hint, tuple(places)))


@contextmanager
def refused(source: Source | None = None, span: Span | None = None) -> Iterator[None]:
    """A context in which definitions change.

    Turns UndefinedUnit into KaleidoError: a running program could call a function that would become undefined.
    Errors as in :func:`memory`, too.
    """
    try:
        with memory(source, span):
            yield
    except UndefinedUnit as error:
        title = f"`{function_name(error.symbol)}` is not defined, and the running program could call it"
        raise KaleidoError(Diagnostic(title, source, span)) from None


@contextmanager
def memory(source: Source | None = None, span: Span | None = None) -> Iterator[None]:
    """A context that needs memory for code, or for a stack: turns MemoryError into KaleidoError.

    As in all contexts here, what a Python function raises that native code has called stays as it is.
    """
    try:
        yield
    except MemoryError as error:
        if Callback.has_raised(error):
            raise
        raise KaleidoError(Diagnostic(str(error) or "out of memory", source, span)) from None
