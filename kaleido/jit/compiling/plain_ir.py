"""What is in a module as front ends write it, read from their text alone: for the most usual notation only.

The problem. LLVM takes up to half the time of a parse to print a module, and reading every line of that in Python takes
as long as the parse. A check may cost a third of it.

The solution. Most lines of a front end's modules are the same but for the numbers in them. So each is looked at once,
without digits: no word may be in it but those that most modules have. Headers, globals and calls are found by
patterns of one spacing. As many of each must be found as the text has of the word that begins them; otherwise, the text
is not plain, and is looked at as LLVM prints it.

Nothing here has to hold for text that LLVM does not accept: a unit with such text is refused anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import compress
from operator import not_
from typing import NamedTuple

from kaleido.jit.compiling.ir_lines import MOST_ITEMS, Call, Contents, Function, Global, Type
from kaleido.jit.compiling.ir_words import PLAIN_WORDS, SPACES, is_harmless_intrinsic

__all__ = ["plain_contents"]

_PROBES, _PROBED = " probes ", '"probe-stack"="inline-asm"'

# What llvmlite.ir writes above a module. The engine has a target of its own.
_LLVMLITE = re.compile(r'; ModuleID = "[^"\n]*"\ntarget triple = "[^"\n]*"\ntarget datalayout = "[^"\n]*"(?=\n)')

_STRING_OR_COMMENT = re.compile(r'"[^"]*"|;[^\n]*')
_SIMPLE = re.compile(r"[-\w.$]*", re.ASCII)
# In front of the numbers of names that have other characters.
_ENCODED = "$odd$"

_SCALAR = r"(?:i(?:1|8|16|32|64)|double|float|ptr)"
_VARIABLE = rf"(?:{_SCALAR}|\[\d+ x {_SCALAR}\])"
_GLOBAL = re.compile(
    rf"\n@([-\w.$]+) = (external global {_VARIABLE}"
    rf"|(?:private|internal) (?:unnamed_addr )?constant {_VARIABLE} [-+.\w]+)$",
    re.ASCII | re.MULTILINE,
)
_BRANCH_WEIGHTS = re.compile(r'\n!\d+ = !\{ ?!"branch_weights"(?:, i32 \d+)+ ?\}(?=\n|$)')
_TYPED_POINTERS = ("i64*", "double*", "i32*", "i8*", "float*", "i1*", "i16*", "ptr*")
_POINTER_TO_ARRAY = re.compile(r"\[\d+ x \w+\]\*")
_HEADER = re.compile(
    r"\n(define|declare) (tailcc )?(\w+) @([-\w.$]+)\(((?:[-\w.$% ,]++|\([-\w.$% ]*+\))*+)\)([^@{};\n]*\{?)$",
    re.ASCII | re.MULTILINE,
)
_DEFINITION = re.compile(r"\ndefine [^\n]*")
_CALL_OF_POINTER = re.compile(r"call (?:tailcc )?\w+ %")
_WORD_CALL = re.compile(r"(?<![-\w.$%@])call(?![-\w.$])")
_WORD_HEADER = re.compile(r"(?<![-\w.$%@])(?:define|declare)(?![-\w.$])")

# A quick search, which finds names such as `%i2`, too, and an exact one.
_ODD_WIDTH = re.compile(r"i(?!(?:64|1|32|8|16)(?!\d))\d")
_ODD_TYPE = re.compile(r"[^-\w.$%@]i(?!(?:64|1|32|8|16)(?!\d))\d")

_LARGE_ALIGNMENT = re.compile(r"align \d{3}")
_ALLOCA_OF_MANY = re.compile(r"alloca [^\n]*, i\d")
_ITEMS = re.compile(r"[\[<](\d+) x ([\[<{%])?")
_MOST_ARRAY = 999
# A type of memory, of which there are no values.
_OF_ADDRESS = re.compile(r"getelementptr (?:inbounds )?\[\d+ x \w+\]")

_NO_WORDS: frozenset[str] = frozenset()

_INTRINSIC = re.compile(r"@(llvm\.[-\w.$]+)")

# Zero stays: it begins a number, such as 0x3FF0000000000000.
_DIGITS = str.maketrans("", "", "123456789")
# Lines without digits, of texts that have been read; those of them in which nothing is looked for; and whole lines that
# declare something.
_looked_at_lines: set[str] = set()
_harmless_lines: set[str] = set()
_declarations: dict[str, _Declared] = {}
_MOST_LINES = 10_000
_READ_EACH_TIME = re.compile(r"call|define|declare|alloca|align|[;\\]| x |@llvm|^[@!]")

_KNOWN = frozenset(word.translate(_DIGITS) for word in PLAIN_WORDS) | {"probes"}


def plain_contents(text: str) -> Contents | None:
    """Of a module, if LLVM accepts it; None if the text is not plain enough to be read."""
    if header := _LLVMLITE.match(text):
        text = text[header.end() :]
    if _ODD_WIDTH.search(text) is not None and _ODD_TYPE.search(text) is not None:
        return None
    lines, keys, known = _without_known(text)
    found = _read("\n".join(lines), known)
    if found is None:
        return None
    text, names = found
    is_known = keys <= _looked_at_lines
    if not _is_small(text) or not (is_known or _has_known_words(text)) or not _has_harmless_intrinsics(text):
        return None
    calls = _calls(text, known.functions, names)
    if calls is None:
        return None
    if not is_known:
        _learn(keys - _looked_at_lines, lines)
    return Contents(known.functions, calls, known.globals, {}, False, "")


class _Declared(NamedTuple):
    functions: dict[str, Function]
    globals: list[Global]


def _without_known(text: str) -> tuple[list[str], set[str], _Declared]:
    """The lines of a text that have to be read; all lines without digits; and what is declared by lines known before.

    A string or an instruction of several lines is not read, so it does not matter where a line is.
    """
    keys = text.translate(_DIGITS).split("\n")
    lines: list[str] = []
    declared = _Declared({}, [])
    for line in compress(text.split("\n"), map(not_, map(_harmless_lines.__contains__, keys))):
        known = _declarations.get(line)
        if known is None:
            lines.append(line)
        else:
            declared.functions.update(known.functions)
            declared.globals.extend(known.globals)
    return lines, set(keys) - _harmless_lines, declared


def _read(text: str, declared: _Declared) -> tuple[str, dict[str, str]] | None:
    """Add what is declared in `text`. Returns the rest, and its names: see :func:`_unquoted`. None if it is not plain."""
    unquoted = _unquoted("\n" + text)
    if unquoted is None:
        return None
    text, names = unquoted
    if "*" in text:
        text = _untyped(text)
    if "\n@" in text:
        declared.globals.extend(Global(names.get(name, name), words.split()) for name, words in _GLOBAL.findall(text))
        text = _GLOBAL.sub("", text)
    headers = _HEADER.findall(text)
    if len(headers) != text.count("define") + text.count("declare") and len(headers) != len(_WORD_HEADER.findall(text)):
        return None
    for kind, convention, result, name, parameters, rest in headers:
        type_ = _type(convention, result, parameters)
        if "..." in type_.parameters and kind == "define":
            return None
        name = names.get(name, name)
        declared.functions[name] = Function(name, "", "", type_, kind == "define", _NO_WORDS, rest)
    return text, names


def _learn(keys: set[str], lines: Iterable[str]) -> None:
    """Lines of a text that has been read: those of a front end recur. `keys` are the new ones, without digits."""
    if len(_looked_at_lines) > _MOST_LINES:
        for each in (_looked_at_lines, _harmless_lines, _declarations):
            each.clear()
    _looked_at_lines.update(keys)
    _harmless_lines.update(key for key in keys if _READ_EACH_TIME.search(key) is None and key.count('"') % 2 == 0)
    for line in lines:
        if line.startswith(("declare ", "@")) and line.translate(_DIGITS) in keys:
            declared = _Declared({}, [])
            if _read(line, declared) is not None:
                _declarations[line] = declared


def _unquoted(text: str) -> tuple[str, dict[str, str]] | None:
    """`text` without quotes and comments, and the names in it that are spelled otherwise; None if that is not plain."""
    text = text.replace(_PROBED, _PROBES)
    if "\n!" in text:
        text = _BRANCH_WEIGHTS.sub("", text)
    if ";" in text:
        text = _STRING_OR_COMMENT.sub(lambda found: "" if found[0][0] == ";" else found[0], text)
    names: dict[str, str] = {}
    if '"' in text:
        parts = text.split('"')
        others = [index for index, each in enumerate(parts[:-1:2]) if each[-1:] not in ("@", "%")]
        if len(parts) % 2 == 0 or not all(_is_known_string(parts, 2 * index + 1) for index in others):
            return None
        if any("\\" in each or "\n" in each for each in parts[1::2]):
            return None
        if not _SIMPLE.fullmatch("".join(parts[1::2])):
            parts[1::2], names = _encoded(parts[1::2])
        text = "".join(parts)
    return None if "\\" in text or "\n!" in text else (text, names)


def _is_known_string(parts: list[str], index: int) -> bool:
    """Whether a string that is no name of a value or global is a label, or the text of a constant: that is removed."""
    if parts[index - 1][-2:] in (" c", "]c"):
        parts[index] = ""
        return True
    return parts[index + 1][:1] == ":"


def _encoded(strings: list[str]) -> tuple[list[str], dict[str, str]]:
    """`strings`, with a simple name for each that is not simple; and what these stand for."""
    codes: dict[str, str] = {}
    for each in set(strings):
        if not _SIMPLE.fullmatch(each) or each.startswith(_ENCODED):
            codes[each] = f"{_ENCODED}{len(codes)}"
    return [codes.get(each, each) for each in strings], {code: each for each, code in codes.items()}


def _untyped(text: str) -> str:
    """All pointers as ``ptr``."""
    for each in _TYPED_POINTERS:
        text = text.replace(each, "ptr")
    return _POINTER_TO_ARRAY.sub("ptr", text) if "]*" in text else text


def _is_small(text: str) -> bool:
    """Whether there is nothing in it that needs much memory, on the stack or in LLVM."""
    if "align" in text and _LARGE_ALIGNMENT.search(text) is not None:
        return False
    most = 1
    if "[" in text or "<" in text:
        sizes = _ITEMS.findall(_OF_ADDRESS.sub("", text))
        if any(inner for _, inner in sizes):
            return False
        most = max((int(number) for number, _ in sizes), default=1)
        if most > _MOST_ARRAY:
            return False
    if "alloca" not in text:
        return True
    if _ALLOCA_OF_MANY.search(text) is not None:
        return False
    return most * text.count("alloca") <= MOST_ITEMS or all(_PROBES in each for each in _DEFINITION.findall(text))


def _has_known_words(text: str) -> bool:
    lines = set(text.translate(_DIGITS).split("\n"))
    for word in set(" ".join(lines).translate(SPACES).split()) - _KNOWN:
        first = word[0]
        if first in "%@-#.0!" or "A" <= first <= "Z":
            continue
        if word[-1] != ":":
            return False
    return True


def _has_harmless_intrinsics(text: str) -> bool:
    return "@llvm." not in text or all(map(is_harmless_intrinsic, _INTRINSIC.findall(text)))


@lru_cache(maxsize=1024)
def _type(convention: str, result: str, parameters: str) -> Type:
    words = tuple([each.split(" ", 1)[0] for each in parameters.split(", ")]) if parameters else ()
    return Type(bool(convention), result, words)


def _calls(text: str, functions: dict[str, Function], names: dict[str, str]) -> list[Call] | None:
    """One of each, among functions of the types that are there."""
    unread = text.count("call")
    if not unread:
        return []
    calls = []
    for type_ in {function.type for function in functions.values()}:
        found = _call(type_).findall(text)
        unread -= len(found)
        calls += [Call(names.get(name, name), type_) for name in set(found)]
    if unread:
        unread += len(_WORD_CALL.findall(text)) - text.count("call") - len(_CALL_OF_POINTER.findall(text))
    return None if unread else calls


@lru_cache(maxsize=1024)
def _call(type_: Type) -> re.Pattern[str]:
    """The calls of this type, by the names of what they call."""
    arguments = ", ".join(f"{each} [-+\\w.$%@]+" for each in type_.parameters)
    convention = "tailcc " if type_.is_tail else ""
    return re.compile(rf"call {convention}{type_.result} @([-\w.$]+)\({arguments}\)", re.ASCII)
