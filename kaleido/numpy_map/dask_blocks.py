"""`map` over arrays of Dask: each block by itself, wherever the scheduler runs it.

A function goes to other processes by pickle, as a program (see ``session.portable``), and each compiles it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dask.array
import numpy as np
from dask.array.core import unify_chunks

if TYPE_CHECKING:
    from kaleido.session import Function

__all__ = ["map_blocks"]


def map_blocks(function: Function, arrays: Sequence[Any], out: Any, where: Any, **options: Any) -> Any:
    """The array of Dask whose blocks are ``function.map`` of blocks, when they are computed.

    Arrays of NumPy among `arrays` become arrays of Dask. Raises TypeError where `out` is given.
    """
    if out is not None:
        raise TypeError("`out` is not possible for arrays of Dask: they are computed later")
    operands = [*arrays] if where is None else [*arrays, where]
    operands = _aligned([each if isinstance(each, dask.array.Array) else _as_operand(each) for each in operands])
    keywords = {"function": function, "masked": where is not None, "options": options}
    return dask.array.map_blocks(_block, *operands, dtype=np.float64, meta=np.empty(0), **keywords)


def _aligned(operands: Sequence[Any]) -> list[Any]:
    """The operands with their arrays divided into blocks at the same places, counted from the last axis."""
    indices = [tuple(range(each.ndim))[::-1] if isinstance(each, dask.array.Array) else None for each in operands]
    pairs = (part for pair in zip(operands, indices, strict=True) for part in pair)
    # Without the warning that there are more blocks now: there are as many as the result has.
    _, aligned = unify_chunks(*pairs, warn=False)
    return list(aligned)


def _as_operand(argument: Any) -> Any:
    array = np.asarray(argument)
    return dask.array.from_array(array) if array.ndim else argument


def _block(*blocks: Any, function: Function, masked: bool, options: dict[str, Any]) -> Any:
    arrays, where = (blocks[:-1], blocks[-1]) if masked else (blocks, None)
    return np.asarray(function.map(*arrays, where=where, **options))
