"""Writing to chosen places: copies of a tensor in which the elements that an index names are replaced or added to.

All are composed of `replaced` and `put`, whose derivatives pick the same places again. Each has a method in place:
``x.scatter_(...)`` becomes ``x.scatter(...)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from micrograd_cn.dtypes import to_numpy
from micrograd_cn.ops.elementwise import where
from micrograd_cn.ops.given import corrected
from micrograd_cn.ops.indexing import along, mask_of, put, replaced, whole_numbers, within
from micrograd_cn.ops.shape import axis_length, common_shape, expand, need, view
from micrograd_cn.ops.table import composed


def _number_for(input: Any, value: Any, name: str) -> Any:
    """``value``, a number or a 0-dim tensor, in the type of ``input``."""
    if hasattr(value, "shape"):
        if len(value.shape):
            raise RuntimeError(f"{name} only supports a 0-dimensional value tensor, but got shape {list(value.shape)}")
        return value.to(input.dtype)
    kind = to_numpy(input.dtype)
    try:
        return np.asarray(kind.type(value))
    except (OverflowError, TypeError):
        raise RuntimeError(f"value {value!r} cannot be converted to type {kind} without overflow") from None


def _same_type(input: Any, source: Any, name: str) -> None:
    found = f"{input.dtype} and {source.dtype}"
    need(source.dtype is input.dtype, f"{name}(): Expected self.dtype to be equal to src.dtype, got {found}")


@composed(in_place=True)
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """``input`` with the number ``value`` where ``mask`` (which broadcasts) is True; the type stays."""
    return where(mask_of(mask, "masked_fill"), _number_for(input, value, "masked_fill_"), input).contiguous()


@composed(in_place=True)
def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """``input`` with the elements of ``source``, in order, at the places where ``mask`` (which broadcasts) is True."""
    _same_type(input, source, "masked_scatter")
    mask = mask_of(mask, "masked_scatter")
    shape = common_shape(tuple(input.shape), mask.shape)
    mask, input = np.broadcast_to(mask, shape), expand(input, shape)
    wanted, there = int(mask.sum()), math.prod(source.shape)
    need(there >= wanted, f"masked_scatter: expected at least {wanted} elements in source, got {there}")
    return replaced(input, view(source, (-1,))[:wanted], (mask,))


def _fitting(name: str, input: Any, dim: int, index: Any, src: Any) -> tuple[Any, tuple[Any, ...]]:
    """The part of ``src`` that ``index`` uses, and the index for all dimensions."""
    _same_type(input, src, name)
    index = np.asarray(index)
    places = along(index, dim, tuple(input.shape), name)
    wanted, there = list(index.shape), list(src.shape)
    fits = len(there) == len(wanted) and all(n <= m for n, m in zip(wanted, there, strict=True))
    need(fits, f"{name}(): expected index {wanted} to be no larger than src {there} in any dimension")
    return src[tuple(map(slice, wanted))], places


@composed(in_place=True)
def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """``out[i][index[i][j]] = src[i][j]`` for ``dim=1``, and so on, elsewhere ``input``: the reverse of `gather`.

    ``src`` is a tensor of the type of ``input``, or a number (also as ``value=``). Where two indices are the same
    it is not said which one wins.

    Raises:
        RuntimeError: if types or shapes do not fit, or an index is out of range.

    https://pytorch.org/docs/stable/generated/torch.Tensor.scatter_.html
    """
    src = value if src is None else src
    if reduce is not None:  # deprecated in favour of scatter_reduce
        need(reduce in ("add", "multiply"), f"reduce argument must be either add or multiply, got {reduce!r}")
        full = src if getattr(src, "shape", ()) else expand(_number_for(input, src, "scatter"), np.shape(index))
        return scatter_reduce(input, dim, index, full, {"add": "sum", "multiply": "prod"}[reduce])
    if np.size(index) == 0:
        return input.clone()
    if not getattr(src, "shape", ()):
        return replaced(input, _number_for(input, src, "scatter"), along(index, dim, tuple(input.shape), "scatter"))
    return replaced(input, *_fitting("scatter", input, dim, index, src))


@composed(in_place=True)
def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """``input`` plus ``src`` at the places that ``index`` names along ``dim``; places that occur twice get both."""
    if np.size(index) == 0:
        return input.clone()
    part, places = _fitting("scatter_add", input, dim, index, src)
    return input + put(part, places, tuple(input.shape))


def _reduced(name: str, input: Any, part: Any, places: Any, reduce: str, include_self: bool) -> Any:
    """``input`` with the elements of ``part`` taken into the sum, product, mean or extreme at ``places``."""
    size, kind = tuple(input.shape), to_numpy(input.dtype)
    at = np.ravel_multi_index(np.broadcast_arrays(*places), size).ravel() if size else np.zeros(1, np.int64)
    whole, part = view(input, (-1,)), view(part, (-1,))
    counts = np.bincount(at, minlength=len(whole))
    low, high = (np.iinfo(kind).min, np.iinfo(kind).max) if kind.kind in "iu" else (-np.inf, np.inf)
    neutral = {"sum": 0, "mean": 0, "prod": 1, "amax": low if kind.kind != "b" else 0, "amin": high}
    need(reduce in neutral, f"{name}(): reduce argument must be sum, prod, mean, amax or amin, got {reduce!r}")
    if not include_self:
        whole = masked_fill(whole, counts > 0, neutral[reduce])
    if reduce in ("sum", "mean"):
        whole = whole + put(part, (at,), whole.shape)
    if reduce == "mean":
        counts = input._constant(np.maximum(counts + include_self, 1).astype(kind))
        whole = whole.div(counts, rounding_mode=None if kind.kind == "f" else "floor")
    if reduce == "prod":
        # One factor of each place at a time, so that the product rule holds where some of them are zero.
        order = np.argsort(at, kind="stable")
        turn = np.empty_like(at)
        turn[order] = np.arange(at.size) - (np.cumsum(counts) - counts)[at[order]]
        for i in np.unique(turn):
            whole = whole * replaced(whole._constant(np.ones_like(whole._raw)), part[turn == i], (at[turn == i],))
    if reduce in ("amax", "amin"):
        best = whole._raw.copy()
        (np.maximum if reduce == "amax" else np.minimum).at(best, at, part._raw)
        # Those that attain the extreme share its gradient evenly: it is their mean.
        mine, theirs = whole._raw == best, part._raw == best[at]
        ties = (mine + np.bincount(at, theirs, len(whole))).astype(kind)
        shares = whole * mine / ties + put(part * theirs / ties[at], (at,), whole.shape)
        whole = corrected(shares, best)
    return view(whole, size)


@composed(in_place=True)
def scatter_reduce(input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """`scatter_add` for "sum", "prod", "mean", "amax" or "amin"; what stood there counts too if ``include_self``.

    https://pytorch.org/docs/stable/generated/torch.Tensor.scatter_reduce_.html
    """
    if np.size(index) == 0:
        return input.clone()
    return _reduced("scatter_reduce", input, *_fitting("scatter_reduce", input, dim, index, src), reduce, include_self)


@composed(in_place=True)
def index_reduce(input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    """As `scatter_reduce`, with the slices of ``source`` at the positions ``index`` along ``dim``."""
    places = _slices("index_reduce", input, dim, index, source, RuntimeError)
    if input.shape:  # a position for each element of the slices
        at, grid = len(places) - 1, list(np.indices(source.shape, sparse=True))
        grid[at] = np.reshape(places[-1], grid[at].shape)
        places = tuple(grid)
    return _reduced("index_reduce", input, source, places, reduce, include_self)


def _slices(name: str, input: Any, dim: int, index: Any, source: Any, error: Any) -> tuple[Any, ...]:
    """The index of the slices along ``dim`` that ``source`` has a slice each for."""
    (dim, n), index = axis_length(input, dim), whole_numbers(index, name)
    need(index.ndim <= 1, f"{name}(): Index is supposed to be a vector, but got shape {list(index.shape)}", IndexError)
    index = index.reshape(-1)
    _same_type(input, source, name)
    shape = list(input.shape)
    if shape:
        shape[dim] = len(index)
    said = f"that of self {list(input.shape)}, with one slice along dim {dim} for each of {len(index)} indices"
    need(list(source.shape) == shape, f"{name}(): source of shape {list(source.shape)} must have shape {shape}: {said}")
    within(index, n, error, dim=dim)
    return (slice(None),) * dim + (index,) if input.shape else ()


@composed(in_place=True)
def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """``input`` plus ``alpha`` times the slices of ``source`` at the positions ``index`` along ``dim``."""
    places = _slices("index_add", input, dim, index, source, RuntimeError)
    return input + put(source if alpha == 1 else source * alpha, places, tuple(input.shape))


@composed(in_place=True)
def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """``input`` with the slices of ``source`` at the positions ``index`` along ``dim``."""
    return replaced(input, source, _slices("index_copy", input, dim, index, source, IndexError))


@composed(in_place=True)
def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """``input`` with the number ``value`` in the slices at the positions ``index`` along ``dim``."""
    (dim, n), index = axis_length(input, dim), whole_numbers(index, "index_fill")
    need(index.ndim <= 1, f"index_fill(): Index has to be a vector or a number, but got shape {list(index.shape)}")
    within(index, n, IndexError, -n, dim)
    # A place that is named twice is filled, and counts in the gradient of the value, once.
    places = (slice(None),) * dim + (np.unique(index % n),) if input.shape else ()
    return replaced(input, _number_for(input, value, "index_fill_"), places) if index.size else input.clone()


@composed(in_place=True)
def index_put(input: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    """``input`` after ``input[indices] = values``, or with ``accumulate`` after adding, also where places repeat."""
    said = f"got {input.dtype} for the destination and {values.dtype} for the source."
    need(values.dtype is input.dtype, f"Index put requires the source and destination dtypes match, {said}")
    places = tuple(slice(None) if i is None else np.asarray(i) for i in indices)
    if accumulate:
        target = np.empty(tuple(input.shape), dtype=bool)[places].shape
        return input + put(values.expand(target), places, tuple(input.shape))
    return replaced(input, values, places)
