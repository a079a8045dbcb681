"""Products of vectors and matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from micrograd_cn.dtypes import int64, to_numpy
from micrograd_cn.ops.shape import axis_index, need, permute, view
from micrograd_cn.ops.table import composed, hidden, primitive


def _shapes(x: Any, y: Any) -> str:
    return f"({'x'.join(map(str, x.shape))} and {'x'.join(map(str, y.shape))})"


@primitive(lambda g, mat2: g @ mat2.T, lambda g, x: x.T @ g, dtypes="same", symbol="@")
def mm(x: Any, mat2: Any) -> Any:
    """Matrix product of ``(n, m)`` and ``(m, p)``: ``(n, p)``."""
    if x.ndim != 2 or mat2.ndim != 2:
        raise RuntimeError(f"mm takes two matrices, got {x.ndim}-D and {mat2.ndim}-D tensors")
    if x.shape[1] != mat2.shape[0]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied {_shapes(x, mat2)}")
    return x @ mat2


@primitive(lambda g, vec: g.reshape((-1, 1)) * vec, lambda g, x: x.T @ g, dtypes="same", symbol="@")
def mv(x: Any, vec: Any) -> Any:
    """Product of a matrix ``(n, m)`` and a vector ``(m,)``: ``(n,)``."""
    if x.ndim != 2 or x.shape[1:] != vec.shape:
        raise RuntimeError(f"size mismatch, got input {list(x.shape)}, vec {list(vec.shape)}")
    return x @ vec


@primitive(lambda g, tensor: g * tensor, lambda g, x: g * x, dtypes="same", symbol="·")
def dot(x: Any, tensor: Any) -> Any:
    """Inner product of two vectors of one length: a 0-dim tensor."""
    if x.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {x.ndim}D and {tensor.ndim}D tensors")
    if x.shape != tensor.shape:
        found = f"{list(x.shape)} and src {list(tensor.shape)}"
        raise RuntimeError(f"inconsistent tensor size, expected tensor {found} to have the same number of elements")
    return x @ tensor


@hidden(
    lambda g, y: g @ np.swapaxes(y, -1, -2), lambda g, x: np.swapaxes(x, -1, -2) @ g,
    dtypes="same", symbol="@", backward_name="BmmBackward0", name="batched",
)  # fmt: skip
def _batched(x: Any, y: Any) -> Any:
    """Matrix products of ``(..., n, m)`` and ``(..., m, p)``; the leading dimensions broadcast."""
    if x.shape[-1] != y.shape[-2]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied {_shapes(x, y)}")
    return x @ y


# What multiplies by how many dimensions the two have.
_PRODUCTS: dict[tuple[int, int], Any] = {(2, 2): mm, (1, 1): dot, (2, 1): mv, (1, 2): lambda x, y: mv(y.T, x)}


@composed
def matmul(input: Any, other: Any) -> Any:
    """Product of vectors, matrices or batches of matrices, by NumPy's rules of ``@``.

    https://pytorch.org/docs/stable/generated/torch.matmul.html
    """
    try:
        n, m = len(input.shape), len(other.shape)
    except AttributeError:
        raise TypeError(f"matmul takes two tensors, got {type(input).__name__} and {type(other).__name__}") from None
    if n == 0 or m == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {n}D and {m}D")
    if (n, m) in _PRODUCTS:
        return _PRODUCTS[n, m](input, other)
    if n == 1:
        return _batched(input.reshape((1, -1)), other).squeeze(-2).clone()
    return _batched(input, other) if m > 1 else _batched(input, other.reshape((-1, 1))).squeeze(-1).clone()


@composed
def bmm(input: Any, mat2: Any) -> Any:
    """Matrix products of two batches ``(b, n, m)`` and ``(b, m, p)``: ``(b, n, p)``."""
    left, right = list(input.shape), list(mat2.shape)
    need(len(left) == len(right) == 3, f"batch1 and batch2 must be 3D tensors, got {len(left)}D and {len(right)}D")
    said = "Expected size for first two dimensions of batch2 tensor to be"
    need(left[::2] == right[:2], f"{said}: {left[::2]} but got: {right[:2]}.")
    return _batched(input, mat2)


@composed
def outer(input: Any, vec2: Any) -> Any:
    """``out[i, j] = input[i] * vec2[j]``."""
    n, m = len(input.shape), len(vec2.shape)
    need(n == m == 1, f"outer: Expected 1-D arguments, but got {n}-D and {m}-D")
    return input.reshape(-1, 1) * vec2


@composed(in_place=True)
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * (mat1 @ mat2)`` for matrices."""
    return _plus(input, mm(mat1, mat2), beta, alpha)


@composed(in_place=True)
def addr(input: Any, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * outer(vec1, vec2)`` for two vectors."""
    return _plus(input, outer(vec1, vec2), *_whole(input, beta, alpha))


@composed(in_place=True)
def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * (batch1 @ batch2).sum(0)`` for batches of matrices."""
    return _plus(input, bmm(batch1, batch2).sum(0, dtype=input.dtype), *_whole(input, beta, alpha))


@composed(in_place=True)
def addmv(input: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * (mat @ vec)`` for a matrix and a vector."""
    return _plus(input, mv(mat, vec), *_whole(input, beta, alpha))


@composed(in_place=True)
def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """``beta * input + alpha * (batch1 @ batch2)`` for batches of matrices."""
    return _plus(input, bmm(batch1, batch2), *_whole(input, beta, alpha))


def _whole(input: Any, *factors: float) -> tuple[float, ...]:
    """The factors in the type of ``input``: integers take their whole part."""
    return tuple(map({"f": float, "b": bool}.get(to_numpy(input.dtype).kind, int), factors))


def _plus(input: Any, product: Any, beta: float, alpha: float) -> Any:
    """``beta * input + alpha * product``; with ``beta`` 0 not even a NaN of ``input`` comes through."""
    product = product if alpha == 1 else alpha * product
    if input.dtype is not product.dtype:
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {input.dtype} and {product.dtype}")
    input = np.broadcast_to(input, tuple(product.shape))
    return product if beta == 0 else (input if beta == 1 else beta * input) + product


@composed
def inner(input: Any, other: Any) -> Any:
    """Products summed over the last dimension of both: ``(..., n)`` and ``(*, n)`` give ``(..., *)``."""
    if not input.shape or not other.shape:
        return input * other
    return tensordot(input, other, ([-1], [-1]))


@composed
def vdot(input: Any, other: Any) -> Any:
    """Inner product of two vectors."""
    return dot(input, other)


@composed(method=False)
def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Products summed over some dimensions of both: the last ``dims`` of ``a`` with the first of ``b``, or two lists.

    https://pytorch.org/docs/stable/generated/torch.tensordot.html
    """
    if isinstance(dims, int):
        dims = (range(len(a.shape) - dims, len(a.shape)), range(dims))
    left, right = ([axis_index(d, len(x.shape)) for d in ds] for x, ds in zip((a, b), dims, strict=True))
    # A length 1 meets any other, whose elements it multiplies all.
    one, other = ([x.shape[d] for d in ds] for x, ds in ((a, left), (b, right)))
    if len(one) == len(other):
        a = a.sum([d for d, m in zip(left, other, strict=True) if m == 1], True, a.dtype) if 1 in other else a
        b = b.sum([d for d, n in zip(right, one, strict=True) if n == 1], True, b.dtype) if 1 in one else b
    one, other = ([x.shape[d] for d in ds] for x, ds in ((a, left), (b, right)))
    said = f"first has size {one} in dims {left} and second has size {other} in dims {right}"
    need(one == other, f"contracted dimensions need to match, but {said}")
    rows = [d for d in range(len(a.shape)) if d not in left]
    columns = [d for d in range(len(b.shape)) if d not in right]
    m, n, p = (math.prod(x.shape[d] for d in ds) for x, ds in ((a, rows), (a, left), (b, columns)))
    product = mm(view(permute(a, (*rows, *left)), (m, n)), view(permute(b, (*right, *columns)), (n, p)))
    return view(product, (*(a.shape[d] for d in rows), *(b.shape[d] for d in columns)))


def _einsum_rule(g: Any, inputs: tuple[Any, ...], k: int, terms: tuple[str, ...], result: str) -> Any:
    mine = terms[k]
    others = [i for i in range(len(terms)) if i != k]
    known = set(result).union(*(terms[i] for i in others))
    letters = list(dict.fromkeys(mine))
    found = [c for c in letters if c in known]
    # The other factors give the gradient by each letter that they or the result know…
    equation = f"{','.join([result, *(terms[i] for i in others)])}->{''.join(found)}"
    share = np.einsum(equation, g, *(inputs[i] for i in others))
    # …a letter that this factor alone has was summed away: every element gets the same…
    sizes = dict(zip(mine, inputs[k].shape, strict=True))
    if found != letters:
        share = share.reshape(tuple(sizes[c] if c in known else 1 for c in letters))
        share = np.broadcast_to(share, tuple(sizes[c] for c in letters))
    if len(letters) == len(mine):
        return share
    # …and a letter that occurs twice took a diagonal: the gradient goes back onto it.
    diagonal = np.ones(inputs[k].shape, dtype=bool)
    for i, c in enumerate(mine):
        if (first := mine.index(c)) != i:
            diagonal &= np.equal.outer(np.arange(sizes[c]), np.arange(sizes[c])).reshape(
                tuple(n if j in (first, i) else 1 for j, n in enumerate(inputs[k].shape))
            )
    spread = share.reshape(tuple(sizes[c] if mine.index(c) == i else 1 for i, c in enumerate(mine)))
    return np.where(diagonal, spread, 0)


@hidden(_einsum_rule, variadic=True, packed=True, dtypes="same", backward_name="EinsumBackward0", name="contract")
def _contract(*inputs: Any, terms: tuple[str, ...], result: str) -> Any:
    """Products of inputs, summed over the letters that ``result`` has not."""
    return np.einsum(f"{','.join(terms)}->{result}", *inputs, optimize=len(inputs) > 2)


@composed(method=False)
def einsum(equation: str, *operands: Any) -> Any:
    """Sums of products in Einstein's notation: ``einsum("bij,bjk->bik", x, y)``; ``...`` stands for more dimensions.

    Raises:
        RuntimeError: if the equation does not fit the operands.

    https://pytorch.org/docs/stable/generated/torch.einsum.html
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(*operands)
    terms, out = _parse(equation.replace(" ", ""), [len(x.shape) for x in operands])
    if len(terms) == 1 and set(*terms) > set(out):
        operands = tuple(x.to(int64) if to_numpy(x.dtype).kind in "biu" else x for x in operands)
    sizes: dict[str, int] = {}
    for x, term in zip(operands, terms, strict=True):
        for c, n in zip(term, x.shape, strict=True):
            if sizes.get(c, 1) == 1:
                sizes[c] = n
            elif n not in (1, sizes[c]):
                raise RuntimeError(f"einsum(): subscript {c} has size {n}, which does not broadcast with {sizes[c]}")
    # A length 1 that broadcasts is stretched, so that the rules see one size a letter.
    stretched = [
        x if all(n == sizes[c] for c, n in zip(term, x.shape, strict=True)) else x.expand(tuple(sizes[c] for c in term))
        for x, term in zip(operands, terms, strict=True)
    ]
    return _contract(*stretched, terms=terms, result=out)


def _parse(equation: str, ndims: Sequence[int]) -> tuple[tuple[str, ...], str]:
    """The letters of each operand and of the result, ``...`` replaced by letters and the result filled in."""
    left, arrow, out = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise RuntimeError(f"einsum(): {len(terms)} subscripts in '{equation}' but {len(ndims)} operands were given")
    hidden = max([n - len(t.replace("...", "")) for t, n in zip(terms, ndims, strict=True) if "..." in t], default=0)
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in equation][:hidden]
    full = []
    for term, n in zip(terms, ndims, strict=True):
        own = n - len(term.replace("...", ""))
        if own < 0 or (own and "..." not in term):
            raise RuntimeError(f"einsum(): the subscripts '{term}' do not match the {n} dimensions of the operand")
        full.append(term.replace("...", "".join(spare[hidden - own :] if own else [])))
    if arrow:
        return tuple(full), out.replace("...", "".join(spare))
    letters = "".join(full)
    once = sorted(c for c in set(letters) if letters.count(c) == 1 and c not in spare)
    return tuple(full), "".join([*spare, *once])
