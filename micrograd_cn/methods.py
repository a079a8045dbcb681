"""The methods of a tensor that come from the table: every row and composed function, operators, in-place forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.engine import Face
from micrograd_cn.numpy_protocol import NumpyProtocol
from micrograd_cn.ops import comparison, elementwise, linalg, shape, special
from micrograd_cn.ops.table import FUNCTIONS, TABLE

# Rows that are no method in PyTorch: parts of composed functions, and functions of torch.nn.functional.
_NO_METHODS = {
    "where", "gated", "concat", "join", "batched", "contract", "replaced", "corrected", "flat",
    "underivable", "pick", "slice", "index",
    "pick_along", "max_along", "min_along", "sorted_along", "top_along", "on_diagonal", "quotient",
    "derived_digamma", "variance", "deviation", "vector_norm", "linear", "mse_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "nll_loss", "elu", "silu", "gelu", "softplus", "leaky_relu", "logsigmoid",
    "batch_norm", "layer_norm", "group_norm", "rms_norm", "embedding", "attention_weights",
    "linked", "padded", "window_mean", "window_spread", "window_max", "winners", "max_spread", "max_pick",
    "convolve", "spread", "correlate",
}  # fmt: skip
# Functions that PyTorch has as functions only.
_FUNCTIONS_ONLY = {"cat", "stack", "einsum", "polygamma", "tensordot", "std_mean", "var_mean", "rsub", "fill"}
# Those beside the element-wise rows that change a tensor in place under their name with a ``_`` behind.
_IN_PLACE = {
    "masked_fill", "masked_scatter", "scatter", "scatter_add", "index_add", "index_copy", "index_fill", "index_put",
    "tril", "triu", "addmm", "addmv", "baddbmm", "addcmul", "addcdiv", "lerp", "clamp_min", "clamp_max", "nan_to_num",
    "logit", "deg2rad", "rad2deg", "cumsum", "cumprod", "put", "renorm", "scatter_reduce", "index_reduce", "addbmm",
    "addr", "ldexp", "float_power", "mvlgamma",
}  # fmt: skip
# PyTorch's second names.
ALIASES = {
    "absolute": "abs", "negative": "neg", "subtract": "sub", "multiply": "mul", "divide": "div", "true_divide": "div",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "clip": "clamp", "fix": "trunc", "not_equal": "ne", "greater": "gt", "greater_equal": "ge",
    "less": "lt", "less_equal": "le", "swapdims": "swapaxes", "moveaxis": "movedim", "ger": "outer",
    "sgn": "sign", "resolve_conj": "conj", "resolve_neg": "conj", "conj_physical": "conj",
}  # fmt: skip
# What == and != compare with element by element; anything else is simply not the same.
_COMPARABLE = (Face, int, float, complex, np.ndarray, np.generic)


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

    def __rsub__(self, other: Any) -> Any:
        return elementwise.sub(other, self)

    def __rtruediv__(self, other: Any) -> Any:
        return elementwise.div(other, self)

    def __rfloordiv__(self, other: Any) -> Any:
        return elementwise.floor_divide(other, self)

    def __rmod__(self, other: Any) -> Any:
        return elementwise.remainder(other, self)

    __rdiv__ = __rtruediv__

    def __rpow__(self, other: Any) -> Any:
        return elementwise.pow(other, self)

    def __rmatmul__(self, other: Any) -> Any:
        return linalg.matmul(other, self)

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


for _name in ("float", "double", "half", "int", "long", "short", "bool"):
    setattr(TableMethods, _name, _conversion(getattr(dtypes, _name)))
TableMethods.byte, TableMethods.char = _conversion(dtypes.uint8), _conversion(dtypes.int8)  # type: ignore[attr-defined]


def _in_place(call: Callable[..., Any], name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **named: Any) -> Any:
        return self._become(call, *args, **named)

    method.__wrapped__ = call  # type: ignore[attr-defined]
    method.__name__, method.__doc__ = name, f"Become ``{name[:-1]}(self, ...)`` in place; returns itself."
    return method


def _attach() -> None:
    own = vars(TableMethods)
    methods = {n: f for n, f in (TABLE | FUNCTIONS).items() if n not in _NO_METHODS | _FUNCTIONS_ONLY}
    methods = {n: f for n, f in methods.items() if not n.startswith(("linalg_", "special_"))}
    methods |= {alias: methods[name] for alias, name in ALIASES.items()}
    for name, call in methods.items():
        if name not in own:
            setattr(TableMethods, name, call)
        row = getattr(TABLE.get(ALIASES.get(name, name)), "primitive", None)
        if (row is not None and row.elementwise) or name in _IN_PLACE:
            setattr(TableMethods, f"{name}_", _in_place(call, f"{name}_"))
    for operator, name in (
        ("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div"), ("floordiv", "floor_divide"),
        ("mod", "remainder"), ("pow", "pow"), ("and", "bitwise_and"), ("or", "bitwise_or"), ("xor", "bitwise_xor"),
    ):  # fmt: skip
        setattr(TableMethods, f"__i{operator}__", vars(TableMethods)[f"{name}_"])


_attach()
