"""Records: what dataclasses of the same declarations are, without the import of `dataclasses`."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from kaleido.jit import Data, Place, Policy, Signature, Unit

if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import field
else:
    from kaleido.jit.records import field, record


@dataclasses.dataclass(frozen=True)
class Dataclass:
    """A dataclass with every kind of field that a record may have."""

    first: int
    hidden: str = dataclasses.field(repr=False)
    table: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    second: int = 2
    apart: object = dataclasses.field(default=None, repr=False, compare=False)
    derived: int = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.__dict__.update(derived=self.first + self.second)


@record(frozen=True)
class Record:
    """The same as a record."""

    first: int
    hidden: str = field(repr=False)
    table: Mapping[str, int] = field(default_factory=dict, hash=False)
    second: int = 2
    apart: object = field(default=None, repr=False, compare=False)
    derived: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.__dict__.update(derived=self.first + self.second)


def outcome(kind: Any, *arguments: object, **options: object) -> object:
    """What can be seen of an instance; or of the error, its type."""
    try:
        made = kind(*arguments, **options)
    except TypeError as error:
        return str(error)
    shown = repr(made).replace("Record", "Dataclass")
    return shown, hash(made), vars(made), dataclasses.asdict(made), made == kind(*arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((1, "a"), {}),
        ((1, "a", {"b": 3}, 4, 5), {}),
        ((1,), {"hidden": "a", "second": 7}),
        ((), {}),
        ((1, "a", {}, 2, 3, 4), {}),
        ((1, "a"), {"derived": 3}),
    ],
)
def test_a_record_is_as_the_dataclass(arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    expected = outcome(Dataclass, *arguments, **options)
    if isinstance(expected, str):
        assert outcome(Record, *arguments, **options) == expected.replace("Dataclass", "Record")
    else:
        assert outcome(Record, *arguments, **options) == expected


@pytest.mark.parametrize("kind", [Dataclass, Record])
def test_what_is_compared(kind: Any) -> None:
    one = kind(1, "a", {"x": 1})
    assert one == kind(1, "a", {"x": 1}, apart=5)
    assert one != kind(1, "a", {"x": 2})
    assert hash(one) == hash(kind(1, "a", {"x": 2}))
    assert one != Data("a", "i64")


@pytest.mark.parametrize("kind", [Dataclass, Record])
def test_a_record_is_changed_by_replace_only(kind: Any) -> None:
    one = kind(1, "a")
    assert dataclasses.replace(one, first=5) == kind(5, "a")
    assert dataclasses.replace(one, first=5).derived == 7
    with pytest.raises(ValueError, match="derived"):
        dataclasses.replace(one, derived=5)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'first'"):
        one.first = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'first'"):
        del one.first


def test_its_fields_and_copies() -> None:
    def described(kind: Any) -> list[tuple[object, ...]]:
        return [(each.name, each.init, each.repr, each.hash, each.compare) for each in dataclasses.fields(kind)]

    assert described(Record) == described(Dataclass)
    one = Record(1, "a", {"x": 1})
    assert copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
    match one:
        case Record(first, hidden):
            assert (first, hidden) == (1, "a")


def test_the_interface_of_the_engine_consists_of_dataclasses() -> None:
    assert all(map(dataclasses.is_dataclass, (Data, Place, Policy, Signature, Unit)))


def test_a_session_imports_no_dataclasses() -> None:
    check = "import kaleido.session, sys; sys.exit('dataclasses' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
