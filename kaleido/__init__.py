"""Kaleido: a Kaleidoscope-style language with a tiered JIT that you can watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "Change",
    "Diagnostic",
    "Function",
    "IncompleteInput",
    "Interrupted",
    "KaleidoError",
    "Label",
    "ParseError",
    "Result",
    "SemanticError",
    "Session",
    "__version__",
]

if TYPE_CHECKING:
    from kaleido.diagnostics import Diagnostic, IncompleteInput, KaleidoError, Label, ParseError, SemanticError
    from kaleido.jit import Interrupted
    from kaleido.session import Change, Function, Result, Session


_PACKAGES = {
    "kaleido.diagnostics": ("Diagnostic", "IncompleteInput", "KaleidoError", "Label", "ParseError", "SemanticError"),
    "kaleido.jit": ("Interrupted",),
    "kaleido.jupyter.magics": ("load_ipython_extension",),
    "kaleido.session": ("Change", "Function", "Result", "Session"),
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use: importing `kaleido` for its version must not load LLVM."""
    from importlib import import_module

    for package, names in _PACKAGES.items():
        if name in names:
            return getattr(import_module(package), name)
    raise AttributeError(f"module 'kaleido' has no attribute {name!r}")
