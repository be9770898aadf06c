"""Chapters as parts, parts as lines, and lines as screenfuls."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kaleido.repl.display.console import Console
from kaleido.repl.settings import Settings
from kaleido.terminal.text import width
from kaleido.tutorial.chapters import FOLDER, Block, chapters
from kaleido.tutorial.key_choices import Choice, Key, key_help, key_line
from kaleido.tutorial.layout import Layout, Place, height, is_runnable
from kaleido.tutorial.markdown import Heading, Listing, Paragraph, Part, Quote, Run, Table, parts, runs

TEXTS = [*chapters().values(), *sorted((FOLDER / "solutions").glob("*.md"))]

each_text = pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parent.name}-{path.name[:2]}")


def read(path: Path) -> list[Part]:
    return parts(path.read_text("utf-8"), path.name)


def shown(text: str, columns: int, *, colored: bool = False) -> list[str]:
    layout = Layout(columns, colored)
    return [line for part in parts(text, "x.md") for line in layout.lines(part)]


def test_parts() -> None:
    text = """# A title
A paragraph
of two lines.
## A *section*

- one,
  continued
- two

1. first

> A quote
> of two lines.

| a | b |
|---|---|
| `x \\| y` | z |
<!-- nobody sees this -->

```kal sum.kal
# no heading
```
The end.
"""
    assert parts(text, "x.md") == [
        Heading(1, "A title"),
        Paragraph("A paragraph of two lines."),
        Heading(2, "A *section*"),
        Listing((("-", "one, continued"), ("-", "two"))),
        Listing((("1.", "first"),)),
        Quote("A quote of two lines."),
        Table((("a", "b"), ("`x | y`", "z"))),
        Block("kal", "sum.kal", "# no heading\n", "x.md:20"),
        Paragraph("The end."),
    ]


def test_links_by_name() -> None:
    text = "See [this][one].\n\n[one]: https://one.example\n[two]: other.md\n"
    assert parts(text, "x.md") == [
        Paragraph("See [this][one]."),
        Block("text", "", "[one]: https://one.example\n[two]: other.md", ""),
    ]
    assert runs("See [this][one].") == [Run("", "See "), Run("link", "this"), Run("", " [one]"), Run("", ".")]


def test_runs() -> None:
    assert runs("a `b * c` *d e*, **f** [g](h.md) [i](https://j) 2 * 3 * 4 `` `k ``") == [
        Run("", "a "), Run("code", "b * c"), Run("", " "), Run("emphasis", "d e"), Run("", ", "), Run("strong", "f"),
        Run("", " "), Run("link", "g"), Run("", " "), Run("link", "i"), Run("", " (https://j)"),
        Run("", " 2 * 3 * 4 "), Run("code", "`k"),
    ]  # fmt: skip


def test_text_is_wrapped() -> None:
    assert shown("# 1. A title `x`\n\nSome *text* with `a + b` in it.\n\n- An item of a list\n- another\n", 16) == [
        "1. A title x",
        "════════════",
        "",
        "Some text with",
        "`a + b` in it.",
        "",
        "- An item of a",
        "  list",
        "- another",
        "",
    ]


def test_quotes_and_words_that_are_too_long() -> None:
    assert shown("> everything is a function\n\nabcdefghijklmnopqrstuvwxyz", 12) == [
        "  │ everythi",
        "  │ ng is a",
        "  │ function",
        "",
        "abcdefghijkl",
        "mnopqrstuvwx",
        "yz",
        "",
    ]


def test_characters_that_are_two_columns_wide() -> None:
    assert shown("世界 世界 世界", 10) == ["世界 世界", "世界", ""]


def test_a_table_gives_way_where_it_is_widest() -> None:
    text = "| step | what it does |\n|---|---|\n| parser | finds out what belongs to what |\n| `lower` | IR |\n"
    assert shown(text, 28) == [
        "step     what it does",
        "───────  ───────────────────",
        "parser   finds out what",
        "         belongs to what",
        "`lower`  IR",
        "",
    ]


def test_blocks_have_rules_and_no_margin() -> None:
    assert shown("```kal sum.kal\n1 + 2\n```\n\n```console\n$ ls\n```\n\n```text\n  ▲\n```\n", 20) == [
        "── sum.kal ─────────", "1 + 2", "────────────────────", "",
        "── terminal ────────", "$ ls", "────────────────────", "",
        "  ▲", "",
    ]  # fmt: skip


def test_colors() -> None:
    assert shown("## A\n\n`b` *c* **d**", 40, colored=True) == [
        "\x1b[1mA\x1b[0m",
        "\x1b[90m─\x1b[0m",
        "",
        "\x1b[35mb\x1b[0m \x1b[4mc\x1b[0m \x1b[1md\x1b[0m",
        "",
    ]


def test_blocks_are_highlighted_in_their_language() -> None:
    console = Console(Settings(), interactive=False, colored=True)
    layout = Layout.on(console)
    for language in ("python", "kal", "console", "pycon", "llvm", "lark", "sh"):
        lines = layout.lines(Block(language, "", "def f(x) x + 1\n", ""))[1:-2]
        assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines] == ["def f(x) x + 1"]
    assert layout.lines(Block("kal", "", "def f(x) x\n", ""))[1].startswith("\x1b[1;35mdef")


CHANGE = Block("diff", "", " def f():\n-    a\n+    return b\n\n c\n", "")


def test_a_change_keeps_its_signs() -> None:
    assert Layout(20).lines(CHANGE)[1:-2] == CHANGE.text.splitlines()


def test_the_colors_of_a_change() -> None:
    console = Console(Settings(), interactive=False, colored=True)
    lines = Layout.on(console).lines(CHANGE)[1:-2]
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines] == CHANGE.text.splitlines()
    assert lines[1] == "\x1b[90m-    a\x1b[0m"
    assert lines[2].startswith("\x1b[1;32m+\x1b[0m    \x1b[1;35mreturn"), lines[2]


@each_text
@pytest.mark.parametrize("columns", [20, 40, 100])
@pytest.mark.parametrize("colored", [False, True])
def test_no_line_of_a_chapter_is_too_long(path: Path, columns: int, colored: bool) -> None:
    layout = Layout(columns, colored)
    for part in read(path):
        lines = layout.lines(part)
        # The lines of a block are as they are; what is around them is not.
        checked = [lines[0], *lines[-2:]] if isinstance(part, Block) and part.language != "text" else lines
        if not isinstance(part, Block) or part.language != "text":
            assert [line for line in checked if height(line, columns) > 1] == []


@each_text
@pytest.mark.parametrize(("columns", "rows"), [(20, 4), (80, 23)])
def test_screenfuls_fit_and_lose_nothing(path: Path, columns: int, rows: int) -> None:
    layout, found, place, seen = Layout(columns), read(path), Place(), list[str]()
    while place.part < len(found):
        lines, after = layout.screenful(found, place, rows)
        assert (after.part, after.line) > (place.part, place.line)
        # A single line may be higher than the terminal.
        assert sum(height(line, columns) for line in lines) <= rows or len(lines) == 1
        passed = range(place.part, after.part - 1)
        assert not any(is_runnable(found, index) for index in passed)
        seen, place = seen + lines, after
    assert seen == [line for part in found for line in layout.lines(part)]


def test_a_screenful_ends_rather_between_two_parts() -> None:
    found = parts("one\n\ntwo\n\n```text\na\nb\nc\nd\n```\n", "x.md")
    layout = Layout(40)
    assert layout.screenful(found, Place(), 6) == (["one", "", "two", ""], Place(2))
    assert layout.screenful(found, Place(), 9)[1] == Place(3)
    # In a part where there is much room, and where the part is longer than a screen.
    assert layout.screenful(found, Place(1), 6) == (["two", "", "a", "b", "c", "d"], Place(2, 4))
    assert layout.screenful(found, Place(2, 2), 6) == (["c", "d", ""], Place(3))


CHOICES = [Choice(Key.MORE, "more"), Choice(Key.RUN, "run it"), Choice(Key.QUIT, "quit"), Choice(Key.TRY, "try")]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "Enter more · r run it · t try · q quit"),
        (37, "Enter more · r run it · q quit"),
        (29, "Enter more · r run it"),
        (12, "Enter more"),
        (5, ""),
    ],
)
def test_the_keys_in_one_line(columns: int, line: str) -> None:
    assert key_line(CHOICES, columns) == line
    assert width(line) <= columns


def test_the_keys_key_help() -> None:
    assert [mark.strip() for mark, _ in key_help(CHOICES).items] == ["Enter", "r", "t", "q"]
    assert {mark.strip() for mark, _ in key_help(Choice(key, "") for key in Key).items} == {
        key.shown for key in Key if key is not Key.HELP
    }


@pytest.mark.parametrize(
    ("use", "can"),
    [
        ('```pycon\n>>> run("kaleidoscope.py", "one.kal")\n```\n', False),
        ("```console\n$ python kaleidoscope.py --stats one.kal\n```\n", False),
        ("```console\n$ kaleido one.kal\n```\n", True),
    ],
)
def test_a_file_for_the_readers_program_is_not_for_kaleido(use: str, can: bool) -> None:
    assert is_runnable(parts(f"# 3\n\n```kal one.kal\n1\n```\n\n{use}", "3.md"), 1) is can


def test_code_in_emphasis_and_images() -> None:
    assert runs("*new: `setjmp`*") == [Run("emphasis", "new: setjmp")]
    assert parts("![A page.](page.webp)\n", "3.md") == [Paragraph("(A picture: A page.)")]
