"""Statistics and running results: quantiles, the most frequent, covariances, running extremes.

https://pytorch.org/docs/stable/torch.html#reduction-ops
"""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.dtypes import to_numpy
from micrograd_cn.ops import reduction
from micrograd_cn.ops.extremes import return_type, without
from micrograd_cn.ops.indexing import along, pick_along
from micrograd_cn.ops.shape import axis_index, expand, movedim, need, view
from micrograd_cn.ops.sorting import _picked, sort
from micrograd_cn.ops.table import composed, primitive

_CUMMAX, _CUMMIN, _MODE = map(return_type, ("cummax", "cummin", "mode"))
_AMINMAX = return_type("aminmax", "min max")

# --- running ---------------------------------------------------------------------------------------------------------


def _logcumsumexp_rule(g: Any, x: Any, out: Any, dim: int) -> Any:
    if not x.shape:
        return g
    least = np.finfo(to_numpy(x.dtype)).min

    def share(part: Any) -> Any:
        logs = np.where(part > 0, np.log(np.where(part > 0, part, 1)), least)
        return np.exp(np.flip(logcumsumexp(np.flip(logs - out, dim), dim), dim) + x)

    return share(g) - share(-g)


@primitive(_logcumsumexp_rule, dtypes="float_only")
def logcumsumexp(x: Any, dim: int) -> Any:
    """``log(cumsum(exp(x)))`` along ``dim`` without overflow."""
    dim = axis_index(dim, x.ndim)
    return np.logaddexp.accumulate(np.asarray(x, order="C"), dim) if x.ndim else x.copy()


def _running(kind: type, extreme: Any, input: Any, dim: int) -> Any:
    dim, x = axis_index(dim, len(input.shape)), np.asarray(input._raw, order="C")
    if not x.ndim:
        return kind(input.clone(), input._constant(np.zeros((), np.int64)))
    best = (x == extreme.accumulate(x, dim)) | (x != x)
    place = np.where(best, np.arange(x.shape[dim])[:, *(None,) * (x.ndim - 1 - dim)], 0)
    return _picked(kind, pick_along, input, dim, np.maximum.accumulate(place, dim))


@composed
def cummax(input: Any, dim: int) -> Any:
    """The largest of the first 1, 2, … elements along ``dim``, and the last place of each: ``(values, indices)``."""
    return _running(_CUMMAX, np.maximum, input, dim)


@composed
def cummin(input: Any, dim: int) -> Any:
    """The smallest of the first 1, 2, … elements along ``dim``, as `cummax`."""
    return _running(_CUMMIN, np.minimum, input, dim)


# --- by order --------------------------------------------------------------------------------------------------------


@composed
def msort(input: Any) -> Any:
    """The elements in order along the first dimension."""
    return sort(input, 0)[0]


@composed
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element, of all or along ``dim``, as ``(min, max)``."""
    return _AMINMAX(reduction.amin(input, dim, keepdim), reduction.amax(input, dim, keepdim))


@composed
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """The smallest of the most frequent elements along ``dim``, with its last place, as ``(values, indices)``."""
    dim, x = axis_index(dim, len(input.shape)), input._raw
    if not x.ndim:
        return _MODE(input.clone(), input._constant(np.zeros((), np.int64)))
    need(x.shape[dim], f"mode(): Expected reduction dim {dim} to have non-zero size.", IndexError)
    rows = np.moveaxis(x, dim, -1)
    places = np.zeros((*rows.shape[:-1], 1), np.int64)
    for at in np.ndindex(rows.shape[:-1]):
        found, counts = np.unique(rows[at], return_counts=True, equal_nan=False)
        where = np.flatnonzero(rows[at] == found[counts.argmax()])
        places[at] = where[-1] if where.size else 0  # NaN equals nothing
    found = _picked(_MODE, pick_along, input, dim, np.moveaxis(places, -1, dim))
    return found if keepdim else without(dim, found)


@composed
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The number below which the fraction ``q`` (a number or a vector of them) of the elements along ``dim`` lies.

    Between two elements: "linear", "lower", "higher", "midpoint" or "nearest".
    https://pytorch.org/docs/stable/generated/torch.quantile.html
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation)


@composed
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """`quantile` of all that is not NaN."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation)


def _quantile(name: str, input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str) -> Any:
    x = input._raw
    q = q if hasattr(q, "_raw") else input._constant(np.asarray(q, x.dtype))
    fractions = q._raw
    fits = x.dtype in (np.float32, np.float64) and fractions.dtype == x.dtype
    need(fits, f"{name}() input and q must both be float or both double, got {x.dtype}, {fractions.dtype}")
    fits = fractions.ndim < 2 and x.size and ((fractions >= 0) & (fractions <= 1)).all()
    need(fits, f"{name}() takes a non-empty input and q of 0 or 1 dimension in [0, 1], got {q}")
    fits = interpolation in ("linear", "lower", "higher", "midpoint", "nearest")
    need(fits, f"{name}() does not know the interpolation {interpolation!r}")
    shape = list(x.shape)
    at = axis_index(dim or 0, len(shape))
    rows = view(input, (-1,)) if dim is None or not shape else movedim(input, at, -1)
    rows = sort(rows, -1)[0]
    n, count = rows.shape[-1], np.sum(rows._raw == rows._raw, axis=-1, keepdims=True)
    if name == "quantile":  # one NaN is the answer to all: it stands last
        rank = np.where(count < n, n - 1, view(q, (-1,)) * (n - 1))
    else:
        rank = view(q, (-1,)) * np.maximum(count - 1, 0).astype(x.dtype)
    rank = expand(rank, (*rows.shape[:-1], fractions.size))
    rounds: Any = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}
    place = rounds.get(interpolation, np.positive)(rank._raw)
    low, high = (along(f(place).astype(np.int64), -1, tuple(rows.shape)) for f in (np.floor, np.ceil))
    found = pick_along(rows, low)
    if interpolation in ("linear", "midpoint"):
        weight = rank - np.floor(place) if interpolation == "linear" else rank.detach() * 0 + 0.5
        found = found.lerp(pick_along(rows, high), weight)
    kept = [1] * len(shape) if dim is None else [1 if i == at else m for i, m in enumerate(shape)]
    gone = [] if dim is None else [m for i, m in enumerate(shape) if i != at]
    return view(movedim(found, -1, 0), (*fractions.shape, *(kept if keepdim else gone)))


# --- covariance ------------------------------------------------------------------------------------------------------


@composed
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariance matrix of variables (rows) over observations (columns), which may be weighted.

    https://pytorch.org/docs/stable/generated/torch.cov.html
    """
    need(len(input.shape) < 3, f"cov(): expected input of two or fewer dimensions but got {len(input.shape)}")
    x = input if len(input.shape) == 2 else view(input, (1, -1))
    weights = input._constant(np.ones(x.shape[1], to_numpy(input.dtype)))
    for name, given, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "f")):
        if given is None:
            continue
        fits = len(given.shape) < 2 and given._raw.dtype.kind in kinds and given.numel() == x.shape[1]
        need(fits and (given._raw >= 0).all(), f"cov(): {name} must be {x.shape[1]} non-negative numbers, got {given}")
        weights = weights * given
    total = weights.sum()
    centred = x - (x * weights).sum(1, True) / total
    freedom = total - correction * (1 if aweights is None else (weights * aweights).sum() / total)
    return (((centred * weights) @ centred.T) / freedom.clamp(0)).squeeze()


@composed
def corrcoef(input: Any) -> Any:
    """The correlation coefficients of variables (rows) over observations (columns)."""
    found = cov(input)
    if not found.shape:
        return found / found
    scale = found.diagonal().sqrt()
    return (found / view(scale, (-1, 1)) / scale).clamp(-1, 1)
