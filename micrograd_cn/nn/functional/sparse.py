"""Indices and what they stand for."""

from __future__ import annotations

import numpy as np

from micrograd_cn.dtypes import int64
from micrograd_cn.tensor import Tensor


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """For each class number a vector that is 1 at its place and 0 elsewhere.

    Args:
        tensor: int64 class numbers, of any shape.
        num_classes: the length of the vectors; -1 for one more than the largest class number.

    Returns:
        int64 of shape ``(*tensor.shape, num_classes)``.

    Raises:
        RuntimeError: if the numbers are not int64, negative, or not below ``num_classes``.
    """
    if tensor.dtype is not int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    numbers = tensor._array
    if numbers.size == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
    elif numbers.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    elif num_classes == -1:
        num_classes = int(numbers.max()) + 1
    elif numbers.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return Tensor._wrap((numbers[..., None] == np.arange(num_classes)).astype(np.int64))
