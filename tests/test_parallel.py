"""Sharing work among threads changes no result."""

from __future__ import annotations

import os
import subprocess
import sys

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


@pytest.mark.parametrize("count", [1, 2, 7, 64])
@pytest.mark.parametrize("size", [1, 1e9])
def test_every_thing_is_done_once_and_in_order(threads, count, size):
    parts = parallel.shared(lambda part: list(range(count))[part], count, size)
    assert [x for part in parts for x in part] == list(range(count))
    assert len(parts) == (min(threads, count) if size > 1 else 1)


@pytest.mark.parametrize("bad", [0, 7])
def test_an_error_in_any_part_reaches_the_caller_when_all_parts_are_done(threads, bad):
    done = []

    def work(part):
        if bad in range(8)[part]:
            raise ValueError(f"part {part.start}")
        done.append(part)

    with pytest.raises(ValueError, match="part"):
        parallel.shared(work, 8, 1e9)
    assert len(done) == min(threads, 8) - 1


def test_the_settings_of_numpy_hold_in_all_threads(threads):
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        parallel.shared(lambda part: np.exp(np.full(1, 1e9 * part.stop)), 8, 1e9)


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


@pytest.mark.parametrize(("n", "k", "m"), [(1000, 100, 100), (100, 1000, 120), (3, 2000, 1500), (2, 2, 2)])
def test_a_shared_product_is_the_product(threads, n, k, m):
    parallel.shared(lambda part: None, 8, 1e9)  # from now on BLAS is held to one thread
    a, b = np.random.default_rng(0).standard_normal((2, max(n, m), k))
    for x, y in ((a[:n], b[:m].T), (np.asfortranarray(a[:n]), np.asfortranarray(b[:m].T))):
        np.testing.assert_allclose(parallel.dot(x, y), np.einsum("ik,kj->ij", x, y), rtol=1e-9, atol=1e-9)


def test_blas_keeps_its_threads_until_there_is_a_large_convolution():
    script = """
import threadpoolctl, micrograd_cn as mt
def numbers(): return {lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"}
mt.set_num_threads(2)
before = numbers()
mt.rand(300, 300) @ mt.rand(300, 300)
mt.conv2d(mt.rand(1, 1, 8, 8), mt.rand(1, 1, 3, 3))
assert numbers() == before
mt.conv2d(mt.rand(8, 32, 32, 32), mt.rand(32, 32, 3, 3))
assert numbers() == {1}, numbers()
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_has_threads_of_its_own(threads):
    parallel.shared(lambda part: part, 4, 1e9)
    child = os.fork()
    if child == 0:
        done = len(parallel.shared(lambda part: part, 4, 1e9)) == min(mt.get_num_threads(), 4)
        os._exit(0 if done else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_number_of_threads_is_positive():
    with pytest.raises(RuntimeError, match="-1"):
        mt.set_num_threads(-1)
