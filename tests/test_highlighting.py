"""The Pygments lexers: agreement with the grammar and the parser, and every text comes back as it was."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lark.lexer import PatternRE, PatternStr
from prompt_toolkit.document import Document
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name, get_lexer_for_filename, guess_lexer
from pygments.token import (
    Comment,
    Error,
    Generic,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    Text,
    Whitespace,
    _TokenType,
)

from kaleido.diagnostics import ParseError, Source
from kaleido.language.highlighting import KaleidoConsoleLexer, KaleidoLexer, patterns
from kaleido.language.hints import KEYWORDS
from kaleido.language.lexer import Token, lex
from kaleido.language.operators import BUILTIN_INFIX, BUILTIN_PREFIX
from kaleido.language.parser import parse
from kaleido.language.table_generator import grammar
from kaleido.repl.entries import CONTINUATION, PROMPT, numbered_prompt
from kaleido.session import Session
from tests.fuzz.reader import texts
from tests.test_language import ERRORS, PROGRAMS, expectations, name, programs, read

ROOT = PROGRAMS.parents[1]
TUTORIALS = sorted((ROOT / "tutorials").rglob("*.kal"))
# Programs with mistakes in them: what can be nothing is what some of them are about.
MISTAKEN = [path for path in ERRORS if path not in programs()]
IGNORED = (Whitespace, Comment.Single, Comment.Hashbang)
LEXERS = [KaleidoLexer, KaleidoConsoleLexer]

SURROGATE = chr(0xD800)

# Always the same texts: a check must not depend on luck.
always_the_same = settings(max_examples=300, deadline=None, database=None, derandomize=True)

WORDS = [
    "kal> ",
    "...> ",
    "kal>",
    "error: ",
    ":time ",
    "def",
    "binary",
    "|",
    "f",
    "(",
    "sin",
    "\n",
    "\r",
    "\r\n",
    " ",
    "#!",
]
ANYTHING = st.one_of(
    st.text(st.characters()),
    texts().map(lambda data: data.decode("utf-8", "surrogateescape")),
    st.lists(st.sampled_from(WORDS)).map("".join),
)


def tokens(text: str, lexer: type[Lexer] = KaleidoLexer) -> list[tuple[int, _TokenType, str]]:
    return list(lexer().get_tokens_unprocessed(text))


def seen(text: str, lexer: type[Lexer] = KaleidoLexer) -> list[tuple[_TokenType, str]]:
    """The tokens of a text that show."""
    return [(kind, value) for _, kind, value in tokens(text, lexer) if kind is not Whitespace]


def kinds(text: str) -> list[_TokenType]:
    return [kind for kind, _ in seen(text)]


def check_comes_back(text: str, lexer: type[Lexer]) -> None:
    position = 0
    for start, _, value in tokens(text, lexer):
        assert start == position and value
        position += len(value)
    assert "".join(value for _, _, value in tokens(text, lexer)) == text


# What the grammar has


def test_the_terminals_are_the_grammar_s() -> None:
    known, found = patterns(), grammar().terminals
    fixed = {each.pattern.value for each in found if isinstance(each.pattern, PatternStr)}
    assert {*known.keywords, *known.marks.values()} == fixed
    others = {each.name for each in found if isinstance(each.pattern, PatternRE)}
    assert others - known.ignored == {"NAME", "NUMBER", "OPERATOR", "STRAY"}, "what is the new terminal to a reader?"


@pytest.mark.parametrize("word", sorted(patterns().keywords))
def test_keywords(word: str) -> None:
    kind = Keyword.Declaration if word in ("binary", "unary") else Keyword
    assert kinds(word) == [kind]
    # Whatever is before and after it, and only where it is the whole word.
    assert kinds(f"def {word}(1)")[1] is kind
    assert kinds(f"{word}s {word.title()} _{word}") == [Name.Variable] * 3


def test_these_are_all_keywords() -> None:
    assert patterns().keywords.keys() == set(KEYWORDS)


@pytest.mark.parametrize("mark", sorted(patterns().marks.values()))
def test_punctuation(mark: str) -> None:
    assert kinds(mark) == [Punctuation]


@pytest.mark.parametrize("operator", sorted({*BUILTIN_INFIX, *BUILTIN_PREFIX}))
def test_builtin_operators(operator: str) -> None:
    assert seen(f"a{operator}b") == [(Name.Variable, "a"), (Operator, operator), (Name.Variable, "b")]


def test_the_prelude_s_functions() -> None:
    with Session() as session:
        names = [each.name for each in session.functions(prelude=True) if each.name.isidentifier()]
    assert "sin" in names and "printd" in names
    for function in names:
        assert kinds(f"{function}(1)")[0] is Name.Builtin
        assert kinds(f"{function} + {function}1(1)")[::2][:2] == [Name.Variable, Name.Function]


# Programs


def test_a_program() -> None:
    text = "#! kaleido\ndef average(a b) # of two\n  (a + b) / 2.0;\nextern cos(x) average(sin (1), x)"
    assert seen(text) == [
        (Comment.Hashbang, "#! kaleido"),
        (Keyword, "def"), (Name.Function, "average"), (Punctuation, "("), (Name.Variable, "a"), (Name.Variable, "b"),
        (Punctuation, ")"), (Comment.Single, "# of two"),
        (Punctuation, "("), (Name.Variable, "a"), (Operator, "+"), (Name.Variable, "b"), (Punctuation, ")"),
        (Operator, "/"), (Number.Float, "2.0"), (Punctuation, ";"),
        (Keyword, "extern"), (Name.Function, "cos"), (Punctuation, "("), (Name.Variable, "x"), (Punctuation, ")"),
        (Name.Function, "average"), (Punctuation, "("), (Name.Builtin, "sin"), (Punctuation, "("), (Number.Float, "1"),
        (Punctuation, ")"), (Punctuation, ","), (Name.Variable, "x"), (Punctuation, ")"),
    ]  # fmt: skip


def test_operators_of_one_s_own() -> None:
    assert seen("def binary <> 10 (a b) -a<>!b") == [
        (Keyword, "def"), (Keyword.Declaration, "binary"), (Name.Function, "<>"), (Number.Float, "10"),
        (Punctuation, "("), (Name.Variable, "a"), (Name.Variable, "b"), (Punctuation, ")"),
        (Operator, "-"), (Name.Variable, "a"), (Operator, "<>!"), (Name.Variable, "b"),
    ]  # fmt: skip
    assert seen("def unary√(x)")[1:3] == [(Keyword.Declaration, "unary"), (Name.Function, "√")]


def test_loops_and_variables() -> None:
    assert seen("var été = .5 in for i = 1, i < f in été") == [
        (Keyword, "var"), (Name.Variable, "été"), (Operator, "="), (Number.Float, ".5"), (Keyword, "in"),
        (Keyword, "for"), (Name.Variable, "i"), (Operator, "="), (Number.Float, "1"), (Punctuation, ","),
        (Name.Variable, "i"), (Operator, "<"), (Name.Variable, "f"), (Keyword, "in"), (Name.Variable, "été"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("f(x)", Name.Function),
        ("f \t\n(x)", Name.Function),
        ("f # (\n # \r (x)", Name.Function),
        ("sin # once\n(x)", Name.Builtin),
        ("f # (x)", Name.Variable),
        ("f # (\n x", Name.Variable),
        ("sin", Name.Variable),
        ("f", Name.Variable),
        ("f;(x)", Name.Variable),
    ],
)
def test_what_is_called(text: str, kind: _TokenType) -> None:
    assert kinds(text)[0] is kind


@pytest.mark.parametrize("between", [" ", "\n", " # sin(\n", "\r\n\t"])
def test_what_is_defined_need_not_be_complete(between: str) -> None:
    assert kinds(f"def{between}sin")[-1] is Name.Function
    assert kinds(f"extern{between}sin(")[-2:] == [Name.Function, Punctuation]
    assert kinds(f"def binary{between}|")[-1] is Name.Function


@pytest.mark.parametrize(
    "stray", ['"a string"', "'c'", '"', "[", "}", "`", "\0", "\x1b", "\ufffd", "\ufeff", SURROGATE]
)
def test_what_can_be_nothing(stray: str) -> None:
    assert seen(f"1 {stray}\n2") == [(Number.Float, "1"), (Error, stray), (Number.Float, "2")]


@pytest.mark.parametrize("text", ["1.2.3", "2x", "1e", "1e+", "0x1F", "1_000", "1²", "1e5.5", "1.e5", "1.", ".5e-3"])
def test_numbers(text: str) -> None:
    check_numbers_are_the_parser_s(text)


@always_the_same
@given(st.from_regex(r"\A\.?[0-9](?:[eE][+-]|[\w.])*\Z"))
def test_malformed_numbers_are_those_the_parser_refuses(text: str) -> None:
    check_numbers_are_the_parser_s(text)


def check_numbers_are_the_parser_s(text: str) -> None:
    try:
        parse(Source("test", text))
    except ParseError:
        assert kinds(text) == [Error]
    else:
        assert kinds(text) == [Number.Float]


def test_a_hash_bang_is_on_the_first_line() -> None:
    assert kinds("#!a\n#!b") == [Comment.Hashbang, Comment.Single]
    assert kinds(" #!a") == kinds("# !a") == [Comment.Single]


@pytest.mark.parametrize("path", [*programs(), *TUTORIALS], ids=lambda path: path.name)
def test_programs_have_errors_in_them_where_they_say_so(path: Path) -> None:
    check_comes_back(read(path), KaleidoLexer)
    # What is said of bytes that are no text depends on who reads them.
    said = "unexpected character" if path.name == "bad_utf8.kal" else expectations(path).error or ""
    assert (Error in kinds(read(path))) == said.startswith(("malformed number", "unexpected character"))


@pytest.mark.parametrize("path", MISTAKEN, ids=lambda path: path.name)
def test_programs_with_mistakes_come_back(path: Path) -> None:
    check_comes_back(read(path), KaleidoLexer)


# Any text


@pytest.mark.parametrize("lexer", LEXERS)
@always_the_same
@given(text=ANYTHING)
@example(text="")
@example(text="kal> def\r...> f(x)\r\n...>\n...> \nkal>")
@example(text="kal> :time\r\n...> 1\n\n\nerror:")
def test_any_text_comes_back(lexer: type[Lexer], text: str) -> None:
    check_comes_back(text, lexer)
    lines = lexer(stripnl=False, ensurenl=False).get_tokens(text)
    unix = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    assert "".join(value for _, value in lines) == unix


@always_the_same
@given(ANYTHING)
@example("binaryx1e5.5.6..7'a\"'\"é\u0301")
def test_the_parser_reads_the_same_tokens(text: str) -> None:
    check_tokens_are_the_parser_s(text)


@pytest.mark.parametrize("path", [*programs(), *MISTAKEN], ids=lambda path: path.name)
def test_the_parser_reads_the_same_programs(path: Path) -> None:
    check_tokens_are_the_parser_s(read(path))


def check_tokens_are_the_parser_s(text: str) -> None:
    shown = [each for each in tokens(text) if each[1] not in IGNORED]
    found = list(lex(text))
    assert [(start, value) for start, _, value in shown] == [(token.start, str(token)) for token in found]
    for (_, kind, _), expected in zip(shown, expected_kinds(found), strict=True):
        assert any(kind is each for each in expected)


def expected_kinds(found: list[Token]) -> Iterable[set[_TokenType]]:
    types = ["", *(token.type for token in found), ""]
    for before, terminal, after in zip(types, types[1:], types[2:], strict=False):
        called = after == "LPAR" or before in ("DEF", "EXTERN")
        match terminal:
            case "NAME":
                yield {Name.Function, Name.Builtin} if called else {Name.Variable}
            case "NUMBER":
                yield {Number.Float, Error}
            case "OPERATOR":
                yield {Name.Function} if before in ("BINARY", "UNARY") else {Operator}
            case "LPAR" | "RPAR" | "COMMA" | "SEMICOLON":
                yield {Punctuation}
            case "STRAY":
                yield {Error}
            case _:
                yield {Keyword, Keyword.Declaration}


@pytest.mark.parametrize(
    "piece", ["1e+", "x", ".", '"', "'\"", "f ", "f\n#", "# ", "(", "\n", "+.", "1.x ", "kal> ", "...> \r"]
)
@pytest.mark.parametrize("lexer", LEXERS)
def test_long_texts(lexer: type[Lexer], piece: str) -> None:
    # Work that grows faster than the text would not end.
    text = "kal> " + piece * 60_000
    assert sum(len(value) for _, _, value in tokens(text, lexer)) == len(text)


# Pygments and prompt_toolkit


@pytest.mark.parametrize("alias", ["kaleido", "kaleidoscope", "Kaleido"])
def test_pygments_finds_it_by_name(alias: str) -> None:
    assert isinstance(get_lexer_by_name(alias), KaleidoLexer)


@pytest.mark.parametrize("alias", ["kaleido-console", "kalcon"])
def test_pygments_finds_transcripts_by_name(alias: str) -> None:
    assert isinstance(get_lexer_by_name(alias), KaleidoConsoleLexer)


def test_pygments_finds_it_by_file_name() -> None:
    # There is another language with the same ending, whatever the text.
    assert isinstance(get_lexer_for_filename("x.kal"), KaleidoLexer)
    assert isinstance(get_lexer_for_filename("x.kal", "def f(x) x"), KaleidoLexer)


def test_pygments_guesses_it_only_where_the_text_says_so() -> None:
    assert isinstance(guess_lexer("#!/usr/bin/env kaleido\n1"), KaleidoLexer)
    assert not isinstance(guess_lexer("1 2 3"), KaleidoLexer)
    kal, plain = (get_lexer_by_name(alias) for alias in ("kal", "text"))
    assert kal.analyse_text("1") < KaleidoLexer.analyse_text("1") < plain.analyse_text("1")


def test_pygments_ends_texts_with_a_line_end() -> None:
    assert list(KaleidoLexer().get_tokens("\n\nx\r\n1")) == [
        (Name.Variable, "x"),
        (Whitespace, "\n"),
        (Number.Float, "1"),
        (Whitespace, "\n"),
    ]


@pytest.mark.parametrize("path", programs(), ids=name)
@pytest.mark.parametrize("from_start", [True, False])
def test_prompt_toolkit_shows_every_line_as_it_is(path: Path, from_start: bool) -> None:
    document = Document(read(path))
    lines = PygmentsLexer(KaleidoLexer, sync_from_start=from_start).lex_document(document)
    # From the end, so that it begins anew in the middle.
    for number in reversed(range(document.line_count)):
        assert "".join(fragment[1] for fragment in lines(number)) == document.lines[number]


def test_prompt_toolkit_styles_lines() -> None:
    lines = PygmentsLexer(KaleidoLexer, sync_from_start=False).lex_document(Document("1\n" * 300 + "def f(x) x"))
    shown = [(fragment[0], fragment[1]) for fragment in lines(300) if fragment[1].strip()]
    assert shown[:2] == [("class:pygments.keyword", "def"), ("class:pygments.name.function", "f")]


def test_nothing_of_it_is_imported_without_need() -> None:
    unneeded = {"argparse", "lark", "prompt_toolkit", "pygments"}
    assert not unneeded & imported_by("from kaleido.cli import run; run(['-c', '1'])")
    own = imported_by("import kaleido.language.highlighting")
    assert "pygments" in own and not {"lark", "llvmlite", "prompt_toolkit"} & own


def imported_by(code: str) -> set[str]:
    """The packages that a Python has imported after `code`."""
    shown = f"{code}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.split())


# Transcripts


def test_the_prompts_are_the_repl_s() -> None:
    for text in (PROMPT, CONTINUATION, numbered_prompt(12), CONTINUATION.rjust(len(numbered_prompt(12)))):
        assert seen(f"{text}1", KaleidoConsoleLexer) == [(Generic.Prompt, text), (Number.Float, "1")]


def test_a_transcript() -> None:
    text = "kal> def\n...> f(x) x\n...> : 1\nkal> f(1)\n1.0\nerror: no\n  kal> 2\nkal>"
    assert seen(text, KaleidoConsoleLexer) == [
        (Generic.Prompt, "kal> "), (Keyword, "def"),
        (Generic.Prompt, "...> "), (Name.Function, "f"), (Punctuation, "("), (Name.Variable, "x"), (Punctuation, ")"),
        (Name.Variable, "x"),
        (Generic.Prompt, "...> "), (Operator, ":"), (Number.Float, "1"),
        (Generic.Prompt, "kal> "), (Name.Function, "f"), (Punctuation, "("), (Number.Float, "1"), (Punctuation, ")"),
        (Generic.Output, "1.0\n"),
        (Generic.Error, "error: no\n"),
        (Generic.Output, "  kal> 2\n"),
        (Generic.Prompt, "kal>"),
    ]  # fmt: skip


def test_commands_in_a_transcript() -> None:
    text = "kal> :tiers\nkal>  :time def(1)\n...> : 2\n: 3\nkal> : x"
    assert seen(text, KaleidoConsoleLexer) == [
        (Generic.Prompt, "kal> "), (Keyword.Pseudo, ":tiers"), (Text, "\n"),
        (Generic.Prompt, "kal> "), (Keyword.Pseudo, ":time"), (Text, " def(1)\n"),
        (Generic.Prompt, "...> "), (Text, ": 2\n"),
        (Generic.Output, ": 3\n"),
        (Generic.Prompt, "kal> "), (Keyword.Pseudo, ":"), (Text, " x"),
    ]  # fmt: skip


def test_a_transcript_that_begins_within_an_entry() -> None:
    assert seen("...> : 2", KaleidoConsoleLexer)[1:] == [(Operator, ":"), (Number.Float, "2")]


def test_transcripts_in_the_readme() -> None:
    blocks = re.findall(r"^```\w*\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    transcripts = [block for block in blocks if "kal> " in block]
    assert transcripts
    for transcript in transcripts:
        check_comes_back(transcript, KaleidoConsoleLexer)
        found = seen(transcript, KaleidoConsoleLexer)
        assert found.count((Generic.Prompt, "kal> ")) == len(re.findall("^kal> ", transcript, re.MULTILINE))
        assert Error not in [kind for kind, _ in found]
