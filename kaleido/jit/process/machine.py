"""The machine that the process runs on."""

from __future__ import annotations

import os

__all__ = ["machine"]


def machine() -> str:
    """The architecture, such as ``x86_64``; empty where POSIX does not say it.

    It is that of ``platform.machine``, a module that takes 3 ms to import.
    """
    return os.uname().machine if hasattr(os, "uname") else ""
