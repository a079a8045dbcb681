"""Work on several processors: NumPy's loops and its BLAS let go of Python's lock, so threads run them side by side.

BLAS has threads of its own, which do well on one large product of matrices. For many small ones between copies, as in
convolution, it is faster (by a third, and several times on a busy machine) to share out the work once above it.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")

_threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def get_num_threads() -> int:
    """How many threads share large computations; the number of processors unless `set_num_threads` set it."""
    return _threads


def set_num_threads(number: int) -> None:
    """Share large computations among ``number`` threads.

    Raises:
        RuntimeError: unless it is positive.
    """
    global _threads
    if number <= 0:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {number}")
    _threads = number
    _pool.cache_clear()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(_threads - 1, 1), "micrograd_cn")


@functools.cache
def _blas() -> list[tuple[Any, int]]:
    """The BLAS libraries that are loaded, each with its own number of threads."""
    from threadpoolctl import ThreadpoolController

    return [(lib, lib.num_threads) for lib in ThreadpoolController().select(user_api="blas").lib_controllers]


# A child process inherits no threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def shared(work: Callable[[slice], Result], count: int, size: float) -> list[Result]:
    """``work`` on the parts of ``range(count)``, one for each thread.

    Args:
        work: called with a slice; it must not touch what another part touches.
        count: how many things there are.
        size: how many products the whole takes. Little work is not shared: handing it over takes 50 µs.
    """
    parts = min(_threads, count) if size > 4e6 else 1
    if parts == 1:
        return [work(slice(0, count))]
    ends = [count * i // parts for i in range(parts + 1)]
    slices = [slice(a, b) for a, b in itertools.pairwise(ends)]
    for library, _ in _blas():
        library.set_num_threads(1)
    try:
        others = [_pool().submit(work, part) for part in slices[1:]]
        return [work(slices[0]), *(other.result() for other in others)]
    finally:
        for library, number in _blas():
            library.set_num_threads(number)
