"""Proofs of derivatives, Jacobians and Hessians. On PyTorch too, where it is installed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest


@pytest.fixture
def x(T):
    return T.tensor([[0.3, -0.7], [1.2, 0.4]], dtype=T.float64, requires_grad=True)


@pytest.fixture
def w(T):
    return T.tensor([0.5, 2.0], dtype=T.float64, requires_grad=True)


def close(found, expected):
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-12, atol=1e-12)


# --- gradcheck ----------------------------------------------------------------------------------------------------


def test_right_rules_pass(T, x, w):
    def f(a, b, k):
        return a.exp() * b + k, (a @ b).sin(), a.sum()

    assert T.autograd.gradcheck(f, (x, w, 3)) is True
    assert T.autograd.gradgradcheck(f, (x, w, 3)) is True
    assert T.autograd.gradcheck(lambda a: (a * w.detach()).t(), x, eps=1e-5, atol=1e-4, rtol=1e-2, nondet_tol=1e-3)
    assert T.autograd.gradgradcheck(lambda a: (a**3).t(), [x], gen_non_contig_grad_outputs=True)
    assert x.tolist() == [[0.3, -0.7], [1.2, 0.4]] and x.grad is None and x._version == 0  # all put back


WRONG = {
    "sign": lambda g, t: -3 * t**2 * g,
    "factor": lambda g, t: 2 * t**2 * g,
    "missing term": lambda g, t: 3 * t**2 * g * (t > 0),
    "off by a little": lambda g, t: 3 * t**2 * g * 1.01,
    "transposed": lambda g, t: (3 * t**2 * g).t(),
    "zero": lambda g, t: g * 0,
}


@pytest.mark.parametrize("rule", WRONG.values(), ids=WRONG)
def test_wrong_rules_are_caught(T, x, rule):
    cube = _cube(T, rule)
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        T.autograd.gradcheck(cube, x)
    assert T.autograd.gradcheck(cube, x, raise_exception=False) is False


def _cube(T, rule, forward=lambda t: t**3):
    def run(ctx, t):
        ctx.save_for_backward(t)
        return forward(t)

    def backward(ctx, g):
        return rule(g, *ctx.saved_tensors)

    methods = {"forward": staticmethod(run), "backward": staticmethod(backward)}
    return type("Cube", (T.autograd.Function,), methods).apply


def test_a_rule_that_forgets_its_gradient_is_caught(T, x):
    """From a gradient of 1 its answer is right; only another gradient shows it."""
    cube = _cube(T, lambda g, t: 3 * t**2, lambda t: (t**3).sum())
    with pytest.raises(RuntimeError, match=r"[Bb]ackward not multiplied by grad_output"):
        T.autograd.gradcheck(cube, x)


def test_a_rule_that_changes_its_mind_is_caught(T, x):
    noise = iter(np.linspace(0, 1, 1000))
    with pytest.raises(RuntimeError):
        T.autograd.gradcheck(_cube(T, lambda g, t: (3 * t**2 + next(noise)) * g), x)


def test_a_wrong_second_derivative_is_caught(T, x):
    cube = _cube(T, lambda g, t: 3 * t.detach() ** 2 * g)  # right, but blind to t
    assert T.autograd.gradcheck(cube, x)
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        T.autograd.gradgradcheck(cube, x)


def test_what_cannot_be_checked_is_said(T, x):
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        T.autograd.gradcheck(lambda a: a, x.detach())
    e = T.ones(1, dtype=T.float64).expand(3).requires_grad_()
    with pytest.raises(RuntimeError, match="0th input has a dimension with stride 0"):
        T.autograd.gradcheck(lambda a: a * 2, e)
    single = T.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double precision"):
        assert T.autograd.gradcheck(lambda a: a * 2, single, eps=1e-2, atol=1e-2)
    with warnings.catch_warnings(action="error"):
        assert T.autograd.gradcheck(lambda a: a * 2, T.ones((), dtype=T.float64, requires_grad=True))


def test_an_input_that_is_passed_twice_is_one_variable(T, x):
    for check in (T.autograd.gradcheck, T.autograd.gradgradcheck):
        assert check(lambda a, b: a * b * b, (x, x))
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        T.autograd.gradcheck(lambda a, b: a * b.detach(), (x, x))


@pytest.mark.parametrize("result", [None, 2.0, {}])
def test_what_returns_no_tensor_has_no_derivative_to_check(T, x, result):
    with pytest.raises((AttributeError, TypeError)):  # PyTorch stumbles, this says so
        T.autograd.gradcheck(lambda a: result, x)


def test_nan_is_no_derivative(T, x):
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        T.autograd.gradcheck(lambda a: a * float("nan"), x)


def test_empty_and_constant_outputs(T, x, w):
    assert T.autograd.gradcheck(lambda a: (a * 2, w.detach()), x)
    assert T.autograd.gradcheck(lambda a: a * 2, x[:0].detach().requires_grad_())
    if T.__name__ == "micrograd_cn":  # PyTorch fails on these, or passes
        with pytest.raises(RuntimeError, match="not multiplied by grad_output"):
            T.autograd.gradcheck(_cube(T, lambda g, t: 3 * t**2 * g.abs()), x)
        assert T.autograd.gradcheck(lambda a: (a * 2, a > 0), x)
        assert T.autograd.gradcheck(lambda a: a[:0], x)
        assert tuple(T.autograd.functional.jacobian(lambda w: w[:0], w).shape) == (0, 2)


# --- jacobian and hessian -----------------------------------------------------------------------------------------


def test_jacobian(T, x, w):
    J = T.autograd.functional.jacobian
    a, b = x.detach().numpy(), w.detach().numpy()
    by_x, by_w = J(lambda x, w: x @ w, (x, w))
    close(by_x, np.einsum("ik,j->ikj", np.eye(2), b))
    close(by_w, a)
    close(J(lambda w: w**2, w), np.diag(2 * b))
    first, second = J(lambda w: (w.sum(), w.exp()), w)
    close(first, np.ones(2))
    close(second, np.diag(np.exp(b)))
    assert not first.requires_grad and w.grad is None
    assert tuple(J(lambda w: w.sum(), (w,))[0].shape) == (2,)
    zeros = J(lambda x, w: x * 1, (x, w))[1]
    close(zeros, np.zeros((2, 2, 2)))
    with pytest.raises(RuntimeError, match="strict"):
        J(lambda x, w: x * 1, (x, w), strict=True)
    with pytest.raises(TypeError, match="inputs given to jacobian must be either a Tensor or a tuple of Tensors"):
        J(lambda a: a, 3.0)
    with pytest.raises(TypeError, match="outputs"):
        J(lambda a: 3.0, w)


def test_jacobian_with_a_graph(T, w):
    (g,) = T.autograd.grad(T.autograd.functional.jacobian(lambda w: w**3, w, create_graph=True).sum(), w)
    close(g, 6 * w.detach().numpy())


def test_hessian(T, x, w):
    H = T.autograd.functional.hessian
    a, b = x.detach().numpy(), w.detach().numpy()
    close(H(lambda w: (w**3).sum(), w), np.diag(6 * b))
    (xx, xw), (wx, ww) = H(lambda x, w: (x @ w).pow(2).sum(), (x, w))
    s = a @ b
    close(xx, 2 * np.einsum("ik,j,l->ijkl", np.eye(2), b, b))
    close(ww, 2 * a.T @ a)
    mixed = 2 * (np.einsum("i,jk->ijk", s, np.eye(2)) + np.einsum("j,ik->ijk", b, a))
    close(xw, mixed)
    close(wx, mixed.transpose(2, 0, 1))
    third = T.autograd.functional.jacobian(lambda w: H(lambda u: (u**4).sum(), w, create_graph=True), w)
    close(third, 24 * np.einsum("ij,jk,k->ijk", np.eye(2), np.eye(2), b))
    with pytest.raises(RuntimeError, match="single element"):
        H(lambda w: w, w)


def test_products(T, w):
    F = T.autograd.functional
    b, v = w.detach().numpy(), T.tensor([1.0, -3.0], dtype=T.float64)
    for product in (F.vjp, F.jvp):
        y, found = product(lambda w: w**2, w, v)
        close(y, b**2)
        close(found, 2 * b * np.array([1, -3]))
    for product in (F.vhp, F.hvp):
        y, found = product(lambda w: w.prod() ** 2, w, v)
        close(y, b.prod() ** 2)
        p, q = b
        close(found, np.array([[2 * q * q, 4 * p * q], [4 * p * q, 2 * p * p]]) @ [1, -3])
    close(F.vjp(lambda w: w.sum(), w)[1], np.ones(2))
    with pytest.raises(RuntimeError, match="v can only be None"):
        F.vjp(lambda w: w, w)
    with pytest.raises(RuntimeError, match="v has invalid size"):
        F.jvp(lambda w: w, w, T.ones(3))
