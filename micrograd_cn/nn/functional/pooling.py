"""Pooling: what stands in a sliding window becomes one number. Each function for one, two and three dimensions.

Inputs are ``(N, C, *lengths)`` or ``(C, *lengths)``. A setting is one number for all dimensions or one for each.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.engine import mode
from micrograd_cn.ops import pooling
from micrograd_cn.ops.pooling import Links, Window, linked, window_max, window_mean
from micrograd_cn.ops.shape import need
from micrograd_cn.random import rand
from micrograd_cn.tensor import Tensor


def for_dimensions(function: Callable[..., Any]) -> tuple[Any, ...]:
    """The functions for one, two and three dimensions of one that takes their number first."""

    def make(n: int) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            return function(n, *args, **named)

        call.__name__, call.__doc__ = f"{function.__name__}{n}d", function.__doc__
        return call

    return make(1), make(2), make(3)


def as_tuple(name: str, x: Any, n: int) -> tuple[int, ...]:
    """A setting as one number for each of ``n`` dimensions; a RuntimeError if it has another length."""
    numbers = (x,) * n if not isinstance(x, (tuple, list)) else tuple(x) * n if len(x) == 1 else tuple(x)
    need(len(numbers) == n, f"{name} must either be a single int, or a tuple of {n} ints, got {x}")
    return numbers


def _lengths(n: int, input: Tensor, channels: bool = True) -> tuple[int, ...]:
    """The last ``n`` lengths of ``input``, once it is known to have no other dimensions than N and C, and none empty
    but that of N (and of C, unless ``channels``)."""
    shape = tuple(input.shape)
    fits = len(shape) in (n + 1, n + 2) and 0 not in shape[-n - channels :]
    need(fits, f"Expected {n + 1}D or {n + 2}D (batch mode) tensor with only the batch empty, got shape {list(shape)}")
    return shape[-n:]


def _window(n: int, input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Window:
    """The window for these settings, once they are known to fit; RuntimeError otherwise."""
    kernel = as_tuple("kernel_size", kernel, n)
    stride = kernel if stride is None or stride in ([], ()) else as_tuple("stride", stride, n)
    padding, dilation = as_tuple("padding", padding, n), as_tuple("dilation", dilation, n)
    lengths, out = _lengths(n, input), []
    for m, k, s, p, d in zip(lengths, kernel, stride, padding, dilation, strict=True):
        span = d * (k - 1) + 1
        need(min(k, s, d) > 0, f"kernel size {k}, stride {s} and dilation {d} should be greater than zero")
        need(0 <= p <= span // 2, f"pad should be at most half of effective kernel size {span}, but got pad={p}")
        steps = m + 2 * p - span
        o = (-(-steps // s) if ceil_mode else steps // s) + 1
        out.append(o - (ceil_mode and (o - 1) * s >= m + p))  # no window begins behind the input
    need(min(out) > 0, f"Lengths {lengths} are too small for kernel {kernel}: calculated output {out}")
    return Window(kernel, stride, padding, dilation, lengths, tuple(out))


def _at_maxima(input: Tensor, places: list[Any], return_indices: bool) -> Any:
    """The largest of the elements at ``places`` (see `ops.pooling.maxima`), and if asked for their positions."""
    n, positions = len(places), Tensor._wrap(pooling.maxima(input.detach().numpy(), places))
    values = input.flatten(-n).gather(-1, positions.flatten(-n)).reshape(positions.shape)
    return (values, positions) if return_indices else values


def _largest(input: Tensor, window: Window) -> Tensor:
    return window_max(input, window, [] if input.requires_grad and mode.grad else None)


def max_pool(n: int, input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False) -> Any:  # fmt: skip
    """The largest element of each window.

    Args:
        kernel_size: of the window.
        stride: how far it moves each time; its own size if None.
        padding: how many places, which are never the largest, are thought of at each end.
        dilation: the distance between the places in a window.
        ceil_mode: whether a last window may reach over the end.
        return_indices: also return the positions in the flattened lengths, int64, which `max_unpool2d` takes.

    Raises:
        RuntimeError: if the settings or the shape do not fit.

    https://pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html
    """
    window = _window(n, input, kernel_size, stride, padding, dilation, ceil_mode)
    return _at_maxima(input, pooling.window_places(window), True) if return_indices else _largest(input, window)


@functools.lru_cache(maxsize=256)
def _divisor(w: Window, count_include_pad: bool) -> Any:
    """By what to divide the sum of each window: a number if it is the same for all."""
    counts = []
    for k, s, p, _, n, out in zip(*w, strict=True):
        start = np.arange(out) * s - p
        stop = np.minimum(start + k, n + p)
        counts.append(stop - start if count_include_pad else np.minimum(stop, n) - np.maximum(start, 0))
    product = functools.reduce(np.multiply.outer, counts)
    return product.item(0) if (product == product.item(0)).all() else product


def avg_pool(n: int, input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:  # fmt: skip
    """The average of each window; arguments as for `max_pool2d`, and:

    Args:
        count_include_pad: whether the zeros in the padding count.
        divisor_override: what to divide by instead of the number of elements.

    Raises:
        RuntimeError: if the settings or the shape do not fit.

    https://pytorch.org/docs/stable/generated/torch.nn.functional.avg_pool2d.html
    """
    need(divisor_override != 0, "divisor must be not zero")
    window = _window(n, input, kernel_size, stride, padding, 1, ceil_mode)
    return window_mean(input, window, divisor_override or _divisor(window, bool(count_include_pad)))


def lp_pool(n: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None,
        ceil_mode: bool = False) -> Tensor:  # fmt: skip
    """``(sum of x**norm_type) ** (1 / norm_type)`` of each window; the largest ``|x|`` for infinity."""
    if math.isinf(norm_type):
        sign = math.copysign(1, norm_type)
        return max_pool(n, input.abs() * sign, kernel_size, stride, 0, 1, ceil_mode) * sign
    out = avg_pool(n, input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return (out.sign() * out.abs().relu()).mul(math.prod(as_tuple("kernel_size", kernel_size, n))).pow(1 / norm_type)


def _adapted(n: int, input: Tensor, output_size: Any, channels: bool) -> tuple[Window | None, list[Any]]:
    """How a length m is cut into ``out`` parts, from ``floor(i * m / out)`` to ``ceil((i + 1) * m / out)``: the window
    that does it, if they are all of one length; and the beginnings and ends in each dimension."""
    least = len(output_size) + 1 if isinstance(output_size, (tuple, list)) else 0
    need(input.ndim >= least, f"Input dimension should be at least {least}, got {list(input.shape)}", ValueError)
    lengths, wanted = _lengths(n, input, channels), as_tuple("output_size", output_size, n)
    out = tuple(m if o is None else o for m, o in zip(lengths, wanted, strict=True))
    need(min(out) >= 0, f"elements of output_size must be greater than or equal to 0, but received {out}")
    steps = [(m, np.arange(o), max(o, 1)) for m, o in zip(lengths, out, strict=True)]
    parts = [(i * m // o, -(-(i + 1) * m // o)) for m, i, o in steps]
    if 0 in out or any(m % o for m, o in zip(lengths, out, strict=True)):
        return None, parts
    kernel = tuple(m // o for m, o in zip(lengths, out, strict=True))
    return Window(kernel, kernel, (0,) * n, (1,) * n, lengths, out), parts


def adaptive_avg_pool(n: int, input: Tensor, output_size: Any) -> Tensor:
    """The averages of as many even parts as ``output_size`` says (None: as the input is long).

    https://pytorch.org/docs/stable/generated/torch.nn.functional.adaptive_avg_pool2d.html
    """
    window, parts = _adapted(n, input, output_size, False)
    need(input.is_floating_point(), f'"adaptive_avg_pool{n}d" not implemented for {input.dtype}', NotImplementedError)
    if window and set(window.out) == {1}:
        return input.mean(tuple(range(-n, 0)), keepdim=True)
    if window:
        return window_mean(input, window, math.prod(window.kernel))
    for dim, (start, stop) in enumerate(parts, input.ndim - n):
        i = np.arange(input.shape[dim])
        rows, columns = np.nonzero((i >= start[:, None]) & (i < stop[:, None]))
        input = linked(input, Links(rows, columns, (len(start), len(i)), 1 / (stop - start)[rows]), dim)
    return input


def adaptive_max_pool(n: int, input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of the parts that `adaptive_avg_pool2d` averages, with their positions if asked for."""
    window, parts = _adapted(n, input, output_size, True)
    if window and not return_indices and math.prod(window.kernel) < 64:
        return _largest(input, window)
    offsets = [np.arange((stop - start).max(initial=1)) for start, stop in parts]
    places = [np.minimum(a[:, None] + i, b[:, None] - 1) for i, (a, b) in zip(offsets, parts, strict=True)]
    return _at_maxima(input, places, return_indices)


def fractional_max_pool(n: int, input: Tensor, kernel_size: Any, output_size: Any = None, output_ratio: Any = None,
        return_indices: bool = False, _random_samples: Tensor | None = None) -> Any:  # fmt: skip
    """The largest elements of windows at random distances, with their positions if asked for. Graham, 2014.

    Args:
        kernel_size: of the windows.
        output_size: how many there are; or
        output_ratio: how many for each element of the input, between 0 and 1.
        return_indices: also return the positions in the flattened lengths, int64.
        _random_samples: ``(N, C, dimensions)`` in [0, 1): where in a step of the grid each plane begins.

    Raises:
        ValueError: unless one of ``output_size`` and ``output_ratio`` is given.
        RuntimeError: if the windows do not fit.
    """
    need(output_size or output_ratio, "fractional_max_pool requires an output_size or an output_ratio", ValueError)
    lengths, kernel = _lengths(n, input), as_tuple("kernel_size", kernel_size, n)
    ratios = as_tuple("output_ratio", output_ratio, n)
    out = as_tuple("output_size", output_size or [int(m * r) for m, r in zip(lengths, ratios, strict=True)], n)
    planes = (1, *input.shape)[-n - 2 : -n]
    drawn = rand(*planes, n, dtype=input.dtype) if _random_samples is None else _random_samples
    samples = np.asarray(drawn).reshape(-1, n, 1)[: math.prod(planes)]
    need(len(samples) == math.prod(planes), f"_random_samples {list(drawn.shape)} are too few for planes {planes}")
    places = []
    for i, (m, k, o) in enumerate(zip(lengths, kernel, out, strict=True)):
        need(min(k, o) > 0 and o + k - 1 <= m, f"{o} windows of {k} are too many, too large or empty for a length {m}")
        u = samples[:, i if n == 3 else n - 1 - i]  # in two dimensions PyTorch draws for the width first
        alpha = u.dtype.type((m - k) / max(o - 1, 1))
        start = ((np.arange(o, dtype=u.dtype) + u) * alpha).astype(int) - (u * alpha).astype(int)
        start[:, -1] = m - k
        places.append(start[..., None] + np.arange(k))
    return _at_maxima(input, places, return_indices)


def max_unpool(n: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        output_size: Any = None) -> Tensor:  # fmt: skip
    """Zeros, and the elements of ``input`` at the positions where `max_pool2d` says that it took them.

    Args:
        indices: of the shape of ``input``: positions in the flattened lengths of the result.
        kernel_size, stride, padding: those of the pooling.
        output_size: the lengths of the result where the settings leave a choice, also with N and C in front.

    Raises:
        ValueError: if there can be no result of that size.
        RuntimeError: if shapes do not fit or an index is out of range.
    """
    lengths, kernel = _lengths(n, input), as_tuple("kernel_size", kernel_size, n)
    need(input.shape == indices.shape, f"Expected indices of shape {list(input.shape)}, got {list(indices.shape)}")
    stride = kernel if stride is None else as_tuple("stride", stride, n)
    settings = zip(lengths, kernel, stride, as_tuple("padding", padding, n), strict=True)
    usual = [(m - 1) * s + k - 2 * p for m, k, s, p in settings]
    out = usual if output_size is None else list(output_size)[2 * (len(output_size) == n + 2) :]
    need(len(out) == n, f"output_size should contain {n} or {n + 2} elements, got {output_size}", ValueError)
    near = output_size is None or all(abs(o - u) < s for o, u, s in zip(out, usual, stride, strict=True))
    need(near and min(out) >= 0, f"invalid output_size {out}: not within {stride} of {usual}, or negative", ValueError)
    zeros = Tensor._wrap(np.zeros((*input.shape[:-n], math.prod(out)), input.dtype.numpy))
    return zeros.scatter(-1, indices.flatten(-n), input.flatten(-n)).reshape(*input.shape[:-n], *out)


max_pool1d, max_pool2d, max_pool3d = for_dimensions(max_pool)
avg_pool1d, avg_pool2d, avg_pool3d = for_dimensions(avg_pool)
lp_pool1d, lp_pool2d, lp_pool3d = for_dimensions(lp_pool)
adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = for_dimensions(adaptive_avg_pool)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = for_dimensions(adaptive_max_pool)
max_unpool1d, max_unpool2d, max_unpool3d = for_dimensions(max_unpool)
_, fractional_max_pool2d, fractional_max_pool3d = for_dimensions(fractional_max_pool)
