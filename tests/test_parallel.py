"""Sharing work among threads changes no result, and leaves BLAS as it was."""

from __future__ import annotations

import os

import numpy as np
import pytest

import micrograd_cn as mt
from micrograd_cn import parallel


@pytest.fixture(params=[1, 2, 5])
def threads(request):
    """So many threads, for one test."""
    before = mt.get_num_threads()
    mt.set_num_threads(request.param)
    yield request.param
    mt.set_num_threads(before)


def numbers() -> list[int]:
    return [library.num_threads for library, _ in parallel._blas()]


@pytest.mark.parametrize("count", [1, 2, 7, 64])
@pytest.mark.parametrize("size", [1, 1e9])
def test_every_thing_is_done_once_and_in_order(threads, count, size):
    parts = parallel.shared(lambda part: list(range(count))[part], count, size)
    assert [x for part in parts for x in part] == list(range(count))
    assert len(parts) == (min(threads, count) if size > 1e8 else 1)


def test_an_error_reaches_the_caller_and_blas_is_left_as_it_was(threads):
    before = numbers()

    def fail(part):
        raise ValueError(f"part {part.stop}")

    with pytest.raises(ValueError, match="part"):
        parallel.shared(fail, 8, 1e9)
    assert numbers() == before


def test_convolution_does_not_depend_on_the_number_of_threads(threads):
    rng = np.random.default_rng(0)
    x = mt.tensor(rng.standard_normal((13, 8, 24, 24)), requires_grad=True)
    w = mt.tensor(rng.standard_normal((16, 8, 3, 3)), requires_grad=True)
    answers = []
    for chosen in (threads, 1):
        mt.set_num_threads(chosen)
        y = mt.conv2d(x, w, padding=1)
        answers.append([y, *mt.autograd.grad(y.square().sum(), [x, w])])
    for a, b in zip(*answers, strict=True):
        mt.testing.assert_close(a, b, rtol=1e-12, atol=1e-9)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_has_threads_of_its_own():
    parallel.shared(lambda part: part, 4, 1e9)
    child = os.fork()
    if child == 0:
        done = len(parallel.shared(lambda part: part, 4, 1e9)) == min(mt.get_num_threads(), 4)
        os._exit(0 if done else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_number_of_threads_is_positive():
    with pytest.raises(RuntimeError, match="-1"):
        mt.set_num_threads(-1)
