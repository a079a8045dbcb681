"""Element types: PyTorch's names for NumPy's dtypes, and PyTorch's rules of promotion.

NumPy and PyTorch agree on what float32 is and disagree on what happens when types meet:
``int64 + float32`` is float64 in NumPy and float32 in PyTorch. This module holds PyTorch's rules
(https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc).
"""

from __future__ import annotations

import builtins
import functools
from typing import Any

import numpy as np


class dtype:
    """An element type such as ``float32``; there is one object for each.

    Attributes:
        numpy: the NumPy dtype with the same bits.
        category: 0 for bool, 1 for integers, 2 for floats, 3 for complex numbers.
    """

    __slots__ = ("_name", "category", "numpy")

    def __init__(self, name: str, numpy_type: Any, category: builtins.int) -> None:
        self._name, self.numpy, self.category = name, np.dtype(numpy_type), category

    is_floating_point = property(lambda self: self.category == 2, doc="True for float16, bfloat16, float32, float64.")
    is_complex = property(lambda self: self.category == 3, doc="True for complex64 and complex128.")
    is_signed = property(lambda self: self.numpy.kind in "ifcV", doc="True where negative numbers can be held.")
    itemsize = property(lambda self: self.numpy.itemsize, doc="Bytes an element takes.")

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> str:
        return self._name


bool = dtype("bool", np.bool_, 0)
uint8 = dtype("uint8", np.uint8, 1)
int8 = dtype("int8", np.int8, 1)
int16 = dtype("int16", np.int16, 1)
int32 = dtype("int32", np.int32, 1)
int64 = dtype("int64", np.int64, 1)
float16 = dtype("float16", np.float16, 2)
float32 = dtype("float32", np.float32, 2)
float64 = dtype("float64", np.float64, 2)
complex64 = dtype("complex64", np.complex64, 3)
complex128 = dtype("complex128", np.complex128, 3)
short, int, long, half, float, double = int16, int32, int64, float16, float32, float64
cfloat, cdouble = complex64, complex128

ALL = (bool, uint8, int8, int16, int32, int64, float16, float32, float64, complex64, complex128)
FROM_NUMPY = {d.numpy: d for d in ALL}

# The older names that Tensor.type() answers: "torch.FloatTensor".
_SPOKEN = "Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "Float", "Double", "ComplexFloat", "ComplexDouble"
TYPE_NAMES = {d: f"{name}Tensor" for d, name in zip(ALL, _SPOKEN, strict=True)}
# How error messages spell a type: "expected scalar type Long".
SCALAR_NAMES = dict(zip(ALL, _SPOKEN, strict=True))

_default = float32


def __getattr__(name: str) -> dtype:
    """``bfloat16``, the upper half of a float32. Its NumPy type is of another package, which loads when asked for."""
    if name != "bfloat16":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import ml_dtypes

    made = globals()[name] = dtype(name, ml_dtypes.bfloat16, 2)
    FROM_NUMPY[made.numpy], TYPE_NAMES[made], SCALAR_NAMES[made] = made, "BFloat16Tensor", "BFloat16"
    return made


def get_default_dtype() -> dtype:
    """The type of ``tensor(1.5)`` and ``zeros(3)``; float32 unless `set_default_dtype` changed it."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make ``d`` the default floating type.

    Raises:
        TypeError: if ``d`` is no floating point dtype.
    """
    global _default
    if not isinstance(d, dtype) or not d.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d!r}")
    _default = d


def from_numpy(numpy_dtype: Any) -> dtype:
    """The dtype with the same bits as a NumPy dtype.

    Raises:
        TypeError: for one that tensors cannot hold (strings, objects, unsigned 16 to 64 bits).
    """
    try:
        return FROM_NUMPY[np.dtype(numpy_dtype)]
    except (KeyError, TypeError):
        what = f"The only supported types are: {', '.join(d._name for d in ALL)}."
        raise TypeError(f"can't convert np.ndarray of type {numpy_dtype}. {what}") from None


def to_numpy(d: Any) -> np.dtype[Any]:
    """The NumPy dtype for a dtype, a Python type (``float``, ``int``, ``bool``) or a NumPy type.

    Raises:
        TypeError: if it names no type that tensors can hold.
    """
    if isinstance(d, dtype):
        return d.numpy
    if d is builtins.float:
        return np.dtype(np.float64)
    return from_numpy(d).numpy


def converted(array: np.ndarray[Any, Any], kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """``array`` in the type ``kind``. Raises RuntimeError for a number that does not fit an integer type."""
    if kind.kind in "iu" and array.dtype.kind in "iuf" and array.size:
        limits = np.iinfo(kind)
        # Negative numbers wrap around in unsigned types, as in PyTorch.
        low = limits.min or -limits.max
        least, most = array.min(), array.max()
        if not (low <= least and most <= limits.max):
            raise RuntimeError(f"value cannot be converted to type {kind} without overflow: {least} to {most}")
    return array.astype(kind)


def of_type_name(name: str) -> dtype:
    """The dtype that `Tensor.type` calls ``torch.FloatTensor`` and the like. Raises ValueError for another name."""
    names = {f"torch.{known}": d for d, known in TYPE_NAMES.items()}
    if name not in names:
        raise ValueError(f"invalid type: {name!r}; expected one of {', '.join(names)}")
    return names[name]


_SCALAR_CATEGORY = {builtins.bool: 0, builtins.int: 1, builtins.float: 2, builtins.complex: 3}


def scalar_dtype(value: Any) -> dtype:
    """The dtype a Python number has when it stands alone: bool, int64, the default float or complex64."""
    category = _SCALAR_CATEGORY[type(value)]
    if category == 3:
        return complex128 if _default is float64 else complex64
    return (bool, int64, _default)[category]


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype that holds both, by PyTorch's table.

    Differs from NumPy where integers meet floats: the float's own width is kept. Complex meets
    float64 in complex128.
    """
    if a is b:
        return a
    if a.category < b.category:
        a, b = b, a
    if a.category == 3:
        return complex128 if complex128 in (a, b) or b is float64 else complex64
    if a.category == 2 and b.category < 2:
        return a
    if a.category == 2 and a.itemsize == b.itemsize == 2:
        return float32  # float16 and bfloat16
    return FROM_NUMPY[np.promote_types(a.numpy, b.numpy)]


def can_cast(from_: dtype, to: dtype) -> builtins.bool:
    """True if the category (bool < int < float < complex) does not fall, so that an in-place operation may do it."""
    return from_.category <= to.category


def result_type(dimensioned: list[dtype], zero_dim: list[dtype], scalars: list[dtype]) -> dtype:
    """The dtype of an element-wise operation: tensors with dimensions decide; 0-dim tensors and then
    Python numbers only matter where their category (bool < int < float < complex) is higher.

    Args:
        dimensioned: dtypes of the tensors with at least one dimension.
        zero_dim: dtypes of the 0-dim tensors.
        scalars: `scalar_dtype` of the Python numbers.
    """
    result: dtype | None = None
    for group in filter(None, (dimensioned, zero_dim, scalars)):
        group_type = functools.reduce(promote_types, group)
        if result is None:
            result = group_type
        elif group_type.category > result.category:
            # complex64 over float64 must not lose width
            result = promote_types(group_type, result) if group_type.category == 3 else group_type
    assert result is not None, "result_type needs at least one operand"
    return result


class finfo:
    """Limits of a floating type: ``eps``, ``max``, ``min``, ``tiny``, ``resolution``, ``bits``, ``dtype``."""

    def __init__(self, type: dtype | None = None) -> None:
        kind = (type or _default).numpy
        info: Any = np.finfo(kind) if kind.kind == "f" else __import__("ml_dtypes").finfo(kind)
        self.bits = info.bits
        self.dtype = (type or _default)._name
        self.eps, self.max, self.min = builtins.float(info.eps), builtins.float(info.max), builtins.float(info.min)
        self.tiny = self.smallest_normal = builtins.float(info.tiny)
        self.resolution = 10.0**-info.precision

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer type: ``min``, ``max``, ``bits``, ``dtype``."""

    def __init__(self, type: dtype) -> None:
        info = np.iinfo(type.numpy)
        self.bits, self.min, self.max, self.dtype = info.bits, info.min, info.max, type._name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
