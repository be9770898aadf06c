"""How the packages depend on each other: imports run from higher layers to lower ones, and never in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import kaleido

PACKAGE = Path(kaleido.__file__).parent

LAYERS = tuple(
    (each,)
    for each in (
        "kaleido.terminal",
        "kaleido.diagnostics",
        "kaleido.language",
        "kaleido.jit",
        "kaleido.recording",
        "kaleido.codegen",
        "kaleido.report",
        "kaleido.code_views",
        "kaleido.page",
        "kaleido.command_line",
        "kaleido.numpy_map",
        "kaleido.formatting",
        "kaleido.session",
        "kaleido.cache",
        "kaleido.bench",
        "kaleido.build",
        "kaleido.repl",
        "kaleido.tutorial",
        "kaleido.editors",
        "kaleido.lab",
        "kaleido.lsp",
        "kaleido.jupyter",
        "kaleido.cli",
        "kaleido.installation",
        "kaleido.program_report",
        "kaleido.__main__",
    )
)
"""From the lowest to the highest. `kaleido` itself imports what it exports when that is asked for."""

ENGINE_LAYERS = (
    (
        "kaleido.jit.process",
        "kaleido.jit.debug_info",
        "kaleido.jit.function_text",
        "kaleido.jit.records",
        "kaleido.jit.value_types",
    ),
    ("kaleido.jit.signature",),
    ("kaleido.jit.unit",),
    ("kaleido.jit.policy", "kaleido.jit.events", "kaleido.jit.ahead_of_time"),
    ("kaleido.jit.compiling",),
    ("kaleido.jit.native",),
    ("kaleido.jit.program", "kaleido.jit.running"),
    ("kaleido.jit.lifetime",),
    ("kaleido.jit.calls", "kaleido.jit.inspection"),
    ("kaleido.jit.direct_calls",),
    ("kaleido.jit.engine",),
    ("kaleido.jit.observers",),
    ("kaleido.jit.exports",),
    ("kaleido.jit",),
)
"""The same inside the engine; packages of one layer do not import each other."""


def name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def imports(module: str) -> frozenset[str]:
    """The modules of this package that a module imports, at whatever depth, but for type checking."""
    return frozenset(found for found in _imports(MODULES[module]) if found in MODULES and found != "kaleido")


def _imports(path: Path) -> Iterator[str]:
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def layer(module: str, layers: tuple[tuple[str, ...], ...]) -> int:
    """The number of the layer that a module is in."""

    def has(packages: tuple[str, ...]) -> bool:
        return any(module == each or module.startswith(each + ".") for each in packages)

    return next(number for number, packages in enumerate(layers) if has(packages))


@pytest.mark.parametrize("module", [each for each in MODULES if each != "kaleido"])
def test_nothing_is_imported_from_a_higher_layer(module: str) -> None:
    own = layer(module, LAYERS)
    assert [each for each in imports(module) if layer(each, LAYERS) > own] == []


@pytest.mark.parametrize("module", [each for each in MODULES if each.startswith("kaleido.jit")])
def test_inside_the_engine_imports_run_one_way(module: str) -> None:
    def place(name: str) -> tuple[int, str]:
        return layer(name, ENGINE_LAYERS), ".".join(name.split(".")[:3])

    own = place(module)
    higher = [each for each in imports(module) if place(each)[0] > own[0]]
    beside = [each for each in imports(module) if place(each)[0] == own[0] and place(each)[1] != own[1]]
    assert (higher, beside) == ([], [])


def test_no_modules_import_each_other_in_a_circle() -> None:
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for each in sorted(imports(module)):
                visit(each, (*trail, module))
            done.add(module)

    for module in MODULES:
        if module != "kaleido":
            visit(module, ())


@pytest.mark.parametrize("module", [each for each in MODULES if not each.startswith("kaleido.jit")])
def test_outside_the_engine_only_its_exports_are_imported(module: str) -> None:
    inside = [each for each in imports(module) if each.startswith("kaleido.jit.")]
    # Opt-in, so the engine's package does not export them.
    assert [each for each in inside if each not in ("kaleido.jit.observers", "kaleido.jit.ahead_of_time")] == []


def test_the_private_parts_of_llvmlite_are_used_in_one_file() -> None:
    def uses(path: Path) -> bool:
        tree = ast.parse(path.read_text("utf-8"))
        private = any(
            isinstance(node, ast.Attribute) and node.attr in ("_context", "_dispose", "_lock") and not _is_self(node)
            for node in ast.walk(tree)
        )
        return private and "llvmlite" in path.read_text("utf-8")

    assert [module for module, path in MODULES.items() if uses(path)] == ["kaleido.jit.compiling.llvm"]


def _is_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def test_a_version_is_written_in_one_file() -> None:
    fields = {"baseline", "optimized", "reachable_compiled", "_final_runs", "_count_at_publication", "nested"}
    writers = {
        module
        for module, path in MODULES.items()
        if module.startswith("kaleido.jit.program")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        for each in ast.walk(target)
        if isinstance(each, ast.Attribute) and each.attr in fields
    }
    assert writers == {"kaleido.jit.program.versions"}


def test_two_files_share_a_name_only_where_they_mean_the_same() -> None:
    # The map of a package, what `python -m` runs, and the exceptions that a package raises.
    expected = {"__init__", "__main__", "errors"}
    stems = [path.stem for path in MODULES.values()]
    assert {stem for stem in stems if stems.count(stem) > 1} <= expected


def test_the_engine_s_interface_is_a_table_of_contents() -> None:
    """Its methods are docstrings, and few lines that say where the work is done; the constructor puts all together."""
    [engine] = [
        node
        for node in ast.parse((PACKAGE / "jit" / "engine.py").read_text("utf-8")).body
        if isinstance(node, ast.ClassDef)
    ]
    for method in engine.body:
        if isinstance(method, ast.FunctionDef) and method.name != "__init__":
            first = method.body[1] if ast.get_docstring(method) and len(method.body) > 1 else method.body[0]
            assert (method.end_lineno or 0) - first.lineno < 12, method.name


@pytest.mark.parametrize("package", [each for each, path in MODULES.items() if path.stem == "__init__"])
def test_the_map_of_a_package_names_modules_that_exist(package: str) -> None:
    folder = MODULES[package].parent
    rows = re.findall(r"(?m)^``([\w.]+)``", ast.get_docstring(ast.parse(MODULES[package].read_text("utf-8"))) or "")
    present = {path.name for path in folder.iterdir()} | {path.stem for path in folder.iterdir()}
    assert [row for row in rows if row not in present] == []
