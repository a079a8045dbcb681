"""Shorthands, element by element: functions that are a line or two of others. All are composed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from micrograd_cn.dtypes import to_numpy
from micrograd_cn.ops.shape import axis_index, cat, narrow, need
from micrograd_cn.ops.table import composed


@composed(in_place=True)
def clamp_min(input: Any, min: Any) -> Any:
    """``input``, but not below ``min``."""
    return input.clamp(min) if to_numpy(input.dtype).kind != "b" else input | min


@composed(in_place=True)
def clamp_max(input: Any, max: Any) -> Any:
    """``input``, but not above ``max``."""
    return input.clamp(None, max) if to_numpy(input.dtype).kind != "b" else input & max


@composed(in_place=True)
def nan_to_num(input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    """``input`` with NaN, inf and -inf replaced: by 0 and the largest and smallest finite number unless given."""
    kind = to_numpy(input.dtype)
    if kind.kind != "f":
        return input.clone()
    limits = np.finfo(kind)
    for wrong, value in (
        (input == math.inf, limits.max if posinf is None else posinf),
        (input == -math.inf, limits.min if neginf is None else neginf),
        (input != input, 0.0 if nan is None else nan),
    ):
        input = np.where(wrong, float(value), input)
    return input


@composed(in_place=True)
def deg2rad(input: Any) -> Any:
    """Degrees as radians."""
    return input * (math.pi / 180)


@composed(in_place=True)
def rad2deg(input: Any) -> Any:
    """Radians as degrees."""
    return input * (180 / math.pi)


@composed(in_place=True)
def lerp(input: Any, end: Any, weight: Any) -> Any:
    """Linear interpolation ``input + weight * (end - input)``."""
    step = end - input
    # From the nearer end, so that weight 1 gives exactly `end`.
    if isinstance(weight, (int, float)):
        return input + weight * step if abs(weight) < 0.5 else end - step * (1 - weight)
    return np.where(weight.abs() < 0.5, input + weight * step, end - step * (1 - weight))


@composed(in_place=True)
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """``input + value * tensor1 * tensor2``."""
    return input + (tensor1 * tensor2 if value == 1 else value * tensor1 * tensor2)


@composed(in_place=True)
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """``input + value * tensor1 / tensor2``."""
    return input + (tensor1 / tensor2 if value == 1 else value * tensor1 / tensor2)


@composed
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along ``dim``, taken ``n`` times; ``prepend`` and ``append`` are joined on first."""
    need(input.shape, "diff expects input to be at least one-dimensional, got a 0-dim tensor")
    if n <= 0:
        return input.clone()
    dim = axis_index(dim, len(input.shape))
    parts = [x for x in (prepend, input, append) if x is not None]
    dims = [len(x.shape) for x in parts]
    need(len(set(dims)) == 1, f"diff expects prepend or append to be the same dimension as input, got {dims}")
    input = cat(parts, dim) if prepend is not None or append is not None else input
    for _ in range(n):
        length = max(input.shape[dim] - 1, 0)
        first, second = narrow(input, dim, 0, length), narrow(input, dim, min(1, input.shape[dim]), length)
        input = second != first if to_numpy(input.dtype).kind == "b" else second - first
    return input
