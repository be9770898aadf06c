"""The contestants: Kaleido in its modes, and other compilers. Each can run some of the kernels."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.kernels import Kernel
from tests.benchmarks.processes import Times, kaleido, python, run

__all__ = ["C_OPTIONS", "NATIVE", "Outcome", "Peer", "contestants"]

C_OPTIONS = ("-O3", "-march=native", "-ffp-contract=off")
"""With these options C computes what Kaleido does: no fused multiply-add where the program has two operations."""

NATIVE = ("gcc", "clang")


@dataclass(frozen=True)
class Outcome:
    """One run of a kernel: the value that it computed, and its times."""

    value: float
    times: Times


@dataclass(frozen=True)
class Peer:
    """A contestant. `prepare` returns what runs a kernel once, or None where there is no program in its language."""

    name: str
    prepare: Callable[[Kernel], Callable[[], Outcome] | None]


def contestants(build: Path) -> tuple[list[Peer], dict[str, str], list[str]]:
    """All that this machine has, their versions, and messages about those that it lacks.

    C programs are built in the folder `build`.
    """
    peers = [_evaluation("kaleido"), _whole("kaleido process")]
    versions: dict[str, str] = {}
    missing = []
    wanted: list[tuple[str, Sequence[str], Callable[[str], Peer]]] = [
        ("gcc", ("gcc",), lambda path: _c_compiler("gcc", path, build)),
        ("clang", _CLANG, lambda path: _c_compiler("clang", path, build)),
        ("luajit", ("luajit",), lambda path: _interpreter("luajit", path, ".lua")),
        ("node", ("node", "nodejs"), lambda path: _interpreter("node", path, ".js")),
    ]
    for name, commands, make in wanted:
        path = _found(commands)
        if path is None:
            missing.append(f"{name} is not installed: left out")
        else:
            peers.append(make(path))
            versions[name] = _version(path)
    return peers, versions, missing


def _version(path: str) -> str:
    """The first number in what a command says about its version."""
    for option in ("-dumpfullversion", "--version", "-v"):
        said = subprocess.run([path, option], capture_output=True, text=True)
        if said.returncode == 0 and (found := re.search(r"\d+\.\d+[\w.]*", said.stdout)):
            return found[0]
    return "of unknown version"


# The newest first: the one to be compared with has the same LLVM as llvmlite.
_CLANG = ("clang-22", "/usr/lib/llvm-22/bin/clang", "clang", *(f"clang-{version}" for version in range(30, 13, -1)))


def _found(commands: Iterable[str]) -> str | None:
    return next((path for path in map(shutil.which, commands) if path), None)


def _evaluation(name: str, jit: str = "tiered") -> Peer:
    def prepare(kernel: Kernel) -> Callable[[], Outcome]:
        command = python("-m", "tests.benchmarks.evaluate", f"--jit={jit}", str(kernel.path(".kal")))

        def once() -> Outcome:
            found = json.loads(run(command)[1])
            return Outcome(found["value"], Times(found["wall"], found["cpu"]))

        return once

    return Peer(name, prepare)


def _whole(name: str, jit: str = "tiered") -> Peer:
    return Peer(name, lambda kernel: _process(kaleido(f"--jit={jit}", str(kernel.path(".kal")))))


def _interpreter(name: str, path: str, suffix: str) -> Peer:
    def prepare(kernel: Kernel) -> Callable[[], Outcome] | None:
        return _process([path, str(kernel.path(suffix))]) if kernel.path(suffix).exists() else None

    return Peer(name, prepare)


def _c_compiler(name: str, path: str, build: Path) -> Peer:
    def prepare(kernel: Kernel) -> Callable[[], Outcome]:
        program = build / f"{kernel.name}.{name}"
        run([path, *C_OPTIONS, "-o", str(program), str(kernel.path(".c")), "-lm"])
        return _process([str(program)])

    return Peer(name, prepare)


def _process(command: Sequence[str]) -> Callable[[], Outcome]:
    def once() -> Outcome:
        times, output = run(command)
        return Outcome(float(output), times)

    return once
