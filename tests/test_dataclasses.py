"""The classes that `kaleido.dataclasses` makes behave like those of the standard module."""

from __future__ import annotations

import copy
import dataclasses as standard
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import kaleido.dataclasses as ours

MODULES: list[Any] = [standard, ours]


def classes(module: Any) -> dict[str, Any]:
    @module.dataclass(frozen=True, slots=True)
    class Base:
        note: str | None = module.field(default=None, kw_only=True, compare=False, repr=False)

    @module.dataclass(frozen=True, slots=True)
    class Slotted(Base):
        left: int
        right: int = 2

        def total(self) -> int:
            return self.left + self.right

    @module.dataclass(frozen=True)
    class Frozen:
        left: int
        items: list[int] = module.field(default_factory=list)

        def __post_init__(self) -> None:
            if self.left < 0:
                raise ValueError("negative")

    @module.dataclass
    class Plain:
        left: int
        right: tuple[int, ...] = ()

        def __repr__(self) -> str:
            return "its own"

    @module.dataclass(eq=False)
    class Same:
        left: int = 1
        later: int = module.field(init=False)

        def __post_init__(self) -> None:
            self.later = self.left + 1

    return {each.__name__: each for each in (Base, Slotted, Frozen, Plain, Same)}


def changed(instance: Any) -> Any:
    instance.left = 5
    return instance


USES: dict[str, Callable[[dict[str, Any]], object]] = {
    "positional": lambda c: c["Slotted"](1, 3),
    "by name": lambda c: c["Slotted"](right=3, left=1, note="x").note,
    "both": lambda c: c["Frozen"](1, items=[2]).items,
    "too many": lambda c: c["Slotted"](1, 2, 3),
    "too few": lambda c: c["Slotted"](),
    "unknown": lambda c: c["Slotted"](1, other=2),
    "twice": lambda c: c["Slotted"](1, left=2),
    "keyword only": lambda c: c["Base"]("x"),
    "default": lambda c: (c["Slotted"](1).right, c["Slotted"](1).note, c["Plain"].right, c["Same"]().left),
    "no default in slots": lambda c: c["Frozen"].left,
    "not an argument": lambda c: (c["Same"](5).later, c["Same"].__match_args__),
    "not an argument at all": lambda c: c["Same"](5, later=6),
    "factory": lambda c: c["Frozen"](1).items is c["Frozen"](1).items,
    "post init": lambda c: c["Frozen"](-1),
    "equal": lambda c: (c["Slotted"](1, note="x") == c["Slotted"](1), c["Slotted"](1) == c["Slotted"](2)),
    "other types": lambda c: (c["Slotted"](1) == (1, 2), c["Frozen"](1) == c["Plain"](1), c["Base"]() == c["Base"]()),
    "identity": lambda c: c["Same"]() == c["Same"](),
    "hash": lambda c: hash(c["Slotted"](1)) == hash(c["Slotted"](1, note="x")),
    "hash of a list": lambda c: hash(c["Frozen"](1)),
    "no hash": lambda c: hash(c["Plain"](1)),
    "hash of identity": lambda c: isinstance(hash(c["Same"]()), int),
    "frozen": lambda c: setattr(c["Slotted"](1), "left", 2),
    "frozen too": lambda c: delattr(c["Frozen"](1), "left"),
    "plain": lambda c: changed(c["Plain"](1)).left,
    "slots": lambda c: hasattr(c["Slotted"](1), "__dict__"),
    "repr": lambda c: repr(c["Slotted"](1, note="x")).rpartition(".")[2],
    "repr with a list": lambda c: repr(c["Frozen"](1)).rpartition(".")[2],
    "own repr": lambda c: repr(c["Plain"](1)),
    "match": lambda c: (c["Slotted"].__match_args__, c["Base"].__match_args__),
    "method": lambda c: c["Slotted"](1).total(),
    "standard replace": lambda c: standard.replace(c["Slotted"](1, note="x"), left=4).note,
    "standard fields": lambda c: sorted((each.name, each.compare) for each in standard.fields(c["Slotted"])),
    "standard dict": lambda c: standard.asdict(c["Frozen"](1)),
    "is one": lambda c: [standard.is_dataclass(each) for each in (c["Base"], c["Plain"](1), int)],
    "copies": lambda c: copy.deepcopy(c["Slotted"](1, note="x")).note + copy.copy(c["Slotted"](1, note="y")).note,
}


@pytest.mark.parametrize("use", USES)
def test_they_do_what_the_standard_ones_do(use: str) -> None:
    def outcome(module: Any) -> object:
        try:
            return repr(USES[use](classes(module))).replace(".Base", "").replace("classes.<locals>.", "")
        except Exception as error:
            return type(error)

    assert outcome(ours) == outcome(standard)


@ours.dataclass(frozen=True, slots=True)
class Pickled:
    left: int
    right: int = ours.field(default=2, kw_only=True)


def test_instances_with_slots_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Pickled(1, right=3))) == Pickled(1, right=3)


def test_replace() -> None:
    changed = ours.replace(Pickled(1, right=3), left=5)
    assert changed == Pickled(5, right=3) != Pickled(1, right=3)
    with pytest.raises(TypeError, match="other"):
        ours.replace(Pickled(1), other=5)  # type: ignore[call-arg]
