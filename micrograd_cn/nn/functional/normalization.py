"""Normalisation layers as functions, and lengths, distances and angles of vectors.

All layers run the one operation of `micrograd_cn.ops.normalization`; here is said which dimensions share statistics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from micrograd_cn.dtypes import SCALAR_NAMES, finfo, float16, float32
from micrograd_cn.ops import normalization as ops
from micrograd_cn.ops.shape import cat, need
from micrograd_cn.tensor import Tensor


def _checked(name: str, input: Tensor, shape: Sequence[int], **parameters: Tensor | None) -> None:
    """Refuse integers, and parameters of another shape, or of another type than ``input`` (float32 suits float16)."""
    if not input.is_floating_point():
        raise NotImplementedError(f"\"{name}\" not implemented for '{SCALAR_NAMES[input.dtype]}'")
    for of, x in parameters.items():
        if x is not None and list(x.shape) != list(shape):
            raise RuntimeError(f"{name}(): {of} should have the shape {list(shape)}, not {list(x.shape)}")
        if x is not None and x.dtype is not input.dtype and (input.dtype, x.dtype) != (float16, float32):
            raise RuntimeError(f"{name}(): mixed dtype: the input is {input.dtype} and {of} is {x.dtype}")


def _several(input: Tensor, count: int, what: str) -> None:
    if count == 1:
        raise ValueError(f"Expected more than 1 {what} when training, got input size {input.shape}")


def _track(running: Tensor | None, observed: Any, momentum: float, factor: float = 1.0) -> None:
    """Move a running statistic by the part ``momentum`` towards ``factor`` times what has just been observed."""
    if running is not None:
        observed = observed.reshape(-1, running.numel())
        seen = (observed[0] if len(observed) == 1 else observed.mean(0)) * (momentum * factor)
        running._array[...] = running._array * (1 - momentum) + seen
        running._wrote()


def _normalize_channels(name: str, input: Tensor, dims: tuple[int, ...], running: tuple[Tensor | None, Tensor | None],
        weight: Tensor | None, bias: Tensor | None, own: bool, momentum: float, eps: float) -> Tensor:  # fmt: skip
    """Normalise ``(N, C, ...)`` over ``dims`` by its ``own`` statistics, which are tracked, or by the running ones."""
    mean, var = running
    channels = input.shape[1]
    _checked(name, input, [channels], running_mean=mean, running_var=var, weight=weight, bias=bias)
    form = (channels, *(1,) * (input.ndim - 2))
    if own:
        stats: list[Any] = []
        out = ops.batch_norm(input, weight, bias, dims, form, eps, True, stats)
        n = math.prod(input.shape[i] for i in dims)
        if n and (mean is not None or var is not None):
            _track(mean, stats[2], momentum)
            _track(var, stats[3], momentum, n / (n - 1) if n != 1 else math.nan)
        return out
    if mean is None or var is None:
        raise RuntimeError(f"{name}(): running_mean and running_var must be defined to normalise by them")
    scale = (var + eps).rsqrt() if weight is None else weight * (var + eps).rsqrt()
    shift = -mean * scale if bias is None else bias - mean * scale
    return (input * scale.reshape(form) + shift.reshape(form)).to(input.dtype)


def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
        bias: Tensor | None = None, training: bool = False, momentum: float = 0.1,
        eps: float = 1e-5) -> Tensor:  # fmt: skip
    """``(input - mean) / sqrt(var + eps) * weight + bias`` with the statistics of each channel over the batch.

    Args:
        input: ``(N, C)`` or ``(N, C, ...)``.
        running_mean: ``(C,)`` is used instead of the batch's, unless ``training``; then it moves towards that.
        running_var: ``(C,)`` likewise; it moves towards the unbiased variance.
        weight: ``(C,)`` or None.
        bias: ``(C,)`` or None.
        training: whether to normalise by the statistics of this batch.
        momentum: how far the running statistics move.
        eps: added to the variance.

    Raises:
        ValueError: in training with one element per channel, or if ``eps`` is too small.
        RuntimeError: if sizes or types do not fit, or running statistics are missing outside training.

    Source: Ioffe and Szegedy, 2015; https://pytorch.org/docs/stable/generated/torch.nn.functional.batch_norm.html
    """
    if training:
        _several(input, math.prod(input.shape[:1] + input.shape[2:]), "value per channel")
    wanted = "positive" if training else "non-negative"
    need(eps > 0 or (eps == 0 and not training), f"batch_norm eps must be {wanted}, but got {eps}", ValueError)
    if input.ndim < 2 and input.size(-1) == 0:
        return input.clone()
    input.size(1)  # an IndexError if there are no channels
    dims = (0, *range(2, input.ndim))
    running = running_mean, running_var
    return _normalize_channels("batch_norm", input, dims, running, weight, bias, training, momentum, eps)


def instance_norm(input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
        weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1,
        eps: float = 1e-5) -> Tensor:  # fmt: skip
    """`batch_norm` of each sample by itself: ``(N, C, ...)`` with the statistics of each channel of each sample.

    Running statistics move towards the mean of those of the samples, and are used if not ``use_input_stats``.

    Source: Ulyanov, Vedaldi and Lempitsky, 2016
    """
    if use_input_stats:
        _several(input, math.prod(input.shape[2:]), "spatial element")
    dims, running = tuple(range(2, input.ndim)), (running_mean, running_var)
    return _normalize_channels("instance_norm", input, dims, running, weight, bias, use_input_stats, momentum, eps)


def _last(name: str, input: Tensor, shape: Sequence[int], **parameters: Tensor | None) -> tuple[int, ...]:
    """The dimensions of ``input`` that ``shape`` stands for, once it is known to fit."""
    lead = input.ndim - len(shape)
    if not shape or list(input.shape[max(lead, 0) :]) != list(shape):
        given = f"normalized_shape={list(shape)} and an input of shape {list(input.shape)}"
        raise RuntimeError(f"{name}(): the input should end with the lengths in normalized_shape, but got {given}")
    _checked(name, input, shape, **parameters)
    return tuple(range(lead, input.ndim))


def layer_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
        eps: float = 1e-5) -> Tensor:  # fmt: skip
    """``(input - mean) / sqrt(var + eps) * weight + bias``, with mean and variance over the last dimensions.

    Args:
        input: ``(*, *normalized_shape)``.
        normalized_shape: the lengths of the dimensions that are normalised together.
        weight: of that shape, or None.
        bias: of that shape, or None.
        eps: added to the variance.

    Raises:
        RuntimeError: if shapes or types do not fit.

    Source: Ba, Kiros and Hinton, 2016; https://pytorch.org/docs/stable/generated/torch.nn.functional.layer_norm.html
    """
    dims = _last("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    return ops.layer_norm(input, weight, bias, dims, tuple(normalized_shape), eps, True, [])


def rms_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None,
        eps: float | None = None) -> Tensor:  # fmt: skip
    """``input / sqrt(mean(input²) + eps) * weight`` over the last dimensions; arguments as for `layer_norm`.

    ``eps`` is that of the input's type if None. Source: Zhang and Sennrich, 2019
    """
    if weight is not None and weight.dtype is not input.dtype:
        return rms_norm(input, normalized_shape, None, eps) * weight
    dims = _last("rms_norm", input, normalized_shape, weight=weight)
    eps = finfo(input.dtype).eps if eps is None else eps
    return ops.rms_norm(input, weight, None, dims, tuple(normalized_shape), eps, False, [])


def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
        eps: float = 1e-5) -> Tensor:  # fmt: skip
    """`layer_norm` of each of ``num_groups`` groups of channels of ``(N, C, ...)``; weight and bias are ``(C,)``.

    Raises:
        RuntimeError: if the channels do not fit the groups or the parameters; ValueError: for groups of one element.

    Source: Wu and He, 2018
    """
    need(input.ndim >= 2, f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    n, channels, *space = input.shape
    _several(input, n * channels // num_groups * math.prod(space), "value per channel")
    need(channels % num_groups == 0, f"group_norm(): {channels} channels do not make {num_groups} groups")
    _checked("group_norm", input, [channels], weight=weight, bias=bias)
    groups = input.reshape(n, num_groups, channels // num_groups, *space)
    form = (num_groups, channels // num_groups, *(1,) * len(space))
    out = ops.group_norm(groups, weight, bias, tuple(range(2, groups.ndim)), form, eps, True, [])
    return out.reshape(input.shape)


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """``input / (k + alpha * m) ** beta``, ``m`` the mean square of ``size`` neighbouring channels, zeros around them.

    Args:
        input: ``(N, C, *)`` of at least 3 dimensions; ValueError otherwise.
        size: how many channels, ``size // 2`` of them before the one in question.

    Source: Krizhevsky, Sutskever and Hinton, 2012
    """
    need(input.ndim >= 3, f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)", ValueError)
    if input.numel() == 0:
        return input
    squares, channels = input * input, input.shape[1]
    zeros = [(squares[:, :1] * 0).detach()]
    padded = cat([*zeros * (size // 2), squares, *zeros * ((size - 1) // 2)], 1)
    total = sum(padded[:, i : i + channels] for i in range(size))
    mean = total / size if input.is_floating_point() else total // size
    return input / (mean * alpha + k) ** beta


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """``input / max(‖input‖ₚ, eps)`` along ``dim``: vectors of length 1."""
    result = input / input.norm(p, dim, keepdim=True).clamp_min(eps)
    return result if out is None else out.copy_(result)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """``x1·x2 / (max(‖x1‖, eps) * max(‖x2‖, eps))`` along ``dim``: the cosine of the angle; shapes broadcast.

    https://pytorch.org/docs/stable/generated/torch.nn.functional.cosine_similarity.html
    """
    if not (x1.is_floating_point() or x2.is_floating_point()):
        raise RuntimeError(f"expected common dtype to be floating point, yet it is that of {x1.dtype} and {x2.dtype}")
    zero = x1.detach() * 0 + x2.detach() * 0  # for the common shape and type
    units = []
    for x in (x1 + zero, x2 + zero):
        norm = x.norm(2, dim, keepdim=True)
        units.append(x / (norm + (norm.detach().clamp_min(eps) - norm.detach())))  # the bound has no say in gradients
    return (units[0] * units[1]).sum(dim)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """``‖x1 - x2 + eps‖ₚ`` along the last dimension; shapes broadcast."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The distances ``‖input[i] - input[j]‖ₚ`` for all ``i < j`` of the rows of ``(N, M)``: ``N * (N - 1) / 2``.

    Raises:
        RuntimeError: if ``input`` has not 2 dimensions or ``p`` is negative.
    """
    need(input.ndim == 2, f"pdist only supports 2D tensors, got: {input.ndim}D")
    need(p >= 0, f"pdist only supports non-negative p values, got {p}")
    i, j = np.triu_indices(input.shape[0], 1)
    return (input[i] - input[j]).norm(p, -1)
