"""Indices and what they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.autograd import no_grad
from micrograd_cn.dtypes import int32, int64
from micrograd_cn.ops.elementwise import where
from micrograd_cn.ops.embedding import embedding as _embedding
from micrograd_cn.ops.indexing import put, within
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """For each class number a vector that is 1 at its place and 0 elsewhere.

    Args:
        tensor: int64 class numbers, of any shape.
        num_classes: the length of the vectors; -1 for one more than the largest class number.

    Returns:
        int64 of shape ``(*tensor.shape, num_classes)``.

    Raises:
        RuntimeError: if the numbers are not int64, negative, or not below ``num_classes``.
    """
    need(tensor.dtype is int64, "one_hot is only applicable to index tensor of type LongTensor.")
    numbers = tensor._array
    need(numbers.size or num_classes > 0, "Can not infer total number of classes from empty tensor.")
    need(numbers.min(initial=0) >= 0, "Class values must be non-negative.")
    count = int(numbers.max(initial=0)) + 1
    num_classes = count if num_classes == -1 else num_classes
    need(count <= num_classes, "Class values must be smaller than num_classes.")
    return Tensor._wrap((numbers[..., None] == np.arange(num_classes)).astype(np.int64))


def row_number(padding_idx: int | None, rows: int) -> int | None:
    """``padding_idx`` counted from the front; AssertionError if there is no such row."""
    said = f"padding_idx must be within num_embeddings, got {padding_idx} for {rows} rows"
    need(padding_idx is None or -rows <= padding_idx < rows, said, AssertionError)
    return None if padding_idx is None else padding_idx % rows


def _looked_up(name: str, input: Tensor, weight: Tensor, max_norm: float | None, norm_type: float) -> Any:
    """The array of ``input``, a copy, once it is known to hold row numbers; rows above ``max_norm`` are shortened."""
    need(input.dtype in (int64, int32), f"{name}(): Expected indices of the types Long, Int; but got {input.dtype}")
    need(weight.ndim == 2, f"{name}(): 'weight' must be 2-D, got shape {list(weight.shape)}")
    numbers = input._array.copy()
    within(numbers, weight.shape[0], IndexError if name == "embedding" else RuntimeError)
    if max_norm is not None:
        rows = np.unique(numbers)
        with no_grad():
            norms = weight[rows].norm(norm_type, 1, keepdim=True)
            shorter = weight[rows] * (max_norm / (norms + 1e-7))
            weight[rows] = where(norms > max_norm, shorter, weight[rows])
    return numbers


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:  # fmt: skip
    """The rows of ``weight`` with the numbers in ``input``.

    Args:
        input: int64 or int32 row numbers, of any shape.
        weight: ``(V, D)``.
        padding_idx: the row that gets no gradient; may count from the end.
        max_norm: rows that are used and longer than this are shortened to it, in place.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide gradients by how often their number occurs in ``input``.
        sparse: accepted; gradients are dense.

    Returns:
        ``(*input.shape, D)``.

    Raises:
        IndexError: for a number that is no row; RuntimeError: for types or shapes that do not fit.

    https://pytorch.org/docs/stable/generated/torch.nn.functional.embedding.html
    """
    padding = -1 if padding_idx is None else row_number(padding_idx, weight.shape[0])
    return _embedding(weight, _looked_up("embedding", input, weight, max_norm, norm_type), padding, scale_grad_by_freq)


def _bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[Any, int]:
    """For each number of the flattened ``input`` the bag that it is in, and how many bags there are.

    Raises:
        ValueError: if ``offsets`` is missing, superfluous or no vector; RuntimeError: if it is not in order.
    """
    if input.ndim == 2 and offsets is None:
        return np.repeat(np.arange(input.shape[0]), input.shape[1]), input.shape[0]
    if input.ndim != 1 or offsets is None or offsets.ndim != 1:
        found = f"{input.ndim}D and offsets {offsets if offsets is None else list(offsets.shape)}"
        raise ValueError(f"embedding_bag: input has to be 2D and offsets None, or both have to be 1D; got {found}")
    starts, n = offsets._array, input.shape[0]
    if (include_last_offset and not len(starts)) or (np.diff(starts, prepend=0, append=n) < 0).any() or any(starts[:1]):
        raise RuntimeError(f"offsets must rise from 0 and not be above the input's length {n}, got {starts.tolist()}")
    bags = np.searchsorted(starts, np.arange(n), "right") - 1
    return bags, len(starts) - include_last_offset


def embedding_bag(input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None,
        norm_type: float = 2, scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
        per_sample_weights: Tensor | None = None, include_last_offset: bool = False,
        padding_idx: int | None = None) -> Tensor:  # fmt: skip
    """The sum, mean or maximum of the rows of ``weight`` with the numbers in each bag; zeros for an empty bag.

    Args:
        input: row numbers, ``(B, N)`` for B bags, or ``(N,)``.
        weight: ``(V, D)``.
        offsets: for an ``input`` of one dimension, where in it each bag begins.
        max_norm, norm_type, scale_grad_by_freq, sparse: as for `embedding`.
        mode: "sum", "mean" or "max".
        per_sample_weights: a factor for each row, in the shape of ``input``; for "sum" only.
        include_last_offset: whether ``offsets`` ends with the end of the last bag.
        padding_idx: the number that is left out of every bag.

    Returns:
        ``(B, D)``.

    Raises:
        ValueError, NotImplementedError: for arguments that contradict each other; RuntimeError: for numbers or
            types that do not fit.

    https://pytorch.org/docs/stable/generated/torch.nn.functional.embedding_bag.html
    """
    scales = per_sample_weights
    need(scales is None or input.shape == scales.shape, "per_sample_weights needs the input's shape", ValueError)
    need(weight.ndim == 2, f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}", ValueError)
    need(mode in ("sum", "mean", "max"), f"mode has to be one of sum, mean or max, got {mode!r}", ValueError)
    fits = mode != "max" or not (scale_grad_by_freq or sparse)
    need(fits, "not scale_grad_by_freq or sparse with max", ValueError)
    need(scales is None or mode == "sum", "per_sample_weights is only for mode='sum'", NotImplementedError)
    need(scales is None or scales.dtype is weight.dtype, "mixed types in per_sample_weights")
    bags, count = _bags(input, offsets, include_last_offset)
    numbers = _looked_up("embedding_bag", input, weight, max_norm, norm_type).reshape(-1)
    kept = (bags < count) & (numbers != row_number(padding_idx, weight.shape[0]))
    bags, size = bags[kept], (count, weight.shape[1])
    rows = _embedding(weight, numbers[kept], -1, scale_grad_by_freq)
    if mode == "max":
        filled, starts = np.unique(bags, return_index=True)
        if not len(filled):
            return put(rows, (bags, Ellipsis), size)
        tops = np.maximum.reduceat(rows._array, starts, axis=0)
        first = np.where(rows._array == np.repeat(tops, np.diff([*starts, len(bags)]), axis=0), 0, len(bags))
        first = np.minimum.reduceat(first + np.arange(len(bags))[:, None], starts, axis=0)
        return put(rows[first, np.arange(size[1])], (filled, Ellipsis), size)
    if scales is not None:
        rows = rows * scales.reshape(-1)[kept].unsqueeze(1)
    total = put(rows, (bags, Ellipsis), size)
    lengths = np.maximum(np.bincount(bags, minlength=count), 1).astype(weight._array.dtype)
    return total if mode == "sum" else total / Tensor._wrap(lengths[:, None])
