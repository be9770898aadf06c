"""The options of the command ``kaleido``, and the command lines that need no parser."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Options", "of_plain"]


class Options:
    """What the command line says; the attributes are named after the options. See ``kaleido --help``."""

    def __init__(self, script: str | None = None, code: str | None = None) -> None:
        self.script, self.code = script, code
        self.arguments: list[str] = []
        self.interactive = self.quiet = False
        self.jit = "tiered"
        self.threshold: int | None = None
        self.stack_size: int | None = None
        self.load: list[str] = []
        self.externs = self.prelude = self.init = self.history = self.cache = True
        self.stats = self.perf_map = self.jitdump = self.gdb = self.version = False
        self.trace: str | None = None
        self.emit: str | None = None
        self.color = "auto"


def of_plain(arguments: Sequence[str]) -> Options | None:
    """The options of a command line that is nothing, ``SCRIPT`` or ``-c CODE``; None for all others.

    Building argparse's parser and the modules it imports take a tenth of a short run.
    """
    match arguments:
        case []:
            return Options()
        case ["-c", code] if code:
            return Options(code=code)
        case [script] if script and not script.startswith("-"):
            return Options(script=script)
    return None
