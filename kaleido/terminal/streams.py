"""C's standard output, which Kaleido shares with the native code it runs.

``printd``, ``putchard`` and the user's C functions write through C's stdio. So Kaleido's own output goes through it,
too: one buffer keeps all output in order.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

__all__ = ["colored", "discarded", "drain", "flush", "hold_back", "write"]

# Seconds to wait for the stream's lock.
_LOCK_TIMEOUT = 1.0


@cache
def _libc() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The C library, and its ``stdout``."""
    library = ctypes.CDLL(None)
    library.fputs.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    library.setvbuf.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    if hasattr(library, "__fpending"):
        library.__fpending.argtypes, library.__fpending.restype = [ctypes.c_void_p], ctypes.c_size_t
    # On macOS the symbol has another name.
    name = "stdout" if hasattr(library, "stdout") else "__stdoutp"
    return library, ctypes.c_void_p.in_dll(library, name)


@contextmanager
def _locked() -> Iterator[None]:
    """Hold the stream's lock. Raises OSError if it cannot be acquired in time.

    That happens after a program was interrupted in a write that does not return, because the pipe is full and not read:
    the engine has detached the program's thread, and that thread keeps the lock.
    """
    library, output = _libc()
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while library.ftrylockfile(output) != 0:
        if time.monotonic() > deadline:
            raise OSError("standard output is blocked")
        time.sleep(0.001)
    try:
        yield
    finally:
        library.funlockfile(output)


def write(text: str) -> None:
    """Append `text` (without NUL) to C's standard output. A failed write is reported by :func:`flush`."""
    library, output = _libc()
    with _locked():
        library.fputs(text.encode(), output)


def flush() -> None:
    """Write out the buffer. Raises OSError if any output so far was lost, as on a full disk."""
    library, output = _libc()
    with _locked():
        if library.fflush(output) != 0 or library.ferror(output) != 0:
            library.clearerr(output)
            raise OSError("standard output could not be written")


_HOLD_BYTES = 1 << 16

# Modes of setvbuf: _IOFBF and _IOLBF.
_FULLY_BUFFERED, _LINE_BUFFERED = 0, 1


@cache
def _hold_buffer() -> ctypes.c_void_p:
    """The buffer of standard output while it is held back. Raises MemoryError.

    It is allocated by C and never freed: C writes out its contents when the process ends, after Python's memory has
    been freed.
    """
    library, _ = _libc()
    library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    address = library.malloc(_HOLD_BYTES)
    if not address:
        raise MemoryError
    return ctypes.c_void_p(address)


def hold_back(held: bool) -> bool:
    """Switch standard output on a terminal between full buffering (`held`: until drained or flushed) and by lines.

    Returns whether this C library supports it: :func:`drain` needs the extension ``__fpending``.
    """
    library, output = _libc()
    if not hasattr(library, "__fpending"):
        return False
    with _locked():
        library.fflush(output)
        if held:
            library.setvbuf(output, _hold_buffer(), _FULLY_BUFFERED, _HOLD_BYTES)
        else:
            library.setvbuf(output, None, _LINE_BUFFERED, _HOLD_BYTES)
    return True


def drain(before: bytes = b"") -> bytes:
    """Write out the output that is held back, with `before` in front of it; return its last byte.

    If no output is held back, write nothing and return ``b""``. Raises OSError if the stream's lock cannot be acquired;
    a failed write is reported by :func:`flush`.
    """
    library, output = _libc()
    with _locked():
        length = library.__fpending(output)
        last = ctypes.string_at((_hold_buffer().value or 0) + length - 1, 1) if length else b""
        if length:
            os.write(1, before)
            library.fflush(output)
        return last


def colored(option: str, descriptor: int) -> bool:
    """Whether output to a file descriptor is colored, for a value of ``--color``."""
    if option != "auto":
        return option == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (os.isatty(descriptor) and os.environ.get("TERM") != "dumb")


@contextmanager
def discarded() -> Iterator[None]:
    """Discard everything that this process writes to standard output inside the block. Raises OSError."""
    flush()
    saved, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    try:
        yield
    finally:
        # Output that is still in the buffer must be discarded, too.
        with suppress(OSError):
            flush()
        os.dup2(saved, 1)
        os.close(saved)
