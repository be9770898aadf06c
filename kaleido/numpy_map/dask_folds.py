"""`reduce` of arrays of Dask: along the axes, each block continues what the block before it began.

The order is that of one array, so the blocks of one lane run one after another; lanes run side by side. Where several
axes are combined, the blocks are whole along all of them but the first, since the order goes along the last one first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import dask
import dask.array
import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

if TYPE_CHECKING:
    from kaleido.session import Function

__all__ = ["reduce_blocks"]


def reduce_blocks(
    function: Function,
    array: Any,
    axis: int | Sequence[int] | None,
    out: Any,
    *,
    keepdims: bool,
    initial: float | None,
    where: Any,
) -> Any:
    """The array of Dask with the results of ``function.reduce``. Raises TypeError where `out` is given.

    Raises ValueError as ``function.reduce``, where there is no element, or a mask, and no `initial`.
    """
    if out is not None:
        raise TypeError("`out` is not possible for arrays of Dask: they are computed later")
    if where is not None and initial is None:
        raise ValueError(f"{function.__name__} has no identity, so to use `where` one has to give `initial`")
    array = dask.array.asarray(array)
    axes = normalize_axis_tuple(range(array.ndim) if axis is None else axis, array.ndim, "axis")
    if initial is None and any(array.shape[each] == 0 for each in axes):
        raise ValueError(f"zero-size array to reduction operation {function.__name__} which has no identity")
    array = array.rechunk(dict.fromkeys(axes[1:], -1))
    operands = [array]
    if where is not None:
        mask = dask.array.broadcast_to(dask.array.asarray(where), array.shape)
        operands.append(mask.rechunk(array.chunks))
    return _assembled(_lanes(function, operands, axes, initial), array, axes, keepdims=keepdims)


def _lanes(
    function: Function, operands: Sequence[Any], axes: Sequence[int], initial: float | None
) -> Iterator[tuple[tuple[int, ...], Any]]:
    """The index of each lane of blocks, and its result, with the combined axes of length 1."""
    fold = dask.delayed(_fold, pure=True)
    blocks = [each.to_delayed() for each in operands]
    shape = blocks[0].shape
    for index in product(*(range(1 if axis in axes else number) for axis, number in enumerate(shape))):
        result = initial
        for position in range(shape[axes[0]] if axes else 1):
            at = tuple(position if axes and axis == axes[0] else each for axis, each in enumerate(index))
            result = fold(function, tuple(axes), result, *(each[at] for each in blocks))
        yield index, result


def _fold(function: Function, axes: tuple[int, ...], begin: Any, block: Any, mask: Any = None) -> Any:
    if isinstance(begin, np.ndarray):
        begin = np.squeeze(begin, axes)
    return np.asarray(function.reduce(block, axes, keepdims=True, initial=begin, where=mask))


def _assembled(lanes: Iterator[tuple[tuple[int, ...], Any]], array: Any, axes: Sequence[int], *, keepdims: bool) -> Any:
    """The array of Dask that has these blocks."""
    chunks = [(1,) if axis in axes else sizes for axis, sizes in enumerate(array.chunks)]
    blocks = np.empty([len(each) for each in chunks], object)
    for index, result in lanes:
        shape = tuple(sizes[number] for sizes, number in zip(chunks, index, strict=True))
        blocks[index] = dask.array.from_delayed(result, shape, np.float64)
    whole = dask.array.block(blocks.tolist())
    return whole if keepdims else whole.squeeze(tuple(axes))
