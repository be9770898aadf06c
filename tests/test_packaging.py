"""The wheel has what the package needs, and the package works from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import kaleido
from kaleido.installation.extras import REQUIRED

ROOT = Path(__file__).parents[1]


def other_pythons() -> list[str]:
    """The supported versions of Python on this machine, beside the one that runs the tests."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    names = [f"3.{minor}" for minor in (11, 12, 13, 14) if minor != sys.version_info.minor]
    found = ((shutil.which(f"python{name}"), *sorted(folder.glob(f"{name}.*/bin/python"))) for name in names)
    # A name that pyenv puts into the path may stand for no version.
    return [
        next(str(each) for each in places if each and _starts(each)) for places in found if any(map(_starts, places))
    ]


def _starts(python: str | Path | None) -> bool:
    return python is not None and subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


OTHER_PYTHONS = other_pythons()
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
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist, and with the wheel, which is built from the sdist."""
    folder = tmp_path_factory.mktemp("wheel")
    command: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    [path] = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Kaleido from the wheel and the packages that it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    for name in REQUIRED:
        place = Path(str(find_spec(name).origin)).parent  # type: ignore[union-attr]
        for each in (place, place.with_name(f"{name}.libs")):
            if each.exists():
                (folder / each.name).symlink_to(each)
    return folder


def run(installed: Path, *arguments: str, python: str = sys.executable, input: str = "") -> tuple[int, str, str]:
    """Run Python with `arguments`, without packages other than the installed ones."""
    environment = {"PYTHONPATH": str(installed), "PATH": os.environ["PATH"], "KALEIDO_CACHE": "off"}
    done = subprocess.run(
        [python, "-S", "-P", *arguments], env=environment, input=input, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


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


def test_the_sdist_has_what_the_tests_need(built: Path) -> None:
    [path] = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"tests/check.py", "tutorials/examples/fib.kal", "grammar/kaleido.lark", ".github/SECURITY.md"} <= names


def test_it_needs_no_extra(installed: Path) -> None:
    program = "import kaleido; print(kaleido.Session().run('def f(x) x * 2  f(21)'))"
    assert run(installed, "-c", program) == (0, "42.0\n", "")
    assert run(installed, "-m", "kaleido", "-i", "-c", "1", input="_ +\n2\n")[:2] == (0, "1.0\n3.0\n")
    code, text, _ = run(installed, "-m", "kaleido", "doctor")
    assert code == 0 and "\n[numpy]         numpy not installed\n" in text


@pytest.mark.parametrize(
    ("extra", "arguments"),
    [
        ("lab", ["-m", "kaleido", "lab"]),
        ("lsp", ["-m", "kaleido", "lsp"]),
        ("jupyter", ["-m", "kaleido.jupyter", "install"]),
        ("numpy", ["-c", "import kaleido; s = kaleido.Session(); s.run('def f(x) x'); s['f'].map([1])"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_missing_extra_is_named(extra: str, arguments: list[str], installed: Path) -> None:
    assert f"kaleido-lang[{extra}]" in run(installed, *arguments)[2]


@pytest.mark.parametrize("python", OTHER_PYTHONS)
def test_it_runs_on_other_versions_of_python(python: str, installed: Path) -> None:
    program = "def f(x) x * x  for i = 1, i < 20000 in f(i)  f(7)"
    assert run(installed, "-m", "kaleido", "-c", program, python=python) == (0, "49.0\n", "")
