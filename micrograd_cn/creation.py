"""Making tensors out of numbers, arrays and shapes. https://pytorch.org/docs/stable/torch.html#creation-ops"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.device import require_cpu
from micrograd_cn.engine import mode
from micrograd_cn.ops.shape import common_shape, need, overlapping, sizes
from micrograd_cn.recording import common_dtype, wrap
from micrograd_cn.tensor import Size, Tensor


def made(array: Any, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A new tensor around ``array``, which is its own."""
    require_cpu(device)
    out = wrap(array)
    if mode.inference:
        out._cell = None
    return out.requires_grad_() if requires_grad else out


def creates(compute: Callable[..., Any]) -> Callable[..., Tensor]:
    """Decorator for a function that computes an array: the tensor of it, with ``device=`` and ``requires_grad=``."""

    @functools.wraps(compute)
    def create(*args: Any, device: Any = None, requires_grad: bool = False, **named: Any) -> Tensor:
        return made(compute(*args, **named), requires_grad, device)

    signature, options = inspect.signature(compute), inspect.signature(made).parameters
    order = list(signature.parameters.values())
    at = list(signature.parameters).index("dtype") + 1  # they stand behind it
    order[at:at] = [options[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in ("device", "requires_grad")]
    create.__signature__ = signature.replace(parameters=order, return_annotation="Tensor")  # type: ignore[attr-defined]
    return create


def _numpy(dtype: Any) -> np.dtype[Any]:
    return dtypes.get_default_dtype().numpy if dtype is None else dtypes.to_numpy(dtype)


def _inferred(data: Any) -> np.ndarray[Any, Any]:
    """Python data as an array of the type that PyTorch gives it: floats in the default type, NumPy's in their own."""
    array = _numbers(data)
    first = data
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    own = first._array if isinstance(first, Tensor) else first
    if array.dtype.kind not in "fc" or (isinstance(own, (np.ndarray, np.generic)) and own.dtype == array.dtype):
        return array
    return array.astype(dtypes.scalar_dtype(1j if array.dtype.kind == "c" else 1.0).numpy)


def _numbers(data: Any) -> np.ndarray[Any, Any]:
    """An array of what may be a number, nested lists of one length a level, arrays and tensors."""
    if isinstance(data, np.ndarray):
        need(all(s >= 0 for s in data.strides), _NEGATIVE_STRIDE, ValueError)
        array = np.array(data)
    else:
        try:
            array = np.array(_plain(data))
        except ValueError as error:
            raise ValueError(f"expected sequences of equal length at every level: {error}") from None
    if array.dtype in dtypes.FROM_NUMPY:
        return array
    if isinstance(data, np.ndarray):
        dtypes.from_numpy(data.dtype)
    wrong = next((x for x in array.ravel().tolist() if not isinstance(x, (int, float, complex))), 0)
    need(wrong != 0, "Overflow when unpacking long long: a number does not fit int64", ValueError)
    kind = TypeError if array.ndim == 0 else ValueError
    need(not isinstance(wrong, str), f"new(): invalid data type 'str' ({wrong!r}); tensors hold numbers", kind)
    raise RuntimeError(f"Could not infer dtype of {type(wrong).__name__} ({wrong!r}); tensors hold numbers")


_NEGATIVE_STRIDE = (
    "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
    "supported. (You can probably work around this by making a copy of your array with array.copy().)"
)


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
        array = dtypes.converted(_numbers(data), dtypes.to_numpy(dtype))
    return made(array, requires_grad, device)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """``data`` as a tensor, without a copy where it is a tensor or array of that type already."""
    require_cpu(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if isinstance(data, np.ndarray):
        return from_numpy(data) if dtype is None else from_numpy(data).to(dtype)
    return tensor(data, dtype=dtype)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """`as_tensor`, but ``copy=True`` always copies; the result is a leaf."""
    x = as_tensor(obj, dtype, device)
    return (x.clone() if copy else x).detach().requires_grad_(requires_grad)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares memory with another library's array through DLPack.

    Raises:
        BufferError: if it is not on the CPU, or of a type that NumPy has not.
    """
    require_cpu(device)
    return made(np.from_dlpack(ext_tensor, copy=copy))


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares memory with an array.

    Raises:
        TypeError: if it is no array, or of a type that tensors do not have.
    """
    need(isinstance(ndarray, np.ndarray), f"expected np.ndarray (got {type(ndarray).__name__})", TypeError)
    dtypes.from_numpy(ndarray.dtype)
    need(all(s >= 0 for s in ndarray.strides), _NEGATIVE_STRIDE, ValueError)
    return made(ndarray)


def _shape(size: tuple[Any, ...]) -> tuple[int, ...]:
    shape = sizes(size)
    if any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape


def _sized(name: str, size: tuple[Any, ...], options: dict[str, Any]) -> tuple[int, ...]:
    """The shape that ``size``, or ``size=`` among the options, asks for; those that mean nothing here may stand there.

    Raises:
        TypeError: for an option that is not known.
    """
    unknown = options.keys() - {"size", "layout", "pin_memory", "memory_format"}
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument '{unknown.pop()}'")
    return _shape(options.get("size", size))


@creates
def zeros(*size: Any, dtype: Any = None, **options: Any) -> Any:
    """A tensor of zeros."""
    return np.zeros(_sized("zeros", size, options), _numpy(dtype))


@creates
def ones(*size: Any, dtype: Any = None, **options: Any) -> Any:
    """A tensor of ones."""
    return np.ones(_sized("ones", size, options), _numpy(dtype))


@creates
def empty(*size: Any, dtype: Any = None, **options: Any) -> Any:
    """A tensor whose content is whatever the memory held."""
    return np.empty(_sized("empty", size, options), _numpy(dtype))


@creates
def full(size: Sequence[int], fill_value: Any, *, dtype: Any = None) -> Any:
    """A tensor of one value; its dtype is that of the value unless given."""
    if isinstance(size, int):
        raise TypeError(f"full(): argument 'size' must be tuple of ints, not int ({size}): write full(({size},), ...)")
    value = _scalar("full", fill_value)
    kind = dtypes.scalar_dtype(value).numpy if dtype is None else dtypes.to_numpy(dtype)
    return np.full(_shape((size,)), np.asarray(value).astype(kind))


def _scalar(name: str, value: Any) -> Any:
    """A Python number, from one or from a tensor or array of one element."""
    value = value.item() if isinstance(value, (Tensor, np.generic)) else value
    if not isinstance(value, (int, float, complex)):
        raise TypeError(f"{name}(): argument must be Number, not {type(value).__name__} ({value!r})")
    return value


@creates
def eye(n: int, m: int | None = None, *, dtype: Any = None) -> Any:
    """A matrix ``(n, m)`` with ones on the diagonal and zeros elsewhere."""
    for name, length in (("n", n), ("m", m)):
        need(length is None or length >= 0, f"{name} must be greater or equal to 0, got {length}")
    return np.eye(n, m, dtype=_numpy(dtype))


@creates
def arange(start: Any = None, end: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
    """``start, start + step, …`` up to but without ``end``; int64 if all three are integers."""
    if end is None:
        start, end = 0, start
    start, end, step = (_scalar("arange", x) for x in (0 if start is None else start, end, step))
    need(step != 0, "step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: from {start} to {end} by {step}")
    if dtype is None:
        whole = all(isinstance(x, (int, np.integer)) for x in (start, end, step))
        dtype = dtypes.int64 if whole else dtypes.get_default_dtype()
    kind = dtypes.to_numpy(dtype)
    need(math.isfinite(start) and math.isfinite(end), f"unsupported range: {start} -> {end}")
    if kind == np.int64:
        start, end, step = int(start), int(end), int(step)
    count = math.ceil((end - start) / step)
    if kind.kind != "f":
        start, step = int(start), int(step)
    wide = np.float64 if kind.kind == "f" else np.int64
    return (np.arange(count, dtype=wide) * step + start).astype(kind)


@creates
def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None) -> Any:
    """``steps`` numbers evenly from ``start`` to ``end``, both included."""
    return _even(start, end, steps, _numpy(dtype))


@creates
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None) -> Any:
    """``base`` to the powers that `linspace` gives."""
    return np.power(base, _even(start, end, steps, np.dtype(np.float64))).astype(_numpy(dtype))


def _even(start: Any, end: Any, steps: int, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if not isinstance(steps, (int, np.integer)):
        raise TypeError(f"the number of steps must be int, not {type(steps).__name__} ({steps!r})")
    need(steps >= 0, f"number of steps must be non-negative, got {steps}")
    # As PyTorch: a step in the target type (in float64 for integers), counted from either end to the middle.
    exact = kind if kind.kind == "f" else np.dtype(np.float64)
    low, high = (exact.type(kind.type(x.item() if isinstance(x, Tensor) else x)) for x in (start, end))
    step = (high - low) / exact.type(max(steps - 1, 1))
    index = np.arange(steps).astype(exact)
    array = np.where(np.arange(steps) < max(steps // 2, 1), low + step * index, high - step * index[::-1])
    return array.astype(kind)


def _like(x: Tensor, dtype: Any) -> tuple[np.ndarray[Any, Any], np.dtype[Any]]:
    """The array of ``x`` (or another of its shape that lies in order), and the type of one like it."""
    if not isinstance(x, Tensor):
        raise TypeError(f"argument 'input' must be Tensor, not {type(x).__name__} ({x!r})")
    array = np.empty(x.shape, x._array.dtype) if overlapping(x._array) else x._array
    return array, array.dtype if dtype is None else dtypes.to_numpy(dtype)


@creates
def zeros_like(input: Tensor, *, dtype: Any = None, memory_format: Any = None) -> Any:
    """Zeros in the shape and dtype of ``input``."""
    return np.zeros_like(*_like(input, dtype))


@creates
def ones_like(input: Tensor, *, dtype: Any = None, memory_format: Any = None) -> Any:
    """Ones in the shape and dtype of ``input``."""
    return np.ones_like(*_like(input, dtype))


@creates
def empty_like(input: Tensor, *, dtype: Any = None, memory_format: Any = None) -> Any:
    """Uninitialised memory in the shape and dtype of ``input``."""
    return np.empty_like(*_like(input, dtype))


@creates
def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None) -> Any:
    """One value in the shape and dtype of ``input``."""
    array, kind = _like(input, dtype)
    return np.full_like(array, np.asarray(_scalar("full_like", fill_value)).astype(kind), kind)


def is_tensor(obj: Any) -> bool:
    """True for a tensor."""
    return isinstance(obj, Tensor)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Any = None) -> Tensor:
    """The positions ``(2, n)`` of the lower triangle of a matrix ``(row, col)``, up to the diagonal ``offset``."""
    return _triangle(np.tril_indices, row, col, offset, dtype, device)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = dtypes.int64, device: Any = None) -> Tensor:
    """The positions ``(2, n)`` of the upper triangle of a matrix ``(row, col)``, from the diagonal ``offset`` on."""
    return _triangle(np.triu_indices, row, col, offset, dtype, device)


def _triangle(indices: Any, row: int, col: int, offset: int, dtype: Any, device: Any) -> Tensor:
    need(row >= 0 and col >= 0, f"row and col must be non-negative, got {row} and {col}")
    return made(np.stack(indices(row, offset, col)).astype(dtypes.to_numpy(dtype)), device=device)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """The coordinates of a grid: for vectors of lengths n, m, … tensors of shape ``(n, m, …)``."""
    vectors = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    what = 'torch.meshgrid: indexing must be one of "xy" or "ij"'
    need(indexing in ("ij", "xy"), f"{what}, but received: {indexing}")
    if any(v.ndim > 1 or v.dtype is not vectors[0].dtype for v in vectors):
        found = ", ".join(f"{list(v.shape)} {v.dtype}" for v in vectors)
        raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensors, all of the same dtype, but got {found}")
    axes = list(range(len(vectors)))  # along which each vector lies
    if indexing == "xy" and len(vectors) > 1:
        axes[:2] = 1, 0
    shape = [vectors[i].numel() for i in axes]
    return tuple(v.reshape([-1 if i == k else 1 for i in axes]).expand(shape) for k, v in enumerate(vectors))


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Class numbers ``(*)`` as vectors ``(*, num_classes)`` of int64 with a 1 at the class and 0 elsewhere."""
    array = tensor._array
    what = "one_hot is only applicable to index tensor of type LongTensor"
    need(array.dtype == np.int64, f"{what}, got {tensor.dtype}")
    most = int(array.max(initial=-1))
    need(array.min(initial=0) >= 0, "Class values must be non-negative.")
    if num_classes == -1:
        need(array.size, "Can not infer total number of classes from empty tensor.")
        num_classes = most + 1
    need(most < num_classes, f"Class values must be smaller than num_classes: {most} is not below {num_classes}")
    return made(np.eye(num_classes, dtype=np.int64)[array])


# --- asking about tensors --------------------------------------------------------------------------------------------


def numel(input: Tensor) -> int:
    """The number of elements."""
    if not isinstance(input, Tensor):
        raise TypeError(f"numel(): argument 'input' must be Tensor, not {type(input).__name__} ({input!r})")
    return input.numel()


def is_floating_point(input: Tensor) -> bool:
    """True for float16, float32 and float64."""
    return input.is_floating_point()


def detach(input: Tensor) -> Tensor:
    """The same memory as a constant."""
    return input.detach()


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of all ``shapes`` broadcast to. Raises RuntimeError if there is none."""
    return Size(common_shape(*(sizes((s,)) for s in shapes)))


def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype of an arithmetic operation on two tensors or numbers.

    https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
    """
    return common_dtype([x._array if isinstance(x, Tensor) else x for x in (tensor1, tensor2)])


# --- methods of Tensor: new ones in the dtype of an old one ----------------------------------------------------------


def _new_tensor(self: Tensor, data: Any, *, dtype: Any = None, **options: Any) -> Tensor:
    """`tensor`, in the dtype of this one unless another is given."""
    return tensor(data, dtype=dtype or self.dtype, **options)


def _new_full(self: Tensor, size: Sequence[int], fill_value: Any, *, dtype: Any = None, **options: Any) -> Tensor:
    """`full`, in the dtype of this one unless another is given."""
    return full(size, fill_value, dtype=dtype or self.dtype, **options)


def _new(make: Any) -> Any:
    def method(self: Tensor, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        return make(*size, dtype=dtype or self.dtype, **options)

    method.__name__ = f"new_{make.__name__}"
    method.__doc__ = f"`{make.__name__}`, in the dtype of this tensor unless another is given."
    return method


for _method in (_new_tensor, _new_full, _new(zeros), _new(ones), _new(empty)):
    setattr(Tensor, _method.__name__.removeprefix("_"), _method)
