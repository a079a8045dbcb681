"""Activation functions and softmax. ``input`` may have any shape, and the result has the same.

The formulas with a rule of their own stand in `micrograd_cn.ops.neural`; the others are composed here.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.dtypes import dtype as dtype_type
from micrograd_cn.ops import neural
from micrograd_cn.ops.elementwise import halted, tanh as _tanh, where
from micrograd_cn.ops.shape import need
from micrograd_cn.random import default_generator
from micrograd_cn.tensor import Tensor

# Klambauer, Unterthiner, Mayr and Hochreiter, "Self-Normalizing Neural Networks", 2017: the fixed point of SELU.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

softplus, logsigmoid = neural.softplus, neural.logsigmoid


def _apply(function: Callable[..., Tensor], input: Tensor, inplace: bool, *settings: Any) -> Tensor:
    """``function(input, *settings)``; if ``inplace``, written over ``input``.

    The function then reads a copy, so that what its rule keeps outlives the write.
    """
    return input._become(lambda x: function(x.clone(), *settings)) if inplace else function(input, *settings)


def _in_place(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """``relu_`` of ``relu``: the function with ``inplace=True``."""

    @functools.wraps(function)
    def call(input: Tensor, *args: Any, **named: Any) -> Tensor:
        return function(input, *args, **named, inplace=True)

    call.__name__ = call.__qualname__ = f"{function.__name__}_"
    return call


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(input, 0)``; ``inplace`` writes the result over ``input``."""
    return input.relu_() if inplace else neural.relu(input)


def sigmoid(input: Tensor) -> Tensor:
    """``1 / (1 + exp(-input))``."""
    return neural.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return _tanh(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """``input`` above 0 and ``negative_slope * input`` below."""
    return _apply(neural.leaky_relu, input, inplace, negative_slope)


def rrelu(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False,
        inplace: bool = False) -> Tensor:  # fmt: skip
    """`leaky_relu` with a slope drawn from ``[lower, upper)`` for each element that is not positive.

    Args:
        input: floating point, of any shape.
        lower: the lowest slope.
        upper: the highest slope.
        training: False takes the mean of both for all.
        inplace: write the result over ``input``.

    Source: Xu, Wang, Chen and Li, 2015.
    """
    need(lower <= upper, f"Lower bound should be less than or equal to the upper bound, but got {lower} and {upper}")
    if not training or not input.is_floating_point():
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slopes = np.ones(input.shape, input.dtype.numpy)
    below = input._array <= 0
    slopes[below] = default_generator.uniform((int(below.sum()),), np.float64, lower, upper)
    return _apply(lambda x: x * Tensor._wrap(slopes), input, inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``input`` above 0 and ``alpha * (exp(input) - 1)`` below."""
    return _apply(neural.elu, input, inplace, alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """``scale * elu(input, alpha)`` with the constants that keep mean 0 and variance 1. Klambauer et al., 2017."""
    return _apply(neural.elu, input, inplace, SELU_ALPHA, SELU_SCALE)


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """``input`` above 0 and ``alpha * (exp(input / alpha) - 1)`` below. Barron, 2017.

    Raises:
        RuntimeError: if ``alpha`` is 0.
    """
    need(alpha != 0, "ZeroDivisionError: alpha cannot be 0 for CELU")
    return _apply(neural.elu, input, inplace, alpha, 1.0, 1 / alpha)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """``input * Φ(input)``, Φ the normal distribution function, or with "tanh" an approximation. Hendrycks, 2016."""
    return neural.gelu(input, approximate, [])


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * sigmoid(input)``, also called swish."""
    return _apply(neural.silu, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * tanh(softplus(input))``. Misra, 2019."""
    return _apply(lambda x: x * _tanh(neural.softplus(x)), input, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """``input`` kept between ``min_val`` and ``max_val``. Unlike `clamp`, its derivative is 0 on the bounds, too.

    Raises:
        ValueError: if the bounds cross.
    """
    need(min_val <= max_val, "min_val cannot be greater than max_val", ValueError)
    return _apply(_hardtanh, input, inplace, min_val, max_val)


def _hardtanh(x: Tensor, low: float, high: float) -> Tensor:
    if not x.is_floating_point():
        low, high = int(low), int(high)
    return halted(x, (x <= low) | (x >= high), x.detach().clamp(low, high))


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(input, 0), 6)``. Howard et al., "MobileNets", 2017."""
    return _apply(_hardtanh, input, inplace, 0, 6)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``relu6(input + 3) / 6``: a sigmoid made of straight lines. Howard et al., 2019."""
    # Not `_hardtanh`: the derivative at NaN is 0 here.
    outside = ~((input > -3.0) & (input < 3.0))
    return _apply(lambda x: (halted(x, outside, x.detach().clamp(-3.0, 3.0)) + 3.0) / 6.0, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``input * relu6(input + 3) / 6``. Howard et al., "MobileNetV3", 2019."""
    # PyTorch's derivative at NaN is 1.
    return _apply(lambda x: x * _hardtanh(where(x == x, x, 3.0) + 3.0, 0.0, 6.0) / 6.0, input, inplace)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """``input`` where it is above ``threshold``, and ``value`` elsewhere."""
    return _apply(lambda x: halted(x, x <= threshold, value), input, inplace)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``input`` where it is farther than ``lambd`` from 0, and 0 elsewhere."""
    return halted(input, (input >= -lambd) & (input <= lambd), 0)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """``input`` moved by ``lambd`` towards 0, and 0 where it is nearer than that.

    Raises:
        RuntimeError: if ``lambd`` is negative.
    """
    need(lambd >= 0, f"lambda must be greater or equal to 0, but found to be {lambd:g}.")
    # NaN stays: both comparisons are False for it. A zero has the sign of what it was.
    near = (input >= -lambd) & (input <= lambd)
    return halted(input, near, input.detach() * 0.0) - lambd * halted(input.detach().sign(), near, 0)


def softsign(input: Tensor) -> Tensor:
    """``input / (1 + |input|)``."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """``input - tanh(input)``."""
    return input - _tanh(input)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """``input`` above 0 and ``weight * input`` below, the slope being learned. He et al., 2015.

    Args:
        input: ``(N, C, ...)``, or any shape if there is one slope.
        weight: slopes ``(C,)``, or ``(1,)`` for one that serves all.

    Raises:
        RuntimeError: if the number of slopes is neither 1 nor the number of channels.
    """
    slopes, channels = weight.numel(), input.shape[1] if input.ndim > 1 else 1
    need(weight.ndim <= 1, f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    need(slopes == 1 or input.ndim, "Not allow zero-dim input tensor.")
    found = f"Found parameter numbers = {slopes} and channel size = {channels}."
    need(slopes in (1, channels), f"Mismatch of parameter numbers and input channel size. {found}")
    weight = weight.reshape(slopes, *(1,) * (input.ndim - 2)) if input.ndim else weight.reshape(())
    return where(input > 0, input, weight * halted(input, input > 0, 0))


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """``a * sigmoid(b)``, where ``a`` and ``b`` are the halves of ``input`` along ``dim``. Dauphin et al., 2016.

    Raises:
        RuntimeError: if the size along ``dim`` is odd or there is no dimension.
    """
    need(input.ndim, "glu does not support scalars because halving size must be even")
    size = input.shape[dim]
    need(size % 2 == 0, f"Halving dimension must be even, but dimension {dim % input.ndim} is size {size}")
    a, b = input.chunk(2, dim)
    return a * neural.sigmoid(b)


def _along(function: Callable[..., Tensor], name: str, input: Tensor, dim: int | None, stacklevel: int,
        dtype: Any) -> Tensor:  # fmt: skip
    """``function`` of ``input`` in that type along ``dim``, or the one that older code meant by leaving it out."""
    if dim is None:
        said = f"Implicit dimension choice for {name} has been deprecated."
        warnings.warn(f"{said} Change the call to include dim=X as an argument.", stacklevel=stacklevel + 1)
        dim = 0 if input.ndim in (0, 1, 3) else 1
    return function(input if dtype is None else input.to(dtype), dim)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype_type | None = None) -> Tensor:
    """``exp(input) / sum(exp(input))`` along ``dim``: positive numbers that sum to 1.

    Args:
        input: floating point, of any shape.
        dim: the dimension along which the result sums to 1. Leaving it out is deprecated.
        dtype: what to convert ``input`` to first.
    """
    return _along(neural.softmax, "softmax", input, dim, _stacklevel, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype_type | None = None) -> Tensor:
    """``log(softmax(input))`` along ``dim``, without underflow; arguments as for `softmax`."""
    return _along(neural.log_softmax, "log_softmax", input, dim, _stacklevel, dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype_type | None = None) -> Tensor:
    """``softmax(-input)``: small numbers get the large shares; arguments as for `softmax`."""
    return _along(neural.softmax, "softmin", -input, dim, _stacklevel, dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A random sample of the classes with these scores that has a derivative: ``softmax((logits + noise) / tau)``.

    Args:
        logits: scores of any shape, unnormalized.
        tau: temperature; the smaller, the nearer to one-hot.
        hard: return one-hot vectors, with the derivative of the soft ones.
        eps: deprecated, without effect.
        dim: the dimension of the classes.

    Source: Jang, Gu and Poole, 2017; Maddison, Mnih and Teh, 2017.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -np.log(default_generator.exponential(logits.shape, logits.dtype.numpy))
    soft = softmax((logits + Tensor._wrap(noise)) / tau, dim)
    if not hard:
        return soft
    one_hot = np.zeros_like(soft._array)
    np.put_along_axis(one_hot, soft._array.argmax(dim, keepdims=True), 1, dim)
    return Tensor._wrap(one_hot) - soft.detach() + soft


relu_, elu_, leaky_relu_, rrelu_ = _in_place(relu), _in_place(elu), _in_place(leaky_relu), _in_place(rrelu)
selu_, celu_, threshold_, hardtanh_ = _in_place(selu), _in_place(celu), _in_place(threshold), _in_place(hardtanh)
