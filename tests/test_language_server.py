"""`kaleido lsp`, with pygls' own client on its standard input and output."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from kaleido.diagnostics import Source, Span
from kaleido.formatting.formatter import formatted

pytest.importorskip("pygls", reason="the language server needs the extra kaleido-lang[lsp]")

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.client import LanguageClient

from kaleido.language.source_files import read
from kaleido.lsp import answers
from kaleido.lsp.open_document import Document
from kaleido.lsp.renaming import RenameRefused, renamed
from kaleido.lsp.semantic_tokens import MODIFIERS, TYPES, semantic_tokens
from kaleido.lsp.text_positions import TextPositions
from kaleido.session import Session
from tests.test_language import PROGRAMS

PROGRAM = """# One more.
# Of anything.
def next(n) n + 1
def binary <> 5 (a b) a < b | a > b
total = 3  # é 😀
def sum(n)
  var s in
    (for i = 1, i < n in
      s = s + next(i)) : s
sum(20000) + total
total <> next(total) * 2
"""


class Editor:
    """A client with one server process, and the diagnostics that it has received."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = LanguageClient("test", "1")
        self.problems: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()
        self.messages: list[str] = []
        self._opened = 0

        @self.client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]
        def receive(params: lsp.PublishDiagnosticsParams) -> None:
            self.problems.put_nowait(params)

        @self.client.feature(lsp.WINDOW_SHOW_MESSAGE)  # type: ignore[untyped-decorator]
        def show(params: lsp.ShowMessageParams) -> None:
            self.messages.append(params.message)

        self.do(self._start)

    def do(self, action: Callable[[], Awaitable[Any]]) -> Any:
        async def limited() -> Any:
            return await asyncio.wait_for(action(), 60)

        return self.loop.run_until_complete(limited())

    async def _start(self) -> None:
        await self.client.start_io(sys.executable, "-m", "kaleido", "lsp", "--run-seconds", "1")
        self.capabilities = await self.client.initialize_async(
            lsp.InitializeParams(capabilities=lsp.ClientCapabilities())
        )
        self.client.initialized(lsp.InitializedParams())

    def stop(self) -> None:
        async def leave() -> None:
            await self.client.shutdown_async(None)
            self.client.exit(None)
            await self.client.stop()  # type: ignore[no-untyped-call]

        self.do(leave)
        self.loop.close()

    def open(self, text: str) -> Page:
        self._opened += 1
        return Page(self, f"file:///demo{self._opened}.kal", text)


class Page:
    """One open document."""

    def __init__(self, editor: Editor, uri: str, text: str) -> None:
        self.editor, self.uri, self.text, self.version = editor, uri, text, 0
        item = lsp.TextDocumentItem(uri, "kaleido", 0, text)
        self.problems = self._told(lambda: editor.client.text_document_did_open(lsp.DidOpenTextDocumentParams(item)))

    def change(self, text: str) -> None:
        self.text, self.version = text, self.version + 1
        document = lsp.VersionedTextDocumentIdentifier(version=self.version, uri=self.uri)
        changes = [lsp.TextDocumentContentChangeWholeDocument(text)]
        params = lsp.DidChangeTextDocumentParams(document, changes)
        self.problems = self._told(lambda: self.editor.client.text_document_did_change(params))

    def _told(self, tell: Callable[[], None]) -> list[lsp.Diagnostic]:
        async def answer() -> list[lsp.Diagnostic]:
            tell()
            while (found := await self.editor.problems.get()).uri != self.uri:
                pass
            return list(found.diagnostics)

        found: list[lsp.Diagnostic] = self.editor.do(answer)
        return found

    @property
    def document(self) -> lsp.TextDocumentIdentifier:
        return lsp.TextDocumentIdentifier(self.uri)

    def position(self, before: str, after: str = "") -> lsp.Position:
        """The place between two texts that are adjacent in the document."""
        offset = self.text.index(before + after) + len(before)
        return lsp.Position(*TextPositions(self.text).position(offset))

    def ask(self, name: str, params: Any) -> Any:
        return self.editor.do(lambda: getattr(self.editor.client, f"{name}_async")(params))

    def at(self, name: str, kind: Any, before: str, after: str = "") -> Any:
        return self.ask(name, kind(self.document, self.position(before, after)))

    def hover(self, before: str, after: str = "") -> str:
        found = self.at("text_document_hover", lsp.HoverParams, before, after)
        return "" if found is None else found.contents.value

    def completions(self, before: str, after: str = "") -> dict[str, str | None]:
        found = self.at("text_document_completion", lsp.CompletionParams, before, after)
        return {each.label: each.detail for each in found}

    def shown(self, place: lsp.Range) -> str:
        """The text at a range, with its line from 1."""
        positions = TextPositions(self.text)
        start, end = (positions.offset(each.line, each.character) for each in (place.start, place.end))
        return f"{place.start.line + 1}:{self.text[start:end]}"

    def run(self) -> Any:
        return self.ask("workspace_execute_command", lsp.ExecuteCommandParams("kaleido.run", [self.uri]))

    def hints(self) -> list[tuple[int, int, str]]:
        whole = lsp.Range(lsp.Position(0, 0), lsp.Position(1000, 0))
        found = self.ask("text_document_inlay_hint", lsp.InlayHintParams(self.document, whole))
        return [(each.position.line + 1, each.position.character, each.label) for each in found]

    def rename(self, name: str, before: str, after: str = "") -> str:
        """The text after a renaming."""
        params = lsp.RenameParams(self.document, self.position(before, after), name)
        changes = self.ask("text_document_rename", params).changes
        positions, text = TextPositions(self.text), self.text
        for edit in reversed(changes[self.uri]):
            start, end = (positions.offset(each.line, each.character) for each in (edit.range.start, edit.range.end))
            text = text[:start] + edit.new_text + text[end:]
        return text


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    editor = Editor()
    yield editor
    editor.stop()


def test_errors_are_found_while_the_text_changes(editor: Editor) -> None:
    page = editor.open("def f(x) y😀 + z\nf(1, 2)\n")
    assert [(each.message.partition("\n")[0], page.shown(each.range)) for each in page.problems] != []
    page.change("# 😀\ndef f(x) é + zz\nf(1, 2)")
    assert [(each.message.partition("\n")[0], page.shown(each.range)) for each in page.problems] == [
        ("unknown variable `é`: not defined here", "2:é"),
        ("unknown variable `zz`: not defined here", "2:zz"),
        ("`f` takes 1 argument, not 2", "3:f(1, 2)"),
    ]
    page.change("1 + 😀😀 2; (a = 1) + é)")
    assert [(each.range.start.character, each.range.end.character) for each in page.problems] == [(4, 8)]
    page.change("1 + 2\n")
    assert page.problems == []


def test_a_comment_is_about_the_first_definition_below_it(editor: Editor) -> None:
    page = editor.open("# Of f.\ndef f(x) x def g(x) f(x)\n")
    assert page.hover("g(x) f", "(") == "```kaleido\ndef f(x)\n```\n\nOf f."
    assert page.hover("def g", "(") == "```kaleido\ndef g(x)\n```"


def test_hover_shows_a_signature_and_after_a_run_tier_and_value(editor: Editor) -> None:
    page = editor.open(PROGRAM)
    assert page.problems == []
    assert page.hover("s + ne", "xt") == "```kaleido\ndef next(n)\n```\n\nOne more.\nOf anything."
    assert page.hover("total <", ">") == "```kaleido\ndef binary <> 5 (a b)\n```\n\nPrecedence 5."
    assert (
        page.hover("a < b ", "|")
        == "```kaleido\ndef binary | 5 (a b)\n```\n\nLogic: both operands are always evaluated.\n\n"
        "From the prelude.\n\nPrecedence 5."
    )
    assert page.hover("total <> next(", "total") == "```kaleido\ntotal  # top-level variable\n```"
    assert page.hover("(for i = 1, ", "i") == "```kaleido\ni  # variable\n```"
    assert page.hover("# One", " more") == ""
    result = page.run()
    assert [value for _, _, value in result["values"]] == ["3.0", "200030003.0", "1.0"]
    assert page.hover("total <> next(", "total").endswith("Last run: `3.0`")
    assert "Last run: -O" in page.hover("s + ne", "xt") and " at -O0" in page.hover("s + ne", "xt")
    assert "Last run: its loop `sum.for@" in page.hover("def s", "um")
    assert [each for each in page.hints() if "=" in each[2]] == [
        (5, 9, " = 3.0"),
        (10, 18, " = 200030003.0"),
        (11, 24, " = 1.0"),
    ]
    page.change(PROGRAM + "1")
    assert page.hover("total <> next(", "total").endswith("Last run (of an earlier text): `3.0`")


def test_runs_end_and_say_what_they_have_shown(editor: Editor) -> None:
    page = editor.open("printd(7)\nx = 1\nfor i = 0, 1 in sin(i)\n")
    result = page.run()
    assert (result["output"], result["problem"]) == ("7.000000\n", "stopped after 1 s")
    assert editor.messages[-1].splitlines() == ["7.000000", "0.0", "1.0", "stopped after 1 s"]
    page.change("def f(x) f(x) + 1\nf(1)")
    assert "recursion" in page.run()["problem"]
    page.change("extern system(x)\nsystem(0)")
    assert "`extern` is switched off" in page.run()["problem"]


def test_a_broken_text_keeps_what_was_known(editor: Editor) -> None:
    page = editor.open(PROGRAM)
    page.change(PROGRAM.replace("total <>", "(( total <> su"))
    assert page.problems != []
    assert page.hover("s + ne", "xt").startswith("```kaleido\ndef next(n)\n")
    assert page.hover("su next(", "total") == "```kaleido\ntotal  # top-level variable\n```"
    assert page.hover("total <> s", "u") == ""
    found = page.completions("total <> su")
    assert found["sum"] == "def sum(n)" and found["total"] == "top-level variable"


def test_completion(editor: Editor) -> None:
    page = editor.open(PROGRAM)
    found = page.completions("s = s", " + next")
    assert (found["s"], found["i"], found["n"], found["next"]) == ("variable", "variable", "parameter", "def next(n)")
    assert found["sin"] == "extern sin(x)" and found["if"] is None
    assert "i" not in page.completions("sum(20000) + to", "tal")
    assert page.completions("# One", " more") == {}


def test_definitions_references_and_highlights(editor: Editor) -> None:
    page = editor.open(PROGRAM + "def next(n) n + 2\nnext(3)\n")

    def defined(before: str, after: str) -> str | None:
        found = page.at("text_document_definition", lsp.DefinitionParams, before, after)
        return page.shown(found.range) if found is not None else None

    assert defined("s + ne", "xt") == "3:next"
    assert defined("\nne", "xt(3)") == "12:next"
    assert defined("total <", ">") == "4:<>"
    assert defined("total <> ", "next") == "3:next"
    assert defined("      s = ", "s + next") == "7:s"
    assert defined("a < b ", "|") is None
    for declared, expected in (
        (True, ["3:next", "9:next", "11:next", "12:next", "13:next"]),
        (False, ["9:next", "11:next", "13:next"]),
    ):
        params = lsp.ReferenceParams(lsp.ReferenceContext(declared), page.document, page.position("s + ne", "xt"))
        assert [page.shown(each.range) for each in page.ask("text_document_references", params)] == expected
    found = page.at("text_document_document_highlight", lsp.DocumentHighlightParams, "(for ", "i")
    assert [page.shown(each.range) for each in found] == ["8:i", "8:i", "9:i"]


def test_renaming_keeps_the_program(editor: Editor) -> None:
    page = editor.open(PROGRAM)
    assert page.rename("item", "(for ", "i") == PROGRAM.replace("for i = 1, i <", "for item = 1, item <").replace(
        "next(i)", "next(item)"
    )
    assert page.rename("=/=", "total <", ">") == PROGRAM.replace("<>", "=/=")
    assert page.rename("sin", "s + ne", "xt") == PROGRAM.replace("next(", "sin(")

    def refusal(name: str, before: str, after: str = "") -> str:
        with pytest.raises(JsonRpcInvalidParams) as caught:
            page.rename(name, before, after)
        return str(caught.value)

    assert "already has a meaning" in refusal("n", "      s = ", "s + next")
    assert "already has a meaning" in refusal("sum", "s + ne", "xt")
    assert "already has a meaning" in refusal("<", "total <", ">")
    assert "is not a name" in refusal("if", "(for ", "i")
    assert "is not a name" in refusal("2x", "(for ", "i")
    assert "is not an operator" in refusal("plus", "total <", ">")
    assert "is not defined in this program" in refusal("or", "a < b ", "|")


def test_formatting(editor: Editor) -> None:
    page = editor.open(PROGRAM)
    params = lsp.DocumentFormattingParams(page.document, lsp.FormattingOptions(4, True))
    [edit] = page.ask("text_document_formatting", params)
    assert edit.new_text == formatted(Source("demo", PROGRAM)) != PROGRAM
    page.change(edit.new_text)
    assert list(page.ask("text_document_formatting", params)) == []
    page.change("1 +")
    assert page.ask("text_document_formatting", params) is None


def test_semantic_tokens(editor: Editor) -> None:
    page = editor.open("def binary <- 5 (a b) a\ndef f(x) x<--sin(1) # 😀\nf(y = 2)<-y")
    data = page.ask("text_document_semantic_tokens_full", lsp.SemanticTokensParams(page.document)).data
    line = column = 0
    found = []
    for down, right, length, kind, modifiers in zip(*[iter(data)] * 5, strict=True):
        line, column = line + down, right + (column if down == 0 else 0)
        place = lsp.Range(lsp.Position(line, column), lsp.Position(line, column + length))
        marks = "".join(f" {name}" for bit, name in enumerate(MODIFIERS) if modifiers >> bit & 1)
        found.append(f"{page.shown(place)} {TYPES[kind]}{marks}")
    assert " / ".join(found) == (
        "1:def keyword / 1:binary keyword / 1:<- operator declaration / 1:5 number / 1:a parameter declaration / "
        "1:b parameter declaration / 1:a parameter / "
        "2:def keyword / 2:f function declaration / 2:x parameter declaration / 2:x parameter / 2:<- operator / "
        "2:- operator defaultLibrary / 2:sin function defaultLibrary / 2:1 number / 2:# 😀 comment / "
        "3:f function / 3:y variable declaration / 3:= operator / 3:2 number / 3:<- operator / 3:y variable"
    )


def test_hints_folds_symbols_and_lenses(editor: Editor) -> None:
    page = editor.open(PROGRAM + "def binary ~> (a b) a\n1 ~> 2 + 3\n")
    hints = page.hints()
    # Between built-in operators everybody knows the precedences.
    assert [each for each in hints if each[0] in (3, 10)] == []
    assert [each for each in hints if each[0] in (4, 12, 13)] == [
        (4, 22, "("), (4, 27, ")"), (4, 30, "("), (4, 35, ")"), (12, 13, " 30"), (13, 0, "("), (13, 6, ")"),
    ]  # fmt: skip
    folds = page.ask("text_document_folding_range", lsp.FoldingRangeParams(page.document))
    assert [(each.start_line, each.end_line, each.kind) for each in folds] == [
        (5, 8, None), (6, 8, None), (7, 8, None), (0, 1, "comment"),
    ]  # fmt: skip
    symbols = page.ask("text_document_document_symbol", lsp.DocumentSymbolParams(page.document))
    assert [(each.name, page.shown(each.selection_range), each.detail) for each in symbols] == [
        ("next", "3:next", "def next(n)"),
        ("binary<>", "4:<>", "def binary <> 5 (a b)"),
        ("total", "5:total", ""),
        ("sum", "6:sum", "def sum(n)"),
        ("binary~>", "12:~>", "def binary ~> (a b)"),
    ]
    [lens] = page.ask("text_document_code_lens", lsp.CodeLensParams(page.document))
    assert (lens.command.command, lens.command.arguments) == ("kaleido.run", (page.uri,))


@pytest.mark.parametrize(
    ("encoding", "columns"), [("utf-8", [0, 1, 5, 7]), ("utf-16", [0, 1, 3, 4]), ("utf-32", [0, 1, 2, 3])]
)
def test_columns_count_in_the_units_of_the_encoding(encoding: str, columns: list[int]) -> None:
    positions = TextPositions("\r\na😀é\rb", encoding)
    assert [positions.position(offset) for offset in range(2, 6)] == [(1, column) for column in columns]
    assert [positions.offset(1, column) for column in columns] == [2, 3, 4, 5]
    assert positions.offset(1, 99) == 5 and positions.offset(9, 0) == 7
    assert positions.range(Span(6, 7)) == ((2, 0), (2, 1))


def test_no_text_and_no_place_is_refused() -> None:
    choices = random.Random(0)
    files = sorted(PROGRAMS.rglob("*.kal"))
    with Session() as session:
        for path in choices.sample(files, 40):
            text = read(path).text
            if len(text) > 5_000:
                continue
            document = Document(path.name, session)
            # Whole, then damaged: a part is missing, or is there twice.
            first, last = sorted(choices.choices(range(len(text) + 1), k=2))
            for version in (text, text[:first] + text[last:], text[:last] + text[first:]):
                document.change(version)
                for offset in choices.choices(range(len(version) + 1), k=8):
                    check_answers(document, offset)
                check_whole(document)


def check_answers(document: Document, offset: int) -> None:
    answers.hover(document, offset)
    answers.completion(document, offset)
    for each in answers.occurrences(document, offset):
        assert document.text[each.span.start : each.span.end] == each.symbol.text
    definition = answers.definition(document, offset)
    assert definition is None or document.text[definition.start : definition.end]
    with suppress(RenameRefused):
        spans = renamed(document, offset, "renamed")
        assert {document.text[span.start : span.end] for span in spans} != {""}


def check_whole(document: Document) -> None:
    end = 0
    for token in semantic_tokens(document):
        assert end <= token.span.start < token.span.end
        end = token.span.end
    for each in answers.outline(document):
        assert each.span.start <= each.name_span.start and each.name_span.end <= each.span.end
    assert all(first < last for first, last, _ in answers.folds(document))
    assert all(0 <= each.offset <= len(document.text) for each in answers.hints(document, Span(0, end)))
