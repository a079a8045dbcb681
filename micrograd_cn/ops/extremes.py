"""Largest and smallest elements together with where they stand."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from micrograd_cn.dtypes import to_numpy
from micrograd_cn.ops import elementwise, reduction
from micrograd_cn.ops.indexing import along, picking
from micrograd_cn.ops.shape import need
from micrograd_cn.ops.table import composed


def return_type(name: str, fields: str = "values indices") -> Any:
    """The tuple with names that ``torch.<name>`` returns."""

    def shown(self: Any) -> str:
        parts = ",\n".join(f"{field}={part!r}" for field, part in zip(self._fields, self, strict=True))
        return f"torch.return_types.{name}(\n{parts})"

    return type(name, (namedtuple(name, fields),), {"__slots__": (), "__repr__": shown})


# For each extreme: the larger of two, the largest of all, its position, and the row that picks it.
_ROWS = {
    "max": (elementwise.maximum, reduction.largest, reduction.argmax, picking("max_along", "Max"), return_type("max")),
    "min": (elementwise.minimum, reduction.smallest, reduction.argmin, picking("min_along", "Min"), return_type("min")),
}
_EMPTY = (
    "Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
)


def _extreme(name: str, input: Any, dim: Any, keepdim: bool, other: Any) -> Any:
    of_two, of_all, position, pick, kind = _ROWS[name]
    other = dim if dim is not None and not isinstance(dim, int) else other
    if other is not None:
        return of_two(input, other)
    if dim is None:
        need(0 not in input.shape, f"{name}(): {_EMPTY}")
        return of_all(input)
    positions = position(input.byte() if to_numpy(input.dtype).kind == "b" else input, dim, True)
    values = pick(input, along(positions, dim, tuple(input.shape)))
    found = kind(values, positions)
    return found if keepdim else without(dim, found)


def without(dim: int, found: Any) -> Any:
    """A tuple of results without the dimension ``dim``, of length 1; not views of what nobody else can see."""
    return type(found)(*(t.squeeze(dim).clone() for t in found))


@composed
def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """``max(x)``: the largest element. ``max(x, dim)``: those along ``dim``, with their positions, as ``(values,
    indices)``. ``max(x, other)``: the larger of the two, element by element.

    https://pytorch.org/docs/stable/generated/torch.max.html
    """
    return _extreme("max", input, dim, keepdim, other)


@composed
def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """``min(x)``, ``min(x, dim)`` or ``min(x, other)``: as `max`, for the smallest."""
    return _extreme("min", input, dim, keepdim, other)
