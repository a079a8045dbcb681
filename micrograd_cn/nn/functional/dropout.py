"""Dropout: random parts of a tensor set to zero, the rest scaled up. Masks follow PyTorch's random stream."""

from __future__ import annotations

import math
import warnings

from micrograd_cn.dtypes import SCALAR_NAMES
from micrograd_cn.nn.functional.activation import SELU_ALPHA, SELU_SCALE
from micrograd_cn.ops.shape import need
from micrograd_cn.random import default_generator
from micrograd_cn.tensor import Tensor

_SELU_LOWEST = SELU_ALPHA * SELU_SCALE


def _drop(input: Tensor, p: float, training: bool, inplace: bool, leading: int | None = None,
        lowest: float = 0.0) -> Tensor:  # fmt: skip
    """Each element, or each channel that the ``leading`` dimensions count, becomes ``-lowest`` with probability ``p``;
    then all is scaled (and moved, if ``lowest`` is not 0) so that mean and variance stay as they are."""
    need(0 <= p <= 1, f"dropout probability has to be between 0 and 1, but got {p}", ValueError)
    if p == 0 or not training or input.numel() == 0:
        return input
    found = SCALAR_NAMES[input.dtype]
    need(input.is_floating_point(), f"result type Float can't be cast to the desired output type {found}")
    need(input.ndim >= (leading or 0), "Feature dropout requires at least 2 dimensions in the input")
    if p == 1:  # PyTorch draws nothing here
        return input.mul_(0) if inplace else input * 0
    shape = input.shape if leading is None else (*input.shape[:leading], *(1,) * (input.ndim - leading))
    order, strides = list(range(input.ndim)), input.stride()
    if leading is None and 0 not in strides:  # PyTorch draws in the order of memory, say for a transposed input
        order.sort(key=lambda i: -strides[i])
    drawn = default_generator.bernoulli(1 - p, tuple(shape[i] for i in order))
    kept = drawn.transpose(tuple(map(order.index, range(input.ndim)))).astype(input.dtype.numpy)
    scale = 1 / math.sqrt((lowest * lowest * p + 1) * (1 - p)) if lowest else 1 / (1 - p)
    factor = Tensor._wrap(kept * scale if lowest else kept / kept.dtype.type(1 - p))
    result = input.mul_(factor) if inplace else input * factor
    return result.add_(Tensor._wrap((kept - 1) * (lowest * scale) + lowest * scale * p)) if lowest else result


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Each element becomes 0 with probability ``p``, and is divided by ``1 - p`` otherwise.

    Args:
        input: floating point, of any shape.
        p: probability of a zero.
        training: False returns ``input`` itself.
        inplace: write the result over ``input``.

    Raises:
        ValueError: if ``p`` is not in [0, 1].

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, 2014.
    """
    return _drop(input, p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of ``(N, C, L)`` or ``(C, L)``. Tompson et al., 2015.

    Raises:
        ValueError: if ``p`` is not in [0, 1].
        RuntimeError: for another number of dimensions.
    """
    need(input.ndim in (2, 3), f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input.")
    return _drop(input, p, training, inplace, input.ndim - 1)


def _warn_dimensions(name: str, spatial: int, ndim: int) -> None:
    if ndim not in (spatial + 1, spatial + 2):
        said = f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an error in a "
        said += "future release. To retain the behavior and silence this warning, please use dropout instead. Note "
        said += f"that {name} exists to provide channel-wise dropout on inputs with {spatial} spatial dimensions, a "
        said += f"channel dimension, and an optional batch dimension (i.e. {spatial + 1}D or {spatial + 2}D inputs)."
        warnings.warn(said, stacklevel=3)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of ``(N, C, H, W)``. Tompson et al., 2015.

    As in PyTorch, three dimensions are taken for ``(N, C, L)``; other numbers of dimensions than these warn.

    Raises:
        ValueError: if ``p`` is not in [0, 1].
        RuntimeError: for fewer than two dimensions.
    """
    _warn_dimensions("dropout2d", 2, input.ndim)
    if input.ndim == 3:
        said = "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is "
        said += "desired - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will "
        said += "change in a future release to interpret the input as one without a batch dimension, i.e. shape "
        said += "(C, H, W). To maintain the 1D channel-wise dropout behavior, please switch to using dropout1d instead."
        warnings.warn(said, stacklevel=2)
    return _drop(input, p, training, inplace, 2)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``; see `dropout2d`."""
    _warn_dimensions("dropout3d", 3, input.ndim)
    return _drop(input, p, training, inplace, 2 if input.ndim == 5 else 1)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout for `selu`: what is dropped gets SELU's lowest value, and mean and variance stay as they are.

    Raises:
        ValueError: if ``p`` is not in [0, 1].

    Source: Klambauer, Unterthiner, Mayr and Hochreiter, 2017.
    """
    return _drop(input, p, training, inplace, None, _SELU_LOWEST)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels of ``(N, C, ...)``; RuntimeError for fewer than two dimensions."""
    return _drop(input, p, training, inplace, 2, _SELU_LOWEST)
