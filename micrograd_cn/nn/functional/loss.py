"""Losses: how far a prediction is from its target. `class_loss` has those of classes, `margin_loss` those with margins.

All take ``reduction``: "mean" and "sum" give one number, "none" a loss for each element or sample; ValueError for
anything else. ``size_average`` and ``reduce`` are its deprecated forms.
"""

from __future__ import annotations

import math
import warnings
from itertools import zip_longest

from micrograd_cn.dtypes import SCALAR_NAMES
from micrograd_cn.ops import neural
from micrograd_cn.ops.elementwise import where
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
    by_weights = reduction == "mean" and mean_of_weights
    return (loss * weight).sum() / weight.sum() if by_weights else reduced(loss * weight, reduction)


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
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    distance = (input - target).abs()
    if beta > 0:
        distance = where(distance < beta, distance * distance * (0.5 / beta), distance - 0.5 * beta)
    return reduced(distance, reduction, size_average, reduce)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Weight = None
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
    if weight is None:
        return neural.binary_cross_entropy(input, target, reduction)
    return reduced(neural.binary_cross_entropy(input, target, "none") * weight, reduction)


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
    if weight is None:
        return neural.binary_cross_entropy_with_logits(input, target, reduction, positive)
    return reduced(neural.binary_cross_entropy_with_logits(input, target, "none", positive) * weight, reduction)


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
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    if not (input.is_floating_point() and target.is_floating_point()):
        raise RuntimeError("kl_div: Integral inputs not supported.")
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


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
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
    if (variances._array < 0).any():
        raise ValueError("var has negative entry/entries")
    if variances.shape != input.shape:
        if input.shape[:-1] == variances.shape:
            variances = variances.unsqueeze(-1)
        elif sum(v for v, n in zip_longest(variances.shape, input.shape, fillvalue=0) if v != n) != 1:
            raise ValueError(f"var is of incorrect size {list(variances.shape)} for input of {list(input.shape)}")
    variances = variances + (variances.detach().clamp_min(eps) - variances.detach())
    loss = 0.5 * (variances.log() + (input - target) ** 2 / variances)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)
