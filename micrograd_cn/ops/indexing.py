"""Picking elements by position, and the reverse: putting them back.

`getitem` and `put` are each other's derivative, so both can be differentiated any number of times.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.ops.table import composed, primitive


def is_basic(index: tuple[Any, ...]) -> bool:
    """True if ``index`` holds only ints, slices, None and ``...``: then indexing makes a view."""
    return all(i is None or i is Ellipsis or isinstance(i, (int, slice)) for i in index)


@primitive(lambda g, index: g[index], backward_name="IndexPutBackward0")
def put(x: Any, index: tuple[Any, ...], size: tuple[int, ...]) -> Any:
    """Zeros of shape ``size`` with ``x`` added at ``index``; positions that occur twice get the sum."""
    out = np.zeros(size, x.dtype)
    if is_basic(index):
        out[index] = x
    else:
        np.add.at(out, index, x)
    return out


def put_back(g: Any, shape: tuple[int, ...], index: tuple[Any, ...]) -> Any:
    return put(g, index, shape)


@primitive(put_back, view=True, backward_name="SliceBackward0", name="slice")
def slice_(x: Any, index: tuple[Any, ...]) -> Any:
    """``x[index]`` for slices; a view."""
    return x[index]


@primitive(put_back, view=True, backward_name="SelectBackward0")
def pick(x: Any, index: tuple[Any, ...]) -> Any:
    """``x[index]`` with whole numbers in the index; a view."""
    return x[index]


@primitive(put_back, backward_name="IndexBackward0", name="index")
def index(x: Any, index: tuple[Any, ...]) -> Any:
    """``x[index]`` with arrays of numbers or bools in the index; a copy."""
    return x[index]


@primitive(
    lambda g, index: np.where(_outside(g.shape, index), g, 0),
    lambda g, index: g[index],
    backward_name="IndexPutBackward0",
)
def replaced(x: Any, value: Any, index: tuple[Any, ...]) -> Any:
    """A copy of ``x`` in which ``x[index]`` is ``value`` (which broadcasts)."""
    out = x.copy()
    out[index] = value
    return out


def _outside(shape: tuple[int, ...], index: tuple[Any, ...]) -> Any:
    """True everywhere but at ``index``."""
    mask = np.ones(shape, dtype=bool)
    mask[index] = False
    return mask


def along(index: Any, dim: int, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """``index`` along ``dim`` as an index for all dimensions: element ``[i, j]`` stands for ``[i, index[i, j]]``.

    Raises:
        RuntimeError, IndexError: as `gather`.
    """
    index = np.asarray(index)
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"gather(): Expected dtype int64 for index, got {index.dtype}")
    if index.ndim != len(shape):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor, got {index.ndim} for {list(shape)}"
        )
    if not shape:
        return ()
    dim = np.lib.array_utils.normalize_axis_index(dim, len(shape))
    for i, (n, m) in enumerate(zip(index.shape, shape, strict=True)):
        if i != dim and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {i} expected index {list(index.shape)} to be no larger than "
                f"self {list(shape)} apart from dimension {dim}"
            )
    if index.size and (index.min() < 0 or index.max() >= shape[dim]):
        wrong = index.min() if index.min() < 0 else index.max()
        raise IndexError(f"index {wrong} is out of bounds for dimension {dim} with size {shape[dim]}")
    grid = np.ogrid[tuple(slice(n) for n in index.shape)]
    return (*grid[:dim], index, *grid[dim + 1 :])


@primitive(put_back, backward_name="GatherBackward0", name="pick_along")
def _gather(x: Any, index: tuple[Any, ...]) -> Any:
    return np.asarray(x[index])


@composed
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    """``out[i][j] = input[i][index[i][j]]`` for ``dim=1``, and so on; the shape is that of ``index``.

    Raises:
        RuntimeError: if the dimensions do not fit; IndexError: for an index out of range.

    https://pytorch.org/docs/stable/generated/torch.gather.html
    """
    return _gather(input, along(index, dim, tuple(input.shape)))


@composed
def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """``input`` at ``indices`` along ``dim`` (the flattened input for None), all other dimensions in step."""
    if dim is None:
        return gather(input.reshape(-1), 0, np.asarray(indices).reshape(-1))
    indices = np.asarray(indices)
    shape = list(np.broadcast_shapes(*(tuple(1 if i == dim % len(s) else n for i, n in enumerate(s)) for s in (input.shape, indices.shape))))
    shape[dim] = indices.shape[dim]
    return gather(input, dim, np.broadcast_to(indices, shape))


@composed
def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices of ``input`` along ``dim`` at the positions ``index``, a vector of integers; a copy."""
    dim = np.lib.array_utils.normalize_axis_index(dim, max(len(input.shape), 1))
    return input[(slice(None),) * dim + (np.asarray(index).reshape(-1),)]


@composed
def masked_select(input: Any, mask: Any) -> Any:
    """The elements of ``input`` where ``mask`` (which broadcasts) is True, as a vector."""
    mask = np.asarray(mask)
    shape = np.broadcast_shapes(tuple(input.shape), mask.shape)
    return input.expand(shape)[np.broadcast_to(mask, shape)]


@composed
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """``input`` with ``value`` where ``mask`` (which broadcasts) is True."""
    return np.where(np.asarray(mask), value, input)
