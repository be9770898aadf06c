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


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the command line needs its version before it needs LLVM."""
    from importlib import import_module

    if name in ("Diagnostic", "IncompleteInput", "KaleidoError", "Label", "SemanticError", "ParseError"):
        return getattr(import_module("kaleido.diagnostics"), name)
    if name == "Interrupted":
        return import_module("kaleido.jit").Interrupted
    if name in ("Change", "Function", "Result", "Session"):
        return getattr(import_module("kaleido.session"), name)
    raise AttributeError(f"module 'kaleido' has no attribute {name!r}")
