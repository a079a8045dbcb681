"""Shorthands for shapes: laying out again and again, in rows and columns, on diagonals. All are composed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from micrograd_cn.ops.shape import (
    axis_index,
    cat,
    common_shape,
    diagonal as diagonal_of,
    expand,
    flip,
    on_diagonal,
    sizes,
    view,
)
from micrograd_cn.ops.table import composed

# --- more of the same --------------------------------------------------------------------------------------------


@composed
def repeat(input: Any, *repeats: Any) -> Any:
    """``input`` laid out ``repeats`` times along each dimension; a copy."""
    times = sizes(repeats)
    if len(times) < len(input.shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: "
            f"{list(times)} for shape {list(input.shape)}"
        )
    shape = (1,) * (len(times) - len(input.shape)) + tuple(input.shape)
    paired = [n for pair in zip(times, shape, strict=True) for n in pair]
    ones = [n for length in shape for n in (1, length)]
    laid_out = expand(view(input, tuple(ones)), tuple(paired))
    return view(laid_out, tuple(r * n for r, n in zip(times, shape, strict=True)))


@composed
def tile(input: Any, *dims: Any) -> Any:
    """``input`` laid out ``dims`` times; missing leading counts are 1."""
    times = sizes(dims)
    return repeat(input, (1,) * (len(input.shape) - len(times)) + times)


@composed
def repeat_interleave(input: Any, repeats: Any, dim: int | None = None, *, output_size: int | None = None) -> Any:
    """``input`` with each slice along ``dim`` (of the flattened input for None) ``repeats`` times in a row.

    ``repeats`` is a number or, for each slice, one of a vector of them.
    """
    if dim is None:
        input, dim = view(input, (-1,)), 0
    dim = axis_index(dim, len(input.shape))
    times = np.asarray(repeats)
    if times.dtype.kind not in "iu":
        raise NotImplementedError(f"repeat_interleave(): repeats must be whole numbers, got {repeats}")
    if times.ndim > 1 or times.size not in (1, input.shape[dim]) or (times < 0).any():
        raise RuntimeError(
            f"repeats must be one non-negative whole number or {input.shape[dim]} of them, one a slice, got {repeats}"
        )
    return input[(slice(None),) * dim + (np.repeat(np.arange(input.shape[dim]), times),)]


@composed
def broadcast_to(input: Any, size: Sequence[int]) -> Any:
    """``input`` broadcast to the shape ``size``, without a copy."""
    return expand(input, sizes((size,)))


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Tensors broadcast to their common shape, without copies."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    shape = common_shape(*(tuple(x.shape) for x in tensors))
    return tuple(expand(x, shape) for x in tensors)


# --- rows and columns --------------------------------------------------------------------------------------------


def _each(tensors: tuple[Any, ...], lift: Callable[[Any], Any]) -> Any:
    """``lift`` of the one tensor, or of all of several (or of a list) in a tuple."""
    if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)):
        return lift(tensors[0])
    return tuple(lift(x) for x in (tensors[0] if len(tensors) == 1 else tensors))


def atleast_1d(*tensors: Any) -> Any:
    """The tensor, or all of several in a tuple, with at least one dimension."""
    return _each(tensors, lambda x: x if len(x.shape) > 0 else view(x, (1,)))


def atleast_2d(*tensors: Any) -> Any:
    """The tensor, or all of several in a tuple, with at least two dimensions; a vector becomes a row."""
    return _each(tensors, lambda x: x if len(x.shape) > 1 else view(x, (1, -1)))


def _some(name: str, tensors: Sequence[Any]) -> tuple[Any, ...]:
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return tuple(tensors)


def hstack(tensors: Sequence[Any]) -> Any:
    """Tensors side by side: joined along the second dimension, vectors along their only one."""
    tensors = atleast_1d(_some("hstack", tensors))
    return cat(tensors, 0 if len(tensors[0].shape) == 1 else 1)


def vstack(tensors: Sequence[Any]) -> Any:
    """Tensors on top of each other: joined along the first dimension, vectors as rows."""
    return cat(atleast_2d(_some("vstack", tensors)), 0)


def column_stack(tensors: Sequence[Any]) -> Any:
    """Tensors side by side, vectors as columns."""
    return hstack([x if len(x.shape) > 1 else view(x, (-1, 1)) for x in tensors])


@composed
def fliplr(input: Any) -> Any:
    """``input`` with the order of its columns (dimension 1) reversed."""
    if len(input.shape) < 2:
        raise RuntimeError(f"Input must be >= 2-d, got shape {list(input.shape)}")
    return flip(input, (1,))


@composed
def flipud(input: Any) -> Any:
    """``input`` with the order of its rows (dimension 0) reversed."""
    if not input.shape:
        raise RuntimeError("Input must be >= 1-d, got a 0-dim tensor")
    return flip(input, (0,))


# --- diagonals ---------------------------------------------------------------------------------------------------


@composed
def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix as a vector, or a vector on the diagonal of a square matrix of zeros."""
    if len(input.shape) == 1:
        return diag_embed(input, diagonal)
    if len(input.shape) != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {len(input.shape)}D")
    return diagonal_of(input, diagonal).clone()


@composed
def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """``input`` ``(..., n)`` on the diagonals of square matrices, which lie in ``dim1`` and ``dim2`` of the result."""
    ndim = len(input.shape) + 1
    dim1, dim2 = axis_index(dim1, ndim), axis_index(dim2, ndim)
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = input.shape[-1] + abs(offset)
    size = list(input.shape[:-1])
    for dim in sorted((dim1, dim2)):
        size.insert(dim, side)
    return on_diagonal(input, tuple(size), offset, dim1, dim2)


@composed
def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix."""
    if len(input.shape) != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {len(input.shape)}")
    return diagonal_of(input).sum()
