"""``nn.utils``: clipping gradients, parameters as a vector; each test runs on PyTorch too."""

from __future__ import annotations

import math

import numpy as np
import pytest


def parameters(T, *gradients, dtype=None):
    """Parameters of zeros with these gradients; None for none."""
    made = []
    for gradient in gradients:
        p = T.zeros(2 if gradient is None else T.tensor(gradient).shape, dtype=dtype or T.float64, requires_grad=True)
        p.grad = None if gradient is None else T.tensor(gradient, dtype=p.dtype)
        made.append(p)
    return made


def test_norm_is_clipped_over_all_parameters_together(T):
    params = parameters(T, [3.0, 0.0], None, [[0.0, 4.0]])
    before = T.nn.utils.clip_grad_norm_(params, 1.0)
    assert before.item() == 5.0 and before.shape == () and before.dtype is T.float64
    np.testing.assert_allclose(params[0].grad.numpy(), [0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(params[2].grad.numpy(), [[0.0, 0.8]], rtol=1e-6)
    assert params[1].grad is None


def test_small_gradients_stay(T):
    (p,) = parameters(T, [0.3, 0.4])
    gradient = p.grad
    assert T.nn.utils.clip_grad_norm_(p, 1.0).item() == 0.5
    assert p.grad is gradient and gradient.tolist() == [0.3, 0.4]


@pytest.mark.parametrize(
    ("norm_type", "expected"), [(1, 7.0), (2.0, 5.0), (math.inf, 4.0), ("inf", 4.0), (-math.inf, 3.0), (0, 2.0)]
)
def test_norms(T, norm_type, expected):
    tensors = [T.tensor([3.0]), T.tensor([-4.0])]
    total = T.nn.utils.get_total_norm(tensors, norm_type)
    assert total.item() == expected and total.dtype is T.float32


def test_norm_of_nothing_is_zero(T):
    assert T.nn.utils.get_total_norm([]).item() == 0.0
    assert T.nn.utils.clip_grad_norm_(parameters(T, None), 1.0).item() == 0.0
    with pytest.warns(UserWarning, match="empty generator"):
        T.nn.utils.clip_grad_norm_((p for p in ()), 1.0)


def test_parts_of_clipping(T):
    (p,) = parameters(T, [30.0, 40.0])
    T.nn.utils.clip_grads_with_norm_(p, 1.0, T.nn.utils.get_total_norm(p.grad))
    np.testing.assert_allclose(p.grad.numpy(), [0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_gradients_that_are_no_numbers(T, value):
    params = parameters(T, [value, 1.0])
    with pytest.raises(RuntimeError, match="non-finite"):
        T.nn.utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    assert params[0].grad[1].item() == 1.0
    total = T.nn.utils.clip_grad_norm_(params, 1.0)
    assert not math.isfinite(total.item())
    np.testing.assert_equal(params[0].grad[1].item(), math.nan if math.isnan(value) else 0.0)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_clipping_keeps_the_dtype(T, dtype):
    (p,) = parameters(T, [300.0, 400.0], dtype=getattr(T, dtype))
    total = T.nn.utils.clip_grad_norm_([p], 1.0)
    assert total.item() == 500.0 and total.dtype is p.grad.dtype is p.dtype
    np.testing.assert_allclose(p.grad.numpy(), [0.6, 0.8], rtol=2e-3)


def test_values_are_clipped(T):
    params = parameters(T, [3.0, -0.5], None, [[-7.0, math.nan]])
    assert T.nn.utils.clip_grad_value_(params, 1) is None
    np.testing.assert_equal(params[0].grad.numpy(), [1.0, -0.5])
    np.testing.assert_equal(params[2].grad.numpy(), [[-1.0, math.nan]])


def test_deprecated_name(T):
    (p,) = parameters(T, [3.0, 4.0])
    with pytest.warns(FutureWarning, match="clip_grad_norm_"):
        assert T.nn.utils.clip_grad_norm(p, 1.0).item() == 5.0


def test_parameters_as_a_vector_and_back(T):
    model = T.nn.Linear(2, 3)
    vector = T.nn.utils.parameters_to_vector(model.parameters())
    assert vector.tolist() == model.weight.flatten().tolist() + model.bias.tolist()
    (vector * T.arange(9)).sum().backward()
    assert model.weight.grad.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]] and model.bias.grad.tolist() == [6, 7, 8]
    new = T.arange(9.0)
    T.nn.utils.vector_to_parameters(new, model.parameters())
    assert model.weight.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]] and model.bias.tolist() == [6.0, 7.0, 8.0]
    assert model.weight.requires_grad and model.bias.data_ptr() == new[6:].data_ptr()
    with pytest.raises(TypeError):
        T.nn.utils.vector_to_parameters([1.0] * 9, model.parameters())
