"""Element by element: arithmetic, powers, exponentials, trigonometry, choices.

Inputs broadcast against each other; the engine sums a gradient back to the shape of its input. Unless a row says
otherwise, the derivative at a kink is the one PyTorch chooses
(https://github.com/pytorch/pytorch/blob/main/tools/autograd/derivatives.yaml).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from micrograd_cn.ops.given import flat
from micrograd_cn.ops.table import composed, hidden, primitive

LOG2, LOG10 = math.log(2.0), math.log(10.0)
# Where tests draw from: away from zero, inside (-1, 1), and so on.
POSITIVE, SMALL, ABOVE_ONE = (0.2, 4.0), (-0.9, 0.9), (1.2, 4.0)

elementwise = functools.partial(primitive, elementwise=True)
numeric = functools.partial(primitive, elementwise=True, dtypes="number")
floating = functools.partial(primitive, elementwise=True, dtypes="float")
only_floats = functools.partial(primitive, elementwise=True, dtypes="float_only")


def over(x: Any, y: Any, limit: float = 0) -> Any:
    """``x / y``, and ``limit`` where ``y`` is 0, with finite derivatives there."""
    return np.where(y == 0, limit, x / np.where(y == 0, 1, y))


# --- arithmetic -----------------------------------------------------------------------------------------------


@elementwise(lambda g: g, lambda g: g, symbol="+", numpy=(np.add,), total=True)
def add(x: Any, y: Any) -> Any:
    """Sum ``x + y``, element by element."""
    return x + y


@elementwise(lambda g: g, lambda g: -g, symbol="-", numpy=(np.subtract,), total=True)
def sub(x: Any, y: Any) -> Any:
    """Difference ``x - y``, element by element."""
    return x - y


@elementwise(lambda g, y: g * y, lambda g, x: g * x, symbol="×", numpy=(np.multiply,), total=True)
def mul(x: Any, y: Any) -> Any:
    """Product ``x * y``, element by element."""
    return x * y


@composed(name="add")
def scaled_add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Sum ``input + alpha * other``, element by element. https://pytorch.org/docs/stable/generated/torch.add.html"""
    return add(input, other if alpha == 1 else other * alpha)


@composed(name="sub")
def scaled_sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """Difference ``input - alpha * other``, element by element."""
    return sub(input, other if alpha == 1 else other * alpha)


@floating(
    lambda g, y: g / y, lambda g, x, y: -g * ((x / y) / y),
    symbol="÷", numpy=(np.true_divide,), domain=((-3.0, 3.0), POSITIVE),
)  # fmt: skip
def div(x: Any, y: Any) -> Any:
    """Quotient ``x / y``, element by element; integers give floats."""
    return x / y


def _divisible(y: Any) -> None:
    """Refuse a zero in an integer divisor; floats give infinity there."""
    if isinstance(y, np.ndarray) and y.dtype.kind in "iu" and not y.all():
        raise RuntimeError("ZeroDivisionError: an integer cannot be divided by 0; convert with .float() to get inf")


@numeric(
    lambda g: np.zeros_like(g), lambda g: np.zeros_like(g),
    symbol="÷", backward_name="DivBackward1", domain=((-3.0, 3.0), POSITIVE), method=False,
)  # fmt: skip
def quotient(x: Any, y: Any, rounding_mode: str = "floor") -> Any:
    """Quotient ``x / y`` as a whole number, rounded down ("floor") or to zero ("trunc"); integers stay integers."""
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor', got {rounding_mode!r}")
    _divisible(y)
    if rounding_mode == "floor":
        return np.floor_divide(x, y)
    # Exact for integers too, which x / y is not beyond 2**53.
    return np.trunc(x / y) if x.dtype.kind == "f" else (x - np.fmod(x, y)) // y


@composed(name="div")
def rounded_div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """Quotient ``input / other``, or rounded: "floor" or "trunc". https://pytorch.org/docs/stable/generated/torch.div.html"""
    return div(input, other) if rounding_mode is None else quotient(input, other, rounding_mode)


def _power_base(g: Any, x: Any, exponent: Any) -> Any:
    # x**0 is 1 everywhere, also at 0, where 0 * x**-1 would be NaN.
    if isinstance(exponent, (int, float)):
        return np.zeros_like(g) if exponent == 0 else g * (exponent * x ** (exponent - 1))
    return np.where(exponent == 0, 0, g * (exponent * x ** np.where(exponent == 0, 1, exponent - 1)))


def _power_exponent(g: Any, x: Any, exponent: Any, out: Any) -> Any:
    # 0**y is 0 for all y > 0: flat, while log(0) is not a number to multiply by.
    flat = (x == 0) & (exponent >= 0)
    return np.where(flat, 0, g * (out * np.log(np.where(flat, 1, x))))


@numeric(_power_base, _power_exponent, symbol="**", numpy=(np.power, np.float_power), domain=(POSITIVE, (-2.0, 3.0)))
def pow(x: Any, exponent: Any) -> Any:
    """Power ``x ** exponent``, element by element. For integers a negative power is 0, save that of 1 and -1.

    Raises:
        RuntimeError: for integers to a single negative power.
    """
    try:
        return x**exponent
    except ValueError:
        if np.result_type(x, exponent).kind not in "iu":
            raise
        if not exponent.ndim:
            said = f"Integers to negative integer powers are not allowed: {exponent}; convert with .float()"
            raise RuntimeError(said) from None
        return np.where(exponent < 0, np.where(abs(x) == 1, x ** (exponent & 1), 0), x ** np.maximum(exponent, 0))


@elementwise(lambda g: -g, symbol="-", numpy=(np.negative,), total=True)
def neg(x: Any) -> Any:
    """Negation ``-x``."""
    return -x


@elementwise(lambda g: g, numpy=(np.positive,), total=True)
def positive(x: Any) -> Any:
    """``x`` itself."""
    return +x


def _abs_rule(g: Any, x: Any) -> Any:
    return g * sign(x)


@numeric(_abs_rule, runs=np.absolute, numpy=(np.fabs,), symbol="|x|", domain=(POSITIVE,))
def abs(x: Any) -> Any:
    """Absolute value; its derivative at 0 and at NaN is 0."""


@elementwise(lambda g, x: g * (2 * x), symbol="x²", backward_name="PowBackward0", numpy=(np.square,))
def square(x: Any) -> Any:
    """``x ** 2``; bools give int64."""
    return np.multiply(x, x, dtype=np.int64) if x.dtype.kind == "b" else x * x


@floating(lambda g, out: -g * (out * out), symbol="1/x", numpy=(np.reciprocal,), domain=(POSITIVE,))
def reciprocal(x: Any) -> Any:
    """``1 / x``."""
    return 1 / x


@numeric(
    lambda g: g, lambda g, x, y: -g * np.floor(x / y),
    symbol="mod", numpy=(np.remainder,), domain=((0.1, 0.9), (1.1, 2.0)),
)  # fmt: skip
def remainder(x: Any, y: Any) -> Any:
    """``x - floor(x / y) * y``: what is left of a division, with the sign of ``y``."""
    _divisible(y)
    return np.remainder(x, y)


@numeric(lambda g: g, lambda g, x, y: -g * np.trunc(x / y), numpy=(np.fmod,), domain=((0.1, 0.9), (1.1, 2.0)))
def fmod(x: Any, y: Any) -> Any:
    """``x - trunc(x / y) * y``: what is left of a division, with the sign of ``x``."""
    _divisible(y)
    return np.fmod(x, y)


@numeric(None, None, symbol="//", numpy=(np.floor_divide,))
def floor_divide(x: Any, y: Any) -> Any:
    """``floor(x / y)``, element by element; not differentiable."""
    _divisible(y)
    return x // y


# --- exponentials and roots ------------------------------------------------------------------------------------


@floating(lambda g, out: g * out, runs=np.exp)
def exp(x: Any) -> Any:
    """``e ** x``."""


@floating(lambda g, out: g * (out * LOG2), runs=np.exp2)
def exp2(x: Any) -> Any:
    """``2 ** x``."""


@floating(lambda g, out: g * (out + 1), runs=np.expm1)
def expm1(x: Any) -> Any:
    """``e ** x - 1``, exact near 0."""


@floating(lambda g, x: g / x, runs=np.log, domain=(POSITIVE,))
def log(x: Any) -> Any:
    """Natural logarithm; -inf at 0 and NaN below."""


@floating(lambda g, x: g / (x * LOG2), runs=np.log2, domain=(POSITIVE,))
def log2(x: Any) -> Any:
    """Logarithm to base 2."""


@floating(lambda g, x: g / (x * LOG10), runs=np.log10, domain=(POSITIVE,))
def log10(x: Any) -> Any:
    """Logarithm to base 10."""


@floating(lambda g, x: g / (x + 1), runs=np.log1p, domain=(POSITIVE,))
def log1p(x: Any) -> Any:
    """``log(1 + x)``, exact near 0."""


@floating(lambda g, out: g / (2 * out), runs=np.sqrt, symbol="√", domain=(POSITIVE,))
def sqrt(x: Any) -> Any:
    """Square root; its derivative at 0 is infinite."""


@floating(lambda g, out: -0.5 * g * (out * out * out), symbol="1/√", domain=(POSITIVE,))
def rsqrt(x: Any) -> Any:
    """``1 / sqrt(x)``."""
    return 1 / np.sqrt(x)


@only_floats(lambda g, x, y: g / (1 + np.exp(y - x)), lambda g, x, y: g / (1 + np.exp(x - y)), runs=np.logaddexp)
def logaddexp(x: Any, y: Any) -> Any:
    """``log(exp(x) + exp(y))`` without overflow."""


# --- trigonometry ----------------------------------------------------------------------------------------------


@floating(lambda g, x: g * np.cos(x), runs=np.sin)
def sin(x: Any) -> Any:
    """Sine of an angle in radians."""


@floating(lambda g, x: -g * np.sin(x), runs=np.cos)
def cos(x: Any) -> Any:
    """Cosine of an angle in radians."""


@floating(lambda g, out: g * (1 + out * out), runs=np.tan, domain=(SMALL,))
def tan(x: Any) -> Any:
    """Tangent of an angle in radians."""


@floating(lambda g, x: g / np.sqrt(1 - x * x), runs=np.arcsin, domain=(SMALL,))
def asin(x: Any) -> Any:
    """Inverse sine in radians."""


@floating(lambda g, x: -g / np.sqrt(1 - x * x), runs=np.arccos, domain=(SMALL,))
def acos(x: Any) -> Any:
    """Inverse cosine in radians."""


@floating(lambda g, x: g / (1 + x * x), runs=np.arctan)
def atan(x: Any) -> Any:
    """Inverse tangent in radians."""


def _over_square(x: Any, y: Any) -> Any:
    """``1 / (x² + y²)``, and 0 where both are 0."""
    return np.where((x == 0) & (y == 0), 0, np.divide(1, x * x + y * y))


@floating(
    lambda g, x, y: g * (y * _over_square(x, y)), lambda g, x, y: g * (-x * _over_square(x, y)),
    runs=np.arctan2, domain=(POSITIVE, POSITIVE),
)  # fmt: skip
def atan2(x: Any, y: Any) -> Any:
    """The angle in radians of the point ``(y, x)``: the inverse tangent of ``x / y`` in its quadrant."""


@floating(lambda g, x: g * np.cosh(x), runs=np.sinh)
def sinh(x: Any) -> Any:
    """Hyperbolic sine."""


@floating(lambda g, x: g * np.sinh(x), runs=np.cosh)
def cosh(x: Any) -> Any:
    """Hyperbolic cosine."""


@floating(lambda g, out: g * (1 - out * out), runs=np.tanh)
def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""


@floating(lambda g, x: g / np.sqrt(x * x + 1), runs=np.arcsinh)
def asinh(x: Any) -> Any:
    """Inverse hyperbolic sine."""


@floating(lambda g, x: g / np.sqrt(x * x - 1), runs=np.arccosh, domain=(ABOVE_ONE,))
def acosh(x: Any) -> Any:
    """Inverse hyperbolic cosine."""


@floating(lambda g, x: g / (1 - x * x), runs=np.arctanh, domain=(SMALL,))
def atanh(x: Any) -> Any:
    """Inverse hyperbolic tangent."""


@only_floats(
    lambda g, x, out: g * (x / out), lambda g, y, out: g * (y / out), runs=np.hypot, domain=(POSITIVE, POSITIVE)
)
def hypot(x: Any, y: Any) -> Any:
    """``sqrt(x**2 + y**2)`` without overflow."""


# --- steps: the derivative is zero wherever it exists -----------------------------------------------------------


@elementwise(lambda g: np.zeros_like(g), numpy=(np.sign,), domain=(POSITIVE,))
def sign(x: Any) -> Any:
    """-1, 0 or 1, and 0 for NaN; a bool stays as it is."""
    return x.copy() if x.dtype.kind == "b" else np.subtract(x > 0, x < 0, dtype=x.dtype)


@numeric(lambda g: np.zeros_like(g), runs=np.floor, domain=((0.1, 0.9),))
def floor(x: Any) -> Any:
    """The largest whole number that is not above ``x``."""


@numeric(lambda g: np.zeros_like(g), runs=np.ceil, domain=((0.1, 0.9),))
def ceil(x: Any) -> Any:
    """The smallest whole number that is not below ``x``."""


@numeric(lambda g: np.zeros_like(g), runs=np.trunc, numpy=(np.fix,), domain=((0.1, 0.9),))
def trunc(x: Any) -> Any:
    """The whole part of ``x``."""


@numeric(lambda g: np.zeros_like(g), numpy=(np.rint, np.round), domain=((0.1, 0.4),))
def round(x: Any, decimals: int = 0) -> Any:
    """The nearest number with ``decimals`` digits, halves to even."""
    return np.round(x, decimals)


@only_floats(lambda g: g, domain=((0.1, 0.9),))
def frac(x: Any) -> Any:
    """The part of ``x`` behind the decimal point."""
    return x - np.trunc(x)


# --- choices -------------------------------------------------------------------------------------------------------


@elementwise(
    None, lambda g, condition: np.where(condition, g, 0), lambda g, condition: np.where(condition, 0, g),
    numpy=(np.where,), method=False,
)  # fmt: skip
def where(condition: Any, x: Any, y: Any) -> Any:
    """``x`` where ``condition`` holds and ``y`` elsewhere. All three broadcast."""
    return np.where(condition, x, y)


# Integers of the size of each float, to multiply its bits by 0 or 1.
_BITS = {2: np.dtype(np.uint16), 4: np.dtype(np.uint32), 8: np.dtype(np.uint64)}


def _gated_rule(g: Any, gate: Any) -> Any:
    return gated(g, gate)


@hidden(lambda g, x, at: flat(x, np.where(at, 0, g)), None, None, symbol="where", backward_name="WhereBackward0")
def halted(x: Any, at: Any, value: Any) -> Any:
    """``x``, but ``value`` where the mask ``at`` is true: a straight line that stops there."""
    return np.where(at, value, x)


@hidden(_gated_rule, lambda g: np.zeros_like(g), symbol="gate")
def gated(x: Any, gate: Any) -> Any:
    """``x`` where ``gate`` is above 0, else 0, also for an infinity or NaN, which ``x * np.sign(gate)`` would keep.

    ``gate`` has the shape and type of ``x`` and nothing below 0.

    A product of the bits: 9 times as fast as np.where on large arrays, whose branches the processor cannot foresee.
    """
    if x.__class__ is float:
        return x if gate else 0.0
    bits = _BITS[x.itemsize]
    open = gate.view(bits)
    open = np.sign(open + open)  # without the sign, which -0 has, and some NaNs
    open *= x.view(bits)
    return open.view(x.dtype)


@elementwise(
    lambda g, x, y: np.where(x == y, g / 2, np.where(x < y, 0, g)),
    lambda g, x, y: np.where(x == y, g / 2, np.where(y < x, 0, g)),
    runs=np.maximum, symbol="max", domain=((0.1, 0.9), (1.1, 2.0)),
)  # fmt: skip
def maximum(x: Any, y: Any) -> Any:
    """The larger of the two; where they are equal each gets half of the gradient. NaN wins."""


@elementwise(
    lambda g, x, y: np.where(x == y, g / 2, np.where(x > y, 0, g)),
    lambda g, x, y: np.where(x == y, g / 2, np.where(y > x, 0, g)),
    runs=np.minimum, symbol="min", domain=((0.1, 0.9), (1.1, 2.0)),
)  # fmt: skip
def minimum(x: Any, y: Any) -> Any:
    """The smaller of the two; where they are equal each gets half of the gradient. NaN wins."""


def _clamp_inside(g: Any, x: Any, min: Any, max: Any) -> Any:
    inside = True if min is None else x >= min
    return np.where(inside if max is None else inside & (x <= max), g, 0)


@numeric(
    _clamp_inside,
    lambda g, x, min, max: np.where((x < min) if max is None else (x < min) & (min < max), g, 0),
    lambda g, x, min, max: np.where((x > max) if min is None else (x > max) | (max < min), g, 0),
    backward_name="ClampBackward1", numpy=(np.clip,), domain=((0.4, 0.6), (0.1, 0.3), (0.7, 0.9)),
)  # fmt: skip
def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    """``x``, but not below ``min`` and not above ``max``; either bound may be None. ``max`` wins where they cross."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if min is not None:
        x = np.maximum(x, min)
    return x if max is None else np.minimum(x, max)
