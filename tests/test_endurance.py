"""Training steps leave nothing behind: no object, no byte, and no work for the garbage collector."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

import micrograd_cn as mt
from tests.endurance import RUNS, Step, tenths

STEPS = 100


def objects_left(step: Step) -> int:
    """How many more objects there are after the steps, with the garbage collector off."""
    found = list(tenths(step, STEPS))
    return found[-1].objects - found[1].objects


def bytes_left(step: Step) -> int:
    """How many more bytes Python and NumPy hold after the steps."""

    def held() -> int:
        gc.collect()  # empties Python's lists of spare tuples and floats
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        for _ in range(20):
            step()
        before = held()
        for _ in range(STEPS):
            step()
        return held() - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", RUNS)
def test_steps_leave_nothing(name):
    step = RUNS[name].build()
    assert objects_left(step) <= 0
    assert bytes_left(step) < 12 * STEPS  # the smallest object of Python takes 16 bytes


def test_a_leak_is_seen():
    train, kept = RUNS["XOR"].build(), []

    def keeps() -> None:
        train()
        kept.append(mt.ones(1, requires_grad=True) * 2)

    def circles() -> None:
        train()
        node: list = []
        node.append(node)  # only a collection frees it

    assert objects_left(keeps) >= STEPS // 2 and bytes_left(keeps) >= 16 * STEPS
    assert objects_left(circles) >= STEPS // 2 and bytes_left(circles) < 8 * STEPS
