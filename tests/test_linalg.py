"""Matrices: what the decompositions promise, and the derivatives of those that read one triangle only.

The other rows of ops/decompositions.py are differentiated with the rest of the table.
"""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_cn as mt
from micrograd_cn import linalg
from micrograd_cn.autograd import gradcheck, gradgradcheck

RNG = np.random.default_rng(5)


def matrix(*shape, shift=0.0):
    x = RNG.standard_normal(shape) + shift * np.eye(*shape[-2:])
    return mt.tensor(x, dtype=mt.float64, requires_grad=True)


def positive(x):
    """A symmetric positive definite matrix."""
    return x @ x.mT + mt.tensor(np.eye(x.shape[-1]))


SYMMETRIC = {
    "cholesky": lambda x: linalg.cholesky(positive(x)),
    "upper cholesky": lambda x: linalg.cholesky(positive(x), upper=True),
    "eigvalsh": lambda x: linalg.eigvalsh(x + x.mT),
    "eigvalsh of the upper triangle": lambda x: linalg.eigvalsh(x + x.mT, UPLO="U"),
    "eigenspaces": lambda x: (lambda w, v: (v * w.exp()) @ v.mT)(*linalg.eigh(x + x.mT)),
    "projection on one eigenvector": lambda x: linalg.eigh(x + x.mT)[1][..., :1].square(),
}


@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2)])
@pytest.mark.parametrize("name", SYMMETRIC)
def test_derivatives_of_symmetric_decompositions(name, shape):
    x = matrix(*shape)
    assert gradcheck(SYMMETRIC[name], (x,))
    assert gradgradcheck(SYMMETRIC[name], (x,))


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5), (2, 4, 3), (0, 3), (2, 0, 0)])
def test_decompositions_multiply_back(shape):
    x = matrix(*shape).detach()
    u, s, vh = linalg.svd(x, full_matrices=False)
    assert mt.allclose(u * s.unsqueeze(-2) @ vh, x)
    assert s.tolist() == sorted(s.tolist(), reverse=True) if s.ndim == 1 else (s >= 0).all()
    q, r = linalg.qr(x)
    assert mt.allclose(q @ r, x) and mt.equal(r, r.triu())
    square = linalg.svd(x)
    for side, n in ((square.U, shape[-2]), (square.Vh, shape[-1])):
        assert mt.allclose(side @ side.mT, mt.eye(n, dtype=mt.float64).expand(side.shape))
    p = linalg.pinv(x)
    assert mt.allclose(x @ p @ x, x) and mt.allclose(p @ x @ p, p)


def test_equations_are_solved():
    a, b = matrix(2, 3, 3, shift=4).detach(), matrix(2, 3, 2).detach()
    assert mt.allclose(a @ linalg.solve(a, b), b)
    assert mt.allclose(linalg.solve(a, b.mT, left=False) @ a, b.mT)
    assert mt.allclose(a.tril() @ linalg.solve_triangular(a, b, upper=False), b)
    tall, right = matrix(5, 3).detach(), matrix(5, 2).detach()
    found = linalg.lstsq(tall, right, driver="gelsd")
    assert mt.allclose(tall.mT @ (tall @ found.solution - right), mt.zeros(3, 2, dtype=mt.float64))
    assert found.rank.item() == 3


def test_the_determinant_of_a_singular_matrix_has_a_derivative():
    x = mt.tensor([[1.0, 2], [2, 4]], dtype=mt.float64, requires_grad=True)
    linalg.det(x).backward()
    assert mt.allclose(x.grad, mt.tensor([[4.0, -2], [-2, 1]], dtype=mt.float64))


@pytest.mark.parametrize("function", [linalg.inv, linalg.cholesky, lambda x: linalg.solve(x, x)])
def test_what_cannot_be_decomposed_is_a_linalg_error(function):
    with pytest.raises(linalg.LinAlgError, match="linalg"):
        function(mt.zeros(2, 2))


def test_what_has_no_derivative_says_so():
    q, _ = linalg.qr(matrix(3, 2), mode="complete")
    with pytest.raises(RuntimeError, match="complete"):
        q.sum().backward()


def test_exponentials_of_commuting_matrices_multiply():
    x = matrix(3, 3).detach()
    assert mt.allclose(mt.matrix_exp(x) @ mt.matrix_exp(2 * x), mt.matrix_exp(3 * x))
    assert mt.allclose(mt.matrix_power(x, -3) @ mt.matrix_power(x, 3), mt.eye(3, dtype=mt.float64))
