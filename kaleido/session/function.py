"""A function of a session, for Python code."""

from __future__ import annotations

from collections.abc import Mapping

from kaleido.codegen.mangling import symbol
from kaleido.diagnostics import Source, Span, counted
from kaleido.jit import Tier, UndefinedUnit, Unit
from kaleido.session.defined_function import DefinedFunction
from kaleido.session.engine_errors import memory, undefined_call
from kaleido.session.pipeline import Pipeline

__all__ = ["Function"]


class Function:
    """A function of a session, by name: after a redefinition, it is the new one.

    ``session["f"]`` returns it. Call it with floats.
    """

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self._pipeline = pipeline
        self.name = name

    def __call__(self, *arguments: float) -> float:
        """Raises TypeError for a wrong number of arguments, and Interrupted.

        Raises KaleidoError for too deep recursion, and where it can reach a function that is not defined.
        """
        if len(arguments) != len(self.parameters):
            raise TypeError(f"{self.name} takes {counted(len(self.parameters), 'argument')}, not {len(arguments)}")
        defined = self._defined
        source, span = defined.source, defined.prototype.span
        try:
            return self._pipeline.call(symbol(self.name), map(float, arguments), source, span)
        except UndefinedUnit as error:
            raise undefined_call(error, source, span, {}, self._pipeline.table) from None

    def __repr__(self) -> str:
        return f"<kaleido function {self.signature}>"

    @property
    def signature(self) -> str:
        """``f(x y)``, as in a prototype."""
        return f"{self.name}({' '.join(self.parameters)})"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(parameter.name for parameter in self._defined.prototype.parameters)

    @property
    def address(self) -> int:
        """A C function pointer (of doubles, to a double). A redefinition with as many parameters keeps it.

        Raises KaleidoError where there is no memory for it.
        """
        with memory():
            return self._pipeline.engine.address(symbol(self.name))

    @property
    def tier(self) -> Tier | None:
        """The tier that it runs in now; None if it is not compiled."""
        return self._pipeline.engine.describe(symbol(self.name)).tier

    @property
    def source(self) -> str:
        """The text of its definition."""
        source, span = self.origin
        return source.text[span.start : span.end]

    @property
    def origin(self) -> tuple[Source, Span]:
        """The text with its definition, and the definition's place in it."""
        defined = self._defined
        return defined.source, defined.item.span

    @property
    def loops(self) -> Mapping[str, str]:
        """The text of each loop in it, on one line, by the name of the loop's unit."""
        defined = self._defined
        texts = {name: defined.source.text[span.start : span.end] for name, span in defined.loops.items()}
        return {name: " ".join(text.split()) for name, text in texts.items()}

    @property
    def calls(self) -> tuple[str, ...]:
        """The functions that it calls, in the order of the first call, with operators that the program defines."""
        return tuple(self._defined.calls)

    @property
    def unit(self) -> Unit:
        """Its unit in the engine."""
        return self._defined.unit

    @property
    def _defined(self) -> DefinedFunction:
        return self._pipeline.table.functions[self.name]
