"""What can be seen of a program: statistics, IR, machine code, memory."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from kaleido.jit.compiling.lazy_compiler import LazyCompiler
from kaleido.jit.compiling.specialization import Constants
from kaleido.jit.events import CodeLines, MemoryUse, NotInlined, PassChange, StubCode, StubRecord, UnitStats
from kaleido.jit.native.loader import Loader
from kaleido.jit.process.interrupts import signals_deferred
from kaleido.jit.program.compilation import UndefinedUnit
from kaleido.jit.program.grouping import agree, bindings, is_inlined
from kaleido.jit.program.program import Program
from kaleido.jit.program.versions import Version
from kaleido.jit.unit import Tier, Unit

if TYPE_CHECKING:
    from kaleido.jit.ahead_of_time import ClosedProgram, Form, Machine

__all__ = ["Inspection"]


class Inspection:
    """Looks into one program; changes nothing. Thread-safe."""

    def __init__(self, program: Program, compiler: LazyCompiler, loader: Loader) -> None:
        self._program, self._access = program, program.access
        self._compiler, self._loader = compiler, loader

    def stats(self) -> list[UnitStats]:
        with self._access.opened():
            return [self._describe(version) for _, version in sorted(self._program.symbols.versions.items())]

    def describe(self, name: str) -> UnitStats:
        with self._access.opened():
            return self._describe(self._program.symbols.defined(name))

    def stubs(self, names: Sequence[str]) -> list[StubRecord]:
        with self._access.opened():
            symbols = self._program.symbols
            found = map(symbols.current, names) if names else symbols.versions.values()
            now = time.perf_counter()
            records = (version.record(now) for version in found if version is not None)
            return [record for record in records if record is not None]

    def stub_code(self, name: str) -> StubCode | None:
        with self._access.opened():
            stub = self._program.symbols.defined(name).symbol.stub
            return stub.code() if stub is not None else None

    def find(self, address: int) -> tuple[Unit, Tier] | None:
        with self._access.opened():
            found = self._program.publisher.code_map.find(address)
            return (found[0].unit, found[1].tier) if found is not None else None

    def debug_file(self, address: int) -> bytes:
        with self._access.opened():
            found = self._program.publisher.code_map.find(address)
            return found[1].loaded.debug_file if found is not None else b""

    def stub_pools(self) -> list[tuple[int, int]]:
        with self._access.opened():
            return [pool.code for pool in self._program.publisher.stubs.pools]

    def inline_group(self, name: str, tier: Tier) -> list[Unit]:
        with self._access.opened():
            root = self._program.symbols.defined(name)
            members = (root,) if tier is Tier.BASELINE else self._program.compiler.inline_group(root, {})
            return [member.unit for member in members]

    def outside_group(self, name: str) -> list[NotInlined]:
        with self._access.opened():
            members = self._program.compiler.inline_group(self._program.symbols.defined(name), {})
            calls = ((member, callee) for member in members for callee in member.unit.calls)
            found = ((member, callee, self._why_outside(members, callee)) for member, callee in calls)
            return [NotInlined(member.unit.label, self._label(callee), why) for member, callee, why in found if why]

    def _why_outside(self, members: Sequence[Version], callee: str) -> str:
        """Why a callee is not in an inline group; empty if it is."""
        version, policy = self._program.symbols.current(callee), self._program.policy
        if version in members:
            return ""
        if version is None:
            return "it is not defined"
        if not is_inlined(version):
            return "it is never inlined"
        if len(members) >= policy.max_group_units:
            return f"the most units compiled together are {policy.max_group_units:,}, and others are nearer"
        known = {name: address for member in members for name, address in bindings(member).items()}
        if not agree(known, bindings(version)):
            return "one of its names is something else there"
        length = sum(len(member.unit.ir) for member in (*members[1:], version))
        if length > policy.max_group_ir:
            return (
                f"the most IR compiled together is {policy.max_group_ir:,} characters, and with it there are {length:,}"
            )
        return "it is not compiled together with its caller"

    def _label(self, name: str) -> str:
        version = self._program.symbols.current(name)
        return version.unit.label if version is not None else name

    def missed_inlining(self, name: str) -> list[NotInlined]:
        from kaleido.jit.compiling.remarks import missed_inlining

        outside = self.outside_group(name)
        return [*outside, *missed_inlining(self.inline_group(name, Tier.OPTIMIZED), self._program.policy)]

    def ir(self, name: str, tier: Tier) -> str:
        with signals_deferred():
            return self._compiler.ir(self.inline_group(name, tier), tier, self._constants(name, tier))

    def assembly(self, name: str, tier: Tier) -> str:
        with signals_deferred():
            return self._compiler.assembly(self.inline_group(name, tier), tier, self._constants(name, tier))

    def _constants(self, name: str, tier: Tier) -> Constants:
        """The arguments that the optimized code of a unit takes for constants, if it has such code."""
        with self._access.opened():
            code = self._program.symbols.defined(name).optimized
            return code.constants if code is not None and tier is Tier.OPTIMIZED else {}

    def code_lines(self, units: Sequence[Unit], tier: Tier) -> CodeLines:
        with signals_deferred():
            return self._compiler.code_lines(units, tier)

    def pass_changes(self, units: Sequence[Unit]) -> tuple[list[PassChange], int]:
        from kaleido.jit.compiling.pass_changes import pass_changes

        return pass_changes(units, self._program.policy)

    def reachable(self, name: str) -> list[Unit]:
        with signals_deferred():
            return list(self._closed_program([name]).units)

    def object_file(
        self, names: Sequence[str], weak: Collection[str], form: Form | None, machine: Machine | None, tier: Tier
    ) -> bytes:
        if not names:
            raise ValueError("an object file exports at least one unit")
        with signals_deferred():
            program = self._closed_program(names)
            for unit in program.exports:
                unit.signature.check_foreign(unit.label)
            return self._compiler.object_file(program._replace(weak=weak, tier=tier), form, machine)

    def _closed_program(self, names: Sequence[str]) -> ClosedProgram:
        """The units that `names` reach and the data that these use; the names are the exports."""
        from kaleido.jit.ahead_of_time import ClosedProgram

        with self._access.opened():
            symbols, variables = self._program.symbols, self._program.data.variables
            exports = [symbols.defined(name).unit for name in dict.fromkeys(names)]
            units = {unit.symbol: unit for unit in exports}
            bound: dict[str, int | None] = {}
            for unit in (waiting := list(exports)):
                externals = {**unit.externals, **dict.fromkeys(unit.data)}
                if not agree(bound, externals):
                    raise ValueError(f"{unit.label} uses another C function of the same name")
                bound.update(externals)
                for name in unit.calls:
                    callee = symbols.current(name)
                    if callee is None:
                        raise UndefinedUnit(name, unit)
                    if name not in units:
                        units[name] = callee.unit
                        waiting.append(callee.unit)
            data = sorted({name for unit in units.values() for name in unit.data})
            return ClosedProgram(list(units.values()), [variables[name].data for name in data], exports)

    def memory(self) -> MemoryUse:
        """Also of a closed engine, whose memory is held as long as a thread is in native code."""
        with signals_deferred(), self._access.lock:
            codes = [code for _, code in self._program.publisher.code_map.owners()]
            return MemoryUse(
                arenas=self._loader.arenas,
                objects=self._loader.objects,
                symbols=frozenset(self._program.symbols.symbols),
                codes=len(codes),
                code_bytes=sum(code.size for code in codes),
                retired=self._program.reclaimer.retired,
                calls=self._program.reclaimer.active,
            )

    def _describe(self, version: Version) -> UnitStats:
        codes = [code for code in (version.baseline, version.optimized) if code is not None]
        dependents = self._program.dependencies.dependents(version)
        return UnitStats(
            name=version.unit.label,
            symbol=version.unit.symbol,
            unit=version.unit,
            counter=version.unit.counter,
            tier=version.code.tier if version.code is not None else None,
            runs=version.runs,
            compile_seconds={code.tier: code.seconds for code in codes},
            code_bytes={code.tier: code.size for code in codes},
            versions=version.ordinal,
            dependents=tuple(sorted({root.unit.label for root in dependents})),
            address=version.code.address if version.code is not None else None,
        )
