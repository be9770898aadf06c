"""The prelude: the definitions that every session begins with."""

from __future__ import annotations

from importlib.resources import files

from kaleido.diagnostics import Source

__all__ = ["prelude"]


def prelude() -> Source:
    """The text of `prelude.kal`."""
    return Source("<prelude>", (files("kaleido.language") / "prelude.kal").read_text("utf-8"))
