"""A function of a session, for Python code."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from kaleido.codegen.mangling import symbol
from kaleido.diagnostics import Source, Span, counted
from kaleido.jit import Interrupted, SignatureChanged, StackOverflow, Tier, UndefinedUnit, Unit
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
        self._call: Callable[..., float] = self._first_call

    def __call__(self, *arguments: float) -> float:
        """Run the function on the calling thread, see ``Engine.function``.

        Raises TypeError for a wrong number of arguments, KeyError where the function is not defined any more, and
        Interrupted. Raises KaleidoError for too deep recursion, where it can reach a function that is not defined, and
        where there is no memory for code or a stack.
        """
        try:
            value = self._call(*arguments)
        except (TypeError, LookupError, MemoryError, StackOverflow, Interrupted) as error:
            value = self._after(error, arguments)
        # LLVM does not specify which NaN a computation returns: callers always get the same one.
        return value if value == value else math.nan

    def _first_call(self, *arguments: float) -> float:
        call: Callable[..., float] = self._pipeline.engine.function(symbol(self.name))
        self._call = call
        return call(*arguments)

    def _after(self, error: Exception | Interrupted, arguments: tuple[float, ...]) -> float:
        """Explain the error of a call; or call again, with what has become of the arguments or of the function."""
        if len(arguments) != len(self.parameters):
            raise TypeError(
                f"{self.name} takes {counted(len(self.parameters), 'argument')}, not {len(arguments)}"
            ) from None
        if isinstance(error, SignatureChanged):
            self._call = self._first_call
            return self._call(*arguments)
        if isinstance(error, TypeError):
            return self._call(*map(float, arguments))
        defined = self._defined
        source, span = defined.source, defined.prototype.span
        if isinstance(error, UndefinedUnit):
            raise undefined_call(error, source, span, {}, self._pipeline.table) from None
        with self._pipeline.located(source, span), memory(source, span):
            raise error

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
    def is_extern(self) -> bool:
        """Whether it is a C function, which an `extern` declares."""
        return self._defined.is_extern

    @property
    def unit(self) -> Unit:
        """Its unit in the engine."""
        return self._defined.unit

    @property
    def _defined(self) -> DefinedFunction:
        return self._pipeline.table.functions[self.name]
