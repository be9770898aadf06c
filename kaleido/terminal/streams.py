"""Standard output, shared with native code.

``printd``, ``putchard`` and any C function of the user's write through C's standard output. So the values that
are echoed go through it too: one buffer, one order.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

__all__ = ["colored", "discarded", "drain", "flush", "hold_back", "write"]

# Seconds to wait for a stream that another thread is writing to.
_PATIENCE = 1.0


@cache
def _c() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The C library, and its standard output."""
    library = ctypes.CDLL(None)
    library.fputs.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    library.setvbuf.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    if hasattr(library, "__fpending"):
        library.__fpending.argtypes, library.__fpending.restype = [ctypes.c_void_p], ctypes.c_size_t
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


_HELD_BYTES = 1 << 16

_FULLY_BUFFERED, _BY_LINES = 0, 1


@cache
def _held() -> ctypes.c_void_p:
    """Where standard output is buffered while it is held back. Raises MemoryError.

    C's own memory, and never freed: C writes out what is in it when the process ends, and by then Python's is gone.
    """
    library, _ = _c()
    library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    address = library.malloc(_HELD_BYTES)
    if not address:
        raise MemoryError
    return ctypes.c_void_p(address)


def hold_back(held: bool) -> bool:
    """Have what is written to a terminal go out when it is drained or flushed, and not line by line; or end that.

    Whether that can be had: it takes an extension of the C library's that not all have.
    """
    library, output = _c()
    if not hasattr(library, "__fpending"):
        return False
    with _ours():
        library.fflush(output)
        if held:
            library.setvbuf(output, _held(), _FULLY_BUFFERED, _HELD_BYTES)
        else:
            library.setvbuf(output, None, _BY_LINES, _HELD_BYTES)
    return True


def drain(before: bytes = b"") -> bytes:
    """Write out what is held back, with `before` in front of it; returns its last byte. Does nothing for nothing.

    Raises OSError where standard output cannot be had; what is lost, :func:`flush` tells.
    """
    library, output = _c()
    with _ours():
        length = library.__fpending(output)
        last = ctypes.string_at((_held().value or 0) + length - 1, 1) if length else b""
        if length:
            os.write(1, before)
            library.fflush(output)
        return last


def colored(option: str, descriptor: int) -> bool:
    """Whether what goes to a file descriptor is to be colored, for a value of ``--color``."""
    if option != "auto":
        return option == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (os.isatty(descriptor) and os.environ.get("TERM") != "dumb")


@contextmanager
def discarded() -> Iterator[None]:
    """What is written to standard output in here, by anybody in this process, is lost. Raises OSError."""
    flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        # To be lost, it must not wait in the buffer.
        with suppress(OSError):
            flush()
        os.dup2(kept, 1)
        os.close(kept)
