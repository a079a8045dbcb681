"""The functions of ``torch.linalg``, composed of products, inverses and decompositions.

https://pytorch.org/docs/stable/linalg.html
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from micrograd_cn.dtypes import to_numpy
from micrograd_cn.ops import decompositions as rows
from micrograd_cn.ops.decompositions import matrices, turned
from micrograd_cn.ops.extremes import return_type
from micrograd_cn.ops.given import flat, underivable
from micrograd_cn.ops.linalg import matmul
from micrograd_cn.ops.reduction import vector_norm as _vector_norm
from micrograd_cn.ops.shape import axis_index, cat, diagonal as _diagonal, expand, movedim, need, roll, unsqueeze, view
from micrograd_cn.ops.table import composed

_SLOGDET = return_type("linalg_slogdet", "sign logabsdet")
_EIGH = return_type("linalg_eigh", "eigenvalues eigenvectors")
_SVD, _OLD_SVD = return_type("linalg_svd", "U S Vh"), return_type("svd", "U S V")
_QR = return_type("linalg_qr", "Q R")
_LSTSQ = return_type("linalg_lstsq", "solution residuals rank singular_values")

# --- determinants and inverses -----------------------------------------------------------------------------------


@composed
def det(A: Any) -> Any:
    """The determinants of square matrices ``(..., n, n)``."""
    matrices("linalg.det", A, True)
    return rows.determinant(A)


@composed
def slogdet(A: Any) -> Any:
    """The signs of the determinants and the logarithms of their absolute values, as ``(sign, logabsdet)``."""
    matrices("linalg.slogdet", A, True)
    return _SLOGDET(flat(A, np.asarray(np.linalg.slogdet(A._raw)[0])), rows.log_determinant(A))


@composed
def logdet(input: Any) -> Any:
    """The logarithms of the determinants; NaN where one is negative."""
    sign, logarithm = slogdet(input)
    return np.where(sign < 0, math.nan, logarithm)


@composed(name="inverse")
def inv(A: Any) -> Any:
    """The inverses of square matrices.

    Raises:
        LinAlgError: if one is singular.
    """
    matrices("linalg.inv", A, True)
    return rows.inverse(A)


def pinv(A: Any, rcond: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """The Moore-Penrose inverses; singular values up to ``max(atol, rtol * largest)`` count as 0."""
    matrices("linalg.pinv", A, hermitian)
    return rows.pseudoinverse(A, _relative(A, atol, rcond if rtol is None else rtol), hermitian)


@composed
def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """The Moore-Penrose inverses; singular values up to ``rcond`` times the largest count as 0."""
    return pinv(input, rcond)


def _relative(A: Any, atol: Any, rtol: Any) -> Any:
    """Below which part of the largest singular value one counts as 0."""
    if rtol is None:
        epsilon = np.finfo(to_numpy(A.dtype)).eps * max(A.shape[-2:])
        rtol = epsilon if atol is None else np.where(np.asarray(atol) > 0, 0.0, epsilon)
    if atol is None or not A.numel():
        return np.asarray(rtol)
    largest = rows.singular_values(A._raw)[..., 0]
    return np.maximum(np.asarray(rtol), np.asarray(atol) / np.where(largest == 0, 1, largest))


def matrix_rank(A: Any, tol: Any = None, *, atol: Any = None, rtol: Any = None, hermitian: bool = False) -> Any:
    """How many singular values do not count as 0, as int64; tolerances as for `pinv`."""
    matrices("linalg.matrix_rank", A, hermitian)
    values = rows.singular_values(A._raw)
    least = _relative(A, tol if atol is None else atol, rtol) * values.max(-1, initial=0)
    return A._constant(np.asarray((values > least[..., None]).sum(-1)))


# --- equations ---------------------------------------------------------------------------------------------------


def _equation(name: str, A: Any, B: Any, side: int = -2) -> None:
    said = f"{name}: Expected A and B of one dtype and fitting shapes, but found {A.dtype} {list(A.shape)} and "
    need(A.dtype is B.dtype and A.shape[side] == B.shape[side], said + f"{B.dtype} {list(B.shape)}")


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """The ``X`` with ``A @ X = B`` (``X @ A = B`` unless ``left``); ``B`` holds matrices, or vectors ``(..., n)``."""
    matrices("linalg.solve", A, True)
    if len(B.shape) == 1 or (len(A.shape) - 1 == len(B.shape) and tuple(B.shape) == tuple(A.shape[:-1])):
        need(left, "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False")
        return solve(A, unsqueeze(B, -1)).squeeze(-1)
    matrices("linalg.solve", B)
    _equation("linalg.solve", A, B, -2 if left else -1)
    return rows.solved(A, B) if left else turned(rows.solved(turned(A), turned(B)))


def solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """`solve` by one triangle of ``A`` alone, with ones on its diagonal if ``unitriangular``."""
    matrices("linalg.solve_triangular", A, True)
    matrices("linalg.solve_triangular", B)
    half = (np.triu if upper else np.tril)(A, (1 if upper else -1) if unitriangular else 0)
    return solve(half + A._constant(_eyes(A, A.shape[-1])) if unitriangular else half, B, left=left)


def _eyes(A: Any, n: int) -> Any:
    return np.broadcast_to(np.eye(n, dtype=to_numpy(A.dtype)), (*A.shape[:-2], n, n))


def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """The ``X`` that minimises ``|A @ X - B|``, as ``(solution, residuals, rank, singular_values)``."""
    matrices("linalg.lstsq", A)
    need(driver in (None, "gels", "gelsy", "gelsd", "gelss"), f"linalg.lstsq: there is no driver {driver!r}")
    vector = len(B.shape) == len(A.shape) - 1
    right = unsqueeze(B, -1) if vector else B
    _equation("linalg.lstsq", A, right)
    solution, rank = pinv(A, rcond) @ right, matrix_rank(A, rtol=rcond)
    full = A.shape[-2] > A.shape[-1] and driver != "gelsy" and bool((rank == A.shape[-1]).all())
    residuals = (A @ solution - right).square().sum(-2) if full else solution.reshape(-1)[:0]
    values = rows.singular_values(A._raw) if driver in ("gelsd", "gelss") else np.zeros(0, to_numpy(A.dtype))
    rank = rank.reshape(-1)[:0] if driver == "gels" else rank
    return _LSTSQ(solution.squeeze(-1) if vector else solution, residuals, rank, A._constant(values))


def tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse of `tensordot` with ``A``, whose first ``ind`` dimensions are the rows of a square matrix."""
    shape = tuple(A.shape)
    n, m = math.prod(shape[:ind]), math.prod(shape[ind:])
    need(ind > 0 and n == m, f"tensorinv takes a positive ind and as many rows as columns, got {list(shape)}, {ind=}")
    return view(inv(view(A, (n, m))), (*shape[ind:], *shape[:ind]))


def tensorsolve(A: Any, B: Any, dims: Sequence[int] | None = None) -> Any:
    """The ``X`` with ``tensordot(A, X, X.ndim) = B``; ``dims`` of ``A`` are first moved to its end."""
    A = A if dims is None else movedim(A, tuple(dims), tuple(range(-len(dims), 0)))
    rest, n = tuple(A.shape[len(B.shape) :]), B.numel()
    need(
        math.prod(rest) == n, f"tensorsolve: A {list(A.shape)} needs as many columns as B {list(B.shape)} has elements"
    )
    return view(solve(view(A, (n, n)), view(B, (n,))), rest)


# --- decompositions ----------------------------------------------------------------------------------------------


@composed
def cholesky(A: Any, upper: bool = False) -> Any:
    """The lower triangular ``L`` with ``L @ L.mT = A``, or its transpose, for symmetric positive definite matrices.

    Raises:
        LinAlgError: if one is not positive definite.
    """
    matrices("linalg.cholesky", A, True)
    return turned(rows.lower_factor(turned(A))) if upper else rows.lower_factor(A)


def eigh(A: Any, UPLO: str = "L") -> Any:
    """The eigenvalues (rising) and eigenvectors (columns) of symmetric matrices, read from one triangle."""
    return _EIGH(*rows.eigen(_symmetric(A, UPLO), UPLO.upper()))


def eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """The eigenvalues (rising) of symmetric matrices, read from one triangle."""
    return rows.eigenvalues(_symmetric(A, UPLO), UPLO.upper())


def _symmetric(A: Any, uplo: str) -> Any:
    matrices("linalg.eigh", A, True)
    need(uplo.upper() in ("L", "U"), f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")
    return A


def svd(A: Any, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """``U``, the singular values ``S`` (falling) and ``Vh`` with ``A = U @ diag(S) @ Vh``.

    With ``full_matrices``, ``U`` and ``Vh`` are square; what that adds has no derivative.
    """
    matrices("linalg.svd", A)
    need(driver is None, "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs")
    U, S, Vh = rows.singular(A)
    m, n = A.shape[-2:]
    if full_matrices and m != n:
        u, _, vh = np.linalg.svd(A._raw) if A.numel() else (_eyes(A, m), None, _eyes(A, n))
        U, Vh = cat([U, A._constant(u[..., n:])], -1), cat([Vh, A._constant(vh[..., m:, :])], -2)
    return _SVD(U, S, Vh)


@composed(name="svd")
def old_svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """The older form of `micrograd_cn.linalg.svd`: ``(U, S, V)`` with V instead of its transpose."""
    U, S, Vh = svd(input, not some)
    return _OLD_SVD(U, S, turned(Vh)) if compute_uv else _OLD_SVD(U * 0, S, turned(Vh) * 0)


def svdvals(A: Any, *, driver: str | None = None) -> Any:
    """The singular values of matrices, falling."""
    matrices("linalg.svdvals", A)
    return rows.singular_values(A)


def qr(A: Any, mode: str = "reduced") -> Any:
    """``Q`` with orthonormal columns and the upper triangular ``R`` with ``A = Q @ R``.

    ``mode`` "reduced" has ``min(m, n)`` columns, "complete" ``m``, and "r" leaves ``Q`` empty; only "reduced" (and
    "complete" for ``m <= n``) has a derivative.
    """
    matrices("linalg.qr", A)
    m, n = A.shape[-2:]
    need(mode in ("reduced", "complete", "r"), f"qr: mode must be 'reduced', 'r', or 'complete', got {mode!r}")
    if mode == "r" or (mode == "complete" and m > n):
        parts = np.linalg.qr(A._raw, mode)
        parts = (A._raw[:0].reshape(-1), parts) if mode == "r" else parts
        return _QR(*(underivable(A, x, f"The derivative of linalg.qr is not implemented for {mode=}") for x in parts))
    Q, R = rows.orthogonal(A if m >= n else A[..., :m])
    return _QR(Q, R if m >= n else cat([R, turned(Q) @ A[..., m:]], -1))


# --- norms -------------------------------------------------------------------------------------------------------


def _dims(dim: Any, n: int) -> list[int]:
    return [axis_index(d, n) for d in ([dim] if isinstance(dim, int) else range(n) if dim is None else dim)]


def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """``sum(|x| ** ord) ** (1 / ord)`` over ``dim``, or over all."""
    x = x if dtype is None else x.to(dtype)
    whole = (
        x.numel()
        or (0 <= ord < math.inf)
        or all(x.shape[d] for d in _dims(None if dim in ((), []) else dim, len(x.shape)))
    )
    need(whole, f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor {list(x.shape)}")
    return _vector_norm(x, float(ord), dim, keepdim)


def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Any:
    """A norm of matrices: "fro", "nuc" (sum of singular values), ±inf (rows), ±1 (columns), ±2 (singular values)."""
    A = A if dtype is None else A.to(dtype)
    fits = len(A.shape) >= 2 and to_numpy(A.dtype).kind == "f" and len(dim) == 2
    need(fits, f"linalg.matrix_norm: expected floats and 2 dims, got {A.dtype} of shape {list(A.shape)}, {dim=}")
    need(ord in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf), f"linalg.matrix_norm: Order {ord} not supported.")
    row, column = _dims(dim, len(A.shape))
    need(row != column, f"linalg.matrix_norm: dims must be different. Got {dim}")
    if ord == "fro":
        return _vector_norm(A, 2, tuple(dim), keepdim)
    A = movedim(A, (row, column), (-2, -1))
    spectral = ord in ("nuc", 2, -2)
    sizes = rows.singular_values(A) if spectral else A.abs().sum(-2 if abs(ord) == 1 else -1)
    found = sizes.sum(-1) if ord == "nuc" else sizes.amax(-1) if ord > 0 else sizes.amin(-1)
    return movedim(found[..., None, None], (-2, -1), (row, column)) if keepdim else found


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """`vector_norm` over one dimension or (``ord`` None) all, else `matrix_norm` over two."""
    n = len(A.shape) if dim is None else 1 if isinstance(dim, int) else len(dim)
    if ord is None or (n == 1 and not isinstance(ord, str)):
        return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)
    need(n == 2, f"linalg.norm: the norm {ord!r} takes 1 or 2 dimensions, got {dim=} for shape {list(A.shape)}")
    return matrix_norm(A, ord, (-2, -1) if dim is None else tuple(dim), keepdim, dtype=dtype)


@composed(name="norm")
def old_norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """``sum(|x| ** p) ** (1 / p)`` over ``dim``; "fro" is 2, "nuc" the sum of singular values.

    https://pytorch.org/docs/stable/generated/torch.norm.html
    """
    x = input if dtype is None else input.to(dtype)
    if p == "nuc":
        return matrix_norm(x, p, (0, 1) if dim is None else dim, keepdim)
    need(p == "fro" or not isinstance(p, str), f"norm(): p is a number, 'fro' or 'nuc', got {p!r}")
    return _vector_norm(x, 2 if p in ("fro", None) else float(p), dim, keepdim)


def cond(A: Any, p: Any = None) -> Any:
    """The condition numbers of matrices in the norm ``p``; for None and 2 the ratio of singular values."""
    matrices("linalg.cond", A, p not in (None, 2, -2))
    if p not in (None, 2, -2):
        return matrix_norm(A, p) * matrix_norm(inv(A), p)
    values = rows.singular_values(A)
    if not A.numel():
        return values.sum(-1)
    return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]


# --- products ----------------------------------------------------------------------------------------------------


@composed
def matrix_exp(input: Any) -> Any:
    """``sum(A**n / n!)`` of square matrices, with matrix powers."""
    matrices("linalg.matrix_exp", input, True)
    return rows.exponential(input)


@composed
def matrix_power(input: Any, n: int) -> Any:
    """``input @ input @ …``, ``n`` times; a negative ``n`` takes the inverse."""
    square = len(input.shape) >= 2 and input.shape[-1] == input.shape[-2]
    need(square, f"linalg.matrix_power: A must be batches of square matrices, got {list(input.shape)}")
    if n < 0:
        return matrix_power(inv(input), -n)
    if n < 2:
        return input.clone() if n else input * 0 + input._constant(_eyes(input, input.shape[-1]))
    half = matrix_power(input, n // 2)
    return half @ half @ input if n % 2 else half @ half


def multi_dot(tensors: Sequence[Any]) -> Any:
    """The product of matrices, of which the first and last may be vectors."""
    dims = [len(x.shape) for x in tensors]
    fits = len(dims) > 1 and set(dims[1:-1]) <= {2} and {dims[0], dims[-1]} <= {1, 2}
    need(fits, f"multi_dot() takes two or more matrices, the first and last also vectors; got {dims} dimensions")
    return functools.reduce(matmul, tensors)


def chain_matmul(*matrices: Any) -> Any:
    """The product of matrices: the older form of `multi_dot`."""
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """``sum(x * y)`` over ``dim``; the rest broadcasts."""
    return (x * y).sum(dim)


def linalg_cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross product of vectors of 3 along ``dim``; the rest broadcasts."""
    fits = len(input.shape) == len(other.shape) and input.shape[dim] == other.shape[dim] == 3
    need(fits, f"linalg.cross: {list(input.shape)} and {list(other.shape)} must have length 3 along dimension {dim}")
    return roll(input, -1, dim) * roll(other, -2, dim) - roll(input, -2, dim) * roll(other, -1, dim)


@composed
def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The cross product along ``dim``, or along the first dimension of length 3."""
    dim = next((i for i, n in enumerate(input.shape) if n == 3), None) if dim is None else dim
    need(dim is not None, f"no dimension of size 3 in input of shape {list(input.shape)}")
    return linalg_cross(input, other, dim=dim)  # type: ignore[arg-type]


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonals of matrices, a view."""
    return _diagonal(A, offset, dim1, dim2)


def vander(x: Any, *, N: int | None = None) -> Any:
    """The powers 0 to ``N - 1`` of each number, as new last dimension."""
    x = unsqueeze(x if x.shape else view(x, (1,)), -1)
    n = x.shape[-2] if N is None else N
    need(n > 1, f"N must be greater than 1, got {n}")
    return cat([x * 0 + 1, expand(x, (*x.shape[:-1], n - 1)).cumprod(-1)], -1)
