"""Largest and smallest elements together with where they stand."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from micrograd_cn.dtypes import to_numpy
from micrograd_cn.ops import elementwise, reduction
from micrograd_cn.ops.indexing import along, put_back
from micrograd_cn.ops.table import composed, primitive


class ReturnType(NamedTuple):
    """What ``max(dim)`` and its like return: the elements, and the positions (int64) where they stood."""

    values: Any
    indices: Any

    def __repr__(self) -> str:
        return f"torch.return_types.{type(self).__name__}(\nvalues={self.values!r},\nindices={self.indices!r})"


_MAX = type("max", (ReturnType,), {"__slots__": ()})
_MIN = type("min", (ReturnType,), {"__slots__": ()})


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
