"""Special functions, element by element. SciPy computes them; it is loaded when one is first used.

The derivatives are those of the NIST handbook: https://dlmf.nist.gov (chapters 5 and 7).
"""

from __future__ import annotations

import functools
import importlib
import math
from typing import Any

import numpy as np

from micrograd_cn.ops.elementwise import POSITIVE, SMALL, floating, over
from micrograd_cn.ops.shape import need
from micrograd_cn.ops.table import composed

# The slope of erf at 0, and the area under exp(-x²/2).
SLOPE, ROOT_2PI = 2 / math.sqrt(math.pi), math.sqrt(2 * math.pi)


@functools.cache
def _scipy(name: str) -> Any:
    return getattr(importlib.import_module("scipy.special"), name)


def _computed(name: str, x: Any, *before: Any) -> Any:
    """SciPy's function in the type of ``x``: it turns float16 into float64."""
    return _scipy(name)(*before, x).astype(x.dtype, copy=False)


def scipy_row(function: str, *rules: Any, **facts: Any) -> Any:
    """An element-wise row that SciPy's ``function`` computes."""
    return floating(*rules, runs=functools.partial(_computed, function), **facts)


def special_row(function: str, *rules: Any, **facts: Any) -> Any:
    """One that is found in ``torch.special`` only."""
    return scipy_row(function, *rules, name=f"special_{function}", **facts)


@scipy_row("erf", lambda g, x: g * SLOPE * np.exp(-x * x))
def erf(x: Any) -> Any:
    """The error function ``2/√π ∫₀ˣ exp(-t²) dt``."""


@scipy_row("erfc", lambda g, x: g * -SLOPE * np.exp(-x * x))
def erfc(x: Any) -> Any:
    """``1 - erf(x)``, exact for large ``x``."""


@scipy_row("erfinv", lambda g, out: g * (math.sqrt(math.pi) / 2) * np.exp(out * out), domain=(SMALL,))
def erfinv(x: Any) -> Any:
    """The inverse of `erf` on (-1, 1)."""


@floating(lambda g, x, n: g * polygamma(n + 1, x), backward_name="PolygammaBackward0", domain=(POSITIVE,), method=False)
def derived_digamma(x: Any, n: int = 1) -> Any:
    """The ``n``-th derivative of `digamma`."""
    return _computed("polygamma", x, n)


@scipy_row("digamma", lambda g, x: g * derived_digamma(x), domain=(POSITIVE,))
def digamma(x: Any) -> Any:
    """The derivative of `lgamma`."""


@scipy_row("gammaln", lambda g, x: g * digamma(x), domain=(POSITIVE,))
def lgamma(x: Any) -> Any:
    """Logarithm of the absolute value of the gamma function; ``Γ(n) = (n - 1)!`` for whole n."""


@composed(method=False)
def polygamma(n: int, input: Any) -> Any:
    """The ``n``-th derivative of `digamma`."""
    need(n >= 0, f"polygamma(n, x) does not support negative n, got {n}")
    return derived_digamma(input, n) if n else digamma(input)


def _xlogy_slope(g: Any, x: Any, y: Any) -> Any:
    flat = (x == 0) & (y <= 0)
    return np.where(flat, 0, g * np.log(np.where(flat, 1, y)))


@floating(_xlogy_slope, lambda g, x, y: g * x / y, domain=(POSITIVE, POSITIVE))
def xlogy(x: Any, y: Any) -> Any:
    """``x * log(y)``, and 0 where ``x`` is 0 (unless ``y`` is NaN)."""
    return _scipy("xlogy")(x, y).astype(np.result_type(x, y), copy=False)


def _xlog1py_slope(g: Any, x: Any, y: Any) -> Any:
    flat = (x == 0) & (y <= -1)
    return np.where(flat, 0, g * np.log1p(np.where(flat, 0, y)))


@floating(_xlog1py_slope, lambda g, x, y: g * (x / (y + 1)), name="special_xlog1py", domain=(POSITIVE, POSITIVE))
def xlog1py(x: Any, y: Any) -> Any:
    """``x * log1p(y)``, and 0 where ``x`` is 0 (unless ``y`` is NaN)."""
    return _scipy("xlog1py")(x, y).astype(np.result_type(x, y), copy=False)


@composed(in_place=True)
def mvlgamma(input: Any, p: int) -> Any:
    """Logarithm of the multivariate gamma function of dimension ``p``, without its sign."""
    need(p > 0, f"p has to be greater than or equal to 1, got {p}")
    return sum((lgamma(input - 0.5 * i) for i in range(p)), p * (p - 1) / 4 * math.log(math.pi))


# --- Bessel functions: https://dlmf.nist.gov/10.29 -------------------------------------------------------------------


@scipy_row("i0", lambda g, x: g * i1(x))
def i0(x: Any) -> Any:
    """The modified Bessel function of the first kind, of order 0."""


@special_row("i1", lambda g, x, out: g * (i0(x) - over(out, x, 0.5)))
def i1(x: Any) -> Any:
    """The modified Bessel function of the first kind, of order 1."""


@special_row("i0e", lambda g, x, out: g * (i1e(x) - np.sign(x) * out))
def i0e(x: Any) -> Any:
    """``exp(-|x|) * i0(x)``."""


@special_row("i1e", lambda g, x, out: g * (i0e(x) - np.sign(x) * out - over(out, x, 0.5)))
def i1e(x: Any) -> Any:
    """``exp(-|x|) * i1(x)``."""


# --- the normal distribution, entropy, sinc --------------------------------------------------------------------------


@special_row("erfcx", lambda g, x, out: g * (2 * x * out - SLOPE))
def erfcx(x: Any) -> Any:
    """``exp(x²) * erfc(x)`` without overflow."""


@special_row("ndtr", lambda g, x: g * (np.exp(-x * x / 2) / ROOT_2PI))
def ndtr(x: Any) -> Any:
    """The probability that a standard normal number is below ``x``."""


@special_row("log_ndtr", lambda g, x, out: g * (np.exp(-out - x * x / 2) / ROOT_2PI))
def log_ndtr(x: Any) -> Any:
    """The logarithm of `ndtr`, exact for very negative ``x``."""


@special_row("ndtri", lambda g, out: g * (ROOT_2PI * np.exp(out * out / 2)), domain=((0.1, 0.9),))
def ndtri(x: Any) -> Any:
    """The inverse of `ndtr` on (0, 1)."""


@special_row("entr", lambda g, x: -g * (1 + np.log(x)), domain=(POSITIVE,))
def entr(x: Any) -> Any:
    """``-x * log(x)``; 0 at 0, and -inf below."""


def _sinc_rule(g: Any, x: Any) -> Any:
    angle = math.pi * x
    return g * over(angle * np.cos(angle) - np.sin(angle), angle * x)


@floating(_sinc_rule)
def sinc(x: Any) -> Any:
    """``sin(πx) / (πx)``, and 1 at 0."""
    return np.sinc(x)
