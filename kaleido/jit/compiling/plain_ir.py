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
from typing import NamedTuple

from kaleido.jit.compiling.frame_sizes import MOST_ITEMS, PROBED
from kaleido.jit.compiling.ir_lines import Contents, Function, Global, Type
from kaleido.jit.compiling.ir_words import MOST_INLINED, PLAIN_WORDS, SPACES, is_harmless_intrinsic

__all__ = ["plain_contents"]

# What llvmlite.ir writes above a module. The engine has a target of its own.
_LLVMLITE = re.compile(r'; ModuleID = "[^"\n]*"\ntarget triple = "[^"\n]*"\ntarget datalayout = "[^"\n]*"(?=\n)')

_STRING_OR_COMMENT = re.compile(r'"[^"]*"|;[^\n]*')

_NAME = r'(?:[-\w.$]+|"[^"\\\n]*")'
_VALUE = r'(?:[-+\w.$@%]+|[@%]"[^"\\\n]*")'
_NAME_IN_QUOTES = re.compile(r'[@%]"[^"\\\n]*"|^"[^"\\\n]*"(?=:)', re.MULTILINE)

_SCALAR = r"(?:i(?:1|8|16|32|64)|double|float|ptr)"
_VARIABLE = rf"(?:{_SCALAR}|\[\d+ x {_SCALAR}\])"
_GLOBAL = re.compile(
    rf"\n@({_NAME}) = (?:(external global) {_VARIABLE}"
    rf'|((?:private|internal) (?:unnamed_addr )?constant) {_VARIABLE} (?:[-+.\w]+|c"[^"\n]*"))$',
    re.ASCII | re.MULTILINE,
)
_BRANCH_WEIGHTS = re.compile(r'\n!\d+ = !\{ ?!"branch_weights"(?:, i32 \d+)+ ?\}(?=\n|$)')
_TYPED_POINTERS = ("i64*", "double*", "i32*", "i8*", "float*", "i1*", "i16*", "ptr*")
_POINTER_TO_ARRAY = re.compile(r"\[\d+ x \w+\]\*")
_HEADER = re.compile(
    rf"\n(define|declare) (tailcc )?(\w+) @({_NAME})"
    r'\(((?:[-\w.$% ,]++|"[-\w.$ #]*+"|\([-\w.$% ]*+\))*+)\)([^@{};\n]*\{?)$',
    re.ASCII | re.MULTILINE,
)
_DEFINITION = re.compile(r"\ndefine [^\n]*")
_CALL_OF_POINTER = re.compile(r"call (?:tailcc )?\w+ %")
_WORD_CALL = re.compile(r"(?<![-\w.$%@])call(?![-\w.$])")
_WORD_HEADER = re.compile(r"(?<![-\w.$%@])(?:define|declare)(?![-\w.$])")

# A quick search, which finds names such as `%i2`, too, and an exact one.
_ODD_WIDTH = re.compile(r"i(?!(?:64|1|32|8|16)(?!\d))\d")
_ODD_TYPE = re.compile(r"[^-\w.$%@]i(?!(?:64|1|32|8|16)(?!\d))\d")

# What `_is_small` looks at.
_OF_SIZE = ("[", "<", "alloca", "align", "alwaysinline", "atomic", "cmpxchg")
_LARGE_ALIGNMENT = re.compile(r"align \d{3}")
# Perhaps one of less alignment than its size: see ``ir_words``.
_ALIGNED_ATOMIC = re.compile(r"(?:atomic|cmpxchg)[^\n]*, align")
_ALLOCA_OF_MANY = re.compile(r"alloca [^\n]*, i\d")
_ITEMS = re.compile(r"[\[<]\s*(\d+)\s+x\s+([\[<{%])?")
_MOST_ARRAY = 999
# A type of memory, of which there are no values.
_OF_ADDRESS = re.compile(r"getelementptr (?:inbounds )?\[\d+ x \w+\]")

_NO_WORDS: frozenset[str] = frozenset()

_INTRINSIC = re.compile(r'@"?(llvm\.[-\w.$]+)')

# Zero stays: it begins a number, such as 0x3FF0000000000000.
_DIGITS = str.maketrans("", "", "123456789")
# Lines without digits, of texts that have been read; those of them in which nothing is looked for; and whole lines that
# declare something.
_looked_at_lines: set[str] = set()
_harmless_lines: set[str] = set()
_declarations: dict[str, Function | Global] = {}
_MOST_LINES = 10_000
_READ_EACH_TIME = re.compile(r"call|define|declare|alloca|align|[;\\]| x |llvm|^[@!]|[\[<][ 0]*$|^[ 0]*x ")

_KNOWN = frozenset(word.translate(_DIGITS) for word in PLAIN_WORDS)


def plain_contents(text: str) -> Contents | None:
    """Of a module, if LLVM accepts it, without its calls, which are right; None if the text is not plain enough."""
    if header := _LLVMLITE.match(text):
        text = text[header.end() :]
    if _ODD_WIDTH.search(text) is not None and _ODD_TYPE.search(text) is not None:
        return None
    lines, keys, declared = _without_known(text)
    rest = _read("\n".join(lines), declared)
    if rest is None:
        return None
    is_known = keys <= _looked_at_lines
    # Lines are many, and they differ by numbers only: these are few.
    words = "\n".join(keys)
    if any(map(words.__contains__, _OF_SIZE)) and not _is_small(rest):
        return None
    if "llvm." in words and not _has_harmless_intrinsics(rest):
        return None
    if not (is_known or _has_known_words(rest)):
        return None
    if not _are_calls_right(rest, declared.functions):
        return None
    if not is_known:
        _learn(keys - _looked_at_lines, lines)
    return Contents(declared.functions, (), declared.globals, {}, False, "")


class _Declared(NamedTuple):
    functions: dict[str, Function]
    globals: list[Global]


def _without_known(text: str) -> tuple[list[str], set[str], _Declared]:
    """The lines of a text that may have to be read; these without digits; and what is declared by lines read before.

    An instruction of several lines is not read, nor is a string, so it does not matter where a line is.
    """
    keys = text.translate(_DIGITS).split("\n")
    new = set(keys) - _harmless_lines
    lines: list[str] = []
    declared = _Declared({}, [])
    for line in compress(text.split("\n"), map(new.__contains__, keys)):
        known = _declarations.get(line)
        if known is None:
            lines.append(line)
        elif isinstance(known, Function):
            declared.functions[known.name] = known
        else:
            declared.globals.append(known)
    return lines, new, declared


def _read(text: str, declared: _Declared) -> str | None:
    """Add what is declared in `text`. Returns the rest, without comments; None if it is not plain."""
    text = "\n" + text
    if "\n!" in text:
        text = _BRANCH_WEIGHTS.sub("", text)
        if "\n!" in text:
            return None
    if ";" in text:
        text = _STRING_OR_COMMENT.sub(lambda found: "" if found[0][0] == ";" else found[0], text)
    if '"' in text and any("\n" in each for each in text.split('"')[1::2]):
        return None
    if "*" in text:
        if any("*" in each for each in text.split('"')[1::2]):
            return None
        text = _untyped(text)
    if "\n@" in text:
        for name, external, constant in _GLOBAL.findall(text):
            declared.globals.append(Global(name.strip('"'), (external or constant).split()))
        text = _GLOBAL.sub("", text)
    headers = _HEADER.findall(text)
    if len(headers) != text.count("define") + text.count("declare") and len(headers) != len(_WORD_HEADER.findall(text)):
        return None
    for kind, convention, result, name, parameters, rest in headers:
        type_ = _type(convention, result, parameters)
        if "..." in type_.parameters and kind == "define":
            return None
        name = name.strip('"')
        declared.functions[name] = Function(name, "", "", type_, kind == "define", _NO_WORDS, rest)
    return text


def _learn(keys: set[str], lines: Iterable[str]) -> None:
    """Lines of a text that has been read: those of a front end recur. `keys` are the new ones, without digits."""
    if len(_looked_at_lines) > _MOST_LINES:
        _looked_at_lines.clear()
        _harmless_lines.clear()
        _declarations.clear()
    _looked_at_lines.update(keys)
    _harmless_lines.update(key for key in keys if _READ_EACH_TIME.search(key) is None and key.count('"') % 2 == 0)
    for line in lines:
        if line.startswith(("declare ", "@")) and line.translate(_DIGITS) in keys:
            declared = _Declared({}, [])
            _read(line, declared)
            # Nothing, if the line is part of an instruction.
            _declarations.update((line, each) for each in declared.functions.values())
            _declarations.update((line, each) for each in declared.globals)


def _untyped(text: str) -> str:
    """All pointers as ``ptr``."""
    for each in _TYPED_POINTERS:
        text = text.replace(each, "ptr")
    return _POINTER_TO_ARRAY.sub("ptr", text) if "]*" in text else text


def _is_small(text: str) -> bool:
    """Whether there is nothing in it that needs much memory, on the stack or in LLVM."""
    if text.count("alwaysinline") > MOST_INLINED:
        return False
    if "align" in text and _LARGE_ALIGNMENT.search(text) is not None:
        return False
    if ("atomic" in text or "cmpxchg" in text) and _ALIGNED_ATOMIC.search(text) is not None:
        return False
    items = text.count("alloca")
    if "[" in text or "<" in text:
        sizes = _ITEMS.findall(_OF_ADDRESS.sub("", text))
        if any(inner or int(number) > _MOST_ARRAY for number, inner in sizes):
            return False
        items += sum(int(number) for number, _ in sizes)
    if "alloca" not in text:
        return True
    if _ALLOCA_OF_MANY.search(text) is not None:
        return False
    return items <= MOST_ITEMS or all(PROBED in each for each in _DEFINITION.findall(text))


def _has_known_words(text: str) -> bool:
    lines = set(_NAME_IN_QUOTES.sub("", text).translate(_DIGITS).split("\n"))
    for word in set(" ".join(lines).translate(SPACES).split()) - _KNOWN:
        first = word[0]
        if first in "%@-#.0!" or "A" <= first <= "Z":
            continue
        if word[-1] != ":":
            return False
    return True


def _has_harmless_intrinsics(text: str) -> bool:
    return all(map(is_harmless_intrinsic, _INTRINSIC.findall(text)))


@lru_cache(maxsize=1024)
def _type(convention: str, result: str, parameters: str) -> Type:
    words = tuple([each.split(" ", 1)[0] for each in parameters.split(", ")]) if parameters else ()
    return Type(bool(convention), result, words)


def _are_calls_right(text: str, functions: dict[str, Function]) -> bool:
    """Whether each call of a function by its name has the type of that function."""
    unread = text.count("call")
    if not unread:
        return True
    for type_ in {function.type for function in functions.values()}:
        found = _call(type_).findall(text)
        unread -= len(found)
        for name in set(found):
            callee = functions.get(name.strip('"'))
            if callee is None or callee.type != type_:
                return False
    if unread:
        unread += len(_WORD_CALL.findall(text)) - text.count("call") - len(_CALL_OF_POINTER.findall(text))
    return not unread


@lru_cache(maxsize=1024)
def _call(type_: Type) -> re.Pattern[str]:
    """The calls of this type, by the names of what they call."""
    arguments = ", ".join(f"{each} {_VALUE}" for each in type_.parameters)
    convention = "tailcc " if type_.is_tail else ""
    return re.compile(rf"call {convention}{type_.result} @({_NAME})\({arguments}\)", re.ASCII)
