"""The signature of a unit: types as LLVM writes them, and the texts of functions and calls that have it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from kaleido.jit.value_types import Layout, layout, leading_type

if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import field
else:
    from kaleido.jit.records import field, record

__all__ = ["CONVENTION", "MAX_PARAMETERS", "RANGES", "Signature", "extension", "quoted"]

MAX_PARAMETERS = 8_000
"""A `tailcc` function pops its arguments when it returns, and x86-64's instruction for that pops up to 65,535 bytes."""

RANGES = {
    "i1": (0, 1),
    **{f"i{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
    "ptr": (-(1 << 63), (1 << 64) - 1),
}
"""The least and the largest integer that Python may pass for a type."""

_PASSED_BY_PYTHON = frozenset({"void", "double", "float", *RANGES})

# What is never an argument. Objects of other types may be those of ctypes.
_UNFIT: dict[str, tuple[type, ...]] = {
    "ptr": (str, float, complex),
    "real": (str, bytes, complex, type(None)),
    "integer": (str, bytes, complex, type(None), float),
}

# ctypes takes no integer that a double cannot be near.
_LARGEST_REAL = (1 << 1024) - (1 << 970) - 1

# Attributes by the types that may have them. Others would change the convention in a way that stubs do not follow.
_FOR_ANY = {"noundef"}
_FOR_INTEGERS = {"zeroext", "signext"}
_FOR_POINTERS = {"noalias", "nonnull", "nofree", "nocapture", "captures(none)", "readonly", "readnone", "writeonly"}

CONVENTION = frozenset({*_FOR_INTEGERS, "byref", "byval", "inalloca", "inreg", "nest", "preallocated", "sret"}).union(
    f"swift{each}" for each in ("async", "error", "self")
)
"""The attributes that say how a value is passed."""

_WITH_NUMBER = re.compile(r"(?:dereferenceable(?:_or_null)?\([1-9]\d{0,17}\)|align (\d{1,10}))")
_ATTRIBUTE = re.compile(r"\s+(align +\d+|[^\s()]+(?:\([^()]*\))?)", re.ASCII)

# What a result may be in: registers that LLVM's conventions have on every machine that the engine runs on.
_RESULT_INTEGERS, _RESULT_FLOATING, _RESULT_VECTORS = 3, 2, 4


def _check_argument(place: str, kind: str, value: Any) -> None:
    """Check a Python value as an argument of type `kind`. Raises TypeError and OverflowError, which begin with `place`.

    ctypes alone would cut off integers, and name another argument in its errors.
    """
    if isinstance(value, int):
        low, high = RANGES.get(kind, (-_LARGEST_REAL, _LARGEST_REAL))
        if not low <= value <= high:
            raise OverflowError(f"{place} is {kind}: {value if abs(value) < 10**40 else 'the number'} does not fit")
    elif isinstance(value, _UNFIT["ptr" if kind == "ptr" else "real" if kind in ("double", "float") else "integer"]):
        raise TypeError(f"{place} is {kind}, not {type(value).__name__}")


@record(frozen=True)
class Signature:
    """Result and parameters as LLVM types, such as ``Signature("double", ("double", "ptr"))``.

    A type is i1, i8, i16, i32, i64, i128, half, float, double or ptr; a vector of these of 64, 128, 256 or 512 bits
    (not of i1 or i128); or a structure or array of all of these, written out. Spaces become those that LLVM prints. The
    result may be void; it must fit into registers: up to three integers of 64 bits, two floating-point numbers, and
    vectors of 512 bits in all. Larger ones are returned through a pointer. Where a parameter contains a vector or an
    i128, all of them must fit into registers: six integers of 64 bits, and eight floating-point numbers or vectors of
    128 bits.

    A parameter may have attributes behind its type: ``i1 zeroext``, ``ptr noalias nocapture``. They are a part of the
    signature, so caller and callee must agree on them. A unit's own definition and declarations must have the same
    ``zeroext`` and ``signext``, which say how a value is passed; a ``musttail`` call has those of its caller's result.
    Others may differ. The result may have ``zeroext``,
    ``signext``, ``noundef``, ``noalias`` and ``nonnull`` in front of it. ``byval``, ``sret``, ``inreg`` and the like
    are not possible.

    Python and C can call a unit whose types are void, double, float, ptr, and integers of up to 64 bits: see
    :meth:`check_foreign`.

    Raises ValueError for what is not possible, and for more than MAX_PARAMETERS parameters or as much stack; TypeError
    for anything but texts.
    """

    result: str
    parameters: tuple[str, ...]
    _form: _Form = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parameters = tuple(self.parameters)
        if isinstance(self.parameters, str) or not all(isinstance(each, str) for each in (self.result, *parameters)):
            raise TypeError("a signature is the text of a type, and a tuple of such texts")
        form = _form(self.result, parameters)
        # At once, because each is a call where a class is frozen; the class has no slots.
        self.__dict__.update(result=form.result, parameters=form.parameters, _form=form)

    @property
    def result_type(self) -> str:
        """The result without attributes."""
        return self._form.result_type

    @property
    def parameter_types(self) -> tuple[str, ...]:
        """The parameters without attributes."""
        return self._form.parameter_types

    @property
    def extensions(self) -> tuple[str, ...]:
        """``zeroext``, ``signext`` or nothing for the result and each parameter; empty if there is none at all."""
        return self._form.extensions

    def check_foreign(self, name: str) -> None:
        """Raise TypeError unless Python and C can call `name`, a function of this signature."""
        kinds = (self.result_type, *self.parameter_types)
        if _PASSED_BY_PYTHON.issuperset(kinds):
            return
        for place, kind in [("the result", kinds[0]), *self._places(kinds[1:])]:
            if kind not in _PASSED_BY_PYTHON:
                raise TypeError(f"{place} of {name} is {kind}: only units can pass it to each other")

    def check_arguments(self, name: str, arguments: Sequence[Any]) -> None:
        """Check Python values as arguments of `name`, a function of this signature.

        Raises TypeError as :meth:`check_foreign`, for another number of arguments, and where one has another type;
        OverflowError where a number does not fit. Integers are signed; a pointer may be either. Objects of ctypes are
        not looked at.
        """
        self.check_foreign(name)
        expected = len(self.parameters)
        if len(arguments) != expected:
            raise TypeError(f"{name} takes {expected} argument{'' if expected == 1 else 's'}, not {len(arguments)}")
        for (place, kind), value in zip(self._places(self.parameter_types), arguments, strict=True):
            _check_argument(f"{place} of {name}", kind, value)

    def _places(self, kinds: Sequence[str]) -> list[tuple[str, str]]:
        return [(f"argument {index}", kind) for index, kind in enumerate(kinds, 1)]

    @property
    def in_registers(self) -> bool:
        """Whether all arguments are passed in registers, by the C conventions that ``tailcc`` follows."""
        return self._form.in_registers

    def tail_call(self, callee: Signature) -> str:
        """The marker for a call of `callee` in tail position of a function of this signature.

        ``musttail`` keeps optimizers from moving the call out of tail position. But LLVM 22 omits the stores of
        arguments on the stack that differ from the caller's own (llvm-project#199224). There the marker is ``tail``,
        which ``tailcc`` guarantees, too, as long as the call stays where it is.
        """
        return "musttail" if self.in_registers and callee.in_registers else "tail"

    @property
    def c_result(self) -> str:
        """The result of a C function: C takes a truth value for a whole byte."""
        return "zeroext i1" if self.result_type == "i1" else self.result

    @property
    def arguments(self) -> str:
        """The parameters with names: ``double %0, ptr noalias %1``."""
        return ", ".join(f"{kind} %{index}" for index, kind in enumerate(self.parameters))

    def prototype(self, name: str, convention: str = "tailcc") -> str:
        """``tailcc double @f(double %0)``, without ``define`` or ``declare``."""
        return f"{convention} {self.result} {quoted(name)}({self.arguments})".lstrip()

    def forward(self, target: str) -> str:
        """Instructions that end a function of this signature by jumping to `target`, a pointer, with its arguments."""
        if self.result == "void":
            return f"  musttail call tailcc void {target}({self.arguments})\n  ret void\n"
        call = f"musttail call tailcc {self.result} {target}({self.arguments})"
        return f"  %result = {call}\n  ret {self.result_type} %result\n"


class _Value(NamedTuple):
    """A result or a parameter: its `text` in one notation, its layout, and its ``zeroext`` or ``signext``."""

    text: str
    layout: Layout
    extension: str


class _Form(NamedTuple):
    """A signature in LLVM's notation, and what follows from it: see the properties of Signature."""

    result: str
    parameters: tuple[str, ...]
    result_type: str
    parameter_types: tuple[str, ...]
    extensions: tuple[str, ...]
    in_registers: bool


@lru_cache(maxsize=1024)
def _form(result: str, parameters: tuple[str, ...]) -> _Form:
    """Read a signature. Raises ValueError."""
    if len(parameters) > MAX_PARAMETERS:
        raise ValueError(f"{len(parameters)} parameters are more than {MAX_PARAMETERS}")
    parsed = [_parameter(each) for each in parameters]
    returned, layouts = _result(result), [each.layout for each in parsed]
    if sum(each.words for each in layouts) > MAX_PARAMETERS:
        raise ValueError(f"the parameters take more stack than {MAX_PARAMETERS} numbers")
    numbers = sum(each.floating + each.vectors for each in layouts), sum(each.integers for each in layouts)
    in_registers = numbers[0] <= 8 and numbers[1] <= 6
    # LLVM 22 aligns the stack of a `tailcc` call for its own size, not for that of the arguments on it.
    if any(each.is_aligned for each in layouts) and not in_registers:
        raise ValueError("with vectors and i128, all parameters must fit into registers: pass a pointer")
    extensions = tuple(each.extension for each in (returned, *parsed))
    return _Form(
        returned.text,
        tuple(each.text for each in parsed),
        returned.layout.text,
        tuple(each.text for each in layouts),
        extensions if any(extensions) else (),
        in_registers,
    )


@lru_cache(maxsize=1024)
def _parameter(text: str) -> _Value:
    """Read a parameter: a type, then attributes. Raises ValueError."""
    kind = leading_type(text)
    found = layout(kind)
    rest, attributes = text.lstrip()[len(kind) :].rstrip(), []
    while rest:
        attribute = _ATTRIBUTE.match(rest)
        if attribute is None:
            raise ValueError(f"{text} is not a type with attributes")
        attributes.append(" ".join(attribute[1].split()))
        rest = rest[attribute.end() :]
    _check_attributes(text, found.text, attributes, with_numbers=True)
    return _Value(" ".join([found.text, *sorted(attributes)]), found, extension(attributes))


@lru_cache(maxsize=1024)
def _result(text: str) -> _Value:
    """Read a result: attributes, then a type. Raises ValueError."""
    if text == "void":
        return _Value(text, Layout(text), "")
    words = re.match(r"\s*((?:(?:zeroext|signext|noundef|noalias|nonnull)\s+)*)(.*)", text, re.DOTALL)
    assert words is not None
    attributes, found = words[1].split(), layout(words[2])
    _check_attributes(text, found.text, attributes, with_numbers=False)
    if (
        found.integers > _RESULT_INTEGERS
        or found.floating > _RESULT_FLOATING
        or found.floating + found.vectors > _RESULT_VECTORS
    ):
        raise ValueError(f"{found.text} does not fit into registers as a result: return it through a pointer")
    return _Value(" ".join([*sorted(attributes), found.text]), found, extension(attributes))


def _check_attributes(text: str, kind: str, attributes: Sequence[str], *, with_numbers: bool) -> None:
    is_pointer, is_integer = kind == "ptr", kind in RANGES and kind != "ptr"
    possible = _FOR_ANY | (_FOR_INTEGERS if is_integer else set()) | (_FOR_POINTERS if is_pointer else set())
    for attribute in attributes:
        numbered = _WITH_NUMBER.fullmatch(attribute) if with_numbers and is_pointer else None
        if attribute not in possible and (numbered is None or not _is_alignment(numbered[1])):
            raise ValueError(f"{text}: `{attribute}` is not an attribute that {kind} can have in a signature")
    if len({*attributes}) < len(attributes) or {*attributes} >= _FOR_INTEGERS:
        raise ValueError(f"{text}: its attributes exclude each other")


def _is_alignment(number: str | None) -> bool:
    return number is None or (0 < int(number) <= 1 << 32 and int(number).bit_count() == 1)


def extension(words: Sequence[str]) -> str:
    """The attribute among `words` that says how a value is passed; else an empty string."""
    return next((word for word in words if word in CONVENTION), "")


_SPECIAL = re.compile(rb"[^A-Za-z0-9_.$!%&()*+,/:;<=>?@^`|~ \[\]{}#\'-]")


def quoted(symbol: str) -> str:
    """`symbol` as a global name in LLVM assembly, whatever characters it has."""
    if symbol.isascii() and symbol.isprintable() and '"' not in symbol and "\\" not in symbol:
        return f'@"{symbol}"'
    escaped = _SPECIAL.sub(lambda match: b"\\%02X" % match[0][0], symbol.encode())
    return f'@"{escaped.decode("ascii")}"'
