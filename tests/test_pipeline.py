"""Transactions of several definitions: they see each other, and take effect together or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kaleido import KaleidoError
from kaleido.diagnostics import Source
from kaleido.jit import Engine
from kaleido.language.nodes import Definition, External
from kaleido.session import MODES, policy_for
from kaleido.session.function_table import FunctionTable
from kaleido.session.parsed_text import parsed
from kaleido.session.pipeline import Pipeline
from kaleido.session.snapshot import Change


@pytest.fixture(params=MODES)
def pipeline(request: pytest.FixtureRequest) -> Iterator[Pipeline]:
    with Engine(policy_for(request.param)) as engine:
        yield Pipeline(engine, FunctionTable())


def define(pipeline: Pipeline, text: str) -> Change | None:
    """Define a whole text in one transaction."""
    whole = parsed(Source("<test>", text), pipeline.table.operators, pipeline.table.functions)
    return pipeline.define([item for item in whole.items if isinstance(item, Definition | External)], whole)


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
