"""The engine is independent of any language: neither it nor its tests import the rest of Kaleido."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kaleido.jit

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
