"""C's standard output, held back in a buffer of ours, with a temporary line that never mixes with it.

The problem: a temporary line such as "running for 3 s" may only be written at the beginning of a line, and must be
erased before anything else is written. But C also writes its buffer out by itself: when it is full, and when a program
calls ``fflush``. Nothing reports that.

The solution:

- The sequence that erases the temporary line is put into C's buffer, as its first bytes, while no other thread can
  write to the stream. Whatever writes the buffer out, the erasure precedes the output.
- The first byte of the empty buffer is set to one that text does not contain. If that has changed, and the buffer is
  empty again, C has written by itself. Then the position of the cursor is unknown until more output is seen.

So output is neither copied nor counted, and is as fast as without a temporary line.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import cache

from kaleido.terminal import streams

__all__ = ["HeldOutput"]

# A prime: C writes a text of the buffer's size, or of a multiple of it, without the buffer, where it is not seen.
_BYTES = 65_521

# A byte that does not occur in UTF-8.
_UNUSED = b"\xff"

_ERASE = b"\r\x1b[K"


@cache
def _library() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    """The C library, and its ``stdout``, with the extension declared."""
    library, output = streams.libc()
    library.__fpending.argtypes, library.__fpending.restype = [ctypes.c_void_p], ctypes.c_size_t
    return library, output


@cache
def _buffer() -> int:
    """The address of the buffer. Raises MemoryError."""
    return streams.permanent_buffer(_BYTES)


class HeldOutput:
    """Standard output on a terminal, held back until it is drained. The cursor is at the beginning of a line at first.

    `erasable`  whether the terminal can erase a line; otherwise the temporary line remains, and has a line end

    Close it to make standard output line-buffered again. The methods raise OSError if the stream's lock cannot be
    acquired; a failed write is reported by ``streams.flush``. Only one may exist at a time.
    """

    @staticmethod
    def is_supported() -> bool:
        """Whether the C library can tell how much is buffered, with its extension ``__fpending``."""
        return hasattr(streams.libc()[0], "__fpending")

    def __init__(self, *, erasable: bool) -> None:
        self._erasure = _ERASE if erasable else b""
        self._shown = ""
        self._at_line_start = True
        self._is_paused = False
        library, output = _library()
        with streams.locked():
            library.fflush(output)
            library.setvbuf(output, _buffer(), streams.FULLY_BUFFERED, _BYTES)
            self._mark_empty()
        streams.around_discarding(self._paused)

    def close(self) -> None:
        streams.around_discarding(nullcontext)
        library, output = _library()
        with streams.locked():
            library.fflush(output)
            library.setvbuf(output, None, streams.LINE_BUFFERED, _BYTES)

    def begin(self) -> None:
        """The cursor is at the beginning of a line now."""
        self.drain()
        self._at_line_start, self._shown = True, ""

    def drain(self) -> None:
        """Erase the temporary line, and write out the output that is held back."""
        with streams.locked():
            self._write_out()

    def show(self, line: str) -> None:
        """Write out the output that is held back; if the cursor is at the beginning of a line then, show `line`."""
        with streams.locked():
            if not self._is_untouched():
                self._write_out()
            if self._at_line_start and line != self._shown and not self._is_paused:
                self._show(line)

    def end_line(self) -> None:
        """Write out the output that is held back, and a line end if it does not end in one."""
        with streams.locked():
            self._write_out()
            if not self._at_line_start and not self._is_paused:
                os.write(1, b"\n")
                self._at_line_start = True

    def _show(self, line: str) -> None:
        if not self._erasure:
            # It stays on the screen, and is written once.
            os.write(1, b"" if self._shown else f"{line}\n".encode())
        else:
            os.write(1, self._erasure + f"{line}\r".encode())
            if not self._shown:
                library, output = _library()
                library.fputs(self._erasure, output)
        self._shown = line

    def _is_untouched(self) -> bool:
        """Whether nothing has been written to the stream since :meth:`_write_out` or :meth:`_show`."""
        expected = self._erasure if self._shown else b""
        return _pending() == len(expected) and _held(0, len(expected) or 1) == (expected or _UNUSED)

    def _write_out(self) -> None:
        library, output = _library()
        if not self._is_paused and not self._is_untouched():
            length = _pending()
            self._at_line_start = length > 0 and _held(length - 1, 1) == b"\n"
        library.fflush(output)
        self._mark_empty()

    def _mark_empty(self) -> None:
        ctypes.memmove(_buffer(), _UNUSED, 1)
        if self._erasure:
            self._shown = ""

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """A block in which standard output is not the terminal: the position of the cursor stays as it is."""
        self.drain()
        self._is_paused = True
        try:
            yield
        finally:
            # The lock cannot be acquired if a program was stopped in a write. Then the position is unknown.
            with suppress(OSError), streams.locked():
                self._mark_empty()
            self._is_paused = False


def _pending() -> int:
    library, output = _library()
    length: int = library.__fpending(output)
    return length


def _held(start: int, length: int) -> bytes:
    return ctypes.string_at(_buffer() + start, length)
