"""From a list of samples to one batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from micrograd_cn.creation import as_tensor, tensor
from micrograd_cn.dtypes import float64
from micrograd_cn.ops.shape import stack
from micrograd_cn.tensor import Tensor

_TEXT = "SaUO"  # the kinds of NumPy arrays that no tensor can hold


def _rebuilt(like: Any, parts: Any) -> Any:
    """``parts`` in a container like ``like``, with the attributes that a subclass may have; else in a plain one."""
    try:
        if isinstance(like, MutableMapping):
            mapping = copy.copy(like)
            mapping.update(parts)
            return mapping
        if isinstance(like, MutableSequence):
            sequence = copy.copy(like)
            sequence[:] = parts
            return sequence
        return type(like)(parts)
    except TypeError:
        return parts


def default_convert(data: Any) -> Any:
    """NumPy's arrays and numbers in ``data``, however deep in containers, as tensors; the rest as it is."""
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind not in _TEXT:
        return as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuilt(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple):
        parts = [default_convert(x) for x in data]
        return type(data)(*parts) if hasattr(data, "_fields") else parts
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt(data, [default_convert(x) for x in data])
    return data


def default_collate(batch: Any) -> Any:
    """Stack what the samples hold at the same place: a list of samples becomes one sample of batches.

    Tensors and NumPy arrays are stacked along a new first dimension, numbers become a tensor (floats a float64),
    text stays a list; mappings, named tuples and sequences are gone through, plain tuples become lists.
    https://pytorch.org/docs/stable/data.html#torch.utils.data.default_collate

    Raises:
        RuntimeError: for tensors or sequences of different sizes.
        TypeError: for anything else.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return stack(batch, 0)
    if isinstance(first, np.ndarray) and first.ndim and first.dtype.kind not in _TEXT:
        return stack([as_tensor(x) for x in batch], 0)
    if isinstance(first, (np.ndarray, np.generic)) and first.dtype.kind not in _TEXT:
        return as_tensor(np.asarray(batch))
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _rebuilt(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        if len({len(sample) for sample in batch}) > 1:
            raise RuntimeError(f"samples of a batch have different lengths: {[len(sample) for sample in batch]}")
        parts = [default_collate(list(column)) for column in zip(*batch, strict=True)]
        if isinstance(first, tuple):
            return type(first)(*parts) if hasattr(first, "_fields") else parts
        return _rebuilt(first, parts)
    raise TypeError(f"a batch holds tensors, NumPy arrays, numbers, dictionaries or lists; found {type(first)}")


Collate = Callable[[Any], Any]
