"""Shapes: the same elements, arranged otherwise. Rows marked ``view`` share memory with their input."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from micrograd_cn.ops.table import composed, hidden, primitive


def overlapping(x: np.ndarray[Any, Any]) -> bool:
    """Whether one place in the memory of ``x`` stands for several elements."""
    return 0 in x.strides and x.size > 0 and any(s == 0 and n > 1 for s, n in zip(x.strides, x.shape, strict=True))


def memory_order(x: np.ndarray[Any, Any]) -> Any:
    """In which order a copy of ``x`` lies in memory: in that of ``x``, unless its places stand for several elements."""
    return "C" if overlapping(x) else "K"


def axis_index(dim: int, ndim: int) -> int:
    """``dim`` counted from the front, for a tensor of ``ndim`` dimensions; one of none counts as one of one.

    Raises:
        IndexError: if there is no such dimension.
    """
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n


def axis_length(x: Any, dim: int) -> tuple[int, int]:
    """``dim`` counted from the front, and the length of that dimension of ``x``; a number is a vector of one."""
    dim = axis_index(dim, len(x.shape))
    return dim, x.shape[dim] if x.shape else 1


def need(fits: Any, otherwise: str, error: type[Exception] = RuntimeError) -> None:
    """Raise ``error`` with the message ``otherwise``, if not ``fits``."""
    if not fits:
        raise error(otherwise)


def common_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all ``shapes`` broadcast to.

    Raises:
        RuntimeError: if there is none.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        found = " and ".join(str(list(s)) for s in shapes)
        raise RuntimeError(f"The shapes {found} do not broadcast: from the right, lengths are equal or 1") from None


# --- primitives --------------------------------------------------------------------------------------------------


@primitive(lambda g, shape: g.reshape(shape), view=True, symbol="reshape")
def view(x: Any, size: tuple[int, ...]) -> Any:
    """``x`` with the shape ``size``, elements in the same order."""
    try:
        if size and min(size) < -1:
            raise ValueError
        return np.reshape(x, size)
    except ValueError:
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {x.size}") from None


def _inverse(dims: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(dims)), key=lambda i: dims[i] % len(dims)))


@primitive(lambda g, dims: np.transpose(g, _inverse(dims)), view=True, numpy=(np.transpose,))
def permute(x: Any, dims: tuple[int, ...]) -> Any:
    """``x`` with its dimensions in the order ``dims``."""
    if len(dims) != x.ndim:
        said = f"ordering of dimensions i.e. input.dim() = {x.ndim} is not equal to len(dims) = {len(dims)}"
        raise RuntimeError(
            f"permute(): number of dimensions in the tensor input does not match the length of the {said}"
        )
    return np.transpose(x, dims)


def _exchanged(g: Any, dim0: int, dim1: int) -> Any:
    return transpose(g, dim0, dim1)


@primitive(_exchanged, view=True, numpy=(np.swapaxes,))
def transpose(x: Any, dim0: int, dim1: int) -> Any:
    """``x`` with two of its dimensions exchanged."""
    if x.ndim:
        return np.swapaxes(x, dim0, dim1)
    axis_index(dim0, x.ndim), axis_index(dim1, x.ndim)
    return x.reshape(())


@primitive(lambda g, shape: g.reshape(shape), view=True)
def squeeze(x: Any, dim: int | tuple[int, ...] | None = None) -> Any:
    """``x`` without its dimensions of length 1; with ``dim``, only those named, where they have length 1."""
    if dim is None:
        return np.squeeze(x)
    gone = [axis_index(d, x.ndim) for d in ((dim,) if isinstance(dim, int) else dim)]
    if len(set(gone)) < len(gone):
        raise RuntimeError(f"a dim appears multiple times in the list of dims {dim}")
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
        said = "at every non-singleton dimension. Only dimensions of length 1 can be expanded."
        found = f"{list(size)} must match the existing size {list(x.shape)}"
        raise RuntimeError(f"The expanded size of the tensor {found} {said}") from None
    out.setflags(write=True)  # in-place operations on it are refused where they would write one element twice
    return out


def _flip_rule(g: Any, dims: Any) -> Any:
    return flip(g, dims)


@primitive(_flip_rule, numpy=(np.flip,))
def flip(x: Any, dims: int | tuple[int, ...]) -> Any:
    """A copy of ``x`` with the order along ``dims`` reversed."""
    return np.flip(x, dims).copy(memory_order(x)) if x.ndim else x.copy()


@primitive(lambda g, shifts, dims: np.roll(g, _negated(shifts), dims), numpy=(np.roll,))
def roll(x: Any, shifts: int | tuple[int, ...], dims: int | tuple[int, ...] | None = None) -> Any:
    """A copy of ``x`` turned by ``shifts`` along ``dims``; what leaves at one end enters at the other."""
    counts = [1 if isinstance(n, int) else len(n) for n in (shifts, () if dims is None else dims)]
    need(counts[0], "`shifts` required, got none")
    if counts[0] != counts[1] and (dims is not None or counts[0] != 1):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {counts[0]}, dims:{counts[1]}")
    return np.roll(np.asarray(x, order="C"), shifts, dims)


def _negated(shifts: Any) -> Any:
    return -shifts if isinstance(shifts, int) else tuple(-s for s in shifts)


def _matrix(name: str, x: Any) -> None:
    need(x.ndim >= 2, f"{name}: input tensor must have at least 2 dimensions, got shape {list(x.shape)}")


@primitive(lambda g, diagonal: np.tril(g, diagonal), numpy=(np.tril,), packed=True, in_place=True)
def tril(x: Any, diagonal: int = 0) -> Any:
    """The lower triangle of the last two dimensions, zero above ``diagonal``."""
    _matrix("tril", x)
    return np.tril(x, diagonal)


@primitive(lambda g, diagonal: np.triu(g, diagonal), numpy=(np.triu,), packed=True, in_place=True)
def triu(x: Any, diagonal: int = 0) -> Any:
    """The upper triangle of the last two dimensions, zero below ``diagonal``."""
    _matrix("triu", x)
    return np.triu(x, diagonal)


def _diagonal_rule(g: Any, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Any:
    return on_diagonal(g, shape, offset, dim1, dim2)


@primitive(_diagonal_rule, view=True, numpy=(np.diagonal,))
def diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The elements ``x[i, i + offset]`` of the matrices in ``dim1`` and ``dim2``, as a new last dimension; a view."""
    if axis_index(dim1, x.ndim) == axis_index(dim2, x.ndim):
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    out = np.diagonal(x, offset, dim1, dim2)
    out.setflags(write=x.flags.writeable)
    return out


@hidden(lambda g, offset, dim1, dim2: np.diagonal(g, offset, dim1, dim2), backward_name="DiagEmbedBackward0")
def on_diagonal(x: Any, size: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Any:
    """Zeros of shape ``size`` but for a `diagonal`, which is ``x``."""
    out = np.zeros(size, x.dtype)
    diagonal(out, offset, dim1, dim2)[...] = x
    return out


def _cat_rule(g: Any, k: int, dim: int, ends: tuple[int, ...]) -> Any:
    start = 0 if k == 0 else ends[k - 1]
    return g[(slice(None),) * (dim % len(g.shape)) + (slice(start, ends[k]),)]


@hidden(_cat_rule, variadic=True, dtypes="promote", backward_name="CatBackward0", name="concat")
def _concat(*xs: Any, dim: int, ends: tuple[int, ...]) -> Any:
    """Arrays joined along ``dim``; ``ends`` says where each one ends."""
    return np.asarray(np.concatenate(xs, axis=dim), order="C")


def _stack_rule(g: Any, k: int, dim: int) -> Any:
    return g[(slice(None),) * (dim % len(g.shape)) + (k,)]


@hidden(_stack_rule, variadic=True, dtypes="promote", backward_name="StackBackward0", name="join")
def _join(*xs: Any, dim: int) -> Any:
    """Arrays of one shape joined along a new dimension ``dim``."""
    return np.asarray(np.stack(xs, axis=dim), order="C")


# --- composed of them --------------------------------------------------------------------------------------------


def sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    """``f(2, 3)``, ``f((2, 3))`` and ``f(torch.Size([2, 3]))`` alike as a tuple of ints."""
    try:
        if len(args) == 1 and not hasattr(args[0], "__index__"):
            args = tuple(args[0])
        return tuple(n.__index__() for n in args)
    except (AttributeError, TypeError):
        raise TypeError(f"a shape is made of whole numbers, got {args}") from None


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
    first, last = axis_index(start_dim, len(shape)), axis_index(end_dim, len(shape))
    need(first <= last, "flatten() has invalid args: start_dim cannot come after end_dim")
    merged = (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
    return view(input, merged) if first < last else input


@composed
def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Any:
    """``input`` with the dimension ``dim`` split into ``sizes``, one of which may be -1."""
    dim = axis_index(dim, len(input.shape))
    need(sizes, "unflatten: sizes must be non-empty")
    return view(input, (*input.shape[:dim], *sizes, *input.shape[dim + 1 :]))


@composed
def t(input: Any) -> Any:
    """The transpose of a matrix; a vector as it is."""
    need(len(input.shape) <= 2, f"t() expects a tensor with <= 2 dimensions, but self is {len(input.shape)}D")
    return permute(input, tuple(reversed(range(len(input.shape)))))


@composed
def movedim(input: Any, source: Any, destination: Any) -> Any:
    """``input`` with the dimensions ``source`` moved to the places ``destination``."""
    n = len(input.shape)
    one, to = ([axis_index(i, n) for i in ([d] if isinstance(d, int) else d)] for d in (source, destination))
    fits = len(one) == len(to) == len(set(one)) == len(set(to))
    need(fits, f"movedim: source {source} and destination {destination} must be as many dims, each once")
    order = [i for i in range(n) if i not in one]
    for place, dim in sorted(zip(to, one, strict=True)):
        order.insert(place, dim)
    return permute(input, tuple(order[:n]))  # a number has no dimension, and lets dimension 0 be named


@composed(method=False)
def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors joined along an existing dimension; all other lengths must agree.

    https://pytorch.org/docs/stable/generated/torch.cat.html
    """
    tensors = tuple(tensors)
    need(tensors, "torch.cat(): expected a non-empty list of Tensors", ValueError)
    for i, x in enumerate(tensors):
        if not hasattr(x, "shape"):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
        if len(x.shape) == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    # An empty vector joins with anything, as in PyTorch.
    shape = next((tuple(x.shape) for x in tensors if tuple(x.shape) != (0,)), (0,))
    axis = axis_index(dim, len(shape))
    before, behind = shape[:axis], shape[axis + 1 :]
    tensors = tuple(view(x, (*before, 0, *behind)) if tuple(x.shape) == (0,) else x for x in tensors)
    ends, end = [], 0
    for x in tensors:
        if tuple(x.shape) != (*before, *x.shape[axis : axis + 1], *behind):
            found = f"Got shapes {list(shape)} and {list(x.shape)} in the list."
            raise RuntimeError(f"Sizes of tensors must match except in dimension {dim}. {found}")
        end += x.shape[axis]
        ends.append(end)
    return _concat(*tensors, dim=dim, ends=tuple(ends))


@composed(method=False)
def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors of one shape joined along a new dimension ``dim``."""
    tensors = tuple(tensors)
    need(tensors, "stack expects a non-empty TensorList")
    for i, x in enumerate(tensors):
        if tuple(x.shape) != tuple(tensors[0].shape):
            found = f"{list(tensors[0].shape)} at entry 0 and {list(x.shape)} at entry {i}"
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {found}")
    return _join(*tensors, dim=dim)


@composed
def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """The part of ``input`` from ``start`` on, ``length`` long, along ``dim``; a view."""
    need(input.shape, "narrow() cannot be applied to a 0-dim tensor.")
    dim = axis_index(dim, len(input.shape))
    n, start = input.shape[dim], int(start)
    need(-n <= start <= n, f"start out of range (expected to be in range of [{-n}, {n}], but got {start})", IndexError)
    start = start + n if start < 0 else start
    need(length >= 0 and start + length <= n, f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return input[(slice(None),) * dim + (slice(start, start + length),)]


@composed
def select(input: Any, dim: int, index: int) -> Any:
    """The slice of ``input`` at ``index`` along ``dim``, without that dimension; a view."""
    dim = axis_index(dim, len(input.shape))
    need(input.shape, "select() cannot be applied to a 0-dim tensor.", IndexError)
    return input[(slice(None),) * dim + (int(index),)]


@composed
def split(input: Any, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """``input`` cut along ``dim`` into views of one length (the last may be shorter) or of the lengths given."""
    dim = axis_index(dim, len(input.shape))
    need(input.shape, "split expects at least a 1-dimensional tensor")
    n, size = input.shape[dim], split_size_or_sections
    if isinstance(size, int):
        if size < 0 or (size == 0 and n):
            raise RuntimeError(f"split expects a positive split_size for a dimension of {n}, but got split_size={size}")
        lengths = [min(size, n - at) for at in range(0, n, size)] if n else [0]
    else:
        lengths = list(size)
        said = f"sum exactly to {n} (input tensor's size at dimension {dim}), but got split_sizes={lengths}"
        need(sum(lengths) == n, f"split_with_sizes expects split_sizes to {said}")
    starts = [sum(lengths[:i]) for i in range(len(lengths))]
    return tuple(narrow(input, dim, at, length) for at, length in zip(starts, lengths, strict=True))


@composed
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """``input`` cut along ``dim`` into at most ``chunks`` views of equal length (the last may be shorter)."""
    need(chunks > 0, f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = axis_index(dim, len(input.shape))
    need(input.shape, "chunk expects at least a 1-dimensional tensor")
    n = input.shape[dim]
    return split(input, -(-n // chunks) if n else [0] * chunks, dim)


@composed
def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """All slices of ``input`` along ``dim``, without that dimension; views."""
    dim, n = axis_length(input, dim)
    need(input.shape, f"Dimension specified as {dim} but tensor has no dimensions", IndexError)
    return tuple(select(input, dim, i) for i in range(n))


@composed
def ravel(input: Any) -> Any:
    """``input`` as one row of elements; a view if it is contiguous."""
    return view(input.contiguous(), (-1,))


@composed
def swapaxes(input: Any, axis0: int, axis1: int) -> Any:
    """Another name for `transpose`."""
    return transpose(input, axis0, axis1)
