"""Losses: how far a prediction is from its target. `class_loss` has those of classes.

All take ``reduction``: "mean" and "sum" give one number, "none" a loss for each element or sample; ValueError for
anything else. ``size_average`` and ``reduce`` are its deprecated forms.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from itertools import zip_longest

import numpy as np

from micrograd_cn.dtypes import SCALAR_NAMES, int64
from micrograd_cn.nn.functional.normalization import pairwise_distance
from micrograd_cn.ops import neural
from micrograd_cn.ops.elementwise import minimum, where
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor

Flag = bool | None
Weight = Tensor | None


def legacy_reduction(size_average: Flag, reduce: Flag, stacklevel: int = 2) -> str:
    """The ``reduction`` that the deprecated arguments mean."""
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    text = f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead."
    warnings.warn(text, stacklevel=stacklevel + 1)
    return reduction


def checked(reduction: str, size_average: Flag = None, reduce: Flag = None, stacklevel: int = 3) -> str:
    """``reduction``, once it is known to be one, or what the deprecated arguments mean."""
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce, stacklevel)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(loss: Tensor, reduction: str, size_average: Flag = None, reduce: Flag = None) -> Tensor:
    """The mean or sum of a loss, or itself."""
    reduction = checked(reduction, size_average, reduce, 4)
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def _warn_sizes(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        said = f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
        said += "likely lead to incorrect results due to broadcasting. Please ensure they have the same size."
        warnings.warn(said, stacklevel=3)


def _weighted(loss: Tensor, weight: Tensor, reduction: str, mean_of_weights: bool = True) -> Tensor:
    """``weight * loss``, reduced; the mean divides by the sum of the weights."""
    need(weight.shape == loss.shape, "Weights and input must have the same size.", ValueError)
    said = f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'."
    need(reduction in ("mean", "sum", "none"), said, ValueError)
    loss = loss * weight
    return loss.sum() / weight.sum() if reduction == "mean" and mean_of_weights else reduced(loss, reduction)


# --- regression -----------------------------------------------------------------------------------------------


def mse_loss(input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean",
        weight: Weight = None) -> Tensor:  # fmt: skip
    """Squared error ``(input - target)²``, reduced.

    Args:
        input: predictions of any shape.
        target: the true values, of the same shape; another one that broadcasts warns.
        size_average: deprecated.
        reduce: deprecated.
        reduction: "mean", "sum" or "none".
        weight: a factor for each element; the mean then divides by the sum of the weights.
    """
    if input._array.shape != target._array.shape:
        _warn_sizes(input, target)
        shape = (input.detach() + target.detach()).shape
        input, target = input.expand(shape), target.expand(shape)
    if weight is not None:
        return _weighted((input - target) ** 2, weight, reduction)
    return neural.mse_loss(input, target, checked(reduction, size_average, reduce))


def l1_loss(input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean",
        weight: Weight = None) -> Tensor:  # fmt: skip
    """Absolute error ``|input - target|``, reduced; arguments as for `mse_loss`."""
    _warn_sizes(input, target)
    loss = (input - target).abs()
    return reduced(loss, reduction, size_average, reduce) if weight is None else _weighted(loss, weight, reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None,
        reduction: str = "mean", beta: float = 1.0) -> Tensor:  # fmt: skip
    """``d² / (2 * beta)`` where ``d = |input - target| < beta`` and ``d - beta / 2`` elsewhere, reduced.

    Raises:
        RuntimeError: if ``beta`` is negative.

    Source: Girshick, "Fast R-CNN", 2015.
    """
    _warn_sizes(input, target)
    need(beta >= 0, "smooth_l1_loss does not support negative values for beta.")
    difference = input - target
    loss = difference.abs()
    if beta > 0:
        near, square = _squared_near(difference, beta)
        loss = where(near, square * (0.5 / beta), loss - 0.5 * beta)
    return reduced(loss, reduction, size_average, reduce)


def _squared_near(difference: Tensor, limit: float) -> tuple[Tensor, Tensor]:
    """Where the difference is not beyond the limit, and its square there; elsewhere 0, for 0 · inf would be NaN."""
    near = ~(difference.detach().abs() >= limit)  # NaN is near, and so stays NaN in the gradient
    inside = where(near, difference, 0.0)
    return near, inside * inside


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0,
        weight: Weight = None) -> Tensor:  # fmt: skip
    """``d² / 2`` where ``d = |input - target| < delta`` and ``delta * (d - delta / 2)`` elsewhere, reduced.

    Raises:
        RuntimeError: if ``delta`` is not positive.

    Source: Huber, 1964.
    """
    _warn_sizes(input, target)
    need(delta > 0, "huber_loss does not support non-positive values for delta.")
    difference = input - target
    near, square = _squared_near(difference, delta)
    loss = where(near, square * 0.5, (difference.abs() - 0.5 * delta) * delta)
    return reduced(loss, reduction) if weight is None else _weighted(loss, weight, reduction, mean_of_weights=False)


# --- probabilities --------------------------------------------------------------------------------------------


def binary_cross_entropy(input: Tensor, target: Tensor, weight: Weight = None, size_average: Flag = None,
        reduce: Flag = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """``-(t log p + (1 - t) log(1 - p))`` for probabilities ``p = input`` and targets ``t``, reduced.

    Args:
        input: probabilities in [0, 1], of any shape.
        target: targets in [0, 1], of the same shape and dtype.
        weight: a factor for each element; may broadcast.
        size_average: deprecated.
        reduce: deprecated.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if the shapes differ.
        RuntimeError: if the types differ or a probability is outside [0, 1].
    """
    reduction = checked(reduction, size_average, reduce)
    if target.shape != input.shape:
        raise ValueError(f"Using a target size ({target.shape}) that is different to the input size ({input.shape})")
    if target.dtype is not input.dtype:
        raise RuntimeError(f"Found dtype {SCALAR_NAMES[target.dtype]} but expected {SCALAR_NAMES[input.dtype]}")
    for name, values in (("input", input._array), ("target", target._array)):
        if values.size and not (values.min() >= 0 and values.max() <= 1):
            raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    loss = neural.binary_cross_entropy(input, target, reduction if weight is None else "none")
    return loss if weight is None else reduced(loss * weight, reduction)


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Weight = None, size_average: Flag = None,
        reduce: Flag = None, reduction: str = "mean", pos_weight: Weight = None) -> Tensor:  # fmt: skip
    """`binary_cross_entropy` of ``sigmoid(input)``, without overflow.

    Args:
        input: scores of any shape.
        target: targets in [0, 1], of the same shape.
        weight: a factor for each element; may broadcast.
        size_average: deprecated.
        reduce: deprecated.
        reduction: "mean", "sum" or "none".
        pos_weight: a factor for the part of the loss that belongs to positive targets; may broadcast.

    Raises:
        ValueError: if the shapes differ.
        RuntimeError: if ``target`` holds integers.
    """
    reduction = checked(reduction, size_average, reduce)
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if not target.is_floating_point():
        found = SCALAR_NAMES[target.dtype]
        raise RuntimeError(f"result type {SCALAR_NAMES[input.dtype]} can't be cast to the desired output type {found}")
    positive = None if pos_weight is None else pos_weight._array.copy()  # the rule keeps it
    mode = reduction if weight is None else "none"
    loss = neural.binary_cross_entropy_with_logits(input, target, mode, positive)
    return loss if weight is None else reduced(loss * weight, reduction)


def kl_div(input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean",
        log_target: bool = False) -> Tensor:  # fmt: skip
    """Kullback-Leibler divergence ``t * (log t - input)``, reduced; ``input`` holds log-probabilities.

    Args:
        input: log-probabilities, of any shape.
        target: probabilities, or log-probabilities if ``log_target``.
        size_average: deprecated.
        reduce: deprecated.
        reduction: "batchmean" (the sum divided by the number of rows: the divergence as it is defined), "mean",
            "sum" or "none".
        log_target: whether ``target`` is logarithms.
    """
    by_rows = reduction == "batchmean"
    if reduction == "mean" and size_average is None and reduce is None:
        said = "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' "
        said += "divides only by the batch size, and aligns with the KL div math definition.'mean' will be changed "
        warnings.warn(said + "to behave the same as 'batchmean' in the next major release.", stacklevel=2)
    need(input.is_floating_point() and target.is_floating_point(), "kl_div: Integral inputs not supported.")
    log = target if log_target else where(target == 0, 1, target).log()  # so that 0 log 0 is 0
    loss = (target.exp() if log_target else target) * (log - input)
    loss = reduced(loss, "sum" if by_rows else reduction, size_average, reduce)
    return loss / input.shape[0] if by_rows and input.ndim else loss


def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool = True, full: bool = False,
        size_average: Flag = None, eps: float = 1e-8, reduce: Flag = None,
        reduction: str = "mean") -> Tensor:  # fmt: skip
    """Negative log-likelihood of counts under a Poisson distribution: ``rate - target * log(rate)``, reduced.

    Args:
        input: logarithms of the rates, or the rates themselves.
        target: counts; broadcasts with ``input``.
        log_input: whether ``input`` holds logarithms.
        full: add Stirling's approximation of ``log(target!)`` where the target is above 1.
        size_average: deprecated.
        eps: is added to a rate before the logarithm.
        reduce: deprecated.
        reduction: "mean", "sum" or "none".
    """
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction, size_average, reduce)


def gaussian_nll_loss(input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6,
        reduction: str = "mean") -> Tensor:  # fmt: skip
    """Negative log-likelihood under normal distributions: ``(log(var) + (input - target)² / var) / 2``, reduced.

    Args:
        input: the means, of any shape.
        target: the samples; broadcasts with ``input``.
        var: the variances; of ``input``'s shape, or with its last dimension 1 or left out, or a float for all.
        full: add the constant ``log(2π) / 2``.
        eps: the least variance, for stability; the derivative does not see this bound.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if a variance is negative or the shape does not fit.

    Source: Nix and Weigend, 1994.
    """
    variances = var if isinstance(var, Tensor) else input.detach() * 0 + float(var)
    need(not (variances._array < 0).any(), "var has negative entry/entries", ValueError)
    if variances.shape != input.shape:
        if input.shape[:-1] == variances.shape:
            variances = variances.unsqueeze(-1)
        elif sum(v for v, n in zip_longest(variances.shape, input.shape, fillvalue=0) if v != n) != 1:
            raise ValueError(f"var is of incorrect size {list(variances.shape)} for input of {list(input.shape)}")
    variances = variances + (variances.detach().clamp_min(eps) - variances.detach())
    loss = 0.5 * (variances.log() + (input - target) ** 2 / variances)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


# --- margins: 0 once the right answer wins by so much --------------------------------------------------------


def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Flag = None,
        reduce: Flag = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """``max(0, margin - target * (input1 - input2))``, reduced: which of two scores should be the higher.

    Args:
        input1, input2: scores of any shape.
        target: 1 where ``input1`` should be the higher, -1 where ``input2`` should.
        margin: by how much.
        size_average, reduce: deprecated.
        reduction: "mean", "sum" or "none".

    Raises:
        RuntimeError: if the numbers of dimensions differ.
    """
    _same_dimensions("margin_ranking_loss", input1, input2, target)
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction, size_average, reduce)


def _same_dimensions(name: str, *inputs: Tensor) -> None:
    same, shapes = len({x.ndim for x in inputs}) == 1, ", ".join(str(list(x.shape)) for x in inputs)
    need(same, f"{name}: all input tensors should have the same number of dimensions, but got {shapes}")


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, size_average: Flag = None,
        reduce: Flag = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """A distance where ``target`` is 1, and ``max(0, margin - input)`` where it is -1; reduced."""
    apart = where(target != 1, (margin - input).clamp_min(0), 0)
    return reduced(apart + where(target != -1, input, 0), reduction, size_average, reduce)


def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Flag = None,
        reduce: Flag = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """``1 - cos`` of the angle where ``target`` is 1, and ``max(0, cos - margin)`` where it is -1; reduced.

    Args:
        input1, input2: vectors ``(N, D)`` or ``(D,)``.
        target: ``(N,)`` or ``()``.
        margin: how near to each other vectors of different kinds may be.
        size_average, reduce: deprecated.
        reduction: "mean", "sum" or "none".

    Raises:
        RuntimeError: if the shapes do not fit.
    """
    found = ", ".join(str(list(x.shape)) for x in (input1, input2, target))
    fits = target.ndim <= 1 and input1.ndim == input2.ndim == target.ndim + 1
    need(fits, f"1D target tensor expected with 2D input tensors, or 0D with 1D, but found sizes {found}")
    squares = ((input1 * input1).sum(-1) + 1e-12) * ((input2 * input2).sum(-1) + 1e-12)
    cosine = (input1 * input2).sum(-1) / squares.sqrt()
    loss = where(target == 1, 1 - cosine, 0) + where(target == -1, (cosine - margin).clamp_min(0), 0)
    return reduced(loss, reduction, size_average, reduce)


def soft_margin_loss(input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None,
        reduction: str = "mean") -> Tensor:  # fmt: skip
    """``log(1 + exp(-target * input))`` for targets 1 and -1, reduced."""
    return reduced(-neural.logsigmoid(target * input), reduction, size_average, reduce)


def multilabel_soft_margin_loss(input: Tensor, target: Tensor, weight: Weight = None, size_average: Flag = None,
        reduce: Flag = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """Binary cross entropy of ``sigmoid(input)`` for each of the ``C`` classes, their mean; reduced over samples.

    Args:
        input: scores ``(N, C)``.
        target: 0 or 1, of the same shape.
        weight: ``(C,)`` a factor for each class.
        size_average, reduce: deprecated.
        reduction: "mean", "sum" or "none".
    """
    loss = -(target * neural.logsigmoid(input) + (1 - target) * neural.logsigmoid(-input))
    loss = loss if weight is None else loss * weight
    return reduced(loss.sum(-1) / input.shape[-1], reduction, size_average, reduce)


def _rows_and_classes(input: Tensor, target: Tensor, lowest: int) -> tuple[Tensor, np.ndarray, int]:
    """Scores as rows ``(N, C)``, class numbers as ``(N, 1)``, or ``(N, C)`` if they may be -1, and C; all checked."""
    rows = input if input.ndim == 2 else input.reshape(1, -1)
    samples, count = rows.shape
    classes, width = target._array, count if lowest < 0 else 1
    sizes = f"size: {list(target.shape)} for input of size: {list(input.shape)}"
    need(input.ndim <= 2 and count, f"Expected non-empty vector or matrix, with optional 0-dim batch size; {sizes}")
    fits = target.numel() == samples * width and (input.ndim < 2 or target.ndim == 1 + (lowest < 0))
    need(fits, f"inconsistent target {sizes}")
    need(target.dtype is int64, f"expected scalar type Long but found {SCALAR_NAMES[target.dtype]}")
    fits = not classes.size or (classes.min() >= lowest and classes.max() < count)
    need(fits, f"target out of range: expected class numbers from {lowest} to {count - 1}")
    return rows, classes.reshape(samples, width), count


def multi_margin_loss(input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Weight = None,
        size_average: Flag = None, reduce: Flag = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """``sum(max(0, margin - x[target] + x[i])ᵖ) / C`` over the classes ``i`` other than the target; reduced.

    Args:
        input: scores ``(N, C)`` or ``(C,)``.
        target: class numbers ``(N,)`` or one.
        p: 1 or 2.
        margin: by how much the target's score should be the highest.
        weight: ``(C,)`` a factor for each class that is a target.
        size_average, reduce: deprecated.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: for another ``p`` or ``weight`` of other than one dimension.
        RuntimeError: if shapes, types or class numbers do not fit.
    """
    reduction = checked(reduction, size_average, reduce)
    need(p in (1, 2), "only p == 1 and p == 2 supported", ValueError)
    need(weight is None or weight.ndim == 1, "weight must be one-dimensional", ValueError)
    rows, classes, count = _rows_and_classes(input, target, 0)
    need(weight is None or len(weight) == count, f"inconsistent weight size, expected {count}")
    short = neural.relu(margin - rows[np.arange(len(rows))[:, None], classes] + rows) ** p
    short = short if weight is None else short * weight.detach()[classes]
    loss = where(np.arange(count) != classes, short, 0).sum(1) / count
    return reduced(loss if input.ndim == 2 or target.ndim else loss[0], reduction)


def multilabel_margin_loss(input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None,
        reduction: str = "mean") -> Tensor:  # fmt: skip
    """``sum(max(0, 1 - x[j] + x[i])) / C`` over the classes ``j`` in the target and ``i`` not in it; reduced.

    Args:
        input: scores ``(N, C)`` or ``(C,)``.
        target: of the same shape; the numbers of its classes come first, and what follows a -1 does not count.
        size_average, reduce: deprecated.
        reduction: "mean", "sum" or "none".

    Raises:
        RuntimeError: if shapes, types or class numbers do not fit.
    """
    reduction = checked(reduction, size_average, reduce)
    rows, classes, count = _rows_and_classes(input, target, -1)
    every = np.arange(len(rows))[:, None]
    counts = np.logical_and.accumulate(classes >= 0, axis=1)
    others = ~(counts[:, :, None] & (classes[:, :, None] == np.arange(count))).any(1)
    short = neural.relu(1 - rows[every, classes].unsqueeze(2) + rows.unsqueeze(1))
    loss = where(counts[:, :, None] & others[:, None], short, 0).sum((1, 2)) / count
    return reduced(loss if input.ndim == 2 else loss[0], reduction)


def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
        eps: float = 1e-6, swap: bool = False, size_average: Flag = None, reduce: Flag = None,
        reduction: str = "mean") -> Tensor:  # fmt: skip
    """`triplet_margin_with_distance_loss` with the distance ``‖a - b + eps‖ₚ``. Balntas et al., 2016."""

    triplet = functools.partial(triplet_margin_with_distance_loss, margin=margin, swap=swap)
    distance = functools.partial(pairwise_distance, p=p, eps=eps)
    reduction = checked(reduction, size_average, reduce)
    return triplet(anchor, positive, negative, distance_function=distance, reduction=reduction)


def triplet_margin_with_distance_loss(anchor: Tensor, positive: Tensor, negative: Tensor, *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None, margin: float = 1.0, swap: bool = False,
        reduction: str = "mean") -> Tensor:  # fmt: skip
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)``, reduced.

    Args:
        anchor, positive, negative: vectors ``(N, D)`` or ``(D,)``: what a positive one should be nearer to.
        distance_function: ``d``; `pairwise_distance` if None.
        margin: by how much nearer; positive.
        swap: take ``d(positive, negative)`` where that is less than ``d(anchor, negative)``.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: if ``margin`` is not positive.
        RuntimeError: if the numbers of dimensions differ.
    """
    need(margin > 0, f"margin must be greater than 0, got {margin}", ValueError)
    _same_dimensions("triplet_margin_loss", anchor, positive, negative)
    distance = distance_function or pairwise_distance
    far = distance(anchor, negative)
    far = minimum(far, distance(positive, negative)) if swap else far
    return reduced((margin + distance(anchor, positive) - far).clamp_min(0), reduction)
