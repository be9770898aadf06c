"""What is in a module of LLVM assembly: its functions, its calls of them by name, and its globals, from lines of text.

:func:`contents` reads what LLVM prints: one global, one function header or one call on a line, in one notation. For
what front ends write, see ``plain_ir``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from kaleido.jit.compiling.frame_sizes import MOST_ITEMS, named_types, stack_items
from kaleido.jit.signature import Signature, extension
from kaleido.jit.value_types import leading_type

__all__ = ["Call", "Contents", "Function", "Global", "Type", "arguments", "contents", "unescaped"]

_NAME = r'@(?:"([^"]*)"|([-\w.$]+))'

# In front of a name: words and types. A quoted name or a list in parentheses may be part of a type.
_PREFIX = r'((?:"[^"]*"|\([^"@]*\)|[^"@(])*)'

_FUNCTION = re.compile(_PREFIX + _NAME + r"\(")
_GLOBAL = re.compile(_NAME + r" = (.*)")
_CALL = re.compile(r'  (?:%(?:"[^"]*"|[-\w.$]+) = )?(?:tail |musttail |notail )?(?:call|invoke|callbr) (.*)')

_ALIAS = re.compile(rf"{_NAME} = .*\balias .*, ptr {_NAME}$")
_ATTRIBUTES = re.compile(r"attributes #(\d+) = \{(.*)\}")
_QUOTED = re.compile(r'"[^"]*"')
_BRACKET = re.compile(r'"[^"]*"|[(){}<>\[\]]|, ')
_INNERMOST = re.compile(r"\([^()]*\)")
_ESCAPE = re.compile(rb"\\(\\|[0-9A-Fa-f]{2})")


class Type(NamedTuple):
    """The type of a function or of a call, as text: the convention is ``tailcc``, or everything else.

    `extensions` are as those of a Signature.
    """

    is_tail: bool
    result: str
    parameters: tuple[str, ...]
    extensions: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.extensions:
            return f"{self.result} ({', '.join(self.parameters)})"
        first, *others = self.extensions
        parameters = zip(self.parameters, others, strict=True)
        return f"{first} {self.result}".lstrip() + f" ({', '.join(' '.join(each).rstrip() for each in parameters)})"

    def agrees(self, signature: Signature) -> bool:
        types = (self.result, self.parameters) == (signature.result_type, signature.parameter_types)
        return types and self.extensions == signature.extensions

    def can_call(self, callee: Type) -> bool:
        """Whether a call of this type may be one of `callee`, whose extensions it need not repeat."""
        return self[:3] == callee[:3] and self.extensions in ((), callee.extensions)


class Global(NamedTuple):
    """A variable, a constant or an alias. `words` are what follows its name."""

    name: str
    words: list[str]


class Contents(NamedTuple):
    """`attributes` are the groups by number; `text` is all of it, as LLVM prints it, or empty.

    `large_frames` are the functions that put arrays of more than MOST_ITEMS, or of a computed size, on the stack.
    `wrong_tail_calls` are the lines of ``musttail`` calls whose result is extended otherwise than that of their caller:
    LLVM ends the process there. `aliases` are names of what they stand for, as far as that has a name.
    """

    functions: Mapping[str, Function]
    calls: Sequence[Call]
    globals: Sequence[Global]
    attributes: Mapping[str, str]
    has_assembly: bool
    text: str
    wrong_tail_calls: Sequence[str] = ()
    large_frames: Sequence[Function] = ()
    aliases: Mapping[str, str] = MappingProxyType({})


def contents(text: str) -> Contents:
    """Of a module as LLVM prints it."""
    functions: dict[str, Function] = {}
    calls: list[Call] = []
    globals_: list[Global] = []
    attributes: dict[str, str] = {}
    wrong: list[str] = []
    items: dict[str, int] = {}
    aliases: dict[str, str] = {}
    types = named_types(text) if " = type " in text else {}
    function: Function | None = None
    for line in text.split("\n"):
        first = line[:1]
        if first == " ":
            calls += _call(line)
            if function is not None and ("= alloca " in line or "byval(" in line):
                more = stack_items(line, types)
                items[function.name] = items.get(function.name, 0) + (MOST_ITEMS + 1 if more is None else more)
            if "musttail" in line and function is not None and _extends(line) != (*function.type.extensions, "")[0]:
                wrong.append(line)
        elif first == "d" and line.startswith(("define ", "declare ")):
            function = _function(line)
            functions[function.name] = function
        elif first == "@" and (found := _GLOBAL.match(line)) is not None:
            globals_.append(Global(_unescaped(found), _QUOTED.sub('""', found[3]).split()))
            if (alias := _ALIAS.match(line)) is not None:
                aliases[_unescaped(alias)] = _unescaped(alias, 3)
        elif first == "a" and (group := _ATTRIBUTES.fullmatch(line)) is not None:
            attributes[group[1]] = group[2]
    large = [functions[name] for name, number in items.items() if number > MOST_ITEMS]
    return Contents(functions, calls, globals_, attributes, "\nmodule asm" in text, text, wrong, large, aliases)


class Function(NamedTuple):
    """A definition or a declaration.

    `line` is the line that LLVM prints, `spelling` the name in it; `words` are those in front of the name, `rest` is
    what follows the parameters.
    """

    name: str
    line: str
    spelling: str
    type: Type
    is_definition: bool
    words: frozenset[str]
    rest: str


class Call(NamedTuple):
    callee: str
    type: Type


def _extends(call: str) -> str:
    """How the result of a call is extended: ``zeroext``, ``signext`` or not at all."""
    return extension(call.partition("(")[0].split())


@lru_cache(maxsize=1024)
def _function(line: str) -> Function:
    found = _FUNCTION.match(line)
    assert found is not None, line
    words = found[1].split()
    parameters, rest = arguments(line[found.end() :])
    kind = _type("tailcc" in words, found[1], parameters)
    spelling = line[found.end(1) : found.end() - 1]
    return Function(_unescaped(found, 2), line, spelling, kind, words[0] == "define", frozenset(words), rest)


def _call(line: str) -> Sequence[Call]:
    """The call of a function by its name in a line; empty for anything else."""
    found = _CALL.match(line)
    callee = _FUNCTION.match(found[1]) if found is not None else None
    if found is None or callee is None:
        return ()
    # A call of a function with any number of arguments has the types of its parameters in front of the name.
    prefix = _without_parentheses(callee[1])
    parameters, _ = arguments(found[1][callee.end() :])
    return (Call(_unescaped(callee, 2), _type("tailcc" in prefix.split(), prefix, parameters)),)


def _result(prefix: str) -> str:
    """The type at the end of `prefix`."""
    structured = re.search(r"[{\[<%].*", prefix)
    return structured[0].strip() if structured is not None else prefix.split()[-1]


def arguments(text: str) -> tuple[list[str], str]:
    """What is between the commas before the parenthesis that ends `text`, and what is after that."""
    found, depth, begin = [], 0, 0
    for each in _BRACKET.finditer(text):
        if depth == 0 and each[0] in (", ", ")"):
            found.append(text[begin : each.start()])
            begin = each.end()
            if each[0] == ")":
                return found if found != [""] else [], text[begin:]
        depth += {"(": 1, "{": 1, "[": 1, "<": 1, ")": -1, "}": -1, "]": -1, ">": -1}.get(each[0], 0)
    raise AssertionError(text)


def _type(is_tail: bool, prefix: str, parameters: Sequence[str]) -> Type:
    """The type of a function with `prefix` in front of its name."""
    parameters = [_without_parentheses(_QUOTED.sub('""', each)) for each in parameters]
    types = [leading_type(each) for each in parameters]
    extensions = (
        extension(_without_brackets(prefix).split()),
        *(extension(each[len(kind) :].split()) for each, kind in zip(parameters, types, strict=True)),
    )
    return Type(is_tail, _result(prefix), tuple(types), extensions if any(extensions) else ())


def _without_brackets(prefix: str) -> str:
    return re.split(r"[{\[<%]", prefix, maxsplit=1)[0]


def _without_parentheses(text: str) -> str:
    while "(" in text:
        text = _INNERMOST.sub("", text)
    return text


def _unescaped(found: re.Match[str], group: int = 1) -> str:
    """The name that _NAME has found, without LLVM's quotes."""
    return found[group + 1] if found[group] is None else unescaped(found[group])


def unescaped(name: str) -> str:
    """What LLVM has written between quotes."""
    return _ESCAPE.sub(lambda each: b"\\" if each[1] == b"\\" else bytes([int(each[1], 16)]), name.encode()).decode(
        "utf-8", "replace"
    )
