"""The worker: runs the program, and obeys commands on standard input. Both directions are JSON, one message a line.

A command has `do`, and the arguments of one of _COMMANDS. One with `id` gets a message ``{"kind": "reply", "id": ...}``
with the result, or with `refused`, a sentence. All other messages are for every page.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from kaleido.lab.output_capture import OutputCapture
from kaleido.lab.workbench import Refused, Workbench

__all__ = ["main"]

_COMMANDS: dict[str, Callable[..., object]] = {
    "run": Workbench.run,
    "evaluate": Workbench.evaluate,
    "apply": Workbench.apply,
    "stop": Workbench.stop,
    "check": Workbench.check,
    "tiers": Workbench.set_tiers,
    "hold": Workbench.hold,
    "step": Workbench.step,
    "snapshot": Workbench.tell_snapshot,
    "code": Workbench.code,
    "report": Workbench.report,
}

# Seconds between two looks at the output and the recording.
_TICK = 0.1


class _Messages:
    """Writes messages to a descriptor, one at a time. If its reader is gone, the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._file = open(descriptor, "w", encoding="utf-8", closefd=False)
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        line = json.dumps(message, separators=(",", ":"))
        with self._lock:
            try:
                self._file.write(line + "\n")
                self._file.flush()
            except OSError:
                os._exit(0)


def main(*, externs: bool) -> None:
    """Work until standard input ends. `externs`: whether programs may declare C functions beyond the prelude's."""
    output = OutputCapture()
    messages = _Messages(output.original)
    bench = Workbench(messages.send, output, externs=externs)
    threading.Thread(target=_tick, args=[bench], name="kaleido-tick", daemon=True).start()
    for line in sys.stdin:
        _obey(json.loads(line), bench, messages)
    os._exit(0)


def _tick(bench: Workbench) -> None:
    while True:
        time.sleep(_TICK)
        bench.tick()


def _obey(command: dict[str, Any], bench: Workbench, messages: _Messages) -> None:
    name, identifier = command.pop("do"), command.pop("id", None)
    try:
        reply = {"result": _COMMANDS[name](bench, **command)}
    except Refused as refusal:
        reply = {"refused": str(refusal)}
    if identifier is not None:
        messages.send({"kind": "reply", "id": identifier} | reply)
