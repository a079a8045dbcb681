"""Activation functions as modules. Their input may have any shape, and the output has the same."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from micrograd_cn.nn import functional as F
from micrograd_cn.nn.init import constant_
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.modules.optioned import Optioned
from micrograd_cn.nn.parameter import Parameter, add_parameters
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class ReLU(Optioned, function=F.relu, options="inplace"):
    """``max(x, 0)``; ``inplace`` writes the result over the input, here and below."""


class SELU(Optioned, function=F.selu, options="inplace"):
    """``scale * elu(x, alpha)`` with self-normalizing constants. Klambauer et al., 2017."""


class SiLU(Optioned, function=F.silu, options="inplace"):
    """``x * sigmoid(x)``, also called swish."""


class Mish(Optioned, function=F.mish, options="inplace"):
    """``x * tanh(softplus(x))``. Misra, 2019."""


class Hardsigmoid(Optioned, function=F.hardsigmoid, options="inplace", shown=""):
    """``relu6(x + 3) / 6``."""


class Hardswish(Optioned, function=F.hardswish, options="inplace", shown=""):
    """``x * relu6(x + 3) / 6``."""


class Sigmoid(Optioned, function=F.sigmoid):
    """``1 / (1 + exp(-x))``."""


class Tanh(Optioned, function=F.tanh):
    """Hyperbolic tangent."""


class LogSigmoid(Optioned, function=F.logsigmoid):
    """``log(sigmoid(x))`` without underflow."""


class Softsign(Optioned, function=F.softsign):
    """``x / (1 + |x|)``."""


class Tanhshrink(Optioned, function=F.tanhshrink):
    """``x - tanh(x)``."""


class LeakyReLU(Optioned, function=F.leaky_relu, options="negative_slope inplace"):
    """``x`` above 0 and ``negative_slope * x`` below. Maas, Hannun and Ng, 2013."""


class RReLU(Optioned, function=F.rrelu, options="lower upper inplace"):
    """`LeakyReLU` with a slope drawn from ``[lower, upper)`` for each element, in eval mode their mean. Xu, 2015."""


class ELU(Optioned, function=F.elu, options="alpha inplace"):
    """``x`` above 0 and ``alpha * (exp(x) - 1)`` below. Clevert, Unterthiner and Hochreiter, 2015."""


class CELU(Optioned, function=F.celu, options="alpha inplace"):
    """``x`` above 0 and ``alpha * (exp(x / alpha) - 1)`` below. Barron, 2017."""


class Hardtanh(
    Optioned, function=F.hardtanh, options="min_val max_val inplace min_value max_value",
    shown="min_val max_val inplace", min_value=None, max_value=None,
):  # fmt: skip
    """``x`` kept between ``min_val`` and ``max_val``; ``min_value`` and ``max_value`` are their deprecated names.

    Raises:
        AssertionError: if ``max_val`` is not above ``min_val``.
    """

    def __post_init__(self) -> None:
        for old, new in (("min_value", "min_val"), ("max_value", "max_val")):
            if (value := self.__dict__.pop(old)) is not None:
                text = f"keyword argument `{old}` is deprecated and renamed to `{new}`"
                warnings.warn(text, FutureWarning, stacklevel=3)
                setattr(self, new, value)
        text = f"max_val ({self.max_val}) must be greater than min_val ({self.min_val})"
        need(self.max_val > self.min_val, text, AssertionError)


class ReLU6(Hardtanh):
    """``min(max(x, 0), 6)``. Howard et al., "MobileNets", 2017."""

    _shown = ("inplace",)

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)


class Threshold(Optioned, function=F.threshold, options="threshold value inplace"):
    """``x`` where it is above ``threshold``, and ``value`` elsewhere."""


class GELU(Optioned, function=F.gelu, options="approximate"):
    """``x * Φ(x)``, Φ being the normal distribution function; ``approximate="tanh"`` takes its tanh form.

    Source: Hendrycks and Gimpel, 2016.
    """


class Softplus(Optioned, function=F.softplus, options="beta threshold"):
    """``log(1 + exp(beta * x)) / beta``; ``x`` itself where ``beta * x`` is above ``threshold``."""


class Hardshrink(Optioned, function=F.hardshrink, options="lambd"):
    """``x`` where it is farther than ``lambd`` from 0, and 0 elsewhere."""

    def extra_repr(self) -> str:
        """The number alone."""
        return str(self.lambd)


class Softshrink(Optioned, function=F.softshrink, options="lambd"):
    """``x`` moved by ``lambd`` towards 0, and 0 where it is nearer than that."""

    extra_repr = Hardshrink.extra_repr


class PReLU(Module):
    """``x`` above 0 and ``weight * x`` below; the slope is learned. He et al., 2015.

    Args:
        num_parameters: 1, or the number of channels (dimension 1 of the input) for a slope each.
        init: the slope at first.
        device: only the CPU.
        dtype: of the slope; the default floating type if None.

    Attributes:
        weight: ``(num_parameters,)``.
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        add_parameters(self, device, dtype, weight=num_parameters)

    def reset_parameters(self) -> None:
        """Set the slopes back to ``init``."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Element by element."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """``num_parameters=...``."""
        return f"num_parameters={self.num_parameters}"


class GLU(Optioned, function=F.glu, options="dim"):
    """``a * sigmoid(b)`` with the halves ``a`` and ``b`` of the input along ``dim``, which the output has half of."""


class Softmax(Optioned, function=functools.partial(F.softmax, _stacklevel=5), options="dim"):
    """``exp(x) / sum(exp(x))`` along ``dim``; leaving ``dim`` out is deprecated."""


class LogSoftmax(Optioned, function=functools.partial(F.log_softmax, _stacklevel=5), options="dim"):
    """``log(softmax(x))`` along ``dim``, without underflow."""


class Softmin(Optioned, function=functools.partial(F.softmin, _stacklevel=5), options="dim"):
    """``softmax(-x)`` along ``dim``."""


class Softmax2d(Module):
    """`Softmax` over the channels of each place in ``(N, C, H, W)`` or ``(C, H, W)``; ValueError for other shapes."""

    def forward(self, input: Tensor) -> Tensor:
        """The same shape; sums to 1 along dimension -3."""
        need(input.ndim in (3, 4), f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead", ValueError)
        return F.softmax(input, -3)
