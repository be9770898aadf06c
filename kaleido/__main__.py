"""The entry point of the command ``kaleido``, which is also ``python -m kaleido``.

Python reports an uncaught KeyboardInterrupt with a traceback, and ends the process by SIGINT. Here Ctrl-C ends the
command with status 130, from the first line on. That is why this module imports the others only afterwards; Python's
own start, before it, cannot be changed. An exception raised by Ctrl-C where Python cannot pass it on, in a finalizer,
is dropped.
"""

from __future__ import annotations

import gc
import os
import sys
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

__all__ = ["main"]

# New objects before a collection, where Python has 700. More than a build of a small program has: with 700, its 60
# collections take 8 ms.
_COLLECTED_AFTER = 100_000


def main() -> NoReturn:
    """Run the command, and end the process."""
    sys.excepthook, sys.unraisablehook = _end, _drop
    # Imports and syntax trees are many new objects and no garbage.
    gc.set_threshold(_COLLECTED_AFTER)
    from kaleido.cli import main

    main()


def _end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        # diagnostics.INTERRUPTED, which may not have been imported yet.
        os._exit(130)
    sys.__excepthook__(kind, error, trace)


def _drop(problem: UnraisableHookArgs) -> None:
    if not issubclass(problem.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(problem)


if __name__ == "__main__":
    main()
