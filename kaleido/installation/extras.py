"""The packages that the extras of the distribution bring, by the names that they are imported by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["EXTRAS", "REQUIRED"]

REQUIRED: Sequence[str] = ("llvmlite", "lark", "prompt_toolkit", "pygments", "wcwidth")

EXTRAS: Mapping[str, Sequence[str]] = {
    "build": ("ziglang",),
    "dask": ("dask", "distributed"),
    "jupyter": ("ipykernel",),
    "lab": ("starlette", "uvicorn"),
    "lsp": ("pygls",),
    "numpy": ("numpy",),
}
