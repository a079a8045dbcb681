"""Distances, integrals and histograms. All are composed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from micrograd_cn.ops.extremes import return_type
from micrograd_cn.ops.reduction import vector_norm
from micrograd_cn.ops.shape import axis_index, axis_length, narrow, need, unsqueeze, view
from micrograd_cn.ops.table import composed

# --- distances -------------------------------------------------------------------------------------------------------


@composed
def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The ``p``-norm of ``input - other``."""
    return vector_norm(input - other, float(p))


def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str | None = None) -> Any:
    """The ``p``-norms ``(..., n, m)`` of each row of ``x1`` ``(..., n, d)`` minus each of ``x2`` ``(..., m, d)``."""
    fits = len(x1.shape) > 1 and len(x2.shape) > 1 and x1.shape[-1] == x2.shape[-1]
    need(fits, f"cdist takes matrices of equally long rows, got {list(x1.shape)} and {list(x2.shape)}")
    fits = p >= 0 and x1.is_floating_point() and x2.is_floating_point()
    need(fits, f"cdist takes fractions and a non-negative p, got {x1.dtype}, {x2.dtype} and {p=}")
    return vector_norm(unsqueeze(x1, -2) - unsqueeze(x2, -3), float(p), -1)


@composed(in_place=True)
def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """``input`` with each slice along ``dim`` whose ``p``-norm is above ``maxnorm`` scaled down to it."""
    fits = p > 0 and maxnorm >= 0 and len(input.shape) > 1
    need(fits, f"renorm takes {p=} > 0, {maxnorm=} >= 0 and at least 2 dimensions, got {list(input.shape)}")
    dim = axis_index(dim, len(input.shape))
    norm = vector_norm(input, float(p), tuple(i for i in range(len(input.shape)) if i != dim), True)
    return input * np.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1.0)


# --- integrals -------------------------------------------------------------------------------------------------------


def _trapezoids(name: str, y: Any, x: Any, dx: float, dim: int) -> Any:
    """Twice the areas between neighbours along ``dim``."""
    need(y.shape, f"{name}(): Dimension specified as {dim} but tensor has no dimensions", IndexError)
    dim, n = axis_length(y, dim)
    steps = max(n - 1, 0)
    pairs = narrow(y, dim, n - steps, steps) + narrow(y, dim, 0, steps)
    if x is None:
        return pairs * dx
    if len(x.shape) == 1:
        need(len(x) == n, f"{name}(): There must be one `x` value for each sample point, got {len(x)} for {n}")
        x = view(x, (-1,) + (1,) * (len(y.shape) - dim - 1))
    else:
        x = view(x, (1,) * (len(y.shape) - len(x.shape)) + tuple(x.shape))
    return pairs * x.diff(dim=dim - len(y.shape))


def trapezoid(y: Any, x: Any = None, *, dx: float = 1, dim: int = -1) -> Any:
    """The integral of ``y`` along ``dim`` by the trapezoidal rule, at the points ``x`` or ``dx`` apart."""
    return _trapezoids("trapezoid", y, x, dx, dim).sum(dim) / 2


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: float = 1, dim: int = -1) -> Any:
    """The `trapezoid` integrals up to the second, the third, … point."""
    return _trapezoids("cumulative_trapezoid", y, x, dx, dim).cumsum(dim) / 2


# --- histograms ------------------------------------------------------------------------------------------------------


_HISTOGRAM = return_type("histogram", "hist bin_edges")


@composed
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many elements fall into each of ``bins`` equal intervals from ``min`` to ``max`` (of the data, if equal)."""
    x = input._raw
    need(bins > 0 and min <= max, f"torch.histc(): bins must be > 0 and min <= max, got {bins=}, {min=} and {max=}")
    low, high = (x.min(), x.max()) if min == max and x.size else (min, max)
    need(np.isfinite((low, high)).all(), f"torch.histc: range of [{low}, {high}] is not finite")
    bounds = (low - 1, high + 1) if low == high else (low, high)
    return input._constant(np.histogram(x, bins, bounds)[0].astype(x.dtype))


@composed
def histogram(
    input: Any, bins: Any = 100, *, range: Sequence[float] | None = None, weight: Any = None, density: bool = False
) -> Any:
    """How many elements (or how much ``weight``) fall between neighbouring ``bins``, as ``(hist, bin_edges)``.

    ``bins`` are the edges, or how many equal intervals cover ``range`` (of the data, if None).
    """
    x, weights = input._raw, None if weight is None else weight._raw
    need(not isinstance(bins, int) or bins > 0, f"torch.histogram(): bins must be > 0, but got {bins}")
    fits = weight is None or (weight.shape == input.shape and weight.dtype is input.dtype)
    need(fits, f"torch.histogram(): weight must have the shape {list(x.shape)} and type {input.dtype}")
    low, high = range or ((x.min(), x.max()) if x.size else (0, 1))
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1, dtype=x.dtype) if isinstance(bins, int) else bins._raw
    hist = np.histogram(x, edges, weights=weights, density=density)[0]
    return _HISTOGRAM(input._constant(hist.astype(x.dtype)), input._constant(edges))
