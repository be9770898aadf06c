"""The requests of the Language Server Protocol, as a pygls server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from kaleido import __version__
from kaleido.diagnostics import Diagnostic, KaleidoError, Span
from kaleido.formatting.formatter import formatted
from kaleido.lsp import answers
from kaleido.lsp.open_document import Document
from kaleido.lsp.program_symbols import Kind
from kaleido.lsp.renaming import RenameRefused, renamed
from kaleido.lsp.run_process import RunResult, run_program
from kaleido.lsp.semantic_tokens import MODIFIERS, TYPES, semantic_tokens
from kaleido.lsp.text_positions import TextPositions
from kaleido.session import Session

__all__ = ["RUN", "create_server"]

RUN = "kaleido.run"
"""The command that runs a document; its argument is the URI. Its result is a RunResult as an object, without `text`."""

# Seconds without a change until a text is checked.
_PAUSE = 0.1

_COMPLETIONS = {
    "function": lsp.CompletionItemKind.Function,
    "variable": lsp.CompletionItemKind.Variable,
    "keyword": lsp.CompletionItemKind.Keyword,
}
_SYMBOLS = {
    Kind.FUNCTION: lsp.SymbolKind.Function,
    Kind.OPERATOR: lsp.SymbolKind.Operator,
    Kind.TOP_LEVEL: lsp.SymbolKind.Variable,
}


class _OpenDocument(Document):
    """A document that an editor has open, with what is due for it."""

    def __init__(self, uri: str, session: Session, encoding: str) -> None:
        self.uri, self.encoding = uri, encoding
        self.check: asyncio.TimerHandle | None = None
        self.run: asyncio.Task[RunResult] | None = None
        super().__init__(uri.rpartition("/")[2], session)

    def change(self, text: str) -> None:
        super().change(text)
        self.positions = TextPositions(text, self.encoding)

    def offset(self, position: lsp.Position) -> int:
        return self.positions.offset(position.line, position.character)

    def position(self, offset: int) -> lsp.Position:
        return lsp.Position(*self.positions.position(offset))

    def range(self, span: Span) -> lsp.Range:
        return lsp.Range(self.position(span.start), self.position(span.end))


class _Server(LanguageServer):
    """The server, its open documents, and the session that checks them."""

    def __init__(self, seconds: float, *, externs: bool) -> None:
        super().__init__("kaleido", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.seconds, self.externs = seconds, externs
        self.session = Session(externs=externs)
        self.documents: dict[str, _OpenDocument] = {}

    def document(self, params: Any) -> _OpenDocument:
        """The document of a request. Raises JsonRpcInvalidParams if it is not open."""
        return self.opened(params.text_document.uri)

    def opened(self, uri: str) -> _OpenDocument:
        try:
            return self.documents[uri]
        except KeyError:
            raise JsonRpcInvalidParams(f"{uri} is not open") from None

    def check(self, document: _OpenDocument) -> None:
        """Send the errors in a document."""
        document.check = None
        problems = [_problem(document, each) for each in document.problems()]
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(document.uri, problems))

    def check_soon(self, document: _OpenDocument) -> None:
        """Check a document when its user pauses."""
        if document.check is not None:
            document.check.cancel()
        document.check = asyncio.get_running_loop().call_later(_PAUSE, self.check, document)

    async def run(self, document: _OpenDocument) -> RunResult:
        """Run the present text of a document; a run of it that is in progress ends."""
        if document.run is not None:
            document.run.cancel()
        running = asyncio.create_task(
            run_program(document.name, document.text, seconds=self.seconds, externs=self.externs)
        )
        document.run = running
        document.last_run = result = await running
        workspace = self.client_capabilities.workspace
        if workspace is not None and workspace.inlay_hint is not None and workspace.inlay_hint.refresh_support:
            self.workspace_inlay_hint_refresh(None)
        return result


def create_server(*, seconds: float = 10.0, externs: bool = False) -> LanguageServer:
    """The server. A run of a program ends after `seconds`.

    `externs`: whether programs may declare C functions beyond the prelude's.
    """
    server = _Server(seconds, externs=externs)
    _follow_documents(server)
    _answer_about_names(server)
    _answer_about_texts(server)
    _offer_runs(server)
    return server


def _problem(document: _OpenDocument, found: Diagnostic) -> lsp.Diagnostic:
    place = found.span if found.source is document.source and found.span is not None else Span(0, 0)
    lines = [f"{found.title}: {found.label}" if found.label else found.title]
    if found.hint:
        lines.append(f"hint: {found.hint}")
    others = [
        lsp.DiagnosticRelatedInformation(lsp.Location(document.uri, document.range(each.span)), each.text)
        for each in found.others
        if each.source is document.source
    ]
    return lsp.Diagnostic(
        document.range(place), "\n".join(lines), lsp.DiagnosticSeverity.Error, source="kaleido",
        related_information=others or None,
    )  # fmt: skip


# Documents


def _follow_documents(server: _Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def open_document(ls: _Server, params: lsp.DidOpenTextDocumentParams) -> None:
        uri = params.text_document.uri
        encoding = lsp.PositionEncodingKind(ls.workspace.position_encoding or "utf-16")
        document = _OpenDocument(uri, ls.session, encoding.value)
        ls.documents[uri] = document
        document.change(params.text_document.text)
        ls.check(document)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def change_document(ls: _Server, params: lsp.DidChangeTextDocumentParams) -> None:
        document = ls.document(params)
        document.change(params.content_changes[-1].text)
        ls.check_soon(document)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def close_document(ls: _Server, params: lsp.DidCloseTextDocumentParams) -> None:
        document = ls.documents.pop(params.text_document.uri, None)
        if document is None:
            return
        if document.check is not None:
            document.check.cancel()
        if document.run is not None:
            document.run.cancel()
        ls.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(document.uri, []))


# Names


def _answer_about_names(server: _Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(ls: _Server, params: lsp.HoverParams) -> lsp.Hover | None:
        document = ls.document(params)
        found = answers.hover(document, document.offset(params.position))
        if found is None:
            return None
        text, span = found
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text), document.range(span))

    @server.feature(lsp.TEXT_DOCUMENT_COMPLETION)
    def completion(ls: _Server, params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        document = ls.document(params)
        return [
            lsp.CompletionItem(
                each.text,
                kind=_COMPLETIONS[each.kind],
                detail=each.detail or None,
                documentation=each.comment or None,
            )
            for each in answers.completion(document, document.offset(params.position))
        ]

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def definition(ls: _Server, params: lsp.DefinitionParams) -> lsp.Location | None:
        document = ls.document(params)
        span = answers.definition(document, document.offset(params.position))
        return lsp.Location(document.uri, document.range(span)) if span is not None else None

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def references(ls: _Server, params: lsp.ReferenceParams) -> list[lsp.Location]:
        document = ls.document(params)
        return [
            lsp.Location(document.uri, document.range(each.span))
            for each in answers.occurrences(document, document.offset(params.position))
            if params.context.include_declaration or not each.is_definition
        ]

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)
    def highlight(ls: _Server, params: lsp.DocumentHighlightParams) -> list[lsp.DocumentHighlight]:
        document = ls.document(params)
        found = answers.occurrences(document, document.offset(params.position))
        return [lsp.DocumentHighlight(document.range(each.span)) for each in found]

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepare_rename(ls: _Server, params: lsp.PrepareRenameParams) -> lsp.Range:
        document = ls.document(params)
        return document.range(_renamed(document, params.position, None)[0])

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def rename(ls: _Server, params: lsp.RenameParams) -> lsp.WorkspaceEdit:
        document = ls.document(params)
        spans = _renamed(document, params.position, params.new_name)
        edits = [lsp.TextEdit(document.range(span), params.new_name) for span in sorted(spans)]
        return lsp.WorkspaceEdit({document.uri: edits})


def _renamed(document: _OpenDocument, position: lsp.Position, name: str | None) -> Sequence[Span]:
    try:
        return renamed(document, document.offset(position), name)
    except RenameRefused as refusal:
        raise JsonRpcInvalidParams(str(refusal)) from None


# Texts


def _answer_about_texts(server: _Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def formatting(ls: _Server, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        document = ls.document(params)
        try:
            text = formatted(document.source)
        except KaleidoError:
            # The editor shows the error already.
            return None
        if text == document.text:
            return []
        return [lsp.TextEdit(document.range(Span(0, len(document.text))), text)]

    legend = lsp.SemanticTokensLegend(list(TYPES), list(MODIFIERS))

    @server.feature(lsp.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, legend)
    def tokens(ls: _Server, params: lsp.SemanticTokensParams) -> lsp.SemanticTokens:
        return lsp.SemanticTokens(list(_encoded(ls.document(params))))

    @server.feature(lsp.TEXT_DOCUMENT_INLAY_HINT)
    def hints(ls: _Server, params: lsp.InlayHintParams) -> list[lsp.InlayHint]:
        document = ls.document(params)
        within = Span(document.offset(params.range.start), document.offset(params.range.end))
        return [
            lsp.InlayHint(document.position(each.offset), each.text, tooltip=each.explanation)
            for each in answers.hints(document, within)
        ]

    @server.feature(lsp.TEXT_DOCUMENT_FOLDING_RANGE)
    def folds(ls: _Server, params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange]:
        comment = lsp.FoldingRangeKind.Comment
        return [
            lsp.FoldingRange(first, last, kind=comment if is_comment else None)
            for first, last, is_comment in answers.folds(ls.document(params))
        ]

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def symbols(ls: _Server, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        document = ls.document(params)
        return [
            lsp.DocumentSymbol(
                each.name, _SYMBOLS[each.kind], document.range(each.span), document.range(each.name_span),
                detail=each.detail,
            )
            for each in answers.outline(document)
        ]  # fmt: skip


def _encoded(document: _OpenDocument) -> Iterable[int]:
    """The semantic tokens as the protocol has them: five numbers each, relative to the token before."""
    line = column = 0
    for token in semantic_tokens(document):
        start, end = document.positions.range(token.span)
        modifiers = sum(1 << MODIFIERS.index(each) for each in token.modifiers)
        if start[0] != line:
            column = 0
        yield from (start[0] - line, start[1] - column, end[1] - start[1], TYPES.index(token.type), modifiers)
        line, column = start


# Runs


def _offer_runs(server: _Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_CODE_LENS)
    def lenses(ls: _Server, params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
        document = ls.document(params)
        return [lsp.CodeLens(document.range(Span(0, 0)), _run_command(document))]

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION)
    def actions(ls: _Server, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        # For editors that do not show code lenses.
        document = ls.document(params)
        command = _run_command(document)
        return [lsp.CodeAction(command.title, lsp.CodeActionKind.Source, command=command)]

    @server.command(RUN)
    async def run(ls: _Server, uri: str) -> dict[str, Any]:
        document = ls.opened(uri)
        result = await ls.run(document)
        ls.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Info, _summary(result)))
        return {name: value for name, value in result._asdict().items() if name != "text"}


def _run_command(document: _OpenDocument) -> lsp.Command:
    return lsp.Command("Run this program", RUN, arguments=[document.uri])


def _summary(result: RunResult) -> str:
    """What the program has shown, in a few lines."""
    lines = [*result.output.splitlines(), *(value for _, _, value in result.values), *result.problem.splitlines()[:1]]
    return "\n".join(lines[-10:]) or "the program has ended without output"
