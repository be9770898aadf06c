"""What to write instead: hints for who comes from another language, or has slipped on a key."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from kaleido.diagnostics import suggestion

__all__ = [
    "FORMS",
    "KEYWORDS",
    "character_hint",
    "keyword_hint",
    "number_hint",
    "operator_hint",
    "word_hint",
]

KEYWORDS = ("def", "extern", "if", "then", "else", "for", "var", "in", "binary", "unary")

FORMS = {
    "IF": "it is `if condition then value else value`",
    "FOR": "it is `for i = start, condition, step in body`, where `, step` may be left out",
    "VAR": "it is `var x = value, y = value in body`",
    "DEF": "it is `def name(x y) body`",
    "EXTERN": "it is `extern name(x y)`: every value is a double",
    "INFIX": "`def binary@ 30 (x y) body` defines it, with its precedence",
    "PREFIX": "`def unary@ (x) body` defines it",
}
"""How what a keyword begins is written."""

# Beyond that many characters nobody wants to be told what was meant.
_LONGEST_NUMBER = 40

_CHARACTERS = {
    **dict.fromkeys("\"'", "there are no strings, only numbers: `putchard(65)` writes an A"),
    **dict.fromkeys("{}", "there are no blocks: `a : b` does a, then b, and gives b"),
    **dict.fromkeys("[]", "there are no arrays: every value is a number"),
    "\ufffd": "text is read as UTF-8, and what stood here is not",
}

_OPERATORS = {
    "&&": "`&` is and", "||": "`|` is or", "===": "`==` compares", "!==": "`!=` compares", "<>": "`!=` compares",
    "~=": "`!=` compares", "=<": "it is `<=`", "=>": "it is `>=`", ":=": "`=` assigns",
    **dict.fromkeys(["**", "^"], "`pow(x, y)` is x to the power of y"),
    **dict.fromkeys(["+=", "-=", "*=", "/=", "%="], "`x = x + 1` adds to a variable"),
    **dict.fromkeys(["++", "--"], "`x = x + 1` adds to a variable"),
    **dict.fromkeys(["//", "/*", "*/", "--"], "`#` begins a comment"),
    **dict.fromkeys(["?", "?:"], FORMS["IF"]),
    "->": FORMS["DEF"],
    ".": "a value is a number: it has no parts",
}  # fmt: skip

_WORDS = {
    "return": "a function's value is its body: there is no `return`",
    **dict.fromkeys(["while", "loop", "repeat", "until", "do", "to"], FORMS["FOR"]),
    **dict.fromkeys(["print", "println", "printf", "puts", "echo", "write"], "`printd(x)` prints a number"),
    **dict.fromkeys(["let", "const", "local"], FORMS["VAR"]),
    **dict.fromkeys(["int", "float", "double", "auto", "number"], "every value is a double, and no type is written"),
    **dict.fromkeys(["fn", "fun", "func", "function", "lambda", "proc", "define"], FORMS["DEF"]),
    **dict.fromkeys(["import", "include", "from", "require"], "`extern` declares a function of C"),
    **dict.fromkeys(["elif", "elseif", "elsif"], "it is `else if`"),
    **dict.fromkeys(["true", "True", "TRUE"], "1 is true"),
    **dict.fromkeys(["false", "False", "FALSE", "null", "None", "nil"], "0 is false"),
    "and": "`&` is and", "or": "`|` is or", "not": "`!` is not", "mod": "`%` gives the remainder",
    "abs": "it is `fabs`", "min": "it is `fmin`", "max": "it is `fmax`", "ln": "it is `log`",
    **dict.fromkeys(["begin", "end"], "nothing begins or ends a body: it is one expression"),
    "pi": "`def pi() 4 * atan(1)` defines it", "PI": "`def pi() 4 * atan(1)` defines it",
}  # fmt: skip


def character_hint(character: str) -> str:
    """What to write instead of a character that the language does not use."""
    return _CHARACTERS.get(character, "")


def operator_hint(name: str, defined: Collection[str]) -> str:
    """What to write instead of an operator that is not defined."""
    if name in _OPERATORS:
        return _OPERATORS[name]
    return suggestion(name, defined, alike=0.5)


def word_hint(name: str) -> str:
    """What another language's word is here."""
    return _WORDS.get(name, "")


def keyword_hint(name: str, keywords: Iterable[str] = KEYWORDS) -> str:
    """That `name` may be a slip of one of `keywords`: one letter too many, too few, or in another place."""
    return next((f"did you mean `{keyword}`?" for keyword in keywords if _is_slip(name, keyword)), "")


def _is_slip(name: str, word: str) -> bool:
    if name == word or len(name) < 2:
        return False
    if len(name) == len(word):
        return sorted(name) == sorted(word)
    longer, shorter = (name, word) if len(name) > len(word) else (word, name)
    one_more = len(longer) == len(shorter) + 1
    return one_more and any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))


def number_hint(text: str) -> str:
    """What may have been meant by something that begins as a number does and is none."""
    if len(text) > _LONGEST_NUMBER:
        return ""
    if re.fullmatch(r"0[xXbBoO]\w+", text):
        return "numbers are decimal"
    if re.fullmatch(r"[0-9]+(_[0-9]+)+", text):
        return f"numbers have no `_`: `{text.replace('_', '')}`"
    if re.fullmatch(r"[0-9.]+[eE][+-]?", text):
        return "an exponent has digits, as in `1e9`"
    product = re.fullmatch(r"([0-9]+\.?[0-9]*)([^\W\d]\w*)", text)
    if product is not None:
        return f"`{product[1]} * {product[2]}` multiplies"
    return "a number has one point at most" if text.count(".") > 1 else ""
