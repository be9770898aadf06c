"""Highlighting of the input while it is typed, and the themes as styles of prompt_toolkit."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, cached_property

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.base import OneStyleAndTextTuple
from prompt_toolkit.lexers import Lexer, PygmentsLexer
from prompt_toolkit.styles import BaseStyle, Style, merge_styles, style_from_pygments_dict

from kaleido.jit import Tier
from kaleido.repl.display.themes import THEMES, UI
from kaleido.repl.entries import is_command, is_prompted
from kaleido.report.tier_marks import COLORS, has_256_colors, pieces

__all__ = ["EntryLexer", "styles", "with_tiers"]

_COMMAND = re.compile(r"\s*:\S*")


class EntryLexer(Lexer):
    """Highlights programs, commands (with an argument that is a program), and transcripts.

    The lexers are imported with the first character: the first prompt is there before.
    """

    @cached_property
    def _program(self) -> PygmentsLexer:
        from kaleido.language.highlighting import KaleidoLexer

        # Lexing may start at any line: only white space spans a line end.
        return PygmentsLexer(KaleidoLexer, sync_from_start=False)

    @cached_property
    def _transcript(self) -> PygmentsLexer:
        from kaleido.language.highlighting import KaleidoConsoleLexer

        return PygmentsLexer(KaleidoConsoleLexer)

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        if not document.text:
            return lambda _: []
        if any(map(is_prompted, document.lines)):
            return self._transcript.lex_document(document)
        program = self._program.lex_document(document)
        if not is_command(document.text):
            return program
        return lambda line: self._command_line(document.lines[line]) if not line else program(line)

    def _command_line(self, line: str) -> StyleAndTextTuples:
        match = _COMMAND.match(line)
        if match is None:
            return [("", line)]
        # Here, because the first prompt is drawn without it.
        from kaleido.repl.commands import COMMANDS, Kind

        name: OneStyleAndTextTuple = ("class:pygments.keyword.pseudo", match[0])
        command = COMMANDS.get(match[0].strip().removeprefix(":"))
        rest = line[match.end() :]
        if command is None or not any(each.kind is Kind.PROGRAM for each in command.parameters):
            return [name, ("", rest)]
        return [name, *self._program.lex_document(Document(rest))(0)]


@cache
def styles(name: str) -> BaseStyle:
    """The styles of one of THEMES and of the parts of the prompt, for prompt_toolkit, which asks for each fragment."""
    tiers = {_tier_class(tier): _prompt_color(tier, name) for tier in Tier}
    return merge_styles([style_from_pygments_dict(dict(THEMES[name])), Style.from_dict(dict(UI) | tiers)])


def with_tiers(text: str, style: str) -> StyleAndTextTuples:
    """`text` in a style of prompt_toolkit, with each tier that it names in the color of the tier."""
    return [
        (style if tier is None else f"{style} class:{_tier_class(tier)}", piece)
        for tier, piece in pieces(text)
        if piece
    ]


def _tier_class(tier: Tier) -> str:
    return f"tier-{tier.lower()}"


def _prompt_color(tier: Tier, theme: str) -> str:
    """The color of a tier in the notation of prompt_toolkit, which finds the same one among the 256."""
    if not has_256_colors():
        return {Tier.BASELINE: "ansiyellow", Tier.OPTIMIZED: "ansigreen"}[tier]
    red, green, blue = ((COLORS[theme][tier] - 16) // weight % 6 for weight in (36, 6, 1))
    return "#" + "".join(f"{each * 40 + 55 if each else 0:02x}" for each in (red, green, blue))
