"""One LLVM function as text while it is being written.

The IR is written as text because that is what the engine parses anyway; llvmlite's object builder would cost its
import and several times the time, and add nothing here.
"""

from __future__ import annotations

import struct
from itertools import count

from kaleido.jit import PROBED, Signature, quoted

__all__ = ["FunctionWriter", "constant"]

# LLVM cuts the names of locals after 1,024 characters, and with that the number that tells them apart.
_LONGEST_NAME = 1000


def constant(value: float) -> str:
    """A double in LLVM assembly, exact to the bit."""
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


class FunctionWriter:
    """Appends instructions to the current block. Local names never clash: each gets a number of its own."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._entry: list[str] = []
        self._lines: list[str] = []
        self._declarations: dict[str, str] = {}
        self.block = "entry"

    def local(self, name: str = "t") -> str:
        """A fresh local name; `name` shows up in it where LLVM can write it plainly, and in full."""
        plain = name.isascii() and len(name) <= _LONGEST_NAME
        return f"%{name if plain else 'v'}.{next(self._numbers)}"

    def emit(self, instruction: str) -> None:
        self._lines.append("  " + instruction)

    def value(self, instruction: str) -> str:
        """Emit an instruction that has a result, and return the result's name."""
        result = self.local()
        self.emit(f"{result} = {instruction}")
        return result

    def alloca(self, name: str) -> str:
        """Room for a variable in this function's frame, whatever block asks for it."""
        address = self.local(name)
        self._entry.append(f"  {address} = alloca double")
        return address

    def begin(self, label: str) -> None:
        """Begin the block `label`, a local name."""
        self.block = label[1:]
        self._lines.append(f"{self.block}:")

    def branch(self, condition: str, then: str, otherwise: str) -> None:
        self.emit(f"br i1 {condition}, label {then}, label {otherwise}")

    def declare(self, symbol: str, signature: Signature, convention: str = "tailcc", attributes: str = "") -> str:
        """Make sure `symbol` is declared, and return its name in assembly."""
        self._declarations[symbol] = f"declare {signature.prototype(symbol, convention)} {attributes}".rstrip()
        return quoted(symbol)

    def finish(self, symbol: str, result: str, parameters: str) -> str:
        """The module: this function as ``@SYMBOL.impl``, and what it declares."""
        return "\n".join(
            [
                # A frame of many variables is probed, lest it step over the end of the stack.
                f"define tailcc {result} {quoted(symbol + '.impl')}({parameters}) nounwind {PROBED} {{",
                "entry:",
                *self._entry,
                *self._lines,
                "}",
                *self._declarations.values(),
                "",
            ]
        )
