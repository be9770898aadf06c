"""Arrays to pointers and strides, as NumPy's ufuncs take them.

``numpy.nditer`` does what a ufunc does: it broadcasts, allocates the result, converts types in copies, copies what
overlaps, and finds the order of axes in which memory is read most evenly. A kernel then runs over its views.

The rules are those of a ufunc with one loop, for float64. Inputs are converted where that is safe (all integers, bool,
float16 and float32), the result by `casting`. Differences: the result is always an ndarray, or a scalar; floating-point
errors give no warnings; where a mask is given and no `out`, what it leaves out is NaN, not arbitrary.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kaleido.codegen.mangling import array_symbol
from kaleido.numpy_map.array_kernels import MASKED, ROWS, STREAMED, STRIDED, map_kernel, map_kind
from kaleido.numpy_map.kernel_table import Frame, KernelTable

__all__ = ["Array", "addresses_of", "as_float64", "frame_of", "map_arrays", "mask_of", "result_array"]

Array = NDArray[Any]

_FLOAT = np.dtype(np.float64)
_BOOL = np.dtype(np.bool_)

# Elements of a result from which on it is streamed: 32 MiB, as much as the last cache of many processors.
_STREAMED = 1 << 22

# Their arguments are texts of a user, for NumPy to check.
_nditer: Any = np.nditer
_can_cast: Any = np.can_cast

# An operand is the same array as another, or does not overlap with it, or is copied.
_SHARED = ["aligned", "nbo", "overlap_assume_elementwise"]
_INPUT = ["readonly", "copy", *_SHARED]
_FLAGS = ["copy_if_overlap", "zerosize_ok", "refs_ok"]


def map_arrays(
    kernels: KernelTable,
    name: str,
    arity: int,
    arguments: Sequence[Any],
    out: Any = None,
    where: Any = None,
    *,
    casting: str = "same_kind",
    order: str = "K",
    workers: int = 1,
) -> Any:
    """Call a function of `arity` parameters for the elements of arrays. See ``Function.map``."""
    if workers < 1:
        raise ValueError(f"workers is the number of threads, at least 1, not {workers}")
    inputs = [as_float64(name, index, each) for index, each in enumerate(arguments)]
    result = result_array(name, out, casting)
    if where is None and order == "K" and _are_plain(inputs, result):
        return _given(_run_plain(kernels, name, inputs, result, workers), out)
    mask = None if where is None else mask_of(where)
    given = ["readwrite" if mask is not None else "writeonly", "updateifcopy", "no_broadcast", *_SHARED]
    new = [*given[:1], "allocate", "no_broadcast", "no_subtype"]
    operands = [result, *inputs, *([mask] if mask is not None else [])]
    iterator = _nditer(
        operands,
        flags=_FLAGS,
        op_flags=[new if result is None else given, *[_INPUT] * (len(operands) - 1)],
        op_dtypes=[_FLOAT] * (1 + arity) + [_BOOL] * (mask is not None),
        casting="unsafe",
        order=order,
    )
    is_new = result is None
    with iterator:
        if result is None:
            result = iterator.operands[0]
            if mask is not None:
                result[...] = np.nan
        if iterator.itersize:
            views = iterator.itviews
            addresses = addresses_of(views)
            kind = MASKED if mask is not None else _layout(views, addresses)
            frame = frame_of(views, addresses)
            _run(kernels, name, kind, arity, frame, iterator.itersize, workers, is_new=is_new)
    return _given(result, out)


def _given(result: Array, out: Any) -> Any:
    """What a ufunc returns: what `out` names, if it names anything."""
    if out is None:
        return result[()] if result.ndim == 0 else result
    return out[0] if isinstance(out, tuple) else out


def _run(
    kernels: KernelTable, name: str, kind: str, arity: int, frame: Frame, size: int, workers: int, *, is_new: bool
) -> None:
    # The system clears the pages of a new array as they are first written to: then they are in the caches.
    if size >= _STREAMED and not is_new and set(kind) <= {"c", "s"}:
        kind += STREAMED
    make = partial(map_kernel, name, arity, kind)
    kernels.run(array_symbol(name, map_kind(arity, kind)), make, frame, size, size, workers)


def _are_plain(inputs: Sequence[Array], result: Array | None) -> bool:
    """Whether operands are float64, contiguous and of one shape: then no iterator is needed, which takes a while."""
    shape = inputs[0].shape if inputs else None
    return shape is not None and all(
        each.shape == shape and each.dtype is _FLOAT and each.flags.c_contiguous and each.flags.aligned
        for each in (*inputs, *(() if result is None else (result,)))
    )


def _run_plain(kernels: KernelTable, name: str, inputs: Sequence[Array], result: Array | None, workers: int) -> Array:
    """Map operands that are plain."""
    made = np.empty(inputs[0].shape) if result is None else result
    addresses, bytes_ = addresses_of([made, *inputs]), made.nbytes
    if any(0 < abs(each - addresses[0]) < bytes_ for each in addresses):
        inputs = [each.copy() for each in inputs]
        addresses = addresses_of([made, *inputs])
    kind = "".join("o" if each == addresses[0] else "c" for each in addresses[1:])
    numbers = [made.size, 0, 0, *addresses, *[_FLOAT.itemsize] * len(addresses)]
    frame = (ctypes.c_int64 * len(numbers))(*numbers)
    if made.size:
        _run(kernels, name, kind, len(inputs), frame, made.size, workers, is_new=result is None)
    return made


def as_float64(name: str, index: int, argument: Any) -> Array:
    """An argument as an array that is float64, or can be converted to that without loss of range."""
    array = np.asarray(argument)
    if array.dtype != _FLOAT and not np.can_cast(array.dtype, _FLOAT, "safe"):
        raise TypeError(f"cannot convert input {index} of {name} from {array.dtype!r} to {_FLOAT!r} safely")
    return array


def result_array(name: str, out: Any, casting: str) -> Array | None:
    """What `out` names, checked; None if it names nothing."""
    if isinstance(out, tuple):
        if len(out) != 1:
            raise ValueError("the tuple `out` must have exactly one entry")
        [out] = out
    if out is None:
        return None
    if not isinstance(out, np.ndarray):
        raise TypeError("return arrays must be of ArrayType")
    if not _can_cast(_FLOAT, out.dtype, casting):
        raise TypeError(f"cannot convert the output of {name} from {_FLOAT!r} to {out.dtype!r} by the rule {casting!r}")
    if not out.flags.writeable:
        raise ValueError("output array is read-only")
    return out


def mask_of(where: Any) -> Array:
    """A mask as an array of bool. Raises TypeError as a ufunc does."""
    if isinstance(where, np.ndarray) and where.dtype != _BOOL:
        raise TypeError(f"cannot convert `where` from {where.dtype!r} to {_BOOL!r} safely")
    return np.asarray(where, _BOOL)


def _layout(views: Sequence[Array], addresses: Sequence[int]) -> str:
    """The kind of a kernel for these operands, the result first: see ``array_kernels``."""
    result, *inputs = views
    if result.ndim == 0:
        return "c" * len(inputs)
    if result.shape[-1] > 1 and result.strides[-1] != _FLOAT.itemsize:
        return STRIDED
    layout = ""
    for view, address in zip(inputs, addresses[1:], strict=True):
        stride = view.strides[-1]
        if stride == 0 and view.shape[-1] > 1:
            layout += "s"
        elif stride != _FLOAT.itemsize and view.shape[-1] > 1:
            return STRIDED
        else:
            layout += "o" if address == addresses[0] and view.strides == result.strides else "c"
    return layout + (ROWS if result.ndim > 1 else "")


def frame_of(views: Sequence[Array], addresses: Sequence[int], *, begun: bool = False) -> Frame:
    """The frame for these operands, which have the same shape: see ``array_kernels``."""
    shape = views[0].shape or (1,)
    strides = [view.strides or (0,) for view in views]
    numbers = [shape[-1], len(shape) - 1, int(begun), *addresses, *(each[-1] for each in strides)]
    for axis in range(len(shape) - 2, -1, -1):
        numbers += [shape[axis], *(each[axis] for each in strides)]
    return (ctypes.c_int64 * len(numbers))(*numbers)


def addresses_of(views: Sequence[Array]) -> list[int]:
    """The address of the first element of each."""
    return [view.ctypes.data for view in views]
