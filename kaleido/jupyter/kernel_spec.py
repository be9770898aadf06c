"""What Jupyter has to know about the kernel, and where that is installed."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager

__all__ = ["NAME", "install", "specification"]

NAME = "kaleido"
"""The name of the kernel, for commands such as ``jupyter console --kernel kaleido``."""


def specification() -> dict[str, object]:
    """The contents of ``kernel.json``, for this Python."""
    return {
        # With -P, nothing is imported from the folder of the notebook.
        "argv": [sys.executable, "-P", "-m", "kaleido.jupyter", "-f", "{connection_file}"],
        "display_name": "Kaleido",
        "language": "kaleido",
        "interrupt_mode": "signal",
    }


def install(*, user: bool = False, prefix: str | None = None) -> str:
    """Install the kernel for Jupyter, and return its folder. Raises OSError.

    It is for this user, or for the Python below `prefix`, or else for the whole machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernel.json").write_text(json.dumps(specification(), indent=1) + "\n", "utf-8")
        # mkdtemp's folder is for this user only, and is copied with its mode.
        Path(folder).chmod(0o755)
        manager = KernelSpecManager()
        found: str = manager.install_kernel_spec(folder, NAME, user=user, prefix=prefix)
    return found
