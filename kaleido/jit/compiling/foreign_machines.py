"""Compilation for another machine than this one, in a subprocess.

LLVM ends the process where a platform lacks what a unit needs, such as guaranteed tail calls; and it only writes to
standard error that it does not know a processor.
"""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
from collections.abc import Collection
from dataclasses import replace
from functools import partial

from kaleido.jit.ahead_of_time import ClosedProgram, Form, Machine
from kaleido.jit.compiling.compiler import Compiler
from kaleido.jit.compiling.llvm import Target
from kaleido.jit.compiling.object_files import object_file
from kaleido.jit.debug_info import DebugInfo
from kaleido.jit.policy import Policy
from kaleido.jit.unit import Unit

__all__ = ["foreign_object_file", "main"]

# Isolated: the subprocess imports what this process does, and nothing from the current folder.
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from kaleido.jit.compiling.foreign_machines import main; main()"

_UNKNOWN = re.compile(r"^'(.*)' is not a recognized processor", re.MULTILINE)
_FATAL = re.compile(r"^(?:LLVM ERROR|error: <unknown>:0:0): (.+)$", re.MULTILINE)

# What the subprocess exits with if LLVM has rejected something; the reason is its output.
_REJECTED = 3


def foreign_object_file(policy: Policy, program: ClosedProgram, form: Form, machine: Machine) -> bytes:
    """As ``object_files.object_file``, for a machine. Raises ValueError, and OSError where the subprocess fails."""
    program = program._replace(units=_sent(program.units, policy), exports=_sent(program.exports, policy))
    command = [sys.executable, "-I", "-c", _PROGRAM, *filter(None, sys.path)]
    done = subprocess.run(command, input=pickle.dumps((policy, program, form, machine)), capture_output=True)
    messages = done.stderr.decode("utf-8", "replace")
    if unknown := _UNKNOWN.search(messages):
        raise ValueError(f"LLVM knows no processor {unknown[1]} of this platform")
    if fatal := _FATAL.search(messages):
        reason = "LLVM has no guaranteed tail calls for it: " if "calling convention" in fatal[1] else ""
        raise ValueError(f"LLVM cannot compile for this machine: {reason}{fatal[1]}")
    if done.returncode == _REJECTED:
        raise ValueError(done.stdout.decode())
    if done.returncode != 0:
        raise OSError(f"the subprocess that compiles has ended with {done.returncode}")
    return done.stdout


def _sent(units: Collection[Unit], policy: Policy) -> list[Unit]:
    """Units as they are sent to the subprocess: each nested one only once, and debug information as data, if wanted."""
    wanted = {unit: unit.debug for unit in units if policy.debug}
    data = {unit: partial(DebugInfo, *debug()) for unit, debug in wanted.items() if debug is not None}
    return [replace(unit, debug=data.get(unit), nested_units=()) for unit in units]


def main() -> None:
    """The subprocess: compile the program on standard input, and write the result to standard output."""
    policy, program, form, machine = pickle.load(sys.stdin.buffer)
    try:
        found = object_file(Compiler(Target(policy, machine), None), program, form, debug=policy.debug)
    except ValueError as error:
        sys.stdout.buffer.write(str(error).encode())
        sys.exit(_REJECTED)
    sys.stdout.buffer.write(found)
