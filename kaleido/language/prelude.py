"""The prelude: the definitions that every session begins with."""

from __future__ import annotations

import os

from kaleido.diagnostics import Source

__all__ = ["PRELUDE", "prelude"]

PRELUDE = "<prelude>"
"""The name of its text."""


def prelude() -> Source:
    """The text of `prelude.kal`."""
    with open(os.path.join(os.path.dirname(__file__), "prelude.kal"), encoding="utf-8") as file:
        return Source(PRELUDE, file.read())
