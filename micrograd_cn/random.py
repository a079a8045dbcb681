"""Random tensors, with PyTorch's numbers for the same seed. https://pytorch.org/docs/stable/torch.html#random-sampling"""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.creation import _like, _numpy, _shape, _sized, made
from micrograd_cn.generator import Generator, default_generator
from micrograd_cn.ops.given import flat
from micrograd_cn.ops.shape import common_shape
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


def rand(
    *size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    **options: Any,
) -> Tensor:  # fmt: skip
    """Numbers drawn evenly from ``[0, 1)``."""
    shape = _sized("rand", size, options)
    return made((generator or default_generator).uniform(shape, _numpy(dtype)), requires_grad, device)


def randn(
    *size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    **options: Any,
) -> Tensor:  # fmt: skip
    """Numbers drawn from the normal distribution with mean 0 and variance 1."""
    shape = _sized("randn", size, options)
    return made((generator or default_generator).normal(shape, _numpy(dtype)), requires_grad, device)


def rand_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """`rand` in the shape and dtype of ``input``."""
    return made(default_generator.uniform(input._array.shape, _like(input, dtype)), requires_grad, device)


def randn_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """`randn` in the shape and dtype of ``input``."""
    return made(default_generator.normal(input._array.shape, _like(input, dtype)), requires_grad, device)


def randint(
    *args: Any, low: int = 0, high: int | None = None, size: Any = None, generator: Generator | None = None,
    dtype: Any = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
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
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    kind = np.dtype(np.int64) if dtype is None else dtypes.to_numpy(dtype)
    return made((generator or default_generator).integers(low, high, _shape((size,)), kind), requires_grad, device)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The numbers 0 to ``n - 1`` in random order, int64."""
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got {n}")
    order = (generator or default_generator).permutation(n)
    return made(order if dtype is None else order.astype(dtypes.to_numpy(dtype)), requires_grad, device)


def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, **options: Any
) -> Tensor:
    """Normally distributed numbers: one ``mean`` and ``std`` for a ``size``, or tensors of them, element by element."""
    source = generator or default_generator
    if size is not None:
        array = source.normal(_shape((size,)), _numpy(options.pop("dtype", None)), float(mean), float(std))
        return made(array, **options)
    if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
        raise TypeError("normal() needs a size unless mean or std is a tensor")
    m, s = (x._array if isinstance(x, Tensor) else x for x in (mean, std))
    if np.any(np.asarray(s) < 0):
        raise RuntimeError("normal expects all elements of std >= 0.0")
    shape = common_shape(np.shape(m), np.shape(s))
    kind = next(x for x in (m, s) if isinstance(x, np.ndarray)).dtype
    drawn = (source.normal(shape, kind) * s + m).astype(kind)
    return _told((mean, std), drawn)


def _told(sources: tuple[Any, ...], drawn: Any) -> Tensor:
    """``drawn`` as a tensor in the graph of its sources, whose gradients are 0."""
    tensors = [x for x in sources if isinstance(x, Tensor)]
    told = flat(tensors[0], drawn)
    return told if len(tensors) == 1 else told + flat(tensors[1], np.zeros_like(drawn))


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that ``input`` gives for each element, else 0."""
    p = input._array
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true for every element")
    return flat(input, (generator or default_generator).bernoulli_each(p).astype(p.dtype))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """``num_samples`` positions (int64) drawn with the weights ``input``: ``(n,)`` or one draw a row of ``(m, n)``."""
    weights = input._array
    if weights.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got shape {list(weights.shape)}")
    rows = weights if weights.ndim == 2 else weights.reshape(1, -1)
    drawn = (generator or default_generator).multinomial(rows, num_samples, replacement)
    return made(drawn if weights.ndim == 2 else drawn[0])


# --- filling a tensor in place: methods of Tensor --------------------------------------------------------------------


def _filled(self: Tensor, array: np.ndarray[Any, Any]) -> Tensor:
    return self.copy_(wrap(array))


def _uniform(self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers drawn evenly from ``[a, b)``; returns itself."""
    if a > b:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={a} > to={b}")
    return _filled(self, (generator or default_generator).uniform(self._array.shape, self._array.dtype, a, b))


def _normal(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the normal distribution; returns itself."""
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return _filled(self, (generator or default_generator).normal(self._array.shape, self._array.dtype, mean, std))


def _random(self: Tensor, low: int = 0, high: int | None = None, *, generator: Generator | None = None) -> Tensor:
    """Fill with whole numbers from ``[low, high)``, by default from all that the dtype can hold; returns itself."""
    source, kind = generator or default_generator, self._array.dtype
    if high is None and low == 0:
        return _filled(self, source.any_integers(self._array.shape, kind))
    low, high = (0, low) if high is None else (low, high)
    return _filled(self, source.integers(low, high, self._array.shape, kind))


def _bernoulli(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with 1 with probability ``p`` and with 0 otherwise; returns itself."""
    source = generator or default_generator
    drawn = source.bernoulli_each(p._array) if isinstance(p, Tensor) else source.bernoulli(p, self._array.shape)
    return _filled(self, drawn.astype(self._array.dtype))


def _exponential(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers of the exponential distribution with rate ``lambd``; returns itself."""
    return _filled(self, (generator or default_generator).exponential(self._array.shape, self._array.dtype, lambd))


for _name, _method in (
    ("uniform_", _uniform), ("normal_", _normal), ("random_", _random), ("bernoulli_", _bernoulli),
    ("exponential_", _exponential),
):  # fmt: skip
    setattr(Tensor, _name, _method)
