"""Paths, links and names of Kaleido's code in Markdown texts: finds them, and says which of them name nothing."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kaleido

__all__ = ["dead_links", "missing_paths", "prose", "resolve", "unresolved_names"]

_PACKAGE = Path(kaleido.__file__).parent
_SUFFIXES = (".kal", ".lark", ".ll", ".md", ".py", ".toml", ".txt")


def prose(text: str) -> str:
    """A Markdown text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def dead_links(text: str, folder: Path) -> list[str]:
    """The links to files that do not exist, relative to `folder`."""
    return [link for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", prose(text)) if not (folder / link).exists()]


def missing_paths(text: str, *folders: Path) -> list[str]:
    """The paths in backticks that exist below none of `folders`. They may have wildcards."""
    paths = [each for each in _code(text) if re.fullmatch(r"[\w*][\w.*-]*(/[\w.*-]+)*/?", each) and _is_path(each)]
    return [path for path in paths if not any(any(folder.glob(path)) for folder in folders)]


def unresolved_names(text: str, folder: Path) -> list[str]:
    """The names in backticks that name nothing in Kaleido, in any of these forms::

        kaleido.jit.Engine.define     jit/engine.py Engine.define     Engine.define(unit)

    A file of the second form is one below `folder`, by the end of its path; the name may be that of a method alone.
    In the third form, the class is any class of Kaleido.
    """
    codes = (re.sub(r"\(.*\)$", "", code) for code in _code(text))
    return [code for code in codes if not all(_resolves(name) for name in _full_names(code, folder))]


def resolve(name: str) -> object:
    """The module, class, function or attribute of a dotted name. Raises ImportError or AttributeError."""
    found, parts = importlib.import_module("kaleido"), name.split(".")[1:]
    while parts and importlib.util.find_spec(f"{found.__name__}.{parts[0]}") is not None:
        found = importlib.import_module(f"{found.__name__}.{parts.pop(0)}")
        if not hasattr(found, "__path__"):
            break
    value: object = found
    for part in parts:
        value = _member(value, part)
    return value


def _member(value: object, name: str) -> object:
    """An attribute; of a class also one that only its instances have."""
    if inspect.isclass(value) and not hasattr(value, name):
        source = "".join(inspect.getsource(each) for each in value.__mro__ if each.__module__.startswith("kaleido"))
        if re.search(rf"(?m)^\s+(?:self\.)?{re.escape(name)}\b.*[:=]", source):
            return None
    found: object = getattr(value, name)
    return found


def _resolves(name: str) -> bool:
    try:
        resolve(name)
    except (ImportError, AttributeError):
        return False
    return True


def _full_names(code: str, folder: Path) -> list[str]:
    """A code as dotted names that begin with ``kaleido``; none if it has another form."""
    if re.fullmatch(r"kaleido(\.\w+)+", code) and not _is_path(code):
        return [code]
    if in_file := re.fullmatch(r"([\w./]+)\.py (\w+(?:\.\w+)*)", code):
        paths = [path for path in folder.rglob("*.py") if path.as_posix().endswith(f"/{in_file[1]}.py")]
        paths = [path for path in paths or [_PACKAGE.parent / f"{in_file[1]}.py"] if not _has_method(path, in_file[2])]
        return [f"{_module(path)}.{in_file[2]}" for path in paths]
    if re.fullmatch(r"[A-Z]\w*[a-z]\w*(\.\w+)+", code) and not _is_path(code):
        name, _, member = code.partition(".")
        return [f"{each}.{member}" for each in _classes().get(name, [f"kaleido.{name}"])]
    return []


def _has_method(path: Path, name: str) -> bool:
    return path.exists() and re.search(rf"(?m)^    def {re.escape(name)}\(", path.read_text("utf-8")) is not None


def _module(path: Path) -> str:
    return ".".join(path.relative_to(_PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def _classes() -> dict[str, list[str]]:
    """The full names of all classes of Kaleido, by their last parts."""
    found: dict[str, list[str]] = {}
    for each in pkgutil.walk_packages(kaleido.__path__, "kaleido."):
        if not each.name.endswith("__main__"):
            module = importlib.import_module(each.name)
            for name, value in inspect.getmembers(module, inspect.isclass):
                if value.__module__ == each.name:
                    found.setdefault(name, []).append(f"{each.name}.{name}")
    return found


def _code(text: str) -> Iterator[str]:
    """The codes in backticks in the prose of a text."""
    yield from (" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(text)))


def _is_path(code: str) -> bool:
    return "/" in code or code.endswith(_SUFFIXES)
