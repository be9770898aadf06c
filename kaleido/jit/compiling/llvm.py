"""This machine: LLVM modules to object code at either tier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache

import llvmlite.binding as llvm
from llvmlite.binding.newpassmanagers import NewPassManager

from kaleido.jit.policy import Policy
from kaleido.jit.unit import Tier

__all__ = ["ObjectCode", "Target", "baseline_code", "closed_on_error", "parse"]


@dataclass(frozen=True)
class ObjectCode:
    """A relocatable object and the size of its machine code, in bytes."""

    image: bytes
    text_size: int


def parse(ir: str, context: llvm.ContextRef) -> llvm.ModuleRef:
    """LLVM assembly as a verified module for this machine. Raises ValueError with LLVM's message where it is none."""
    try:
        module = llvm.parse_assembly(ir, context)
        with closed_on_error(module):
            module.triple, module.data_layout = _format()
            module.verify()
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    return module


@contextmanager
def closed_on_error(module: llvm.ModuleRef) -> Iterator[None]:
    """Dispose of `module` now if what is inside fails.

    A module must go before its context. With an exception's traceback in between, the garbage collector may see both
    in one cycle, and then it keeps no order.
    """
    try:
        yield
    except BaseException:
        module.close()
        raise


class Target:
    """The host's processor with all its features, seen by both tiers alike: results must not depend on the tier.

    Object code is position independent, so that it may be loaded anywhere; the loader turns what is near enough
    into direct accesses.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._machines = {Tier.BASELINE: _machine(0), Tier.OPTIMIZED: _machine(3)}

    @property
    def machine(self) -> llvm.TargetMachine:
        return self._machines[Tier.BASELINE]

    def optimize(self, module: llvm.ModuleRef) -> None:
        """Run LLVM's -O3 pipeline over `module`, in place."""
        # Made anew each time: a pass manager that runs twice aborts, and a pass builder kept is slower.
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.inlining_threshold = self._policy.inline_threshold
        builder = llvm.create_pass_builder(self._machines[Tier.OPTIMIZED], options)
        manager = builder.getModulePassManager()
        try:
            manager.run(module, builder)
        finally:
            # To close it does not: of its two bases, the one whose _dispose does nothing comes first. It has 60 KB.
            # (The builder keeps 1.5 KB for ever, which only llvmlite could free.)
            NewPassManager._dispose(manager)
            manager.detach()

    def emit(self, module: llvm.ModuleRef, tier: Tier) -> ObjectCode:
        """Machine code for `module` as it is; at the baseline with LLVM's fast instruction selector."""
        image = self._machines[tier].emit_object(module)
        sections = llvm.ObjectFileRef.from_data(image).sections()
        return ObjectCode(image, sum(section.size() for section in sections if section.is_text()))

    def assembly(self, module: llvm.ModuleRef, tier: Tier) -> str:
        """The same as text."""
        text: str = self._machines[tier].emit_assembly(module)
        return text


@lru_cache(maxsize=64)
def baseline_code(ir: str) -> ObjectCode:
    """Baseline machine code of IR that does not depend on an engine's program or policy.

    It is emitted once in a process: every engine needs some, and emitting it takes longer than loading it.
    """
    with parse(ir, llvm.create_context()) as module:
        return Target(Policy()).emit(module, Tier.BASELINE)


@cache
def _format() -> tuple[str, str]:
    """The host's triple and data layout: without the layout, optimizers assume another than the code generator."""
    machine = _machine(0)
    return machine.triple, str(machine.target_data)


def _machine(level: int) -> llvm.TargetMachine:
    host, cpu, features = _host()
    return host.create_target_machine(cpu, features, opt=level, reloc="pic", codemodel="small")


@cache
def _host() -> tuple[llvm.Target, str, str]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
