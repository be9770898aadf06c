"""The command ``kaleido report``: what it writes where, exit codes, and what the program's own output is."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kaleido import cli
from kaleido.repl.commands import COMMANDS
from kaleido.terminal import streams
from tests import forked

PROGRAM = "def f(x) x * x\nfor i = 1, i < 5 in f(i)\nf(2)\n"
HOT = ("--jit=sync", "--threshold=3", "--no-cache")


def outcome(*arguments: str | Path, stdin: str = "") -> tuple[int, str, str]:
    """As a program: exit code, standard output, standard error."""
    done = forked.run(["-m", "kaleido", *map(str, arguments)], input=stdin.encode())
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def run(*arguments: str | Path) -> int:
    """In this process, without the program's output."""
    with streams.discarded():
        return cli.run(["report", *map(str, arguments)])


def data(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "demo.kal"
    path.write_text(PROGRAM)
    return path


def test_the_page_is_named_after_the_script_and_the_output_is_the_program_s(script: Path) -> None:
    assert outcome("report", *HOT, script) == (0, "4.0\n", "kaleido: the report is in demo.html\n")
    page = Path("demo.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert '"kaleido-recording"' in page


def test_json_has_the_story_with_advice(script: Path) -> None:
    assert run(*HOT, "--json", script) == 0
    recorded = data(Path("demo.json"))
    assert recorded["program"] == {"name": "demo.kal", "mode": "sync", "thresholds": {"calls": 3, "iterations": 3}}
    kinds = [event["kind"] for event in recorded["events"] if event["symbol"] == "kal.f"]
    assert kinds[0] == "defined"
    assert "swapped" in [event["kind"] for event in recorded["events"]]
    assert recorded["live"] is False


@pytest.mark.parametrize(
    ("text", "code", "kind"),
    [("def f(x) f(x + 1) + 1\nf(1)", 1, "faulted"), ("def f(x) x\nf(1)\nnothing", 1, "ran")],
)
def test_a_program_that_fails_has_a_report_of_what_ran(script: Path, text: str, code: int, kind: str) -> None:
    script.write_text(text)
    assert run(*HOT, "--stack-size=1M", "--json", script) == code
    assert kind in [event["kind"] for event in data(Path("demo.json"))["events"]]


def test_ctrl_c_leaves_a_report(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> int:
        raise KeyboardInterrupt("interrupted")

    monkeypatch.setattr(cli, "_evaluate", interrupted)
    assert run("--json", script) == 130
    assert data(Path("demo.json"))["format"] == "kaleido-recording"


def test_a_file_that_cannot_be_written_is_found_before_the_run(script: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["report", "-o", str(script.parent / "no" / "folder.html"), str(script)]) == 2
    assert cli.run(["report", "-o", str(script.parent), str(script)]) == 2
    assert cli.run(["report"]) == 2
    assert cli.run(["report", "missing.kal"]) == 2
    output, errors = capfd.readouterr()
    assert output == ""
    assert errors.count("kaleido: cannot write") == 2


def test_only_a_report_is_overwritten_unless_it_is_named(script: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("demo.html").write_text("my own page")
    assert run(script) == 2
    assert "demo.html exists and is not a report: name a file with -o" in capfd.readouterr().err
    assert Path("demo.html").read_text() == "my own page"
    assert run("-o", "demo.html", script) == 0
    assert run(script) == 0


def test_a_report_on_standard_output(script: Path) -> None:
    code, output, errors = outcome("report", "--json", "-o", "-", "-", stdin=PROGRAM)
    assert (code, errors) == (0, "4.0\n")
    assert json.loads(output)["program"]["name"] == "<standard input>"


def test_text_goes_to_standard_error(script: Path) -> None:
    code, output, errors = outcome("report", *HOT, "--text", script)
    assert (code, output) == (0, "4.0\n")
    assert errors.startswith("demo.kal · sync, hot at 3 calls or 3 iterations · ")
    assert not list(script.parent.glob("demo.[!k]*"))


def test_compare_measures_the_other_modes(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"1 + 1")))
    assert run("--compare", "--json", "-") == 0
    measured = data(Path("report.json"))["measured"]
    assert set(measured) == {"O0", "O3", "tiered"}
    assert all(times["run"] >= 0 and times["compile"] > 0 for times in measured.values())


def test_passes_are_shown_on_request(script: Path) -> None:
    assert run(*HOT, "--passes", "--json", script) == 0
    assert any(view.get("passes") for view in data(Path("demo.json"))["views"])


def test_a_plain_run_imports_none_of_it() -> None:
    text = "import sys; from kaleido import cli; cli.run(['-q', '-c', '1']); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", text], capture_output=True, check=True).stdout.decode().split()
    parts = ("kaleido.recording", "kaleido.page", "kaleido.program_report", "kaleido.jit.native.sampl")
    assert [each for each in modules if each.startswith(parts[:3])] == []


def test_the_prompt_has_the_command() -> None:
    assert COMMANDS["report"].usage == ":report file"
