"""Paths, links and dotted names in Markdown texts: finds them, and says which of them name nothing."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["dead_links", "missing_paths", "prose", "resolve", "unresolved_names"]

_SUFFIXES = (".kal", ".lark", ".ll", ".md", ".py", ".toml", ".txt")


def prose(text: str) -> str:
    """A Markdown text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def missing_paths(text: str, *folders: Path) -> list[str]:
    """The paths in backticks that exist below none of `folders`. They may have wildcards."""
    paths = [each for each in _code(text) if re.fullmatch(r"[\w*][\w.*-]*(/[\w.*-]+)*/?", each) and _is_path(each)]
    return [path for path in paths if not any(any(folder.glob(path)) for folder in folders)]


def dead_links(text: str, folder: Path) -> list[str]:
    """The links to files that do not exist, relative to `folder`."""
    return [link for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", prose(text)) if not (folder / link).exists()]


def unresolved_names(text: str, packages: Sequence[str] = (), prefix: str = "") -> list[str]:
    """The dotted names in backticks that name nothing: those that begin with ``kaleido``, or with one of `packages`.

    `prefix` is the package of `packages`, with a dot at its end.
    """
    names = [each for each in _code(text) if re.fullmatch(r"\w+(\.\w+)+", each) and not _is_path(each)]
    full = [prefix * (each.split(".")[0] in packages) + each for each in names]
    return [each for each in full if each.startswith("kaleido.") and not _resolves(each)]


def resolve(name: str) -> object:
    """The module, class, function or attribute of a dotted name. Raises ImportError or AttributeError."""
    found, parts = importlib.import_module("kaleido"), name.split(".")[1:]
    while parts and importlib.util.find_spec(f"{found.__name__}.{parts[0]}") is not None:
        found = importlib.import_module(f"{found.__name__}.{parts.pop(0)}")
        if not hasattr(found, "__path__"):
            break
    value: object = found
    for part in parts:
        value = getattr(value, part)
    return value


def _resolves(name: str) -> bool:
    try:
        resolve(name)
    except (ImportError, AttributeError):
        return False
    return True


def _code(text: str) -> Iterator[str]:
    """What is in backticks in the prose of a text."""
    yield from re.findall(r"`([^`\n]+)`", prose(text))


def _is_path(code: str) -> bool:
    return "/" in code or code.endswith(_SUFFIXES)
