"""The compiler as the engine uses it: code comes from the object cache, or from LLVM, which is loaded only then."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from kaleido.jit.compiling.module_names import renamed
from kaleido.jit.compiling.object_cache import ObjectCache, cached_code
from kaleido.jit.compiling.object_code import ObjectCode
from kaleido.jit.compiling.specialization import Constants
from kaleido.jit.events import CodeLines
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Tier, Unit

if TYPE_CHECKING:
    from kaleido.jit.ahead_of_time import ClosedProgram, Form, Machine
    from kaleido.jit.compiling.compiler import Compiler, Transform

__all__ = ["LazyCompiler", "baseline_assembly", "baseline_code"]


class LazyCompiler:
    """Any thread may use it.

    `transform`  is applied to each module before LLVM's own passes
    `objects`    has code of earlier runs. It is not used with a `transform`, and for units without `Unit.cache`
    `externals`  addresses of C symbols that every unit may use
    """

    def __init__(
        self,
        policy: Policy,
        transform: Transform | None = None,
        objects: ObjectCache | None = None,
        externals: Mapping[str, int] | None = None,
    ) -> None:
        self._policy, self._transform, self._objects, self._externals = policy, transform, objects, externals or {}

    @cached_property
    def _compiler(self) -> Compiler:
        from kaleido.jit.compiling.compiler import Compiler
        from kaleido.jit.compiling.llvm import Target

        return Compiler(Target(self._policy), self._transform, self._externals)

    def compile(self, units: Sequence[Unit], tier: Tier, constants: Constants | None = None) -> ObjectCode:
        """All `units` in one object. At the baseline it exports every body, at -O3 only that of the first unit.

        `constants` are arguments that -O3 takes for constants.

        Raises ValueError where LLVM rejects the IR.
        """
        units = self._described(units, tier)
        is_cached = self._transform is None and all(unit.cache for unit in units)
        objects = self._objects if is_cached else None

        def compile_units() -> ObjectCode:
            return self._compiler.compile(units, tier, constants)

        return cached_code(objects, self._parts(units, tier, constants), compile_units)

    def _parts(self, units: Sequence[Unit], tier: Tier, constants: Constants | None) -> Iterator[str]:
        """What determines the code of `units`."""
        yield tier
        if tier is Tier.OPTIMIZED:
            yield repr(self._policy)
            yield repr(sorted((symbol, sorted(bits.items())) for symbol, bits in (constants or {}).items()))
        for unit in units:
            yield from (unit.symbol, repr(unit.signature), unit.ir)
            # They are other names in modules because of their addresses, which are not the same in each process.
            yield " ".join(sorted(renamed({}, {**self._externals, **unit.externals})))

    def object_file(self, program: ClosedProgram, form: Form | None, machine: Machine | None) -> bytes:
        """As ``object_files.object_file``, for a machine. The cache has object files for this machine."""
        from kaleido.jit.ahead_of_time import Form as Forms

        form = form or Forms.OBJECT
        program = program._replace(units=self._with_frame_pointers(program.units))
        if machine is not None and not machine.is_host:
            from kaleido.jit.compiling.foreign_machines import foreign_object_file

            return foreign_object_file(self._policy, program, form, machine)
        # Debug information is not in the IR.
        is_cached = form is Forms.OBJECT and self._transform is None and not self._policy.debug

        def compile_program() -> ObjectCode:
            from kaleido.jit.compiling.object_files import object_file

            return ObjectCode(object_file(self._compiler, program, form, debug=self._policy.debug), 0, 1)

        objects = self._objects if is_cached else None
        return cached_code(objects, self._parts_of_program(program), compile_program).data

    def _parts_of_program(self, program: ClosedProgram) -> Iterator[str]:
        """What determines the object file of a program, beside debug information."""
        yield "object file"
        yield repr([unit.symbol for unit in program.exports])
        yield repr(sorted(program.weak))
        yield from map(repr, program.data)
        for unit in program.units:
            yield repr((unit.counter, sorted(unit.c_functions), sorted(unit.calls)))
        yield from self._parts(list(program.units), program.tier, None)

    def _described(self, units: Sequence[Unit], tier: Tier) -> Sequence[Unit]:
        """The units with their debug information and with frame pointers, as far as the policy wants them."""
        units = self._with_frame_pointers(units)
        if not self._policy.debug:
            return units
        from kaleido.jit.compiling.debug_metadata import with_variables

        return [with_variables(unit, tier, folder=self._policy.source_folder) for unit in units]

    def _with_frame_pointers(self, units: Collection[Unit]) -> Sequence[Unit]:
        """The units, with frame pointers if the policy wants them."""
        if not self._policy.frame_pointers:
            return list(units)
        from kaleido.jit.compiling.stack_walks import with_frame_pointers

        return list(map(with_frame_pointers, units))

    def ir(self, units: Sequence[Unit], tier: Tier, constants: Constants | None = None) -> str:
        """The IR just before emission, as text."""
        return self._compiler.ir(units, tier, constants)

    def code_lines(self, units: Sequence[Unit], tier: Tier) -> CodeLines:
        """As ``code_places.code_lines``."""
        from kaleido.jit.compiling.code_places import code_lines

        return code_lines(self._compiler, units, tier)

    def assembly(self, units: Sequence[Unit], tier: Tier, constants: Constants | None = None) -> str:
        """The machine code as text."""
        return self._compiler.assembly(units, tier, constants)


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


def baseline_assembly(ir: str) -> str:
    """The same code as assembly text."""
    from kaleido.jit.compiling.llvm import Target, parse_alone

    with parse_alone(ir) as module:
        return Target(Policy()).assembly(module, Tier.BASELINE)


_MOST_COMPILED = 64
_compiled: dict[str, ObjectCode] = {}


def _emit(ir: str) -> ObjectCode:
    from kaleido.jit.compiling.llvm import Target, parse_alone

    with parse_alone(ir) as module:
        return Target(Policy()).emit(module, Tier.BASELINE)
