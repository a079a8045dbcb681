"""Batches of a dataset, in PyTorch's order for the same seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from micrograd_cn.generator import Generator
from micrograd_cn.ops.shape import need
from micrograd_cn.utils.data.collate import Collate, default_collate, default_convert
from micrograd_cn.utils.data.dataset import IterableDataset, Subset, TensorDataset, samples
from micrograd_cn.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler, drawn_seed


def get_worker_info() -> None:
    """None: samples are always read by the process that asks for them."""


class DataLoader:
    """Goes through a dataset in batches.

    Args:
        dataset: anything with ``__getitem__`` and ``__len__``, or an `IterableDataset`.
        batch_size: samples in a batch; None gives single samples.
        shuffle: read in random order, a new one each time; the order is PyTorch's for the same seed.
        sampler, batch_sampler: the numbers of the samples, or lists of them, instead of ``shuffle``.
        num_workers, timeout, worker_init_fn, multiprocessing_context, prefetch_factor, persistent_workers, in_order:
            accepted and checked; all samples are read by the calling process, as with ``num_workers=0``. Random numbers
            that a dataset draws therefore come from the caller's stream.
        collate_fn: from a list of samples to a batch; see `default_collate`.
        pin_memory, pin_memory_device: accepted; there is no device to copy to.
        drop_last: leave out a last batch that is not full.
        generator: the random stream of ``shuffle``.

    Raises:
        ValueError: for options that exclude each other, and when ``batch_size``, ``sampler``, ``dataset``, ... are set
            later.

    Source: https://pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader
    """

    _fixed = frozenset(["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"])

    def __init__(self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None, sampler: Any = None,
            batch_sampler: Any = None, num_workers: int = 0, collate_fn: Collate | None = None,
            pin_memory: bool = False, drop_last: bool = False, timeout: float = 0, worker_init_fn: Any = None,
            multiprocessing_context: Any = None, generator: Generator | None = None, *,
            prefetch_factor: int | None = None, persistent_workers: bool = False, pin_memory_device: str = "",
            in_order: bool = True) -> None:  # fmt: skip
        stream = isinstance(dataset, IterableDataset)
        numbers = {"num_workers": num_workers, "timeout": timeout, "prefetch_factor": prefetch_factor or 0}
        need(min(numbers.values()) >= 0, f"these should not be negative: {numbers}", ValueError)
        alone = prefetch_factor is None and multiprocessing_context is None and not persistent_workers
        said = "prefetch_factor, persistent_workers and multiprocessing_context need num_workers > 0"
        need(num_workers or alone, said, ValueError)
        ordered = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler} if stream else {}
        given = ", ".join(f"{name}={x}" for name, x in ordered.items() if x is not None)
        need(not given, f"an IterableDataset has its own order, got {given}", ValueError)
        need(sampler is None or not shuffle, "sampler option is mutually exclusive with shuffle", ValueError)
        said = "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
        plain = batch_size == 1 and not shuffle and sampler is None and not drop_last
        need(batch_sampler is None or plain, said, ValueError)
        batched = batch_size is not None
        need(batched or not drop_last, "batch_size=None gives single samples, no last batch to drop", ValueError)
        if sampler is None:
            in_order_or_not = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
            sampler = itertools.repeat(None) if stream else in_order_or_not
        if batch_sampler is not None:
            batch_size = None
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset, self.batch_size, self.sampler, self.batch_sampler = dataset, batch_size, sampler, batch_sampler
        self.drop_last, self.generator, self.pin_memory, self._begun = drop_last, generator, pin_memory, False
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.persistent_workers, self.multiprocessing_context = persistent_workers, multiprocessing_context
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._fixed and name in self.__dict__:
            raise ValueError(f"{name} should not be set after the DataLoader is made; make a new one")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        numbers: Iterable[Any] = iter(self.sampler if self.batch_sampler is None else self.batch_sampler)
        # PyTorch draws a seed for its workers here, and keeps it while they live; so the streams stay in step.
        if not (self.persistent_workers and self._begun):
            drawn_seed(self.generator)
            self._begun = True
        if isinstance(self.dataset, IterableDataset):
            return self._streamed(iter(self.dataset), numbers)
        return map(self._sample if self.batch_sampler is None else self._batch, numbers)

    def _streamed(self, stream: Iterator[Any], numbers: Iterable[Any]) -> Iterator[Any]:
        if self.batch_sampler is None:
            yield from map(self.collate_fn, stream)
            return
        for batch in numbers:
            taken = list(itertools.islice(stream, len(batch)))
            if taken and not (self.drop_last and len(taken) < len(batch)):
                yield self.collate_fn(taken)
            if len(taken) < len(batch):
                return

    def _sample(self, number: Any) -> Any:
        return self.collate_fn(self.dataset[number])

    def _batch(self, numbers: Any) -> Any:
        if self.collate_fn is default_collate:
            dataset, rows = self.dataset, numbers
            while type(dataset) is Subset:
                dataset, rows = dataset.dataset, [dataset.indices[i] for i in rows]
            if type(dataset) is TensorDataset:
                # Rows picked at once: the same as picked singly and stacked, in a tenth of the time.
                return [t[rows] for t in dataset.tensors]
        return self.collate_fn(samples(self.dataset, numbers))

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        count = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
