"""The READMEs, CHANGELOG.md and the pages of kaleido/jit: the paths, names and numbers in them are true."""

from __future__ import annotations

import ast
import doctest
import io
import re
import tokenize
from collections.abc import Iterable
from pathlib import Path

import pytest

from kaleido import KaleidoError, Session, cli
from kaleido.diagnostics import render
from kaleido.jit import EventKind
from kaleido.repl.commands import COMMANDS
from kaleido.repl.line_editor.notices import Notices
from tests.documents import dead_links, missing_paths, prose, unresolved_names
from tests.repl.conftest import Run

ROOT = Path(__file__).parents[1]
PACKAGE, TESTS = ROOT / "kaleido", ROOT / "tests"
JIT = PACKAGE / "jit"
README, TESTS_README, JIT_README = ROOT / "README.md", TESTS / "README.md", JIT / "README.md"
GUIDES = (README, TESTS_README, JIT_README, JIT / "LANGUAGES.md", ROOT / "tutorials" / "languages" / "README.md")

# Files of the user, and those that a search writes.
NOT_IN_THE_TREE = {"build/fuzz/", "demo.kal", "init.kal"}

# The part of the engine that only handles stack overflow, Ctrl-C, fork and shutdown.
SURVIVAL = (
    "running/*.py",
    "process/*.py",
    "native/faults.py",
    "native/handlers.py",
    "native/code_ranges.py",
    "lifetime.py",
)

each_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.relative_to(ROOT).as_posix())


@each_guide
def test_paths_exist(guide: Path) -> None:
    missing = missing_paths(guide.read_text("utf-8"), guide.parent, ROOT)
    # The engine's guide names a file in full once, and then by its name alone.
    known = {path.name for path in JIT.rglob("*.py")} if guide == JIT_README else set()
    assert set(missing) - NOT_IN_THE_TREE - known == set()


@each_guide
def test_links_lead_somewhere(guide: Path) -> None:
    assert dead_links(guide.read_text("utf-8"), guide.parent) == []


@each_guide
def test_names_resolve(guide: Path) -> None:
    assert unresolved_names(guide.read_text("utf-8"), guide.parent) == []


def test_what_names_nothing_is_found(tmp_path: Path) -> None:
    (tmp_path / "here.py").touch()
    text = "`here.py` `gone.py` `gone/` `x.kal` [a](here.py) [b](gone.md)\n```\n`ignored.py`\n```\n"
    assert missing_paths(text, tmp_path) == ["gone.py", "gone/", "x.kal"]
    assert dead_links(text, tmp_path) == ["gone.md"]


@pytest.mark.parametrize("text", ["`kaleido.jit.Engine.{}`", "`jit/engine.py Engine.{}`", "`Engine.{}(unit)`"])
def test_what_names_nothing_in_the_code_is_found(text: str) -> None:
    assert unresolved_names(text.format("define"), PACKAGE) == []
    assert unresolved_names(text.format("policy"), PACKAGE) == []  # of an instance
    assert len(unresolved_names(text.format("gone"), PACKAGE)) == 1
    assert len(unresolved_names(text.format("define").replace("ngine", "ngin"), PACKAGE)) == 1


def test_a_method_is_found_in_its_file() -> None:
    assert unresolved_names("`jit/engine.py define` `kaleido/jit/engine.py Engine`", PACKAGE) == []
    assert len(unresolved_names("`jit/engine.py gone` `jit/gone.py Engine`", PACKAGE)) == 2


@pytest.mark.parametrize("path", [*GUIDES, ROOT / "CHANGELOG.md"], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_things_have_names(path: Path) -> None:
    pronouns = r"(?i)\b(?:who|whom|whoever|nobody|somebody|everybody)\b"
    assert re.findall(pronouns, path.read_text("utf-8")) == []


# tests/README.md


def test_every_test_has_a_row() -> None:
    rows = re.findall(r"^\| (`.+?) \| .+ \|$", TESTS_README.read_text("utf-8"), re.MULTILINE)
    named = {pattern for row in rows for pattern in re.findall(r"`([^`]+)`", row)}
    named |= {f"{module}.py" for row in rows for module in re.findall(r"python -m tests\.(\w+)", row)}
    files = {path.name for path in TESTS.glob("*.py")} - {"__init__.py"}
    folders = {f"{path.relative_to(TESTS).as_posix()}/" for path in [*_folders(TESTS), *_folders(TESTS / "jit")]}
    # A row may be about the files in a folder.
    covered = named | {pattern.split("/")[0] + "/" for pattern in named}
    assert (files | folders) - covered == set()


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir() and any(path.rglob("*.py")) and path.name[0] not in "._"]


# README.md


def test_sizes() -> None:
    [paragraph] = re.findall(r"^`kaleido` has .*?\n\n", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    said = [int(number.replace(",", "")) for number in re.findall(r"(?<![\w.-])\d[\d,]*(?!\d)", paragraph)]
    engine = sorted(JIT.rglob("*.py"))
    survival = [path for pattern in SURVIVAL for path in JIT.glob(pattern)]
    package = sorted(PACKAGE.rglob("*.py"))
    found = [
        *(_lines(package), _code_lines(package)),
        *(_lines(engine), _code_lines(engine), _lines(JIT.rglob("*.ll"))),
        _code_lines(survival),
    ]
    assert [number for number, true in zip(said, found, strict=True) if abs(number - true) > true / 10] == [], found


def _lines(paths: Iterable[Path]) -> int:
    return sum(len(path.read_text("utf-8").splitlines()) for path in paths)


def _code_lines(paths: Iterable[Path]) -> int:
    """The lines that have more than a docstring or a comment."""
    return sum(len(_with_tokens(text) - _with_docstrings(text)) for text in (path.read_text("utf-8") for path in paths))


_NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def _with_tokens(text: str) -> set[int]:
    tokens = [each for each in tokenize.generate_tokens(io.StringIO(text).readline) if each.type not in _NO_CODE]
    return {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}


def _with_docstrings(text: str) -> set[int]:
    strings = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr) and _is_string(node.value)]
    return {line for node in strings for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def _is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_size_of_the_other_language() -> None:
    [said] = re.findall(r"tiny\.py\) is a complete other language\s+in (\d+) lines", README.read_text("utf-8"))
    true = _lines([TESTS / "jit" / "tiny.py"])
    assert abs(int(said) - true) <= true / 10


def test_every_event_is_listed() -> None:
    [listed] = re.findall(r"# (defined, .*)\n +engine\.subscribe\(print\)", README.read_text("utf-8"))
    assert sorted(listed.split(", ")) == sorted(EventKind)


def test_every_command_is_listed() -> None:
    listed = set(re.findall(r"`:(\w+)", prose(README.read_text("utf-8"))))
    assert COMMANDS.keys() - listed == set()


def test_every_option_is_listed(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    options = set(re.findall(r"--[a-z][a-z-]+", capfd.readouterr().out))
    assert len(options) > 10
    assert options - set(re.findall(r"--[a-z][a-z-]+", README.read_text("utf-8"))) == set()


def test_the_layout_is_the_tree_s() -> None:
    layout = README.read_text("utf-8").partition("## How it is laid out")[2]
    listed = {line.split()[0] for line in re.findall(r"^(?:  ){1,2}(?=\w).*", layout, re.MULTILINE)}
    packages = {f"{path.parent.name}/" for path in [*PACKAGE.glob("*/__init__.py"), *JIT.glob("*/__init__.py")]}
    modules = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert {each for each in listed if each.endswith("/")} == packages - {"commands/"}
    assert modules <= listed


def test_an_error_is_shown_as_it_is_rendered() -> None:
    with Session() as session, pytest.raises(KaleidoError) as raised:
        session.run("# Prices.\n\ndef f(total) totl * 2;\n\nf(1, 2)", "demo.kal")
    for diagnostic in raised.value.diagnostics:
        assert f"{render([diagnostic])}\n" in README.read_text("utf-8")


def test_the_python_in_it_runs(capfd: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, str(README), "exec"), {})
    assert "EventKind.COMPILED" in capfd.readouterr().out


PYTHON_SESSIONS = [
    block
    for block in re.findall(r"^```\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    if ">>>" in block
]


@pytest.mark.parametrize("block", PYTHON_SESSIONS, ids=lambda block: block.splitlines()[0].removeprefix(">>> "))
def test_python_sessions_are_what_python_prints(block: str) -> None:
    for package in ("numpy", "dask"):
        if f"import {package}" in block:
            pytest.importorskip(package)
    printed: list[str] = []
    parsed = doctest.DocTestParser().get_doctest(block, {}, "README.md", str(README), 0)
    assert doctest.DocTestRunner().run(parsed, out=printed.append).failed == 0, "".join(printed)


MASKS = [
    (r"(?m)^ .*\n", ""),  # machine code
    (r"(?m) +for i = .*", " for i = …"),
    (r"(?m) later, after .*", " later"),
    (r"(?m) +meanwhile .*| Each time includes[\s\S]*", ""),
    (r"(?m)^(. -O\d) +[█-▏].*$", r"\1 █"),
    (r"(?<![\w-])\d[\d,.]*(?:e\+\d+)?", "#"),
    (r"-{9,}", "---"),
    (r" +", " "),
]
"""What differs between machines and runs."""


def masked(text: str) -> list[str]:
    """The lines of an output, sorted: which unit is hottest differs, too."""
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return sorted(line.rstrip() for line in text.splitlines() if line.strip())


def transcripts() -> list[list[str]]:
    """Each transcript as its entries, with the output below each."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [block.split("kal> ")[1:] for block in blocks if "kal> " in block]


@pytest.mark.parametrize("entries", transcripts(), ids=lambda entries: entries[0].splitlines()[0])
def test_transcripts_are_what_the_repl_prints(entries: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    # The last entry of the first transcript is not entered, and a loop of the last runs until Ctrl-C.
    stop = next((n for n, each in enumerate(entries) if "interrupted" in each or "sum(7" in each), len(entries))
    shown = [entry.partition("\n") for entry in entries[:stop]]
    printed = []
    with Session(jit="sync") as session:
        notices = Notices(session, lambda: None)
        run = Run(session, capfd)
        run.columns = 92
        for entry, _, _ in shown:
            output = run.last(entry)
            printed.append("\n".join([output, *notices.take()]))
    assert [masked(each) for each in printed] == [masked(output) for _, _, output in shown]
