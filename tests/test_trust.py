"""What a program may reach, and what is read and written besides it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from kaleido import KaleidoError, Session
from tests.test_cli import kaleido, outcome

OFF = "`extern` is switched off (--no-extern)"


def run(text: str, *, prelude: bool = True) -> float | None:
    with Session(jit="O0", externs=False, prelude=prelude) as session:
        return session.run(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sin(0) + printd(1) + putchard(10)", 0.0),
        ("extern sin(x); extern printd(other); sin(0)", 0.0),
        ("extern getpid(); def getpid() 42; getpid()", 42.0),
        ("def getpid() 42; extern getpid(); getpid()", 42.0),
        ("def printd(a b) a; extern printd(a b); printd(3, 4)", 3.0),
        ("extern binary | (a b); 1 | 0", 1.0),
    ],
)
def test_without_externs_there_are_the_preludes_and_the_programs_own(text: str, value: float) -> None:
    assert run(text) == value


@pytest.mark.parametrize("text", ["extern getpid()", "extern tgamma(x)", "extern sin(x y)", "extern unary ~ (x)"])
def test_without_externs_there_is_no_other(text: str) -> None:
    with pytest.raises(KaleidoError) as caught:
        run(f"1; {text}")
    assert caught.value.diagnostic.title == OFF
    span = caught.value.diagnostic.span
    assert span is not None
    assert f"1; {text}"[span.start : span.end] == text.removeprefix("extern ")


def test_without_externs_and_prelude_there_is_none() -> None:
    with pytest.raises(KaleidoError, match=r"switched off"):
        run("extern sin(x)", prelude=False)


def test_a_forward_declaration_is_never_a_c_function() -> None:
    with pytest.raises(KaleidoError, match="called before it is defined"):
        run("extern getpid(); getpid(); def getpid() 42")


def test_a_definition_that_failed_opens_no_way() -> None:
    with Session(jit="O0", externs=False) as session:
        for text in ("extern getpid(); nobody(); def getpid() 42", "def getpid() nobody()"):
            with pytest.raises(KaleidoError):
                session.run(text)
        with pytest.raises(KaleidoError, match=r"switched off"):
            session.run("extern getpid()")
        with pytest.raises(KaleidoError):
            session.run("getpid()")


def test_libraries_are_for_externs() -> None:
    with pytest.raises(ValueError, match="switched off"):
        Session(externs=False, libraries=["libm.so.6"])


def test_on_the_command_line() -> None:
    assert outcome("--no-extern", "-c", "extern floor(x); floor(2.5)") == (0, "2.0\n", "")
    code, output, errors = outcome("--no-extern", "-c", "1; extern getpid()")
    assert (code, output) == (1, "1.0\n")
    assert errors.startswith(f"error: {OFF}\n  ┌ <command line>:1:11\n")
    code, output, errors = outcome("--no-extern", "--emit=asm", "-c", "extern getpid() getpid()")
    assert (code, output, errors.splitlines()[0]) == (1, "", f"error: {OFF}")
    code, output, errors = outcome("--no-extern", "-i", stdin="extern getpid()\n2\n")
    assert (code, output, errors.splitlines()[0]) == (1, "2.0\n", f"error: {OFF}")
    assert kaleido("--no-extern", "--load", "libm.so.6", "-c", "1").returncode == 2


@pytest.mark.parametrize("cached", [False, True])
def test_nothing_but_the_cache_is_kept_on_disk(tmp_path: Path, cached: bool) -> None:
    places = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    environment = {**os.environ, **dict.fromkeys(places, str(tmp_path)), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["KALEIDO_CACHE"] = "" if cached else "off"
    done = subprocess.run(
        [sys.executable, "-m", "kaleido", "--jit=sync", "--threshold=1", "-i", "-c", "def f(x) x; f(1) + f(2)"],
        input=b"f(3)\n:tiers\n", capture_output=True, env=environment, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout[:8], done.stderr) == (0, b"3.0\n3.0\n", b"")
    kept = list(tmp_path.rglob("*"))
    assert {each for each in kept if each.is_dir()} == ({tmp_path / "kaleido"} if cached else set())
    for each in kept:
        assert not each.stat().st_mode & 0o077
        assert each.is_dir() or (each.parent == tmp_path / "kaleido" and re.fullmatch("[0-9a-f]{64}", each.name))


def test_the_command_imports_nothing_from_where_it_is_run(tmp_path: Path) -> None:
    command = shutil.which("kaleido", path=sysconfig.get_path("scripts"))
    if command is None:
        pytest.skip("the kaleido command is not installed beside this Python")
    for module in ("lark", "llvmlite", "prompt_toolkit", "ctypes", "json", "traceback", "readline", "sitecustomize"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported from where it was run')\n")
    (tmp_path / "kaleido").mkdir()
    for name in ("kaleido/__init__.py", "kaleido/__main__.py", "kaleido/cli.py"):
        shutil.copy(tmp_path / "lark.py", tmp_path / name)
    for name in ("prelude.kal", "init.kal", "kaleido.lark", ".kaleido"):
        (tmp_path / name).write_text("printd(666)\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    arguments = ["--stats", "--trace", os.devnull, "-i", "-c", "def f(x) x; f(1)"]
    done = subprocess.run(
        [command, *arguments], input=b"1 + )\n2\n", cwd=tmp_path, env=environment, capture_output=True, timeout=60
    )
    # 1 because of the error in an entry.
    assert (done.returncode, done.stdout) == (1, b"1.0\n2.0\n"), done.stderr
    assert b"imported" not in done.stderr
