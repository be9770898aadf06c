"""The compiler as the engine uses it: code comes from the object cache, or from LLVM, which is loaded only then."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from kaleido.jit.compiling.object_cache import ObjectCache, cached_code
from kaleido.jit.compiling.object_code import ObjectCode
from kaleido.jit.events import CodeLines
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Data, Tier, Unit

if TYPE_CHECKING:
    from kaleido.jit.compiling.compiler import Compiler, Transform

__all__ = ["LazyCompiler", "baseline_code"]


class LazyCompiler:
    """Any thread may use it.

    `transform`  is applied to each module before LLVM's own passes
    `objects`    has code of earlier runs. It is not used with a `transform`
    """

    def __init__(self, policy: Policy, transform: Transform | None = None, objects: ObjectCache | None = None) -> None:
        self._policy, self._transform, self._objects = policy, transform, objects

    @cached_property
    def _compiler(self) -> Compiler:
        from kaleido.jit.compiling.compiler import Compiler
        from kaleido.jit.compiling.llvm import Target

        return Compiler(Target(self._policy), self._transform)

    def compile(self, units: Sequence[Unit], tier: Tier) -> ObjectCode:
        """All `units` in one object. At the baseline it exports every body, at -O3 only that of the first unit.

        Raises ValueError where LLVM rejects the IR.
        """
        units = self._described(units, tier)
        objects = self._objects if self._transform is None else None
        return cached_code(objects, self._parts(units, tier), lambda: self._compiler.compile(units, tier))

    def _parts(self, units: Sequence[Unit], tier: Tier) -> Iterator[str]:
        """What determines the code of `units`."""
        yield tier
        if tier is Tier.OPTIMIZED:
            yield repr(self._policy)
        for unit in units:
            yield from (unit.symbol, repr(unit.signature), unit.ir)

    def object_file(self, units: Sequence[Unit], data: Collection[Data], exports: Collection[Unit]) -> bytes:
        """As ``object_files.object_file``."""
        from kaleido.jit.compiling.object_files import object_file

        return object_file(self._compiler, units, data, exports, debug=self._policy.debug)

    def _described(self, units: Sequence[Unit], tier: Tier) -> Sequence[Unit]:
        """The units with their debug information, if the policy wants it."""
        if not self._policy.debug:
            return units
        from kaleido.jit.compiling.debug_metadata import with_variables

        return [with_variables(unit, tier) for unit in units]

    def ir(self, units: Sequence[Unit], tier: Tier) -> str:
        """The IR just before emission, as text."""
        return self._compiler.ir(units, tier)

    def code_lines(self, units: Sequence[Unit], tier: Tier) -> CodeLines:
        """As ``line_tables.code_lines``."""
        from kaleido.jit.compiling.line_tables import code_lines

        return code_lines(self._compiler, units, tier)

    def assembly(self, units: Sequence[Unit], tier: Tier) -> str:
        """The machine code as text."""
        return self._compiler.assembly(units, tier)


def baseline_code(ir: str, objects: ObjectCache | None = None) -> ObjectCode:
    """Baseline code of IR that is the same in every engine: entry points, pools of stubs. Raises ValueError.

    It is compiled once in a process, because that takes longer than loading.
    """
    code = _compiled.get(ir)
    if code is None:
        code = cached_code(objects, ["native", ir], lambda: _emit(ir))
        if len(_compiled) == _MOST_COMPILED:
            _compiled.clear()
        _compiled[ir] = code
    return code


_MOST_COMPILED = 64
_compiled: dict[str, ObjectCode] = {}


def _emit(ir: str) -> ObjectCode:
    from kaleido.jit.compiling.llvm import Target, parse_alone

    with parse_alone(ir) as module:
        return Target(Policy()).emit(module, Tier.BASELINE)
