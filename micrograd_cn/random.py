"""Random tensors, with PyTorch's numbers for the same seed. https://pytorch.org/docs/stable/torch.html#random-sampling"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.creation import _like, _numpy, _shape, _sized, creates, made
from micrograd_cn.generator import Generator, default_generator
from micrograd_cn.ops.given import flat
from micrograd_cn.ops.shape import common_shape, need
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor


def manual_seed(seed: int) -> Generator:
    """Start the default random stream from ``seed``; returns its generator."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default random stream from a seed of the operating system; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed that the default random stream started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default random stream, a uint8 tensor."""
    return wrap(default_generator.get_state())


def set_rng_state(new_state: Tensor) -> None:
    """Put the default random stream back into a state that `get_rng_state` gave."""
    default_generator.set_state(new_state._array)


@creates
def rand(*size: Any, generator: Generator | None = None, dtype: Any = None, **options: Any) -> Any:
    """Numbers drawn evenly from ``[0, 1)``."""
    return (generator or default_generator).uniform(_sized("rand", size, options), _numpy(dtype))


@creates
def randn(*size: Any, generator: Generator | None = None, dtype: Any = None, **options: Any) -> Any:
    """Numbers drawn from the normal distribution with mean 0 and variance 1."""
    return (generator or default_generator).normal(_sized("randn", size, options), _numpy(dtype))


@creates
def rand_like(input: Tensor, *, dtype: Any = None) -> Any:
    """`rand` in the shape and dtype of ``input``."""
    array, kind = _like(input, dtype)
    return _uniform(wrap(np.empty_like(array, kind)))._array


@creates
def randn_like(input: Tensor, *, dtype: Any = None) -> Any:
    """`randn` in the shape and dtype of ``input``."""
    array, kind = _like(input, dtype)
    return _normal(wrap(np.empty_like(array, kind)))._array


@creates
def randint(
    *args: Any, low: int = 0, high: int | None = None, size: Any = None, generator: Generator | None = None,
    dtype: Any = None,
) -> Any:  # fmt: skip
    """Whole numbers drawn evenly from ``[low, high)``: ``randint(high, size)`` or ``randint(low, high, size)``."""
    bounds, asked = list(args), f"{args}, size={size}"
    if size is None and bounds:
        size = bounds.pop()
    if high is not None:
        bounds.append(high)
    if len(bounds) == 1:
        bounds.insert(0, low)
    if len(bounds) != 2 or size is None or isinstance(size, int):
        raise TypeError(f"randint() is called as randint(high, size) or randint(low, high, size), got {asked}")
    low, high = bounds
    kind = np.dtype(np.int64) if dtype is None else dtypes.to_numpy(dtype)
    return (generator or default_generator).integers(low, high, _shape((size,)), kind)


@creates
def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None) -> Any:
    """The numbers 0 to ``n - 1`` in random order, int64."""
    order = (generator or default_generator).permutation(n)
    return order if dtype is None else order.astype(dtypes.to_numpy(dtype))


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, **options: Any
) -> Tensor:
    """Normally distributed numbers: one ``mean`` and ``std`` for a ``size``, or tensors of them, element by element."""
    source = generator or default_generator
    if size is not None:
        array = source.normal(_shape((size,)), _numpy(options.pop("dtype", None)), float(mean), float(std))
        return made(array, **options)
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    need(tensors, "normal() needs a size unless mean or std is a tensor", TypeError)
    m, s = (x._array if isinstance(x, Tensor) else x for x in (mean, std))
    need(not np.any(np.asarray(s) < 0), "normal expects all elements of std >= 0.0")
    shape, kind = common_shape(np.shape(m), np.shape(s)), tensors[0]._array.dtype
    drawn = np.asarray(source.normal(shape, kind) * s + m, kind)
    told = flat(tensors[0], drawn)  # in the graph of both, with gradients of 0
    return told if len(tensors) == 1 else told + flat(tensors[1], np.zeros_like(drawn))


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that ``input`` gives for each element, else 0."""
    p = input._array
    return flat(input, np.asarray((generator or default_generator).bernoulli_each(p), p.dtype))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """``num_samples`` positions (int64) drawn with the weights ``input``: ``(n,)`` or one draw a row of ``(m, n)``."""
    weights = input._array
    need(weights.ndim in (1, 2), f"prob_dist must be 1 or 2 dim, got shape {list(weights.shape)}")
    drawn = (generator or default_generator).multinomial(np.atleast_2d(weights), num_samples, replacement)
    return made(drawn if weights.ndim == 2 else drawn[0])


# --- filling a tensor in place: methods of Tensor --------------------------------------------------------------------


def _filled(self: Tensor, draw: Callable[[tuple[int, ...]], np.ndarray[Any, Any]]) -> Tensor:
    """Fill with what ``draw(shape)`` returns, in the order of memory, as PyTorch draws."""
    array = self._array
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    drawn = draw(tuple(array.shape[i] for i in order))
    return self.copy_(wrap(drawn.transpose([order.index(i) for i in range(array.ndim)])))


def _uniform(self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers drawn evenly from ``[a, b)``; returns itself."""
    return _filled(self, lambda shape: (generator or default_generator).uniform(shape, self._array.dtype, a, b))


def _normal(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the normal distribution; returns itself."""
    source, kind, blocks = generator or default_generator, self._array.dtype, self.is_contiguous()
    return _filled(self, lambda shape: source.normal(shape, kind, mean, std, blocks))


def _random(self: Tensor, low: int = 0, high: int | None = None, *, generator: Generator | None = None) -> Tensor:
    """Fill with whole numbers from ``[low, high)``, by default from all that the dtype can hold; returns itself."""
    source, kind = generator or default_generator, self._array.dtype
    if high is None and low == 0:
        return _filled(self, lambda shape: source.any_integers(shape, kind))
    low, high = (0, low) if high is None else (low, high)
    return _filled(self, lambda shape: source.integers(low, high, shape, kind))


def _bernoulli(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with 1 with probability ``p`` and with 0 otherwise; returns itself."""
    source = generator or default_generator
    if isinstance(p, Tensor):
        return self.copy_(wrap(source.bernoulli_each(p._array).astype(self._array.dtype)))
    return _filled(self, lambda shape: source.bernoulli(p, shape).astype(self._array.dtype))


def _exponential(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the exponential distribution with rate ``lambd``; returns itself."""
    return _filled(self, lambda shape: (generator or default_generator).exponential(shape, self._array.dtype, lambd))


for _method in (_uniform, _normal, _random, _bernoulli, _exponential):
    setattr(Tensor, f"{_method.__name__[1:]}_", _method)
