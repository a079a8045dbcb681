"""NumPy's functions on tensors and values: ``np.exp(t)`` records as ``t.exp()`` does.

This is also how a derivative rule, written in NumPy functions, differentiates itself: handed tensors
instead of arrays, it lands here and builds the graph of the gradient.
https://numpy.org/doc/stable/reference/arrays.interface.html, NEP 13 and NEP 18.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.engine import Face
from micrograd_cn.ops import indexing, layout, linalg, matrices, reduction, shape, shorthand, sorting
from micrograd_cn.ops.table import NUMPY_NAMES, TABLE

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    function: call for call in TABLE.values() for function in call.primitive.numpy
}


FUNCTIONS |= {
    np.transpose: lambda x, axes=None: shape.permute(x, tuple(axes or range(x.ndim)[::-1])),
    np.flip: lambda x, axis=None: shape.flip(x, tuple(range(x.ndim)) if axis is None else axis),
    np.clip: lambda x, a_min=None, a_max=None: x.clamp(a_min, a_max),
    np.reshape: lambda x, shape: x.reshape(shape),
    np.ravel: shape.ravel,
    np.squeeze: lambda x, axis=None: shape.squeeze(x, axis),
    np.moveaxis: shape.movedim,
    np.concatenate: lambda arrays, axis=0: shape.cat(arrays, axis),
    np.stack: lambda arrays, axis=0: shape.stack(arrays, axis),
    np.matmul: linalg.matmul,
    np.dot: linalg.matmul,
    np.outer: lambda x, y: linalg.outer(x.reshape(-1), y.reshape(-1)),
    np.einsum: linalg.einsum,
    # NumPy's var and std do not correct unless told.
    np.var: lambda x, axis=None, ddof=0, keepdims=False: reduction.var(x, axis, correction=ddof, keepdim=keepdims),
    np.std: lambda x, axis=None, ddof=0, keepdims=False: reduction.std(x, axis, correction=ddof, keepdim=keepdims),
    np.vstack: layout.vstack,
    np.hstack: layout.hstack,
    np.roll: lambda x, shift, axis=None: shape.roll(x, shift, axis),
    np.tile: lambda x, reps: layout.tile(x, reps),
    np.repeat: lambda x, repeats, axis=None: layout.repeat_interleave(x, repeats, axis),
    np.diag: lambda x, k=0: layout.diag(x, k),
    np.trace: layout.trace,
    np.sort: lambda x, axis=-1: sorting.sort(x, axis)[0],
    np.diff: lambda x, n=1, axis=-1: shorthand.diff(x, n, axis),
    np.inner: linalg.inner,
    np.tensordot: lambda x, y, axes=2: linalg.tensordot(x, y, axes),
    np.linalg.norm: lambda x, ord=2, axis=None, keepdims=False: matrices.old_norm(x, ord, axis, keepdims),
    np.zeros_like: lambda x, dtype=None: x._constant(np.zeros_like(x._raw, dtype=dtype)),
    np.ones_like: lambda x, dtype=None: x._constant(np.ones_like(x._raw, dtype=dtype)),
    np.take_along_axis: lambda x, indices, axis=-1: indexing.take_along_dim(x, indices, axis),
    np.shape: lambda x: tuple(x.shape),
    np.ndim: lambda x: len(x.shape),
    np.size: lambda x, axis=None: x.numel() if axis is None else x.shape[axis],
}


class NumpyProtocol(Face):
    """NumPy functions on faces run the primitive of the same meaning; where there is none, on the bare array."""

    __slots__ = ()

    @property
    def _raw(self) -> Any:
        """The data as NumPy takes it."""
        raise NotImplementedError

    def _constant(self, data: Any) -> Any:
        """A constant face of the same kind."""
        raise NotImplementedError

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if method == "__call__" and ufunc in FUNCTIONS:
            result = FUNCTIONS[ufunc](*inputs, **kwargs)
            if out is None:
                return result
            target: Any = out[0]
            if hasattr(target, "copy_"):
                return target.copy_(result)
            np.copyto(target, np.asarray(result))  # as ``array += tensor`` asks; refused where a gradient would be lost
            return target
        if method == "reduce" and ufunc in _REDUCTIONS and out is None:
            kwargs = {NUMPY_NAMES.get(k, k): v for k, v in kwargs.items() if v is not np._NoValue}
            return _REDUCTIONS[ufunc](*inputs, **{"dim": 0, **kwargs})
        arrays = [_array(x, f"np.{ufunc.__name__}") for x in inputs]
        if out is not None:
            kwargs["out"] = tuple(_array(x, f"np.{ufunc.__name__}") for x in out)
        return self._constant(getattr(ufunc, method)(*arrays, **kwargs))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        call = FUNCTIONS.get(func)
        if call is None:
            what = f"np.{func.__name__}"
            return func(*_array(args, what), **{name: _array(x, what) for name, x in kwargs.items()})
        if hasattr(call, "primitive"):
            kwargs = {NUMPY_NAMES.get(k, k): v for k, v in kwargs.items()}
        return call(*args, **kwargs)


def _array(x: Any, what: str) -> Any:
    """What a NumPy function that has no primitive computes with: the array of a tensor, also within lists.

    Raises:
        TypeError: if the tensor requires grad, or is a value: the gradient would be lost.
    """
    if isinstance(x, (list, tuple)):
        return type(x)(_array(item, what) for item in x)
    if not isinstance(x, NumpyProtocol):
        return x
    if getattr(x, "requires_grad", True):
        raise TypeError(
            f"{what} does not record gradients here: use the tensor's own methods, or np.asarray(t.detach()) for a "
            "plain array"
        )
    return x._raw


_REDUCTIONS = {
    np.add: reduction.sum, np.multiply: reduction.prod, np.maximum: reduction.amax, np.minimum: reduction.amin,
    np.logical_and: reduction.all, np.logical_or: reduction.any,
}  # fmt: skip
