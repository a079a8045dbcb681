"""Normal numbers from uniform ones, to the last bit as PyTorch's vector code makes them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
CACHED = 8192  # this many numbers at a time, so that what stands between them stays in the cache


def fused(a: NDArray[Any], b: Any, c: Any) -> NDArray[Any]:
    """``a * b + c`` rounded once, as a processor's fused multiply-add does, in the precision of ``a``.

    float32 goes through float64, where the product is exact. For float64 the errors made in rounding the
    product (Dekker, 1971) and the sum (Knuth, 1969) are worked out and added back.

    Args:
        a: float32 or float64 array, 1-dimensional if float64.
        b, c: numbers; arrays of the shape and type of ``a`` too if that is float32.
    """
    if a.dtype == F32:
        wide = a.astype(F64)
        wide *= b
        wide += c
        return wide.astype(F32)
    result = np.empty_like(a)
    for start in range(0, len(a), CACHED):
        part = a[start : start + CACHED]
        product = part * b
        total = product + c
        high, b_high = _high_half(part), _high_half(np.asarray(b))
        low, b_low = part - high, b - b_high
        lost = ((high * b_high - product) + high * b_low + low * b_high) + low * b_low
        added = total - product
        lost += (product - (total - added)) + (c - added)
        result[start : start + CACHED] = np.where(np.isfinite(lost), total + lost, total)
    return result


def _high_half(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The number made of the leading 26 bits, so that products of halves are exact."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = x * (2.0**27 + 1)
        return scaled - (scaled - x)


def boxmuller(uniforms: NDArray[Any]) -> NDArray[Any]:
    """Normal numbers from uniform ones, in blocks of 16: eight radii, then eight angles.

    In float32, log, sin and cos are the polynomials of the Cephes library (Moshier, 1984), which PyTorch's
    vector code uses, with the same operations fused. They need nothing but arithmetic, so the numbers do not
    depend on the machine.
    """
    result = np.empty_like(uniforms).reshape(-1, 2, 8)
    step = CACHED // 16
    for start in range(0, len(result), step):
        block = uniforms.reshape(-1, 2, 8)[start : start + step]
        turns = block[:, 1]
        if uniforms.dtype == F64:
            radius, angle = np.sqrt(-2 * np.log(1 - block[:, 0])), 2 * np.pi * turns
            cos, sin = np.cos(angle), np.sin(angle)
        else:
            radius = np.sqrt(np.float32(-2) * _log(1 - block[:, 0]))
            cos, sin = _cos_sin(np.float32(2 * np.pi) * turns)
        np.multiply(radius, cos, out=result[start : start + step, 0])
        np.multiply(radius, sin, out=result[start : start + step, 1])
    return result.reshape(-1)


LOG = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
       -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip
SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
QUARTER_PI = (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)  # in three parts: exact products


def _polynomial(x: NDArray[np.float32], coefficients: tuple[float, ...]) -> NDArray[np.float32]:
    """Horner's rule, highest power first."""
    y = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        y = fused(y, x, np.float32(c))
    return y


def _log(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """log of numbers in (0, 1]: with x = m * 2**e and m near 1, it is log(m) + e * log(2)."""
    m, e = np.frexp(x)
    small = m < np.float32(math.sqrt(0.5))
    e = (e - small).astype(F32)
    m = np.where(small, m + m, m) - np.float32(1)
    square = m * m
    y = fused(_polynomial(m, LOG) * m, square, e * np.float32(-2.12194440e-4))
    y -= np.float32(0.5) * square
    return fused(e, np.float32(0.693359375), m + y)


def _cos_sin(x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """cos and sin of non-negative angles: reduced to an eighth of a turn about the nearest axis."""
    octant = (x * np.float32(4 / np.pi)).astype(np.int32) + 1 & ~1
    turned = octant.astype(F32)
    for part in QUARTER_PI:
        x = fused(turned, np.float32(-part), x)
    square = x * x
    cos = fused(_polynomial(square, COS) * square, square, np.float32(-0.5) * square) + np.float32(1)
    sin = fused(_polynomial(square, SIN) * square, x, x)
    swapped = octant & 2 != 0
    cos, sin = np.where(swapped, sin, cos), np.where(swapped, cos, sin)
    return np.where(octant + 2 & 4, -cos, cos), np.where(octant & 4, -sin, sin)
