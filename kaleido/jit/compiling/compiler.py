"""Units to object code: binding, LLVM's passes, emission. It keeps nothing, and any thread may use it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import llvmlite.binding as llvm

from kaleido.jit.compiling import binding
from kaleido.jit.compiling.llvm import ObjectCode, Target, closed_on_error
from kaleido.jit.unit import Tier, Unit

__all__ = ["Compiled", "Compiler", "Transform"]

Transform = Callable[[llvm.ModuleRef], None]


@dataclass(frozen=True)
class Compiled:
    """Object code of one module. `exports` are the bodies in it that may be called from outside."""

    tier: Tier
    code: ObjectCode
    exports: tuple[str, ...]
    seconds: float


class Compiler:
    """`transform` is applied to modules of the optimized tier before LLVM's own passes."""

    def __init__(self, target: Target, transform: Transform | None) -> None:
        self._target = target
        self._transform = transform

    def baseline(self, units: Sequence[Unit]) -> Compiled:
        """All `units` in one module, each body exported. Raises ValueError where LLVM refuses the IR."""
        return self._compile(units, Tier.BASELINE, units)

    def optimized(self, units: Sequence[Unit]) -> Compiled:
        """One module that exports the body of the first unit and binds the others inside. Raises ValueError."""
        return self._compile(units, Tier.OPTIMIZED, units[:1])

    def module(self, units: Sequence[Unit], tier: Tier) -> llvm.ModuleRef:
        """The module that becomes machine code, as it is just before that. The caller closes it."""
        if tier is Tier.BASELINE:
            return binding.dynamically(units)
        module = binding.statically(units)
        with closed_on_error(module):
            if self._transform is not None:
                self._transform(module)
                module.verify()
            self._target.optimize(module)
        return module

    def ir(self, units: Sequence[Unit], tier: Tier) -> str:
        """The same as text."""
        with self.module(units, tier) as module:
            return str(module)

    def assembly(self, units: Sequence[Unit], tier: Tier) -> str:
        """The machine code as text."""
        with self.module(units, tier) as module:
            return self._target.assembly(module, tier)

    def _compile(self, units: Sequence[Unit], tier: Tier, exported: Sequence[Unit]) -> Compiled:
        begin = time.perf_counter()
        try:
            with self.module(units, tier) as module:
                code = self._target.emit(module, tier)
        except RuntimeError as error:
            raise ValueError(str(error)) from None
        return Compiled(tier, code, tuple(unit.body for unit in exported), time.perf_counter() - begin)
