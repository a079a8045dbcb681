"""Comparisons and logic, element by element. They answer in bool (bitwise ones in integers) and have no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.ops.elementwise import elementwise
from micrograd_cn.ops.layout import broadcast_tensors
from micrograd_cn.ops.shape import need
from micrograd_cn.ops.table import composed


@elementwise(None, None, runs=np.equal, symbol="=")
def eq(x: Any, y: Any) -> Any:
    """``x == y``, element by element, as bool."""


@elementwise(None, None, runs=np.not_equal, symbol="≠")
def ne(x: Any, y: Any) -> Any:
    """``x != y``, element by element, as bool."""


@elementwise(None, None, runs=np.less, symbol="<")
def lt(x: Any, y: Any) -> Any:
    """``x < y``, element by element, as bool."""


@elementwise(None, None, runs=np.less_equal, symbol="≤")
def le(x: Any, y: Any) -> Any:
    """``x <= y``, element by element, as bool."""


@elementwise(None, None, runs=np.greater, symbol=">")
def gt(x: Any, y: Any) -> Any:
    """``x > y``, element by element, as bool."""


@elementwise(None, None, runs=np.greater_equal, symbol="≥")
def ge(x: Any, y: Any) -> Any:
    """``x >= y``, element by element, as bool."""


@elementwise(None, None, runs=np.logical_and)
def logical_and(x: Any, y: Any) -> Any:
    """True where both are non-zero."""


@elementwise(None, None, runs=np.logical_or)
def logical_or(x: Any, y: Any) -> Any:
    """True where either is non-zero."""


@elementwise(None, None, runs=np.logical_xor)
def logical_xor(x: Any, y: Any) -> Any:
    """True where exactly one is non-zero."""


@elementwise(None, runs=np.logical_not)
def logical_not(x: Any) -> Any:
    """True where ``x`` is zero."""


@elementwise(None, None, runs=np.bitwise_and, symbol="&")
def bitwise_and(x: Any, y: Any) -> Any:
    """``x & y`` on the bits of integers, or logical and on bools."""


@elementwise(None, None, runs=np.bitwise_or, symbol="|")
def bitwise_or(x: Any, y: Any) -> Any:
    """``x | y`` on the bits of integers, or logical or on bools."""


@elementwise(None, None, runs=np.bitwise_xor, symbol="^")
def bitwise_xor(x: Any, y: Any) -> Any:
    """``x ^ y`` on the bits of integers, or logical xor on bools."""


@elementwise(None, runs=np.invert, symbol="~")
def bitwise_not(x: Any) -> Any:
    """``~x`` on the bits of integers, or logical not on bools."""


@elementwise(None, runs=np.isnan)
def isnan(x: Any) -> Any:
    """True where ``x`` is not a number."""


@elementwise(None, runs=np.isinf)
def isinf(x: Any) -> Any:
    """True where ``x`` is infinite."""


@elementwise(None, runs=np.isfinite)
def isfinite(x: Any) -> Any:
    """True where ``x`` is neither infinite nor NaN."""


@composed
def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """True where ``|input - other| <= atol + rtol * |other|``."""
    if input.dtype is not other.dtype:
        raise RuntimeError(f"isclose: {input.dtype} did not match {other.dtype}; convert one of them with .to()")
    need(rtol >= 0 and atol >= 0, f"rtol and atol must be greater than or equal to zero, but got {rtol} and {atol}")
    x, y = broadcast_tensors(input, other)
    return input._constant(np.asarray(np.isclose(x._raw, y._raw, rtol, atol, equal_nan)))


@composed
def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """True if ``|input - other| <= atol + rtol * |other|`` everywhere."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@composed
def is_nonzero(input: Any) -> bool:
    """True if the single element is not 0."""
    need(input.numel() == 1, f"Boolean value of Tensor with {input.numel()} values is ambiguous")
    return bool(input)


@composed
def equal(input: Any, other: Any) -> bool:
    """True if shape and all elements are the same."""
    if not hasattr(other, "_raw"):
        raise TypeError(f"equal(): argument 'other' must be Tensor, not {type(other).__name__} ({other!r})")
    return tuple(input.shape) == tuple(other.shape) and bool((input._raw == other._raw).all())
