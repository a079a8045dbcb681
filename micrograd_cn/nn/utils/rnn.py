"""Sequences of unequal lengths in one batch: padded, or packed without gaps.

Source: https://pytorch.org/docs/stable/nn.html#utility-functions-in-other-modules
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import numpy as np

from micrograd_cn.creation import as_tensor, full
from micrograd_cn.dtypes import int64
from micrograd_cn.ops.shape import cat, need
from micrograd_cn.tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
    "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Fields(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


def _converting(name: str) -> Any:
    def convert(self: Any, *args: Any, **kwargs: Any) -> Any:
        data = getattr(self.data, name)(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    convert.__doc__ = f"The same sequences with ``data.{name}(...)``."
    return convert


class PackedSequence(_Fields):
    """Sequences one step after the other; those still running at a step stand side by side, the longest first.

    Attributes:
        data: ``(R, ...)``, the elements of all sequences.
        batch_sizes: int64, for each step how many sequences it has.
        sorted_indices: where each of the sequences, by falling length, stood in the batch; None if it was so sorted.
        unsorted_indices: the inverse of that.
    """

    __slots__ = ()

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> Self:
        if batch_sizes is None:
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    _names = ("to", "cpu", "double", "float", "half", "long", "int", "short")
    to, cpu, double, float, half, long, int, short = map(_converting, _names)

    @property
    def is_cuda(self) -> bool:
        """Whether the data stands on a GPU."""
        return self.data.is_cuda


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation ``(N,)`` that undoes this one; None for None."""
    return None if permutation is None else permutation.argsort()


def _filled(mask: Any, value: Any, data: Tensor, columns: Any = None) -> Tensor:
    """``data``, row by row, where the mask of the first two dimensions holds, its columns exchanged; else ``value``."""
    rows, at = mask.nonzero()
    out = full((*mask.shape, *data.shape[1:]), value, dtype=data.dtype)
    return out.index_put((Tensor._wrap(rows), Tensor._wrap(at if columns is None else columns._raw[at])), data)


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack sequences that stand padded in ``(T, N, ...)``, or ``(N, T, ...)`` if ``batch_first``.

    Args:
        input: the batch.
        lengths: of each sequence, a list or tensor of N whole numbers.
        batch_first: see above.
        enforce_sorted: refuse lengths that rise; False sorts the sequences.

    Raises:
        RuntimeError: for lengths that are not above 0, not falling, not N, or beyond T.
    """
    lengths, sorted_indices = as_tensor(lengths).to(int64), None
    if not enforce_sorted:
        lengths, sorted_indices = lengths.sort(descending=True)
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    if batch_first:
        input = input.transpose(0, 1)
    n = lengths._raw
    bad = not input.numel() or len(n) != input.shape[1] or (n <= 0).any() or n[0] > len(input) or (np.diff(n) > 0).any()
    found = f"Cannot pack {input.shape[1]} sequences of up to {len(input)} elements with lengths {n.tolist()}"
    text = "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True"
    need(not bad, f"{found}: each must be above 0, and {text}; pass enforce_sorted=False to sort")
    mask = np.arange(n[0])[:, None] < n
    return PackedSequence(input[: n[0]][Tensor._wrap(mask)], Tensor._wrap(mask.sum(1)), sorted_indices)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The sequences in their first order as ``(T, N, ...)``, or ``(N, T, ...)``, and their lengths ``(N,)``.

    Args:
        sequence: what `pack_padded_sequence` returned, or a layer on it.
        batch_first: see above.
        padding_value: stands behind the shorter ones.
        total_length: T, if not the length of the longest.

    Raises:
        ValueError: if ``total_length`` is below that.
    """
    data, batch_sizes, order, back = sequence
    sizes, longest = batch_sizes._raw, len(batch_sizes)
    total = longest if total_length is None else total_length
    text = "Expected total_length to be at least the length of the longest sequence in input"
    need(total >= longest, f"{text}, but got total_length={total} and max sequence length being {longest}", ValueError)
    mask = np.arange(sizes[0]) < np.pad(sizes, (0, total - longest))[:, None]
    padded, lengths = _filled(mask, padding_value, data, order), Tensor._wrap(mask.sum(0))
    padded = padded.transpose(0, 1) if batch_first else padded
    return (padded, lengths) if back is None else (padded.contiguous(), lengths[back])


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences ``(L, ...)`` of any lengths as ``(T, N, ...)``, or ``(N, T, ...)``, T being the length of the longest.

    Args:
        sequences: N tensors.
        batch_first: see above.
        padding_value: fills the shorter ones.
        padding_side: "right" or "left".

    Raises:
        RuntimeError: for something else than several tensors, or another side.
    """
    text = f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
    need(isinstance(sequences, Iterable), text)
    need(padding_side in ("left", "right"), f'padding_side should be "left" or "right", got {padding_side!r}')
    sequences = tuple(sequences)
    need(sequences, "received an empty list of sequences")
    lengths = np.array([s.shape[0] for s in sequences])[:, None]
    at = np.arange(lengths.max())
    mask = at < lengths if padding_side == "right" else at >= lengths.max() - lengths
    padded = _filled(mask, padding_value, cat(sequences))
    return padded if batch_first else padded.transpose(0, 1).contiguous()


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The first ``lengths[i]`` elements of each sequence in ``(T, N, ...)``, or ``(N, T, ...)``."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[:n].clone() for row, n in zip(rows, lengths.tolist(), strict=True)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack tensors ``(L, ...)`` of falling lengths, or any if not ``enforce_sorted``."""
    return pack_padded_sequence(pad_sequence(sequences), [len(s) for s in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences ``(L, ...)`` in their first order."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences, True), batch_first=True)
