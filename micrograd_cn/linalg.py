"""``torch.linalg``: matrices, and batches of them. https://pytorch.org/docs/stable/linalg.html"""

# ruff: noqa: F401, I001 (the room only re-exports)
from micrograd_cn.ops.decompositions import LinAlgError as LinAlgError
from micrograd_cn.ops.linalg import matmul as matmul
from micrograd_cn.ops.matrices import (
    cholesky, cond, det, diagonal, eigh, eigvalsh, inv, linalg_cross as cross, lstsq, matrix_exp, matrix_norm,
    matrix_power, matrix_rank, multi_dot, norm, pinv, qr, slogdet, solve, solve_triangular, svd, svdvals, tensorinv,
    tensorsolve, vander, vecdot, vector_norm,
)  # fmt: skip
