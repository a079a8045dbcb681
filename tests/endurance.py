"""``python -m tests.endurance``: long trainings, with the memory and the time of a step in each tenth of the run.

Nothing may grow. The objects are those that the garbage collector knows, counted while it is switched off: so what
only a collection could free is counted, too.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tqdm import tqdm

import micrograd_cn as mt
from micrograd_cn import autograd, nn, optim
from tests.benchmarks import memory
from tests.benchmarks.cases import XOR

Step = Callable[[], object]


def network(method: str, **options: float) -> Step:
    """The 2-2-1 network of the XOR tutorial, trained with the optimizer of this name."""
    mt.manual_seed(0)
    model, loss_function = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU()), nn.MSELoss()
    optimizer = getattr(optim, method)(model.parameters(), **options)
    x, y = map(mt.tensor, XOR)

    def step() -> None:
        optimizer.zero_grad()
        loss_function(model(x), y).backward()
        optimizer.step()

    return step


def values() -> Step:
    """The same network of single numbers."""
    from micrograd_cn.nn.scalar import MLP

    model = MLP(2, [2, 1])
    rows = [([float(a), float(b)], float(y)) for (a, b), (y,) in zip(*XOR, strict=True)]

    def step() -> None:
        loss = sum((model(x) - y) ** 2 for x, y in rows)
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.01 * p.grad

    return step


def penalty() -> Step:
    """A network whose gradient stands in the loss: each step differentiates a derivative."""
    mt.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    x, y = map(mt.tensor, XOR)

    def step() -> None:
        loss = (model(x) - y).square().mean()
        slopes = autograd.grad(loss, list(model.parameters()), create_graph=True)
        optimizer.zero_grad()
        (loss + 0.1 * sum(s.square().sum() for s in slopes)).backward(create_graph=True)
        optimizer.step()
        for p in model.parameters():
            p.grad = None  # it has a graph, which leads back to p

    return step


class Run(NamedTuple):
    """A training and how many steps of it the command makes."""

    build: Callable[[], Step]
    steps: int


RUNS = {
    "XOR": Run(lambda: network("SGD", lr=0.01), 1_000_000),
    "XOR with Adam": Run(lambda: network("Adam", lr=1e-3), 1_000_000),
    "XOR with Values": Run(values, 10_000),
    "gradient penalty": Run(penalty, 100_000),
}


class Tenth(NamedTuple):
    """What one tenth of a run has shown: processor seconds for a step; bytes and objects at its end."""

    seconds: float
    bytes: int
    objects: int


MOST = Tenth(0, 2**20, 100)  # what a run may hold more at the end than after two tenths: allocators and clocks move


def tenths(step: Step, steps: int, report: Callable[[int], object] = lambda steps: None) -> Iterator[Tenth]:
    """Run ``steps`` steps and look after each tenth; ``report`` hears how many have been made since it last did."""
    gc.collect()
    gc.disable()
    try:
        for before in range(10):
            begun = time.process_time()
            for done in range(steps // 10):
                step()
                if done % 1000 == 999:
                    report(1000)
            seconds = (time.process_time() - begun) / (steps // 10)
            report(steps // 10 % 1000)
            yield Tenth(seconds, memory.now(), len(gc.get_objects()) - before)  # without the tenths before
    finally:
        gc.enable()


def main() -> None:
    """Run the trainings whose names contain one of the words given, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__)
    parser.add_argument("words", nargs="*", help="only trainings whose names contain one of these")
    parser.add_argument("--share", type=float, default=1.0, help="this part of the steps (%(default)s)")
    options = parser.parse_args()
    chosen = {n: run for n, run in RUNS.items() if not options.words or any(word in n for word in options.words)}
    grown = []
    for name, run in chosen.items():
        step, steps = run.build(), max(10, int(run.steps * options.share) // 10 * 10)
        with tqdm(total=steps, desc=name, disable=None) as progress:
            found = list(tenths(step, steps, progress.update))
        print(f"\n{name}, {steps:,} steps\n\n| tenth | µs a step | MiB | objects |\n|---|---|---|---|")
        for i, tenth in enumerate(found, 1):
            print(f"| {i} | {tenth.seconds * 1e6:.1f} | {tenth.bytes / 2**20:.2f} | {tenth.objects} |")
        if found[-1].bytes - found[1].bytes > MOST.bytes or found[-1].objects - found[1].objects > MOST.objects:
            grown.append(name)
    sys.exit(f"memory grows: {', '.join(grown)}" if grown else 0)


if __name__ == "__main__":
    main()
