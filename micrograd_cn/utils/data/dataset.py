"""Datasets: what can be asked for the sample with a number, or goes through its samples once.

https://pytorch.org/docs/stable/data.html
"""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from micrograd_cn.generator import Generator, default_generator
from micrograd_cn.ops.shape import need
from micrograd_cn.random import randperm
from micrograd_cn.tensor import Tensor

Sample = TypeVar("Sample", covariant=True)


class Dataset(Generic[Sample]):
    """Base of the datasets with numbered samples: subclasses define ``__getitem__`` and, nearly always, ``__len__``."""

    def __getitem__(self, index: Any) -> Sample:
        raise NotImplementedError(f"{type(self).__name__} should define __getitem__(index), the sample at index")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Sample], Iterable[Sample]):
    """Base of the datasets that are a stream: subclasses define ``__iter__``."""

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """The rows of tensors: sample i is ``(tensors[0][i], tensors[1][i], ...)``.

    Raises:
        AssertionError: if the tensors have different numbers of rows.
    """

    def __init__(self, *tensors: Tensor) -> None:
        rows = [t.size(0) for t in tensors]
        need(len(set(rows)) <= 1, f"Size mismatch between tensors: {rows} rows", AssertionError)
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].size(0)


class StackDataset(Dataset[Any]):
    """Datasets side by side: samples are tuples of their samples, or dictionaries for datasets given by name.

    Raises:
        ValueError: for none, for datasets of different lengths, and for both ways at once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        need(bool(args) != bool(kwargs), "StackDataset takes datasets, all by position or all by name", ValueError)
        self.datasets: Any = args or kwargs
        lengths = [len(d) for d in args or kwargs.values()]
        need(len(set(lengths)) <= 1, f"Size mismatch between datasets: lengths {lengths}", ValueError)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: d[index] for name, d in self.datasets.items()}
        return tuple(d[index] for d in self.datasets)

    def __len__(self) -> int:
        return len(next(iter(self.datasets.values())) if isinstance(self.datasets, dict) else self.datasets[0])


class ConcatDataset(Dataset[Any]):
    """Datasets one after the other.

    Raises:
        AssertionError: for no dataset, and for an `IterableDataset`.
        ValueError: on reading, for a negative number beyond the beginning.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        need(self.datasets, "ConcatDataset needs at least one dataset", AssertionError)
        streams = any(isinstance(d, IterableDataset) for d in self.datasets)
        need(not streams, "ConcatDataset does not support IterableDataset; ChainDataset does", AssertionError)
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        need(index >= -len(self), f"index {index} is beyond the beginning of {len(self)} samples", ValueError)
        index += len(self) if index < 0 else 0
        part = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[part][index - (self.cumulative_sizes[part - 1] if part else 0)]


class ChainDataset(IterableDataset[Any]):
    """Streams one after the other.

    Raises:
        AssertionError: on reading, for what is no `IterableDataset`.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _streams(self) -> Iterator[Any]:
        for d in self.datasets:
            found = f"ChainDataset only supports IterableDataset, got {type(d).__name__}"
            need(isinstance(d, IterableDataset), found, AssertionError)
            yield d

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self._streams())

    def __len__(self) -> int:
        return sum(len(d) for d in self._streams())


class Subset(Dataset[Sample]):
    """The samples of ``dataset`` at ``indices``."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """The samples for a whole batch of numbers."""
        return samples(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def samples(dataset: Any, indices: list[int]) -> list[Any]:
    """The samples at ``indices``, all at once where the dataset has a method ``__getitems__`` for that."""
    batch = getattr(dataset, "__getitems__", None)
    return batch(indices) if callable(batch) else [dataset[i] for i in indices]


def random_split(dataset: Any, lengths: Sequence[int | float],
        generator: Generator | None = default_generator) -> list[Subset[Any]]:  # fmt: skip
    """Shuffle the numbers of a dataset's samples and deal them out to subsets that share nothing.

    Args:
        dataset: what to split.
        lengths: how many samples each subset gets, or fractions that sum to 1; what rounding down leaves over goes
            to the first subsets, one each.
        generator: the random stream.

    Raises:
        ValueError: if the lengths do not add up to the length of the dataset, or a fraction is not in [0, 1].
    """
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        need(all(0 <= f <= 1 for f in lengths), f"Fractions must be between 0 and 1, got {lengths}", ValueError)
        counts = [math.floor(len(dataset) * fraction) for fraction in lengths]
        for i in range(len(dataset) - sum(counts)):
            counts[i % len(counts)] += 1
        for i in (i for i, count in enumerate(counts) if count == 0):
            warnings.warn(f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=2)
        lengths = counts
    if sum(lengths) != len(dataset):
        raise ValueError(f"Lengths {list(lengths)} sum to {sum(lengths)}, but the dataset has {len(dataset)} samples")
    order = iter(randperm(len(dataset), generator=generator).tolist())
    return [Subset(dataset, list(itertools.islice(order, int(length)))) for length in lengths]
