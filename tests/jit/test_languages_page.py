"""kaleido/jit/LANGUAGES.md: its Python runs in order, and prints what the page shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import kaleido.jit

PAGE = Path(kaleido.jit.__file__).with_name("LANGUAGES.md")


def blocks(text: str) -> list[tuple[int, str, str]]:
    """The Python blocks, each with the line it begins at, and with the text block right below it, if there is one."""
    found = re.finditer(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, each.start()) + 1, each[1], each[2] or "") for each in found]


def test_the_blocks_print_what_the_page_shows(
    capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    text = PAGE.read_text("utf-8")
    names: dict[str, Any] = {"__name__": "page"}
    try:
        for line, code, shown in blocks(text):
            # So that a traceback shows the line of the page.
            exec(compile("\n" * line + code, str(PAGE), "exec"), names)
            printed = capsys.readouterr().out
            if request.config.getoption("--update") and printed != shown:
                text = text.replace(f"{code}```\n```text\n{shown}```", f"{code}```\n```text\n{printed}```", 1)
                PAGE.write_text(text, "utf-8")
            else:
                assert printed == shown, f"{PAGE}:{line}"
    finally:
        if "engine" in names:
            names["engine"].close()


def test_all_python_is_in_blocks_that_run() -> None:
    text = PAGE.read_text("utf-8")
    assert len(blocks(text)) == text.count("```python") >= 10
    assert sum(bool(shown) for _, _, shown in blocks(text)) == text.count("```text")
