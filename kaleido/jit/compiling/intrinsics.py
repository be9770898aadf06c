"""Which declarations and calls of LLVM's intrinsics its parser is known to take as they are.

The problem. LLVM's parser brings intrinsics of older versions up to date before it verifies anything. It reads the
arguments of each call of such an intrinsic without a test of their types, and ends the process where these differ from
what it expects. Which declarations are old, only LLVM knows.

The solution. Each place where a text has an intrinsic is read: its name, its result and the types of its parameters. A
text is parsed in this process if all of them are known: those in the list here, and those that LLVM has printed before
as they were. Any other text is parsed in another process first. A call by other types than those of the declaration in
the same text is an error.

What cannot be read with certainty is unknown: names with escapes, calls with the type of the function, named types.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from kaleido.jit.compiling.ir_lines import Function, arguments, unescaped
from kaleido.jit.value_types import leading_type

__all__ = ["Place", "is_known", "learn", "places", "usual", "wrong_call"]

_STRING_OR_COMMENT = re.compile(r'"[^"]*"|;[^\n]*')
_ANY = re.compile(r'@(?:llvm\.|"llvm\.|"[^"\\]*\\[^"]*")')
_NAME = re.compile(r'@("?)(llvm\.[-\w.$]+)\1\s*\(', re.ASCII)
_BEFORE = re.compile(r'(?<![-\w.$%@"])(declare|call|invoke|callbr)\s([^@"=(]*)$', re.ASCII)
_WORDS = ("declare", "call", "invoke")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_ATTRIBUTE = re.compile(r"\b(?:range|align|dereferenceable(?:_or_null)?|nofpclass)\([^()]*\)")
_SPACE = re.compile(r"\s+")
# A value may follow a type without a space.
_PLAIN_TYPE = re.compile(r"[\w{}<>\[\], .]+", re.ASCII)
_IN_BRACKETS = re.compile(r"[{\[<].*")

# So far in front of a name is its type, and so far behind it are its arguments.
_BEFORE_MOST, _AFTER_MOST = 300, 4_000


class Place(NamedTuple):
    """Where an intrinsic is declared or called. `type` is empty where it cannot be read with certainty."""

    name: str
    type: str
    is_declaration: bool
    line: int

    @property
    def is_known(self) -> bool:
        return (self.name, self.type) in _known


def places(text: str) -> list[Place]:
    if "llvm." not in text and "\\" not in text:
        return []
    if ";" in text:
        text = _STRING_OR_COMMENT.sub(lambda found: "" if found[0][0] == ";" else found[0], text)
    text = _COMMA.sub(", ", text)
    found, line, end = [], 1, 0
    for each in _ANY.finditer(text):
        line, end = line + text.count("\n", end, each.start()), each.start()
        place = _place(text, each, line)
        if place.name.startswith("llvm."):
            found.append(place)
    return found


def _place(text: str, found: re.Match[str], line: int) -> Place:
    if found[0][-1] == '"':
        return Place(unescaped(found[0][2:-1]), "", False, line)
    name = _NAME.match(text, found.start())
    first = max(0, found.start() - _BEFORE_MOST)
    word = max(text.rfind(each, first, found.start()) for each in _WORDS)
    before = _before(text[max(word - 1, 0) : found.start()]) if word >= 0 else None
    if name is None or before is None:
        return Place("llvm.", "", False, line)
    try:
        parameters, _ = arguments(text[name.end() : name.end() + _AFTER_MOST])
    except AssertionError:
        return Place(name[2], "", False, line)
    return Place(name[2], _type(before[2], parameters), before[1] == "declare", line)


@lru_cache(maxsize=1024)
def _before(text: str) -> re.Match[str] | None:
    return _BEFORE.search(_ATTRIBUTE.sub("", text))


def _type(prefix: str, parameters: Iterable[str]) -> str:
    """The type of a function with `prefix` in front of its name."""
    prefix = _SPACE.sub(" ", prefix).strip()
    parameters = [_SPACE.sub(" ", each).strip() for each in parameters]
    structured = _IN_BRACKETS.search(prefix)
    result = structured[0] if structured is not None else prefix.rpartition(" ")[2]
    if "tailcc" in prefix.split() or any("addrspace" in each for each in (prefix, *parameters)):
        return ""
    types = [leading_type(each) for each in parameters if each]
    if not all(map(_PLAIN_TYPE.fullmatch, (result, *types))):
        return ""
    return _shown(result, types)


def _shown(result: str, types: Iterable[str]) -> str:
    return f"{_tight(result)} ({', '.join(map(_tight, types))})"


@lru_cache(maxsize=1024)
def _tight(type_: str) -> str:
    """A type without the spaces that it need not have."""
    return re.sub(r" ?([{}<>\[\]]) ?", r"\1", type_)


def wrong_call(found: Sequence[Place]) -> tuple[Place, str] | None:
    """The first call by another type than that of the declaration, which is the second item."""
    declared = {each.name: each.type for each in found if each.is_declaration and "..." not in each.type}
    for each in found:
        if each.type and each.type != (declared.get(each.name) or each.type) and not each.is_declaration:
            return each, declared[each.name]
    return None


def is_known(function: Function) -> bool:
    """Whether LLVM knows an intrinsic by the type of its declaration."""
    kind = function.type
    return not kind.is_tail and (function.name, _shown(kind.result, kind.parameters)) in _known


def learn(found: Iterable[Place], printed: Iterable[Function]) -> None:
    """Intrinsics of a module that is right, with what LLVM prints: what it has not changed is known from now on."""
    kept = {(each.name, _shown(each.type.result, each.type.parameters)) for each in printed}
    _known.update(kept.intersection((each.name, each.type) for each in found if each.type))


# Known ones

_REAL_FUNCTIONS = {
    1: "fabs sqrt sin cos tan exp exp2 exp10 log log2 log10 floor ceil trunc rint nearbyint round roundeven",
    2: "pow copysign minnum maxnum minimum maximum",
    3: "fma fmuladd",
}
_INTEGER_FUNCTIONS = {
    1: "ctpop bitreverse",
    2: "smax smin umax umin sadd.sat ssub.sat uadd.sat usub.sat",
    3: "fshl fshr",
}
_OTHERS = """
void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
void @llvm.memset.p0.i64(ptr, i8, i64, i1)
void @llvm.lifetime.start.p0(ptr)
void @llvm.lifetime.end.p0(ptr)
ptr @llvm.stacksave.p0()
void @llvm.stackrestore.p0(ptr)
void @llvm.assume(i1)
i1 @llvm.expect.i1(i1, i1)
void @llvm.trap()
void @llvm.debugtrap()
void @llvm.donothing()
"""
# LLVM takes these of older versions with any arguments of these types. Front ends still write them.
_OLD = """
void @llvm.dbg.value(metadata, metadata, metadata)
void @llvm.dbg.declare(metadata, metadata, metadata)
void @llvm.lifetime.start.p0(i64, ptr)
void @llvm.lifetime.end.p0(i64, ptr)
"""
_OTHER = re.compile(r"(.*) @(.*?)(\(.*\))")


def usual() -> Iterator[tuple[str, str]]:
    """The names and types of intrinsics of this version of LLVM that are known from the beginning."""
    for kind, suffix in (("double", "f64"), ("float", "f32")):
        for number, names in _REAL_FUNCTIONS.items():
            yield from ((f"llvm.{name}.{suffix}", f"{kind} ({', '.join([kind] * number)})") for name in names.split())
        for width in ("i32", "i64"):
            for name in ("fptosi", "fptoui"):
                yield f"llvm.{name}.sat.{width}.{suffix}", f"{width} ({kind})"
    for width in ("i8", "i16", "i32", "i64"):
        for number, names in _INTEGER_FUNCTIONS.items():
            yield from ((f"llvm.{name}.{width}", f"{width} ({', '.join([width] * number)})") for name in names.split())
        for name in ("abs", "ctlz", "cttz"):
            yield f"llvm.{name}.{width}", f"{width} ({width}, i1)"
        for name in ("sadd", "ssub", "smul", "uadd", "usub", "umul"):
            yield f"llvm.{name}.with.overflow.{width}", f"{{{width}, i1}} ({width}, {width})"
    yield from _listed_in(_OTHERS)


def _listed_in(text: str) -> Iterator[tuple[str, str]]:
    return ((name, f"{result} {types}") for result, name, types in _OTHER.findall(text))


_known = {*usual(), *_listed_in(_OLD)}
