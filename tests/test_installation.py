"""`kaleido/installation`: completions in real shells, the manual page, `kaleido doctor`; packages that are missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from argparse import ArgumentParser
from pathlib import Path

import pytest

from kaleido import cli
from kaleido.installation.command_options import arguments_of
from kaleido.installation.command_parsers import command_parsers
from kaleido.installation.extras import EXTRAS, REQUIRED
from kaleido.installation.manual_page import manual_page
from kaleido.installation.shell_completions import SHELLS
from kaleido.jit.compiling.llvmlite_version import SERIES, check

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def parsers() -> dict[str, ArgumentParser]:
    return command_parsers(cli.COMMANDS)


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@needs("bash")
def test_bash_completes(parsers: dict[str, ArgumentParser], tmp_path: Path) -> None:
    (tmp_path / "one two.kal").touch()
    (tmp_path / "kaleido.bash").write_text(SHELLS["bash"](parsers))
    lines = [
        "kaleido bu", "kaleido --jit = ", "kaleido --jit O", "kaleido build --emit o", "kaleido cache ", "kaleido one",
        "kaleido fmt one", "kaleido doctor one", "kaleido build --cpu ", "kaleido run build", "kaleido bench --j",
    ]  # fmt: skip
    calls = [f"complete_line {' '.join(repr(word) for word in line.split(' '))}" for line in lines]
    script = f"""
        source ./kaleido.bash
        complete_line() {{
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            _kaleido
            (IFS=,; echo "${{COMPREPLY[*]}}")
        }}
        {"; ".join(calls)}"""
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert (done.stdout.splitlines(), done.stderr) == (
        [
            "build",
            "tiered,sync,O0,O3",
            "O0,O3",
            "obj",
            "status,clear",
            "one two.kal",
            "one two.kal",
            "",
            "",
            "",
            "--json",
        ],
        "",
    )


@needs("zsh")
def test_zsh_reads_its_completions(parsers: dict[str, ArgumentParser]) -> None:
    done = subprocess.run(["zsh", "-n"], input=SHELLS["zsh"](parsers), capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


@needs("fish")
def test_fish_completes(parsers: dict[str, ArgumentParser], tmp_path: Path) -> None:
    (tmp_path / "kaleido.fish").write_text(SHELLS["fish"](parsers))
    lines = ["kaleido bu", "kaleido --jit O", "kaleido build --emit=o", "kaleido cache s"]
    script = "source ./kaleido.fish; " + "; ".join(f'complete -C "{line}"' for line in lines)
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], cwd=tmp_path, env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["build", "O0", "O3", "--emit=obj", "status"]


def test_every_option_is_in_each_of_them(parsers: dict[str, ArgumentParser]) -> None:
    page = manual_page(parsers).replace("\\-", "-")
    scripts = {shell: write(parsers) for shell, write in SHELLS.items()}
    for name, parser in parsers.items():
        assert f'.SS "kaleido {name}"' in page or not name
        for each in arguments_of(parser):
            for flag in each.flags:
                assert re.search(rf"(?<![-\w]){flag}(?!\w)", scripts["bash"]), flag
                assert f"{flag}[" in scripts["zsh"] or f"{flag}=[" in scripts["zsh"] or f"{flag}+[" in scripts["zsh"]
                assert f"-l {flag[2:]}" in scripts["fish"] or f"-s {flag[1:]}" in scripts["fish"]
                assert f"\\fB{flag}\\fR" in page or flag in ("-h", "--help")


def test_the_commands_are_in_the_help(parsers: dict[str, ArgumentParser]) -> None:
    assert set(re.findall(r"^  (\w+)  ", parsers[""].description or "", re.MULTILINE)) == set(cli.COMMANDS)


@needs("man")
def test_the_page_has_no_faults(parsers: dict[str, ArgumentParser], tmp_path: Path) -> None:
    (tmp_path / "kaleido.1").write_text(manual_page(parsers))
    done = subprocess.run(
        ["man", "--warnings", "-l", tmp_path / "kaleido.1"],
        env={**os.environ, "MANWIDTH": "100", "MANPAGER": "cat", "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    if "groff" in done.stderr or "nroff" in done.stderr:
        pytest.skip("groff is not installed")
    assert (done.returncode, done.stderr) == (0, "")
    assert "kaleido build [options] FILE\n" in done.stdout and "    --jit {tiered,sync,O0,O3}\n" in done.stdout


def test_the_commands_write_them(parsers: dict[str, ArgumentParser], capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["completions", "fish"]) == 0
    assert capfd.readouterr().out == SHELLS["fish"](parsers)
    assert cli.run(["man"]) == 0
    assert capfd.readouterr().out == manual_page(parsers)


def test_the_doctor_says_what_works(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["doctor"]) == 0
    facts = dict(line.split(maxsplit=1) for line in capfd.readouterr().out.splitlines())
    assert facts["llvmlite"].startswith(f"{SERIES}.")
    assert facts["-O0"] == facts["-O3"] == "a program runs, and has the right value"
    assert {f"[{extra}]" for extra in EXTRAS} < facts.keys()


def test_the_doctor_says_what_fails(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise OSError("no threads here")

    monkeypatch.setattr("kaleido.Session", broken)
    assert cli.run(["doctor"]) == 1
    assert "\n-O3             fails: OSError: no threads here\n" in capfd.readouterr().out


def test_the_extras_are_those_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    def names(requirements: list[str]) -> set[str]:
        return {name for each in requirements for name in re.findall(r"[a-z_]+", re.split("[<>=]", each)[0])}

    extras = project["optional-dependencies"]
    assert names(project["dependencies"]) == set(REQUIRED)
    assert EXTRAS.keys() == extras.keys() - {"test"}
    assert all(set(EXTRAS[extra]) <= names(extras[extra]) for extra in EXTRAS)
    assert f"llvmlite>={SERIES}," in " ".join(project["dependencies"])


def test_another_llvmlite_is_refused_with_a_sentence() -> None:
    check("0.50.3", "linux")
    with pytest.raises(ImportError, match=r"needs llvmlite 0\.50, and 0\.51\.0 is installed: pip install"):
        check("0.51.0", "linux")
    with pytest.raises(ImportError, match=r"Windows, where llvmlite has no JITLink"):
        check("0.50.0", "win32")


def test_the_command_says_so(tmp_path: Path) -> None:
    (tmp_path / "llvmlite.py").write_text("__version__ = '0.49.1'\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "kaleido", "-c", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "error: kaleido.jit cannot be used: it needs llvmlite 0.50, and 0.49.1 is installed: "
    )
