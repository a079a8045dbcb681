"""Inverses and decompositions of matrices, and of batches of them ``(..., m, n)``. LAPACK computes them, through NumPy.

Sources of the rules: Giles, "Collected Matrix Derivative Results for Forward and Reverse Mode Algorithmic
Differentiation", 2008; Ionescu, Vantzos and Sminchisescu, "Training Deep Networks with Structured Layers by Matrix
Backpropagation", 2015; Golub and Pereyra, 1973, for the pseudoinverse; Walter and Lehmann, 2012, for QR.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.ops.elementwise import over
from micrograd_cn.ops.shape import need
from micrograd_cn.ops.table import primitive

Shape = tuple[int, ...]


class LinAlgError(RuntimeError):
    """A matrix cannot be decomposed or inverted. https://pytorch.org/docs/stable/generated/torch.linalg.LinAlgError.html"""


def matrices(name: str, x: Any, square: bool = False) -> None:
    """Refuse anything but float32 or float64 matrices, for ``square`` square ones."""
    fits = x.ndim > 1 and (x.shape[-1] == x.shape[-2] or not square)
    need(fits, f"{name}: A must be batches of {'square ' * square}matrices, but they are of shape {list(x.shape)}")
    fits = x.dtype.is_floating_point and x.dtype.itemsize > 2
    need(fits, f"{name}: Expected float32 or float64 as input, got {x.dtype}; convert with .float()")


def _solved(name: str, function: Callable[..., Any], *args: Any) -> Any:
    try:
        return function(*args)
    except np.linalg.LinAlgError as error:
        shapes = " and ".join(str(list(x.shape)) for x in args if hasattr(x, "shape"))
        raise LinAlgError(f"{name}: the algorithm failed for input of shape {shapes}: {error}") from None


def turned(x: Any) -> Any:
    """The transposes of the matrices in ``x``."""
    return np.swapaxes(x, -1, -2)


# --- one result --------------------------------------------------------------------------------------------------


@primitive(lambda g, out: -(turned(out) @ g @ turned(out)), name="linalg_inv")
def inverse(x: Any) -> Any:
    """The inverse of square matrices."""
    return _solved("linalg.inv", np.linalg.inv, x)


def _solution_rule(g: Any, x: Any) -> Any:
    return solved(turned(x), g)


@primitive(lambda g, x, out: -(_solution_rule(g, x) @ turned(out)), _solution_rule, name="linalg_solve")
def solved(x: Any, y: Any) -> Any:
    """The ``z`` with ``x @ z = y`` for matrices; batches broadcast."""
    return _solved("linalg.solve", np.linalg.solve, x, y)


def _as_matrix(g: Any) -> Any:
    return g[..., None, None]


def _determinant_rule(g: Any, x: Any) -> Any:
    return _as_matrix(g) * cofactors(x)


@primitive(_determinant_rule, name="linalg_det")
def determinant(x: Any) -> Any:
    """The determinants of square matrices."""
    return np.linalg.det(x)


def _cofactors_rule(g: Any, x: Any) -> Any:
    inverted = turned(inverse(x))
    inner = _as_matrix(np.sum(g * inverted, axis=(-2, -1)))
    return _as_matrix(determinant(x)) * (inner * inverted - inverted @ turned(g) @ inverted)


@primitive(_cofactors_rule, name="linalg_cofactors")
def cofactors(x: Any) -> Any:
    """The derivative of the determinant, which singular matrices have too; its own only for others."""
    u, s, vh = np.linalg.svd(x)
    others = np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., None, :]).prod(-1)
    return _as_matrix(np.linalg.det(u @ vh)) * ((u * others[..., None, :]) @ vh)


@primitive(
    lambda g, x: _as_matrix(g) * turned(inverse(x)), name="linalg_logabsdet", backward_name="LinalgSlogdetBackward0"
)
def log_determinant(x: Any) -> Any:
    """The logarithms of the absolute values of determinants."""
    return np.linalg.slogdet(x)[1]


def _pseudoinverse_rule(g: Any, x: Any, out: Any) -> Any:
    p, k = out, turned(g) @ out
    kp = k @ turned(p)
    return -turned(p @ k) + kp - (x @ p) @ kp + (turned(p) @ p) @ (turned(g) - k @ x)


@primitive(_pseudoinverse_rule, name="linalg_pinv")
def pseudoinverse(x: Any, rtol: Any, hermitian: bool) -> Any:
    """The Moore-Penrose inverse; singular values up to ``rtol`` times the largest count as 0."""
    return np.linalg.pinv(x, rtol, hermitian) if x.size else turned(np.zeros_like(x))


def _symmetric_half(x: Any) -> Any:
    """The lower triangle, with half of the diagonal."""
    return np.tril(x) - np.tril(np.triu(x)) / 2


def _cholesky_rule(g: Any, out: Any) -> Any:
    inverted = inverse(out)
    half = _symmetric_half(turned(out) @ g)
    found = turned(inverted) @ half @ inverted
    return (found + turned(found)) / 2


@primitive(_cholesky_rule, name="linalg_cholesky")
def lower_factor(x: Any) -> Any:
    """The lower triangular ``l`` with ``l @ l.mT = x`` for symmetric positive definite matrices."""
    out = _solved("linalg.cholesky", np.linalg.cholesky, x)
    need(not np.isnan(out).any(), "linalg.cholesky: the input holds NaN, so it is not positive-definite", LinAlgError)
    return out


def _exponential_rule(g: Any, x: Any) -> Any:
    # The exponential of a block matrix holds the derivative beside the exponential: Al-Mohy and Higham, 2009.
    *_, n = x.shape
    upper = np.concatenate([turned(x), g], axis=-1)
    lower = np.concatenate([np.zeros_like(g), turned(x)], axis=-1)
    return exponential(np.concatenate([upper, lower], axis=-2))[..., :n, n:]


@primitive(_exponential_rule, name="linalg_matrix_exp")
def exponential(x: Any) -> Any:
    """``sum(x**n / n!)``, with matrix powers."""
    return importlib.import_module("scipy.linalg").expm(x) if x.size else x.copy()


# --- several results: one row gives them flat, one after the other ------------------------------------------------


def _flat(*parts: tuple[Any, int]) -> Any:
    """Parts and their numbers of dimensions, each flattened behind the batch, one after the other."""
    return np.concatenate([x.reshape((*x.shape[: x.ndim - n], math.prod(x.shape[x.ndim - n :]))) for x, n in parts], -1)


def _apart(flat: Any, *shapes: Shape) -> list[Any]:
    """The parts of a `_flat` array."""
    ends = np.cumsum([0, *map(math.prod, shapes)])
    cut = [flat[..., int(a) : int(b)] for a, b in itertools.pairwise(ends)]
    return [x.reshape((*x.shape[:-1], *s)) for x, s in zip(cut, shapes, strict=True)]


def _diagonal(x: Any) -> Any:
    """Vectors on the diagonals of matrices."""
    return np.where(np.eye(x.shape[-1], dtype=bool), np.expand_dims(x, -2), 0)


def _differences(x: Any) -> Any:
    return np.expand_dims(x, -2) - np.expand_dims(x, -1)


def _eigen_rule(g: Any, out: Any, shape: Shape) -> Any:
    shapes = shape[-1:], shape[-2:]
    (gw, gv), (w, v) = _apart(g, *shapes), _apart(out, *shapes)
    turn = turned(v) @ gv
    return v @ (_diagonal(gw) + over((turn - turned(turn)) / 2, _differences(w))) @ turned(v)


@primitive(_eigen_rule, name="linalg_eigh")
def _eigen(x: Any, uplo: str) -> Any:
    w, v = _solved("linalg.eigh", np.linalg.eigh, x, uplo)
    return _flat((w, 1), (v, 2))


def eigen(x: Any, uplo: str = "L") -> list[Any]:
    """The eigenvalues of symmetric matrices in rising order, and the eigenvectors as columns.

    Where eigenvalues are equal their vectors may turn into each other: the rule then takes no part of that.
    """
    return _apart(_eigen(x, uplo), x.shape[-1:], x.shape[-2:])


@primitive(
    lambda g, x, uplo: (lambda v: (v * np.expand_dims(g, -2)) @ turned(v))(eigen(x, uplo)[1]), name="linalg_eigvalsh"
)
def eigenvalues(x: Any, uplo: str = "L") -> Any:
    """The eigenvalues of symmetric matrices in rising order."""
    return _solved("linalg.eigvalsh", np.linalg.eigvalsh, x, uplo)


def _singular_shapes(shape: Shape) -> tuple[Shape, ...]:
    m, n = shape[-2:]
    return (m, min(m, n)), (min(m, n),), (min(m, n), n)


def _singular_rule(g: Any, out: Any, shape: Shape) -> Any:
    (gu, gs, gvh), (u, s, vh) = (_apart(x, *_singular_shapes(shape)) for x in (g, out))
    gaps = over(1, _differences(s * s))
    left, right = turned(u) @ gu, vh @ turned(gvh)
    row, column = np.expand_dims(s, -2), np.expand_dims(s, -1)
    core = _diagonal(gs) + (left - turned(left)) * gaps * row + column * ((right - turned(right)) * gaps)
    # What turns the vectors out of the space that they span.
    outside = over(gu - u @ left, row) @ vh + u @ over(gvh - turned(right) @ vh, column)
    return u @ core @ vh + outside


@primitive(_singular_rule, name="linalg_svd")
def _singular(x: Any) -> Any:
    shapes = _singular_shapes(x.shape)
    if not x.size:
        return np.zeros((*x.shape[:-2], sum(map(math.prod, shapes))), x.dtype)
    u, s, vh = _solved("linalg.svd", np.linalg.svd, x, False)
    return _flat((u, 2), (s, 1), (vh, 2))


def singular(x: Any) -> list[Any]:
    """``u``, the falling ``s`` and ``vh`` with ``x = u @ diag(s) @ vh``; ``min(m, n)`` singular values and vectors."""
    return _apart(_singular(x), *_singular_shapes(tuple(x.shape)))


def _values_rule(g: Any, x: Any) -> Any:
    u, _, vh = singular(x)
    return (u * np.expand_dims(g, -2)) @ vh


@primitive(_values_rule, name="linalg_svdvals", backward_name="LinalgSvdBackward0")
def singular_values(x: Any) -> Any:
    """The singular values of matrices, falling."""
    if not x.size:
        return np.zeros((*x.shape[:-2], min(x.shape[-2:])), x.dtype)
    return _solved("linalg.svdvals", functools.partial(np.linalg.svd, compute_uv=False), x)


def _orthogonal_shapes(shape: Shape) -> tuple[Shape, Shape]:
    m, n = shape[-2:]
    return (m, n), (n, n)


def _orthogonal_rule(g: Any, out: Any, shape: Shape) -> Any:
    (gq, gr), (q, r) = (_apart(x, *_orthogonal_shapes(shape)) for x in (g, out))
    m = r @ turned(gr) - turned(gq) @ q
    half = _symmetric_half(m)
    return turned(solved(r, turned(gq + q @ (half + turned(half)))))


@primitive(_orthogonal_rule, name="linalg_qr")
def _orthogonal(x: Any) -> Any:
    return _flat(*((part, 2) for part in np.linalg.qr(x)))


def orthogonal(x: Any) -> list[Any]:
    """``q`` with orthonormal columns and the upper triangular ``r`` with ``x = q @ r``, for ``m >= n``."""
    return _apart(_orthogonal(x), *_orthogonal_shapes(tuple(x.shape)))
