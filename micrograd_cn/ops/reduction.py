"""Reductions: many elements become one, along one dimension, several, or all of them.

``dim`` is None (all), a number or a tuple; with ``keepdim`` the reduced dimensions stay, with length 1.
"""

from __future__ import annotations

import builtins
import functools
import math
from typing import Any

import numpy as np

from micrograd_cn.dtypes import to_numpy
from micrograd_cn.ops.elementwise import over, sign
from micrograd_cn.ops.shape import axis_index
from micrograd_cn.ops.table import composed, hidden, primitive

Dims = int | tuple[int, ...] | None
_HALF = np.dtype(np.float16)
_row, _inner = functools.partial(primitive, packed=True), functools.partial(hidden, packed=True)


def _axes(dim: Any, ndim: int) -> Any:
    """``dim`` for NumPy: a list becomes a tuple, and an empty one means all, as None does."""
    if isinstance(dim, (list, tuple)):
        dim = tuple(dim)
    return None if dim == () or (ndim == 0 and dim in (0, -1, (0,), (-1,))) else dim


def _open(g: Any, shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    """A reduced array with its reduced dimensions back at length 1, so that it stands against one of ``shape``."""
    if keepdim or not shape:
        return g
    dim = _axes(dim, len(shape))
    reduced = range(len(shape)) if dim is None else (dim,) if isinstance(dim, int) else dim
    gone = {i % len(shape) for i in reduced}
    return g.reshape(tuple(1 if i in gone else n for i, n in enumerate(shape)))


def _count(shape: tuple[int, ...], dim: Any) -> int:
    """How many elements are reduced to one."""
    dim = _axes(dim, len(shape))
    if dim is None:
        return math.prod(shape)
    return math.prod(shape[i] for i in ((dim,) if isinstance(dim, int) else dim))


def _wide(x: Any, dtype: Any) -> Any:
    """The type that a sum is made in: integers and bools are summed in int64."""
    return np.int64 if dtype is None and x.dtype.kind in "biu" else dtype


def _spread(g: Any, shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    return np.broadcast_to(_open(g, shape, dim, keepdim), shape)


@_row(_spread, symbol="Σ", numpy=(np.sum,))
def sum(x: Any, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Sum over ``dim``; integers and bools give int64. https://pytorch.org/docs/stable/generated/torch.sum.html"""
    if x.dtype is _HALF and dtype is None:  # in float16 adding 1 to 2048 does nothing
        return np.add.reduce(x, axis=_axes(dim, x.ndim), keepdims=keepdim, dtype=np.float32).astype(_HALF)
    return np.add.reduce(x, axis=_axes(dim, x.ndim), keepdims=keepdim, dtype=_wide(x, dtype))


@_row(
    lambda g, shape, dim, keepdim: _spread(g, shape, dim, keepdim) / builtins.max(_count(shape, dim), 1),
    numpy=(np.mean,),
)
def mean(x: Any, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Arithmetic mean over ``dim``; NaN where nothing is averaged.

    Raises:
        RuntimeError: for integers, unless ``dtype`` is a floating type.
    """
    if dtype is not None or x.dtype.kind != "f":
        _inexact("mean", np.dtype(dtype or x.dtype))
    if x.dtype is _HALF and dtype is None:
        return mean(x.astype(np.float32), dim, keepdim).astype(_HALF)
    axis = _axes(dim, x.ndim)
    total = np.add.reduce(x, axis=axis, keepdims=keepdim, dtype=dtype)
    n = _count(x.shape, dim)
    return total / n if n else np.full_like(total, math.nan)


def _inexact(name: str, dtype: np.dtype[Any]) -> None:
    """Refuse to average integers, as PyTorch does."""
    if dtype.kind not in "fc":
        raise RuntimeError(f"{name}(): the dtype must be floating point, but got {dtype}; use x.float().{name}()")


_AMPLE = {_HALF: np.dtype(np.float32), np.dtype(np.float32): np.dtype(np.float64)}


def _ample(x: Any) -> Any:
    """``x`` in a type that holds the squares of its numbers, and their sums without loss of digits."""
    return x.astype(_AMPLE.get(x.dtype, x.dtype), copy=False)


def _centred(x: Any, dim: Any) -> Any:
    return x - np.mean(x, axis=_axes(dim, x.ndim), keepdims=True)


def _var_rule(g: Any, x: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    freedom = _count(x.shape, dim) - correction
    g = _open(g, x.shape, dim, keepdim)
    if freedom <= 0 and (dim is None or not x.shape):
        return g * np.where(x == np.mean(x), math.nan, math.inf)
    return g * (2 / freedom if freedom else math.inf) * _centred(x, dim)


def _variance(x: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    _inexact("var", x.dtype)
    d = _centred(_ample(x), dim)
    freedom = builtins.max(_count(x.shape, dim) - correction, 0)
    return np.divide(np.add.reduce(d * d, axis=_axes(dim, x.ndim), keepdims=keepdim), freedom)


@_inner(_var_rule, backward_name="VarBackward0", name="variance")
def _var(x: Any, dim: Dims, correction: float, keepdim: bool) -> Any:
    """``sum((x - mean)²) / (n - correction)`` over ``dim``."""
    return _variance(x, dim, correction, keepdim).astype(x.dtype)


@_inner(
    lambda g, x, out, dim, correction, keepdim: _var_rule(over(g / 2, out), x, dim, correction, keepdim),
    backward_name="StdBackward0",
    name="deviation",
)
def _std(x: Any, dim: Dims, correction: float, keepdim: bool) -> Any:
    """The square root of `_var`; where it is 0 its derivative is taken as 0."""
    return np.sqrt(_variance(x, dim, correction, keepdim)).astype(x.dtype)


def _moment(row: Any, input: Any, dim: Any, unbiased: bool | None, keepdim: bool, correction: float | None) -> Any:
    """PyTorch's older form ``x.var(unbiased)`` and its newer one ``x.var(dim, correction=1)``, as one."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return row(input, dim, (unbiased is not False) if correction is None else correction, keepdim)


@composed
def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """Variance ``sum((x - mean)²) / (n - correction)`` over ``dim``; ``unbiased=False`` is ``correction=0``.

    https://pytorch.org/docs/stable/generated/torch.var.html
    """
    return _moment(_var, input, dim, unbiased, keepdim, correction)


@composed
def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """Standard deviation, the square root of `var`; arguments as there."""
    return _moment(_std, input, dim, unbiased, keepdim, correction)


@composed(method=False)
def var_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Any, Any]:
    """`var` and `mean` over ``dim``; arguments as there."""
    average = mean(input, None if isinstance(dim, bool) else dim, keepdim)
    return _moment(_var, input, dim, unbiased, keepdim, correction), average


@composed(method=False)
def std_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Any, Any]:
    """`std` and `mean` over ``dim``; arguments as for `var`."""
    average = mean(input, None if isinstance(dim, bool) else dim, keepdim)
    return _moment(_std, input, dim, unbiased, keepdim, correction), average


@composed
def nansum(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """`sum` of all that is not NaN."""
    return sum(np.where(input != input, 0, input), dim, keepdim, dtype)


@composed
def nanmean(input: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """`mean` of all that is not NaN; NaN where nothing is left."""
    _inexact("nanmean", to_numpy(input.dtype if dtype is None else dtype))
    return nansum(input, dim, keepdim, dtype=dtype) / sum(input == input, dim, keepdim)


@composed
def count_nonzero(input: Any, dim: Dims = None) -> Any:
    """How many elements over ``dim`` are not zero, as int64."""
    return sum(input != 0, dim)


def _others(x: Any) -> Any:
    """For each element the product of all others along dimension 0, right where some are 0, unlike ``prod / x``."""
    ones = np.ones_like(x[:1])
    before = np.concatenate([ones, np.cumprod(x[:-1], axis=0)])
    after = np.flip(np.concatenate([ones, np.cumprod(np.flip(x[1:], 0), axis=0)]), 0)
    return before * after


def _prod_rule(g: Any, x: Any, dim: Any, keepdim: bool) -> Any:
    shape = x.shape
    if not shape:  # a product of one factor
        return g
    if dim is None:
        return (_others(x.reshape((-1,))) * g).reshape(shape) if math.prod(shape) else x
    return np.moveaxis(_others(np.moveaxis(x, dim, 0)), 0, dim) * _open(g, shape, dim, keepdim)


@_row(_prod_rule, symbol="Π", numpy=(np.prod,), domain=((0.5, 1.5),))
def prod(x: Any, dim: int | None = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """Product over ``dim`` (one dimension or all); the gradient is right where factors are zero."""
    return np.multiply.reduce(x, axis=_axes(dim, x.ndim), keepdims=keepdim, dtype=_wide(x, dtype))


def _evenly(g: Any, x: Any, out: Any, dim: Any, keepdim: bool) -> Any:
    """The gradient of an extreme, shared evenly by all elements that attain it."""
    attained = x == _open(out, x.shape, dim, keepdim)
    return attained * (_open(g, x.shape, dim, keepdim) / np.sum(attained, axis=_axes(dim, len(x.shape)), keepdims=True))


def _evenly_of_all(g: Any, x: Any, out: Any) -> Any:
    attained = (x == out) | (x != x)
    return np.where(attained, g / np.sum(attained), 0)


def _extreme(name: str, reduce: Any, x: Any, dim: Any, keepdim: bool) -> Any:
    try:
        return reduce(x, axis=_axes(dim, x.ndim), keepdims=keepdim)
    except ValueError:
        if x.size:
            raise
        kind = RuntimeError if dim in (None, ()) and name.startswith("am") else IndexError
        raise kind(f"{name}(): Expected reduction dim {dim} to have non-zero size, got shape {list(x.shape)}") from None


@_row(_evenly, symbol="max", numpy=(np.max, np.amax))
def amax(x: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Largest element over ``dim``; equal ones share the gradient evenly. NaN wins, and makes all gradients NaN."""
    return _extreme("amax", np.maximum.reduce, x, dim, keepdim)


@_inner(_evenly_of_all, backward_name="MaxBackward1", symbol="max")
def largest(x: Any) -> Any:
    """Largest element of all; equal ones, or all NaNs, share the gradient evenly."""
    return np.maximum.reduce(x, axis=None)


@_inner(_evenly_of_all, backward_name="MinBackward1", symbol="min")
def smallest(x: Any) -> Any:
    """Smallest element of all, as `largest`."""
    return np.minimum.reduce(x, axis=None)


@_row(_evenly, symbol="min", numpy=(np.min, np.amin))
def amin(x: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """Smallest element over ``dim``; equal ones share the gradient evenly. NaN wins."""
    return _extreme("amin", np.minimum.reduce, x, dim, keepdim)


@_row(None, dtypes="number", numpy=(np.argmax,))
def argmax(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Position (int64) of the first largest element along ``dim``, or in the flattened array."""
    return np.asarray(_extreme("argmax", np.argmax, x, dim, keepdim))


@_row(None, dtypes="number", numpy=(np.argmin,))
def argmin(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Position (int64) of the first smallest element along ``dim``, or in the flattened array."""
    return np.asarray(_extreme("argmin", np.argmin, x, dim, keepdim))


def _truth(x: Any, answer: Any) -> Any:
    """A bool, but PyTorch keeps the uint8 that it once used for bools."""
    return answer.astype(np.uint8) if x.dtype == np.uint8 else answer


@_row(None, numpy=(np.all,))
def all(x: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """True where every element over ``dim`` is non-zero; uint8 answers in uint8."""
    return _truth(x, np.logical_and.reduce(x, axis=_axes(dim, x.ndim), keepdims=keepdim))


@_row(None, numpy=(np.any,))
def any(x: Any, dim: Dims = None, keepdim: bool = False) -> Any:
    """True where some element over ``dim`` is non-zero; uint8 answers in uint8."""
    return _truth(x, np.logical_or.reduce(x, axis=_axes(dim, x.ndim), keepdims=keepdim))


@_row(
    lambda g, x, out, dim, keepdim: _open(g, x.shape, dim, keepdim) * np.exp(x - _open(out, x.shape, dim, keepdim)),
    dtypes="float",
)
def logsumexp(x: Any, dim: Dims, keepdim: bool = False) -> Any:
    """``log(sum(exp(x)))`` over ``dim`` without overflow."""
    axis = _axes(dim, x.ndim)
    top = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    out = np.log(np.add.reduce(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdim else np.squeeze(out, axis)


def _norm_rule(g: Any, x: Any, out: Any, ord: float, dim: Any, keepdim: bool) -> Any:
    # Where everything is 0 so is the gradient, and the second one NaN or 0 where PyTorch's is.
    g, out = _open(g, x.shape, dim, keepdim), _open(out, x.shape, dim, keepdim)
    if ord == 0:
        return np.zeros_like(x)
    if ord == 1:
        return g * sign(x)
    if ord == 2:
        return g * np.where(out == 0, 0, x / out)
    if math.isinf(ord):
        attained = np.abs(x) == out
        return g * np.where(attained, np.sign(x) / np.sum(attained, axis=_axes(dim, len(x.shape)), keepdims=True), 0)
    slope = (np.abs(x) / out) ** (ord - 1)  # no power of the elements themselves, which could overflow
    return g * (np.sign(x) * np.where((x if ord < 1 else out) == 0, 0, slope))


@_inner(_norm_rule, backward_name="LinalgVectorNormBackward0", symbol="‖x‖")
def vector_norm(x: Any, ord: float, dim: Dims = None, keepdim: bool = False) -> Any:
    """``sum(|x| ** ord) ** (1 / ord)`` over ``dim``; ord may be 0 (how many are not zero) and ±inf."""
    _inexact("norm", x.dtype)
    axis, size = _axes(dim, x.ndim), np.abs(x)
    if math.isinf(ord):
        return (np.maximum if ord == math.inf else np.minimum).reduce(size, axis=axis, keepdims=keepdim)
    if ord == 0:
        return np.add.reduce((x != 0).astype(x.dtype), axis=axis, keepdims=keepdim)
    return (np.add.reduce(_ample(size) ** ord, axis=axis, keepdims=keepdim) ** (1 / ord)).astype(x.dtype)


# --- running ---------------------------------------------------------------------------------------------------------


def _running(accumulate: Any, x: Any, dim: int, dtype: Any) -> Any:
    dim, dtype = axis_index(dim, x.ndim), np.dtype(_wide(x, dtype) or x.dtype)
    x = np.asarray(x, order="C")
    return (accumulate(x, axis=dim, dtype=_AMPLE.get(dtype, dtype)) if x.ndim else x).astype(dtype, copy=not x.ndim)


def _cumsum_rule(g: Any, dim: int) -> Any:
    return np.flip(cumsum(np.flip(g, dim), dim), dim) if g.ndim else g


@_row(_cumsum_rule, numpy=(np.cumsum,), in_place=True)
def cumsum(x: Any, dim: int, dtype: Any = None) -> Any:
    """Sums of the first 1, 2, … elements along ``dim``; the shape stays."""
    return _running(np.cumsum, x, dim, dtype)


def _cumprod_rule(g: Any, x: Any, dim: int) -> Any:
    # out[k] depends on x[i] through the product of x[0..k] without x[i]: an n × n table, right at zeros too.
    if not x.shape:
        return g
    x, g = np.moveaxis(x, dim, 0), np.moveaxis(g, dim, 0)
    n = x.shape[0]
    one_left_out = np.eye(n, dtype=bool).reshape((n, n) + (1,) * (len(x.shape) - 1))
    products = np.cumprod(np.where(one_left_out, 1, np.broadcast_to(x, (n, *x.shape))), axis=1)
    after = np.triu(np.ones((n, n), dtype=bool)).reshape(one_left_out.shape)
    return np.moveaxis(np.sum(np.where(after, products, 0) * g, axis=1), 0, dim)


@_row(_cumprod_rule, numpy=(np.cumprod,), domain=((0.5, 1.5),), in_place=True)
def cumprod(x: Any, dim: int, dtype: Any = None) -> Any:
    """Products of the first 1, 2, … elements along ``dim``; the shape stays."""
    return _running(np.cumprod, x, dim, dtype)
