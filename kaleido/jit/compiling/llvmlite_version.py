"""The llvmlite that the engine works with.

Each version of llvmlite has another LLVM. The engine depends on more than llvmlite's interface: on the text of LLVM's
IR, on which calls LLVM makes tail calls, on the object files it emits. So it takes one series, with which all its tests
pass, and refuses others.
"""

from __future__ import annotations

__all__ = ["SERIES", "check"]

SERIES = "0.50"


def check(version: str, platform: str) -> None:
    """Raise ImportError, for llvmlite, where the engine cannot work with a version of it, or on a platform."""
    if platform == "win32":
        reason = "it does not work on Windows, where llvmlite has no JITLink: use Linux, also as WSL"
    elif not version.startswith(f"{SERIES}."):
        reason = f"it needs llvmlite {SERIES}, and {version} is installed: pip install 'llvmlite=={SERIES}.*'"
    else:
        return
    raise ImportError(f"kaleido.jit cannot be used: {reason}", name="llvmlite")
