"""Large computations on several processors: NumPy lets go of Python's lock, so threads run its loops side by side.

BLAS has threads of its own, which do well on single products of matrices. But each spins for 20 ms behind a product, in
the way of all else that could run on its processor, and convolution is many products with copies between them. So
from the first large one on, BLAS is held to one thread in the whole process, and we share out work above it. That
takes a step of a convolutional network from 56 ms to 44, and from 118 to 50 where other programs run too.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np

Result = TypeVar("Result")

_WORTHWHILE = 8e6
"""How many products of numbers one thread had better do alone: another hears of its part only some 50 µs later."""

_wish = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
_processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
_threads = int(_wish) if _wish.isdecimal() and int(_wish) else _processors or 1


def get_num_threads() -> int:
    """How many threads share large computations: what `set_num_threads` set last, or else the variable
    ``OMP_NUM_THREADS`` of the environment, or else the number of processors."""
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


def shared(work: Callable[[slice], Result], count: int, size: float) -> list[Result]:
    """``work`` on the parts of ``range(count)``, one for each thread.

    Args:
        work: called with a slice; it must not touch what another part touches, nor share its own work.
        count: how many things there are.
        size: how many products of numbers the whole takes; little work is not shared.

    Returns:
        What it returned for each part, in order.
    """
    parts = min(_threads, count) if size > _WORTHWHILE else 1
    if parts == 1:
        return [work(slice(0, count))]
    jobs, answers = _workers(_threads), SimpleQueue[Any]()
    ends = [count * i // parts for i in range(parts + 1)]
    slices = [slice(a, b) for a, b in itertools.pairwise(ends)]
    for i in range(1, parts):
        jobs.put((copy_context(), work, slices[i], i, answers))
    results: list[Any] = [None] * parts
    try:
        results[0] = work(slices[0])
    finally:  # even after an error: the others write to memory that is used again once this returns
        done = [answers.get() for _ in range(1, parts)]
    for i, result, error in done:
        if error is not None:
            raise error
        results[i] = result
    return results


def _shared_dot(a: Any, b: Any) -> Any:
    """`dot` once BLAS is held to one thread."""
    if a.__class__ is not np.ndarray or a.size * b.shape[1] <= _WORTHWHILE:
        return np.dot(a, b)
    out = np.empty((len(a), b.shape[1]), a.dtype)
    by_rows = len(a) >= b.shape[1]

    def some(part: slice) -> None:
        at, x, y = (part, a[part], b) if by_rows else ((slice(None), part), a, b[:, part])
        np.matmul(x, y, out=out[at])

    shared(some, max(out.shape), a.size * b.shape[1])
    return out


dot: Callable[[Any, Any], Any] = np.dot
"""``np.dot`` of two matrices, shared if it is large: as long as BLAS has threads, it does that itself.

Replaced when they are taken away, since asking each time would cost a training step on a tiny network 3 %."""


@functools.cache
def _workers(count: int) -> SimpleQueue[Any]:
    """Where ``count - 1`` threads take their jobs; the first call starts them."""
    global dot
    if dot is not _shared_dot:
        from threadpoolctl import threadpool_limits

        threadpool_limits(1, "blas")
        dot = _shared_dot
    jobs = SimpleQueue[Any]()
    for _ in range(count - 1):
        threading.Thread(target=_serve, args=(jobs,), name="micrograd_cn", daemon=True).start()
    return jobs


def _serve(jobs: SimpleQueue[Any]) -> None:
    while True:
        _do(*jobs.get())


def _do(context: Any, work: Any, part: slice, place: int, answers: SimpleQueue[Any]) -> None:
    try:
        answers.put((place, context.run(work, part), None))
    except BaseException as error:
        answers.put((place, None, error))


if hasattr(os, "register_at_fork"):  # a child process inherits no threads
    os.register_at_fork(after_in_child=_workers.cache_clear)
