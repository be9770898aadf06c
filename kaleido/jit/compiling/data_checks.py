"""What data must be, checked when it is defined: a type that has a size, and a constant of that type.

LLVM ends the process for some types and constants, in its parser or when it writes an object file. So what is not made
of usual words is compiled in another process first, as for units: see ``ir_words``.
"""

from __future__ import annotations

import re

from kaleido.jit.compiling.frame_sizes import type_items
from kaleido.jit.compiling.ir_words import SPACES, is_deeply_nested
from kaleido.jit.compiling.llvm import parse_as_it_is
from kaleido.jit.compiling.rehearsal import Failure, rehearse
from kaleido.jit.signature import quoted
from kaleido.jit.unit import Data

__all__ = ["check_data"]

_TYPES = "i1 i8 i16 i32 i64 i128 half float double ptr x"
_WORDS = frozenset(f"{_TYPES} zeroinitializer null undef poison true false".split())
_NUMBER = re.compile(r"-?\d+(?:\.\d*(?:e[-+]?\d+)?)?|0x[0-9A-Fa-f]+", re.ASCII)
_TEXT = re.compile(r'\bc"[^"]*"')
_VECTOR = re.compile(r"<(\d+) x ")

# In items of 8 bytes, what no machine has; and the items of a vector that is aligned to a page.
_MOST_ITEMS, _WIDEST = 1 << 44, 256

# As for units.
_TAKEN = ("\1", "llvm.", "jit.")

# Of a constant in a message, in characters.
_SHOWN = 80

_PLACE = re.compile(r"^(?:LLVM IR parsing error\n)?<string>:\d+:\d+: (?:error: )?")


def check_data(data: Data) -> None:
    """Raises ValueError."""
    if not all(isinstance(each, str) for each in (data.symbol, data.type, data.initializer)):
        raise ValueError("the symbol, the type and the initial value of data are texts")
    if not data.symbol or "\0" in data.symbol or data.symbol.startswith(_TAKEN):
        raise ValueError("the symbol of data is empty, or has a meaning already")
    value = f"{data.type} {data.initializer}"
    if not value.isprintable():
        raise ValueError(f"{data.symbol}: its type and initial value are text on one line")
    if type_items(data.type, {}) > _MOST_ITEMS or any(int(each) > _WIDEST for each in _VECTOR.findall(data.type)):
        raise ValueError(f"{data.symbol}: {data.type} is too large")
    # As an item of a structure it can have no attributes, and nothing can follow it.
    text = f"{quoted(data.symbol)} = global {{ {data.type}, i8 }} {{ {value}, i8 0 }}\n"
    try:
        if not _is_plain(value):
            rehearse(text)
        parse_as_it_is(text).close()
    except (Failure, ValueError) as error:
        reason = _PLACE.sub("", str(error)).partition("\n")[0]
        raise ValueError(f"{data.symbol}: `{value[:_SHOWN]}` is not a type and a constant: {reason}") from None


def _is_plain(value: str) -> bool:
    words = _TEXT.sub("0", value).translate(SPACES).split()
    return not is_deeply_nested(value) and all(map(_is_plain_word, words))


def _is_plain_word(word: str) -> bool:
    return word in _WORDS or _NUMBER.fullmatch(word) is not None
