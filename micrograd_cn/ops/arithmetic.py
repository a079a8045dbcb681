"""More arithmetic, element by element: signs, neighbours, logarithms to base 2, whole-number functions.

https://pytorch.org/docs/stable/torch.html#pointwise-ops
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from micrograd_cn.ops.elementwise import elementwise, floating, only_floats, over, pow, where
from micrograd_cn.ops.shape import need
from micrograd_cn.ops.table import composed, hidden

# --- signs and neighbours --------------------------------------------------------------------------------------------


@floating(
    lambda g, x, out: g * over(out, x), lambda g: np.zeros_like(g), runs=np.copysign,
)  # fmt: skip
def copysign(x: Any, y: Any) -> Any:
    """``|x|`` with the sign of ``y``."""


@elementwise(None, runs=np.signbit)
def signbit(x: Any) -> Any:
    """True for numbers below 0, and for -0.0."""


@elementwise(None, None, dtypes="same", numpy=(np.heaviside,))
def heaviside(x: Any, values: Any) -> Any:
    """0 below 0, 1 above, and ``values`` at 0."""
    return np.where(x == 0, values, x > 0).astype(x.dtype)


@only_floats(lambda g: g, lambda g: np.zeros_like(g), runs=np.nextafter)
def nextafter(x: Any, y: Any) -> Any:
    """The number next to ``x`` in the direction of ``y``."""


@floating(lambda g: np.zeros_like(g))
def angle(x: Any) -> Any:
    """The angle of a number in the complex plane: 0, or π below 0; NaN stays."""
    return np.where(np.isnan(x), x, np.where(x < 0, x.dtype.type(math.pi), 0)).astype(x.dtype)


# --- choices and logarithms ------------------------------------------------------------------------------------------


@elementwise(
    lambda g, x, y: np.where((x >= y) | (y != y), g, 0), lambda g, x, y: np.where((x >= y) | (y != y), 0, g),
    runs=np.fmax,
)  # fmt: skip
def fmax(x: Any, y: Any) -> Any:
    """The larger of the two; a number wins over NaN."""


@elementwise(
    lambda g, x, y: np.where((x <= y) | (y != y), g, 0), lambda g, x, y: np.where((x <= y) | (y != y), 0, g),
    runs=np.fmin,
)  # fmt: skip
def fmin(x: Any, y: Any) -> Any:
    """The smaller of the two; a number wins over NaN."""


@only_floats(lambda g, x, y: g / (1 + np.exp2(y - x)), lambda g, x, y: g / (1 + np.exp2(x - y)), runs=np.logaddexp2)
def logaddexp2(x: Any, y: Any) -> Any:
    """``log2(2**x + 2**y)`` without overflow."""


@composed(in_place=True)
def ldexp(input: Any, other: Any) -> Any:
    """``input * 2 ** other``."""
    return input * pow(2.0, other)


@composed(in_place=True)
def float_power(input: Any, exponent: Any) -> Any:
    """``input ** exponent`` in float64."""
    return pow(*(x.double() if hasattr(x, "double") else float(x) for x in (input, exponent)))


@composed(method=False)
def fill(input: Any, value: Any) -> Any:
    """``value``, a number or a 0-dim tensor, everywhere in the shape and type of ``input``."""
    if len(getattr(value, "shape", ())):
        raise RuntimeError(f"fill only supports 0-dimension value tensor but got shape {list(value.shape)}")
    value = value.to(input.dtype) if hasattr(value, "to") else value
    return where(np.zeros(tuple(input.shape), bool), input, value)


@composed(method=False)
def rsub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """``other - alpha * input``."""
    return other - (input if alpha == 1 else input * alpha)


# --- complex numbers -------------------------------------------------------------------------------------------------


@hidden(None)
def conjugate(x: Any) -> Any:
    """The complex conjugate of complex numbers."""
    return np.conjugate(x)


@hidden(None)
def real_part(x: Any) -> Any:
    """The real part of complex numbers."""
    return x.real.copy()


@hidden(None)
def imaginary_part(x: Any) -> Any:
    """The imaginary part of complex numbers."""
    return x.imag.copy()


@composed
def conj(input: Any) -> Any:
    """The complex conjugate; real numbers themselves."""
    return conjugate(input) if input.is_complex() else input


@composed
def resolve_neg(input: Any) -> Any:
    """``input`` itself: numbers are negated at once here."""
    return input


@composed(method=False)
def real(input: Any) -> Any:
    """The real part, a copy; real numbers themselves."""
    return real_part(input) if input.is_complex() else input


@composed(method=False)
def imag(input: Any) -> Any:
    """The imaginary part of complex numbers, a copy.

    Raises:
        RuntimeError: for real numbers.
    """
    need(input.is_complex(), f"imag is not implemented for tensors with non-complex dtypes, got {input.dtype}")
    return imaginary_part(input)
