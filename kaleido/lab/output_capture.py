"""The program's output: everything that the process writes to standard output, taken from its file descriptor."""

from __future__ import annotations

import codecs
import os
import threading
from contextlib import suppress

from kaleido.terminal import streams

__all__ = ["LARGEST", "OutputCapture"]

LARGEST = 32_768
"""Characters of output that one message has at most. Of more output between two messages, the beginning is left out."""


class OutputCapture:
    """Replaces standard output by a pipe, and collects what is written to it. Thread-safe.

    `original` is a descriptor of what standard output was. Raises OSError.
    """

    def __init__(self) -> None:
        streams.flush()
        self.original = os.dup(1)
        self._reading, writing = os.pipe()
        os.dup2(writing, 1)
        os.close(writing)
        streams.buffer_as_c_does()
        os.set_blocking(self._reading, False)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lock = threading.Lock()
        self._text, self._left_out = "", 0
        # A program that writes much must not wait for the next message.
        threading.Thread(target=self._drain_for_ever, name="kaleido-output", daemon=True).start()

    def take(self) -> tuple[str, int]:
        """The output since the last call, up to now, and how many characters of it were left out at its beginning."""
        # The stream is locked where a write was interrupted: then its output comes later.
        with suppress(OSError):
            streams.flush()
        with self._lock:
            self._read()
            taken = self._text, self._left_out
            self._text, self._left_out = "", 0
            return taken

    def _drain_for_ever(self) -> None:
        import select

        while True:
            select.select([self._reading], [], [])
            with self._lock:
                self._read()

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while data := os.read(self._reading, 1 << 16):
                self._text += self._decoder.decode(data)
                if (excess := len(self._text) - LARGEST) > 0:
                    self._left_out += excess
                    self._text = self._text[excess:]
