"""Plays a Python session, given as a file: runs what was typed, and shows how it goes now.

Run as a script, by its path, so that it needs nothing of Kaleido; what the session imports is looked for in the current
folder first. Exits with 1 where the session goes otherwise than the file shows, as doctest tells.
"""

from __future__ import annotations

import doctest
import re
import sys
import traceback
from collections.abc import Callable
from doctest import ELLIPSIS, DocTest, DocTestParser, DocTestRunner, Example
from pathlib import Path
from typing import Any

# The calls in a traceback. They are different everywhere, and doctest does not look at them.
_CALLS = re.compile(r"(Traceback \(most recent call last\):\n)(?:  .*\n)+")

_Out = Callable[[str], object]


class _Player(DocTestRunner):
    """Shows a session as if somebody had typed it."""

    def report_start(self, out: _Out, test: DocTest, example: Example) -> None:
        first, *others = example.source.splitlines()
        out("".join([f">>> {first}\n", *(f"... {line}".rstrip() + "\n" for line in others)]))

    def report_success(self, out: _Out, test: DocTest, example: Example, got: str) -> None:
        out(_CALLS.sub(r"\1", got))

    report_failure = report_success

    def report_unexpected_exception(self, out: _Out, test: DocTest, example: Example, exc_info: Any) -> None:
        out("".join(traceback.format_exception_only(exc_info[1])))


def main(path: str) -> int:
    """Play the session in a file, in which `…` stands for anything. Gives the exit code."""
    sys.path.insert(0, "")
    # Three dots at the beginning of a line would go on with what was typed. What doctest compares, it has made ASCII.
    doctest.ELLIPSIS_MARKER = r"\u2026"  # type: ignore[misc]
    text = Path(path).read_text("utf-8")
    session = DocTestParser().get_doctest(text, {"__name__": "__main__"}, path, path, 0)
    failed, _ = _Player(verbose=True, optionflags=ELLIPSIS).run(session, out=_write)
    return 1 if failed else 0


def _write(text: str) -> None:
    # While something runs, sys.stdout is doctest's.
    assert sys.__stdout__ is not None
    sys.__stdout__.write(text)
    sys.__stdout__.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
