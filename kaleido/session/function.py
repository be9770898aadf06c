"""A function of a session, for Python code."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from kaleido.codegen.mangling import symbol
from kaleido.diagnostics import Source, Span, counted
from kaleido.jit import Callback, Interrupted, SignatureChanged, StackOverflow, Tier, UndefinedUnit, Unit
from kaleido.language.comments import comment_above
from kaleido.session.defined_function import DefinedFunction
from kaleido.session.engine_errors import memory, undefined_call
from kaleido.session.pipeline import Pipeline

if TYPE_CHECKING:
    from inspect import Signature

__all__ = ["Function"]


class _Documentation:
    """The attribute ``__doc__`` of a class, and of its instances their own."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __get__(self, function: Function | None, owner: type) -> str | None:
        return self._text if function is None else function.documentation


class Function:
    __doc__ = _Documentation(
        """A function of a session, by name: after a redefinition, it is the new one.

    ``session["f"]`` returns it. Call it with floats. It has ``__name__``, ``__signature__`` (for `inspect`) and, where
    there is a comment right above its definition, ``__doc__``.
    """
    )

    def __init__(self, pipeline: Pipeline, name: str) -> None:
        self._pipeline = pipeline
        self.name = name
        self._call: Callable[..., float] = self._first_call

    def __call__(self, *arguments: float) -> float:
        """Run the function on the calling thread, see ``Engine.function``.

        Raises TypeError for a wrong number of arguments, KeyError where the function is not defined any more, and
        Interrupted. Raises KaleidoError for too deep recursion, where it can reach a function that is not defined, and
        where there is no memory for code or a stack; and whatever a Python function raises that it calls.
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
        if Callback.has_raised(error):
            raise error
        self._check_number(arguments)
        if isinstance(error, SignatureChanged):
            self._call = self._first_call
            return self._call(*arguments)
        if isinstance(error, TypeError):
            return self._call(*map(float, arguments))
        return self._raise_as_of_call(error)

    def compile(self) -> None:
        """Compile it, and what it can reach, now instead of at the first call. Raises as a call."""
        self._explained(partial(self._pipeline.engine.prepare, symbol(self.name)))

    def map(
        self,
        *arrays: Any,
        out: Any = None,
        where: Any = None,
        casting: str = "same_kind",
        order: str = "K",
        workers: int = 1,
    ) -> Any:
        """Call the function for the elements of arrays, as a ufunc of NumPy's does, and return their array.

        There are as many arrays as parameters; they are broadcast, and converted to float64 where that is safe. The
        arguments by keyword are those of ufuncs: `out` is the array for the result, `where` a mask, `casting` the rule
        for `out`, `order` its layout. `workers` is the number of threads that compute. Python's interpreter lock is
        released. The loop is compiled at -O3, with the function inlined; the next call sees a redefinition. The order
        of the calls, which output shows, is that in which NumPy iterates: mostly the order of memory.

        An array of Dask's gives one of Dask's, with the map of each block; then `out` must be None.

        Raises as a call; TypeError and ValueError as ufuncs; ImportError without NumPy. Where it raises, some elements
        of `out` may have been computed.
        """
        self._check_number(arrays)
        where = None if where is True else where
        if any(type(each).__module__.startswith("dask.") for each in (*arrays, where)):
            from kaleido.numpy_map.dask_blocks import map_blocks

            return map_blocks(self, arrays, out, where, casting=casting, order=order, workers=workers)
        broadcasting = _numpy_module("broadcasting")
        call = partial(broadcasting.map_arrays, self._pipeline.kernels, self.name, len(arrays), arrays, out, where)
        return self._over(arrays, partial(call, casting=casting, order=order, workers=workers))

    def reduce(
        self,
        array: Any,
        axis: int | Sequence[int] | None = 0,
        out: Any = None,
        *,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = None,
    ) -> Any:
        """Combine the elements of an array along axes: ``f(f(f(a, b), c), d)``, always in this order.

        `axis` may be several, or None for all: then the order is that of indices, the last one first. The arguments are
        those of ``numpy.ufunc.reduce``; `initial` may be an array, with a value for each element of the result.

        An array of Dask's gives one of Dask's: each block continues what the block before it began.

        Raises as :meth:`map`; ValueError where there is no element, or a mask `where`, and no `initial`; TypeError
        where the function has not two parameters.
        """
        self._check_number((array, array))
        where = None if where is True else where
        if any(type(each).__module__.startswith("dask.") for each in (array, where)):
            from kaleido.numpy_map.dask_folds import reduce_blocks

            return reduce_blocks(self, array, axis, out, keepdims=keepdims, initial=initial, where=where)
        folding = _numpy_module("folding")
        call = partial(folding.reduce, self._pipeline.kernels, self.name, array, axis, out)
        return self._over((array, array), partial(call, keepdims=keepdims, initial=initial, where=where))

    def accumulate(self, array: Any, axis: int = 0, out: Any = None) -> Any:
        """All steps of :meth:`reduce` along one axis, an array of the same shape: ``a, f(a, b), f(f(a, b), c)``."""
        self._check_number((array, array))
        folding = _numpy_module("folding")
        call = partial(folding.accumulate, self._pipeline.kernels, self.name, array, axis, out)
        return self._over((array, array), call)

    def _over(self, arrays: Sequence[Any], call: Callable[[], Any]) -> Any:
        """Call something that runs the function over arrays, which another definition may make too few or too many."""
        try:
            return self._explained(call)
        except (LookupError, ValueError):
            # Its kernels for the former number are removed, wherever the call is.
            self._check_number(arrays)
            raise

    def _explained(self, call: Callable[[], Any]) -> Any:
        """Call something that runs or compiles the function: its errors become those of a call."""
        try:
            return call()
        except (UndefinedUnit, MemoryError, StackOverflow, Interrupted) as error:
            if Callback.has_raised(error):
                raise
            return self._raise_as_of_call(error)

    def _raise_as_of_call(self, error: Exception | Interrupted) -> NoReturn:
        defined = self._defined
        source, span = defined.source, defined.prototype.span
        if isinstance(error, UndefinedUnit):
            raise undefined_call(error, source, span, {}, self._pipeline.table) from None
        with self._pipeline.located(source, span):
            raise error

    def _check_number(self, arguments: Sequence[Any]) -> None:
        if len(arguments) != len(self.parameters):
            number = counted(len(self.parameters), "argument")
            raise TypeError(f"{self.name} takes {number}, not {len(arguments)}") from None

    def __reduce__(self) -> tuple[Callable[..., Function], tuple[str, str, Sequence[str]]]:
        # By name: that module imports this one.
        return import_module("kaleido.session.arrivals").restored, self.as_program()

    def __copy__(self) -> Function:
        return self

    def __deepcopy__(self, memo: object) -> Function:
        return self

    def as_program(self) -> tuple[str, str, Sequence[str]]:
        """Its name, a program that defines it and all that it calls without a prelude, and the libraries it needs.

        Pickled, a function is this. Raises TypeError where it calls a Python function, or one that is not defined.
        """
        from kaleido.session.portable import program_of

        return self.name, program_of(self.name, self._pipeline.table, self.__doc__), self._pipeline.libraries

    def __repr__(self) -> str:
        return f"<kaleido function {self.signature}>"

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def __signature__(self) -> Signature:
        from inspect import Parameter, Signature

        # Positional only: a name in the language may be a keyword of Python.
        kind = Parameter.POSITIONAL_ONLY
        parameters = [Parameter(name, kind, annotation=float) for name in self.parameters]
        return Signature(parameters, return_annotation=float)

    @property
    def documentation(self) -> str | None:
        """The comment on the lines right above its definition, without its marks; of a Python function, its docstring.

        None if there is none.
        """
        python = self._defined.python
        if python is not None:
            return python.__doc__
        source, span = self.origin
        return comment_above(source.text, span.start) or None

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
        """Whether it is a C function, which an `extern` declares, or a Python function that was registered."""
        return self._defined.is_extern

    @property
    def unit(self) -> Unit:
        """Its unit in the engine."""
        return self._defined.unit

    @property
    def _defined(self) -> DefinedFunction:
        return self._pipeline.table.functions[self.name]


@cache
def _numpy_module(name: str) -> Any:
    """A module that imports NumPy. Raises ImportError."""
    try:
        return import_module(f"kaleido.numpy_map.{name}")
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        raise ImportError("arrays need NumPy: pip install 'kaleido-lang[numpy]'", name="numpy") from None
