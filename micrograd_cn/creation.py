"""Making tensors out of numbers, arrays and shapes. https://pytorch.org/docs/stable/torch.html#creation-ops"""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.device import require_cpu
from micrograd_cn.engine import mode
from micrograd_cn.ops.shape import sizes
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor


def made(array: Any, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A new tensor around ``array``, which is its own."""
    require_cpu(device)
    out = wrap(array)
    if mode.inference:
        out._cell = None
    return out.requires_grad_() if requires_grad else out


def _numpy(dtype: Any) -> np.dtype[Any]:
    return dtypes.get_default_dtype().numpy if dtype is None else dtypes.to_numpy(dtype)


def _inferred(data: Any) -> np.ndarray[Any, Any]:
    """Python data as an array of the type that PyTorch gives it: floats in the default type."""
    if isinstance(data, (np.ndarray, np.generic)):
        dtypes.from_numpy(data.dtype)
        return np.array(data)
    try:
        array = np.array(_plain(data))
    except ValueError as error:
        raise ValueError(f"expected sequences of equal length at every level: {error}") from None
    if array.dtype.kind == "f":
        return array.astype(dtypes.get_default_dtype().numpy)
    if array.dtype.kind == "c":
        return array.astype(dtypes.scalar_dtype(1j).numpy)
    if array.dtype.kind in "OSU" or array.dtype not in dtypes.FROM_NUMPY:
        wrong = next((x for x in array.ravel() if not isinstance(x, (int, float, complex))), data)
        if isinstance(wrong, int):
            raise RuntimeError(f"Overflow when unpacking long: {wrong} does not fit int64")
        if isinstance(wrong, str):
            raise TypeError(f"new(): invalid data type 'str' ({wrong!r}); tensors hold numbers")
        raise RuntimeError(f"Could not infer dtype of {type(wrong).__name__} ({wrong!r}); tensors hold numbers")
    return array


def _plain(data: Any) -> Any:
    """Nested sequences with the tensors in them turned into numbers or arrays."""
    if isinstance(data, Tensor):
        return data.detach()._array
    if isinstance(data, (list, tuple)):
        return [_plain(x) if isinstance(x, (list, tuple, Tensor)) else x for x in data] or np.zeros(0)
    return data


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of ``data``: a number, nested lists of one length a level, or an array.

    Without ``dtype`` floats get the default type (float32), integers int64, bools bool; arrays keep theirs.

    Raises:
        ValueError: for ragged lists; TypeError, RuntimeError: for what is no number.

    https://pytorch.org/docs/stable/generated/torch.tensor.html
    """
    if dtype is None:
        array = data._array.copy() if isinstance(data, Tensor) else _inferred(data)
    else:
        array = np.array(_plain(data) if not isinstance(data, np.ndarray) else data, dtype=dtypes.to_numpy(dtype))
    return made(array, requires_grad, device)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a tensor, without a copy where it is a tensor or array of that type already."""
    require_cpu(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        return from_numpy(data) if dtype is None else from_numpy(data).to(dtype)
    return tensor(data, dtype=dtype)


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares memory with an array.

    Raises:
        TypeError: if it is no array, or of a type that tensors do not have.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.from_numpy(ndarray.dtype)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
            "currently supported. (You can probably work around this by making a copy of your array with array.copy().)"
        )
    return made(ndarray)


def _shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    shape = sizes(size)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """A tensor of zeros."""
    return made(np.zeros(_shape(_.get("size", size)), _numpy(dtype)), requires_grad, device)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """A tensor of ones."""
    return made(np.ones(_shape(_.get("size", size)), _numpy(dtype)), requires_grad, device)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **_: Any) -> Tensor:
    """A tensor whose content is whatever the memory held."""
    return made(np.empty(_shape(_.get("size", size)), _numpy(dtype)), requires_grad, device)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of one value; its dtype is that of the value unless given."""
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    kind = dtypes.scalar_dtype(value).numpy if dtype is None else dtypes.to_numpy(dtype)
    return made(np.full(_shape((size,)), value, kind), requires_grad, device)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A matrix ``(n, m)`` with ones on the diagonal and zeros elsewhere."""
    return made(np.eye(n, m, dtype=_numpy(dtype)), requires_grad, device)


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """``start, start + step, …`` up to but without ``end``; int64 if all three are integers."""
    if end is None:
        start, end = 0, start
    start, end, step = (x.item() if isinstance(x, Tensor) else x for x in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: from {start} to {end} by {step}")
    if dtype is None:
        whole = all(isinstance(x, (int, np.integer)) for x in (start, end, step))
        dtype = dtypes.int64 if whole else dtypes.get_default_dtype()
    kind = dtypes.to_numpy(dtype)
    count = int(np.ceil((end - start) / step))
    wide = np.float64 if kind.kind == "f" else np.int64
    return made((np.arange(count, dtype=wide) * step + start).astype(kind), requires_grad, device)


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """``steps`` numbers evenly from ``start`` to ``end``, both included."""
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    kind = _numpy(dtype)
    start, end = (x.item() if isinstance(x, Tensor) else x for x in (start, end))
    if kind.kind != "f":
        return made(np.linspace(start, end, steps).astype(kind), requires_grad, device)
    # As PyTorch: a step in the target type, counted from either end to the middle.
    low, high, index = kind.type(start), kind.type(end), np.arange(steps).astype(kind)
    step = (high - low) / kind.type(max(steps - 1, 1))
    array = np.where(np.arange(steps) < steps // 2, low + step * index, high - step * index[::-1])
    if steps == 1:
        array[0] = low
    return made(array.astype(kind), requires_grad, device)


def _like(x: Tensor, dtype: Any) -> np.dtype[Any]:
    return x._array.dtype if dtype is None else dtypes.to_numpy(dtype)


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """Zeros in the shape and dtype of ``input``."""
    return made(np.zeros_like(input._array, _like(input, dtype)), requires_grad, device)


def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """Ones in the shape and dtype of ``input``."""
    return made(np.ones_like(input._array, _like(input, dtype)), requires_grad, device)


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, memory_format: Any = None
) -> Tensor:
    """Uninitialised memory in the shape and dtype of ``input``."""
    return made(np.empty_like(input._array, _like(input, dtype)), requires_grad, device)


def full_like(
    input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """One value in the shape and dtype of ``input``."""
    return made(np.full_like(input._array, fill_value, _like(input, dtype)), requires_grad, device)


def is_tensor(obj: Any) -> bool:
    """True for a tensor."""
    return isinstance(obj, Tensor)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid: for vectors of lengths n, m, … tensors of shape ``(n, m, …)``."""
    vectors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    swap = indexing == "xy" and len(vectors) > 1
    if swap:
        vectors = (vectors[1], vectors[0], *vectors[2:])
    n = len(vectors)
    shape = tuple(v.numel() for v in vectors)
    grids = [v.reshape((1,) * i + (-1,) + (1,) * (n - i - 1)).expand(shape) for i, v in enumerate(vectors)]
    if swap:
        grids = [grids[1].transpose(0, 1), grids[0].transpose(0, 1), *(g.transpose(0, 1) for g in grids[2:])]
    return tuple(grids)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Class numbers ``(*)`` as vectors ``(*, num_classes)`` of int64 with a 1 at the class and 0 elsewhere."""
    array = tensor._array
    if array.dtype != np.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}")
    if array.size and array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        if not array.size:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        num_classes = int(array.max()) + 1
    elif array.size and array.max() >= num_classes:
        raise RuntimeError(f"Class values must be smaller than num_classes: {array.max()} is not below {num_classes}")
    return made(np.eye(num_classes, dtype=np.int64)[array])


__all__ = [
    "arange", "as_tensor", "empty", "empty_like", "eye", "from_numpy", "full", "full_like", "is_tensor", "linspace",
    "meshgrid", "one_hot", "ones", "ones_like", "tensor", "zeros", "zeros_like",
]  # fmt: skip
