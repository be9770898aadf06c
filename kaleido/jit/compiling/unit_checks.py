"""What a unit must be, checked when it is defined. The contract is in the docstring of :class:`Unit`.

The problem. LLVM verifies a module by itself. It does not know what the engine expects of it; and a call by other types
or by another convention than its callee's is valid IR, whose execution is undefined. Such a unit would return a wrong
number, differ between the tiers, or end the process.

The solution. LLVM parses and verifies the IR, and prints it again: then there is one global, one function header and
one call on a line, in one notation. A walk over these lines takes about a third of the time of the parse. What does
not work is to walk over LLVM's own objects: through llvmlite that takes longer than the parse, and it shows neither
calling conventions nor the types that a call has.

A UnitError names the unit and the line of its own IR.

Limits. The callee of a call through a pointer is unknown, and such a call is not checked. Neither is the text of inline
assembly, nor what the code does.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import llvmlite.binding as llvm

from kaleido.jit.compiling.counting import COUNT
from kaleido.jit.compiling.llvm import parse_as_it_is
from kaleido.jit.signature import CONVENTION, Signature, extension, quoted
from kaleido.jit.unit import Unit, UnitError, UnresolvedName, c_name
from kaleido.jit.value_types import leading_type

__all__ = ["check_units"]

_NAME = r'@(?:"([^"]*)"|([-\w.$]+))'

# In front of a name: words and types. A quoted name or a list in parentheses may be part of a type.
_PREFIX = r'((?:"[^"]*"|\([^"@]*\)|[^"@(])*)'

_FUNCTION = re.compile(_PREFIX + _NAME + r"\(")
_GLOBAL = re.compile(_NAME + r" = (.*)")
_CALL = re.compile(r'  (?:%(?:"[^"]*"|[-\w.$]+) = )?(?:tail |musttail |notail )?(?:call|invoke|callbr) (.*)')

# What most lines are like: names without quotes, and values of one word. They are read without looking at each word.
_PLAIN_FUNCTION = re.compile(
    r"(?:define|declare) (tailcc )?(\w+) (@([-\w.$]+))\(((?:[-\w.$% ,]|\([-\w.$% ]*\))*)\)(.*)", re.ASCII
)
_PLAIN_CALL = re.compile(
    r"  (?:%[-\w.$]+ = )?(?:tail |musttail )?call (tailcc )?(\w+) @([-\w.$]+)"
    r"\(((?:\w+ [-\w.$%]+, )*(?:\w+ [-\w.$%]+)?)\)",
    re.ASCII,
)

_CONVENTION = re.compile(rf"\b(?:{'|'.join(sorted(CONVENTION))})\b")

_ATTRIBUTES = re.compile(r"attributes #(\d+) = \{(.*)\}")
_QUOTED = re.compile(r'"[^"]*"')
_INNERMOST = re.compile(r"\([^()]*\)")
_ESCAPE = re.compile(rb"\\(\\|[0-9A-Fa-f]{2})")

_NO_WORDS: frozenset[str] = frozenset()

_LOCAL_LINKAGE = frozenset({"private", "internal"})
_OTHER_LINKAGE = _LOCAL_LINKAGE | {"weak", "weak_odr", "linkonce", "linkonce_odr", "available_externally"}

# Intrinsics for which the code generator has no instruction here: it would end the process.
_ELSEWHERE = re.compile(
    r"llvm\.(?:aarch64|amdgcn|arm|bpf|dx|hexagon|loongarch|mips|nvvm|ppc|r600|riscv|s390|spv|ve|wasm|xcore"
    r"|coro|eh|gcread|gcroot|gcwrite|localescape|localrecover|experimental\.(?:gc|deoptimize|guard|widenable))\."
)

_ENGINE = "jit."

_C_NAME = c_name("")


class _Type(NamedTuple):
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

    def can_call(self, callee: _Type) -> bool:
        """Whether a call of this type may be one of `callee`, whose extensions it need not repeat."""
        return self[:3] == callee[:3] and self.extensions in ((), callee.extensions)


# LLVM prints this above a declaration.
_UNKNOWN = "; Unknown intrinsic"

# What the engine provides to each unit: see `native.faults`, `native.put_byte` and `compiling.counting`.
_PROVIDED = {
    "jit.leave": _Type(False, "ptr", ()),
    "jit.reenter": _Type(False, "void", ("ptr",)),
    "jit.put.byte": _Type(False, "i1", ("ptr", "i32"), ("zeroext", "", "")),
    COUNT: _Type(False, "void", ("ptr",)),
}


class _Function(NamedTuple):
    """A definition or a declaration.

    `line` is the line that LLVM prints, `spelling` the name in it; `words` are those in front of the name, `rest` is
    what follows the parameters.
    """

    name: str
    line: str
    spelling: str
    type: _Type
    is_definition: bool
    words: frozenset[str]
    rest: str


class _Call(NamedTuple):
    callee: str
    type: _Type


def check_units(units: Iterable[Unit], externals: Collection[str] = ()) -> None:
    """Check units and their nested ones. `externals` are those of the engine. Raises UnitError."""
    for unit in units:
        for each in unit.with_nested():
            _check(each, externals)


def _check(unit: Unit, externals: Collection[str]) -> None:
    _check_symbol(unit)
    text = _printed(unit)
    functions: dict[str, _Function] = {}
    calls: list[_Call] = []
    attributes: dict[str, str] = {}
    current: _Function | None = None
    for line in text.split("\n"):
        first = line[:1]
        if first == " ":
            if "call" in line or " invoke " in line:
                calls += _call(line)
                if "musttail" in line and current is not None:
                    _check_tail_call(unit, line, current)
        elif first == "d" and line.startswith(("define ", "declare ")):
            current = _function(line)
            functions[current.name] = current
        elif first == "@":
            _check_global(unit, line, externals)
        elif line.startswith("module asm"):
            raise UnitError(unit, "has assembly of a module, which would be there once for each tier")
        elif first == "a" and (group := _ATTRIBUTES.fullmatch(line)) is not None:
            attributes[group[1]] = group[2]
    _check_body(unit, functions, attributes)
    for function in functions.values():
        _check_function(unit, function, text, externals)
    _check_calls(unit, calls, functions)


def _check_symbol(unit: Unit) -> None:
    if not unit.symbol or "\0" in unit.symbol or unit.symbol.startswith("\1"):
        raise UnitError(unit, "its symbol is empty, or has a character that means something else to LLVM")
    if unit.symbol.startswith(("llvm.", _ENGINE)):
        raise UnitError(unit, f"its symbol begins with `{unit.symbol.partition('.')[0]}.`, which has a meaning already")


def _printed(unit: Unit) -> str:
    """The IR as LLVM prints it."""
    if not isinstance(unit.ir, str):
        hint = "; `str` of it is text" if isinstance(unit.ir, llvm.ModuleRef) else ""
        raise UnitError(unit, f"its IR is a {type(unit.ir).__name__}, not a str{hint}")
    if "\0" in unit.ir:
        raise UnitError(unit, "its IR has a NUL character")
    try:
        with parse_as_it_is(unit.ir) as module:
            return str(module)
    except UnicodeError:
        raise UnitError(unit, "its IR has a character that is not Unicode") from None
    except ValueError as error:
        message = str(error).removeprefix("LLVM IR parsing error\n")
        place = re.match(r"<string>:(\d+):\d+: (?:error: )?", message)
        if place is None:
            raise UnitError(unit, message) from None
        raise UnitError(unit, message[place.end() :].rstrip(), int(place[1])) from None


def _check_global(unit: Unit, line: str, externals: Collection[str]) -> None:
    found = _GLOBAL.match(line)
    assert found is not None, line
    name, words = _unescaped(found), found[3].split()
    if "ifunc" in words:
        raise _error(unit, f"defines `{name}` by a resolver, which the engine does not call", name)
    if any(word.startswith("thread_local") for word in words[: _index_of_kind(words)]):
        raise _error(unit, f"`{name}` is thread-local, which code that is loaded at run time cannot be", name)
    if words[0] in ("external", "extern_weak"):
        _check_resolved(unit, name, externals)
    elif words[0] not in _LOCAL_LINKAGE:
        raise _error(unit, f"`{name}` is neither private nor internal: each tier has a copy of it", name)
    elif words[_index_of_kind(words)] == "global":
        raise _error(unit, f"`{name}` is a variable, not a constant: each tier would have one of its own", name)


def _index_of_kind(words: list[str]) -> int:
    """The index of the word that says what a global is."""
    return next(index for index, word in enumerate(words) if word in ("global", "constant", "alias", "ifunc"))


def _check_body(unit: Unit, functions: Mapping[str, _Function], attributes: Mapping[str, str]) -> None:
    body = functions.get(unit.body)
    if body is None or not body.is_definition:
        others = [f"`{each.name}`" for each in functions.values() if each.is_definition]
        raise UnitError(unit, f"defines {', '.join(others) or 'nothing'}, but not its body `{unit.body}`")
    if body.words & _OTHER_LINKAGE:
        raise _error(unit, f"its body `{body.name}` is not external", body.name, "define")
    if not body.type.is_tail:
        raise _error(unit, f"its body `{body.name}` is not tailcc", body.name, "define")
    if not body.type.agrees(unit.signature):
        shown = _shown(unit.signature)
        raise _error(unit, f"its body is {body.type}, but its signature {shown}", body.name, "define")
    if not any("nounwind" in attributes.get(word[1:], word).split() for word in body.rest.split()):
        raise _error(unit, f"its body `{body.name}` is not nounwind", body.name, "define")


def _check_function(unit: Unit, function: _Function, text: str, externals: Collection[str]) -> None:
    if function.is_definition:
        _check_definition(unit, function)
    elif function.name in unit.calls:
        _check_callee(unit, function, unit.calls[function.name])
    elif function.name.startswith("llvm."):
        if _ELSEWHERE.match(function.name) or f"{_UNKNOWN}\n{function.line}" in text:
            raise _error(unit, f"calls `{function.name}`, which this machine has no instruction for", function.name)
    elif function.type.is_tail:
        raise _error(unit, f"calls `{function.name}`, which is not among its `calls`", function.name)
    elif function.name in _PROVIDED:
        if not function.type.can_call(_PROVIDED[function.name]):
            raise _differs(unit, function.name, function.type, str(_PROVIDED[function.name]), "declare")
    elif function.name.startswith(_C_NAME) and function.name[len(_C_NAME) :] in unit.c_functions:
        signature = unit.calls[function.name[len(_C_NAME) :]]
        if function.type.is_tail or not function.type.agrees(signature):
            raise _differs(unit, function.name, function.type, f"{_shown(signature)} in C", "declare")
    elif _is_used(function, text):
        _check_resolved(unit, function.name, externals)


def _is_used(function: _Function, text: str) -> bool:
    """Whether a function that is declared is used, too."""
    return len(re.findall(re.escape(function.spelling) + r"(?![-\w.$])", text)) > 1


def _check_definition(unit: Unit, function: _Function) -> None:
    if function.name != unit.body and not function.words & _LOCAL_LINKAGE:
        message = f"defines `{function.name}`, which is neither private nor internal"
        raise _error(unit, message, function.name, "define")
    if ' gc "' in function.rest:
        raise _error(unit, f"`{function.name}` has a garbage collector: there is none here", function.name, "define")


def _check_callee(unit: Unit, function: _Function, signature: Signature) -> None:
    if not function.type.is_tail:
        raise _error(unit, f"declares `{function.name}` without tailcc", function.name, "declare")
    if not function.type.agrees(signature):
        raise _differs(unit, function.name, function.type, _shown(signature), "declare")


def _check_calls(unit: Unit, calls: Sequence[_Call], functions: Mapping[str, _Function]) -> None:
    for index, call in enumerate(calls):
        callee = functions.get(call.callee)
        # The declaration of a function with any number of arguments ends in `...`: LLVM compares its type with calls.
        if callee is None or call.type.can_call(callee.type) or call.callee.startswith("llvm."):
            continue
        before = sum(each.callee == callee.name for each in calls[:index])
        if call.type.is_tail != callee.type.is_tail:
            message = f"calls `{callee.name}` {'with' if call.type.is_tail else 'without'} tailcc"
            raise _error(unit, message, callee.name, "call", before=before)
        if "..." not in callee.type.parameters:
            raise _differs(unit, callee.name, call.type, str(callee.type), "call", before)


def _check_tail_call(unit: Unit, line: str, caller: _Function) -> None:
    """LLVM ends the process where a ``musttail`` call is not possible: its result must be extended as its caller's."""
    if extension(line.partition("(")[0].split()) != (*caller.type.extensions, "")[0]:
        name = next((call.callee for call in _call(line)), "")
        message = (
            f"calls {f'`{name}`' if name else 'a pointer'} as musttail, with another zeroext or signext than its own"
        )
        raise _error(unit, message, name, "musttail")


def _check_resolved(unit: Unit, name: str, externals: Collection[str]) -> None:
    if not (name in unit.externals or name in unit.data or name in externals or _in_process(name)):
        message = f"uses `{name}`, which is neither among its `externals` and `data` nor in the process"
        raise _error(unit, message, name, kind=UnresolvedName)


def _in_process(name: str) -> bool:
    if llvm.address_of_symbol(name):
        return True
    try:
        # As an item, not as an attribute: ctypes keeps those, and a library may be loaded in between.
        return bool(ctypes.CDLL(None)[name])
    except (AttributeError, ValueError):
        return False


# Reading a line


@lru_cache(maxsize=1024)
def _function(line: str) -> _Function:
    plain = _PLAIN_FUNCTION.fullmatch(line)
    if plain is not None and _CONVENTION.search(plain[5]) is None:
        kind = _Type(plain[1] is not None, plain[2], _first_words(plain[5]))
        return _Function(plain[4], line, plain[3], kind, line[1] == "e" and line[2] == "f", _NO_WORDS, plain[6])
    found = _FUNCTION.match(line)
    assert found is not None, line
    words = found[1].split()
    inside, rest = _in_parentheses(line[found.end() :])
    kind = _type("tailcc" in words, found[1], inside)
    spelling = line[found.end(1) : found.end() - 1]
    return _Function(_unescaped(found, 2), line, spelling, kind, words[0] == "define", frozenset(words), rest)


def _call(line: str) -> Sequence[_Call]:
    """The call of a function by its name in a line; empty for anything else."""
    plain = _PLAIN_CALL.match(line)
    if plain is not None:
        return (_Call(plain[3], _Type(plain[1] is not None, plain[2], _first_words(plain[4]))),)
    found = _CALL.match(line)
    callee = _FUNCTION.match(found[1]) if found is not None else None
    if found is None or callee is None:
        return ()
    # A call of a function with any number of arguments has the types of its parameters in front of the name.
    prefix = _without_parentheses(callee[1])
    inside, _ = _in_parentheses(found[1][callee.end() :])
    return (_Call(_unescaped(callee, 2), _type("tailcc" in prefix.split(), prefix, inside)),)


def _first_words(parameters: str) -> tuple[str, ...]:
    """The first word of each, where each type is one word."""
    return tuple([each.split(" ", 1)[0] for each in parameters.split(", ")]) if parameters else ()


def _result(prefix: str) -> str:
    """The type at the end of `prefix`."""
    structured = re.search(r"[{\[<%].*", prefix)
    return structured[0].strip() if structured is not None else prefix.split()[-1]


def _in_parentheses(text: str) -> tuple[str, str]:
    """What is before the parenthesis that ends `text`, and what is after it."""
    depth = 0
    for each in re.finditer(r'"[^"]*"|[()]', text):
        if each[0] == ")" and depth == 0:
            return text[: each.start()], text[each.end() :]
        depth += {"(": 1, ")": -1}.get(each[0], 0)
    raise AssertionError(text)


def _type(is_tail: bool, prefix: str, inside: str) -> _Type:
    """The type of a function with `prefix` in front of its name, and `inside` between its parentheses."""
    parameters = _split(_without_parentheses(_QUOTED.sub('""', inside)))
    types = [leading_type(each) for each in parameters]
    extensions = (
        extension(_without_brackets(prefix).split()),
        *(extension(each[len(kind) :].split()) for each, kind in zip(parameters, types, strict=True)),
    )
    return _Type(is_tail, _result(prefix), tuple(types), extensions if any(extensions) else ())


def _split(parameters: str) -> list[str]:
    """The parts between commas that are in no brackets."""
    parts, depth = [""], 0
    for each in re.split(r"([{}\[\]<>]|, )", parameters):
        depth += {"{": 1, "[": 1, "<": 1, "}": -1, "]": -1, ">": -1}.get(each, 0)
        if depth == 0 and each == ", ":
            parts.append("")
        else:
            parts[-1] += each
    return parts if parameters else []


def _without_brackets(prefix: str) -> str:
    return re.split(r"[{\[<%]", prefix, maxsplit=1)[0]


def _without_parentheses(text: str) -> str:
    while "(" in text:
        text = _INNERMOST.sub("", text)
    return text


def _unescaped(found: re.Match[str], group: int = 1) -> str:
    """The name that _NAME has found, without LLVM's quotes."""
    if found[group] is None:
        return found[group + 1]
    return _ESCAPE.sub(
        lambda each: b"\\" if each[1] == b"\\" else bytes([int(each[1], 16)]), found[group].encode()
    ).decode("utf-8", "replace")


# Errors


def _shown(signature: Signature) -> str:
    return f"{signature.result} ({', '.join(signature.parameters)})"


def _differs(unit: Unit, callee: str, found: _Type, expected: str, word: str, before: int = 0) -> UnitError:
    return _error(unit, f"calls `{callee}` as {found}, but `{callee}` is {expected}", callee, word, before=before)


def _error(
    unit: Unit, message: str, name: str, word: str = "", *, before: int = 0, kind: type[UnitError] = UnitError
) -> UnitError:
    """An error at the first line of the unit's IR that has a global `name`, and `word`; skips `before` such lines."""
    place = re.compile(rf"@{re.escape(name)}(?![-\w.$])|{re.escape(quoted(name))}")
    lines = enumerate(unit.ir.split("\n"), 1)
    found = [number for number, line in lines if word in line and place.search(line.partition(";")[0])]
    return kind(unit, message, found[min(before, len(found) - 1)] if found else 0)
