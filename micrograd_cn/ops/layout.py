"""Shorthands for shapes: laying out again and again, in rows and columns, on diagonals. All are composed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from micrograd_cn.dtypes import int64
from micrograd_cn.ops import shape
from micrograd_cn.ops.indexing import index_select
from micrograd_cn.ops.shape import axis_index, cat, common_shape, expand, flip, need, sizes, stack, transpose, view
from micrograd_cn.ops.table import composed

# --- more of the same --------------------------------------------------------------------------------------------


def own(x: Any) -> Any:
    """``x`` in memory of its own and in order, copied if need be: what is laid out just once is a view."""
    return x.contiguous() if not x.is_contiguous() else x.clone() if x._is_view() else x


@composed
def repeat(input: Any, *repeats: Any) -> Any:
    """``input`` laid out ``repeats`` times along each dimension; a copy."""
    times = sizes(repeats)
    short = "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
    need(len(times) >= len(input.shape), f"{short}: {times} for shape {list(input.shape)}")
    shape = (1,) * (len(times) - len(input.shape)) + tuple(input.shape)
    paired = [n for pair in zip(times, shape, strict=True) for n in pair]
    ones = [n for length in shape for n in (1, length)]
    laid_out = expand(view(input, tuple(ones)), tuple(paired))
    out = view(laid_out, tuple(r * n for r, n in zip(times, shape, strict=True)))
    return own(out)


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
    n, whole = input.shape[dim], times.dtype.kind in "iu"
    need(whole, f"repeat_interleave(): repeats must be whole numbers, got {times}", NotImplementedError)
    fits = times.ndim < 2 and times.size in (1, n) and (times >= 0).all()
    need(fits, f"repeats must be one non-negative whole number or {n} of them, one a slice, got {times}")
    return index_select(input, dim, np.repeat(np.arange(n), times))


@composed
def broadcast_to(input: Any, size: Sequence[int]) -> Any:
    """``input`` broadcast to the shape ``size``, without a copy."""
    return expand(input, sizes((size,)))


def _tensors(found: Sequence[Any]) -> None:
    for x in found:
        need(hasattr(x, "shape"), f"expected tensors, but got {type(x).__name__}", TypeError)


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Tensors broadcast to their common shape, without copies."""
    _tensors(tensors)
    shape = common_shape(*(tuple(x.shape) for x in tensors))
    return tuple(x if tuple(x.shape) == shape else expand(x, shape) for x in tensors)


# --- rows and columns --------------------------------------------------------------------------------------------


def _each(tensors: tuple[Any, ...], lift: Callable[[Any], Any]) -> Any:
    """``lift`` of the one tensor, or of all of several (or of a list) in a tuple."""
    listed = len(tensors) == 1 and isinstance(*tensors, (list, tuple))
    several = tuple(*tensors) if listed else tensors
    _tensors(several)
    return lift(*several) if len(several) == 1 and not listed else tuple(map(lift, several))


def atleast_1d(*tensors: Any) -> Any:
    """The tensor, or all of several in a tuple, with at least one dimension."""
    return _each(tensors, lambda x: x if len(x.shape) > 0 else view(x, (1,)))


def atleast_2d(*tensors: Any) -> Any:
    """The tensor, or all of several in a tuple, with at least two dimensions; a vector becomes a row."""
    return _each(tensors, lambda x: x if len(x.shape) > 1 else view(x, (1, -1)))


def atleast_3d(*tensors: Any) -> Any:
    """The tensor, or all of several in a tuple, with at least three dimensions: ``(n,)`` becomes ``(1, n, 1)``."""
    return _each(tensors, lambda x: x if len(x.shape) > 2 else view(x, (*atleast_2d(x).shape, 1)))


def _some(name: str, tensors: Sequence[Any]) -> tuple[Any, ...]:
    need(tensors, f"{name} expects a non-empty TensorList")
    return tuple(tensors)


def hstack(tensors: Sequence[Any]) -> Any:
    """Tensors side by side: joined along the second dimension, vectors along their only one."""
    tensors = atleast_1d(_some("hstack", tensors))
    return cat(tensors, 0 if len(tensors[0].shape) == 1 else 1)


def vstack(tensors: Sequence[Any]) -> Any:
    """Tensors on top of each other: joined along the first dimension, vectors as rows."""
    return cat(atleast_2d(_some("vstack", tensors)), 0)


def dstack(tensors: Sequence[Any]) -> Any:
    """Tensors behind each other: joined along the third dimension."""
    return cat(atleast_3d(_some("dstack", tensors)), 2)


def column_stack(tensors: Sequence[Any]) -> Any:
    """Tensors side by side, vectors as columns."""
    return hstack([x if len(x.shape) > 1 else view(x, (-1, 1)) for x in tensors])


@composed
def tensor_split(input: Any, indices_or_sections: Any = None, dim: int = 0, **named: Any) -> tuple[Any, ...]:
    """``input`` cut along ``dim`` into that many views of almost equal length, or before each of the indices."""
    cuts = named.get("sections", named.get("indices", indices_or_sections))
    dim = axis_index(dim, len(input.shape))
    need(input.shape, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    if hasattr(cuts, "_raw"):
        fits = cuts.dtype is int64 and len(cuts.shape) < 2
        need(fits, f"tensor_split expected indices or sections of int64, 0- or 1-dimensional, got {cuts}")
        cuts = cuts.tolist()
    n = input.shape[dim]
    fits = isinstance(cuts, (int, list, tuple))
    need(fits, f"tensor_split takes a number of sections or a list of indices, got {cuts!r}", TypeError)
    if isinstance(cuts, int):
        need(cuts > 0, f"number of sections must be larger than 0, got {cuts}")
        short, longer = divmod(n, cuts)
        cuts = [i * short + min(i, longer) for i in range(1, cuts)]
    ends = [0, *cuts, n]
    return tuple(input[(slice(None),) * dim + (slice(a, b),)] for a, b in itertools.pairwise(ends))


def _cut(name: str, ndim: int, dim: int) -> Callable[..., Any]:
    def split(input: Any, indices_or_sections: Any = None, **named: Any) -> tuple[Any, ...]:
        need(len(input.shape) >= ndim, f"torch.{name} requires at least {ndim} dimensions, got {len(input.shape)}")
        along = 0 if len(input.shape) == 1 else dim
        cuts = named.get("sections", named.get("indices", indices_or_sections))
        fits = not isinstance(cuts, int) or (cuts > 0 and input.shape[along] % cuts == 0)
        need(fits, f"torch.{name} cannot split {input.shape[along]} evenly into {cuts} along dim {along}")
        return tensor_split(input, cuts, along)

    split.__doc__ = f"`tensor_split` along dimension {dim}, into equal parts or at indices."
    return composed(split, name=name)


hsplit, vsplit, dsplit = _cut("hsplit", 1, 1), _cut("vsplit", 2, 0), _cut("dsplit", 3, 2)


@composed
def rot90(input: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """``input`` turned by ``k`` quarters from the first towards the second of ``dims``."""
    said = f"rot90 takes 2 different dims of at least 2, got {dims} for shape {list(input.shape)}"
    need(len(dims) == 2 and len(input.shape) > 1, said)
    first, second = (axis_index(d, len(input.shape)) for d in dims)
    need(first != second, said)
    turned = flip(input, ((), (second,), (first, second), (first,))[k % 4])
    return transpose(turned, first, second).clone() if k % 2 else turned


# --- products of shapes ------------------------------------------------------------------------------------------


def block_diag(*tensors: Any) -> Any:
    """Matrices (vectors as rows, numbers as 1 × 1) one after the other on the diagonal, zero elsewhere."""
    _tensors(tensors)
    dims = [len(x.shape) for x in tensors]
    need(max(dims) < 3, f"torch.block_diag: Input tensors must have 2 or fewer dimensions, got {dims}")
    blocks = atleast_2d(tensors)
    widths = [x.shape[1] for x in blocks]
    rows = []
    for i, x in enumerate(blocks):
        before, behind = (x._constant(np.zeros((x.shape[0], sum(w)), bool)) for w in (widths[:i], widths[i + 1 :]))
        rows.append(cat((before, x, behind), 1))
    return cat(rows, 0)


def cartesian_prod(*tensors: Any) -> Any:
    """Every combination of one element of each vector, a row each."""
    dims = [len(x.shape) for x in tensors]
    need(set(dims) == {1}, f"cartesian_prod expects vectors, but got {dims} dimensions")
    n, shape = len(tensors), tuple(map(len, tensors))
    columns = [expand(view(x, (-1,) + (1,) * (n - 1 - i)), shape) for i, x in enumerate(tensors)]
    columns = [view(x, (-1,)) for x in columns]
    return stack(columns, 1) if n > 1 else columns.pop()


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """Every choice of ``r`` elements of a vector in their order, a row each."""
    need(len(input.shape) == 1 and r >= 0, f"combinations takes a vector and r >= 0, got {list(input.shape)}, {r=}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(len(input)), r)), np.int64).reshape(-1, max(r, 1))
    return input[rows] if r else input[:0]


@composed
def kron(input: Any, other: Any) -> Any:
    """Kronecker's product: every element of ``input`` times all of ``other``, laid out as blocks."""
    _tensors((input, other))
    n = max(len(input.shape), len(other.shape))
    a, b = ((1,) * (n - len(x.shape)) + tuple(x.shape) for x in (input, other))
    left = view(input, tuple(m for length in a for m in (length, 1)))
    right = view(other, tuple(m for length in b for m in (1, length)))
    return own(view(left * right, tuple(p * q for p, q in zip(a, b, strict=True))))


@composed
def fliplr(input: Any) -> Any:
    """``input`` with the order of its columns (dimension 1) reversed."""
    need(len(input.shape) >= 2, f"Input must be >= 2-d, got shape {list(input.shape)}")
    return flip(input, (1,))


@composed
def flipud(input: Any) -> Any:
    """``input`` with the order of its rows (dimension 0) reversed."""
    need(input.shape, "Input must be >= 1-d, got a 0-dim tensor")
    return flip(input, (0,))


# --- diagonals ---------------------------------------------------------------------------------------------------


@composed
def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix as a vector, or a vector on the diagonal of a square matrix of zeros."""
    if len(input.shape) == 1:
        return diag_embed(input, diagonal)
    need(len(input.shape) == 2, f"diag(): Supports 1D or 2D tensors. Got {len(input.shape)}D")
    return shape.diagonal(input, diagonal).clone()


@composed
def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """``input`` ``(..., n)`` on the diagonals of square matrices, which lie in ``dim1`` and ``dim2`` of the result."""
    ndim = len(input.shape) + 1
    dim1, dim2 = axis_index(dim1, ndim), axis_index(dim2, ndim)
    need(dim1 != dim2, f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = input.shape[-1] + abs(offset)
    size = list(input.shape[:-1])
    for dim in sorted((dim1, dim2)):
        size.insert(dim, side)
    return shape.on_diagonal(input, tuple(size), offset, dim1, dim2)


@composed
def diagflat(input: Any, offset: int = 0) -> Any:
    """All elements of ``input`` on a diagonal of a square matrix of zeros."""
    return diag_embed(view(input, (-1,)), offset)


@composed
def trace(input: Any) -> Any:
    """The sum of the diagonal of a matrix."""
    need(len(input.shape) == 2, f"trace: expected a matrix, but got tensor with dim {len(input.shape)}")
    return shape.diagonal(input).sum()
