"""Program texts from files, which may have any name and contain any bytes."""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING

from kaleido.diagnostics import Source
from kaleido.terminal.text import printable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileSource", "decoded", "encoded", "read", "reason", "replace_content", "shown"]

_BYTE_ORDER_MARK = "\ufeff"
_INVALID_BYTE = re.compile("[\udc80-\udcff]")


class FileSource(Source):
    """The program in a file, and the bytes that it was read from."""

    def __init__(self, name: str, text: str, *, path: str | Path, data: bytes) -> None:
        super().__init__(name, text)
        self._path, self.data = path, data

    @cached_property
    def path(self) -> Path:
        """The path of the file."""
        from pathlib import Path

        return Path(self._path)

    @cached_property
    def original(self) -> str:
        """`text` as :func:`encoded` turns it into `data` again: at the same offsets, with a surrogate for each U+FFFD
        that stands for an invalid byte."""
        return _lossless(self.data).removeprefix(_BYTE_ORDER_MARK)

    @property
    def byte_order_mark(self) -> str:
        """The byte order mark at the beginning of the file; empty if there is none."""
        return _BYTE_ORDER_MARK if _lossless(self.data[:3]) == _BYTE_ORDER_MARK else ""


def read(path: str | Path) -> FileSource:
    """Read the program in a file. Raises OSError, and ValueError for a path that cannot be a file name."""
    with open(path, "rb") as file:
        data = file.read()
    return FileSource(shown(path), decoded(data), path=path, data=data)


def decoded(data: bytes) -> str:
    """Decode bytes as UTF-8, without a byte order mark. Each invalid byte becomes U+FFFD.

    That is a syntax error, except in a comment.
    """
    return _INVALID_BYTE.sub("\ufffd", _lossless(data)).removeprefix(_BYTE_ORDER_MARK)


def encoded(text: str) -> bytes:
    """The bytes of a text of a :attr:`FileSource.original`, or of any other program."""
    return text.encode("utf-8", errors="surrogateescape")


def replace_content(path: Path, data: bytes) -> None:
    """Replace the content of a file atomically: after any failure it has its old content.

    Follows links, and keeps the mode. Raises OSError.
    """
    import tempfile
    from contextlib import suppress

    path = path.resolve()
    if path.exists() and path.read_bytes() == data:
        return
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(prefix=".kaleido-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _lossless(data: bytes) -> str:
    return data.decode("utf-8", errors="surrogateescape")


def shown(path: str | Path) -> str:
    """A path as text without control characters. File names may be any bytes."""
    return printable(os.fsencode(path).decode("utf-8", errors="replace") or "''")


def reason(error: Exception) -> str:
    """The message of an error, without the system's error number."""
    return getattr(error, "strerror", None) or str(error)
