"""The prelude: the definitions that every session begins with."""

from __future__ import annotations

from pathlib import Path

from kaleido.diagnostics import Source

__all__ = ["prelude"]


def prelude() -> Source:
    """The text of `prelude.kal`."""
    return Source("<prelude>", Path(__file__).with_name("prelude.kal").read_text("utf-8"))
