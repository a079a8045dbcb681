"""The part of a dataset that one of several processes reads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from micrograd_cn.generator import Generator
from micrograd_cn.random import randperm
from micrograd_cn.utils.data.sampler import Sampler


class DistributedSampler(Sampler[int]):
    """Every ``num_replicas``-th sample from number ``rank`` on, in an order that all processes share.

    Args:
        dataset: what to read.
        num_replicas, rank: how many processes read, and which of them this one is; there is no process group to ask.
        shuffle: read in an order drawn from ``seed`` and the epoch that `set_epoch` sets.
        seed: the same in all processes.
        drop_last: leave out what does not divide evenly, instead of reading some samples twice.

    Raises:
        RuntimeError: if ``num_replicas`` or ``rank`` is not given.
        ValueError: if ``rank`` is not in ``[0, num_replicas)``.

    Source: https://pytorch.org/docs/stable/data.html#torch.utils.data.distributed.DistributedSampler
    """

    def __init__(self, dataset: Any, num_replicas: int | None = None, rank: int | None = None, shuffle: bool = True,
            seed: int = 0, drop_last: bool = False) -> None:  # fmt: skip
        if num_replicas is None or rank is None:
            raise RuntimeError("DistributedSampler needs num_replicas and rank, since there is no process group here")
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset, self.num_replicas, self.rank, self.epoch = dataset, num_replicas, rank, 0
        self.shuffle, self.seed, self.drop_last = shuffle, seed, drop_last
        self.num_samples = len(dataset) // num_replicas if drop_last else math.ceil(len(dataset) / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        generator = Generator().manual_seed(self.seed + self.epoch)
        order = randperm(n, generator=generator).tolist() if self.shuffle else list(range(n))
        order *= math.ceil(self.total_size / n) if n else 0
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Shuffle otherwise from now on, in all processes alike."""
        self.epoch = epoch
