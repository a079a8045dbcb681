"""Losses that are 0 from a margin on: the right answer has to win by that much, and no more is asked.

Reductions are as in `micrograd_cn.nn.functional.loss`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from micrograd_cn.dtypes import SCALAR_NAMES, int64
from micrograd_cn.nn.functional.activation import logsigmoid, relu
from micrograd_cn.nn.functional.loss import Flag, Weight, checked, reduced
from micrograd_cn.nn.functional.normalization import pairwise_distance
from micrograd_cn.ops.elementwise import minimum, where
from micrograd_cn.tensor import Tensor


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
    if len({x.ndim for x in inputs}) > 1:
        shapes = ", ".join(str(list(x.shape)) for x in inputs)
        raise RuntimeError(f"{name}: all input tensors should have the same number of dimensions, but got {shapes}")


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
    if target.ndim > 1 or not input1.ndim == input2.ndim == target.ndim + 1:
        shapes = ", ".join(str(list(x.shape)) for x in (input1, input2, target))
        raise RuntimeError(f"1D target tensor expected with 2D input tensors, or 0D with 1D, but found sizes {shapes}")
    squares = ((input1 * input1).sum(-1) + 1e-12) * ((input2 * input2).sum(-1) + 1e-12)
    cosine = (input1 * input2).sum(-1) / squares.sqrt()
    loss = where(target == 1, 1 - cosine, 0) + where(target == -1, (cosine - margin).clamp_min(0), 0)
    return reduced(loss, reduction, size_average, reduce)


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
) -> Tensor:
    """``log(1 + exp(-target * input))`` for targets 1 and -1, reduced."""
    return reduced(-logsigmoid(target * input), reduction, size_average, reduce)


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
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    loss = loss if weight is None else loss * weight
    return reduced(loss.sum(-1) / input.shape[-1], reduction, size_average, reduce)


def _rows_and_classes(input: Tensor, target: Tensor, lowest: int) -> tuple[Tensor, np.ndarray, int]:
    """Scores as rows ``(N, C)``, class numbers as ``(N, 1)``, or ``(N, C)`` if they may be -1, and C; all checked."""
    rows = input if input.ndim == 2 else input.reshape(1, -1)
    samples, count = rows.shape
    classes, width = target._array, count if lowest < 0 else 1
    if input.ndim > 2 or not count:
        raise RuntimeError(f"Expected non-empty vector or matrix with optional 0-dim batch size, but got {input.shape}")
    if target.numel() != samples * width or (input.ndim == 2 and target.ndim != 1 + (lowest < 0)):
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    if target.dtype is not int64:
        raise RuntimeError(f"expected scalar type Long but found {SCALAR_NAMES[target.dtype]}")
    if classes.size and not (classes.min() >= lowest and classes.max() < count):
        raise RuntimeError(f"target out of range: expected class numbers from {lowest} to {count - 1}, got {classes}")
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
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    rows, classes, count = _rows_and_classes(input, target, 0)
    if weight is not None and len(weight) != count:
        raise RuntimeError(f"inconsistent weight size, expected {count} but got {list(weight.shape)}")
    short = relu(margin - rows[np.arange(len(rows))[:, None], classes] + rows) ** p
    short = short if weight is None else short * weight.detach()[classes]
    loss = where(np.arange(count) != classes, short, 0).sum(1) / count
    return reduced(loss if input.ndim == 2 or target.ndim else loss[0], reduction)


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: Flag = None, reduce: Flag = None, reduction: str = "mean"
) -> Tensor:
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
    short = relu(1 - rows[every, classes].unsqueeze(2) + rows.unsqueeze(1))
    loss = where(counts[:, :, None] & others[:, None], short, 0).sum((1, 2)) / count
    return reduced(loss if input.ndim == 2 else loss[0], reduction)


def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
        eps: float = 1e-6, swap: bool = False, size_average: Flag = None, reduce: Flag = None,
        reduction: str = "mean") -> Tensor:  # fmt: skip
    """`triplet_margin_with_distance_loss` with the distance ``‖a - b + eps‖ₚ``. Balntas et al., 2016."""

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    reduction = checked(reduction, size_average, reduce)
    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


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
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    _same_dimensions("triplet_margin_loss", anchor, positive, negative)
    distance = distance_function or pairwise_distance
    far = distance(anchor, negative)
    far = minimum(far, distance(positive, negative)) if swap else far
    return reduced((margin + distance(anchor, positive) - far).clamp_min(0), reduction)
