"""Tensors speak NumPy's protocols: its functions record, arrays and tensors mix, and memory is shared."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_cn as mt
from micrograd_cn.autograd import grad

X = np.random.default_rng(0).uniform(0.2, 0.9, (3, 4))
Y = np.random.default_rng(1).uniform(0.2, 0.9, (3, 4))
V = np.random.default_rng(2).uniform(0.2, 0.9, 4)

# Expressions that NumPy alone can compute too, with x a plain array instead of a tensor; y and v are arrays in both.
RECORDED = """
np.exp(x) ; np.add(x, y) ; y + x ; x + y ; x - y ; y - x ; y * x ; y / x ; y**x ; x**y ; y % x ; y @ x.T ;
x @ y.T ; x @ v ; v @ x.T ; np.sum(x, axis=0) ; np.sum(x) ; np.sum(x, axis=(0, 1)) ;
np.mean(x, axis=1, keepdims=True) ; np.max(x, axis=0) ; np.min(x) ; np.prod(x, 0) ; np.std(x) ;
np.var(x, axis=0, ddof=1) ; np.clip(x, 0.3, 0.5) ; np.where(x > 0.5, x, y) ; np.where(y > 0.5, x, 0) ;
np.transpose(x) ; np.reshape(x, (4, 3)) ; np.reshape(x, -1) ; np.ravel(x) ; np.concatenate([x, y]) ;
np.concatenate([y, x], axis=1) ; np.stack([x, y], axis=-1) ; np.vstack([x, y]) ; np.hstack([y, x]) ;
np.dot(x, y.T) ; np.matmul(x, y.T) ; np.einsum("ij,kj->ik", x, y) ; np.outer(v, x[0]) ; np.inner(x[0], v) ;
np.tensordot(x, y, ([0, 1], [0, 1])) ; np.linalg.norm(x) ; np.linalg.norm(x, axis=0) ; np.abs(x) ; np.sqrt(x) ;
np.square(x) ; np.maximum(x, 0.5) ; np.minimum(0.5, x) ; np.cumsum(x, axis=1) ; np.cumprod(x, axis=0) ;
np.flip(x, 0) ; np.flip(x) ; np.roll(x, 1, axis=0) ; np.tril(x) ; np.triu(x, 1) ; np.diag(x) ;
np.diag(x[0], 1) ; np.diagonal(x) ; np.trace(x) ; np.expand_dims(x, 0) ; np.squeeze(x[None]) ;
np.swapaxes(x, 0, 1) ; np.moveaxis(x, 0, 1) ; np.broadcast_to(x, (2, 3, 4)) ; np.tile(x, 2) ;
np.repeat(x, 2, axis=0) ; np.sort(x, axis=1) ; np.diff(x) ;
np.take_along_axis(x, np.array([[0], [1], [2]]), 1) ; np.log1p(x) ; np.sin(x) ; np.arctan2(x, y) ;
np.hypot(y, x) ; np.logaddexp(x, y) ; np.power(x, 2) ; np.float_power(x, 2) ; np.negative(x) ;
np.add.reduce(x) ; np.multiply.reduce(x, axis=1) ; np.maximum.reduce(x) ; np.float64(2) * x ;
x * np.float64(2) ; np.log(x).sum()
"""
# These have no derivative, or none here: they compute on tensors that do not require grad.
PLAIN = """
np.isnan(x) ; np.less(x, y) ; y < x ; y == x ; np.argmax(x, axis=1) ; np.argsort(x, axis=0) ; np.median(x) ;
np.allclose(x, x) ; np.array_equal(x, y) ; np.unique(x) ; np.nonzero(x > 0.5) ; np.count_nonzero(x) ;
np.histogram(x)[0] ; np.percentile(x, 30) ; np.cbrt(x) ; np.heaviside(x, 0.5) ; np.split(x, 2, axis=1) ;
np.full_like(x, 2.0) ; np.copy(x) ; np.atleast_1d(x) ; np.searchsorted(v, x) ; np.average(x) ; np.ptp(x) ;
np.linalg.svd(x)[1] ; np.shape(x) ; np.ndim(x) ; np.size(x) ; x // y ; np.floor(x) ; np.sign(x) ;
np.all(x > 0) ; np.any(x > 1, axis=0) ; (x > 0.5) & (y > 0.5) ; np.isfinite(x) ; np.asarray(x)
"""


def split(text: str) -> list[str]:
    return [e.strip() for e in text.split(" ;")]


def evaluated(expression: str, x):
    return eval(expression, {"np": np, "x": x, "y": Y, "v": V})


def arrays(result):
    if isinstance(result, (list, tuple)):
        return [array for part in result for array in arrays(part)]
    return [np.asarray(result.detach() if isinstance(result, mt.Tensor) else result)]


@pytest.mark.parametrize("expression", split(RECORDED) + split(PLAIN))
def test_numpy_functions_give_what_they_give_for_arrays(expression):
    expected, found = arrays(evaluated(expression, X)), arrays(evaluated(expression, mt.tensor(X)))
    assert len(expected) == len(found)
    for a, b in zip(expected, found, strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("expression", split(RECORDED))
def test_numpy_functions_record(expression):
    x = mt.tensor(X, requires_grad=True)
    out = evaluated(expression, x)
    u = np.random.default_rng(3).standard_normal(out.shape)
    v = np.random.default_rng(4).standard_normal(X.shape)
    (g,) = grad(out, x, mt.tensor(u))
    ahead, behind = (evaluated(expression, X + sign * 1e-6 * v) for sign in (1, -1))
    assert float((g.detach().numpy() * v).sum()) == pytest.approx(float((u * (ahead - behind)).sum() / 2e-6), rel=1e-5)


def test_an_array_of_a_tensor_shares_its_memory():
    t = mt.zeros(3, dtype=mt.float64)
    np.asarray(t)[0] = 5.0
    t.numpy()[1] = 6.0
    assert t.tolist() == [5.0, 6.0, 0.0]
    assert np.shares_memory(np.asarray(t), t.detach().numpy())
    array = np.zeros(2)
    mt.from_numpy(array)[0] = 7.0
    assert array.tolist() == [7.0, 0.0]
    assert not np.shares_memory(np.array(t), t.numpy())


def test_the_type_is_that_of_an_operation_on_two_tensors():
    assert (np.ones(2) + mt.ones(2)).dtype is mt.float64
    assert (np.array([1, 2]) * mt.ones(2)).dtype is mt.float32
    assert (mt.ones(2) + np.float64(1)).dtype is mt.float32
    assert isinstance(np.ones(2) + mt.ones(2), mt.Tensor)


def test_arrays_and_tensors_change_each_other_in_place():
    array = np.ones(3)
    array += mt.ones(3)
    assert type(array) is np.ndarray and array.tolist() == [2.0, 2.0, 2.0]
    t = mt.ones(3)
    t += np.ones(3)
    assert t.tolist() == [2.0, 2.0, 2.0]
    out = np.zeros(3)
    np.exp(mt.zeros(3), out=out)
    assert out.tolist() == [1.0, 1.0, 1.0]


def test_no_gradient_is_lost_in_silence():
    x = mt.ones(3, requires_grad=True)
    for lose in (np.asarray, np.median, np.cbrt, np.unique, lambda t: np.add(np.ones(3), t, out=np.ones(3))):
        with pytest.raises((RuntimeError, TypeError), match=r"requires grad|does not record"):
            lose(x)
    array = np.ones(3)
    with pytest.raises(RuntimeError, match="requires grad"):
        array += x
    assert array.tolist() == [1.0, 1.0, 1.0]
