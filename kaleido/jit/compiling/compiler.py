"""Units to object code. A tier is only a way to bind the names that units call:

- *dynamically*, at the baseline: many units in one module, and every call goes through a stub;
- *statically*, at -O3: one unit and its callees in one module, where each of their names is a small function that
  forwards to the body and is always inlined. LLVM then sees direct calls: it inlines callees, and it turns self tail
  calls into loops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import llvmlite.binding as llvm

from kaleido.jit.ahead_of_time import Form
from kaleido.jit.compiling.branches import with_branches
from kaleido.jit.compiling.counted_loops import may_count, with_integer_counters
from kaleido.jit.compiling.counted_recursion import with_counted_recursion
from kaleido.jit.compiling.counting import COUNT, define_counting
from kaleido.jit.compiling.ir_text import with_possible_tail_calls
from kaleido.jit.compiling.llvm import Target, closed_on_error, link_in, link_to, parse_alone, rename
from kaleido.jit.compiling.module_names import renamed, stub_name
from kaleido.jit.compiling.object_code import ObjectCode
from kaleido.jit.compiling.recursion import may_recur, with_copies
from kaleido.jit.compiling.specialization import Constants, guarded_entry, guarded_stub, special_body
from kaleido.jit.unit import RunCounter, Tier, Unit, UnitError, quoted

__all__ = ["Compiler", "Transform", "link_dynamically", "static_stub", "valid"]

Transform = Callable[[llvm.ModuleRef, Unit, Tier], None]


class Compiler:
    """Stateless, so any thread may use it.

    `transform` is applied at the baseline to the module of each unit, before several are linked; at -O3 to the linked
    module of an inline group, whose first unit it is given, before LLVM's own passes. `externals` are those of the
    engine, which every unit may use.
    """

    def __init__(self, target: Target, transform: Transform | None, externals: Mapping[str, int] | None = None) -> None:
        self._target = target
        self._transform = transform
        shared = externals or {}
        # Of most engines none: each costs time in each unit.
        self._renamed_externals = {name: shared[name] for name in renamed({}, shared)}

    def compile(self, units: Sequence[Unit], tier: Tier, constants: Constants | None = None) -> ObjectCode:
        """All `units` in one object. At the baseline it exports every body, at -O3 only that of the first unit.

        `constants` are arguments that -O3 takes for constants. Raises ValueError where LLVM rejects the IR.
        """
        try:
            if tier is Tier.BASELINE and len(units) == 1 and (code := self._compiled_alone(units[0])) is not None:
                return code
            module, levels = self._compiled(units, tier, constants)
            with module:
                return self.emit(module, tier)._replace(levels=levels)
        except RuntimeError as error:
            raise ValueError(str(error)) from None

    def _compiled_alone(self, unit: Unit) -> ObjectCode | None:
        """Baseline code of a unit whose IR needs no change. None of others, and where LLVM rejects it."""
        if self._transform is not None or self._names(unit) or COUNT in unit.ir:
            return None
        return self._target.emit_alone(unit.ir)

    def module(self, units: Sequence[Unit], tier: Tier, constants: Constants | None = None) -> llvm.ModuleRef:
        """The linked and optimized module, ready for emission. The caller closes it. Raises ValueError."""
        return self._compiled(units, tier, constants)[0]

    def _compiled(self, units: Sequence[Unit], tier: Tier, constants: Constants | None) -> tuple[llvm.ModuleRef, int]:
        """:meth:`module`, and how many calls of a recursive function one of its frames holds."""
        if tier is Tier.BASELINE:
            module = link_dynamically(units, self._names, self.transformed)
            with closed_on_error(module):
                define_counting(module, units, tier)
            return module, 1
        module = self._linked_statically(units, constants or {})
        with closed_on_error(module):
            define_counting(module, units, tier)
        return self.optimize(module, units)

    def optimize(self, module: llvm.ModuleRef, units: Sequence[Unit]) -> tuple[llvm.ModuleRef, int]:
        """Apply the transform and LLVM's -O3 pipeline to the linked module of `units`.

        Returns the module, or another one in its place, and how many calls of a recursive function one of its frames
        holds. The module that was given is closed if it is not returned.
        """
        levels, merges = 1, False
        with closed_on_error(module):
            self._target.format(module)
            self.transformed(module, units[0], Tier.OPTIMIZED)
        recurs, counts = may_recur(units), may_count(units)
        if recurs or counts:
            with module:
                text, levels, merges = self._expanded(module, units, recurs=recurs)
            module = parse_alone(text)
        with closed_on_error(module):
            self._target.format(module)
            if merges:
                # LLVM merges equal calls only once it has simplified their arguments and the tests before them.
                self._target.simplify(module, unroll=False)
            self._target.optimize(module)
        module = valid(module)
        return (_with_branches(module) if counts else module), levels

    def expanded(self, units: Sequence[Unit]) -> str:
        """The text that the last run of LLVM's -O3 pipeline gets, with copies of loops and of recursive functions.

        Raises ValueError.
        """
        with self._linked_statically(units, {}) as module:
            return self._expanded(module, units, recurs=may_recur(units))[0]

    def _expanded(self, module: llvm.ModuleRef, units: Sequence[Unit], *, recurs: bool) -> tuple[str, int, bool]:
        """Simplify a module, and return its text with copies of loops and, if it `recurs`, of recursive functions.

        Also returns how many calls of a recursive function a frame holds, and whether LLVM may merge equal calls.
        """
        # Loops that count in integers are unrolled after they are vectorized. What never becomes hot does not decide
        # that, such as the startup of an executable.
        in_integers = any("icmp " in unit.ir for unit in units if unit.counter is not RunCounter.NONE)
        self._target.simplify(module, unroll=not in_integers)
        text = with_integer_counters(with_possible_tail_calls(str(module)))
        if not recurs:
            return text, 1, False
        counted = with_counted_recursion(text)
        return *with_copies(counted, self._target.policy), counted != text

    def bind(self, module: llvm.ModuleRef) -> llvm.ModuleRef:
        """A linked module whose calls lead to bodies, for the baseline, in the place of the given one."""
        with closed_on_error(module):
            self._target.format(module)
            self._target.bind(module)
        return valid(module)

    def _linked_statically(self, units: Sequence[Unit], constants: Constants) -> llvm.ModuleRef:
        """One module that exports the body of the first of `units`, and in which the names of all of them are bound.

        Names of units with `constants` are bound to guards; so is the body of the first.
        """
        module, root = link_dynamically(units, self._names), units[0]
        with closed_on_error(module):
            bodies = {unit.symbol: unit.body for unit in units}
            if root.symbol in constants:
                bodies[root.symbol] = special_body(root)
                rename(module, {root.body: special_body(root)})
            stubs = (
                guarded_stub(unit, constants[unit.symbol], bodies[unit.symbol])
                if unit.symbol in constants
                else static_stub(unit)
                for unit in units
            )
            link_in(module, "\n".join(stubs))
            if root.symbol in constants:
                # Before everything else: object code begins with what it exports.
                module = link_to(guarded_entry(root, constants[root.symbol]), module)
        with closed_on_error(module):
            for function in module.functions:
                if not function.is_declaration and function.name != units[0].body:
                    function.linkage = "internal"
        return module

    def _names(self, unit: Unit) -> dict[str, str]:
        """The names in the IR of a unit that differ in modules, with those in modules."""
        return renamed(unit.calls, {**self._renamed_externals, **unit.externals})

    def emit(self, module: llvm.ModuleRef, tier: Tier) -> ObjectCode:
        """Machine code for a module as it is."""
        return self._target.emit(module, tier)

    def emit_as(self, module: llvm.ModuleRef, form: Form, tier: Tier) -> bytes:
        """A module as it is, in a form."""
        match form:
            case Form.OBJECT:
                return self.emit(module, tier).data
            case Form.ASSEMBLY:
                return self._target.assembly(module, tier).encode()
            case Form.IR:
                return str(module).encode()
            case Form.BITCODE:
                return bytes(module.as_bitcode())

    def transformed(self, module: llvm.ModuleRef, unit: Unit, tier: Tier) -> None:
        """Apply the transform. Raises UnitError, with what the transform has raised as its cause."""
        # A name that is no text for LLVM is replaced: it is for people.
        module.name = unit.label.encode("utf-8", "replace").decode()
        if self._transform is None:
            return
        try:
            self._transform(module, unit, tier)
            module.verify()
            module.get_function(unit.body)
        except Exception as error:
            message = f"the transform at -{tier} has failed: {type(error).__name__}: {error}"
            raise UnitError(unit, message) from error

    def ir(self, units: Sequence[Unit], tier: Tier, constants: Constants | None = None) -> str:
        """The IR of :meth:`module` as text."""
        with self.module(units, tier, constants) as module:
            return str(module)

    def assembly(self, units: Sequence[Unit], tier: Tier, constants: Constants | None = None) -> str:
        """The machine code as text."""
        with self.module(units, tier, constants) as module:
            return self.assembly_of(module, tier)

    def assembly_of(self, module: llvm.ModuleRef, tier: Tier) -> str:
        """The machine code for a module as it is, as text."""
        return self._target.assembly(module, tier)


def valid(module: llvm.ModuleRef) -> llvm.ModuleRef:
    """A module, or where LLVM's passes have made it invalid another one that is valid. Raises ValueError."""
    try:
        module.verify()
        return module
    except RuntimeError:
        with module:
            return parse_alone(with_possible_tail_calls(str(module)))


def _with_branches(module: llvm.ModuleRef) -> llvm.ModuleRef:
    """A module, or where selects become branches another one in its place."""
    with closed_on_error(module):
        text = str(module)
        changed = with_branches(text)
    if changed == text:
        return module
    with module:
        return parse_alone(changed)


def link_dynamically(
    units: Sequence[Unit], names: Callable[[Unit], Mapping[str, str]], transform: Transform | None = None
) -> llvm.ModuleRef:
    """One module with the bodies of all `units`. Their calls, also of each other, stay calls of external names.

    `names` gives the names in the IR of a unit that are others in modules; `transform` is applied to the module of each
    unit, at the baseline.
    """

    def prepare(added: llvm.ModuleRef, unit: Unit) -> None:
        if transform is not None:
            transform(added, unit, Tier.BASELINE)
        rename(added, names(unit))

    module = parse_alone(units[0].ir)
    with closed_on_error(module):
        prepare(module, units[0])
        for unit in units[1:]:
            link_in(module, unit.ir, partial(prepare, unit=unit))
    return module


def static_stub(unit: Unit, stub_name: Callable[[str], str] = stub_name) -> str:
    """The name of a unit in a module that binds it: a function that forwards to the body, and is always inlined."""
    # External while modules are linked: a declaration in another module does not find an internal function.
    return (
        f"declare {unit.signature.prototype(unit.body)}\n"
        f"define {unit.signature.prototype(stub_name(unit.symbol))} alwaysinline nounwind {{\n"
        f"{unit.signature.forward(quoted(unit.body))}}}\n"
    )
