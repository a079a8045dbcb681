"""Order: sorting along a dimension, and searching and counting, whose answers are positions.

Equal elements keep their order, and NaN counts as larger than every number.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.ops import elementwise
from micrograd_cn.ops.extremes import return_type, without
from micrograd_cn.ops.given import corrected
from micrograd_cn.ops.indexing import along, pick_along, picking
from micrograd_cn.ops.shape import axis_index, axis_length, need, view
from micrograd_cn.ops.table import composed

_SORT, _TOPK, _MEDIAN, _KTH = map(return_type, ("sort", "topk", "median", "kthvalue"))
_NANMEDIAN = return_type("nanmedian")

# --- sorting -------------------------------------------------------------------------------------------------------


sorted_along, top_along = picking("sorted_along", "Sort"), picking("top_along", "Topk")


def _order(x: Any, dim: int, descending: bool) -> Any:
    """The positions of the elements along ``dim`` in their order."""
    if not x.ndim:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    # Sorted from behind and turned round, so that equal elements keep their order here too.
    return x.shape[dim] - 1 - np.flip(np.argsort(np.flip(x, dim), axis=dim, kind="stable"), dim)


def _picked(kind: type, pick: Any, input: Any, dim: int, positions: Any) -> Any:
    return kind(pick(input, along(positions, dim, tuple(input.shape))), input._constant(positions))


@composed
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The elements in order along ``dim``, and where they stood, as ``(values, indices)``; always stable.

    https://pytorch.org/docs/stable/generated/torch.sort.html
    """
    dim = axis_index(dim, len(input.shape))
    return _picked(_SORT, sorted_along, input, dim, _order(input._raw, dim, descending))


@composed
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The positions that `sort` gives."""
    return input._constant(_order(input._raw, axis_index(dim, len(input.shape)), descending))


def _first(x: Any, count: int, dim: int) -> Any:
    return x[(slice(None),) * dim + (slice(count),)] if x.ndim else x


@composed
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The ``k`` largest (or smallest) elements along ``dim`` in order, and where they stood.

    Raises:
        RuntimeError: if there are not that many.
    """
    dim, n = axis_length(input, dim)
    need(0 <= k <= n, f"selected index k out of range: k={k} of {n} elements along dimension {dim}")
    return _picked(_TOPK, top_along, input, dim, _first(_order(input._raw, dim, largest), k, dim))


def _kth(kind: type, input: Any, k: int, dim: int, keepdim: bool, nan_wins: bool) -> Any:
    """The ``k``-th smallest along ``dim`` (from 0); the first NaN instead, where there is one and ``nan_wins``."""
    x = input._raw
    need(x.dtype != bool, f"{kind.__name__}() not implemented for 'Bool'; convert with .int()", NotImplementedError)
    if not x.ndim:
        return kind(input.clone(), input._constant(np.zeros((), np.int64)))
    positions = np.take_along_axis(
        _order(x, dim, False), np.broadcast_to(k, (*x.shape[:dim], 1, *x.shape[dim + 1 :])), dim
    )
    if nan_wins and x.dtype.kind == "f":
        positions = np.where(np.isnan(x).any(dim, keepdims=True), np.isnan(x).argmax(dim, keepdims=True), positions)
    found = _picked(kind, pick_along, input, dim, positions)
    return found if keepdim else without(dim, found)


@composed
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element, the lower of two: of all, or along ``dim`` with its positions as ``(values, indices)``."""
    return _median(_MEDIAN, input, dim, keepdim)


@composed
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """`median` of all that is not NaN."""
    return _median(_NANMEDIAN, input, dim, keepdim)


def _median(kind: Any, input: Any, dim: int | None, keepdim: bool) -> Any:
    if dim is None:
        flat = view(input, (-1,))
        if not len(flat):
            return input.sum() * np.nan
        middle = _median(kind, flat, 0, False)[0]
        x, y = flat._raw, middle._raw
        alike = (x == y) | ((x != x) & (y != y))
        # Elements that are equal share the gradient, as those of `max` do.
        return corrected(flat[alike].mean(), y) if x.dtype.kind == "f" and alike.sum() > 1 else middle
    dim, n = axis_length(input, dim)
    need(n, f"{kind.__name__}(): Expected reduction dim {dim} to have non-zero size.", IndexError)
    count = np.maximum(np.sum(input._raw == input._raw, axis=dim, keepdims=True), 1)
    return _kth(kind, input, (count - 1) // 2, dim, keepdim, kind is _MEDIAN)


@composed
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The ``k``-th smallest element along ``dim``, counted from 1, with its positions as ``(values, indices)``."""
    dim, n = axis_length(input, dim)
    need(n, f"kthvalue(): Expected reduction dim {dim} to have non-zero size.", IndexError)
    need(1 <= k <= n, f"kthvalue(): selected number k out of range for dimension {dim}: k={k} of {n} elements")
    return _kth(_KTH, input, k - 1, dim, keepdim, False)


# --- positions -------------------------------------------------------------------------------------------------------


@composed
def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The positions of the elements that are not zero: a row each ``(n, ndim)``, or a vector for each dimension."""
    found = np.atleast_1d(input._raw).nonzero()
    if as_tuple:
        return tuple(input._constant(i) for i in found)
    return input._constant(np.stack(found, 1)[:, : len(input.shape)])


@composed
def argwhere(input: Any) -> Any:
    """The positions of the elements that are not zero, a row each ``(n, ndim)``."""
    return nonzero(input)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """``input`` where ``condition`` (of bool) holds, ``other`` elsewhere; alone: the positions where it holds.

    https://pytorch.org/docs/stable/generated/torch.where.html
    """
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    need(input is not None and other is not None, "where() takes two tensors or numbers, or none, got one", TypeError)
    if condition._raw.dtype not in (np.bool_, np.uint8):
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got {condition.dtype}")
    return elementwise.where(condition, input, other)


@composed
def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The different elements, or different slices along ``dim``, in order; each NaN is different.

    Returns:
        The elements; with ``return_inverse`` also where each element of ``input`` stands among them, and
        with ``return_counts`` how often each occurs.
    """
    x = input._raw
    found = list(np.unique(x, return_inverse=True, return_counts=True, axis=dim, equal_nan=False))
    found[1] = found[1].reshape(x.shape if dim is None else x.shape[dim])
    wanted = [found[0]] + [a for a, asked in zip(found[1:], (return_inverse, return_counts), strict=True) if asked]
    answer = tuple(input._constant(a) for a in wanted)
    return answer if return_inverse or return_counts else input._constant(found[0])


@composed
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of the numbers 0, 1, … occurs in a vector of integers, or the sum of its ``weights``."""
    x = input._raw
    need(x.dtype.kind in "iu", f"bincount() is for integers, got {input.dtype}", NotImplementedError)
    fits = x.ndim == 1 and (x >= 0).all() and minlength >= 0
    need(fits, f"bincount only supports 1-d non-negative integral inputs and minlength, got {x}, {minlength=}")
    if weights is None:
        return input._constant(np.bincount(x, minlength=minlength))
    fits = weights.shape == input.shape
    need(fits, f"weights should be 1-d and have the same length as input, got {list(weights.shape)}")
    kind = weights._raw.dtype if weights._raw.dtype == np.float32 else np.dtype(np.float64)
    return input._constant(np.bincount(x, weights._raw, minlength).astype(kind))


def searchsorted(
    sorted_sequence: Any, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    sorter: Any = None,
) -> Any:  # fmt: skip
    """Where each number of ``input`` would be put in to keep the last dimension of ``sorted_sequence`` in order.

    Before equal ones, or with ``right`` (``side="right"``) behind them; ``sorter`` are the positions that put an
    unsorted sequence in order. https://pytorch.org/docs/stable/generated/torch.searchsorted.html
    """
    side = side or ("right" if right else "left")
    kind = np.int32 if out_int32 else np.int64
    rows, numbers = sorted_sequence._raw, np.asarray(input)
    if sorter is not None:
        rows = np.take_along_axis(rows, np.asarray(sorter), -1)
    if rows.ndim == 1:
        return sorted_sequence._constant(np.asarray(np.searchsorted(rows, numbers, side)).astype(kind))
    said = "boundaries tensor should be 1 dimension or the first N-1 dimensions of it and of the input must match"
    shapes = f"{list(rows.shape)} and {list(numbers.shape)}"
    need(rows.shape[:-1] == numbers.shape[:-1], f"torch.searchsorted(): {said}, but we got {shapes}")
    found = np.zeros(numbers.shape, kind)
    for row in np.ndindex(rows.shape[:-1]):
        found[row] = np.searchsorted(rows[row], numbers[row], side)
    return sorted_sequence._constant(found)


def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """The number of the interval between sorted ``boundaries`` that each number of ``input`` falls into."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)
