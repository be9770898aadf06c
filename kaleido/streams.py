"""Standard output, shared with native code.

``printd``, ``putchard`` and any C function of the user's write through C's standard output. So the values that
are echoed go through it too: one buffer, one order.
"""

from __future__ import annotations

import ctypes
from functools import cache

__all__ = ["flush", "write"]


@cache
def _c() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    library.printf.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    library.fflush.argtypes = [ctypes.c_void_p]
    return library


def write(text: str) -> None:
    """Append `text` (without NUL) to C's standard output."""
    _c().printf(b"%s", text.encode())


def flush() -> None:
    """Write out what is buffered. Raises OSError where that fails, as on a full disk."""
    if _c().fflush(None) != 0:
        raise OSError("standard output could not be written")
