"""Threads that train at the same time interfere in nothing: each gives the numbers that it gives alone, to the bit."""

from __future__ import annotations

import copy
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import micrograd_cn as mt
from micrograd_cn import Value, autograd, engine, nn, optim
from micrograd_cn.utils.data import DataLoader, TensorDataset
from tests.functions import Cube

THREADS = 8
STEPS = 15


@pytest.fixture(autouse=True)
def restless():
    """Threads take turns at nearly every chance that they have."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Model(nn.Module):
    """A little of everything that records: layers, views changed in place, a function of the user's own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(5, width), nn.BatchNorm1d(width), nn.Linear(width, 1)
        self.memory = nn.LSTM(5, 3, batch_first=True)

    def forward(self, x):
        hidden = self.norm(self.first(x)).tanh()
        hidden = hidden * 1
        hidden[:, 0] *= 2  # a view, in place
        hidden[:, 1:3].mul_(hidden[:, :2].detach().clone())
        _, (state, _) = self.memory(x.unsqueeze(1))
        return self.last(Cube.apply(hidden)) + state[0].sum(1, keepdim=True)


def training(seed: int):
    """A training run, ready to go: what it returns is to be called once, and gives every number that it saw."""
    mt.manual_seed(seed)
    model = Model(4 + seed % 3)
    kinds = (optim.SGD, optim.Adam, optim.RMSprop, optim.AdamW)
    optimizer = kinds[seed % len(kinds)](model.parameters(), lr=0.01 + seed / 1000)
    own = mt.Generator().manual_seed(seed)
    x = mt.randn(24, 5, generator=own)
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8, shuffle=True, generator=own)
    seen: list = []

    def step(x, y) -> None:
        optimizer.zero_grad()
        out = model(x)
        hook = out.register_hook(lambda g: g * (1 + seed / 10))
        loss = (out - y).square().mean()
        (slope,) = autograd.grad(loss, model.first.weight, create_graph=True)
        (loss + 0.01 * slope.square().sum()).backward()
        hook.remove()
        with mt.no_grad():
            model.last.bias.sub_(0.001 * model.last.bias.grad)
            seen.append(model(x).sum().item())
            assert not mt.is_grad_enabled() and not model(x).requires_grad
        assert mt.is_grad_enabled()
        optimizer.step()
        model.first.weight.data.clamp_(-1, 1)
        seen.append(loss.item())

    def run() -> list:
        model.norm.register_forward_hook(lambda module, args, out: seen.append(out.detach().sum().item()))
        done = 0
        while done < STEPS:
            for x, y in loader:
                step(x, y)
                done += 1
        twin = copy.deepcopy(model).eval()
        with mt.inference_mode():
            seen.append(twin(x).tolist())
        return [seen, *(p.tolist() for p in model.state_dict().values())]

    return run


def test_eight_models_train_as_if_alone():
    alone = [training(seed)() for seed in range(THREADS)]
    runs, ready = [training(seed) for seed in range(THREADS)], threading.Barrier(THREADS)

    def started(run):
        ready.wait()
        return run()

    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(started, runs))
    assert len({str(numbers) for numbers in alone}) == THREADS  # eight different runs
    assert together == alone


def test_values_train_as_if_alone():
    def run(seed):
        w, b = Value(0.1 * seed), Value(0.0)
        for _ in range(100):
            loss = ((w * 2.0 + b).tanh() - 0.5) ** 2
            w.grad = b.grad = 0.0
            loss.backward()
            w.data -= 0.1 * w.grad
            b.data -= 0.1 * b.grad
        return w.data, b.data

    alone = [run(seed) for seed in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(run, range(THREADS))) == alone


def test_what_a_thread_records_is_its_own_affair():
    inside, outside = threading.Event(), threading.Event()
    found = []

    def other():
        inside.wait()
        found.append((mt.is_grad_enabled(), (mt.ones(1, requires_grad=True) * 2).requires_grad))
        outside.set()

    thread = threading.Thread(target=other)
    thread.start()
    with mt.no_grad():
        inside.set()
        outside.wait()
    thread.join()
    assert found == [(True, True)]


def test_a_change_in_place_is_noticed_whatever_other_threads_write(monkeypatch):
    # The worst moment for a switch: a write has its number and has not noted it yet.
    number, products = engine.next_number, []

    def interrupted() -> int:
        mine = number()
        monkeypatch.setattr(engine, "next_number", number)
        y = mt.ones(2, requires_grad=True) * 1
        products.append(y * y)
        y += 1
        return mine

    monkeypatch.setattr(engine, "next_number", interrupted)
    mt.ones(1).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        products[0].sum().backward()
