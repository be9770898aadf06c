"""Standard output, shared with native code.

``printd``, ``putchard`` and any C function of the user's write through C's standard output. So the values that
are echoed go through it too: one buffer, one order.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

__all__ = ["flush", "write"]

# Seconds to wait for a stream that another thread is writing to.
_PATIENCE = 1.0


@cache
def _c() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The C library, and its standard output."""
    library = ctypes.CDLL(None)
    library.fputs.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    # macOS has the stream under another name.
    name = "stdout" if hasattr(library, "stdout") else "__stdoutp"
    return library, ctypes.c_void_p.in_dll(library, name)


@contextmanager
def _ours() -> Iterator[None]:
    """Have the stream for this thread alone. Raises OSError where another does not give it back.

    That is a program that was interrupted, and left behind in the middle of a write that does not end: nobody reads
    at the other end.
    """
    library, output = _c()
    deadline = time.monotonic() + _PATIENCE
    while library.ftrylockfile(output) != 0:
        if time.monotonic() > deadline:
            raise OSError("standard output is blocked")
        time.sleep(0.001)
    try:
        yield
    finally:
        library.funlockfile(output)


def write(text: str) -> None:
    """Append `text` (without NUL) to C's standard output; whether that went well :func:`flush` tells."""
    library, output = _c()
    with _ours():
        library.fputs(text.encode(), output)


def flush() -> None:
    """Write out what is buffered. Raises OSError where anything written so far was lost, as on a full disk."""
    library, output = _c()
    with _ours():
        if library.fflush(output) != 0 or library.ferror(output) != 0:
            library.clearerr(output)
            raise OSError("standard output could not be written")
