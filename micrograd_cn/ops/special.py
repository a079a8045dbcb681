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
from micrograd_cn.ops.shape import need
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


def _xlog1py_slope(g: Any, x: Any, y: Any) -> Any:
    return np.where((x == 0) & (y <= -1), 0, g * np.log1p(np.where((x == 0) & (y <= -1), 0, y)))


@floating(_xlog1py_slope, lambda g, x, y: g * (x / (y + 1)), name="special_xlog1py", domain=(POSITIVE, POSITIVE))
def xlog1py(x: Any, y: Any) -> Any:
    """``x * log1p(y)``, and 0 where ``x`` is 0 (unless ``y`` is NaN)."""
    return _scipy("xlog1py")(x, y).astype(np.result_type(x, y), copy=False)


@composed
def mvlgamma(input: Any, p: int) -> Any:
    """Logarithm of the multivariate gamma function of dimension ``p``, without its sign."""
    need(p > 0, f"p has to be greater than or equal to 1, got {p}")
    return sum((lgamma(input - 0.5 * i) for i in range(p)), p * (p - 1) / 4 * math.log(math.pi))


# --- Bessel functions: https://dlmf.nist.gov/10.29 -------------------------------------------------------------------


def _i0_rule(g: Any, x: Any) -> Any:
    return g * i1(x)


@floating(_i0_rule)
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind, of order 0."""
    return _computed("i0", x)


def _by_number(f: Any, x: Any) -> Any:
    """``f / x``, and its limit 1/2 at 0."""
    return np.where(x == 0, 0.5, f / np.where(x == 0, 1, x))


@floating(lambda g, x, out: g * (i0(x) - _by_number(out, x)), name="special_i1")
def i1(x: Any) -> Any:
    """The modified Bessel function of the first kind, of order 1."""
    return _computed("i1", x)


def _i0e_rule(g: Any, x: Any, out: Any) -> Any:
    return g * (i1e(x) - np.sign(x) * out)


@floating(_i0e_rule, name="special_i0e")
def i0e(x: Any) -> Any:
    """``exp(-|x|) * i0(x)``."""
    return _computed("i0e", x)


@floating(lambda g, x, out: g * (i0e(x) - np.sign(x) * out - _by_number(out, x)), name="special_i1e")
def i1e(x: Any) -> Any:
    """``exp(-|x|) * i1(x)``."""
    return _computed("i1e", x)


# --- the normal distribution, entropy, sinc --------------------------------------------------------------------------


@floating(lambda g, x, out: g * (2 * x * out - 2 / math.sqrt(math.pi)), name="special_erfcx")
def erfcx(x: Any) -> Any:
    """``exp(x²) * erfc(x)`` without overflow."""
    return _computed("erfcx", x)


@floating(lambda g, x: g * (np.exp(-x * x / 2) / math.sqrt(2 * math.pi)), name="special_ndtr")
def ndtr(x: Any) -> Any:
    """The probability that a standard normal number is below ``x``."""
    return _computed("ndtr", x)


@floating(lambda g, x, out: g * (np.exp(-out - x * x / 2) / math.sqrt(2 * math.pi)), name="special_log_ndtr")
def log_ndtr(x: Any) -> Any:
    """The logarithm of `ndtr`, exact for very negative ``x``."""
    return _computed("log_ndtr", x)


@floating(
    lambda g, out: g * (math.sqrt(2 * math.pi) * np.exp(out * out / 2)), name="special_ndtri", domain=((0.1, 0.9),)
)
def ndtri(x: Any) -> Any:
    """The inverse of `ndtr` on (0, 1)."""
    return _computed("ndtri", x)


@floating(lambda g, x: -g * (1 + np.log(x)), name="special_entr", domain=(POSITIVE,))
def entr(x: Any) -> Any:
    """``-x * log(x)``; 0 at 0, and -inf below."""
    return _computed("entr", x)


def _sinc_rule(g: Any, x: Any) -> Any:
    angle, safe = math.pi * x, np.where(x == 0, 1, x)
    return g * np.where(x == 0, 0, (angle * np.cos(angle) - np.sin(angle)) / (math.pi * safe * safe))


@floating(_sinc_rule)
def sinc(x: Any) -> Any:
    """``sin(πx) / (πx)``, and 1 at 0."""
    return np.sinc(x)
