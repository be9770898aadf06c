"""The mode of the terminal's input while an interactive program has it.

The problem: what is typed while an entry runs is read at the next prompt, and shown there. But the terminal also echoes
it at once, into the output of the entry; and it swallows Ctrl-D.

The solution: the terminal does not echo, and takes Ctrl-D for a character, from the beginning to the end of the
program. But programs that read standard input themselves need both. So if a thread waits in a read of standard input,
the terminal is given its own mode again. Linux shows the system call that a thread waits in; elsewhere the mode is not
changed.
"""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import glob
from typing import Any

__all__ = ["InputMode"]

_INPUT = 0

# The number of the system call `read`, by machine.
_READ = {"x86_64": 0, "aarch64": 63, "riscv64": 63}

# Positions in the list of termios.tcgetattr.
_LOCAL_FLAGS, _CHARACTERS = 3, 6


class InputMode:
    """The mode of standard input, a terminal. :meth:`restore` gives the terminal back as it was.

    The methods change nothing if the terminal is gone, or if this process is in the background.
    """

    def __init__(self) -> None:
        self._original = _attributes()

    def hide(self) -> None:
        """Do not echo what is typed."""
        if self._original is not None and _can_see_reads():
            quiet = [*self._original]
            quiet[_LOCAL_FLAGS] &= ~termios.ECHO
            quiet[_CHARACTERS] = [*quiet[_CHARACTERS]]
            quiet[_CHARACTERS][termios.VEOF] = os.fpathconf(_INPUT, "PC_VDISABLE").to_bytes(1, "big")
            _set(quiet)

    def restore(self) -> None:
        """Set the mode that the terminal had."""
        if self._original is not None:
            _set(self._original)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """A block in which the terminal has its own mode; then it has the one before again."""
        before = _attributes()
        self.restore()
        try:
            yield
        finally:
            if before is not None:
                _set(before)


def is_read() -> bool:
    """Whether a thread of this process waits in a read of standard input."""
    return any(map(_reads_input, glob("/proc/self/task/*/syscall")))


def _reads_input(path: str) -> bool:
    # The thread may have ended, or be about to run; then there is no number.
    with suppress(OSError, ValueError, IndexError), open(path) as file:
        number, descriptor = file.read().split()[:2]
        return int(number) == _READ[os.uname().machine] and int(descriptor, 16) == _INPUT
    return False


def _can_see_reads() -> bool:
    return sys.platform == "linux" and os.uname().machine in _READ and os.access("/proc/self/syscall", os.R_OK)


def _attributes() -> list[Any] | None:
    try:
        return termios.tcgetattr(_INPUT)
    except termios.error:
        return None


def _set(attributes: list[Any]) -> None:
    with suppress(OSError, termios.error):
        # A process in the background would be stopped.
        if os.tcgetpgrp(_INPUT) == os.getpgrp():
            termios.tcsetattr(_INPUT, termios.TCSANOW, attributes)
