"""Transactions of several definitions: they see each other, and take effect together or not at all."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from kaleido import KaleidoError
from kaleido.diagnostics import Source
from kaleido.jit import Engine
from kaleido.language.nodes import Definition, External
from kaleido.session import MODES, policy_for
from kaleido.session.function_table import FunctionTable
from kaleido.session.parsed_text import parsed
from kaleido.session.pipeline import Pipeline, Result
from kaleido.session.snapshot import Change


@pytest.fixture(params=MODES)
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    with Engine(policy_for(request.param)) as engine:
        yield Pipeline(engine, FunctionTable())


def define(pipeline: Pipeline, text: str) -> Change | None:
    """Define a whole text in one transaction."""
    whole = parsed(Source("<test>", text), pipeline.table.operators, pipeline.table.functions)
    return pipeline.define([item for item in whole.items if isinstance(item, Definition | External)], whole)


@pytest.mark.parametrize("was_on", [True, False])
def test_the_garbage_collector_pauses_meanwhile(was_on: bool) -> None:
    seen: list[bool] = []
    with Engine(policy_for("O0")) as engine:
        pipeline = Pipeline(engine, FunctionTable())
        engine.subscribe(lambda _: seen.append(gc.isenabled()))
        try:
            (gc.enable if was_on else gc.disable)()
            define(pipeline, "def f(x) x  def g(x) f(x)")
            seen.append(gc.isenabled())
            assert error(pipeline, "def f(x) y")
            seen.append(gc.isenabled())
        finally:
            gc.enable()
    assert seen == [False, False, was_on, was_on]


def value(pipeline: Pipeline, text: str) -> float | None:
    whole = parsed(Source("<test>", text), pipeline.table.operators, pipeline.table.functions)
    return list(pipeline.results(whole))[-1].value


def error(pipeline: Pipeline, text: str) -> list[str]:
    with pytest.raises(KaleidoError) as raised:
        define(pipeline, text)
    return [diagnostic.title for diagnostic in raised.value.diagnostics]


def test_two_definitions_that_only_agree_with_each_other(pipeline: Pipeline) -> None:
    define(pipeline, "def g(x) x + 1; def f(x) g(x) * 10")
    assert value(pipeline, "f(1)") == 20
    new_g, new_f = "def g(x y) x + y", "def f(x) g(x, 5) * 100"
    assert error(pipeline, new_g) == ["`g` cannot take 2 parameters now: it is called with 1"]
    assert error(pipeline, new_f) == ["`g` takes 1 argument, not 2"]
    assert value(pipeline, "f(1)") == 20
    define(pipeline, f"{new_f}; {new_g}")
    assert value(pipeline, "f(1)") == 600


def test_they_are_undone_together(pipeline: Pipeline) -> None:
    define(pipeline, "def g(x) x + 1; def f(x) g(x) * 10")
    change = define(pipeline, "def g(x y) x + y; def f(x) g(x, 5) * 100")
    assert change is not None
    undone = pipeline.restore(change.past)
    assert value(pipeline, "f(1)") == 20
    pipeline.restore(undone.past)
    assert value(pipeline, "f(1)") == 600


def test_an_error_in_one_prevents_all_and_the_errors_of_all_are_reported(pipeline: Pipeline) -> None:
    assert error(pipeline, "def f(x) x; def g(x) y; def h(x) f(x, z)") == [
        "unknown variable `y`",
        "`f` takes 1 argument, not 2",
        "unknown variable `z`",
    ]
    assert not pipeline.table.functions and not pipeline.table.declared


def test_they_reach_the_engine_in_one_call(pipeline: Pipeline) -> None:
    defined: list[int] = []
    original = pipeline.engine.define

    def counting(*units: object, **options: object) -> frozenset[str]:
        defined.append(len(units))
        return original(*units, **options)  # type: ignore[arg-type]

    pipeline.engine.define = counting  # type: ignore[method-assign]
    define(pipeline, "def f(x) if x < 1 then 0 else g(x - 1); def g(x) f(x - 1) + 1; extern sqrt(x)")
    assert defined == [3]
    assert value(pipeline, "f(sqrt(16))") == 2


def test_a_builtin_operator_and_a_function_that_uses_it(pipeline: Pipeline) -> None:
    define(pipeline, "def before(x) x + 1")
    change = define(pipeline, "def binary+ 20 (a b) a - b; def after(x) x + 2")
    assert value(pipeline, "before(0)") == -1
    assert value(pipeline, "after(0)") == -2
    assert change is not None
    pipeline.restore(change.past)
    assert value(pipeline, "before(0)") == 1


# Texts: a run of definitions without an expression between them is one transaction


def run(pipeline: Pipeline, text: str) -> list[Change]:
    whole = parsed(Source("<test>", text), pipeline.table.operators, pipeline.table.functions)
    return [result.change for result in pipeline.results(whole) if result.change is not None]


def test_a_run_of_definitions_is_one_change(pipeline: Pipeline) -> None:
    changes = run(
        pipeline, "def area(r) r * r; def twice(r) 2 * area(r); twice(3); def area(w h) w * h; def twice(r) area(r, r)"
    )
    assert [set(change.past.functions) for change in changes] == [{"area", "twice"}] * 2
    assert value(pipeline, "twice(4)") == 16
    pipeline.restore(changes[1].past)
    assert value(pipeline, "twice(4)") == 32


@pytest.mark.parametrize(
    "wrong", ["def area(w h) w * d", "def area(w h) w(h)", "def other() area(1)", "extern sin(x y)"]
)
def test_an_error_in_a_run_prevents_all_of_it(pipeline: Pipeline, wrong: str) -> None:
    run(pipeline, "def area(r) r * r; def twice(r) 2 * area(r); twice(3)")
    with pytest.raises(KaleidoError):
        run(pipeline, f"1; def first() 1; def area(w h) w * h; def twice(r) area(r, r); {wrong}; def last() 1; last()")
    assert set(pipeline.table.functions) == {"area", "twice"}
    assert value(pipeline, "twice(3)") == 18


def test_what_is_before_a_run_with_an_error_stays(pipeline: Pipeline) -> None:
    with pytest.raises(KaleidoError):
        run(pipeline, "def f() 1; f(); def g() 2; def h() x")
    assert set(pipeline.table.functions) == {"f"}


def test_later_errors_are_reported_with_those_of_a_run(pipeline: Pipeline) -> None:
    with pytest.raises(KaleidoError) as raised:
        run(pipeline, "def f(x) y\ndef g(x) x\nf(1, 2); g(1)\ndef h(x) g(x, x)\nh(1, 2)")
    assert [each.title for each in raised.value.diagnostics] == [
        "unknown variable `y`",
        "`f` takes 1 argument, not 2",
        "`g` takes 1 argument, not 2",
        "`h` takes 1 argument, not 2",
    ]


def test_the_units_of_a_run(pipeline: Pipeline) -> None:
    text = "def f(x) x; def g(x) f(x, x); extern sin(x); def f(x y) x + y; f(1, 2)"
    whole = parsed(Source("<test>", text), pipeline.table.operators, pipeline.table.functions)
    assert [unit.label for unit in pipeline.units(whole)] == ["g", "f", "test:1:64"]


# The unit of an expression, after its value


def units(pipeline: Pipeline) -> list[str]:
    return [each.name for each in pipeline.engine.stats() if each.name.startswith("test:")]


def running(pipeline: Pipeline, text: str) -> Iterator[Result]:
    return pipeline.results(parsed(Source("<test>", text), pipeline.table.operators, pipeline.table.functions))


def test_the_unit_of_an_expression_is_removed_after_its_value_was_yielded(pipeline: Pipeline) -> None:
    define(pipeline, "def f(x) x")
    results = running(pipeline, "f(1) f(2)")
    assert [next(results).value, units(pipeline)] == [1.0, ["test:1:1"]]
    assert [next(results).value, units(pipeline)] == [2.0, ["test:1:6"]]
    assert [*results, *units(pipeline)] == []


def test_a_unit_that_was_left_is_removed_by_whatever_is_next(pipeline: Pipeline) -> None:
    define(pipeline, "def f(x) x")
    results = running(pipeline, "f(1)")
    next(results)
    # It still calls `f` with one argument.
    define(pipeline, "def f(x y) x + y")
    assert units(pipeline) == []
    assert [*results] == []
    for _ in range(3):
        next(running(pipeline, "f(1, 2)"))
        assert len(units(pipeline)) == 1
    assert value(pipeline, "f(1, 2)") == 3.0
    assert units(pipeline) == []


def test_a_closed_engine_keeps_no_unit(pipeline: Pipeline) -> None:
    results = running(pipeline, "1 + 2")
    assert next(results).value == 3.0
    pipeline.engine.close()
    assert [*results] == []
