"""Objects as code that builds them again, to be pasted into a session that has imported ``micrograd_cn``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.nn.modules.container import Sequential
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor

_INFERRED = dtypes.float32, dtypes.int64, dtypes.bool


def as_code(x: Any) -> str:
    """An expression whose value is a tensor, dtype or layer like ``x``; the ``repr`` of what is none of these.

    A tensor comes back with its dtype, strides and ``requires_grad``, as a leaf: ``micrograd_cn.tensor([[0., 1.]],
    dtype=micrograd_cn.float64).t().requires_grad_()``. A layer comes back with its settings, as its ``repr`` shows
    them, and new parameters.
    """
    if isinstance(x, Tensor):
        return _laid(x.detach()) + ".requires_grad_()" * x.requires_grad
    if isinstance(x, dtypes.dtype):
        return f"micrograd_cn.{x._name}"
    if isinstance(x, Module):
        inside = ", ".join(map(as_code, x)) if isinstance(x, Sequential) else x.extra_repr()
        return f"micrograd_cn.nn.{type(x).__name__}({inside})"
    return repr(x)


def _values(x: Tensor) -> str:
    """The elements alone, in memory without gaps."""
    if not x.numel():
        return f"micrograd_cn.empty({tuple(x.shape)}, dtype={as_code(x.dtype)})"
    kind = "complex" if x.is_complex() else "float"
    numbers = re.sub(r"\(?([^\s,()\[\]]*(?:nan|inf)[^\s,()\[\]]*)\)?", rf"{kind}('\1')", str(x.tolist()))
    return f"micrograd_cn.tensor({numbers}{'' if x.dtype in _INFERRED else f', dtype={as_code(x.dtype)}'})"


def _laid(x: Tensor) -> str:
    """The elements in memory as they stand: the first form that gives the same strides back."""
    strides = x.stride()
    if any(s < 0 for s in strides):
        back = tuple(slice(None, None, -1 if s < 0 else 1) for s in strides)
        shown = ", ".join("::-1" if s < 0 else ":" for s in strides)
        return f"micrograd_cn.from_dlpack({_laid(wrap(x._array[back]))}.numpy()[{shown}])"
    for base, form in _forms(x):
        base = wrap(np.array(base._array, order="C"))
        if eval(f"base{form}", {"base": base}).stride() == strides:
            return _values(base) + form
    raise AssertionError(f"no form for a tensor of shape {tuple(x.shape)} and strides {strides}")


def _forms(x: Tensor) -> Iterator[tuple[Tensor, str]]:
    """Tensors without gaps, and what makes ``x`` of them."""
    shape, strides = tuple(x.shape), x.stride()
    yield x, ""
    order = sorted(range(x.ndim), key=lambda i: -strides[i])
    yield x.permute(order), ".t()" if x.ndim == 2 else f".permute({', '.join(map(str, np.argsort(order)))})"
    yield x[tuple(slice(None, None if s else 1) for s in strides)], f".expand{shape}"
    yield x, ".repeat_interleave(2, -1)[..., ::2]"
    extent = x.numel() and 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    memory = np.lib.stride_tricks.as_strided(x._array, (extent,), (x._array.itemsize,))
    yield wrap(memory), f".as_strided({shape}, {strides})"
