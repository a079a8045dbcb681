"""Shapes: the same elements, arranged otherwise. Rows marked ``view`` share memory with their input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from micrograd_cn.ops.table import composed, primitive

# --- primitives --------------------------------------------------------------------------------------------------


@primitive(lambda g, shape: g.reshape(shape), view=True, symbol="reshape")
def view(x: Any, size: tuple[int, ...]) -> Any:
    """``x`` with the shape ``size``, elements in the same order."""
    try:
        return np.reshape(x, size)
    except ValueError:
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {x.size}") from None


def _inverse(dims: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(dims)), key=lambda i: dims[i] % len(dims)))


@primitive(lambda g, dims: np.transpose(g, _inverse(dims)), view=True, numpy=(np.transpose,))
def permute(x: Any, dims: tuple[int, ...]) -> Any:
    """``x`` with its dimensions in the order ``dims``."""
    if len(dims) != x.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {x.ndim} is not equal to len(dims) = {len(dims)}"
        )
    return np.transpose(x, dims)


@primitive(lambda g, dim0, dim1: np.swapaxes(g, dim0, dim1), view=True, numpy=(np.swapaxes,))
def transpose(x: Any, dim0: int, dim1: int) -> Any:
    """``x`` with two of its dimensions exchanged."""
    return np.swapaxes(x, dim0, dim1) if x.ndim else x.reshape(())


@primitive(lambda g, shape: g.reshape(shape), view=True)
def squeeze(x: Any, dim: int | tuple[int, ...] | None = None) -> Any:
    """``x`` without its dimensions of length 1; with ``dim``, only those named, where they have length 1."""
    if dim is None:
        return np.squeeze(x)
    dims = (dim,) if isinstance(dim, int) else tuple(dim)
    gone = {np.lib.array_utils.normalize_axis_index(d, max(x.ndim, 1)) for d in dims}
    return x.reshape(tuple(n for i, n in enumerate(x.shape) if i not in gone or n != 1))


@primitive(lambda g, shape: g.reshape(shape), view=True, numpy=(np.expand_dims,))
def unsqueeze(x: Any, dim: int) -> Any:
    """``x`` with a new dimension of length 1 at ``dim``."""
    return np.expand_dims(x, dim)


@primitive(lambda g: g, view=True, numpy=(np.broadcast_to,))
def expand(x: Any, size: tuple[int, ...]) -> Any:
    """``x`` broadcast to ``size`` without copying; -1 keeps a length. Do not write into the result.

    Raises:
        RuntimeError: where a length other than 1 would have to change.
    """
    lead = len(size) - x.ndim
    wanted = tuple(x.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(size))
    try:
        out = np.broadcast_to(x, wanted)
    except ValueError:
        raise RuntimeError(
            f"The expanded size of the tensor {list(size)} must match the existing size {list(x.shape)} at every "
            "non-singleton dimension. Only dimensions of length 1 can be expanded."
        ) from None
    out.flags.writeable = True  # in-place operations on it are refused where they would write one element twice
    return out


@primitive(lambda g, dims: np.flip(g, dims), numpy=(np.flip,))
def flip(x: Any, dims: int | tuple[int, ...]) -> Any:
    """A copy of ``x`` with the order along ``dims`` reversed."""
    return np.flip(x, dims).copy()


@primitive(lambda g, shifts, dims: np.roll(g, _negated(shifts), dims), numpy=(np.roll,))
def roll(x: Any, shifts: int | tuple[int, ...], dims: int | tuple[int, ...] | None = None) -> Any:
    """A copy of ``x`` turned by ``shifts`` along ``dims``; what leaves at one end enters at the other."""
    return np.roll(x, shifts, dims)


def _negated(shifts: Any) -> Any:
    return -shifts if isinstance(shifts, int) else tuple(-s for s in shifts)


@primitive(lambda g, diagonal: np.tril(g, diagonal), numpy=(np.tril,))
def tril(x: Any, diagonal: int = 0) -> Any:
    """The lower triangle of the last two dimensions, zero above ``diagonal``."""
    return np.tril(x, diagonal)


@primitive(lambda g, diagonal: np.triu(g, diagonal), numpy=(np.triu,))
def triu(x: Any, diagonal: int = 0) -> Any:
    """The upper triangle of the last two dimensions, zero below ``diagonal``."""
    return np.triu(x, diagonal)


def _cat_rule(g: Any, k: int, dim: int, ends: tuple[int, ...]) -> Any:
    start = 0 if k == 0 else ends[k - 1]
    return g[(slice(None),) * (dim % len(g.shape)) + (slice(start, ends[k]),)]


@primitive(_cat_rule, variadic=True, dtypes="promote", backward_name="CatBackward0", name="concat")
def _concat(*xs: Any, dim: int, ends: tuple[int, ...]) -> Any:
    """Arrays joined along ``dim``; ``ends`` says where each one ends."""
    return np.concatenate(xs, axis=dim)


@primitive(lambda g, k, dim: g[(slice(None),) * (dim % len(g.shape)) + (k,)], variadic=True, dtypes="promote", backward_name="StackBackward0", name="join")
def _join(*xs: Any, dim: int) -> Any:
    """Arrays of one shape joined along a new dimension ``dim``."""
    return np.stack(xs, axis=dim)


# --- composed of them --------------------------------------------------------------------------------------------


def sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    """``f(2, 3)``, ``f((2, 3))`` and ``f(torch.Size([2, 3]))`` alike as a tuple of ints."""
    if len(args) == 1 and not hasattr(args[0], "__index__"):
        args = tuple(args[0])
    return tuple(int(n) for n in args)


@composed
def reshape(input: Any, *shape: Any) -> Any:
    """``input`` with another shape, a view where its memory allows; one length may be -1.

    Raises:
        RuntimeError: if the number of elements does not fit.
    """
    return view(input, sizes(shape))


@composed
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """``input`` with the dimensions from ``start_dim`` to ``end_dim`` made one."""
    shape = tuple(input.shape)
    if not shape:
        return view(input, (1,))
    first, last = (np.lib.array_utils.normalize_axis_index(d, len(shape)) for d in (start_dim, end_dim))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    return input if first == last else view(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@composed
def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Any:
    """``input`` with the dimension ``dim`` split into ``sizes``, one of which may be -1."""
    dim = np.lib.array_utils.normalize_axis_index(dim, len(input.shape))
    return view(input, (*input.shape[:dim], *sizes, *input.shape[dim + 1 :]))


@composed
def t(input: Any) -> Any:
    """The transpose of a matrix; a vector as it is."""
    if len(input.shape) > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {len(input.shape)}D")
    return transpose(input, 0, 1) if len(input.shape) == 2 else input


@composed
def movedim(input: Any, source: Any, destination: Any) -> Any:
    """``input`` with the dimensions ``source`` moved to the places ``destination``."""
    n = len(input.shape)
    one = [source] if isinstance(source, int) else list(source)
    to = [destination] if isinstance(destination, int) else list(destination)
    one, to = [i % n for i in one], [i % n for i in to]
    order = [i for i in range(n) if i not in one]
    for place, dim in sorted(zip(to, one, strict=True)):
        order.insert(place, dim)
    return permute(input, tuple(order))


@composed
def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors joined along an existing dimension; all other lengths must agree.

    https://pytorch.org/docs/stable/generated/torch.cat.html
    """
    tensors = tuple(tensors)
    if not tensors:
        raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
    # An empty vector joins with anything, as in PyTorch.
    tensors = tuple(x for x in tensors if tuple(x.shape) != (0,)) or tensors[:1]
    ends, end = [], 0
    for x in tensors:
        if len(x.shape) == 0:
            raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
        axis = np.lib.array_utils.normalize_axis_index(dim, len(tensors[0].shape))
        rest, first = list(x.shape), list(tensors[0].shape)
        if len(rest) != len(first) or any(i != axis and n != m for i, (n, m) in enumerate(zip(rest, first, strict=True))):
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Got shapes {first} and {rest} in the list."
            )
        end += rest[axis]
        ends.append(end)
    return _concat(*tensors, dim=dim, ends=tuple(ends))


@composed
def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors of one shape joined along a new dimension ``dim``."""
    tensors = tuple(tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    for i, x in enumerate(tensors):
        if tuple(x.shape) != tuple(tensors[0].shape):
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(tensors[0].shape)} at entry 0 "
                f"and {list(x.shape)} at entry {i}"
            )
    return _join(*tensors, dim=dim)


@composed
def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """The part of ``input`` from ``start`` on, ``length`` long, along ``dim``; a view."""
    dim = np.lib.array_utils.normalize_axis_index(dim, len(input.shape))
    n = input.shape[dim]
    start = start + n if start < 0 else start
    if length < 0 or start < 0 or start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return input[(slice(None),) * dim + (slice(start, start + length),)]


@composed
def select(input: Any, dim: int, index: int) -> Any:
    """The slice of ``input`` at ``index`` along ``dim``, without that dimension; a view."""
    dim = np.lib.array_utils.normalize_axis_index(dim, len(input.shape))
    return input[(slice(None),) * dim + (index,)]


@composed
def split(input: Any, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """``input`` cut along ``dim`` into views of one length (the last may be shorter) or of the lengths given."""
    dim = np.lib.array_utils.normalize_axis_index(dim, len(input.shape))
    n, size = input.shape[dim], split_size_or_sections
    if isinstance(size, int):
        if size < 0 or (size == 0 and n):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        lengths = [min(size, n - at) for at in range(0, n, size)] if n else [0]
    else:
        lengths = list(size)
        if sum(lengths) != n:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), "
                f"but got split_sizes={lengths}"
            )
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    return tuple(narrow(input, dim, at, length) for at, length in zip(starts, lengths, strict=True))


@composed
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """``input`` cut along ``dim`` into at most ``chunks`` views of equal length (the last may be shorter)."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[dim]
    return split(input, max(-(-n // chunks), 1), dim)


@composed
def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """All slices of ``input`` along ``dim``, without that dimension; views."""
    return tuple(select(input, dim, i) for i in range(input.shape[dim]))


@composed
def repeat(input: Any, *repeats: Any) -> Any:
    """``input`` laid out ``repeats`` times along each dimension; a copy."""
    times = sizes(repeats)
    if len(times) < len(input.shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: "
            f"{list(times)} for shape {list(input.shape)}"
        )
    shape = (1,) * (len(times) - len(input.shape)) + tuple(input.shape)
    paired = [n for pair in zip(times, shape, strict=True) for n in pair]
    ones = [n for length in shape for n in (1, length)]
    return view(expand(view(input, tuple(ones)), tuple(paired)), tuple(r * n for r, n in zip(times, shape, strict=True)))


@composed
def tile(input: Any, *dims: Any) -> Any:
    """``input`` laid out ``dims`` times; missing leading counts are 1."""
    times = sizes(dims)
    return repeat(input, (1,) * (len(input.shape) - len(times)) + times)


@composed
def ravel(input: Any) -> Any:
    """``input`` as one row of elements; a view where its memory allows."""
    return view(input, (-1,))


@composed
def swapaxes(input: Any, axis0: int, axis1: int) -> Any:
    """Another name for `transpose`."""
    return transpose(input, axis0, axis1)
