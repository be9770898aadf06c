"""Syntax highlighting: Pygments lexers for Kaleido programs and for sessions of the REPL.

The grammar defines the tokens: the terminals of `grammar/kaleido.lark` are combined to one regular expression. This
module only adds what the grammar's rules, not its terminals, tell apart: names that are defined, names that are called,
malformed numbers. Only white space spans a line end, so a text can be lexed from the beginning of any line; a
definition whose `def` is on the line before is then not recognized as one.

Every character belongs to a token (some to STRAY), and is examined a constant number of times: lexing takes time in
proportion to the length of the text.

Pygments imports every lexer's module when it looks one up by name, so importing this module does not import the parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pygments.lexer import Lexer
from pygments.token import Comment, Error, Generic, Keyword, Name, Number, Operator, Punctuation, Text, Whitespace
from pygments.util import shebang_matches

if TYPE_CHECKING:
    from pygments.token import _TokenType as TokenType

__all__ = ["KaleidoConsoleLexer", "KaleidoLexer", "Patterns", "patterns"]

# For each token its offset in the text, its type, and its characters.
_Tokens: TypeAlias = "Iterator[tuple[int, TokenType, str]]"


class Patterns(NamedTuple):
    """The grammar's terminals as regular expressions.

    `keywords`  each keyword -> its terminal, such as ``"def"`` -> ``"DEF"``
    `marks`     the other terminals that always have the same text, such as ``"LPAR"`` -> ``"("``
    `ignored`   the terminals that the parser does not see: white space and comments
    `pattern`   matches at every offset of every text; `lastgroup` is the terminal, which is NAME for keywords
    `called`    matches after a name that is called: up to and including the parenthesis
    """

    keywords: Mapping[str, str]
    marks: Mapping[str, str]
    ignored: frozenset[str]
    pattern: re.Pattern[str]
    called: re.Pattern[str]


@cache
def patterns() -> Patterns:
    """The patterns made from the grammar's terminals."""
    from kaleido.language.lexer import terminals

    found = terminals()
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
    """The names of the functions that the prelude defines or declares."""
    from kaleido.language.nodes import Definition, External
    from kaleido.language.parser import parse
    from kaleido.language.prelude import prelude

    return frozenset(item.prototype.name for item in parse(prelude()) if isinstance(item, Definition | External))


class KaleidoLexer(Lexer):
    """Kaleido programs. Takes the options of every Pygments lexer.

    `get_tokens` treats line ends as those options say. The tokens of `get_tokens_unprocessed` joined are the text. The
    first line of the text may be a shebang line.
    """

    name = "Kaleido"
    aliases = ("kaleido", "kaleidoscope")
    filenames = ("*.kal",)
    mimetypes = ("text/x-kaleido",)
    # Pygments has a lexer for another language, Kal, with the same file name extension.
    priority = 0.1

    @staticmethod
    def analyse_text(text: str) -> float:
        """How likely it is that `text` is Kaleido, from 0 to 1.

        Without a shebang line, it is more than Kal's lexer returns for any text and less than the plain-text lexer
        returns, so that this lexer is chosen only by the file name extension.
        """
        return 1.0 if shebang_matches(text, "kaleido") else 0.005

    def get_tokens_unprocessed(self, text: str) -> _Tokens:
        """The tokens of `text`: for each its offset, its type, and its characters."""
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
    """The token type of a terminal. `before` is the terminal before it, or ``""``."""
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
    """Whether a NUMBER of the grammar has the form that the builder accepts."""
    from kaleido.language.builder import NUMBER

    return NUMBER.fullmatch(text) is not None


# Transcripts. An editor may have removed the blank after a prompt at the end of a line.
# Prompts may have the number of the entry, as in ``[3] kal>``, with which the continuations are aligned.
_PROMPT = r"(?:(?:\[[0-9]++\] )?kal| *+\.\.\.)>(?: |(?=[\r\n]|\Z))"
_CONTINUATION = r" *+\.\.\.>(?: |(?=[\r\n]|\Z))"
_LINE = r"(?:[^\r\n]*+(?:\r\n?|\n)|[^\r\n]++|\Z)"
_PARTS = re.compile(rf"(?P<entry>{_PROMPT}{_LINE}(?:{_CONTINUATION}{_LINE})*+)|(?P<output>(?!\Z){_LINE})")
_ENTRY_LINES = re.compile(rf"({_PROMPT})({_LINE})")
_COMMAND = re.compile(r"(\s*)(:\S*)([\s\S]*)")


class KaleidoConsoleLexer(Lexer):
    """A session of the REPL as the terminal shows it: prompts with entries, and the output of each entry.

    The lines of an entry are lexed together, without their prompts. As in the REPL, an entry is a command if its first
    line, after ``kal>``, begins with a colon.
    """

    name = "Kaleido console session"
    aliases = ("kaleido-console", "kalcon")
    mimetypes = ("text/x-kaleido-console",)

    def get_tokens_unprocessed(self, text: str) -> _Tokens:
        """The tokens of `text`: for each its offset, its type, and its characters."""
        for part in _PARTS.finditer(text):
            if part.lastgroup == "entry":
                yield from ((part.start() + index, kind, value) for index, kind, value in _entry(part[0]))
            else:
                kind = Generic.Error if part[0].startswith("error:") else Generic.Output
                yield part.start(), kind, part[0]


def _entry(text: str) -> _Tokens:
    # Pygments' own console lexers import this function, too, but types-Pygments does not declare it.
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
