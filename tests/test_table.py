"""Every row of the table against numerical derivatives, of both orders. A new row is tested as soon as it stands there.

A rule is checked in a random direction v against a random output gradient u: the number <u, J v> from central
differences must equal <Jᵀu, v> from the sweep. The second derivative is the same check of the gradient itself.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import micrograd_cn as mt
from micrograd_cn.autograd.differences import FlatFunction, central, gradient_of
from micrograd_cn.ops.table import TABLE
from micrograd_cn.tensor import Tensor
from tests.samples import samples

assert mt.nn  # its rows are among those that are tested
# Rows without samples are of no use by themselves (the output of a user's function).
ROWS = [
    n
    for n, call in TABLE.items()
    if call.primitive.differentiable and samples(call.primitive, np.random.default_rng(0))
]
LAYOUTS = {
    "contiguous": lambda x: np.array(x, order="C"),
    "transposed": lambda x: np.array(x, order="F"),
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "reversed": lambda x: np.array(x[..., ::-1])[..., ::-1] if x.ndim else x,
}
STEP = 1e-5


def leaves(arrays):
    return [Tensor._wrap(np.asarray(a)).requires_grad_() for a in arrays]


def assert_derivative(f, rng, tolerance) -> None:
    """The derivative of a `FlatFunction` is right in a random direction."""
    u, v = rng.standard_normal(f.y.shape), rng.standard_normal(f.x.shape)
    numerical = u @ (f(f.x + STEP * v) - f(f.x - STEP * v)) / (2 * STEP)
    found = f.sweep(u) @ v
    if found != pytest.approx(numerical, rel=tolerance, abs=tolerance):  # a wrong rule, or too large a step
        slope = central(f, v)
        assert slope.settled.all()
        error = 10 * np.abs(u) @ slope.error
        assert found == pytest.approx(u @ slope.value, rel=tolerance, abs=tolerance + error)


@pytest.mark.parametrize("name", ROWS)
@settings(max_examples=6, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), layout=st.sampled_from(sorted(LAYOUTS)))
def test_both_derivatives_equal_central_differences(name, seed, layout):
    row = TABLE[name].primitive
    rng = np.random.default_rng(seed)
    for inputs, options in samples(row, rng):
        inputs = [LAYOUTS[layout](x) if isinstance(x, np.ndarray) else x for x in inputs]
        rules = row.rules * len(inputs) if row.variadic else row.rules
        active = [i for i, x in enumerate(inputs) if rules[i] is not None and x is not None]

        def run(*xs, inputs=inputs, options=options, active=active):
            full = list(inputs)
            for i, x in zip(active, xs, strict=True):
                full[i] = x
            named = dict(zip(row.settings, options, strict=True))
            return [row.call(*full, **named)]

        arrays = [inputs[i] for i in active]
        first = FlatFunction(run, leaves(arrays))
        (y,) = first.outputs
        assert y.requires_grad
        assert_derivative(first, rng, 1e-6)
        start = leaves([rng.standard_normal(y.shape)])
        second = FlatFunction(gradient_of(run, first.inputs), (*first.inputs, *start))
        for g, a in zip(second.outputs, arrays, strict=True):
            assert g.shape == a.shape and g.dtype is mt.float64
        assert_derivative(second, rng, 1e-5)


@pytest.mark.parametrize("name", ROWS)
def test_a_rule_keeps_only_what_it_names(name):
    row = TABLE[name].primitive
    inputs, options = samples(row, np.random.default_rng(0))[0]
    xs = [Tensor._wrap(x).requires_grad_() if getattr(x, "dtype", None) == np.float64 else x for x in inputs]
    y = row.call(*xs, **dict(zip(row.settings, options, strict=True)))
    named = {key for key, _ in y._node.plan.asked}
    kept = [a for a in y._node.saved if isinstance(a, np.ndarray)]
    for i, x in enumerate(inputs):
        unnamed = row.variadic or row.inputs[i] not in named
        if isinstance(x, np.ndarray) and unnamed and "inputs" not in named and "out" not in named and x.size:
            assert not any(np.shares_memory(a, x) for a in kept), f"{name} keeps its input {i}"


@pytest.mark.parametrize("name", [n for n in ROWS if TABLE[n].primitive.elementwise])
def test_one_rule_serves_numbers_too(name):
    """A Value and a 0-dim float64 tensor have the same result and the same gradients."""
    row = TABLE[name].primitive
    rng = np.random.default_rng(1)
    domain = row.domain or ((-2.0, 2.0),) * row.arity
    if name == "where":
        domain = ((1.0, 1.0), (-2.0, 2.0), (-2.0, 2.0))
    numbers = [float(rng.uniform(*bounds)) for bounds in domain]
    values = [mt.Value(x) for x in numbers]
    tensors = [mt.tensor(x, dtype=mt.float64, requires_grad=True) for x in numbers]
    a, b = row.call(*values), row.call(*tensors)
    a.backward()
    b.backward()
    assert a.data == pytest.approx(b.item(), rel=1e-14)
    for value, tensor in zip(values, tensors, strict=True):
        assert value.grad == pytest.approx(0.0 if tensor.grad is None else tensor.grad.item(), rel=1e-13)


def test_hardly_a_row_goes_without_samples():
    differentiable = [n for n, call in TABLE.items() if call.primitive.differentiable]
    assert set(differentiable) - set(ROWS) <= {
        "output",
        "corrected",
        "flat",
        "underivable",
        "linalg_cholesky",
        "linalg_eigh",
        "linalg_eigvalsh",
    }
