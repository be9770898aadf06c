"""Reductions and accumulations along one axis, or along several in the order of memory in C.

They are ordered: the first element, then the function of that and the second, and so on. So the value is the same for
each layout of the array, whatever the function does; and it is not vectorized along the axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from kaleido.codegen.mangling import array_symbol
from kaleido.numpy_map.array_kernels import ACCUMULATE, REDUCE, SELECTED, fold_kernel
from kaleido.numpy_map.broadcasting import Array, addresses_of, as_float64, frame_of, mask_of, result_array
from kaleido.numpy_map.kernel_table import KernelTable

__all__ = ["accumulate", "reduce"]


def reduce(
    kernels: KernelTable,
    name: str,
    array: Any,
    axis: int | Sequence[int] | None = 0,
    out: Any = None,
    *,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Any:
    """Combine the elements along axes. See ``Function.reduce``."""
    if where is not None and initial is None:
        raise ValueError(f"{name} has no identity, so to use `where` one has to give `initial`")
    source = np.asarray(as_float64(name, 0, array), np.float64)
    axes = tuple(range(source.ndim)) if axis is None else normalize_axis_tuple(axis, source.ndim, "axis")
    others = tuple(each for each in range(source.ndim) if each not in axes)
    lanes = [source.shape[each] for each in others]
    length = prod(source.shape[each] for each in axes)

    def in_rows(array: Array) -> Array:
        """With the axes to combine as the last one. That copies only where memory has no one stride for them."""
        return array.transpose(*others, *axes).reshape(*lanes, length)

    rows = [in_rows(source)]
    if where is not None:
        rows.append(in_rows(np.broadcast_to(mask_of(where), source.shape)))
    if length == 0 and initial is None and prod(lanes):
        raise ValueError(f"zero-size array to reduction operation {name} which has no identity")
    begin = np.full(lanes, 0.0 if initial is None else initial, np.float64)
    if begin.size and length:
        kind = REDUCE if where is None else SELECTED
        _run(kernels, name, kind, begin[..., np.newaxis], *rows, begun=initial is not None)
    else:
        begin[np.isnan(begin)] = np.nan
    kept = [1 if each in axes else source.shape[each] for each in range(source.ndim)]
    return _given(name, begin.reshape(kept) if keepdims else begin, out)


def accumulate(kernels: KernelTable, name: str, array: Any, axis: int = 0, out: Any = None) -> Any:
    """Combine the elements along an axis, and keep each step. See ``Function.accumulate``."""
    source = np.asarray(as_float64(name, 0, array), np.float64)
    if source.ndim == 0:
        raise TypeError("cannot accumulate on a scalar")
    axis = normalize_axis_index(axis, source.ndim)
    result = np.empty_like(source, subok=False)
    if source.size:
        _run(kernels, name, ACCUMULATE, np.moveaxis(result, axis, -1), np.moveaxis(source, axis, -1), begun=False)
    return _given(name, result, out)


def _run(kernels: KernelTable, name: str, kind: str, result: Array, rows: Array, *mask: Array, begun: bool) -> None:
    """Run the kernel over `rows`, whose last axis is combined. `result` may have one element there."""
    # Only addresses and strides of it are used, and along the last axis of a reduction, none.
    wide = np.lib.stride_tricks.as_strided(result, rows.shape, result.strides) if result.shape != rows.shape else result
    operands = [wide, rows, *mask]
    frame = frame_of(operands, addresses_of(operands), begun=begun)
    number = rows.size // rows.shape[-1]
    kernels.run(array_symbol(name, kind), partial(fold_kernel, name, kind), frame, number, rows.size, 1)


def _given(name: str, result: Array, out: Any) -> Any:
    target = result_array(name, out, "same_kind")
    if target is None:
        return result[()] if result.ndim == 0 else result
    if target.shape != result.shape:
        raise ValueError(f"output array of {name} has the shape {target.shape}, not {result.shape}")
    np.copyto(target, result, casting="same_kind")
    return out[0] if isinstance(out, tuple) else out
