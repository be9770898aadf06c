"""Color themes: one table of styles, for the input and for listings.

Styles have the notation of prompt_toolkit. They use the sixteen colors of the terminal, which its user can choose.
The themes ``dark`` and ``light`` are for backgrounds of that kind. The theme ``either`` has only colors that are
legible on black and on white; it is for terminals whose background is unknown.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from pygments.token import Token, _TokenType

from kaleido.terminal.text import painted

__all__ = ["THEMES", "UI", "color", "style_of", "theme_name"]

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
"""The styles of kinds of tokens, by theme. A kind that is missing has the style of its nearest ancestor."""

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
    "signature.error": "reverse bold ansired",
    "notice": "ansibrightblack",
}
"""The styles of the parts of the prompt, the same in every theme."""

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


def theme_name(setting: str, reported: str = "") -> str:
    """One of THEMES by the value of ``:set theme``: for ``auto``, the theme for the background of the terminal.

    `reported` is the background that the terminal has reported, ``dark`` or ``light``; empty if it has not.
    """
    return setting if setting != "auto" else reported or _name_by_environment()


def _name_by_environment() -> str:
    # Some terminals set COLORFGBG, as in ``15;0``.
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    if not background.isdecimal():
        return "either"
    return "light" if int(background) in (7, 15) else "dark"


def style_of(kind: _TokenType, theme: Theme) -> str:
    """The style of a kind of tokens, or of its nearest ancestor that has one."""
    for each in reversed(kind.split()):
        if each in theme:
            return theme[each]
    return ""


def color(tokens: Iterable[tuple[_TokenType, str]], theme: Theme) -> str:
    """The text of `tokens` with escape sequences for its colors."""
    return "".join(_colored(text, style_of(kind, theme)) for kind, text in tokens)


def _colored(text: str, style: str) -> str:
    parameters = ";".join(_PARAMETERS[word] for word in style.split())
    # Each line by itself: pagers, and code that cuts lines, start every line without colors.
    return "\n".join(painted(line, parameters) if line else line for line in text.split("\n"))
