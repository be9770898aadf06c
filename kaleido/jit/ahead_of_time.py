"""What code compiled ahead of time is for: a machine, and a form of the output."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from kaleido.jit.unit import Data, Tier, Unit, Words

__all__ = ["HOST", "ClosedProgram", "Form", "Machine"]


class Form(StrEnum, metaclass=Words):
    """The output: an object file, assembly text, LLVM IR as text, or LLVM bitcode."""

    OBJECT = "obj"
    ASSEMBLY = "asm"
    IR = "llvm"
    BITCODE = "bc"


class Machine(NamedTuple):
    """The machine that code is for.

    `triple`  LLVM's name of a platform, such as ``aarch64-linux-gnu``; empty for this one
    `cpu`     LLVM's name of a processor; ``native`` for this one, ``generic`` for any of the platform
    """

    triple: str = ""
    cpu: str = "native"

    @property
    def is_host(self) -> bool:
        return self == HOST


HOST = Machine()


class ClosedProgram(NamedTuple):
    """Units that call no others, with the data that they use, to compile into one module.

    `exports`  the units that are C functions, of the name of their symbol
    `weak`     the symbols of exports that a definition elsewhere may replace
    `tier`     that of the code: its names are bound statically in both
    """

    units: Collection[Unit]
    data: Collection[Data]
    exports: Collection[Unit]
    weak: Collection[str] = ()
    tier: Tier = Tier.OPTIMIZED
