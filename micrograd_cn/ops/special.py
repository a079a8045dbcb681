"""Special functions, element by element. SciPy computes them; it is loaded when one is first used.

The derivatives are those of the NIST handbook: https://dlmf.nist.gov (chapters 5 and 7).
"""

from __future__ import annotations

import functools
import importlib
import math
from typing import Any

import numpy as np

from micrograd_cn.ops.elementwise import POSITIVE, SMALL, floating
from micrograd_cn.ops.table import composed


@functools.cache
def _scipy(name: str) -> Any:
    return getattr(importlib.import_module("scipy.special"), name)


def _computed(name: str, x: Any, *before: Any) -> Any:
    """SciPy's function in the type of ``x``: it turns float16 into float64."""
    return _scipy(name)(*before, x).astype(x.dtype, copy=False)


@floating(lambda g, x: g * (2 / math.sqrt(math.pi)) * np.exp(-x * x))
def erf(x: Any) -> Any:
    """The error function ``2/√π ∫₀ˣ exp(-t²) dt``."""
    return _computed("erf", x)


@floating(lambda g, x: g * (-2 / math.sqrt(math.pi)) * np.exp(-x * x))
def erfc(x: Any) -> Any:
    """``1 - erf(x)``, exact for large ``x``."""
    return _computed("erfc", x)


@floating(lambda g, out: g * (math.sqrt(math.pi) / 2) * np.exp(out * out), domain=(SMALL,))
def erfinv(x: Any) -> Any:
    """The inverse of `erf` on (-1, 1)."""
    return _computed("erfinv", x)


def _polygamma_rule(g: Any, x: Any, n: int) -> Any:
    return g * derived_digamma(x, n + 1)


@floating(_polygamma_rule, backward_name="PolygammaBackward0", domain=(POSITIVE,))
def derived_digamma(x: Any, n: int = 1) -> Any:
    """The ``n``-th derivative of `digamma`."""
    return _computed("polygamma", x, n)


@floating(lambda g, x: g * derived_digamma(x, 1), domain=(POSITIVE,))
def digamma(x: Any) -> Any:
    """The derivative of `lgamma`."""
    return _computed("digamma", x)


@floating(lambda g, x: g * digamma(x), domain=(POSITIVE,))
def lgamma(x: Any) -> Any:
    """Logarithm of the absolute value of the gamma function; ``Γ(n) = (n - 1)!`` for whole n."""
    return _computed("gammaln", x)


@composed
def polygamma(n: int, input: Any) -> Any:
    """The ``n``-th derivative of `digamma`."""
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, got {n}")
    return derived_digamma(input, n) if n else digamma(input)


def _xlogy_slope(g: Any, x: Any, y: Any) -> Any:
    return np.where((x == 0) & (y <= 0), 0, g * np.log(np.where((x == 0) & (y <= 0), 1, y)))


@floating(_xlogy_slope, lambda g, x, y: g * (x / y), domain=(POSITIVE, POSITIVE))
def xlogy(x: Any, y: Any) -> Any:
    """``x * log(y)``, and 0 where ``x`` is 0 (unless ``y`` is NaN)."""
    return _scipy("xlogy")(x, y).astype(np.result_type(x, y), copy=False)
