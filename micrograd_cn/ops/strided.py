"""Other views of the same elements: windows, free strides, and writing into the place that a view would show."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided as _as_strided, sliding_window_view

from micrograd_cn.ops.indexing import put, replaced, whole_numbers, within
from micrograd_cn.ops.scattering import index_put
from micrograd_cn.ops.shape import axis_index, chunk, diagonal, need, permute, select, sizes, split, view
from micrograd_cn.ops.table import composed, hidden, primitive

# --- windows -----------------------------------------------------------------------------------------------------


def _numbered(shape: Sequence[int]) -> Any:
    """The position of each element in the flattened array."""
    return np.arange(math.prod(shape)).reshape(shape)


def _back(g: Any, shape: tuple[int, ...], places: Any) -> Any:
    return put(g, (places,), (math.prod(shape),)).reshape(shape)


def _unfold_rule(g: Any, shape: tuple[int, ...], dimension: int, size: int, step: int) -> Any:
    return _back(g, shape, unfold(_numbered(shape), dimension, size, step))


@primitive(_unfold_rule, view=True)
def unfold(x: Any, dimension: int, size: int, step: int) -> Any:
    """Windows of ``size`` elements along ``dimension``, each ``step`` after the last, as new last dimension; a view."""
    dim, n = axis_index(dimension, x.ndim), x.shape[dimension] if x.ndim else 1
    need(0 <= size <= n and step > 0, f"maximum size for tensor at dimension {dim} is {n} but size is {size} ({step=})")
    if not x.ndim:
        return x.reshape(1)[:size]
    every = (slice(None),) * dim + (slice(None, None, step),)
    if not size:
        return np.zeros((*x.shape[:dim], n // step + 1, *x.shape[dim + 1 :], 0), x.dtype)
    return sliding_window_view(x, size, dim, writeable=x.flags.writeable)[every]


def _strided(x: Any, size: Sequence[int], stride: Sequence[int], offset: int) -> Any:
    asked = f"sizes {list(size)}, strides {list(stride)} and storage offset {offset}"
    need(len(size) == len(stride) and min(*size, *stride, offset, 0) == 0, f"as_strided: {asked} are not possible")
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    flat = x.reshape(-1)
    stored = x.size if flat.strides[0] else 1  # of an expanded tensor
    need(0 in size or last < stored, f"setStorage: {asked} need {last + 1} elements, but the storage has {stored}")
    return _as_strided(flat[min(offset, x.size) :], size, [s * flat.strides[0] for s in stride])


def _strided_rule(g: Any, shape: tuple[int, ...], size: Any, stride: Any, storage_offset: int) -> Any:
    return _back(g, shape, _strided(_numbered(shape), size, stride, storage_offset))


@hidden(_strided_rule, view=True, backward_name="AsStridedBackward0")
def restrided(x: Any, size: Sequence[int], stride: Sequence[int], storage_offset: int) -> Any:
    """A view of the elements of ``x`` in order with any lengths and strides."""
    return _strided(x, size, stride, storage_offset)


@composed
def as_strided(input: Any, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Any:
    """A view of the memory of ``input``, which a view shares with its base, with any lengths and strides in elements.

    ``storage_offset`` is where it begins; where ``input`` begins, if None.

    Raises:
        RuntimeError: if it would look beyond that memory, or if gaps in it belong to a tensor that is not known here.
    """
    alone = input._base is None or (input.requires_grad and not input._base.requires_grad)
    base = input if alone else input._base  # a view that learns for itself is differentiated by its own elements
    start = (input.storage_offset() if storage_offset is None else storage_offset) - base.storage_offset()
    if not base.is_contiguous():  # restrided counts the elements in their order
        for dim in reversed(range(base.ndim)):
            base = select(base, dim, 0) if base.stride(dim) == 0 and base.shape[dim] > 1 else base
        base = permute(base, sorted(range(base.ndim), key=base.stride, reverse=True))
        what = "as_strided() of a detached tensor with gaps in its memory: call it on the one that it was cut from"
        need(base.is_contiguous(), what)
    return restrided(base, tuple(size), tuple(stride), start)


# --- written into a place ----------------------------------------------------------------------------------------


def _rewritten(name: str, input: Any, src: Any, pick: Callable[[Any], Any]) -> Any:
    """A copy of ``input`` with ``src`` at the places that ``pick`` takes from an array of its shape."""
    places = pick(_numbered(tuple(input.shape)))
    need(src.shape == places.shape, f"{name}: expected src of size {list(places.shape)} but got {list(src.shape)}")
    return view(replaced(view(input, (-1,)), src, (places,)), tuple(input.shape)).clone()


@composed
def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """A copy of ``input`` with ``src`` as its slice at ``index`` along ``dim``."""
    return _rewritten("select_scatter", input, src, lambda x: np.asarray(select(x, dim, index)))


@composed
def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """A copy of ``input`` with ``src`` as its part ``start:end:step`` along ``dim``."""
    part = (slice(None),) * axis_index(dim, len(input.shape)) + (slice(start, end, step),)
    return _rewritten("slice_scatter", input, src, lambda x: x[part])


@composed
def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A copy of ``input`` with ``src`` on its `diagonal`."""
    return _rewritten("diagonal_scatter", input, src, lambda x: diagonal(x, offset, dim1, dim2))


@composed(name="put", in_place=True)
def put_flat(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """A copy of ``input`` with ``source`` at (or added to) the positions ``index`` of its flattened elements."""
    index = whole_numbers(index, "put")
    said = f"put: source must have an element for each of {index.size} indices"
    need(index.size == math.prod(source.shape), said, IndexError)
    within(index, math.prod(input.shape), IndexError, -math.prod(input.shape))
    flat = index_put(view(input, (-1,)), (index.ravel(),), view(source, (-1,)), accumulate)
    return view(flat, tuple(input.shape))


@composed
def sum_to_size(input: Any, *size: Any) -> Any:
    """``input`` summed to a shape that broadcasts to its own."""
    wanted, shape = sizes(size), tuple(input.shape)
    lead = len(shape) - len(wanted)
    fits = lead >= 0 and all(w in (1, n) for w, n in zip(wanted, shape[lead:], strict=True))
    need(fits, f"size {{{list(wanted)}}} is not expandable to size {{{list(shape)}}}.")
    dims = [i for i, n in enumerate(shape) if i < lead or wanted[i - lead] != n]
    return view(input.sum(tuple(dims)), wanted) if dims or not shape else input


# --- copies of views ---------------------------------------------------------------------------------------------


def _copy_of(name: str) -> Callable[..., Any]:
    def copy(input: Any, *args: Any, **named: Any) -> Any:
        found = getattr(input, name)(*args, **named)
        return tuple(x.clone() for x in found) if isinstance(found, tuple) else found.clone()

    copy.__doc__ = f"A copy of what ``input.{name}(...)`` shows."
    return copy


_VIEWS = (
    "as_strided diagonal expand narrow permute split split_with_sizes squeeze t transpose unbind unfold unsqueeze view"
)
COPIES = {f"{name}_copy": _copy_of(name) for name in _VIEWS.split()}
"""``torch.view_copy`` and its like, by name: views that are copied."""

split_with_sizes = composed(split, name="split_with_sizes")
unsafe_split, unsafe_chunk = composed(split, name="unsafe_split"), composed(chunk, name="unsafe_chunk")
