"""The cases under pytest-benchmark, rivals in a group: ``pytest tests/benchmarks --benchmark-only``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.cases import CASES
from tests.benchmarks.measure import Case, Contestant, Timed

RUNS = [pytest.param(case, name, id=f"{case.name}-{name}") for case in CASES for name in case.contestants]
STEPS = [case for case in CASES if " step" in case.name]


def built(case: Case, name: str) -> Contestant:
    """A contestant, or a skipped test where it is not installed."""
    try:
        return case.contestants[name]()
    except ImportError as error:
        pytest.skip(f"{error.name} is not installed")


def number(loss: Any) -> float:
    """A loss as a number, whether it stands in a graph or not."""
    return float(loss.detach() if hasattr(loss, "detach") else loss)


@pytest.mark.parametrize(("case", "name"), RUNS)
def test_speed(benchmark, case, name):
    contestant = built(case, name)
    benchmark.group = case.name
    if isinstance(contestant, Timed) and contestant.prepare is None:
        benchmark(contestant.call)
    elif isinstance(contestant, Timed):
        benchmark.extra_info["units in a call"] = contestant.per
        prepare = contestant.prepare
        benchmark.pedantic(contestant.call, setup=lambda: ((prepare(),), {}), rounds=3 if contestant.per > 1e4 else 20)
    else:
        benchmark.extra_info["measured"] = benchmark.pedantic(contestant.sample, rounds=3)


@pytest.mark.parametrize("case", STEPS, ids=[case.name for case in STEPS])
def test_contestants_compute_the_same(case):
    """Only then is it fair to compare them: the losses of three steps agree."""
    losses = {}
    for name in case.contestants:
        call = built(case, name).call
        losses[name] = [number(call()) for _ in range(3)]
    first, *others = losses.values()
    assert first[0] > first[1] > first[2]
    for other in others:
        assert other == pytest.approx(first, rel=1e-5)
