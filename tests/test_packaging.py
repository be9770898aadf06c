"""The wheel has what the package needs, and the package works from it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import kaleido

ROOT = Path(__file__).parents[1]
TEXTS = [
    path
    for pattern in (
        "[0-9][0-9]-*.md",
        "REFERENCE.md",
        "GLOSSARY.md",
        "solutions/*.md",
        "examples/*",
        "languages/*.*",
        "cluster/*.py",
    )
    for path in (ROOT / "tutorials").glob(pattern)
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command: list[str | Path] = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    [path] = folder.glob("*.whl")
    return path


def test_the_wheel_has_what_is_not_python(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "kaleido/grammar/kaleido.lark",
        "kaleido/language/prelude.kal",
        "kaleido/py.typed",
        "kaleido/jit/README.md",
        "kaleido/jit/LANGUAGES.md",
    } <= names
    assert {"kaleido/page/page.html", "kaleido/page/styles/colors.css", "kaleido/page/scripts/page.js"} <= names
    assert {"kaleido/editors/README.md", "kaleido/editors/vscode/syntaxes/kaleido.tmLanguage.json"} <= names
    assert {"kaleido/jit/native/handlers.ll", "kaleido/jit/native/unprotected.ll"} <= names
    assert {path.relative_to(ROOT).as_posix() for path in TEXTS} == {
        name.removeprefix("kaleido/") for name in names if name.startswith("kaleido/tutorials/")
    }
    assert {name.split("/")[0] for name in names} == {"kaleido", f"kaleido_lang-{kaleido.__version__}.dist-info"}


def test_the_distribution_has_a_name_of_its_own(wheel: Path) -> None:
    assert wheel.name == f"kaleido_lang-{kaleido.__version__}-py3-none-any.whl"
    information = f"kaleido_lang-{kaleido.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        assert "\nName: kaleido-lang\n" in archive.read(f"{information}/METADATA").decode()
        assert "kaleido = kaleido.__main__:main" in archive.read(f"{information}/entry_points.txt").decode()


def test_it_runs_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    where = "import kaleido; print(kaleido.__file__, flush=True); from kaleido.cli import run; run(['-c', '1 | 0'])"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == [str(tmp_path / "kaleido" / "__init__.py"), "1.0"], done.stderr


def test_the_tutorial_runs_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "from kaleido.cli import run; from kaleido.tutorial.chapters import FOLDER, blocks_of, chapters, program_at; "
        "from kaleido.tutorial.reader import Reader, agrees; from pathlib import Path; print(FOLDER, flush=True); "
        "ran = list(Reader(Path('.'), program_at(2)).follow(blocks_of(chapters()[3]))); "
        "print(len(ran) > 3 and all(agrees(shown.text, real.text) for shown, real in ran), flush=True); "
        "run(['tutorial', '3'])"
    )
    folder = tmp_path / "empty"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith(f"{tmp_path / 'kaleido' / 'tutorials'}\nTrue\n3. Trees"), done.stderr


def test_it_runs_from_a_checkout() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kaleido", "-c", "1 | 0"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "1.0\n")
