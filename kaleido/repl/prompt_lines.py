"""Errors in a program about lines that belong to the prompt: commands of the REPL, and lines of a transcript."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kaleido.diagnostics import Diagnostic, KaleidoError, Source, Span
from kaleido.repl.commands.table import abbreviated
from kaleido.repl.entries import transcript_entries

__all__ = ["explained"]

_FIRST_WORD = re.compile(r"\s*(:?[^\W\d_]+)?\S*")


def explained(error: KaleidoError, commands: Iterable[str]) -> KaleidoError:
    """`error`, with one message that says so for each line in it that is one of `commands`, or begins with a prompt."""
    found = [_explanation(each, commands) or each for each in error.diagnostics]
    return type(error)(*dict.fromkeys(found))


def _explanation(problem: Diagnostic, commands: Iterable[str]) -> Diagnostic | None:
    if problem.source is None or problem.span is None:
        return None
    line, column = problem.source.position(problem.span.start)
    start = problem.span.start - column + 1
    return _about_line(problem.source, start, problem.source.line(line), commands)


def _about_line(source: Source, start: int, text: str, commands: Iterable[str]) -> Diagnostic | None:
    word = _FIRST_WORD.match(text)
    assert word is not None
    if transcript_entries(text):
        return Diagnostic(
            "a transcript is not a program",
            source,
            Span(start, start + word.end()),
            "this is a prompt",
            "paste it at the prompt of `kaleido`, which leaves out prompts and output",
        )
    if word[1] and word[1].startswith(":") and abbreviated(word[1][1:], commands):
        return Diagnostic(
            f"`{word[1]}` is a command of the prompt",
            source,
            Span(start + word.start(1), start + word.end(1)),
            "not part of a program",
            "`kaleido -i < FILE` runs a file as if it were typed, with its commands",
        )
    return None
