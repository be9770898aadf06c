"""Emits one LLVM function as text.

The engine's input is text, so text is what lowering emits. llvmlite's object builder takes several times as long, and
its import as well, and lowering needs nothing that it adds.
"""

from __future__ import annotations

import struct
from itertools import count

from kaleido.codegen.source_map import SourceMap
from kaleido.jit import PROBED, Signature, quoted

__all__ = ["FunctionWriter", "constant"]

# LLVM truncates the names of locals after 1,024 characters, and the number that makes them unique is at the end.
_LONGEST_NAME = 1000


def constant(value: float) -> str:
    """A double in LLVM assembly, exact to the bit."""
    return f"0x{struct.pack('>d', value).hex().upper()}"


class FunctionWriter:
    """Appends instructions to the current block. Each local name has a number that makes it unique in the function.

    `source_map` says which part of the source they come from.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._entry: list[str] = []
        self._lines: list[str] = []
        self._declarations: dict[str, str] = {}
        self.block = "entry"
        self.source_map = SourceMap()

    def local(self, name: str = "t") -> str:
        """A fresh local name. It contains `name` if LLVM can print that without quotes and without truncating it."""
        plain = name.isascii() and len(name) <= _LONGEST_NAME
        return f"%{name if plain else 'v'}.{next(self._numbers)}"

    def emit(self, instruction: str) -> None:
        self._lines.append("  " + instruction)
        self.source_map.instruction()

    def value(self, instruction: str) -> str:
        """Emit an instruction, and return the local name of its result."""
        result = self.local()
        self.emit(f"{result} = {instruction}")
        return result

    def alloca(self, name: str) -> str:
        """Allocate a variable in the entry block, whatever the current block, and return its address."""
        address = self.local(name)
        self._entry.append(f"  {address} = alloca double")
        return address

    def begin(self, label: str) -> None:
        """Begin the block with a local name as its label."""
        self.block = label[1:]
        self._lines.append(f"{self.block}:")
        self.source_map.label()

    def branch(self, condition: str, then: str, otherwise: str) -> None:
        self.emit(f"br i1 {condition}, label {then}, label {otherwise}")

    def declare(self, symbol: str, signature: Signature) -> str:
        """Declare the unit `symbol` in the module if it is not declared yet, and return its name in assembly."""
        self._declarations[symbol] = f"declare {signature.prototype(symbol)}"
        return quoted(symbol)

    def declare_external(self, declaration: str) -> None:
        """Add the declaration of a C function or an intrinsic to the module if it is not there yet."""
        self._declarations[declaration] = declaration

    @property
    def lines_before(self) -> int:
        """The number of lines of the module before the body: its head, its first label, its variables."""
        return 2 + len(self._entry)

    def finish(self, symbol: str, result: str, parameters: str) -> str:
        """The module: this function as ``@SYMBOL.impl``, and its declarations."""
        return "\n".join(
            [
                # Stack probes: a large frame must touch the guard page, and not skip it.
                f"define tailcc {result} {quoted(symbol + '.impl')}({parameters}) nounwind {PROBED} {{",
                "entry:",
                *self._entry,
                *self._lines,
                "}",
                *self._declarations.values(),
                "",
            ]
        )
