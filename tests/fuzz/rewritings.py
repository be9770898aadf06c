"""How many programs each of the compiler's own rewritings changes: what seldom happens is seldom tested.

LLVM's passes are not counted, except for loops over arrays, which have kernels of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from kaleido.codegen import lowering
from kaleido.jit import RunCounter, Tier
from kaleido.jit.compiling import compiler
from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.loop_guard import Guard
from kaleido.numpy_map.kernel_table import KernelTable

__all__ = ["REWRITINGS", "counted_rewritings", "table"]

REWRITINGS = (
    "a loop as a unit",
    "a loop that counts in an integer",
    "... behind a test",
    "a recursion with copies",
    "a recursion that counts in integers",
    "a self tail call",
    "a select as a branch",
    "an inline remainder",
    "a constant argument",
    "a map, a reduction or an accumulation",
)


@contextmanager
def counted_rewritings() -> Iterator[set[str]]:
    """A block in which the set gets the name of each rewriting that happens, on any thread."""
    happened: set[str] = set()

    def changing(name: str) -> Callable[..., Any]:
        """What the compiler calls to rewrite a module's text, counted where it changes that."""
        rewrite = getattr(compiler, name)

        def rewritten(text: str, *rest: Any) -> Any:
            result = rewrite(text, *rest)
            if (result[0] if isinstance(result, tuple) else result) != text:
                happened.add(_OF_A_MODULE[name])
            return result

        return rewritten

    def before(function: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            note(*arguments, **options)
            return function(*arguments, **options)

        return noted

    def note_units(_: Compiler, units: Any, tier: Tier, constants: Any = None) -> None:
        if tier is not Tier.OPTIMIZED:
            return
        if constants:
            happened.add("a constant argument")
        for unit in units:
            if unit.counter is RunCounter.ITERATIONS:
                happened.add("a loop as a unit")
            elif unit.symbol in unit.calls and any(
                "tail call" in line and f"@{unit.symbol}(" in line for line in unit.ir.replace('"', "").split("\n")
            ):
                happened.add("a self tail call")

    def noting(name: str) -> Callable[..., None]:
        return lambda *_, **__: happened.add(name)

    with ExitStack() as patches:
        for name in _OF_A_MODULE:
            patches.enter_context(mock.patch.object(compiler, name, changing(name)))
        for owner, name, note in (
            (Compiler, "compile", note_units),
            (Guard, "branch", noting("... behind a test")),
            (lowering, "remainder", noting("an inline remainder")),
            (KernelTable, "run", noting("a map, a reduction or an accumulation")),
        ):
            patches.enter_context(mock.patch.object(owner, name, before(getattr(owner, name), note)))
        yield happened


_OF_A_MODULE = {
    "with_integer_counters": "a loop that counts in an integer",
    "with_counted_recursion": "a recursion that counts in integers",
    "with_copies": "a recursion with copies",
    "with_branches": "a select as a branch",
}


def table(counts: Mapping[str, int], programs: int) -> str:
    """How many of 1,000 programs each of the REWRITINGS has changed, of `programs`."""
    rows = (f"{1000 * counts.get(name, 0) / max(1, programs):7,.0f}  {name}" for name in REWRITINGS)
    return "\n".join([f"of 1,000 programs, rewritten at -O3 ({programs:,} counted):", *rows])
