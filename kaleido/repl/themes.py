"""What colors things have: one table, for what is typed and for what is printed.

Styles are written as prompt_toolkit writes them, in the sixteen colors that every terminal lets its user choose. A
theme has to be read on the background there is. Where nobody says what that is, only colors are used that are read on
black and on white.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from pygments.token import Token, _TokenType

from kaleido.terminal.text import painted

__all__ = ["THEMES", "UI", "color", "style_of", "theme"]

Theme = Mapping[_TokenType, str]

_EITHER: Theme = {
    Token.Comment: "ansibrightblack",
    Token.Keyword: "bold ansimagenta",
    Token.Keyword.Pseudo: "bold",
    Token.Name.Function: "bold",
    Token.Name.Builtin: "bold",
    Token.Number: "ansimagenta",
    Token.Error: "underline ansired",
    Token.Generic.Prompt: "bold",
    Token.Generic.Error: "ansired",
}

THEMES: Mapping[str, Theme] = {
    "either": _EITHER,
    "dark": {
        **_EITHER,
        Token.Keyword: "bold ansibrightmagenta",
        Token.Name.Function: "ansibrightcyan",
        Token.Name.Builtin: "ansicyan",
        Token.Number: "ansibrightgreen",
        Token.Operator: "ansibrightyellow",
        Token.Error: "underline ansibrightred",
    },
    "light": {
        **_EITHER,
        Token.Name.Function: "ansiblue",
        Token.Name.Builtin: "ansiblue",
        Token.Number: "ansired",
        Token.Operator: "bold",
    },
}
"""What kinds of text look like. Where a kind is not there, a kind that it is a special case of decides."""

UI: Mapping[str, str] = {
    "prompt": "bold",
    "prompt.continuation": "ansibrightblack",
    "auto-suggestion": "ansibrightblack",
    "matching-bracket.cursor": "bold underline",
    "matching-bracket.other": "bold underline",
    "bottom-toolbar": "noreverse",
    "bottom-toolbar.text": "reverse",
    "signature": "reverse bold",
    "signature.parameter": "reverse bold underline",
    "notice": "ansibrightblack",
}
"""What the parts of the prompt look like, in every theme."""

_PARAMETERS = {
    "bold": "1", "italic": "3", "underline": "4", "reverse": "7",
    **{
        name: str(number)
        for begin, prefix in ((30, "ansi"), (90, "ansibright"))
        for number, name in enumerate(
            (prefix + each for each in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")), begin
        )
    },
}  # fmt: skip


def theme(name: str) -> Theme:
    """One of THEMES; for ``auto``, the one for the background that the terminal says it has."""
    return THEMES[_guessed() if name == "auto" else name]


def _guessed() -> str:
    # Few terminals say so, and where they do it is in COLORFGBG.
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    if not background.isdecimal():
        return "either"
    return "light" if int(background) in (7, 15) else "dark"


def style_of(kind: _TokenType, theme: Theme) -> str:
    """The style of a kind of text, or of the nearest that it is a special case of."""
    for each in reversed(kind.split()):
        if each in theme:
            return theme[each]
    return ""


def color(tokens: Iterable[tuple[_TokenType, str]], theme: Theme) -> str:
    """Text in its colors, as a terminal takes it."""
    return "".join(_colored(text, style_of(kind, theme)) for kind, text in tokens)


def _colored(text: str, style: str) -> str:
    parameters = ";".join(_PARAMETERS[word] for word in style.split())
    # Line by line: pagers, and whoever cuts lines, begin each line without colors.
    return "\n".join(painted(line, parameters) if line else line for line in text.split("\n"))
