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

_TILE = 2 << 20
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
        (n, c, *size), (o, _, *self._kernel), out = x, w, y[2:]
        stride, padding, dilation, groups = geometry
        reach = [(i - 1) * s + (k - 1) * d + 1 for i, s, k, d in zip(out, stride, self._kernel, dilation, strict=True)]
        lengths = [max(r, p + m) for r, p, m in zip(reach, padding, size, strict=True)]
        # Where windows move by one, those of a whole plane can be one long run across its lines, with a few useless
        # windows over the ends of lines: long runs are copied and added several times as fast as short ones.
        run = (out[-2] - 1) * lengths[-1] + out[-1] if len(out) > 1 and stride[-2:] == (1, 1) else 0
        flat = 0 < run <= 1.5 * out[-2] * out[-1]
        positions = (*out[:-2], run) if flat else out
        area, item = math.prod(positions), np.dtype(dtype).itemsize
        self.count = max(1, min(n, _TILE // max(1, c * math.prod(self._kernel) * area * item)))

        self._padded = np.zeros((self.count, c, *lengths), dtype)
        inner = [slice(p, p + m) for p, m in zip(padding, size, strict=True)]
        self.images = self._padded[:, :, *inner]
        by_image, by_channel, *steps = self._padded.strides
        inside = [a * d for a, d in zip(steps, dilation, strict=True)]
        moves = [*steps[:-2], item] if flat else steps
        moves = [a * s for a, s in zip(moves, stride, strict=False)]
        shape = (self.count, c, *self._kernel, *positions)
        self._windows = np.ndarray(shape, dtype, self._padded, 0, (by_image, by_channel, *inside, *moves))
        self._columns = np.empty(shape, dtype)
        self.columns = self._columns.reshape(self.count, groups, -1, area)

        rows = np.zeros((self.count, o, *positions), dtype)
        self.rows = rows.reshape(self.count, groups, -1, area)
        by_image, by_channel, *steps = rows.strides
        steps = [*steps[:-1], lengths[-1] * item, item] if flat else steps
        self.results = np.ndarray((self.count, o, *out), dtype, rows, 0, (by_image, by_channel, *steps))

    def gather(self, x: Any) -> None:
        """Bring images in, and copy what their windows see to the columns."""
        fill(self.images, x)
        self._columns[...] = self._windows

    def scatter(self) -> None:
        """Add the columns up where the windows stand: the transpose of copying them from there."""
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
    for tile, images, results in _tiles(x.shape, weight.shape, y.shape, geometry, x.dtype):
        tile.gather(x[images])
        np.matmul(kernel, tile.columns, out=tile.rows)
        part = y[results]
        np.add(tile.results[: len(part)], bias, out=part, casting="same_kind")
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
    for tile, images, results in _tiles(x.shape, weight.shape, y.shape, geometry, y.dtype):
        fill(tile.results, y[results])
        np.matmul(kernel, tile.rows, out=tile.columns)
        tile.scatter()
        part = x[images]
        part += tile.images[: len(part)]
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
    w = np.zeros((groups, math.prod(shape[1:]), channels // groups), x.dtype)
    for tile, images, results in _tiles(x.shape, shape, y.shape, geometry, x.dtype):
        tile.gather(x[images])
        fill(tile.results, y[results])
        w += np.add.reduce(tile.columns @ tile.rows.swapaxes(2, 3))
    return w.swapaxes(1, 2).reshape(shape)
