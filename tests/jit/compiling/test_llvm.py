"""The lifetime of LLVM's objects under Python's garbage collector."""

from __future__ import annotations

import gc
from dataclasses import replace

from kaleido.jit import Engine
from tests.jit.helpers import in_new_process, sync
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


def test_an_error_may_be_collected_in_any_order() -> None:
    # A traceback refers to the module and its context, which the garbage collector finalizes in any order.
    in_new_process(keep_errors_in_cycles)
