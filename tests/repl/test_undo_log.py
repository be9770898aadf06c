"""What `:save` saves and `:undo` takes back."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaleido import KaleidoError, Session
from kaleido.diagnostics import Source
from kaleido.language.printer import constant
from kaleido.repl.saving.undo_log import UndoLog
from kaleido.session import LAST_VALUE


@pytest.fixture(scope="module")
def baseline() -> Iterator[Session]:
    with Session(jit="O0") as session:
        yield session


# Constants


@given(st.floats())
def test_a_constant_is_the_value(baseline: Session, value: float) -> None:
    found = baseline.run(constant(value))
    assert found is not None
    assert struct.pack("d", found) == struct.pack("d", value) or (math.isnan(found) and math.isnan(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (-0.0, "-0"), (0.5, "0.5"), (math.inf, "1e999"), (-math.inf, "-1e999"), (math.nan, "0 / 0")],
)
def test_constants(value: float, text: str) -> None:
    assert constant(value) == text


# A session and its undo log, and what they should be


def entered(session: Session, undo_log: UndoLog, *pieces: str) -> None:
    """Have an entry run, as the REPL does: a program, or several with commands between them."""
    undo_log.begin_entry()
    for text in pieces:
        source = Source("<test>", text)
        for result in session.evaluate(source):
            undo_log.add(result, source, session.variables.get(LAST_VALUE))


# Which function another calls, and what it adds to that. Callees come before callers in the alphabet.
Definitions = dict[str, tuple[str, int]]


@dataclass
class Model:
    """What should be there: definitions, what has worked, and both as they were before each entry that changed any."""

    definitions: Definitions = field(default_factory=dict)
    worked: list[str] = field(default_factory=list)
    before: list[tuple[Definitions, list[str]]] = field(default_factory=list)
    changed: bool = False

    def enter(self, items: Sequence[str]) -> None:
        before = deepcopy((self.definitions, self.worked))
        self.changed = False
        for item in items:
            if not self._works(item):
                break
            self.worked.append(item)
        if self.changed:
            self.before.append(before)

    def _works(self, item: str) -> bool:
        if item.startswith("def "):
            name, callee, number = item[4], item[9], item.rpartition(" ")[2]
            if callee != "x" and callee not in self.definitions:
                return False
            definition = ("" if callee == "x" else callee, int(number))
            # The same again is no change.
            self.changed = self.changed or self.definitions.get(name) != definition
            self.definitions[name] = definition
            return True
        return item.startswith("extern ") or item[0] in self.definitions

    def value(self, name: str) -> int:
        callee, number = self.definitions[name]
        return number + (self.value(callee) if callee else 1)

    def reset(self) -> None:
        self.before.append((self.definitions, self.worked))
        self.definitions, self.worked = {}, []

    def undo(self) -> bool:
        if not self.before:
            return False
        self.definitions, self.worked = self.before.pop()
        return True


DEFINITIONS = st.sampled_from([("f", "x"), ("g", "f(x)"), ("h", "g(x)"), ("h", "f(x)")])
ITEMS = (
    st.builds(lambda pair, number: f"def {pair[0]}(x) {pair[1]} + {number}", DEFINITIONS, st.integers(0, 9))
    | st.sampled_from(["f(1)", "g(1)", "h(1)"])
    # It is there already, so it changes nothing.
    | st.just("extern sin(x)")
)
ACTS = st.lists(st.lists(ITEMS, min_size=1, max_size=4) | st.sampled_from(["undo", "undo", "reset"]), max_size=15)


def act(session: Session, undo_log: UndoLog, model: Model, what: list[str] | str) -> None:
    if what == "undo":
        undo_log.begin_entry()
        assert (undo_log.undo(session.undo) is not None) == model.undo()
    elif what == "reset":
        undo_log.begin_entry()
        undo_log.reset(session.reset())
        model.reset()
    else:
        worked = len(model.worked)
        model.enter(list(what))
        try:
            entered(session, undo_log, *what)
            failed = False
        except KaleidoError:
            failed = True
        assert failed == (len(model.worked) - worked < len(what))


def check(session: Session, undo_log: UndoLog, model: Model) -> None:
    assert undo_log.program == "".join(f"{text};\n" for text in model.worked)
    assert len(undo_log) == len(model.worked)
    assert {each.name for each in session.functions()} == {*model.definitions}
    for name in model.definitions:
        assert session[name](1) == model.value(name)


@settings(max_examples=60, deadline=None)
@given(ACTS)
def test_in_any_order(acts: list[list[str] | str]) -> None:
    with Session(jit="O0") as session:
        undo_log, model = UndoLog(), Model()
        for what in acts:
            act(session, undo_log, model, what)
            check(session, undo_log, model)
        with Session(jit="O0") as other:
            other.run(undo_log.program)
            assert {each.name: each(1) for each in other.functions()} == {
                name: model.value(name) for name in model.definitions
            }


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(jit="O0") as session:
        yield session


def test_an_entry_is_taken_back_as_far_as_it_worked(session: Session) -> None:
    undo_log = UndoLog()
    entered(session, undo_log, "def f(x) x")
    with pytest.raises(KaleidoError):
        entered(session, undo_log, "def f(x) x + 1; f(1); nothing; def g(x) x")
    assert undo_log.program == "def f(x) x;\ndef f(x) x + 1;\nf(1);\n"
    assert undo_log.undo(session.undo) is not None
    assert undo_log.program == "def f(x) x;\n"
    assert session.run("f(1)") == 1


def test_an_entry_may_have_several_programs(session: Session) -> None:
    undo_log = UndoLog()
    entered(session, undo_log, "def f(x) x", "def g(x) f(x)")
    undo_log.undo(session.undo)
    assert (session.functions(), len(undo_log)) == ([], 0)


def test_what_cannot_be_taken_back_stays(session: Session) -> None:
    def refuse(*changes: object) -> None:
        raise KeyError

    undo_log = UndoLog()
    entered(session, undo_log, "def f(x) x")
    with pytest.raises(KeyError):
        undo_log.undo(refuse)  # type: ignore[arg-type]
    assert undo_log.program == "def f(x) x;\n"
    assert undo_log.undo(session.undo) is not None


def test_only_so_many_entries_can_be_taken_back(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaleido.repl.saving.undo_log._MAX_ENTRIES", 3)
    undo_log = UndoLog()
    for number in range(5):
        entered(session, undo_log, f"def f(x) {number}")
    assert [undo_log.undo(session.undo) is not None for _ in range(4)] == [True, True, True, False]
    assert session.run("f(0)") == 1
    assert undo_log.program == "def f(x) 0;\ndef f(x) 1;\n"


def test_the_last_value_that_an_expression_used_comes_with_it(session: Session) -> None:
    undo_log = UndoLog()
    session.variables[LAST_VALUE] = -2.5
    entered(session, undo_log, "_ * 2; 1 + 1; def f(_) _")
    session.variables[LAST_VALUE] = math.nan
    entered(session, undo_log, "sqrt(_)")
    assert undo_log.program.splitlines() == [
        "var _ = -2.5 in _ * 2;",
        "1 + 1;",
        "def f(_) _;",
        "var _ = 0 / 0 in sqrt(_);",
    ]


def test_an_assignment_of_the_last_value_creates_the_same_variables(session: Session) -> None:
    undo_log = UndoLog()
    session.variables[LAST_VALUE] = 4.0
    entered(session, undo_log, "x = _; (y = z = (_ * 2)); x = y + 1; (x = _) + 1; x = _ = _ + 3; _ = x")
    assert undo_log.program.splitlines() == [
        "x = var _ = 4 in _;",
        "(y = z = var _ = 4 in (_ * 2));",
        "x = y + 1;",
        "var _ = 4 in (x = _) + 1;",
        "x = var _ = 4 in _ = _ + 3;",
        "var _ = 4 in _ = x;",
    ]
    with Session(jit="O0") as other:
        other.run(undo_log.program)
        assert other.variables == {"x": 7.0, "y": 8.0, "z": 8.0}
        assert session.variables == other.variables | {LAST_VALUE: 4.0}
