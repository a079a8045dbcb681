"""Largest and smallest elements together with where they stand."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from micrograd_cn.dtypes import to_numpy
from micrograd_cn.ops import elementwise, reduction
from micrograd_cn.ops.indexing import along, put_back
from micrograd_cn.ops.table import composed, primitive


def return_type(name: str, fields: str = "values indices") -> Any:
    """The tuple with names that ``torch.<name>`` returns."""

    def shown(self: Any) -> str:
        parts = ",\n".join(f"{field}={part!r}" for field, part in zip(self._fields, self, strict=True))
        return f"torch.return_types.{name}(\n{parts})"

    return type(name, (namedtuple(name, fields),), {"__slots__": (), "__repr__": shown})


_MAX, _MIN = return_type("max"), return_type("min")


@primitive(put_back, backward_name="MaxBackward0")
def max_along(x: Any, index: tuple[Any, ...]) -> Any:
    """The elements at the positions of the maxima along a dimension."""
    return np.asarray(x[index])


@primitive(put_back, backward_name="MinBackward0")
def min_along(x: Any, index: tuple[Any, ...]) -> Any:
    """The elements at the positions of the minima along a dimension."""
    return np.asarray(x[index])


def _extreme(kind: type, arg: Any, pick: Any, input: Any, dim: int, keepdim: bool) -> Any:
    positions = arg(input.byte() if to_numpy(input.dtype).kind == "b" else input, dim, True)
    values = pick(input, along(positions, dim, tuple(input.shape)))
    return kind(values, positions) if keepdim else kind(values.squeeze(dim), positions.squeeze(dim))


@composed
def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """``max(x)``: the largest element. ``max(x, dim)``: those along ``dim``, with their positions, as ``(values,
    indices)``. ``max(x, other)``: the larger of the two, element by element.

    https://pytorch.org/docs/stable/generated/torch.max.html
    """
    other = dim if dim is not None and not isinstance(dim, int) else other
    if other is not None:
        return elementwise.maximum(input, other)
    if dim is None:
        _not_empty("max", input)
        return reduction.amax(input)
    return _extreme(_MAX, reduction.argmax, max_along, input, dim, keepdim)


@composed
def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """``min(x)``, ``min(x, dim)`` or ``min(x, other)``: as `max`, for the smallest."""
    other = dim if dim is not None and not isinstance(dim, int) else other
    if other is not None:
        return elementwise.minimum(input, other)
    if dim is None:
        _not_empty("min", input)
        return reduction.amin(input)
    return _extreme(_MIN, reduction.argmin, min_along, input, dim, keepdim)


def _not_empty(name: str, x: Any) -> None:
    if 0 in x.shape:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
            "the 'dim' argument."
        )
