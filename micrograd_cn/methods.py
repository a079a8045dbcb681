"""The methods of a tensor that come from the table: every row and composed function, operators, in-place forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.engine import Face
from micrograd_cn.numpy_protocol import NumpyProtocol
from micrograd_cn.ops import comparison, elementwise, linalg, shape, special
from micrograd_cn.ops.table import IN_PLACE, METHODS, TABLE

# What == and != compare with element by element; anything else is simply not the same.
_COMPARABLE = (Face, int, float, complex, np.ndarray, np.generic)


def _reflected(operation: Callable[..., Any]) -> Callable[..., Any]:
    """``other - x`` from ``x - other``: the operation with its operands exchanged."""

    def reflected(self: Any, other: Any) -> Any:
        return operation(other, self)

    return reflected


class TableMethods(NumpyProtocol):
    """What `Tensor` inherits from the table."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        def _become(self, change: Callable[..., Any], *args: Any, **named: Any) -> Any: ...

    __add__ = __radd__ = elementwise.add
    __mul__ = __rmul__ = elementwise.mul
    __sub__ = elementwise.sub
    __truediv__ = elementwise.div
    __floordiv__ = elementwise.floor_divide
    __mod__ = elementwise.remainder
    __pow__ = elementwise.pow
    __matmul__ = linalg.matmul
    __neg__ = elementwise.neg
    __pos__ = elementwise.positive
    __abs__ = elementwise.abs
    __invert__ = comparison.bitwise_not
    __and__ = __rand__ = comparison.bitwise_and
    __or__ = __ror__ = comparison.bitwise_or
    __xor__ = __rxor__ = comparison.bitwise_xor
    __lt__, __le__, __gt__, __ge__ = comparison.lt, comparison.le, comparison.gt, comparison.ge

    def __eq__(self, other: object) -> Any:
        return comparison.eq(self, other) if isinstance(other, _COMPARABLE) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return comparison.ne(self, other) if isinstance(other, _COMPARABLE) else NotImplemented

    __rsub__ = _reflected(elementwise.sub)
    __rtruediv__ = __rdiv__ = _reflected(elementwise.div)
    __rfloordiv__ = _reflected(elementwise.floor_divide)
    __rmod__ = _reflected(elementwise.remainder)
    __rpow__ = _reflected(elementwise.pow)
    __rmatmul__ = _reflected(linalg.matmul)

    # --- forms that take a shape or a type as PyTorch's methods do ---------------------------------------------------

    def view(self, *size: Any) -> Any:
        """The same memory in another shape, or (``view(dtype)``) read as another type.

        Raises:
            RuntimeError: where the memory does not allow it: use reshape().
        """
        if len(size) == 1 and isinstance(size[0], dtypes.dtype):
            return self._constant(self._raw.view(size[0].numpy))
        out = shape.view(self, shape.sizes(size))
        if out._view is None and out.numel():
            raise RuntimeError(
                f"view size is not compatible with input tensor's size and stride (shape {list(self.shape)}, stride "
                f"{list(self.stride())}): at least one dimension spans across two contiguous subspaces. Use "
                ".reshape(...) instead."
            )
        return out

    def view_as(self, other: Any) -> Any:
        """The same memory in the shape of ``other``."""
        return self.view(other.shape)

    def reshape_as(self, other: Any) -> Any:
        """The tensor in the shape of ``other``."""
        return self.reshape(other.shape)

    def expand(self, *sizes: Any) -> Any:
        """The tensor broadcast to ``sizes`` without a copy; -1 keeps a length."""
        return shape.expand(self, shape.sizes(sizes))

    def expand_as(self, other: Any) -> Any:
        """The tensor broadcast to the shape of ``other``."""
        return shape.expand(self, tuple(other.shape))

    def permute(self, *dims: Any) -> Any:
        """The tensor with its dimensions in the order ``dims``."""
        return shape.permute(self, shape.sizes(dims))

    def flip(self, *dims: Any) -> Any:
        """A copy with the order along ``dims`` reversed."""
        return shape.flip(self, shape.sizes(dims))

    def split(self, split_size: Any, dim: int = 0) -> Any:
        """Views of one length, or of the lengths given, along ``dim``."""
        return shape.split(self, split_size, dim)

    def where(self, condition: Any, other: Any) -> Any:
        """The tensor where ``condition`` holds, ``other`` elsewhere."""
        return elementwise.where(condition, self, other)

    def polygamma(self, n: int) -> Any:
        """The ``n``-th derivative of `digamma` at each element."""
        return special.polygamma(n, self)


def _conversion(d: dtypes.dtype) -> Callable[[Any], Any]:
    def convert(self: Any) -> Any:
        return self.to(d)

    convert.__doc__ = f"The tensor in {d}."
    return convert


for _name in ("float", "double", "half", "int", "long", "short", "bool", "byte", "char"):
    setattr(TableMethods, _name, _conversion(getattr(dtypes, {"byte": "uint8", "char": "int8"}.get(_name, _name))))


def _in_place(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **named: Any) -> Any:
        return self._become(call, *args, **named)

    method.__wrapped__ = call  # type: ignore[attr-defined]
    method.__name__, method.__doc__ = name, f"Become ``{name[:-1]}(self, ...)`` in place; returns itself."
    return method


def _attach(name: str, function: Callable[..., Any], in_place: bool) -> None:
    if name not in vars(TableMethods):
        setattr(TableMethods, name, function)
    if in_place:
        setattr(TableMethods, f"{name}_", _in_place(function, f"{name}_"))


for _name, _call in METHODS.items():
    if not _name.startswith(("linalg_", "special_")):  # those are functions in rooms of their own
        _attach(_name, _call, _name in IN_PLACE)
for _operator, _name in (
    ("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div"), ("floordiv", "floor_divide"),
    ("mod", "remainder"), ("pow", "pow"), ("and", "bitwise_and"), ("or", "bitwise_or"), ("xor", "bitwise_xor"),
):  # fmt: skip
    setattr(TableMethods, f"__i{_operator}__", vars(TableMethods)[f"{_name}_"])


def second_names(names: dict[str, Any]) -> None:
    """Give tensors the methods by PyTorch's second names, too: ``names`` has their functions under those."""
    first = {call: name for found in (TABLE, METHODS) for name, call in found.items() if name in METHODS}
    for name, x in names.items():
        if callable(x) and x in first and name not in METHODS:
            _attach(name, x, first[x] in IN_PLACE)
