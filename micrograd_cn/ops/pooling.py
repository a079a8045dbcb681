"""Windows that slide over the last dimensions, and sparse maps along one dimension.

Every row is linear in its first input but for `window_max`, and has its adjoint as a row beside it.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from micrograd_cn.ops.given import flat
from micrograd_cn.ops.table import hidden

# --- sparse maps ---------------------------------------------------------------------------------------------------


class Links:
    """A sparse matrix, entry by entry: how elements along a dimension make up those of the result.

    Args:
        rows, columns: integer arrays ``(entries,)``: where each entry stands.
        shape: of the matrix.
        weights: the entries; None for ones.
    """

    def __init__(self, rows: Any, columns: Any, shape: tuple[int, int], weights: Any = None) -> None:
        self.rows, self.columns, self.shape, self.weights = rows, columns, shape, weights

    @functools.cached_property
    def T(self) -> Links:
        """The transposed matrix."""
        return Links(self.columns, self.rows, self.shape[::-1], self.weights)

    @functools.cached_property
    def layers(self) -> list[tuple[Any, Any, Any]]:
        """Rows, columns and weights of the second entry in each row that has two, then of the third, and so on; before
        them those of the first in all rows, but in place of these the rows that have none."""
        order = np.argsort(self.rows, kind="stable")
        rank = np.arange(len(order)) - np.searchsorted(self.rows[order], self.rows[order])
        weights = np.ones(len(order)) if self.weights is None else self.weights
        picked = [order[rank == i] for i in np.unique(rank)]
        layers = [(self.rows[i], self.columns[i], weights[i]) for i in picked]
        full = np.zeros((2, self.shape[0]))
        full[:, layers[0][0]] = layers[0][1:]
        layers[0] = (np.flatnonzero(np.bincount(self.rows, minlength=self.shape[0]) == 0), full[0].astype(int), full[1])
        return [(row, column, None if self.weights is None else weight) for row, column, weight in layers]


def _linked_rule(g: Any, links: Links, dim: int) -> Any:
    return linked(g, links.T, dim)


@hidden(_linked_rule)
def linked(x: Any, links: Links, dim: int) -> Any:
    """The product of the matrix ``links`` with ``x`` along ``dim``; its adjoint is that of the transposed matrix.

    Layer by layer it takes a twentieth of the time of ``np.add.reduceat``."""
    if not len(links.rows):
        return np.zeros((*x.shape[:dim], links.shape[0], *x.shape[dim + 1 :]), x.dtype)
    out, at = None, (slice(None),) * dim
    for rows, columns, weights in links.layers:
        y = np.take(x, columns, dim)
        if weights is not None:
            y *= weights[:, *(None,) * (x.ndim - 1 - dim)].astype(x.dtype)
        if out is None:
            out = y
            out[(*at, rows)] = 0
        else:
            out[(*at, rows if len(rows) < links.shape[0] else slice(None))] += y
    return out


@hidden(lambda g, index: g[index], backward_name="ConstantPadNdBackward0")
def padded(x: Any, index: tuple[slice, ...], size: tuple[int, ...], value: float) -> Any:
    """An array of shape ``size`` full of ``value``, with ``x`` at ``index``."""
    out = np.full(size, value, x.dtype)
    out[index] = x
    return out


# --- windows -------------------------------------------------------------------------------------------------------


class Window(NamedTuple):
    """What slides over the last dimensions; one number for each of them in every field.

    ``sizes`` and ``out`` are the lengths of the input and of the result.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    sizes: tuple[int, ...]
    out: tuple[int, ...]


@functools.lru_cache(maxsize=256)
def _taps(w: Window) -> tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]:
    """For each place in the window, row by row: the part of the result for which it lies within the input (and not
    in the padding), and the strided part of the input that it passes over for them."""
    dims = []
    for kernel, stride, padding, dilation, n, out in zip(*w, strict=True):
        taps = []
        for offset in range(-padding, kernel * dilation - padding, dilation):
            low = max(0, -(offset // stride))
            high = max(low, min(out, (n - 1 - offset) // stride + 1))
            stop = max((high - 1) * stride + offset + 1, 0)
            taps.append((slice(low, high), slice(low * stride + offset, stop, stride)))
        dims.append(taps)
    return tuple(((..., *(t for t, _ in tap)), (..., *(s for _, s in tap))) for tap in itertools.product(*dims))


@functools.lru_cache(maxsize=256)
def _facts(w: Window) -> tuple[int | None, bool, bool]:
    """The first place in the window that is never in the padding, or None; whether no two windows overlap, and whether
    besides they cover the input."""
    lengths = [math.prod(s.stop - s.start for s in to[1:]) for to, _ in _taps(w)]
    full = math.prod(w.out)
    apart = all(s > d * (k - 1) for k, s, d in zip(w.kernel, w.stride, w.dilation, strict=True))
    return lengths.index(full) if full in lengths else None, apart, apart and sum(lengths) == math.prod(w.sizes)


def _over_windows(combine: Any, x: Any, w: Window, start: Any) -> Any:
    """The elements in each window, combined."""
    n, first, taps = len(w.out), _facts(w)[0], _taps(w)
    # The first copy keeps the order in memory, which may be that of another layout than the shape's.
    out = np.full_like(x, start, shape=(*x.shape[:-n], *w.out)) if first is None else x[taps[first][1]].copy("K")
    for i, (to, of) in enumerate(taps):
        if i != first:
            combine(out[to], x[of], out=out[to])
    return out


def _spread(parts: Any, like: Any, w: Window) -> Any:
    """Zeros of the input's size, with a part added at each place in the window."""
    _, apart, covered = _facts(w)
    shape = (*like.shape[: -len(w.out)], *w.sizes)
    out = np.empty_like(like, shape=shape) if covered else np.zeros_like(like, shape=shape)
    for (_, of), part in zip(_taps(w), parts, strict=True):
        if apart:
            out[of] = part
        else:
            out[of] += part
    return out


def _mean_rule(g: Any, x: Any, window: Window, divisor: Any) -> Any:
    return flat(x, window_spread(g, window, divisor))


@hidden(_mean_rule, backward_name="AvgPool2DBackward0")
def window_mean(x: Any, window: Window, divisor: Any) -> Any:
    """The sum of the elements in each window, over ``divisor``: a number, or an array that broadcasts."""
    out = _over_windows(np.add, x, window, 0)
    return np.divide(out, np.asarray(divisor, x.dtype), out=out, casting="unsafe")


@hidden(lambda g, window, divisor: window_mean(g, window, divisor))
def window_spread(x: Any, window: Window, divisor: Any) -> Any:
    """The adjoint of `window_mean`: each element, over ``divisor``, added to all places of its window."""
    x = x / np.asarray(divisor, x.dtype)
    return _spread((x[to] for to, _ in _taps(window)), x, window)


def _max_rule(g: Any, x: Any, window: Window, kept: list[Any] | None) -> Any:
    return flat(x, max_spread(g, *(kept or [winners(x, window_max(x, window), window)]), window))


@hidden(_max_rule, backward_name="MaxPool2DWithIndicesBackward0")
def window_max(x: Any, window: Window, kept: list[Any] | None = None) -> Any:
    """The largest element in each window; NaN wins. ``kept`` is an empty list, which receives the `winners`."""
    out = _over_windows(np.maximum, x, window, np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf)
    if kept is not None:  # found now, since the result may be changed in place
        kept.append(winners(x, out, window))
    return out


@hidden(None, None)
def winners(x: Any, out: Any, window: Window) -> Any:
    """Where in its window each maximum stands, counted backwards from 1 as the last place: a small unsigned type.

    The first of several wins; of several NaNs the last."""
    taps = _taps(window)
    kind = np.min_scalar_type(len(taps)).type
    code = np.ones_like(out, kind)
    for i, (to, of) in enumerate(taps[:-1]):
        np.maximum(code[to], (x[of] == out[to]) * kind(len(taps) - i), out=code[to])
    if np.isnan(out).any():
        for i, (to, of) in enumerate(taps):
            code[to][np.isnan(x[of])] = len(taps) - i
    return code


def _if(mask: Any, x: Any) -> Any:
    """``x`` where ``mask`` is True, else 0: a product of the bits, much faster than np.where on random masks."""
    return (x.view(f"i{x.itemsize}") * mask).view(x.dtype)


def _pick_rule(g: Any, code: Any, window: Window) -> Any:
    return max_pick(g, code, window)


@hidden(_pick_rule, None)
def max_spread(x: Any, code: Any, window: Window) -> Any:
    """Each element at the place of its window that ``code`` (see `winners`) says, added up; zeros elsewhere."""
    taps = _taps(window)
    return _spread((_if(code[to] == len(taps) - i, x[to]) for i, (to, _) in enumerate(taps)), x, window)


@hidden(lambda g, code, window: max_spread(g, code, window), None)
def max_pick(x: Any, code: Any, window: Window) -> Any:
    """The adjoint of `max_spread`: the element of each window that stands where ``code`` says."""
    taps = _taps(window)
    out = np.zeros_like(x, shape=code.shape)
    for i, (to, of) in enumerate(taps):
        out[to] += _if(code[to] == len(taps) - i, x[of])
    return out


# --- positions -----------------------------------------------------------------------------------------------------


def window_places(w: Window) -> list[Any]:
    """For each dimension the places ``(out, kernel)`` that each window looks at; one in the padding becomes the first
    that is not."""
    found = []
    for kernel, stride, padding, dilation, n, out in zip(*w, strict=True):
        place = np.arange(out)[:, None] * stride + np.arange(kernel) * dilation - padding
        inside = (place >= 0) & (place < n)
        found.append(np.where(inside, place, np.where(inside, place, n - 1).min(1, keepdims=True)))
    return found


def maxima(x: Any, places: list[Any]) -> Any:
    """Where the largest elements stand, counted through the last dimensions of ``x`` as if they were one.

    Args:
        x: array ``(..., *lengths)``.
        places: for each of the last dimensions the places, ``(out, kernel)`` or ``(planes, out, kernel)`` if every
            plane of ``x`` has its own, that each window looks at.

    Returns:
        int64 array ``(..., *out)``: of several maxima the first, of several NaNs the last.
    """
    n, flat = len(places), np.zeros((1,) * 3, np.int64)
    for place, length in zip(places, x.shape[-n:], strict=True):
        flat = flat[:, :, None, :, None] * length + place[..., None, :, None, :]
        planes, a, b, c, d = flat.shape
        flat = flat.reshape((planes, a * b, c * d))
    lead, out = x.shape[:-n], (place.shape[-2] for place in places)
    rows = x.reshape((math.prod(lead), math.prod(x.shape[-n:])))
    values = rows[np.arange(len(rows))[:, None, None], flat]
    flat = np.broadcast_to(flat, values.shape)
    found = np.take_along_axis(flat, values.argmax(-1, keepdims=True), -1)
    if np.isnan(values).any():  # argmax has found the first
        found = np.maximum(found, (flat * np.isnan(values)).max(-1, keepdims=True))
    return found.reshape((*lead, *out))
