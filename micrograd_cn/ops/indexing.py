"""Picking elements by position, and the reverse: putting them back.

`getitem` and `put` are each other's derivative, so both can be differentiated any number of times.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from micrograd_cn.ops.shape import axis_index, axis_length, common_shape, expand, need, view
from micrograd_cn.ops.table import composed, hidden


def is_basic(index: tuple[Any, ...]) -> bool:
    """True if ``index`` holds only ints, slices, None and ``...``: then indexing makes a view."""
    return all(i is None or i is Ellipsis or isinstance(i, (int, slice)) for i in index)


@hidden(lambda g, index: g[index], backward_name="IndexPutBackward0")
def put(x: Any, index: tuple[Any, ...], size: tuple[int, ...]) -> Any:
    """Zeros of shape ``size`` with ``x`` added at ``index``; positions that occur twice get the sum."""
    out = np.zeros(size, x.dtype)
    arrays = index[:-1] if index and index[-1] is Ellipsis else index
    if is_basic(index):
        out[index] = x
    elif all(isinstance(i, np.ndarray) and i.dtype != bool for i in arrays):
        # NumPy adds five times as fast in one dimension: each element of each row at its own place.
        lead = len(arrays)
        rows = np.ravel_multi_index(np.broadcast_arrays(*arrays), size[:lead], "wrap")
        width = math.prod(size[lead:])
        places = rows.reshape((-1, 1)) * width + np.arange(width)
        np.add.at(out.reshape(-1), places.reshape(-1), np.broadcast_to(x, (*rows.shape, *size[lead:])).reshape(-1))
    else:
        np.add.at(out, index, x)
    return out


def put_back(g: Any, shape: tuple[int, ...], index: tuple[Any, ...]) -> Any:
    """The rule of everything that picks: the gradient goes back to where its element was taken."""
    return put(g, index, shape)


@hidden(put_back, view=True, backward_name="SliceBackward0", name="slice")
def slice_(x: Any, index: tuple[Any, ...]) -> Any:
    """``x[index]`` for slices; a view."""
    return x[index]


@hidden(put_back, view=True, backward_name="SelectBackward0")
def pick(x: Any, index: tuple[Any, ...]) -> Any:
    """``x[index]`` with whole numbers in the index; a view."""
    return x[index]


@hidden(put_back, packed=True, backward_name="IndexBackward0", name="index")
def pick_many(x: Any, index: tuple[Any, ...]) -> Any:
    """``x[index]`` with arrays of numbers or bools in the index; a copy."""
    return x[index]


def apart(index: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """``index`` as two, one after the other: whole numbers, slices and None first, then the arrays."""
    first, then = list[Any](), list[Any]()
    for i in index:
        if isinstance(i, np.ndarray):
            first += [slice(None)] * (i.ndim if i.dtype == bool else 1)
            then.append(i)
        else:
            first.append(i)
            if not isinstance(i, int):
                then.append(i if i is Ellipsis else slice(None))
    return tuple(first), tuple(then)


def index(x: Any, index: tuple[Any, ...]) -> Any:
    """``x[index]`` with arrays in the index. Whole numbers pick first, as in PyTorch: NumPy would take them for arrays,
    and for ``x[0, :, [1, 2]]`` put the dimension of the array in front."""
    if any(isinstance(i, int) for i in index):
        first, index = apart(index)
        x = pick(x, first)
    return pick_many(x, index)


@hidden(
    lambda g, index: np.where(_outside(g.shape, index), g, 0), lambda g, index: g[index],
    backward_name="IndexPutBackward0",
)  # fmt: skip
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


def whole_numbers(index: Any, name: str) -> Any:
    """The array of ``index``, which must be of int32 or int64; a RuntimeError otherwise."""
    index = np.array(index)  # a copy, which a rule may keep
    if index.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {index.dtype}")
    return index


def within(index: Any, n: int, error: type[Exception], low: int = 0, dim: int = 0) -> None:
    """Raise ``error`` if ``index`` has a number outside ``[low, n)``, for which NumPy would count from the end."""
    if index.size and (index.min() < low or index.max() >= n):
        wrong = index.min() if index.min() < low else index.max()
        raise error(f"index {wrong} is out of bounds for dimension {dim} with size {n}")


def along(index: Any, dim: int, shape: tuple[int, ...], name: str = "gather") -> tuple[Any, ...]:
    """``index`` along ``dim`` as an index for all dimensions: element ``[i, j]`` stands for ``[i, index[i, j]]``.

    Raises:
        IndexError: if there is no dimension ``dim``; RuntimeError: if ``index`` does not fit ``shape``.
    """
    index = whole_numbers(index, name)
    dim = axis_index(dim, len(shape))
    if index.ndim != len(shape):
        found = f"got {index.ndim} for {list(shape)}"
        raise RuntimeError(f"Index tensor must have the same number of dimensions as input tensor, {found}")
    if not shape:
        within(index, 1, RuntimeError)
        return ()
    if any(i != dim and n > m for i, (n, m) in enumerate(zip(index.shape, shape, strict=True))):
        found = f"index {list(index.shape)} to be no larger than self {list(shape)} apart from dimension {dim}"
        raise RuntimeError(f"Size does not match: expected {found}")
    within(index, shape[dim], RuntimeError, dim=dim)
    grid = np.ogrid[tuple(slice(n) for n in index.shape)]
    return (*grid[:dim], index, *grid[dim + 1 :])


def picking(name: str, shown: str) -> Any:
    """A row that is ``x[index]`` for an index that `along` made; ``grad_fn`` shows it as ``shown``."""

    def forward(x: Any, index: tuple[Any, ...]) -> Any:
        return np.asarray(x[index])

    return hidden(put_back, name=name, backward_name=f"{shown}Backward0")(forward)


pick_along = picking("pick_along", "Gather")


@composed
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    """``out[i][j] = input[i][index[i][j]]`` for ``dim=1``, and so on; the shape is that of ``index``.

    Raises:
        RuntimeError: if the dimensions do not fit, or an index is out of range.

    https://pytorch.org/docs/stable/generated/torch.gather.html
    """
    if 0 in index.shape:
        return view(view(input, (-1,))[:0], tuple(index.shape)).clone()
    if not input.shape and len(index.shape) == 1:
        input = view(input, (1,))
    return pick_along(input, along(index, dim, tuple(input.shape)))


@composed
def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """``input`` at ``indices`` along ``dim`` (the flattened input for None), all other dimensions in step."""
    indices = whole_numbers(indices, "take_along_dim")
    if dim is None:
        return gather(view(input, (-1,)), 0, indices.ravel())
    found = f"{len(input.shape)} dimensions for input, and {indices.ndim} dimensions for indices"
    said = f"input and indices should have the same number of dimensions, but got {found}"
    need(indices.ndim == len(input.shape), f"torch.take_along_dim(): {said}")
    dim, n = axis_length(input, dim)
    within(indices, n, IndexError, -n, dim)
    lengths = [list(s) for s in (input.shape, indices.shape)]
    for i, (a, b) in enumerate(zip(*lengths, strict=True)):
        if i != dim:
            lengths[0][i] = lengths[1][i] = b if a == 1 else a
    return gather(expand(input, tuple(lengths[0])), dim, np.broadcast_to(indices % n, tuple(lengths[1])))


@composed
def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices of ``input`` along ``dim`` at the positions ``index``, a vector of integers; a copy."""
    (dim, n), index = axis_length(input, dim), whole_numbers(index, "index_select")
    if index.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, got shape {list(index.shape)}")
    within(index, n, IndexError, dim=dim)
    if not input.shape:
        need(index.size == 1, f"index_select(): Index to scalar can have only 1 value, got {index.size} values")
        return input.clone()
    return input[(slice(None),) * dim + (index.reshape(-1),)].contiguous()


@composed
def take(input: Any, index: Any) -> Any:
    """The elements at the positions ``index`` of the flattened ``input``; the shape is that of ``index``."""
    index = whole_numbers(index, "take")
    n = math.prod(input.shape)
    within(index, n, IndexError, -n)
    return view(input, (-1,))[index]


def mask_of(mask: Any, name: str) -> Any:
    """The array of ``mask``, which must be of bool; a RuntimeError otherwise."""
    mask = np.array(mask)  # a copy, which a rule may keep
    if mask.dtype != bool:
        raise RuntimeError(f"{name}: expected BoolTensor for mask, got {mask.dtype}; use mask.bool() or a comparison")
    return mask


@composed
def masked_select(input: Any, mask: Any) -> Any:
    """The elements of ``input`` where ``mask`` (which broadcasts) is True, as a vector."""
    mask = mask_of(mask, "masked_select")
    shape = common_shape(tuple(input.shape), mask.shape)
    return expand(input, shape)[np.broadcast_to(mask, shape)]
