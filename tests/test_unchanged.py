"""Definitions that are there already keep their code; those that only look the same do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from kaleido import Interrupted, KaleidoError, Session
from kaleido.codegen.mangling import is_top_level
from kaleido.diagnostics import Source
from kaleido.jit import Event, Tier
from kaleido.language.comparison import loops, same_tree
from kaleido.language.parser import parse
from kaleido.session import MODES, Change
from tests.jit.helpers import stopped

Define = Callable[[str], list[str]]


@pytest.fixture(params=MODES)
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(jit=request.param, threshold=None if request.param in ("O0", "O3") else 10) as session:
        yield session


@pytest.fixture
def define(session: Session) -> Define:
    """Run a text; returns the functions and loops that it made new versions of."""

    def run(text: str) -> list[str]:
        events: list[Event] = []
        stop = session.subscribe(events.append)
        changes = changes_of(session, text)
        stop()
        defined = [event.unit for event in events if event.kind == "defined" and not is_top_level(event.symbol)]
        assert bool(changes) == bool(defined)
        return defined

    return run


def changes_of(session: Session, text: str) -> list[Change]:
    return [each.change for each in session.evaluate(Source("<test>", text)) if each.change is not None]


DEFINITIONS = [
    "def f(x) x * 2 + 1",
    "def f(n) var s = 0, t in (for i = 1, i < n, 2 in s = s + i) : s - -t",
    "def f(x) if x then f(0) else 1e3",
    "def binary ^ 50 (a b) a * b",
    "def unary ~ (x) !x",
    "extern erf(x)",
]


@pytest.mark.parametrize("text", DEFINITIONS)
def test_the_same_again_is_no_change(session: Session, define: Define, text: str) -> None:
    assert define(text) != []
    assert define(text) == []
    assert define(f"# A comment moves it.\n{text.replace(' ', '  ')}") == []


def test_it_keeps_its_tier_and_its_callers_theirs(session: Session, define: Define) -> None:
    define("def square(x) x * x; def sum(n) var s in (for i = 1, i < n in s = s + square(i)) : s")
    session.run("for i = 1, i < 20 in sum(100)")
    session.engine.wait_until_idle()
    before = session.stats()
    assert define("def square(x) (x * (x));") == []
    assert session.stats() == before
    assert session.run("sum(3)") == 14


def test_the_text_follows(session: Session, define: Define) -> None:
    define("def f(n) for i = 1, i < n in i")
    [name] = session["f"].loops
    assert define("# The first line.\ndef f(n)\n  for i = 1, i < n in i") == []
    assert session["f"].source == "def f(n)\n  for i = 1, i < n in i"
    assert session["f"].loops == {name: "for i = 1, i < n in i"}


def test_a_moved_loop_is_found_where_its_text_is_now(session: Session, define: Define) -> None:
    define("def f(x) for i = 0, 1 in x")
    assert define("\n\ndef f(x) for i = 0, 1 in x") == []
    # At -O3 alone the loop is a part of `f`.
    with stopped(session.interrupt), pytest.raises(Interrupted, match=r"in the loop at <test>:3$|in f$"):
        session.run("f(1)")


@pytest.mark.parametrize(
    ("before", "again", "value"),
    [
        ("def f(x) x + 2 * 3", "def f(x) x + 3 * 2", 7),
        ("def f(x y) x - y; def g(x) f(x, 1)", "def g(x) f(1, x)", 0),
        ("def f(x) x", "def f(y) y", 1),
        ("def f(x) 2", "def f(x) 2.5", 2.5),
        ("def f(x) var a, b in x", "def f(x) var a in x", 1),
        ("extern sin(x)", "def sin(x) x", 1),
    ],
)
def test_another_tree_is_a_change(session: Session, define: Define, before: str, again: str, value: float) -> None:
    define(before)
    assert define(again) != []
    name = again.split("(")[0].split()[1]
    assert session[name](1) == value


def test_a_precedence_that_has_changed_is_a_change(session: Session, define: Define) -> None:
    define("def f(x) x + x * 2")
    session.run("def binary + 60 (a b) a - -b")
    assert session.run("f(3)") == 9
    assert define("def f(x) x + x * 2") == ["f"]
    assert session.run("f(3)") == 12
    define("def binary ^ 50 (a b) pow(a, b)")
    assert define("def binary ^ 10 (a b) pow(a, b)") == ["binary^"]


def test_a_built_in_operator_that_has_been_defined(session: Session, define: Define) -> None:
    define("def f(x) x + 2")
    define("def binary + 20 (a b) a - b")
    assert define("def f(x) x + 2") == []
    assert session.run("f(3)") == 1
    session.reset()
    define("def f(x) x + 2")
    assert sorted(define("def binary + 20 (a b) a - b; def f(x) x + 2")) == ["binary+", "f"]


def test_undo_passes_over_it(session: Session, define: Define) -> None:
    define("def f(x) x + 1")
    [made] = changes_of(session, "def f(x) x + 2; f(1)")
    assert changes_of(session, "def f(x) x + 2") == []
    session.undo(made)
    assert session.run("f(1)") == 2


def test_a_function_of_the_prelude(session: Session, define: Define) -> None:
    tier = session["binary|"].tier
    text = session["binary|"].source
    assert define(text) == []
    assert define("extern sin(x)") == []
    assert session.functions() == []
    undone = session.reset()
    assert session.functions() == []
    assert session["binary|"].tier == tier
    session.undo(undone)
    assert session.run("0 | sin(0)") == 0


def test_an_error_beside_it_leaves_it(session: Session, define: Define) -> None:
    define("def f(x) x + 1; f(1)")
    with pytest.raises(KaleidoError):
        session.run("def f(x) x + 1; nothing")
    assert session["f"].tier in (Tier.BASELINE, Tier.OPTIMIZED)


def test_trees_of_any_depth_are_compared() -> None:
    text = "def f(x) " + "if x then " * 5_000 + "1" + " else 0" * 5_000
    one, other = parse(Source("", text)), parse(Source("", " " + text))
    assert same_tree(one[0], other[0])
    assert not same_tree(one[0], parse(Source("", text + "1"))[0])
    assert not same_tree(one[0], parse(Source("", "1"))[0])
    [nested] = parse(Source("", "for a = 1, 0 in for b = 1, 0 in 1"))
    assert [loop.variable.name for loop in loops(nested)] == ["a", "b"]
