"""Plays a Python session from a file: runs its input, and prints the session with the actual output.

It is run as a script, by its path, so that it does not import Kaleido. The session's imports are looked up in the
current folder first. The exit code is 1 if doctest finds that the output differs from the file's.
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

# The calls in a traceback. They differ between machines, and doctest ignores them.
_CALLS = re.compile(r"(Traceback \(most recent call last\):\n)(?:  .*\n)+")

_Out = Callable[[str], object]


class _Player(DocTestRunner):
    """Prints the input and the output of each example, as an interactive session shows them."""

    def report_start(self, out: _Out, test: DocTest, example: Example) -> None:
        first, *others = example.source.splitlines()
        out("".join([f">>> {first}\n", *(f"... {line}".rstrip() + "\n" for line in others)]))

    def report_success(self, out: _Out, test: DocTest, example: Example, got: str) -> None:
        out(_CALLS.sub(r"\1", got))

    report_failure = report_success

    def report_unexpected_exception(self, out: _Out, test: DocTest, example: Example, exc_info: Any) -> None:
        out("".join(traceback.format_exception_only(exc_info[1])))


def main(path: str) -> int:
    """Play the session in a file, in which `…` matches any text. Return the exit code."""
    sys.path.insert(0, "")
    # The default marker, three dots, would continue the input at the beginning of a line. Doctest compares text in
    # which characters beyond ASCII are escaped, so the marker is the escape of `…`.
    doctest.ELLIPSIS_MARKER = r"\u2026"  # type: ignore[misc]
    text = Path(path).read_text("utf-8")
    session = DocTestParser().get_doctest(text, {"__name__": "__main__"}, path, path, 0)
    failed, _ = _Player(verbose=True, optionflags=ELLIPSIS).run(session, out=_write)
    return 1 if failed else 0


def _write(text: str) -> None:
    # Doctest replaces sys.stdout while an example runs.
    assert sys.__stdout__ is not None
    sys.__stdout__.write(text)
    sys.__stdout__.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
