"""Initial values for parameters. Every function fills its tensor in place, unseen by autograd, and returns it.

With the same seed the numbers are PyTorch's. Source: https://pytorch.org/docs/stable/nn.init.html
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np

from micrograd_cn.autograd import no_grad
from micrograd_cn.ops.shape import need
from micrograd_cn.random import Generator, randperm
from micrograd_cn.tensor import Tensor

_CONVOLUTIONS = [f"conv{kind}{dims}d" for kind in ("", "_transpose") for dims in (1, 2, 3)]
_GAINS: dict[str, float] = dict.fromkeys(["linear", "sigmoid", *_CONVOLUTIONS], 1)
_GAINS |= {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which to scale weights so that a nonlinearity keeps the variance of what flows through it.

    Args:
        nonlinearity: "linear", "conv1d" to "conv3d", "conv_transpose1d" to "conv_transpose3d", "sigmoid",
            "tanh", "relu", "leaky_relu" or "selu".
        param: the negative slope of "leaky_relu"; 0.01 if None.

    Raises:
        ValueError: for another name, or a slope that is no number.
    """
    if nonlinearity == "leaky_relu":
        if param is None:
            param = 0.01
        elif isinstance(param, bool) or not isinstance(param, (int, float)):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + param**2))
    need(nonlinearity in _GAINS, f"Unsupported nonlinearity {nonlinearity}", ValueError)
    return _GAINS[nonlinearity]


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with draws from the uniform distribution between ``a`` and ``b``."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with draws from the normal distribution."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def _write(tensor: Tensor, array: np.ndarray) -> Tensor:
    with no_grad():
        return tensor.copy_(Tensor._wrap(array))


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with ones on the diagonal and zeros elsewhere; ValueError for what is no matrix."""
    need(tensor.ndim == 2, "Only tensors with 2 dimensions are supported", ValueError)
    return _write(tensor, np.eye(*tensor.shape, dtype=tensor.dtype.numpy))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weights of a convolution so that it passes on its input channels unchanged, as far as there are any.

    Args:
        tensor: ``(out, in, ...)`` with one to three spatial dimensions.
        groups: the groups of output channels that each begin anew with the first input channel.

    Raises:
        ValueError: for another number of dimensions, or if ``groups`` does not divide ``out``.
    """
    need(tensor.ndim in (3, 4, 5), "Only tensors with 3, 4, or 5 dimensions are supported", ValueError)
    out, channels, *spatial = tensor.shape
    need(out % groups == 0, "dim 0 must be divisible by groups", ValueError)
    array = np.zeros(tensor.shape, tensor.dtype.numpy)
    middle = tuple(size // 2 for size in spatial)
    for o in range(out):
        if (i := o % (out // groups)) < channels:
            array[(o, i, *middle)] = 1
    return _write(tensor, array)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many numbers enter and leave each unit of a layer with weights ``(out, in, ...)``.

    Raises:
        ValueError: for fewer than two dimensions.
    """
    what = "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
    need(tensor.ndim >= 2, what, ValueError)
    out, channels, *field = tensor.shape
    return channels * math.prod(field), out * math.prod(field)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    return gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in ``±gain * sqrt(6 / (fan_in + fan_out))``. Glorot and Bengio, 2010."""
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation ``gain * sqrt(2 / (fan_in + fan_out))``. Glorot and Bengio, 2010."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    modes, mode = ["fan_in", "fan_out"], mode.lower()
    need(mode in modes, f"Mode {mode} not supported, please use one of {modes}", ValueError)
    return calculate_gain(nonlinearity, a) / math.sqrt(_calculate_fan_in_and_fan_out(tensor)[modes.index(mode)])


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Uniform in ``±gain * sqrt(3 / fan)``. He, Zhang, Ren and Sun, 2015.

    Args:
        tensor: weights ``(out, in, ...)``.
        a: the negative slope, if ``nonlinearity`` is "leaky_relu".
        mode: "fan_in" keeps the variance in the forward pass, "fan_out" in the backward pass.
        nonlinearity: what follows the layer; see `calculate_gain`.
        generator: where the draws come from; the default generator if None.

    Raises:
        ValueError: for an unknown ``mode`` or ``nonlinearity``, or fewer than two dimensions.
    """
    if _is_empty(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Normal with standard deviation ``gain / sqrt(fan)``; arguments as for `kaiming_uniform_`."""
    if _is_empty(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _is_empty(tensor: Tensor) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with an orthogonal matrix times ``gain``: its rows or its columns, whichever are fewer, are orthonormal.

    Args:
        tensor: ``(rows, ...)``; the dimensions behind the first count as one.
        gain: a factor.
        generator: where the draws come from; the default generator if None.

    Raises:
        ValueError: for fewer than two dimensions.

    Source: Saxe, McClelland and Ganguli, 2013. The Q of a QR decomposition of normal numbers, the signs being
    chosen so that R has a positive diagonal, which makes it unique.
    """
    need(tensor.ndim >= 2, "Only tensors with 2 or more dimensions are supported", ValueError)
    if tensor.numel() == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.numel() // tensor.shape[0]
    draws = normal_(Tensor._wrap(np.empty((rows, columns), tensor.dtype.numpy)), generator=generator)._array
    q, r = np.linalg.qr(draws.T if rows < columns else draws)
    q = q * (np.sign(np.diagonal(r)) * gain).astype(q.dtype)
    return _write(tensor, (q.T if rows < columns else q).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers, and in each column the part ``sparsity`` of them set to zero. Martens, 2010.

    Raises:
        ValueError: for what is no matrix.
    """
    need(tensor.ndim == 2, "Only tensors with 2 dimensions are supported", ValueError)
    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    array = normal_(tensor, 0.0, std, generator)._array.copy()
    for column in range(columns):
        array[randperm(rows)._array[:zeros], column] = 0  # from the default generator, as in PyTorch
    return _write(tensor, array)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Normal numbers, drawn again as long as they lie outside ``[a, b]``.

    Args:
        tensor: floating point, of any shape.
        mean: of the distribution before it is cut off.
        std: its standard deviation.
        a: the least number.
        b: the greatest number.
        generator: where the draws come from; the default generator if None.

    Where less than 30 percent of the normal distribution lies in ``[a, b]``, uniform draws are accepted with
    a probability in proportion to the density instead, which rejects fewer.
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        what = "The distribution of values may be incorrect."
        warnings.warn(f"mean is more than 2 std from [a, b] in nn.init.trunc_normal_. {what}", stacklevel=2)
    kind = tensor.dtype.numpy

    def draw(fill: Callable[..., Tensor], *limits: float) -> np.ndarray:
        return fill(Tensor._wrap(np.empty(tensor.shape, kind)), *limits, generator=generator)._array

    def below(x: float) -> float:
        """The part of the normal distribution below ``x``."""
        return (1.0 + math.erf((x - mean) / std / math.sqrt(2.0))) / 2.0

    if below(b) - below(a) > 0.3:
        result = draw(normal_, mean, std)
        while (outside := (result < kind.type(a)) | (result > kind.type(b))).any():
            result = np.where(outside, draw(normal_, mean, std), result)
        return _write(tensor, result)

    log_peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    result = np.empty(tensor.shape, kind)
    pending = np.ones(tensor.shape, bool)
    while pending.any():
        candidates = draw(uniform_, a, b)
        result = np.where(pending, candidates, result)
        log_density = np.square((candidates - mean) / std) * -0.5 - log_peak
        with np.errstate(divide="ignore"):  # a draw of exactly 0 is accepted anyway
            pending &= np.log(draw(uniform_)) > log_density
    return _write(tensor, result)
