"""C's standard output, which Kaleido shares with the native code it runs.

``printd``, ``putchard`` and the user's C functions write through C's stdio. So Kaleido's own output goes through it,
too: one buffer keeps all output in order.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache

__all__ = [
    "FULLY_BUFFERED",
    "LINE_BUFFERED",
    "around_discarding",
    "buffer_as_c_does",
    "colored",
    "discarded",
    "flush",
    "held_back",
    "libc",
    "locked",
    "permanent_buffer",
    "screen",
    "write",
    "write_out",
]

FULLY_BUFFERED, LINE_BUFFERED = 0, 1
"""Modes of setvbuf: _IOFBF and _IOLBF."""

# Seconds to wait for the stream's lock.
_LOCK_TIMEOUT = 1.0

# Bytes: what glibc allocates for a pipe or a file.
_BUFFER_SIZE = 4096


@cache
def libc() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The C library, and its ``stdout``."""
    library = ctypes.CDLL(None)
    library.fputs.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    library.setvbuf.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    # On macOS the symbol has another name.
    name = "stdout" if hasattr(library, "stdout") else "__stdoutp"
    return library, ctypes.c_void_p.in_dll(library, name)


def permanent_buffer(size: int) -> int:
    """The address of a new buffer for a stream, of `size` bytes. Raises MemoryError.

    It is allocated by C and never freed: C writes out its contents when the process ends, after Python's memory has
    been freed.
    """
    address: int | None = libc()[0].malloc(size)
    if not address:
        raise MemoryError
    return address


def buffer_as_c_does() -> None:
    """Buffer standard output as in a C program: by lines on a terminal, otherwise in blocks. Raises MemoryError.

    Where PYTHONUNBUFFERED is set, as in many containers, Python makes not only its own streams unbuffered, but also
    C's: then each byte is a system call.
    """
    library, output = libc()
    mode = LINE_BUFFERED if os.isatty(1) else FULLY_BUFFERED
    with locked():
        library.fflush(output)
        library.setvbuf(output, permanent_buffer(_BUFFER_SIZE), mode, _BUFFER_SIZE)


@contextmanager
def locked() -> Iterator[None]:
    """Hold the stream's lock, with what native code has put out so far in the stream.

    Raises OSError if it cannot be acquired in time.

    That happens after a program was interrupted in a write that does not return, because the pipe is full and not read:
    the engine has detached the program's thread, and that thread keeps the lock.
    """
    library, output = libc()
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while library.ftrylockfile(output) != 0:
        if time.monotonic() > deadline:
            raise OSError("standard output is blocked")
        time.sleep(0.001)
    try:
        _HeldBack.take()
        yield
    finally:
        library.funlockfile(output)


def write(text: str) -> None:
    """Append `text` (without NUL) to C's standard output. A failed write is reported by :func:`flush`."""
    library, output = libc()
    with locked():
        library.fputs(text.encode(), output)


def write_out() -> None:
    """Write out the buffer. A failed write is reported by :func:`flush`."""
    library, output = libc()
    with locked():
        library.fflush(output)


def flush() -> None:
    """Write out the buffer. Raises OSError if any output so far was lost, as on a full disk."""
    library, output = libc()
    with locked():
        if library.fflush(output) != 0 or library.ferror(output) != 0:
            library.clearerr(output)
            raise OSError("standard output could not be written")


def colored(option: str, descriptor: int) -> bool:
    """Whether output to a file descriptor is colored, for a value of ``--color``."""
    if option != "auto":
        return option == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (os.isatty(descriptor) and os.environ.get("TERM") != "dumb")


class _HeldBack:
    """`take` writes what native code holds back to the stream, whose lock it is called with."""

    take: Callable[[], object] = staticmethod(lambda: None)


def held_back(take: Callable[[], object]) -> None:
    """Set the function that writes what native code holds back: one for this process."""
    _HeldBack.take = staticmethod(take)


class _Discarding:
    """
    `around`  returns a context manager that surrounds each outermost block of :func:`discarded`
    `screen`  the descriptor that standard output has outside of such blocks
    """

    around: Callable[[], AbstractContextManager[None]] = nullcontext
    screen = 1


def around_discarding(around: Callable[[], AbstractContextManager[None]]) -> None:
    """Set what surrounds each block of :func:`discarded`: one function for this process, ``nullcontext`` for none."""
    _Discarding.around = staticmethod(around)


def screen() -> int:
    """The descriptor of what standard output is outside of blocks of :func:`discarded`, to ask for its size."""
    return _Discarding.screen


@contextmanager
def discarded() -> Iterator[None]:
    """Discard everything that this process writes to standard output inside the block. Raises OSError."""
    outermost = _Discarding.screen == 1
    with _Discarding.around() if outermost else nullcontext():
        flush()
        saved, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
        if outermost:
            _Discarding.screen = saved
        os.dup2(null, 1)
        os.close(null)
        try:
            yield
        finally:
            # Output that is still in the buffer must be discarded, too.
            with suppress(OSError):
                flush()
            os.dup2(saved, 1)
            if outermost:
                _Discarding.screen = 1
            os.close(saved)
