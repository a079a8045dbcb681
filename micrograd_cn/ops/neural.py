"""What networks are made of: activations, the affine map, softmax and losses, each fused into one node.

Fusing is for speed and accuracy only; every row here could be composed of the other families.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from micrograd_cn import parallel
from micrograd_cn.dtypes import to_numpy
from micrograd_cn.ops.elementwise import floating, gated, numeric, only_floats
from micrograd_cn.ops.given import flat
from micrograd_cn.ops.reduction import _HALF
from micrograd_cn.ops.special import ndtr
from micrograd_cn.ops.table import composed, hidden, primitive

# --- activations ---------------------------------------------------------------------------------------------------

activation = functools.partial(only_floats, method=False)


@floating(lambda g, out: g * (out * (1 - out)), symbol="σ")
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``, computed so that nothing overflows."""
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


def _logit_rule(g: Any, x: Any, eps: float | None) -> Any:
    low, high, outside = (0, 1, math.nan) if eps is None else (eps, 1 - eps, 0)
    return np.where((x < low) | (x > high), outside, g / (np.abs(x) * (1 - x)))


@floating(_logit_rule, domain=((0.1, 0.9),))
def logit(x: Any, eps: float | None = None) -> Any:
    """``log(x / (1 - x))``, the inverse of `sigmoid`; with ``eps``, x is first clamped to ``[eps, 1 - eps]``."""
    x = x if eps is None else np.clip(x, eps, 1 - eps)
    return np.log(x / (1 - x))


@activation(lambda g, x: g * sigmoid(-x), domain=((-3.0, 3.0),), packed=True, backward_name="LogSigmoidBackward0")
def logsigmoid(x: Any) -> Any:
    """``log(sigmoid(x))`` without underflow."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


# NumPy compares with an array of one number in half the time that it takes with a Python number, 0.6 µs.
_ZEROS = {np.dtype(t): np.zeros((), t) for t in (np.float16, np.float32, np.float64)}


def _relu_rule(g: Any, out: Any) -> Any:
    # On arrays the bare forward: looking for faces among the arguments would take 0.3 µs.
    return gated.primitive.forward(g, out) if g.__class__ is np.ndarray else gated(g, out)


@numeric(_relu_rule, symbol="ReLU", domain=((0.1, 2.0),))
def relu(x: Any) -> Any:
    """``max(x, 0)``; its derivative at 0 is 0. Nair and Hinton, 2010."""
    return np.maximum(_ZEROS.get(x.dtype, 0), x)  # of two zeros the second: -0 stays


@activation(
    lambda g, x, negative_slope: flat(x, np.where(x > 0, g, g * negative_slope)),
    symbol="LeakyReLU", domain=((0.1, 2.0),),
)  # fmt: skip
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """``x`` above 0 and ``negative_slope * x`` below. Maas, Hannun and Ng, 2013."""
    return np.where(x > 0, x, x * negative_slope)


def _elu_slope(x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    below = alpha * scale * input_scale * np.exp(input_scale * np.where(x < 0, x, 0))  # constant at 0, as in PyTorch
    return np.where(x <= 0, below, scale)


@activation(
    lambda g, x, alpha, scale, input_scale: g * _elu_slope(x, alpha, scale, input_scale),
    symbol="ELU", domain=((0.1, 2.0),),
)  # fmt: skip
def elu(x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    """``scale * x`` above 0 and ``scale * alpha * (exp(input_scale * x) - 1)`` below. Clevert et al., 2015."""
    below = alpha * np.expm1(input_scale * np.minimum(x, 0))
    return scale * np.where(x < 0, below, x)


@activation(lambda g, x: g * (sigmoid(x) * (1 + x * (1 - sigmoid(x)))), symbol="SiLU")
def silu(x: Any) -> Any:
    """``x * sigmoid(x)``. Elfwing, Uchibe and Doya, 2017."""
    return x * sigmoid(x)


@activation(lambda g, x, beta, threshold: np.where(x * beta > threshold, g, g * sigmoid(x * beta)), symbol="softplus")
def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """``log(1 + exp(beta * x)) / beta``; ``x`` itself where ``beta * x`` is above ``threshold``."""
    z = x * beta
    return np.where(z > threshold, x, np.log1p(np.exp(np.minimum(z, threshold))) / beta)


_SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
# Φ(x) = 1 / (1 + exp(x P(x²))). P of first degree is GELU's "tanh" form, since (1 + tanh(u)) / 2 is the sigmoid of 2u.
# SciPy's Φ takes as long as 40 products, so in float32 a fit of log(Φ(-x) / Φ(x)) / x stands for it above _TAIL: the
# relative error is below 1.4e-7 (1 + x²) for x < 0, as that of an exponential of x² in this type has to be.
_P = {
    "tanh": (-2 * _SQRT_2_OVER_PI, -2 * _SQRT_2_OVER_PI * 0.044715),
    "none": (-1.59577, -0.0726653636, 6.4373824e-5, 1.10882087e-4, -7.96145378e-6, 2.65592092e-7, -3.50349616e-9),
}
_TAIL = -2.5


def _normal(x: Any, approximate: str) -> Any:
    """The normal distribution function Φ(x), or the form of it that stands in `_P`."""
    exact = approximate == "none"
    if exact and getattr(x, "dtype", None) != np.float32:
        return ndtr(x)
    square = x * x
    first, *others, last = reversed(_P[approximate])
    p = square * first
    for c in others:
        p += c
        p *= square
    p = 1 / (np.exp((p + last) * x) + 1)
    if exact and (low := np.flatnonzero(x < _TAIL)).size:
        p = np.asarray(p)
        p.put(low, ndtr(x.take(low)))
    return p


def _gelu_rule(g: Any, x: Any, approximate: str, kept: list[Any] | None) -> Any:
    (p,) = kept if kept and isinstance(g, np.ndarray) else (_normal(x, approximate),)
    if approximate == "none":
        return g * (p + x * (np.exp(-0.5 * (x * x)) * (1 / math.sqrt(2 * math.pi))))
    c, d = _P["tanh"]
    slope = x * (p * (1 - p))
    return g * (p - (slope * c + slope * x * (3 * d * x)))  # not slope * x², which may be 0 * inf


@activation(_gelu_rule, symbol="GELU")
def gelu(x: Any, approximate: str = "none", kept: list[Any] | None = None) -> Any:
    """``x * Φ(x)``, Φ the normal distribution function; ``approximate="tanh"``: its tanh form. Hendrycks, 2016.

    ``kept`` is an empty list, which receives Φ(x) for the rule.
    """
    if approximate not in _P:
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    p = _normal(_single(x), approximate)
    if kept is not None:
        kept.append(p)
    return (x * p).astype(x.dtype, copy=False)


# --- softmax -------------------------------------------------------------------------------------------------------


def _single(x: Any) -> Any:
    """float16 as float32, in which PyTorch computes with it, too; other types as they are."""
    return x.astype(np.float32) if x.dtype is _HALF else x


def _softmax_rule(g: Any, out: Any, dim: int) -> Any:
    g, out = _single(g), _single(out)
    return out * (g - np.add.reduce(g * out, axis=dim, keepdims=True))


def _shifted(x: Any, dim: int) -> Any:
    """``x`` minus its maximum along ``dim``, so that exp cannot overflow; a row of infinities stays as it is."""
    x = np.asarray(_single(x), order="C")
    return x - np.maximum.reduce(x, axis=dim, keepdims=True, initial=-np.inf)


@primitive(_softmax_rule, dtypes="float_only")
def softmax(x: Any, dim: int) -> Any:
    """``exp(x) / sum(exp(x))`` along ``dim``: positive numbers that sum to 1. Same shape as ``x``."""
    e = np.exp(_shifted(x, dim))
    return (e / np.add.reduce(e, axis=dim, keepdims=True)).astype(x.dtype, copy=False)


def _log_softmax_rule(g: Any, out: Any, dim: int) -> Any:
    g, out = _single(g), _single(out)
    return g - np.exp(out) * np.add.reduce(g, axis=dim, keepdims=True)


@primitive(_log_softmax_rule, dtypes="float_only")
def log_softmax(x: Any, dim: int) -> Any:
    """``log(softmax(x))`` along ``dim`` without underflow. Same shape as ``x``."""
    z = _shifted(x, dim)
    return (z - np.log(np.add.reduce(np.exp(z), axis=dim, keepdims=True))).astype(x.dtype, copy=False)


@composed(name="softmax")
def cast_softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """``exp(x) / sum(exp(x))`` along ``dim``, of ``input`` in the type ``dtype`` if one is given."""
    return softmax(input if dtype is None else input.to(dtype), dim)


@composed(name="log_softmax")
def cast_log_softmax(input: Any, dim: int, dtype: Any = None) -> Any:
    """``log(softmax(x))`` along ``dim``, of ``input`` in the type ``dtype`` if one is given."""
    return log_softmax(input if dtype is None else input.to(dtype), dim)


# --- the affine map ------------------------------------------------------------------------------------------------


def _rows(x: Any) -> Any:
    """``x`` as a matrix: all dimensions but the last become one."""
    return x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


@functools.lru_cache(maxsize=64)
def _ones(n: int, dtype: Any) -> Any:
    return np.ones(n, dtype)


def _column_sums(g: Any) -> Any:
    """The sums of a matrix's columns; as a product with ones they take 0.4 µs instead of 1 on a small array."""
    return _ones(len(g), g.dtype).dot(g) if isinstance(g, np.ndarray) else np.add.reduce(g, axis=0)


# One product of matrices is faster than a stack of them, and np.dot takes 0.3 µs less than @.
@hidden(
    lambda g, weight, shape: parallel.dot(g, weight) if g.ndim == 2 else parallel.dot(_rows(g), weight).reshape(shape),
    lambda g, x: parallel.dot(g.T, x) if g.ndim == 2 else parallel.dot(_rows(g).T, _rows(x)),
    lambda g: _column_sums(g if g.ndim == 2 else _rows(g)),
    dtypes="same", backward_name="AddmmBackward0",
)  # fmt: skip
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """``x @ weight.T + bias``.

    Args:
        x: ``(..., in)``.
        weight: ``(out, in)``.
        bias: ``(out,)`` or None.

    Returns:
        ``(..., out)``. https://pytorch.org/docs/stable/generated/torch.nn.functional.linear.html
    """
    try:
        out = parallel.dot(_rows(x), weight.T)
    except (ValueError, IndexError):
        left = f"{math.prod(x.shape[:-1])}x{x.shape[-1] if x.ndim else 1}"
        right = "x".join(map(str, weight.T.shape))
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({left} and {right})") from None
    if bias is not None:
        out += bias
    return out if x.ndim == 2 else out.reshape(x.shape[:-1] + weight.shape[:-1])


# --- losses ----------------------------------------------------------------------------------------------------------
# ``reduction`` is "mean", "sum" or "none"; checked in nn.functional.


def _reduced(loss: Any, reduction: str) -> Any:
    if reduction == "none":
        return loss
    total = np.add.reduce(loss, axis=None)
    return total if reduction == "sum" else total / loss.size


def _share(g: Any, x: Any, reduction: str) -> Any:
    """The gradient of one element of a loss, from that of the reduced loss."""
    return g / math.prod(x.shape) if reduction == "mean" else g


def _slope(x: Any, reduction: str) -> float:
    """How much of twice its error each element of a squared error hands on."""
    return 2 / max(math.prod(x.shape), 1) if reduction == "mean" else 2.0


@hidden(
    lambda g, x, target, reduction: (x - target) * (g * _slope(x, reduction)),
    lambda g, x, target, reduction: (target - x) * (g * _slope(x, reduction)),
    dtypes="promote",
)
def mse_loss(x: Any, target: Any, reduction: str = "mean") -> Any:
    """Squared error ``(x - target)²``, element by element, then reduced. Both have the same shape."""
    d = x - target
    if reduction == "none":
        return d * d
    total = np.vdot(d, d)  # 0.7 µs less than a sum of squares
    return total if reduction == "sum" else total / d.size


def _bce_rule(g: Any, x: Any, target: Any, reduction: str) -> Any:
    # PyTorch keeps the denominator above 1e-12, so the gradient at 0 and 1 stays finite.
    return _share(g, x, reduction) * ((x - target) / np.maximum((1 - x) * x, 1e-12))


@hidden(
    _bce_rule, lambda g, x, reduction: _share(g, x, reduction) * (np.log(1 - x) - np.log(x)),
    dtypes="same", domain=((0.1, 0.9), (0.1, 0.9)),
)  # fmt: skip
def binary_cross_entropy(x: Any, target: Any, reduction: str = "mean") -> Any:
    """``-(t log x + (1 - t) log(1 - x))``, then reduced; logarithms are cut off at -100, as PyTorch does."""
    return _reduced((target - 1) * _clipped_log(1 - x) - target * _clipped_log(x), reduction)


def _clipped_log(x: Any) -> Any:
    return np.maximum(np.log(x), -100)


def _bce_logits_slope(x: Any, target: Any, pos_weight: Any) -> Any:
    if pos_weight is None:
        return sigmoid(x) - target
    return (1 - target) - (1 - target + pos_weight * target) * sigmoid(-x)


@hidden(
    lambda g, x, target, reduction, pos_weight: _share(g, x, reduction) * _bce_logits_slope(x, target, pos_weight),
    lambda g, x, reduction, pos_weight: (
        _share(g, x, reduction) * (-x if pos_weight is None else logsigmoid(-x) - pos_weight * logsigmoid(x))
    ),
    dtypes="promote",
)
def binary_cross_entropy_with_logits(x: Any, target: Any, reduction: str = "mean", pos_weight: Any = None) -> Any:
    """`binary_cross_entropy` of ``sigmoid(x)`` without overflow; ``pos_weight`` multiplies the loss of positives."""
    if pos_weight is None:
        # No two terms have different signs, so nothing cancels.
        loss = np.maximum(x, 0) * (1 - target) - np.minimum(x, 0) * target + np.log1p(np.exp(-np.abs(x)))
    else:
        loss = -pos_weight * target * logsigmoid(x) - (1 - target) * logsigmoid(-x)
    return _reduced(loss, reduction)


def _nll_rule(g: Any, x: Any, target: Any, counts: Any, divisor: Any, reduction: str) -> Any:
    c = np.zeros(x.shape, g.dtype if isinstance(g, (np.ndarray, np.generic)) else to_numpy(g.dtype))
    c[np.arange(len(c)), target] = -1 if counts is None else -counts
    return flat(x, c * (g.reshape((-1, 1)) if reduction == "none" else g / (1 if divisor == 0 else divisor)))


@hidden(_nll_rule, dtypes="float_only", backward_name="NllLossBackward0", symbol="−log p")
def nll_loss(x: Any, target: Any, counts: Any, divisor: Any, reduction: str) -> Any:
    """``-counts * x[target]`` for each sample; unless ``reduction`` is "none", their sum over ``divisor``.

    Args:
        x: log-probabilities ``(N, C)``.
        target: int64 array ``(N,)`` of class numbers in ``[0, C)``.
        counts: array ``(N,)`` of what each sample weighs (nothing, where it is to be ignored), or None for 1 each.
        divisor: what all samples weigh, for a mean.
    """
    picked = x[np.arange(len(target)), target]
    each = -picked if counts is None else -picked * counts
    return each if reduction == "none" else np.add.reduce(each) / divisor
