"""The command `kaleido tutorial` where there is no terminal, and what it writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kaleido.cli import run
from kaleido.tutorial.chapters import chapters, program_at, title
from kaleido.tutorial.tangle import tangle

LAST = max(chapters())


def outcome(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capfd.readouterr()
    code = run(arguments)
    return code, *capfd.readouterr()


def test_the_list_of_chapters(capfd: pytest.CaptureFixture[str]) -> None:
    code, output, errors = outcome(capfd, "tutorial")
    assert (code, errors) == (0, "")
    assert output.splitlines() == [f"  {number:2}  {title(path)}" for number, path in chapters().items()]


@pytest.mark.parametrize("number", chapters())
def test_a_chapter_is_printed_whole(number: int, capfd: pytest.CaptureFixture[str]) -> None:
    code, output, errors = outcome(capfd, "tutorial", str(number))
    assert (code, errors) == (0, "")
    assert output.startswith(f"{number}. {title(chapters()[number])}\n═")
    assert "```" not in output
    assert "\x1b" not in output


@pytest.mark.parametrize(("option", "colored"), [("always", True), ("never", False), ("auto", False)])
def test_colors_as_asked_for(option: str, colored: bool, capfd: pytest.CaptureFixture[str]) -> None:
    assert ("\x1b[" in outcome(capfd, "tutorial", "1", f"--color={option}")[1]) == colored


@pytest.mark.parametrize("number", ["0", str(LAST + 1), "x", "-1", "1.5", "²", ""])
def test_a_chapter_that_is_not_there(number: str, capfd: pytest.CaptureFixture[str]) -> None:
    code, output, errors = outcome(capfd, "tutorial", number)
    assert (code, output) == (2, "")
    assert "usage: kaleido tutorial" in errors
    assert number == "-1" or f"the chapters are 1 to {LAST}" in errors


def test_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert "\n  tutorial     " in outcome(capfd, "--help")[1]
    code, output, _ = outcome(capfd, "tutorial", "--help")
    assert code == 0
    assert "--program FILE" in output


def test_it_writes_the_program(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "kaleidoscope.py"
    assert outcome(capfd, "tutorial", "2", "--program", str(path)) == (0, "", "")
    assert path.read_text("utf-8") == tangle(program_at(2), sections=True) != ""
    assert outcome(capfd, "tutorial", "2", "--program", "-") == (0, path.read_text("utf-8"), "")


def test_it_writes_over_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "kaleidoscope.py"
    path.write_text("my own\n")
    code, output, errors = outcome(capfd, "tutorial", "2", "--program", str(path))
    assert (code, output, errors) == (2, "", f"kaleido: cannot write {path}: File exists\n")
    assert path.read_text() == "my own\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["1", "--program", "x.py"], "at the end of chapter 1 there is no program yet"),
        (["--program", "x.py"], "--program needs a chapter"),
        (["2", "--program", "no/such/folder.py"], "cannot write no/such/folder.py: No such file or directory"),
        (["2", "--program", "\0"], "cannot write"),
    ],
)
def test_no_program_can_be_written(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = outcome(capfd, "tutorial", *arguments)
    assert code == 2
    assert message in errors
    assert list(tmp_path.iterdir()) == []


def test_a_script_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tutorial").write_text("6 * 7")
    for arguments in (["./tutorial"], ["-q", "tutorial"], ["--", "tutorial"]):
        assert outcome(capfd, *arguments)[1] == ("" if "-q" in arguments else "42.0\n")


def test_nothing_of_it_is_imported_for_anything_else() -> None:
    code = (
        "import sys; from kaleido.cli import run; run(['-c', '4+5']); print([m for m in sys.modules if 'tutor' in m])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "9.0\n[]\n"


def test_the_program_is_put_together_without_any_package() -> None:
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        "import sys; sys.path.insert(0, '.'); from tutorials.tangle import main",
    ]
    command[-1] += "; main(['2'])"
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60)
    assert done.stdout == tangle(program_at(2), sections=True)


def test_a_reader_that_closes_the_pipe() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "kaleido", "tutorial", "1"], stdout=writing, stderr=subprocess.PIPE, timeout=60
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


def test_a_full_disk() -> None:
    with open("/dev/full", "wb") as full:
        for arguments in (["1"], ["2", "--program", "-"], ["--help"], []):
            done = subprocess.run(
                [sys.executable, "-m", "kaleido", "tutorial", *arguments], stdout=full, stderr=subprocess.PIPE
            )
            assert (done.returncode, b"error: " in done.stderr) == (1, True)


def test_the_language_on_one_page(capfd: pytest.CaptureFixture[str]) -> None:
    code, output, errors = outcome(capfd, "tutorial", "reference")
    assert (code, errors) == (0, "")
    assert output.startswith("The language on one page\n═")
    assert "even(1000001)                     # expect: 0.0" in output
    assert "usage: kaleido tutorial reference" in outcome(capfd, "tutorial", "reference", "2")[2]


def test_the_glossary(capfd: pytest.CaptureFixture[str]) -> None:
    code, output, errors = outcome(capfd, "tutorial", "glossary")
    assert (code, errors) == (0, "")
    assert output.startswith("Glossary\n═")
    assert "slot (10): " in output.replace("*", "")
