"""Text to colored tokens: lexers for Pygments, for the REPL while one types, and for whoever shows programs.

What a token looks like is the grammar's business. So the terminals of `grammar/kaleido.lark` are put together to one
regular expression, and what is added here is only what a reader sees at a glance and the parser learns later: which
name is being defined, which is called, which number is malformed. No token but white space goes on over a line end,
so a text can be lexed from the beginning of any line; only a definition torn apart there is not seen.

Every character belongs to one token, STRAY ones included, and nothing is looked at more than a few times: a text of
any kind takes time in proportion to its length.

Pygments asks every lexer for its name whenever it looks for one, so importing this module imports no parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from pygments.lexer import Lexer
from pygments.token import Comment, Error, Generic, Keyword, Name, Number, Operator, Punctuation, Text, Whitespace
from pygments.util import shebang_matches

if TYPE_CHECKING:
    from pygments.token import _TokenType as TokenType

__all__ = ["KaleidoConsoleLexer", "KaleidoLexer", "Patterns", "patterns"]

# A place in the text, what stands there, and the text of it.
_Tokens: TypeAlias = "Iterator[tuple[int, TokenType, str]]"


@dataclass(frozen=True)
class Patterns:
    """The grammar's terminals, ready for use.

    `keywords`  each word that is no name -> its terminal, such as ``"def"`` -> ``"DEF"``
    `marks`     the other terminals that are always the same text, such as ``"LPAR"`` -> ``"("``
    `ignored`   the terminals the parser never sees: white space and comments
    `pattern`   matches at every place in every text; `lastgroup` is the terminal, keywords being NAMEs
    `called`    matches behind a name where it is called: up to and including the parenthesis
    """

    keywords: Mapping[str, str]
    marks: Mapping[str, str]
    ignored: frozenset[str]
    pattern: re.Pattern[str]
    called: re.Pattern[str]


@cache
def patterns() -> Patterns:
    """The terminals of the grammar that the parser reads with."""
    from kaleido.language import parser

    found = parser.terminals()
    texts = {name: each.text for name, each in found.items() if each.text is not None}
    keywords = {text: name for name, text in texts.items() if re.fullmatch(found["NAME"].pattern, text)}
    groups = (f"(?P<{name}>{each.pattern})" for name, each in found.items() if name not in keywords.values())
    ignored = [name for name, each in found.items() if each.ignored]
    skipped = "|".join(found[name].pattern for name in ignored)
    return Patterns(
        keywords=keywords,
        marks={name: text for name, text in texts.items() if text not in keywords},
        ignored=frozenset(ignored),
        pattern=re.compile("|".join(groups)),
        called=re.compile(rf"(?:{skipped})*+{found['LPAR'].pattern}"),
    )


@cache
def _prelude_functions() -> frozenset[str]:
    """What a program can call without having defined it."""
    from kaleido.language.nodes import Definition, External
    from kaleido.language.parser import parse
    from kaleido.language.prelude import prelude

    return frozenset(item.prototype.name for item in parse(prelude()) if isinstance(item, Definition | External))


class KaleidoLexer(Lexer):
    """Kaleido programs. Takes the options that every lexer of Pygments takes.

    `get_tokens` does with line ends what those options say. `get_tokens_unprocessed` gives back every text as it is,
    in pieces; it takes the first line it is given for the first line there is.
    """

    name = "Kaleido"
    aliases = ("kaleido", "kaleidoscope")
    filenames = ("*.kal",)
    mimetypes = ("text/x-kaleido",)
    # Pygments has a lexer for another language, Kal, whose files have the same ending.
    priority = 0.1

    @staticmethod
    def analyse_text(text: str) -> float:
        """How likely it is that `text` is Kaleido, from 0 to 1.

        Without a first line that says so: more than Kal gives for any text, less than plain text does, so that
        only the ending of a file's name leads here.
        """
        return 1.0 if shebang_matches(text, "kaleido") else 0.005

    def get_tokens_unprocessed(self, text: str) -> _Tokens:
        """The tokens of `text`: where each begins, its kind, and its characters."""
        known, before = patterns(), ""
        for match in known.pattern.finditer(text):
            terminal, value = match.lastgroup or "", match[0]
            if terminal in known.ignored:
                yield match.start(), _kind_of_ignored(match), value
                continue
            if terminal == "NAME":
                terminal = known.keywords.get(value, terminal)
            yield match.start(), _kind(terminal, before, match), value
            before = terminal


def _kind_of_ignored(match: re.Match[str]) -> TokenType:
    if match[0].isspace():
        return Whitespace
    return Comment.Hashbang if match.start() == 0 and match[0].startswith("#!") else Comment.Single


def _kind(terminal: str, before: str, match: re.Match[str]) -> TokenType:
    """What a terminal is to a reader. `before` is the terminal before it, or ``""``."""
    match terminal:
        case "NAME":
            return Name.Function if before in ("DEF", "EXTERN") else _kind_of_name(match)
        case "NUMBER":
            return Number.Float if _is_number(match[0]) else Error
        case "OPERATOR":
            return Name.Function if before in ("BINARY", "UNARY") else Operator
        case "BINARY" | "UNARY":
            return Keyword.Declaration
        case "STRAY":
            return Error
    return Punctuation if terminal in patterns().marks else Keyword


def _kind_of_name(match: re.Match[str]) -> TokenType:
    if not patterns().called.match(match.string, match.end()):
        return Name.Variable
    return Name.Builtin if match[0] in _prelude_functions() else Name.Function


def _is_number(text: str) -> bool:
    """Whether the parser takes for a number what the grammar takes for one."""
    from kaleido.language.builder import NUMBER

    return NUMBER.fullmatch(text) is not None


# Transcripts. An editor may have removed the blank after a prompt that nothing follows.
_PROMPT = r"(?:kal|\.\.\.)>(?: |(?=[\r\n]|\Z))"
_CONTINUATION = r"\.\.\.>(?: |(?=[\r\n]|\Z))"
_LINE = r"(?:[^\r\n]*+(?:\r\n?|\n)|[^\r\n]++|\Z)"
_PARTS = re.compile(rf"(?P<entry>{_PROMPT}{_LINE}(?:{_CONTINUATION}{_LINE})*+)|(?P<output>(?!\Z){_LINE})")
_ENTRY_LINES = re.compile(rf"({_PROMPT})({_LINE})")
_COMMAND = re.compile(r"(\s*)(:\S*)([\s\S]*)")


class KaleidoConsoleLexer(Lexer):
    """What a session of the REPL looks like on the terminal: prompts with entries behind them, and what came of them.

    The lines of an entry are lexed together, without their prompts. It is a command where the REPL takes it for one:
    when its first line, at ``kal>``, begins with a colon.
    """

    name = "Kaleido console session"
    aliases = ("kaleido-console", "kalcon")
    mimetypes = ("text/x-kaleido-console",)

    def get_tokens_unprocessed(self, text: str) -> _Tokens:
        """The tokens of `text`: where each begins, its kind, and its characters."""
        for part in _PARTS.finditer(text):
            if part.lastgroup == "entry":
                yield from ((part.start() + index, kind, value) for index, kind, value in _entry(part[0]))
            else:
                kind = Generic.Error if part[0].startswith("error:") else Generic.Output
                yield part.start(), kind, part[0]


def _entry(text: str) -> _Tokens:
    # Pygments' own console lexers import it too, but types-Pygments does not know it.
    from pygments.lexer import do_insertions  # type: ignore[attr-defined]

    prompts, lines, length = [], [], 0
    for prompt, line in _ENTRY_LINES.findall(text):
        prompts.append((length, [(0, Generic.Prompt, prompt)]))
        lines.append(line)
        length += len(line)
    entry = "".join(lines)
    command = _COMMAND.fullmatch(entry) if text.startswith("kal>") else None
    tokens = _command(command) if command else KaleidoLexer().get_tokens_unprocessed(entry)
    woven: _Tokens = do_insertions(prompts, tokens)
    return woven


def _command(match: re.Match[str]) -> _Tokens:
    for group, kind in enumerate((Whitespace, Keyword.Pseudo, Text), start=1):
        if match[group]:
            yield match.start(group), kind, match[group]
