"""Records: frozen dataclasses for the engine's interface, without the import of `dataclasses`.

The problem. `dataclasses` imports `inspect`, with `ast`, `dis` and `tokenize`, and compiles six functions for each
class: for five classes a tenth of the second run of a short script. But the users of :class:`~kaleido.jit.Policy` and
:class:`~kaleido.jit.Unit` change them by ``dataclasses.replace``, and type checkers know what a dataclass is.

The solution. :func:`record` makes what ``dataclass(frozen=True)`` makes, from the same declarations. Only the
constructor is compiled. For a type checker the names are those of `dataclasses`: see the imports in ``unit.py``. All
functions of `dataclasses` work on a record: they look for ``__dataclass_fields__``, which is made when it is asked for.

Limits. A record has no base class that is one, no slots, and no order.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

__all__ = ["field", "record"]

T = TypeVar("T")

_MISSING: Any = object()


class _Field(NamedTuple):
    """The parameters of ``dataclasses.field`` that records use, with its defaults."""

    default: Any = _MISSING
    default_factory: Any = _MISSING
    init: bool = True
    repr: bool = True
    hash: bool | None = None
    compare: bool = True


def field(**options: Any) -> Any:
    """As ``dataclasses.field``."""
    return _Field(**options)


def record(*, frozen: bool) -> Callable[[type[T]], type[T]]:
    """As ``dataclasses.dataclass``, for records that are `frozen`."""
    assert frozen
    return _made


def _made(cls: Any) -> Any:
    fields: dict[str, _Field] = {}
    for name in cls.__annotations__:
        default = cls.__dict__.get(name, _MISSING)
        fields[name] = default if isinstance(default, _Field) else _Field(default)
        if isinstance(default, _Field):
            if default.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, default.default)
    cls.__record_fields__ = fields
    cls.__dataclass_fields__ = _DataclassFields()
    setattr(cls, "__match_args__", _of_constructor(fields))  # noqa: B010 - a type checker would refuse it
    cls.__init__ = _constructor(cls, fields)
    cls.__repr__ = _representation(fields)
    cls.__eq__, cls.__hash__ = _comparisons(fields)
    cls.__setattr__, cls.__delattr__ = _refuse_change, _refuse_change
    return cls


def _constructor(cls: Any, fields: dict[str, _Field]) -> Any:
    parameters, lines = ["self"], []
    names: dict[str, Any] = {"missing": _MISSING}
    for name in _of_constructor(fields):
        each, value = fields[name], name
        if each.default_factory is not _MISSING:
            names[f"new_{name}"] = each.default_factory
            parameters.append(f"{name}=missing")
            value = f"new_{name}() if {name} is missing else {name}"
        elif each.default is not _MISSING:
            names[f"default_{name}"] = each.default
            parameters.append(f"{name}=default_{name}")
        else:
            parameters.append(name)
        lines.append(f"{name!r}: {value}")
    after = "\n self.__post_init__()" if hasattr(cls, "__post_init__") else ""
    text = f"def __init__({', '.join(parameters)}):\n self.__dict__.update({{{', '.join(lines)}}}){after}"
    exec(text, names)
    constructor = names["__init__"]
    constructor.__qualname__, constructor.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    constructor.__annotations__ = {name: cls.__annotations__[name] for name in _of_constructor(fields)} | {
        "return": None
    }
    return constructor


def _of_constructor(fields: dict[str, _Field]) -> tuple[str, ...]:
    return tuple(name for name, each in fields.items() if each.init)


def _representation(fields: dict[str, _Field]) -> Any:
    shown = [name for name, each in fields.items() if each.repr]

    def shown_as(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    return shown_as


def _comparisons(fields: dict[str, _Field]) -> tuple[Any, Any]:
    compared = attrgetter(*(name for name, each in fields.items() if each.compare))
    hashed = attrgetter(*(name for name, each in fields.items() if each.compare and each.hash is not False))

    def equal(self: Any, other: object) -> Any:
        return compared(self) == compared(other) if type(other) is type(self) else NotImplemented

    def number(self: Any) -> int:
        return hash(hashed(self))

    return equal, number


def _refuse_change(self: Any, name: str, *value: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")


class _DataclassFields:
    """``__dataclass_fields__`` of a record: made from a dataclass of the same fields when it is read first."""

    def __get__(self, instance: object, cls: Any) -> Any:
        import dataclasses

        fields: list[Any] = []
        for name, each in cls.__record_fields__.items():
            options = {key: value for key, value in each._asdict().items() if value is not _MISSING}
            fields.append((name, cls.__annotations__[name], dataclasses.field(**options)))
        twin = dataclasses.make_dataclass(cls.__name__, fields, frozen=True)
        cls.__dataclass_fields__ = found = {each.name: each for each in dataclasses.fields(twin)}
        return found
