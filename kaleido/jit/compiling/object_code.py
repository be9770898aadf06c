"""Object code: what compilation results in, and what is loaded."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ObjectCode"]


class ObjectCode(NamedTuple):
    """A relocatable object file in memory.

    `text_size` is the size of its machine code in bytes. `levels` is the most calls of a recursive function that one
    frame holds.
    """

    data: bytes
    text_size: int
    levels: int = 1
