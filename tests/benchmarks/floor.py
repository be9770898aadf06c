"""The floor of compilation: what llvmlite alone takes from a unit's LLVM IR to its machine code in memory."""

from __future__ import annotations

import re
from collections.abc import Iterable

import llvmlite.binding as llvm

from kaleido.jit import Tier, Unit

__all__ = ["Floor", "in_c_convention"]

# An LLJIT gets slower with the number of objects that it holds.
_OBJECTS = 64

# What the names that a unit calls are bound to. The code is never run.
_ANY_ADDRESS = 4096


class Floor:
    """llvmlite with one target machine for each tier."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self._machines = {Tier.BASELINE: _machine(0), Tier.OPTIMIZED: _machine(3)}
        self._loaded: list[llvm.ResourceTracker] = []
        self._jit = self._new_jit()

    def load(self, unit: Unit, tier: Tier, ir: str | None = None) -> None:
        """Parse, optimize at -O3, emit and load the unit by itself; `ir` is what stands for its own LLVM IR."""
        module = self.parsed(ir or unit.ir)
        if tier is Tier.OPTIMIZED:
            self._optimize(module)
        if len(self._loaded) == _OBJECTS:
            self._loaded.clear()
            self._jit.close()
            self._jit = self._new_jit()
        builder = llvm.JITLibraryBuilder().add_object_img(self.emit(module, tier)).export_symbol(unit.body)
        for name in unit.calls:
            builder.import_symbol(name, _ANY_ADDRESS)
        self._loaded.append(builder.link(self._jit, str(len(self._loaded))))

    def load_all(self, units: Iterable[Unit]) -> None:
        """Load baseline code of each unit."""
        for unit in units:
            self.load(unit, Tier.BASELINE)

    def emit_all(self, modules: Iterable[llvm.ModuleRef]) -> None:
        """Emit baseline code of each module, and drop it."""
        for module in modules:
            self.emit(module, Tier.BASELINE)

    def parsed(self, ir: str) -> llvm.ModuleRef:
        module = llvm.parse_assembly(ir, llvm.create_context())
        module.triple = self._machines[Tier.BASELINE].triple
        module.verify()
        return module

    def emit(self, module: llvm.ModuleRef, tier: Tier) -> bytes:
        """The object file of a module as it is."""
        data: bytes = self._machines[tier].emit_object(module)
        return data

    def _optimize(self, module: llvm.ModuleRef) -> None:
        builder = llvm.create_pass_builder(
            self._machines[Tier.OPTIMIZED], llvm.create_pipeline_tuning_options(speed_level=3)
        )
        builder.getModulePassManager().run(module, builder)

    def _new_jit(self) -> llvm.LLJIT:
        return llvm.create_lljit_compiler(self._machines[Tier.BASELINE], use_jit_link=True)


def _machine(level: int) -> llvm.TargetMachine:
    features = llvm.get_host_cpu_features().flatten()
    host = llvm.Target.from_default_triple()
    return host.create_target_machine(llvm.get_host_cpu_name(), features, opt=level, reloc="pic", codemodel="small")


def in_c_convention(ir: str) -> str:
    """`ir` in C's calling convention, with tail calls made ordinary ones."""
    return re.sub(r"\b(?:musttail |tail )?call ", "call ", ir.replace(" tailcc ", " "))
