"""Machine code that several runs of one program share: most of the time of a short program is LLVM's.

Compilation depends on the units and the tier alone, as long as the policies differ only in what is compiled when, as
those of the modes do. So the same units are compiled once, whatever the mode: at -O0 the modes with two tiers share all
their code, and at -O3 most of it. Everything else, from the parser to the loader, runs in each mode.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from unittest import mock

from kaleido.codegen import lowering
from kaleido.jit import Tier, Unit
from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.object_code import ObjectCode
from kaleido.jit.compiling.specialization import Constants

__all__ = ["CompiledOnce"]

# Objects that are kept, the latest used: those of a few programs, and of the prelude.
OBJECTS = 500

_Key = tuple[Tier, tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...], str]


class CompiledOnce:
    """The object code of the units that were compiled in its blocks."""

    def __init__(self) -> None:
        self._objects: OrderedDict[_Key, ObjectCode] = OrderedDict()

    @contextmanager
    def block(self) -> Iterator[None]:
        """Compile units that are the same once, and give loops and expressions the symbols of the other blocks.

        A session takes part in one block only, or is reset after each.
        """
        compile_units = Compiler.compile

        def compile_once(
            compiler: Compiler, units: Sequence[Unit], tier: Tier, constants: Constants | None = None
        ) -> ObjectCode:
            key = (
                tier,
                tuple((unit.symbol, unit.ir, tuple(unit.externals.items())) for unit in units),
                repr(constants or {}),
            )
            if key not in self._objects:
                self._objects[key] = compile_units(compiler, units, tier, constants)
                if len(self._objects) > OBJECTS:
                    self._objects.popitem(last=False)
            return self._objects[key]

        with ExitStack() as patches:
            patches.enter_context(mock.patch.object(lowering, "_serials", count(1)))
            patches.enter_context(mock.patch.object(Compiler, "compile", compile_once))
            yield
