"""The prelude: the definitions that every session begins with."""

from __future__ import annotations

from pathlib import Path

from kaleido.diagnostics import Source

__all__ = ["PRELUDE", "prelude"]

PRELUDE = "<prelude>"
"""The name of its text."""


def prelude() -> Source:
    """The text of `prelude.kal`."""
    return Source(PRELUDE, Path(__file__).with_name("prelude.kal").read_text("utf-8"))
