"""Why a call is not inlined: limits of the engine, and LLVM's reasons from a subprocess."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from kaleido.jit import Engine, NotInlined, Policy
from kaleido.jit.compiling import subprocesses
from tests.jit.tiny import unit, units


def long(count: int) -> str:
    """A function that LLVM takes for too large to inline, if `count` is."""
    body = "x"
    for number in range(count):
        body = f"(% (+ {body} {number}) (+ y {number}))"
    return f"(define (big x y) {body})"


def test_llvms_reasons() -> None:
    with Engine() as engine:
        engine.define(
            *units(long(60)),
            *units("(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))"),
            *units("(define (small x) (+ x 1))"),
            unit("(define (f x) (+ (big x 1) (+ (big x 2) (+ (fib x) (small x)))))"),
        )
        found = engine.missed_inlining("f")
        assert engine.outside_group("f") == []
    reasons = {(each.caller, each.callee): each.reason for each in found}
    assert len(reasons) == len(found)
    # LLVM adds to the threshold, or takes from it, at each call.
    assert re.fullmatch("LLVM estimates its cost at 1,[0-9]+, and inlines up to [0-9]+", reasons["f", "big"])
    assert reasons["f", "fib"] == "LLVM never inlines it: recursive"
    assert ("f", "small") not in reasons


def test_the_policys_threshold_is_used() -> None:
    for threshold, is_missed in ((1, True), (225, False)):
        with Engine(Policy(inline_threshold=threshold)) as engine:
            engine.define(*units(long(8)), unit("(define (f x) (+ (big x 1) (big x 2)))"))
            assert bool(engine.missed_inlining("f")) == is_missed


def test_the_engines_limits() -> None:
    program = "(define (f x) (+ (g x) (h x))) (define (g x) x) (define (h x) x)"
    with Engine(Policy(max_group_units=2)) as engine:
        engine.define(*units(program))
        assert engine.outside_group("f") == [
            NotInlined("f", "h", "the most units compiled together are 2, and others are nearer")
        ]
        assert engine.outside_group("g") == []
    with Engine(Policy(max_group_ir=0)) as engine:
        engine.define(*units(program))
        assert [each.callee for each in engine.outside_group("f")] == ["g", "h"]
        assert engine.outside_group("f")[0].reason.startswith("the most IR compiled together is 0 characters, and with")
    with Engine() as engine:
        absolute = [
            unit(f"(define ({name} x) (foreign labs x))", {"labs": at}) for name, at in (("f2", 64), ("g", 128))
        ]
        caller = unit("(define (f x) (+ (foreign labs x) (g x)))", {"labs": 64})
        engine.define(*absolute, caller)
        assert engine.outside_group("f") == [NotInlined("f", "g", "one of its names is something else there")]
        assert engine.missed_inlining("f") == engine.outside_group("f")
    with Engine() as engine:
        engine.define(unit("(define (f x) (nothing x))"))
        assert engine.outside_group("f") == [NotInlined("f", "nothing", "it is not defined")]
        with pytest.raises(KeyError):
            engine.missed_inlining("nothing")


@pytest.mark.parametrize(
    ("program", "message"),
    [("", "No such file"), ("exit 3", "ended with 3"), ("exec sleep 60", "longer than 0 seconds")],
)
def test_a_subprocess_that_fails(program: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "python"
    if program:
        path.write_text(f"#!/bin/sh\n{program}\n")
        path.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(path))
    monkeypatch.setattr(subprocesses, "TIMEOUT", 0.1 if "sleep" in program else 60.0)
    with Engine() as engine:
        engine.define(*units("(define (f x) (g x)) (define (g x) x)"))
        with pytest.raises(OSError, match=message):
            engine.missed_inlining("f")


def test_nothing_is_imported_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pickle", "kaleido", "llvmlite", "re"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    with Engine() as engine:
        engine.define(*units("(define (f x) (g x)) (define (g x) x)"))
        assert engine.missed_inlining("f") == []
