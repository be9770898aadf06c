"""The file from which ``perf report`` and other profilers take the names of JIT code: ``/tmp/perf-PID.map``.

It has a line for each function: address and size in hexadecimal, and the name. It cannot say that code was freed. An
address that is used again has two lines, and which of them a tool believes is its own choice. A profile of a program
that is redefined all the time needs ``jit_dump``.
"""

from __future__ import annotations

import os
from pathlib import Path

from kaleido.jit.engine import Engine
from kaleido.jit.observers.code_events import Code, follow
from kaleido.jit.observers.process_files import open_own

__all__ = ["PerfMap"]

# Fixed by perf, whatever the folder for temporary files is.
_FOLDER = Path("/tmp")


class PerfMap:
    """Writes the machine code of an engine to this process's file. Several engines may share it.

    Raises OSError where the file cannot be written, or is not this user's own.
    """

    def __init__(self, engine: Engine) -> None:
        self.path = _FOLDER / f"perf-{os.getpid()}.map"
        self._file = open_own(self.path)
        self._unsubscribe = follow(engine, self._add, lambda address: None)

    def close(self) -> None:
        """Write no more. The file stays: profilers read it when the process has ended."""
        self._unsubscribe()
        os.close(self._file)

    def _add(self, code: Code) -> None:
        # One write for each line: with O_APPEND, those of several engines do not mix.
        os.write(self._file, f"{code.address:x} {code.size:x} {code.name}\n".encode())
