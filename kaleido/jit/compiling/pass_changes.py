"""What each pass of LLVM's -O3 pipeline makes of a unit, as LLVM prints it in a subprocess.

LLVM compares the function before and after each pass, and prints it where it has changed (``-print-changed``). For a
recursive function the pipeline runs twice, with copies of the function made in between: see ``recursion``.
"""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Iterator, Sequence

import llvmlite.binding as llvm

from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.ir_lines import unescaped
from kaleido.jit.compiling.ir_text import functions
from kaleido.jit.compiling.llvm import Target
from kaleido.jit.compiling.recursion import original_name
from kaleido.jit.compiling.subprocesses import given, run_elsewhere
from kaleido.jit.events import PassChange
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Tier, Unit

__all__ = ["AT_START", "COPIED", "main", "pass_changes"]

AT_START = "at start"
"""In the place of a pass: the function as it is compiled, linked with its callees."""

COPIED = "recursive inlining"
"""In the place of a pass: the engine's own copies of a recursive function."""

_MOST_PRINTED = 64 << 20
_MOST_KEPT = 4 << 20
"""Bytes that LLVM prints, and characters of functions that are kept."""

_DUMP = re.compile(r"^\*\*\* IR Dump (At Start|After (\S+) on .*?)( omitted.*| filtered.*| ignored.*)? \*\*\*$", re.M)


def pass_changes(units: Sequence[Unit], policy: Policy) -> tuple[list[PassChange], int]:
    """The changes of the body of the first unit of an inline group, and of copies of it; and how many are left off.

    The first entry is the body at the start. What is beyond a few megabytes is left off. A transform of the engine is
    not applied. Raises OSError where the subprocess cannot run or does not succeed.
    """
    _, printed = run_elsewhere(__name__, units, policy, _MOST_PRINTED)
    text, body = printed.decode("utf-8", "replace"), units[0].body
    changes, size, left_off = [], 0, 0
    last: dict[str, str] = {}
    for name, dump in _dumps(text):
        for quoted, function in functions(dump).items():
            if original_name(unescaped(quoted[1:].strip('"'))) == body and last.get(quoted) != function.text:
                last[quoted] = function.text
                size += len(function.text)
                if size <= _MOST_KEPT:
                    changes.append(PassChange(name, unescaped(quoted[1:].strip('"')), function.text))
                else:
                    left_off += 1
    return changes, left_off


def _dumps(text: str) -> Iterator[tuple[str, str]]:
    """The name of each pass that has changed something, and what LLVM has printed after it."""
    found = list(_DUMP.finditer(text))
    starts = 0
    for dump, following in zip(found, [*found[1:], None], strict=True):
        if dump[3] is None:
            starts += dump[2] is None
            name = dump[2] or (AT_START if starts == 1 else COPIED)
            yield name, text[dump.end() + 1 : following.start() if following is not None else len(text)]


def main() -> None:
    """The subprocess: optimize the units. LLVM writes the changes to standard error."""
    units, policy = given()
    llvm.set_option("", "-print-changed")
    body = units[0].body
    recursive = [f"{each}.recursion{copy}" for each in (body, f"{body}.counted.integers") for copy in _COPIES]
    bodies = [body, f"{body}.counted.integers", f"{body}.counted.general", *recursive]
    # Without a filter LLVM prints all functions, and those of the unit are found among them.
    if "," not in body:
        llvm.set_option("", f"-filter-print-funcs={','.join(bodies)}")
    Compiler(Target(policy), None).module(units, Tier.OPTIMIZED).close()
    pickle.dump(None, sys.stdout.buffer)


_COPIES = [f"{tag}.{part}" for tag in ("", "1", "2") for part in ("0", "1", "2", "3", "leaf")]
