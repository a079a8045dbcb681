"""Padding layers for one, two and three dimensions; see `functional.pad`.

``padding`` is one number for all ends or one for each: ``(left, right, top, bottom, front, back)``, as far as needed.
"""

from __future__ import annotations

from typing import Any

from micrograd_cn.nn import functional as F
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.modules.optioned import in_dimensions, in_tuple
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class _Pad(Module):
    """Base of the padding layers."""

    dims: int
    mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = in_tuple(padding, 2 * self.dims)

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, *lengths)`` or ``(C, *lengths)``; returns the same with longer lengths."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The padding."""
        return f"{self.padding}"


class _ReflectionPad(_Pad):
    """Continues the input as mirrored at its outermost elements."""

    mode = "reflect"


class _ReplicationPad(_Pad):
    """Continues the input with its outermost elements."""

    mode = "replicate"


class _CircularPad(_Pad):
    """Continues the input from its other end.

    Raises:
        ValueError: for inputs of another number of dimensions.
    """

    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, *lengths)`` or ``(C, *lengths)``; returns the same with longer lengths."""
        n = self.dims + 1
        need(input.ndim in (n, n + 1), f"expected {n}D or {n + 1}D input (got {input.ndim}D input)", ValueError)
        return super().forward(input)


class _ConstantPad(_Pad):
    """Continues the input with ``value``; any number of dimensions."""

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Any shape; returns the same with longer lengths."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """``padding=..., value=...``."""
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    """Continues the input with zeros; any number of dimensions."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = in_dimensions(_ReflectionPad)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = in_dimensions(_ReplicationPad)
CircularPad1d, CircularPad2d, CircularPad3d = in_dimensions(_CircularPad)
ConstantPad1d, ConstantPad2d, ConstantPad3d = in_dimensions(_ConstantPad)
ZeroPad1d, ZeroPad2d, ZeroPad3d = in_dimensions(_ZeroPad)
