"""Convolution over any number of dimensions: one sum of products, and its two gradients.

With a kernel of numbers ``w[o, c, k]``, the three rows compute from and to images ``x`` and results ``y``::

    y[n, o, i] = Σ w[o, c, k] x[n, c, j]     convolve      for all i, j, k with
    x[n, c, j] = Σ w[o, c, k] y[n, o, i]     spread        j = stride · i + dilation · k - padding
    w[o, c, k] = Σ x[n, c, j] y[n, o, i]     correlate

where i, j and k stand for one index a dimension. All three are parts of one form that is linear in x, in w and in y, so
the derivatives of each are the two others, to any order: ``spread`` is the gradient of ``convolve`` by x, which is
what is called transposed convolution.

Every row is told the spatial ``size`` of what it makes, which settles how much padding there is behind.

How it is computed: the numbers under all windows are copied into the columns of a matrix (im2col; Chellapilla, Puri
and Simard, 2006), and a matrix product does the rest. It goes by tiles, whose columns stay in the cache: so copies cost
little time and hardly any memory, and backward can copy again what it would otherwise have to keep.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from micrograd_cn.ops.table import hidden
from micrograd_cn.parallel import shared

_TILE = 2_000_000
"""Bytes of columns in a tile: what stays in the cache."""

Sizes = tuple[int, ...]


class Geometry(NamedTuple):
    """How windows move, one number a dimension; ``padding`` is what stands before; groups of channels do not mix."""

    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int


class _Tile:
    """Memory for the windows of a few images: as images with padding, as columns, and for the results.

    Where windows move by one, those of a whole image can be one long run across its lines, with a few useless windows
    over the ends of lines: long runs are copied and added several times as fast as short ones. Their columns have
    room behind the run: as long as an image each, so that those of the next place in the window, read from one
    element further on, stand where that window sees the same element.

    Args:
        x, w, y: the shapes of images, kernel and results.
        geometry: how the windows move.
        dtype: in which to compute.

    Attributes:
        count: how many images fit.
        images: ``(count, channels, *size)``; a view of the padded images.
        columns: what the windows see, as matrices: ``(count, groups, channels * kernel, positions)``.
        rows: results, as matrices: ``(count, groups, channels, positions)``.
        results: ``(count, channels, *out)``; a view of the rows.
    """

    def __init__(self, x: Sizes, w: Sizes, y: Sizes, geometry: Geometry, dtype: Any) -> None:
        (n, c, *size), (o, _, *kernel), out = x, w, y[2:]
        self._kernel = kernel
        stride, padding, dilation, groups = geometry
        reach = [(i - 1) * s + (k - 1) * d + 1 for i, s, k, d in zip(out, stride, kernel, dilation, strict=True)]
        lengths = [max(r, p + m) for r, p, m in zip(reach, padding, size, strict=True)]
        steps = [math.prod(lengths[i + 1 :]) for i in range(len(lengths))]
        inside = [a * d for a, d in zip(steps, dilation, strict=True)]
        moves = [a * s for a, s in zip(steps, stride, strict=True)]
        positions, length = out, math.prod(out)
        run = 1 + sum((i - 1) * a for i, a in zip(out, steps, strict=True))
        self._flat = moves == steps and run <= 1.5 * length
        if self._flat:
            positions, moves, length = (run,), [1], math.prod(lengths)
        area, cells = math.prod(positions), math.prod(kernel)
        item = np.dtype(dtype).itemsize
        self.count = max(1, min(n, _TILE // max(1, c * cells * length * item)))

        def view(memory: Any, shape: Any, strides: Any) -> Any:
            return np.ndarray((self.count, *shape), dtype, memory, 0, [a * item for a in strides])

        self._padded = np.zeros((self.count, c, *lengths), dtype)
        self.images = self._padded[:, :, *(slice(p, p + m) for p, m in zip(padding, size, strict=True))]
        plane = math.prod(lengths)
        self._windows = view(self._padded, (c, *kernel, *positions), (c * plane, plane, *inside, *moves))

        room = length - area
        memory = np.empty(room + self.count * c * cells * length, dtype)
        columns = memory[room:].reshape(self.count, c, *kernel, length)
        self._columns = columns[..., :area].reshape(self._windows.shape)
        self.columns = self._columns.reshape(self.count, groups, -1, area)
        self._room = memory[:room], columns[..., area:]
        if self._flat:
            by_kernel = [math.prod(kernel[i + 1 :]) * length - a for i, a in enumerate(inside)]
            self._skewed = view(columns, (c, *kernel, length), (c * cells * length, cells * length, *by_kernel, 1))

        rows = np.zeros((self.count, o, *positions), dtype)
        self.rows = rows.reshape(self.count, groups, -1, area)
        by_line = steps if self._flat else [math.prod(out[i + 1 :]) for i in range(len(out))]
        self.results = view(rows, (o, *out), (o * area, area, *by_line))

    def gather(self, x: Any) -> None:
        """Bring images in, and copy what their windows see to the columns."""
        fill(self.images, x)
        self._columns[...] = self._windows

    def scatter(self) -> None:
        """Add the columns up where the windows stand: the transpose of copying them from there."""
        if self._flat:
            for room in self._room:
                room.fill(0)
            images = self._padded.reshape(*self._padded.shape[:2], -1)
            np.add.reduce(self._skewed, axis=tuple(range(2, self._skewed.ndim - 1)), out=images)
            return
        self._padded.fill(0)
        for k in np.ndindex(*self._kernel):
            window = self._windows[:, :, *k]
            np.add(window, self._columns[:, :, *k], out=window)


def fill(block: Any, x: Any) -> None:
    """Copy images into a block; the last ones may leave places empty, which get zeros."""
    block[: len(x)] = x
    block[len(x) :] = 0


def _tiles(x: Sizes, w: Sizes, y: Sizes, geometry: Geometry, dtype: Any) -> Iterator[tuple[_Tile, Any, Any]]:
    """Tiles over everything, each with the index of its images and that of its results.

    If the columns of one image are too many, it goes by bands of lines along the first dimension.
    """
    (n, c, length, *size), (_, _, *out) = x, y
    (stride, *_), (padding, *others), (dilation, *_), _ = geometry
    dtype = np.dtype(np.float32 if dtype == np.float16 else dtype)  # sums need more than half precision
    lines = max(1, _TILE // max(1, c * math.prod(w[2:]) * math.prod(out[1:]) * dtype.itemsize))
    for start in range(0, out[0], lines):
        stop = min(start + lines, out[0])
        first = start * stride - padding
        low = min(max(first, 0), length)
        high = max(min((stop - 1) * stride + (w[2] - 1) * dilation + 1 - padding, length), low)
        band = geometry._replace(padding=(max(-first, 0), *others))
        tile = _Tile((n, c, high - low, *size), w, (*y[:2], stop - start, *out[1:]), band, dtype)
        for i in range(0, n, tile.count):
            some = slice(i, i + tile.count)
            yield tile, (some, slice(None), slice(low, high)), (some, slice(None), slice(start, stop))


def _matrices(weight: Any, groups: int) -> Any:
    """The kernel as a matrix for each group."""
    return weight.reshape(groups, len(weight) // groups, -1)


def _by_bias(g: Any) -> Any:
    return np.add.reduce(g, axis=(0, *range(2, len(g.shape))))


def _on_channels(bias: Any, size: Sizes) -> Any:
    return 0 if bias is None else bias.reshape(-1, *(1 for _ in size))


@hidden(
    lambda g, weight, shape, geometry: spread(g, weight, None, shape[2:], geometry),  # type: ignore[has-type]
    lambda g, x, shape, geometry: correlate(x, g, shape[2:], geometry),  # type: ignore[has-type]
    _by_bias,
    dtypes="same",
    backward_name="ConvolutionBackward0",
)
def convolve(x: Any, weight: Any, bias: Any, size: Sizes, geometry: Geometry) -> Any:
    """Images ``(N, C, ...)``, a kernel ``(O, C / groups, ...)``, a bias ``(O,)`` or None: results ``(N, O, *size)``."""
    y = np.empty((len(x), len(weight), *size), x.dtype)
    kernel, bias = _matrices(weight, geometry.groups), _on_channels(bias, size)

    def some(part: slice) -> None:
        xs, ys = x[part], y[part]
        for tile, images, results in _tiles(xs.shape, weight.shape, ys.shape, geometry, x.dtype):
            tile.gather(xs[images])
            np.matmul(kernel, tile.columns, out=tile.rows)
            np.add(tile.results[: len(ys[results])], bias, out=ys[results], casting="same_kind")

    shared(some, len(x), y.size * math.prod(weight.shape[1:]))
    return y


@hidden(
    lambda g, weight, shape, geometry: convolve(g, weight, None, shape[2:], geometry),
    lambda g, y, shape, geometry: correlate(g, y, shape[2:], geometry),  # type: ignore[has-type]
    _by_bias,
    dtypes="same",
    backward_name="ConvolutionBackward0",
)
def spread(y: Any, weight: Any, bias: Any, size: Sizes, geometry: Geometry) -> Any:
    """Results ``(N, O, ...)``, a kernel ``(O, C / groups, ...)``, a bias ``(C,)`` or None: images ``(N, C, *size)``."""
    x = np.zeros((len(y), weight.shape[1] * geometry.groups, *size), y.dtype)
    x += _on_channels(bias, size)
    kernel = _matrices(weight, geometry.groups).swapaxes(1, 2)

    def some(part: slice) -> None:
        xs, ys = x[part], y[part]
        for tile, images, results in _tiles(xs.shape, weight.shape, ys.shape, geometry, y.dtype):
            fill(tile.results, ys[results])
            np.matmul(kernel, tile.rows, out=tile.columns)
            tile.scatter()
            into = xs[images]
            into += tile.images[: len(into)]

    shared(some, len(x), y.size * math.prod(weight.shape[1:]))
    return x


@hidden(
    lambda g, y, shape, geometry: spread(y, g, None, shape[2:], geometry),
    lambda g, x, shape, geometry: convolve(x, g, None, shape[2:], geometry),
    dtypes="same",
    backward_name="ConvolutionBackward0",
)
def correlate(x: Any, y: Any, size: Sizes, geometry: Geometry) -> Any:
    """Images ``(N, C, ...)`` and results ``(N, O, ...)``: a kernel ``(O, C / groups, *size)``."""
    channels, groups = y.shape[1], geometry.groups
    shape = (channels, x.shape[1] // groups, *size)

    def some(part: slice) -> Any:
        w: Any = np.zeros((groups, math.prod(shape[1:]), channels // groups), x.dtype)
        xs, ys = x[part], y[part]
        for tile, images, results in _tiles(xs.shape, shape, ys.shape, geometry, x.dtype):
            tile.gather(xs[images])
            fill(tile.results, ys[results])
            w += np.add.reduce(tile.columns @ tile.rows.swapaxes(2, 3))
        return w

    w = sum(shared(some, len(x), y.size * math.prod(shape[1:])))
    return w.swapaxes(1, 2).reshape(shape)
