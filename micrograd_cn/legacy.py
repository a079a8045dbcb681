"""PyTorch's oldest constructors: ``FloatTensor([1, 2])``, ``LongTensor(2, 3)``, ``isinstance(x, FloatTensor)``.

https://pytorch.org/docs/stable/tensors.html
"""

from __future__ import annotations

from typing import Any

from micrograd_cn import dtypes
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor, legacy_array


class _TensorType(type):
    """The type of all tensors of one dtype. None is an instance of it; it constructs and checks."""

    dtype: dtypes.dtype

    def __call__(cls, *args: Any) -> Tensor:
        """An uninitialized tensor of the sizes ``args``, or a tensor of the numbers in a sequence or tensor."""
        return wrap(legacy_array(args, cls.dtype))

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype


def _of(dtype: dtypes.dtype) -> _TensorType:
    return _TensorType(dtypes.TYPE_NAMES[dtype], (), {"dtype": dtype, "__module__": "torch"})


BoolTensor, ByteTensor, CharTensor, ShortTensor = map(_of, (dtypes.bool, dtypes.uint8, dtypes.int8, dtypes.int16))
IntTensor, LongTensor, HalfTensor = map(_of, (dtypes.int32, dtypes.int64, dtypes.float16))
FloatTensor, DoubleTensor = map(_of, (dtypes.float32, dtypes.float64))
