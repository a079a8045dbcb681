"""Datasets, samplers and loaders: every sample once, in PyTorch's order for the same seed."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

import micrograd_cn as mt
from micrograd_cn.utils import data


def rows(library):
    return library.arange(40).float().reshape(20, 2), library.arange(20)


def orders(library, utils) -> list:
    """What loaders of every kind give, with the state of the random stream at the end."""
    library.manual_seed(3)
    seen: list = []
    dataset = utils.TensorDataset(*rows(library))
    parts = utils.random_split(dataset, [0.7, 0.3])
    own = library.Generator().manual_seed(5)
    for source, options in [
        (dataset, {}),
        (dataset, {"shuffle": True}),
        (dataset, {"shuffle": True, "drop_last": True, "batch_size": 7}),
        (dataset, {"shuffle": True, "batch_size": None}),
        (dataset, {"shuffle": True, "batch_size": 3, "generator": own}),
        (dataset, {"sampler": utils.WeightedRandomSampler(np.arange(20), 5)}),
        (dataset, {"sampler": utils.RandomSampler(dataset, True, 70), "batch_size": 5}),
        (dataset, {"sampler": utils.RandomSampler(dataset, num_samples=50), "batch_size": 5}),
        (dataset, {"batch_sampler": utils.BatchSampler(utils.SubsetRandomSampler([3, 4, 5, 9]), 3, False)}),
        (parts[0], {"shuffle": True, "batch_size": 4}),
        (utils.ConcatDataset(parts), {"shuffle": True, "batch_size": 6}),
        (utils.StackDataset(a=parts[0], b=utils.Subset(dataset, range(14))), {"batch_size": 5}),
        (dataset, {"sampler": utils.DistributedSampler(dataset, 3, 1, seed=2), "batch_size": 4}),
    ]:
        loader = utils.DataLoader(source, **options)
        seen += [len(loader), *(repr(batch) for _ in range(2) for batch in loader)]
    return [*seen, library.rand(1).item()]


def test_orders_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    assert orders(mt, data) == orders(torch, pytest.importorskip("torch.utils.data"))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 20, 30])
def test_an_epoch_reads_every_sample_once(batch_size, drop_last):
    loader = data.DataLoader(data.TensorDataset(*rows(mt)), batch_size, shuffle=True, drop_last=drop_last)
    seen = [i for _, numbers in loader for i in numbers.tolist()]
    left_out = 20 % batch_size if drop_last else 0
    assert len(set(seen)) == len(seen) == 20 - left_out
    assert len(loader) == len(list(loader))


def test_rows_stay_together_and_can_be_trained_on():
    x = mt.arange(40).float().reshape(20, 2).requires_grad_()
    for rows_, numbers in data.DataLoader(data.TensorDataset(x, mt.arange(20)), 6, shuffle=True):
        assert (rows_[:, 0] == 2 * numbers).all()
        rows_.sum().backward()
    assert (x.grad == 1).all()


def test_what_a_subclass_returns_is_what_the_loader_batches():
    class Doubled(data.TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)[0] * 2

    (batch,) = data.DataLoader(Doubled(mt.arange(4)), 4)
    assert batch.tolist() == [0, 2, 4, 6]


class Counting(data.IterableDataset):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self) -> int:
        return self.n


@pytest.mark.parametrize(
    ("options", "batches"),
    [
        ({"batch_size": 3}, [[0, 1, 2], [3, 4, 5], [6]]),
        ({"batch_size": 3, "drop_last": True}, [[0, 1, 2], [3, 4, 5]]),
        ({"batch_size": None}, [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_streams(options, batches):
    loader = data.DataLoader(Counting(7), **options)
    assert [b if isinstance(b, int) else b.tolist() for b in loader] == batches
    assert len(loader) == len(batches)


def test_streams_in_a_chain():
    assert list(Counting(2) + Counting(3)) == [0, 1, 0, 1, 2]
    assert len(data.ChainDataset([Counting(2), Counting(3)])) == 5


Point = namedtuple("Point", "x y")


def test_collate_goes_through_containers():
    samples = [{"p": Point(1, 2.5), "t": (mt.ones(2), "a"), "n": [np.float32(1), np.ones(3)]} for _ in range(4)]
    batch = data.default_collate(samples)
    assert isinstance(batch["p"], Point) and batch["p"].x.dtype is mt.int64 and batch["p"].y.dtype is mt.float64
    assert batch["t"][0].shape == (4, 2) and batch["t"][1] == ["a"] * 4
    assert batch["n"][0].dtype is mt.float32 and batch["n"][1].shape == (4, 3)


def test_collate_keeps_what_a_subclass_of_dict_carries():
    class Named(dict):
        label = "none"

    sample = Named(a=1)
    sample.label = "kept"
    assert data.default_collate([sample, sample]).label == "kept"
    assert data.default_convert(Named(a=np.ones(2)))["a"].dtype is mt.float64


@pytest.mark.parametrize(
    ("call", "error", "word"),
    [
        (lambda d: data.DataLoader(d, 0), ValueError, "batch_size=0"),
        (lambda d: data.DataLoader(d, shuffle=True, sampler=[1]), ValueError, "mutually exclusive"),
        (lambda d: data.DataLoader(d, batch_sampler=[[1]], batch_size=2), ValueError, "mutually exclusive"),
        (lambda d: data.DataLoader(d, num_workers=-1), ValueError, "-1"),
        (lambda d: data.DataLoader(d, prefetch_factor=2), ValueError, "num_workers"),
        (lambda d: data.DataLoader(Counting(3), shuffle=True), ValueError, "shuffle=True"),
        (lambda d: setattr(data.DataLoader(d), "batch_size", 3), ValueError, "batch_size"),
        (lambda d: data.random_split(d, [3, 4]), ValueError, "20"),
        (lambda d: data.RandomSampler([]), ValueError, "num_samples=0"),
        (lambda d: data.TensorDataset(mt.ones(2), mt.ones(3)), AssertionError, "2, 3"),
        (lambda d: data.ConcatDataset([]), AssertionError, "at least one"),
        (lambda d: data.DistributedSampler(d), RuntimeError, "num_replicas"),
        (lambda d: data.default_collate([object()]), TypeError, "object"),
        (lambda d: data.default_collate([[1], [1, 2]]), RuntimeError, "1, 2"),
    ],
)
def test_bad_input_is_named(call, error, word):
    with pytest.raises(error, match=word):
        call(data.TensorDataset(*rows(mt)))
