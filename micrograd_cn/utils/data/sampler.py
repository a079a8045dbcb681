"""Samplers: the order in which a `DataLoader` reads a dataset, as an iterable of numbers.

https://pytorch.org/docs/stable/data.html#data-loading-order-and-sampler
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from micrograd_cn.creation import as_tensor, empty
from micrograd_cn.dtypes import float64, int64
from micrograd_cn.generator import Generator
from micrograd_cn.ops.shape import need
from micrograd_cn.random import multinomial, randint, randperm

Index = TypeVar("Index", covariant=True)


def _positive(name: str, count: Any) -> int:
    fits = isinstance(count, int) and not isinstance(count, bool) and count > 0
    need(fits, f"{name} should be a positive integer value, but got {name}={count}", ValueError)
    return count


def _flag(name: str, x: Any, error: type[Exception] = ValueError) -> bool:
    need(isinstance(x, bool), f"{name} should be a boolean value, but got {name}={x}", error)
    return x


def drawn_seed(generator: Generator | None) -> int:
    """A seed for another stream, drawn as PyTorch draws it."""
    return int(empty((), dtype=int64).random_(generator=generator).item())


class Sampler(Generic[Index]):
    """Base of all samplers: subclasses define ``__iter__``."""

    def __iter__(self) -> Iterator[Index]:
        raise NotImplementedError(f"{type(self).__name__} should define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ... to the last sample of ``data_source``."""

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """All samples of ``data_source`` in random order, or samples drawn anew each time.

    Args:
        data_source: the dataset.
        replacement: draw each sample from all.
        num_samples: how many; all if not given.
        generator: the random stream; without one, a new stream whose seed comes from the default stream.

    Raises:
        TypeError: if ``replacement`` is no bool.
        ValueError: if ``num_samples`` is no positive integer.
    """

    def __init__(self, data_source: Any, replacement: bool = False, num_samples: int | None = None,
            generator: Generator | None = None) -> None:  # fmt: skip
        self.data_source, self._num_samples, self.generator = data_source, num_samples, generator
        self.replacement = _flag("replacement", replacement, TypeError)
        _positive("num_samples", self.num_samples)

    @property
    def num_samples(self) -> int:
        """How many numbers one pass gives."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, count, generator = len(self.data_source), self.num_samples, self.generator
        if generator is None:
            generator = Generator().manual_seed(drawn_seed(None))
        if self.replacement:
            for size in [*[32] * (count // 32), count % 32]:
                yield from randint(n, (size,), generator=generator).tolist()
        else:
            for size in [*[n] * (count // n), count % n]:
                yield from randperm(n, generator=generator).tolist()[:size]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The numbers ``indices`` in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        for i in randperm(len(self.indices), generator=self.generator).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """``num_samples`` numbers, each drawn with a probability in proportion to its weight.

    Raises:
        ValueError: if ``num_samples`` is no positive integer, ``replacement`` no bool or ``weights`` no vector.
    """

    def __init__(self, weights: Any, num_samples: int, replacement: bool = True,
            generator: Generator | None = None) -> None:  # fmt: skip
        self.num_samples = _positive("num_samples", num_samples)
        self.replacement, self.generator = _flag("replacement", replacement), generator
        self.weights = as_tensor(weights, dtype=float64)
        shape = tuple(self.weights.shape)
        need(len(shape) == 1, f"weights should be a 1d sequence, but has the shape {shape}", ValueError)

    def __iter__(self) -> Iterator[int]:
        yield from multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of ``batch_size`` numbers of another sampler; the last may be shorter, unless it is to be dropped.

    Raises:
        ValueError: if ``batch_size`` is no positive integer or ``drop_last`` no bool.
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        self.sampler, self.batch_size = sampler, _positive("batch_size", batch_size)
        self.drop_last = _flag("drop_last", drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        numbers = iter(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full + (rest > 0 and not self.drop_last)
