"""The engine is independent of any language: neither it nor its tests import the rest of Kaleido."""

from __future__ import annotations

import ast
import inspect
import pydoc
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import kaleido.jit
from kaleido.jit import Engine, EventKind, RunCounter, Tier

ENGINE = sorted(Path(kaleido.jit.__file__).parent.glob("**/*.py"))
TESTS = sorted(Path(__file__).parent.glob("**/*.py"))


def imported(path: Path) -> Iterator[str]:
    """The absolute names of all modules that a file imports, also inside of functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            yield node.module
            # `from kaleido import session` names a module in what it imports.
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "kaleido")


@pytest.mark.parametrize("path", [*ENGINE, *TESTS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_of_kaleido_outside_the_engine_is_imported(path: Path) -> None:
    own = [name for name in imported(path) if name.partition(".")[0] == "kaleido"]
    assert [name for name in own if name != "kaleido.jit" and not name.startswith("kaleido.jit.")] == []


def test_the_engine_never_imports_a_module_by_a_computed_name() -> None:
    for path in ENGINE:
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert not names & {"__import__", "importlib"}, path


def test_every_exported_name_exists() -> None:
    assert len(set(kaleido.jit.__all__)) == len(kaleido.jit.__all__)
    assert all(hasattr(kaleido.jit, name) for name in kaleido.jit.__all__)


def test_every_public_class_and_function_is_exported_by_its_own_name() -> None:
    exported = {name: getattr(kaleido.jit, name) for name in kaleido.jit.__all__}
    named = {name: value for name, value in exported.items() if inspect.isclass(value) or inspect.isfunction(value)}
    assert [name for name, value in named.items() if value.__name__ != name or not value.__doc__] == []


def test_help_is_a_page_that_names_everything() -> None:
    page = inspect.getdoc(kaleido.jit) or ""
    assert len(page.splitlines()) <= 60
    listed = re.findall(r"``(\w+)``", "\n".join(line for line in page.splitlines() if "  ``" in line))
    assert sorted(listed) == sorted(kaleido.jit.__all__)
    # After it comes a list of the modules.
    assert kaleido.jit.Engine is not None
    assert len(pydoc.plain(pydoc.render_doc(kaleido.jit)).splitlines()) <= 100
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        kaleido.jit.nothing  # noqa: B018


def test_help_of_an_enumeration_shows_what_is_its_own() -> None:
    shown = "".join(pydoc.plain(pydoc.render_doc(each)) for each in (RunCounter, EventKind, Tier))
    assert all(word in shown for word in ("ITERATIONS = ", "of(self, number: ", "SWAPPED = ", "OPTIMIZED = "))
    assert "swapcase" not in shown


def test_help_has_types() -> None:
    shown = pydoc.plain(pydoc.render_doc(Engine))
    assert "define(self, *definitions: 'Unit | Data', removed: 'Iterable[str]' = ()) -> 'frozenset[str]'" in shown


def test_the_example_in_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    lines = (inspect.getdoc(kaleido.jit) or "").partition("::\n")[2].partition("=====")[0]
    exec(inspect.cleandoc(lines), {})
    assert capsys.readouterr().out == "42\n"


def test_the_engine_needs_llvmlite_alone() -> None:
    """As in an installation of this distribution without the others that it requires."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    others = {re.split(r"\W", each)[0] for each in project["dependencies"]} - {"llvmlite"}
    assert "lark" in others
    code = f"""
import sys
sys.modules |= dict.fromkeys({sorted(others)})  # importing them raises ImportError
import kaleido.jit.observers
from kaleido.jit import Engine, Signature, Unit
with Engine() as engine:
    engine.define(Unit("f", Signature("i64", ()), "define tailcc i64 @f.impl() nounwind {{ ret i64 42 }}"))
    print(engine.call("f"), engine.function("f")())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("42 42\n", "")


def test_the_package_and_the_module_behind_it_list_the_same_names() -> None:
    from kaleido.jit import exports

    assert kaleido.jit.__all__ == exports.__all__
