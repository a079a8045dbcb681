"""From a list of samples to one batch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from micrograd_cn.creation import as_tensor, tensor
from micrograd_cn.dtypes import float64
from micrograd_cn.ops.shape import need, stack
from micrograd_cn.tensor import Tensor

_TEXT = "SaUO"  # the kinds of NumPy arrays that no tensor can hold


def _rebuilt(like: Any, parts: Any) -> Any:
    """``parts`` in a container like ``like``, with the attributes that a subclass may have; plain tuples and what
    cannot be rebuilt become plain lists and dictionaries."""
    if isinstance(like, tuple):
        return type(like)(*parts) if hasattr(like, "_fields") else parts
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
    if isinstance(data, (str, bytes)) or not isinstance(data, (Mapping, Sequence)):
        return data
    named = isinstance(data, Mapping)
    return _rebuilt(data, {k: default_convert(data[k]) for k in data} if named else [default_convert(x) for x in data])


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
    if isinstance(first, (float, int)):
        return tensor(batch, dtype=float64 if isinstance(first, float) else None)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _rebuilt(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        lengths = [len(sample) for sample in batch]
        need(len(set(lengths)) == 1, f"samples of a batch have different lengths: {lengths}")
        return _rebuilt(first, [default_collate(list(column)) for column in zip(*batch, strict=True)])
    raise TypeError(f"a batch holds tensors, NumPy arrays, numbers, dictionaries or lists; found {type(first)}")


Collate = Callable[[Any], Any]
