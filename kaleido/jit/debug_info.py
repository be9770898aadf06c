"""Where the IR of a unit comes from in a source text, for debuggers and for listings.

A front end records it beside the IR, which stays as it is. ``compiling.debug_metadata`` makes LLVM's metadata of it
where that is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["DebugInfo", "DebugVariable"]


class DebugVariable(NamedTuple):
    """A variable or a parameter.

    `address`   the LLVM local that is its address, such as ``%x.1``
    `ir_line`   the index of the line of IR before which it begins
    `scope`     the index of its scope in ``DebugInfo.scopes``
    `argument`  from 1 for a parameter, 0 for a variable
    `line`      in the source, from 1; 0 if it is unknown
    `type`      an LLVM type: double, float, ptr, or an integer of up to 64 bits; of others no value is shown
    `captured`  whether the address is a parameter itself, because the variable is in the frame of a caller
    """

    name: str
    address: str
    ir_line: int
    scope: int = 0
    argument: int = 0
    line: int = 0
    captured: bool = False
    type: str = "double"


class DebugInfo(NamedTuple):
    """All lines and columns of the source count from 1.

    `source`     the name of the source text, and `text` the text
    `line`       where the function begins
    `places`     for each line of the unit's IR a line, a column and a scope, or None; lines after these have none
    `scopes`     the lexical blocks: for each the index of the block around it, a line and a column. The first is the
                 function itself
    `variables`  parameters and variables
    """

    source: str
    text: str
    line: int
    places: Sequence[tuple[int, int, int] | None]
    scopes: Sequence[tuple[int, int, int]] = ((0, 0, 0),)
    variables: Sequence[DebugVariable] = ()
