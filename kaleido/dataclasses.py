"""The part of the standard module ``dataclasses`` that Kaleido uses, at a small part of its cost.

The standard decorator writes the source of each method and compiles it, which takes some 0.6 ms for a class, and 6 ms
for the modules that it needs. For the fifty classes of a plain run, this was a fifth of the start of the command. Here
all classes share their methods, which go through a list of fields.

To a type checker, and to the standard module's ``replace`` and ``fields``, these classes are standard dataclasses. They
behave alike, too. Supported are the options below, inheritance, and ``__post_init__``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "field", "replace"]

if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace

_MISSING: Any = object()
_FIELDS = "_kaleido_fields"


class _Field:
    """The options of a field."""

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Callable[[], Any] = _MISSING,
        kw_only: bool = False,
        compare: bool = True,
        repr: bool = True,
        init: bool = True,
    ) -> None:
        self.default, self.default_factory = default, default_factory
        self.kw_only, self.compare, self.repr, self.init = kw_only, compare, repr, init


def _dataclass(cls: Any = None, *, frozen: bool = False, slots: bool = False, eq: bool = True) -> Any:
    """Make a class with annotations a dataclass: ``@dataclass`` or ``@dataclass(...)``.

    `frozen`  raise FrozenInstanceError where a field is assigned to
    `slots`   store the fields in slots. This makes a new class, in which ``super()`` needs its arguments
    `eq`      compare by the fields; then instances have a hash only if they are frozen
    """
    if cls is None:
        return lambda cls: _dataclass(cls, frozen=frozen, slots=slots, eq=eq)
    own = _take_fields(cls, keep_defaults=not slots)
    fields = {**getattr(cls, _FIELDS, {}), **own}
    setters: list[Callable[[Any, Any], None]] = []
    added = _methods(cls, fields, setters)
    if eq:
        added |= _comparison(fields, frozen)
    if frozen:
        added |= {"__setattr__": _refuse, "__delattr__": _refuse}
    if slots:
        added |= {"__slots__": tuple(own), "__getstate__": _get_state, "__setstate__": _set_state}
        inherited = ("__dict__", "__weakref__")
        body = {name: value for name, value in cls.__dict__.items() if name not in inherited}
        cls = type(cls)(cls.__name__, cls.__bases__, {**added, **body})
        setters += [getattr(cls, name).__set__ for name in getattr(cls, _FIELDS)]
        return cls
    for name in added.keys() - cls.__dict__.keys():
        setattr(cls, name, added[name])
    return cls


def _take_fields(cls: type, *, keep_defaults: bool) -> dict[str, _Field]:
    """The fields that a class adds. Without slots, plain defaults become its attributes, as in the standard module."""
    own: dict[str, _Field] = {}
    for name in cls.__annotations__:
        given = cls.__dict__.get(name, _MISSING)
        options = given if isinstance(given, _Field) else _Field(default=given)
        if given is not _MISSING:
            delattr(cls, name)
        if not options.init:
            # An attribute like any other, except to a type checker.
            continue
        own[name] = options
        if keep_defaults and own[name].default is not _MISSING:
            setattr(cls, name, own[name].default)
    return own


def _methods(cls: type, fields: Mapping[str, _Field], setters: list[Callable[[Any, Any], None]]) -> dict[str, Any]:
    """The methods of every dataclass. `setters` are those of the slots, or empty, for fields in `__dict__`."""
    positional = tuple(name for name, each in fields.items() if not each.kw_only)
    names = (*positional, *(name for name, each in fields.items() if each.kw_only))
    has_post_init = hasattr(cls, "__post_init__")
    # For each number of positional arguments that is enough: the values of the other fields.
    defaults = [fields[name].default for name in names]
    rest = {
        count: tuple(defaults[count:])
        for count in range(len(positional) + 1)
        if all(default is not _MISSING for default in defaults[count:])
    }

    def __init__(self: Any, *arguments: Any, **named: Any) -> None:  # noqa: N807
        others = None if named else rest.get(len(arguments))
        values = _values(self, arguments, named) if others is None else arguments + others
        if setters:
            for setter, value in zip(setters, values):  # noqa: B905  (`strict` takes half as much time again)
                setter(self, value)
        else:
            self.__dict__.update(zip(names, values))  # noqa: B905
        if has_post_init:
            self.__post_init__()

    return {
        _FIELDS: {name: fields[name] for name in names},
        "__dataclass_fields__": _StandardFields(),
        "__init__": __init__,
        "__repr__": _representation,
        "__match_args__": positional,
    }


def _values(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    """The values of all fields, in the order of the arguments. Raises TypeError as a call of a function does."""
    cls, given = type(self), dict(zip(self.__match_args__, arguments, strict=False))
    if len(arguments) > len(given):
        raise TypeError(f"{cls.__name__}() takes {len(given)} positional arguments but {len(arguments)} were given")
    wrong = [name for name in named if name in given or name not in getattr(cls, _FIELDS)]
    if wrong:
        raise TypeError(f"{cls.__name__}() got an unexpected or repeated argument {wrong[0]!r}")
    given |= named
    return [given[name] if name in given else _default(cls, name, each) for name, each in getattr(cls, _FIELDS).items()]


def _default(cls: type, name: str, options: _Field) -> Any:
    if options.default_factory is not _MISSING:
        return options.default_factory()
    if options.default is _MISSING:
        raise TypeError(f"{cls.__name__}() is missing the argument {name!r}")
    return options.default


def _comparison(fields: Mapping[str, _Field], frozen: bool) -> dict[str, Any]:
    names = [name for name, each in fields.items() if each.compare]
    # With a single name, attrgetter returns no tuple.
    key: Callable[[Any], Any] = attrgetter(*names) if len(names) > 1 else lambda self: [getattr(self, n) for n in names]

    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        return key(self) == key(other) if type(self) is type(other) else NotImplemented

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(tuple(key(self)))

    return {"__eq__": __eq__, "__hash__": __hash__ if frozen else None}


def _representation(self: Any) -> str:
    shown = [f"{name}={getattr(self, name)!r}" for name, each in getattr(self, _FIELDS).items() if each.repr]
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, *_: Any) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _get_state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in getattr(self, _FIELDS)]


def _set_state(self: Any, values: list[Any]) -> None:
    for name, value in zip(getattr(self, _FIELDS), values, strict=True):
        object.__setattr__(self, name, value)


def _replace(instance: Any, /, **changes: Any) -> Any:
    """A copy of an instance of a dataclass, with some fields changed."""
    return type(instance)(**{name: getattr(instance, name) for name in getattr(instance, _FIELDS)} | changes)


class _StandardFields:
    """``__dataclass_fields__``: what the standard module asks a dataclass for, made when it is asked for."""

    def __get__(self, instance: object, cls: type) -> dict[str, Any]:
        import dataclasses

        specified = [
            (
                name,
                cls.__annotations__.get(name, Any),
                dataclasses.field(**{key: value for key, value in vars(each).items() if value is not _MISSING}),
            )
            for name, each in getattr(cls, _FIELDS).items()
        ]
        twin: Any = dataclasses.make_dataclass(cls.__name__, specified)
        found: dict[str, Any] = twin.__dataclass_fields__
        return found


if not TYPE_CHECKING:
    dataclass, field, replace = _dataclass, _Field, _replace
