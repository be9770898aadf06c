"""Transactions of several definitions: they see each other, and take effect together or not at all."""

from __future__ import annotations

import gc
from collections.abc import Container, Iterator
from contextlib import suppress

import pytest

from kaleido import KaleidoError, ParseError, Session
from kaleido.diagnostics import Source
from kaleido.jit import Engine
from kaleido.language.nodes import Definition, External
from kaleido.language.operators import OperatorTable
from kaleido.session import MODES, policy_for
from kaleido.session.function_table import FunctionTable
from kaleido.session.parsed_text import Text, parsed
from kaleido.session.pipeline import Pipeline, Result
from kaleido.session.snapshot import Change
from tests.jit.helpers import in_new_process
from tests.scaling import definitions


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


def test_it_pauses_while_a_long_text_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def observed(source: Source, operators: OperatorTable, defined: Container[str]) -> Text:
        seen.append(gc.isenabled())
        return parsed(source, operators, defined)

    monkeypatch.setattr("kaleido.session.pipeline.parsed", observed)
    with Session(jit="O0") as session:
        for text in ("def f(x) x", definitions(1_000), definitions(1_000) + "("):
            with suppress(ParseError):
                session.run(text)
            seen.append(gc.isenabled())
    assert seen == [True, True, False, True, False, True]


def run_long_text() -> tuple[bool, bool]:
    """Whether its objects are in the oldest generation then, and whether the collector has looked at them."""
    with Session(jit="O0") as session:
        session.run("def f0(x) x")
        gc.collect()
        before = gc.get_stats()
        session.run(definitions(1_000))
        assert gc.isenabled()
        young = [id(each) for generation in (0, 1) for each in gc.get_objects(generation)]
        return id(session._table.functions["f999"].item) not in young, gc.get_stats() != before


def check_generations() -> None:
    assert run_long_text() == (True, False)
    # The process has moved objects out of all generations: they stay there.
    gc.freeze()
    frozen = gc.get_freeze_count()
    assert run_long_text() == (False, True)
    assert gc.get_freeze_count() <= frozen


def test_what_a_long_text_makes_is_moved_to_the_oldest_generation() -> None:
    in_new_process(check_generations)


@pytest.mark.parametrize("text", ["def f(x) x * 2", "def f(x) x +", "def f(x) y", "def f(x) x"])
def test_definitions_leave_no_garbage_to_the_collector(text: str) -> None:
    # Where they did, it would stay until a full collection of the whole process: see `collector_pause`.
    with Session(jit="sync", threshold=1) as session:
        loop = "def g(x) var s in (for i = 1, i < x in s = s + f(i))\n"
        session.run(f"{definitions(100)}def f(x) x\n{loop}")
        assert session["g"](3) == 0
        gc.collect()
        with suppress(KaleidoError):
            session.run(f"{definitions(100).replace('+', '*')}{text}\n{loop}")
        assert gc.collect() < 100


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
