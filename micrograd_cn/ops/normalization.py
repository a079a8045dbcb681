"""Normalisation: numbers shifted to mean 0 and scaled to variance 1 (or just to mean square 1), then affinely mapped.

Batch, layer, group and root-mean-square normalisation differ in the dimensions that share their statistics, and in how
weight and bias stand against the input. So they are one forward and three rules under four names.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from micrograd_cn.ops.neural import _ones, _single
from micrograd_cn.ops.table import hidden

Dims = tuple[int, ...]


def _sums(a: Any, dims: Dims, b: Any = None) -> Any:
    """The sums of ``a`` (or of ``a * b``) over ``dims``, which stay with length 1: the first ones, or the last and any.

    For arrays as products of matrices and vectors, which read memory once and several times as fast as a sum does.
    """
    if not isinstance(a, np.ndarray):
        product = a if b is None else a * b
        return np.add.reduce(product, axis=dims, keepdims=True) if dims else product
    shape, cut = a.shape, a.ndim
    while cut and cut - 1 in dims:
        cut -= 1
    if cut == a.ndim:  # over the leading dimensions: sums of columns
        cut = len(dims)
        rows = (math.prod(shape[:cut]), math.prod(shape[cut:]))
        a = a.reshape(rows)
        out = _ones(rows[0], a.dtype) @ a if b is None else np.einsum("ij,ij->j", a, b.reshape(rows))
        return out.reshape((1,) * cut + shape[cut:])
    rows = (math.prod(shape[:cut]), math.prod(shape[cut:]))
    a = a.reshape(rows)
    out = a @ _ones(rows[1], a.dtype) if b is None else np.vecdot(a, b.reshape(rows))
    return _sums(out.reshape(shape[:cut] + (1,) * (len(shape) - cut)), tuple(i for i in dims if i < cut))


def _count(shape: tuple[int, ...], dims: Dims) -> int:
    return math.prod(shape[i] for i in dims)


def _spread(x: Any, form: Dims) -> Dims:
    """The dimensions of ``x`` along which weight and bias repeat."""
    lead = len(x.shape) - len(form)
    return (*range(lead), *(i for i, n in enumerate(form, lead) if n == 1 and x.shape[i] != 1))


def _standard(x: Any, dims: Dims, eps: float, centred: bool) -> tuple[Any, Any, Any, Any]:
    """``x`` standardised over ``dims``, the factor ``1/sqrt(variance + eps)``, mean and variance (biased)."""
    if not isinstance(x, np.ndarray):  # for second derivatives: all is made of recorded operations
        variance = np.var(x, axis=dims, keepdims=True) if centred else np.mean(x * x, axis=dims, keepdims=True)
        return layer_norm(x, None, None, dims, (), eps, centred), (variance + eps) ** -0.5, None, variance
    x, n = _single(x), _count(x.shape, dims)
    mean = _sums(x, dims) / n if centred else None
    d = x if mean is None else x - mean
    variance = _sums(d, dims, d) / n
    factor = 1 / np.sqrt(variance + eps)
    # Squares may be too large where the numbers are not; np.vdot finds out in less than half the time of np.isfinite.
    if not math.isfinite(np.vdot(factor, variance)) and x.dtype == np.float32:
        return _standard(x.astype(np.float64), dims, eps, centred)
    return np.multiply(d, factor, out=None if d is x else d), factor, mean, variance


def _input_rule(
    g: Any, x: Any, weight: Any, dims: Dims, form: Dims, eps: float, centred: bool, stats: list[Any] | None
) -> Any:
    # The gradient g·w without its mean and without its part along the standardised input. A weight that is constant
    # over ``dims`` can wait until then. Arrays are worked on in place: on large ones fresh memory is what costs most.
    recorded = not isinstance(g, np.ndarray)
    hat, factor, *_ = (not recorded and stats) or _standard(x, dims, eps, centred)
    n = _count(x.shape, dims)
    if weight is not None:
        weight = weight.reshape(form)
        if set(dims) <= set(_spread(x, form)):
            factor = factor * weight
        else:
            g = g * weight
    out = hat * (_sums(g, dims, hat) / n)
    into = None if recorded else out
    if centred:
        out = np.add(out, _sums(g, dims) / n, out=into)
    return np.multiply(np.subtract(g, out, out=into), factor, out=into)


def _weight_rule(
    g: Any, x: Any, shape: Any, dims: Dims, form: Dims, eps: float, centred: bool, stats: list[Any] | None
) -> Any:
    hat = ((isinstance(g, np.ndarray) and stats) or _standard(x, dims, eps, centred))[0]
    return _sums(g, _spread(g, form), hat).reshape(shape)


def _normalized(
    x: Any, weight: Any, bias: Any, dims: Dims, form: Dims, eps: float, centred: bool, stats: list[Any] | None = None
) -> Any:
    """``(x - mean) / sqrt(variance + eps) * weight + bias``, mean and variance being taken over ``dims``.

    Args:
        x: an array of any shape.
        weight: one factor for each element of ``form``, or None.
        bias: as many numbers to add, or None.
        dims: the dimensions that share a mean and a variance, in rising order.
        form: the shape in which weight and bias stand against ``x``.
        eps: keeps the root above zero.
        centred: whether to subtract the mean; otherwise the mean square stands for the variance.
        stats: an empty list, which receives the standardised input and its factor for the rules, mean and variance.
    """
    found = _standard(x, dims, eps, centred)
    if stats is not None:
        stats.extend(found)
    out = found[0]
    if weight is not None:
        out = out * weight.reshape(form)
    elif stats is not None:
        out = out.copy()  # users may write to the result
    if bias is not None:
        out += bias.reshape(form)
    return out if out.dtype == x.dtype else out.astype(x.dtype)


_RULES = (_input_rule, _weight_rule, lambda g, shape, form: _sums(g, _spread(g, form)).reshape(shape))


def _row(name: str, backward_name: str, symbol: str) -> Any:
    return hidden(*_RULES, name=name, backward_name=backward_name, symbol=symbol)(_normalized)


batch_norm = _row("batch_norm", "NativeBatchNormBackward0", "BatchNorm")
layer_norm = _row("layer_norm", "NativeLayerNormBackward0", "LayerNorm")
group_norm = _row("group_norm", "NativeGroupNormBackward0", "GroupNorm")
rms_norm = _row("rms_norm", "FusedRmsNormBackward0", "RMSNorm")
