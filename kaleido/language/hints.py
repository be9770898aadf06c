"""Hints for error messages: what to write instead of another language's syntax, or of a misspelled word."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from kaleido.diagnostics import suggestion

__all__ = [
    "FORMS",
    "KEYWORDS",
    "WORD_OPERATORS",
    "character_hint",
    "keyword_hint",
    "number_hint",
    "operator_hint",
    "word_hint",
]

KEYWORDS = ("def", "extern", "if", "then", "else", "for", "var", "in", "binary", "unary")

FORMS = {
    "IF": "write `if condition then value else value`",
    "FOR": "write `for i = start, condition, step in body`, where `, step` is optional",
    "VAR": "write `var x = value, y = value in body`",
    "DEF": "write `def name(x y) body`",
    "EXTERN": "write `extern name(x y)`: every value is a double",
    "INFIX": "`def binary@ 30 (x y) body` defines it, with its precedence",
    "PREFIX": "`def unary@ (x) body` defines it",
}
"""The syntax of each construct, by the terminal it begins with."""

# A longer malformed number gets no hint.
_LONGEST_NUMBER = 40

_CHARACTERS = {
    **dict.fromkeys("\"'", "there are no strings, only numbers: `putchard(65)` writes an A"),
    **dict.fromkeys("{}", "there are no blocks: `a : b` evaluates a, then b, and its value is b"),
    **dict.fromkeys("[]", "there are no arrays: every value is a number"),
    "\ufffd": "programs are read as UTF-8, and these bytes are not valid UTF-8",
}

_OPERATORS = {
    "&&": "`&` is and", "||": "`|` is or", "===": "`==` compares", "!==": "`!=` compares", "<>": "`!=` compares",
    "~=": "`!=` compares", "=<": "write `<=`", "=>": "write `>=`", ":=": "`=` assigns",
    **dict.fromkeys(["**", "^"], "`pow(x, y)` is x to the power of y"),
    **dict.fromkeys(["+=", "-=", "*=", "/=", "%="], "`x = x + 1` adds to a variable"),
    **dict.fromkeys(["++", "--"], "`x = x + 1` adds to a variable"),
    "//": "`floor(x / y)` is a quotient rounded down, and `#` begins a comment",
    **dict.fromkeys(["/*", "*/", "--"], "`#` begins a comment"),
    **dict.fromkeys(["?", "?:"], FORMS["IF"]),
    "->": FORMS["DEF"],
    ".": "every value is a number and has no members",
}  # fmt: skip

_WORDS = {
    "return": "there is no `return`: a function returns the value of its body",
    **dict.fromkeys(["while", "loop", "repeat", "until", "do", "to"], FORMS["FOR"]),
    **dict.fromkeys(["print", "println", "printf", "puts", "echo", "write"], "`printd(x)` prints a number"),
    **dict.fromkeys(["let", "const", "local"], FORMS["VAR"]),
    **dict.fromkeys(["int", "float", "double", "auto", "number"], "no types are written: every value is a double"),
    **dict.fromkeys(["fn", "fun", "func", "function", "lambda", "proc", "define"], FORMS["DEF"]),
    **dict.fromkeys(["import", "include", "from", "require"], "`extern` declares a function of C"),
    **dict.fromkeys(["elif", "elseif", "elsif"], "write `else if`"),
    **dict.fromkeys(["true", "True", "TRUE"], "1 is true"),
    **dict.fromkeys(["false", "False", "FALSE", "null", "None", "nil"], "0 is false"),
    "and": "`&` is and", "or": "`|` is or", "not": "`!` is not", "mod": "`%` is the remainder",
    "abs": "write `fabs`", "min": "write `fmin`", "max": "write `fmax`", "ln": "write `log`",
    **dict.fromkeys(["begin", "end"], "a body is one expression, without `begin` and `end`"),
    **dict.fromkeys(["clear", "cls"], "Ctrl-L clears the screen of the prompt"),
    **dict.fromkeys(["exit", "quit"], "`:quit` or Ctrl-D leaves the prompt; a program ends after its last line"),
    "pi": "`def pi() 4 * atan(1)` defines it", "PI": "`def pi() 4 * atan(1)` defines it",
}  # fmt: skip


WORD_OPERATORS = ("and", "or", "not", "mod")
"""Words that are operators in other languages."""


def character_hint(character: str) -> str:
    """What to write instead of a character that the language does not use."""
    return _CHARACTERS.get(character, "")


def operator_hint(name: str, defined: Collection[str]) -> str:
    """What to write instead of an operator that is not defined."""
    if name in _OPERATORS:
        return _OPERATORS[name]
    return suggestion(name, defined, similarity=0.5)


def word_hint(name: str) -> str:
    """What to write instead of a word from another language."""
    return _WORDS.get(name, "")


def keyword_hint(name: str, keywords: Iterable[str] = KEYWORDS) -> str:
    """The keyword that `name` may be a misspelling of: one letter too many, one too few, or letters transposed."""
    return next((f"did you mean `{keyword}`?" for keyword in keywords if _is_misspelling(name, keyword)), "")


def _is_misspelling(name: str, word: str) -> bool:
    if name == word or len(name) < 2:
        return False
    if len(name) == len(word):
        return sorted(name) == sorted(word)
    longer, shorter = (name, word) if len(name) > len(word) else (word, name)
    one_more = len(longer) == len(shorter) + 1
    return one_more and any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))


def number_hint(text: str) -> str:
    """What to write instead of a malformed number."""
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
    return "a number has at most one decimal point" if text.count(".") > 1 else ""
