"""Losses whose targets are classes: cross entropy and its relatives, and CTC for sequences of classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd_cn.dtypes import SCALAR_NAMES, dtype, int64, uint8
from micrograd_cn.nn.functional.activation import log_softmax
from micrograd_cn.nn.functional.loss import Flag, Weight, checked, reduced
from micrograd_cn.ops import neural
from micrograd_cn.ops.shape import cat, need, stack
from micrograd_cn.tensor import Size, Tensor


def cross_entropy(input: Tensor, target: Tensor, weight: Weight = None, size_average: Flag = None,
        ignore_index: int = -100, reduce: Flag = None, reduction: str = "mean",
        label_smoothing: float = 0.0) -> Tensor:  # fmt: skip
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
    reduction = checked(reduction, size_average, reduce)
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


def nll_loss(input: Tensor, target: Tensor, weight: Weight = None, size_average: Flag = None, ignore_index: int = -100,
        reduce: Flag = None, reduction: str = "mean") -> Tensor:  # fmt: skip
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
    reduction = checked(reduction, size_average, reduce)
    scores, *how, shape = _as_rows(input, target, weight, ignore_index, reduction)
    loss = neural.nll_loss(scores, *how, reduction)
    return loss.reshape(shape) if reduction == "none" else loss


def _as_rows(input: Tensor, target: Tensor, weight: Weight, ignore_index: int, reduction: str) -> tuple[Any, ...]:
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
    counts = None if weight is None else _class_weight(weight, input, count)._array[classes]
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


def _class_weight(weight: Tensor, input: Tensor, count: int, name: str = "") -> Tensor:
    """``weight``, once it is known to have a factor of ``input``'s type for each class."""
    if weight.shape != (count,):
        found = f"got shape {list(weight.shape)}"
        raise RuntimeError(f"{name}weight tensor should be defined either for all {count} classes or none, but {found}")
    if weight.dtype is not input.dtype:
        raise RuntimeError(f"expected scalar type {SCALAR_NAMES[input.dtype]} but found {SCALAR_NAMES[weight.dtype]}")
    return weight


def _distribution_loss(input: Tensor, target: Tensor, weight: Weight, ignore_index: int, reduction: str,
        label_smoothing: float) -> Tensor:  # fmt: skip
    """`cross_entropy` where each target is a distribution over the classes."""
    found = SCALAR_NAMES[target.dtype]
    need(target.is_floating_point(), f"Expected floating point type for target with class probabilities, got {found}")
    need(ignore_index < 0, "ignore_index is not supported for floating point target")
    dim = 0 if input.ndim == 1 else 1
    count = input.shape[dim]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / count
    loss = log_softmax(input, dim) * target
    if weight is not None:
        loss = loss * _class_weight(weight, input, count, "cross_entropy: ").reshape(-1, *(1,) * (input.ndim - dim - 1))
    if reduction == "none":
        return -loss.sum(dim)
    return -loss.sum() / (math.prod(input.shape) / count if reduction == "mean" else 1)


@dataclass(frozen=True)
class LinearCrossEntropyOptions:
    """How PyTorch's `linear_cross_entropy` saves memory; accepted for its scripts' sake, the numbers are the same.

    Raises:
        ValueError: for an option that PyTorch does not know.
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: dtype | None = None

    def __post_init__(self) -> None:
        method, _, factor = (self.chunking_method or "auto").partition(":")
        known = method in ("auto", "aspect_ratio") and (factor or "1").isdecimal()
        known = known and self.acc_policy in ("accurate", "balanced", "compact", "auto")
        known = known and (self.batch_chunk_size is None or self.batch_chunk_size >= 1)
        need(known, f"invalid options: {self}", ValueError)


def linear_cross_entropy(input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Weight = None,
        weight: Weight = None, reduction: str = "mean", ignore_index: int | None = None, label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None) -> Tensor:  # fmt: skip
    """`cross_entropy` of ``input @ linear_weight.T + linear_bias``.

    Args:
        input: ``(N, in_features)`` or ``(in_features,)``.
        linear_weight: ``(C, in_features)``, or ``(C, d1, ..., in_features)`` for a loss at each of ``d1, ...``.
        target: as for `cross_entropy` of scores ``(N, C, d1, ...)``.
        linear_bias: ``(C, d1, ...)``.
        weight, reduction, label_smoothing: as for `cross_entropy`.
        ignore_index: the class number of samples that do not count; -100 if None.
        options: without effect, see `LinearCrossEntropyOptions`.

    Raises:
        RuntimeError: if shapes do not fit, or there is an ``ignore_index`` for probabilities.
    """
    count, *places, features = linear_weight.shape if linear_weight.ndim > 1 else (-1, -1)
    found = f"got {list(input.shape)} and {list(linear_weight.shape)}"
    fits = input.ndim in (1, 2) and input.shape[-1] == features and not (places and input.ndim == 1)
    need(fits, f"expected input (N, in_features) and linear_weight (C, ..., in_features), {found}")
    bias = linear_bias
    if bias is not None:
        fits = bias.shape == linear_weight.shape[:-1]
        need(fits, f"expected linear_bias shape {(count, *places)}, got {tuple(bias.shape)}")
        bias = bias.reshape(-1)
    logits = neural.linear(input, linear_weight.reshape(-1, features), bias).reshape(*input.shape[:-1], count, *places)
    if ignore_index is None:
        ignore_index = -100
    elif target.shape == logits.shape:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    return cross_entropy(logits, target, weight, None, ignore_index, None, reduction, label_smoothing)


# The logarithm of "impossible": finite, so that no derivative of logsumexp becomes inf - inf.
_NEVER = -1e30


def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
        reduction: str = "mean", zero_infinity: bool = False) -> Tensor:  # fmt: skip
    """Connectionist temporal classification: ``-log`` of the probability that a sequence reads as its target.

    A sequence of classes reads as the target that is left when repetitions are merged and blanks are then removed. The
    sum over all such sequences is taken step by step: ``alpha[s]`` is the logarithm of the probability of having read
    the first ``s`` symbols of the target with blanks around each label.

    Args:
        log_probs: ``(T, N, C)`` or ``(T, C)``, logarithms of the classes' probabilities at each time.
        targets: class numbers, ``(N, S)``, or all after each other.
        input_lengths: how many of the ``T`` times each of the ``N`` sequences has.
        target_lengths: how many labels each target has.
        blank: the class that stands for no label.
        reduction: "mean" (of the losses divided by the targets' lengths), "sum" or "none".
        zero_infinity: replace infinite losses, of targets too long for their input, and their gradients by 0.

    Returns:
        One number; for "none" ``(N,)``. As PyTorch's, the gradient takes ``log_probs`` for the result of log_softmax.

    Raises:
        RuntimeError: if lengths or types do not fit.

    Source: Graves, Fernández, Gomez and Schmidhuber, 2006.
    """
    x = log_probs if log_probs.ndim == 3 else log_probs.unsqueeze(1)
    times, batch, classes = x.shape
    n, m = (np.asarray(lengths).reshape(-1).astype(np.int64) for lengths in (input_lengths, target_lengths))
    labels = targets._array.astype(np.int64)
    need(x.is_floating_point(), f"ctc_loss: not implemented for '{SCALAR_NAMES[x.dtype]}'", NotImplementedError)
    wanted = f"{batch} input_lengths of at most {times}, as many target_lengths and a blank in [0, {classes})"
    fits = len(n) == len(m) == batch and (n <= times).all() and (n >= 0).all() and 0 <= blank < classes
    need(fits, f"ctc_loss: expected {wanted}, but got {n.tolist()}, {m.tolist()} and {blank}")
    longest = int(m.max(initial=0))
    if labels.ndim != 2 and log_probs.ndim == 3:
        need(labels.size == m.sum(), f"ctc_loss: expected as many targets as target_lengths sum to, got {labels.size}")
        rows = np.split(labels, np.cumsum(m)[:-1])
        labels = np.array([np.pad(row, (0, longest - len(row))) for row in rows]).reshape(batch, longest)
    labels = labels.reshape(batch, -1)[:, :longest]
    need(labels.shape[1] >= longest, f"ctc_loss: expected targets of {longest} labels, but got {list(targets.shape)}")
    symbols = np.full((batch, 2 * longest + 1), blank)
    symbols[:, 1::2] = labels
    # A label may follow the one before it without a blank between them, unless they are equal.
    skips = np.zeros(symbols.shape, x.dtype.numpy)
    skips[:, :2] = _NEVER
    skips[:, 2:][(symbols[:, 2:] == blank) | (symbols[:, 2:] == symbols[:, :-2])] = _NEVER
    emitted, every = x[:, np.arange(batch)[:, None], symbols], np.arange(batch)
    before = Tensor._wrap(np.full((batch, 2), _NEVER, x.dtype.numpy))
    first = np.where(np.arange(symbols.shape[1]) < 2, 0, _NEVER).astype(x.dtype.numpy)
    alphas = [emitted[0] + first]
    for now in emitted[1:]:
        a = cat([before, alphas[-1]], 1)
        alphas.append(stack([a[:, 2:], a[:, 1:-1], a[:, :-2] + skips]).logsumexp(0) + now)
    # At its end a target has been read with the last blank or without it.
    alpha, unless = stack(alphas), np.where(m > 0, 0, _NEVER).astype(x.dtype.numpy)
    loss = -stack([alpha[n - 1, every, 2 * m], alpha[n - 1, every, 2 * m - 1] + unless]).logsumexp(0)
    impossible = (loss._array > -_NEVER / 2) | ((n == 0) & (m > 0))
    infinity = 0 if zero_infinity else np.copysign(math.inf, loss._array)
    loss = loss * np.where(impossible, infinity, n > 0).astype(x.dtype.numpy)
    # Worth nothing, but its derivative is the probabilities: what log_softmax's rule would cancel.
    counted = (np.arange(times)[:, None] < n) & ~(impossible & zero_infinity)
    loss = loss + ((x.exp() - x.detach().exp()).sum(2) * counted).sum(0)
    loss = loss if log_probs.ndim == 3 else loss[0]
    if reduction == "mean":
        loss = loss / np.maximum(m, 1).astype(x.dtype.numpy)
    return reduced(loss, reduction)
