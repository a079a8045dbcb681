"""Losses: how far a prediction is from its target.

All take ``reduction``: "mean" and "sum" give one number, "none" a loss for each element or sample. ``size_average``
and ``reduce`` are its deprecated forms.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from micrograd_cn.dtypes import SCALAR_NAMES, int64, uint8
from micrograd_cn.nn.functional.activation import log_softmax
from micrograd_cn.ops import neural
from micrograd_cn.ops.elementwise import where
from micrograd_cn.tensor import Size, Tensor


def legacy_reduction(size_average: bool | None, reduce: bool | None, stacklevel: int = 2) -> str:
    """The ``reduction`` that the deprecated arguments mean."""
    reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
        stacklevel=stacklevel + 1,
    )
    return reduction


def _checked(reduction: str, size_average: bool | None = None, reduce: bool | None = None) -> str:
    """``reduction``, once it is known to be one; ValueError otherwise."""
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce, stacklevel=3)
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def _reduce(loss: Tensor, reduction: str) -> Tensor:
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def _warn_sizes(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). "
            "This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )


def _weighted(loss: Tensor, weight: Tensor, reduction: str, mean_of_weights: bool = True) -> Tensor:
    """``weight * loss``, reduced; the mean divides by the sum of the weights."""
    if weight.shape != loss.shape:
        raise ValueError("Weights and input must have the same size.")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")
    loss = loss * weight
    if reduction == "mean" and mean_of_weights:
        return loss.sum() / weight.sum()
    return _reduce(loss, reduction)


# --- regression -----------------------------------------------------------------------------------------------


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
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
        input, target = _broadcast(input, target)
    if weight is not None:
        return _weighted((input - target) ** 2, weight, reduction)
    return neural.mse_loss(input, target, _checked(reduction, size_average, reduce))


def _broadcast(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    total = input + target.detach()  # for its shape, and for the error when there is none
    return input.expand(total.shape), target.expand(total.shape)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute error ``|input - target|``, reduced; arguments as for `mse_loss`."""
    _warn_sizes(input, target)
    loss = (input - target).abs()
    if weight is not None:
        return _weighted(loss, weight, reduction)
    return _reduce(loss, _checked(reduction, size_average, reduce))


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """``d² / (2 * beta)`` where ``d = |input - target| < beta`` and ``d - beta / 2`` elsewhere, reduced.

    Raises:
        RuntimeError: if ``beta`` is negative.

    Source: Girshick, "Fast R-CNN", 2015.
    """
    _warn_sizes(input, target)
    reduction = _checked(reduction, size_average, reduce)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    distance = (input - target).abs()
    if beta > 0:
        distance = where(distance < beta, distance * distance * (0.5 / beta), distance - 0.5 * beta)
    return _reduce(distance, reduction)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """``d² / 2`` where ``d = |input - target| <= delta`` and ``delta * (d - delta / 2)`` elsewhere, reduced.

    Raises:
        RuntimeError: if ``delta`` is not positive.

    Source: Huber, 1964.
    """
    _warn_sizes(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    distance = (input - target).abs()
    loss = where(distance <= delta, distance * distance * 0.5, (distance - 0.5 * delta) * delta)
    if weight is not None:
        return _weighted(loss, weight, reduction, mean_of_weights=False)
    return _reduce(loss, _checked(reduction))


# --- probabilities --------------------------------------------------------------------------------------------


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
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
    reduction = _checked(reduction, size_average, reduce)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            "deprecated. Please ensure they have the same size."
        )
    if target.dtype is not input.dtype:
        raise RuntimeError(f"Found dtype {SCALAR_NAMES[target.dtype]} but expected {SCALAR_NAMES[input.dtype]}")
    for name, values in (("input", input._array), ("target", target._array)):
        if values.size and not (values.min() >= 0 and values.max() <= 1):
            raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    if weight is None:
        return neural.binary_cross_entropy(input, target, reduction)
    return _reduce(neural.binary_cross_entropy(input, target, "none") * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
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
    reduction = _checked(reduction, size_average, reduce)
    if target.shape != input.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if not target.is_floating_point():
        raise RuntimeError(
            f"result type {SCALAR_NAMES[input.dtype]} can't be cast to the desired output type "
            f"{SCALAR_NAMES[target.dtype]}"
        )
    positive = None if pos_weight is None else pos_weight._array.copy()  # the rule keeps it
    if weight is None:
        return neural.binary_cross_entropy_with_logits(input, target, reduction, positive)
    loss = neural.binary_cross_entropy_with_logits(input, target, "none", positive)
    return _reduce(loss * weight, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
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
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    reduction = _checked("sum" if by_rows else reduction, size_average, reduce)
    if not (input.is_floating_point() and target.is_floating_point()):
        raise RuntimeError("kl_div: Integral inputs not supported.")
    log = target if log_target else where(target == 0, 1, target).log()  # so that 0 log 0 is 0
    reduced = _reduce((target.exp() if log_target else target) * (log - input), reduction)
    return reduced / input.shape[0] if by_rows and input.ndim else reduced


# --- classes ----------------------------------------------------------------------------------------------------


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """``-log(softmax(input)[target])`` for each sample, reduced: softmax and `nll_loss` in one.

    Args:
        input: scores ``(N, C)``, ``(N, C, d1, ...)`` or ``(C,)`` for ``C`` classes.
        target: class numbers in ``[0, C)``, of ``input``'s shape without the dimension ``C``; or probabilities of
            the classes, floating point and of ``input``'s shape.
        weight: ``(C,)`` a factor for each class; the mean is weighted by it.
        size_average: deprecated.
        ignore_index: the class number of samples that do not count.
        reduce: deprecated.
        reduction: "mean", "sum" or "none".
        label_smoothing: the part of the target, in [0, 1], that is spread evenly over all classes.

    Returns:
        One number; for "none" a loss for each class number or distribution in ``target``.

    Raises:
        ValueError: if the numbers of samples differ.
        IndexError: for a class number out of range.
        RuntimeError: if shapes or types do not fit.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html
    """
    reduction = _checked(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if input._array.shape == target._array.shape:
        return _distribution_loss(input, target, weight, ignore_index, reduction, label_smoothing)
    scores, *how, shape = _as_rows(input, target, weight, ignore_index, reduction)
    z = neural.log_softmax(scores, 1)
    loss = neural.nll_loss(z, *how, reduction)
    if label_smoothing:
        spread = -(z if weight is None else z * weight).sum(1).masked_fill(target.reshape(-1) == ignore_index, 0.0)
        if reduction != "none":
            spread = spread.sum() / how[-1]
        loss = (1 - label_smoothing) * loss + (label_smoothing / z.shape[1]) * spread
    return loss.reshape(shape) if reduction == "none" else loss


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood ``-input[target]`` for each sample, reduced.

    Args:
        input: log-probabilities ``(N, C)``, ``(N, C, d1, ...)`` or ``(C,)``, as `log_softmax` gives them.
        target: class numbers in ``[0, C)``, of ``input``'s shape without the dimension ``C``.
        weight, size_average, ignore_index, reduce, reduction: as for `cross_entropy`.

    Raises:
        ValueError: if the numbers of samples differ.
        IndexError: for a class number out of range.
        RuntimeError: if shapes or types do not fit.
    """
    reduction = _checked(reduction, size_average, reduce)
    scores, *how, shape = _as_rows(input, target, weight, ignore_index, reduction)
    loss = neural.nll_loss(scores, *how, reduction)
    return loss.reshape(shape) if reduction == "none" else loss


def _as_rows(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> tuple[Any, ...]:
    """The arguments of a class loss, checked: scores as rows ``(M, C)``, the ``M`` class numbers, what each of these
    samples weighs (None: 1), what to divide their sum by, and the shape of the unreduced loss."""
    if input.ndim == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if input.ndim == 1:
        if target.numel() != 1 or target.ndim > 1:
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target.numel()}")
        scores, shape = input.reshape(1, -1), Size()
    else:
        shape = _target_shape(input, target)
        scores = input if input.ndim == 2 else input.movedim(1, -1).reshape(-1, input.shape[1])
    if target.dtype is not int64 and target.dtype is not uint8:
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {SCALAR_NAMES[target.dtype]}")
    count = scores.shape[1]
    classes = target._array.reshape(-1).astype(np.int64)  # a copy, which the rule keeps
    # Read as unsigned, negative numbers are too large as well: one look at each class number.
    ignored = None
    if classes.size and (0 <= ignore_index < count or np.maximum.reduce(classes.view(np.uint64)) >= count):
        ignored = classes == ignore_index
        bad = ((classes < 0) | (classes >= count)) & ~ignored
        if bad.any():
            raise IndexError(f"Target {classes[bad][0]} is out of bounds. There are {count} classes, from 0 on.")
        classes = np.where(ignored, 0, classes)
    counts = None
    if weight is not None:
        _check_class_weight(weight, input, count)
        counts = weight._array[classes]
    if ignored is not None:
        counts = np.where(ignored, 0, np.ones(1, scores._array.dtype) if counts is None else counts)
    divisor: Any = 1
    if reduction == "mean":
        divisor = len(classes) if counts is None else np.add.reduce(counts)
    return scores, classes, counts, divisor, shape


def _target_shape(input: Tensor, target: Tensor) -> Size:
    """The shape that targets of ``(N, C, ...)`` scores must have, once ``target`` is known to have it."""
    samples = target.shape[0] if target.ndim else 0
    if samples != input.shape[0]:
        raise ValueError(f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({samples}).")
    expected = input.shape[:1] + input.shape[2:]
    if target.shape != expected:
        if input.ndim == 2:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input.ndim == 4 and target.ndim == 3:
            raise RuntimeError(f"size mismatch (got input: {list(input.shape)} , target: {list(target.shape)}")
        raise RuntimeError(f"Expected target size {list(expected)}, got {list(target.shape)}")
    return expected


def _check_class_weight(weight: Tensor, input: Tensor, count: int, name: str = "") -> None:
    if weight.shape != (count,):
        raise RuntimeError(
            f"{name}weight tensor should be defined either for all {count} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        )
    if weight.dtype is not input.dtype:
        raise RuntimeError(f"expected scalar type {SCALAR_NAMES[input.dtype]} but found {SCALAR_NAMES[weight.dtype]}")


def _distribution_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    """`cross_entropy` where each target is a distribution over the classes."""
    if not target.is_floating_point():
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {SCALAR_NAMES[target.dtype]}"
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    dim = 0 if input.ndim == 1 else 1
    count = input.shape[dim]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / count
    loss = log_softmax(input, dim) * target
    if weight is not None:
        _check_class_weight(weight, input, count, "cross_entropy: ")
        loss = loss * weight.reshape(count, *(1,) * (input.ndim - dim - 1))
    if reduction == "none":
        return -loss.sum(dim)
    return -loss.sum() / (math.prod(input.shape) / count if reduction == "mean" else 1)
