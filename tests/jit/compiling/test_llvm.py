"""LLVM's objects: their lifetime under Python's garbage collector, their use on several threads, and their size."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest
from llvmlite.binding import ffi

from kaleido.jit import Engine, Policy, Tier
from kaleido.jit.compiling.llvm import Target, parse_alone, text_size
from kaleido.jit.compiling.object_code import elf_text_size
from tests.jit.helpers import Running, in_new_process, sync
from tests.jit.tiny import units


def keep_errors_in_cycles() -> None:
    with Engine(sync(1)) as engine:
        engine.define(*units("(define (f x) x) (define (g x) x)"))
        engine.prepare("f")
        engine.prepare("g")
        for _ in range(20):
            # The first one's module and its context exist when the second one fails.
            first, second = units("(define (f x) 1) (define (g x) 2)")
            try:
                engine.define(first, replace(second, ir=second.ir.replace("ret i64", "ret i32")))
            except ValueError as error:
                error.itself = error  # type: ignore[attr-defined]
            gc.collect()
        assert engine.call("f", 1) == 1


@pytest.mark.parametrize("tier", Tier)
def test_the_size_of_machine_code_is_what_llvm_says(tier: Tier) -> None:
    target = Target(Policy())
    for unit in units("(define (f x) (+ x 1)) (define (g x) (f (f x)))"):
        with parse_alone(unit.ir) as module:
            code = target.emit(module, tier)
        assert code.text_size == text_size(code.data) > 0
    assert elf_text_size(b"\xcf\xfa\xed\xfe" + bytes(100)) is None


def test_an_error_may_be_collected_in_any_order() -> None:
    # A traceback refers to the module and its context, which the garbage collector finalizes in any order.
    in_new_process(keep_errors_in_cycles)


IR = "define double @f(double %x) {\n  %y = fmul double %x, %x\n  ret double %y\n}\n"


def object_code(target: Target, tier: Tier) -> bytes:
    with parse_alone(IR) as module:
        if tier is Tier.OPTIMIZED:
            target.optimize(module)
        return target.emit(module, tier).data


@pytest.mark.parametrize("name", ["LLVMPY_RunNewModulePassManager", "LLVMPY_TargetMachineEmitToMemory"])
def test_code_is_compiled_at_the_baseline_while_llvm_optimizes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(Policy())
    expected = {tier: object_code(target, tier) for tier in Tier}
    optimizing, found = getattr(ffi.lib, name)._cfn, []

    def with_another_thread(*arguments: Any) -> Any:
        monkeypatch.undo()
        # If this thread held llvmlite's lock, the other would wait for it.
        found.append(Running(lambda: object_code(target, Tier.BASELINE)).result())
        return optimizing(*arguments)

    monkeypatch.setattr(getattr(ffi.lib, name), "_cfn", with_another_thread)
    assert object_code(target, Tier.OPTIMIZED) == expected[Tier.OPTIMIZED]
    assert found == [expected[Tier.BASELINE]]


def test_code_emitted_alone_is_that_of_a_module() -> None:
    target = Target(Policy())
    for unit in units("(define (f x) (+ x 1)) (define (g x) (f (f x)))") * 70:
        with parse_alone(unit.ir) as module:
            assert target.emit_alone(unit.ir) == target.emit(module, Tier.BASELINE)


def test_ir_that_llvm_rejects_is_not_emitted_alone() -> None:
    target, (unit,) = Target(Policy()), units("(define (f x) 1)")
    for wrong in ("define", unit.ir.replace("ret i64", "ret i32")):
        assert target.emit_alone(wrong) is None
        with pytest.raises(ValueError, match=r"."):
            parse_alone(wrong)
    assert target.emit_alone(unit.ir) is not None
