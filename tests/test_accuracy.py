"""Values and gradients in float32 against formulas in longer floats, and the edges of functions against PyTorch.

The measure is the error in ulp (the distance between neighbouring float32 numbers) at the *scale* of a result: the sum
of the sizes of the terms that it is made of. This is the result's own size unless

* terms cancel: ``x - mean``, ``g - sum(g p)``, ``1 - p``, ``log`` of a sum near 1; then PyTorch errs as much;
* an exponential multiplies the rounding of its argument: ``exp(z)`` has the scale ``(1 + |z|) exp(z)``, where z had to
  be computed;
* a factor is below 2**-126, the smallest normal number, and may be lost.

The formulas and scales stand in `tests.accuracy`. The table at the end of the session has PyTorch's errors beside ours.
"""

from __future__ import annotations

import importlib
import importlib.util
import math

import numpy as np
import pytest

import micrograd_cn as mt
from tests import accuracy
from tests.accuracy import CASES, LIMIT, REGIMES

inf, nan = math.inf, math.nan


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_right_to_4_ulp_at_their_scale(name, record_property):
    libraries = [mt, *(importlib.import_module(n) for n in ("torch",) if importlib.util.find_spec(n))]
    found = [accuracy.errors(CASES[name], regime, libraries) for regime in REGIMES]
    record_property(accuracy.KEY, (name, found))
    wrong = {r: ours for r, (ours, *_) in zip(REGIMES, found, strict=True) if not max(ours) <= LIMIT}
    assert not wrong


def test_the_measure_sees_an_error_of_one_ulp_and_what_is_not_finite():
    one = np.float32([1, 2, inf])
    up = np.nextafter(one, np.float32(9))
    assert accuracy.ulps(one, one.astype(accuracy.Long), 0) == 0
    assert accuracy.ulps(up[:2], one[:2].astype(accuracy.Long), 0) == 1
    assert accuracy.ulps(up[:2], one[:2].astype(accuracy.Long), 16) == 1 / 8
    assert accuracy.ulps(one * np.float32([1, nan, 1]), one.astype(accuracy.Long), 0) == inf
    assert accuracy.ulps(-one, one.astype(accuracy.Long), 0) == inf
    assert accuracy.ulps(one, accuracy.Long([1, 2, 1e60]), 0) == 0  # it overflows, and so it should


# --- the tail of GELU, in plain ulp -----------------------------------------------------------------------------------


@pytest.mark.parametrize("x", [-2.6, -5.0, -8.0, -11.0])
def test_the_tail_of_gelu_is_right_to_4_ulp_of_its_own_size(x):
    y = mt.nn.functional.gelu(mt.tensor([x])).numpy()
    assert accuracy.ulps(y, accuracy.gelu(accuracy.Long(np.float32([x])))[0][0], 0) <= LIMIT


# --- edges: zeros, ties, infinities, NaN, saturation ------------------------------------------------------------------

NUMBERS = [nan, inf, -inf, 0.0, -0.0, 1e30, -1e30, 0.2, -0.2, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0, 20.0, 20.1, 100.0,
           -100.0]  # fmt: skip
ROWS = [[nan, 1, 2], [0, nan, 2], [nan, nan, 1], [inf, 1, 2], [0, inf, 2], [-inf, 1, 2], [inf, inf, 1], [inf, -inf, 0],
        [-inf, -inf, -inf], [0, 0, 0], [1, 1, 1], [2, 2, 1], [0, 0.01, 0], [1e30, 1, -1e30]]  # fmt: skip


def of_functional(name, *args, **named):
    return lambda T, x: getattr(T.nn.functional, name)(x, *args, **named)


def of_tensor(name, *args, **named):
    return lambda T, x: getattr(x, name)(*args, **named)


def bce(target):
    return lambda T, x: T.nn.functional.binary_cross_entropy_with_logits(x, T.full_like(x, target), reduction="none")


ONE_NUMBER = {
    **{
        n: of_functional(n)
        for n in ("relu", "relu6", "hardtanh", "hardswish", "hardsigmoid", "elu", "selu", "celu", "leaky_relu",
                  "softplus", "silu", "mish", "gelu", "logsigmoid", "softshrink", "hardshrink", "softsign")
    },
    "gelu, tanh": of_functional("gelu", approximate="tanh"),
    **{n: of_tensor(n) for n in ("abs", "sigmoid", "tanh", "erf", "erfc", "logit", "sqrt", "log", "exp", "expm1")},
    "logit, eps": of_tensor("logit", 0.01),
    "clamp": of_tensor("clamp", -1, 1), "clamp below": of_tensor("clamp", -1),
    "clamp above": of_tensor("clamp", None, 1),
    "maximum": lambda T, x: T.maximum(x, T.zeros(())), "minimum with nan": lambda T, x: T.minimum(x, T.tensor(nan)),
    **{f"bce, {t}": bce(t) for t in (0.0, 0.5, 1.0)},
}  # fmt: skip
ONE_ROW = {
    "softmax": of_tensor("softmax", -1), "log_softmax": of_tensor("log_softmax", -1),
    "logsumexp": of_tensor("logsumexp", -1), "amax": of_tensor("amax", -1), "amin": of_tensor("amin", -1),
    "max": of_tensor("max"), "min": of_tensor("min"), "max, dim": lambda T, x: x.max(-1)[0],
    "cross_entropy": lambda T, x: T.nn.functional.cross_entropy(x[None], T.tensor([0])),
    **{f"norm, {p:g}": (lambda T, x, p=p: T.linalg.vector_norm(x, p)) for p in (1, 2, 3, inf)},
    "normalize": of_functional("normalize", dim=-1), "var": of_tensor("var"), "std": of_tensor("std"),
    "layer_norm": of_functional("layer_norm", (3,)), "rms_norm": of_functional("rms_norm", (3,)),
    "cumsum": of_tensor("cumsum", -1),
}  # fmt: skip
# Where PyTorch overflows, or multiplies 0 by infinity, and the limit exists: what is right there.
RIGHT = {
    ("gelu", "value", inf): inf, ("gelu, tanh", "gradient", 1e30): 1, ("gelu, tanh", "gradient", -1e30): 0,
    ("bce, 1.0", "value", -inf): inf, ("bce, 0.5", "value", -inf): inf,
}  # fmt: skip
HUGE = (1e30, 1, -1e30)
RIGHT_ROWS = {
    ("norm, 2", "value", HUGE): math.sqrt(2) * 1e30, ("norm, 3", "value", HUGE): 2 ** (1 / 3) * 1e30,
    ("norm, 2", "gradient", HUGE): [0.5**0.5, 0, -(0.5**0.5)],
    ("norm, 3", "gradient", HUGE): [0.5 ** (2 / 3), 0, -(0.5 ** (2 / 3))],
    **{(n, "value", HUGE): [1.5**0.5, 0, -(1.5**0.5)] for n in ("layer_norm", "rms_norm")},
    **{(n, "gradient", HUGE): [0, 0, 0] for n in ("layer_norm", "rms_norm")},
    ("normalize", "value", HUGE): [0.5**0.5, 0, -(0.5**0.5)],
}  # fmt: skip


def run(T, function, x):
    leaf = T.tensor(x, dtype=T.float32, requires_grad=True)
    out = function(T, leaf)
    out.backward(T.arange(1, out.numel() + 1, dtype=T.float32).reshape(out.shape))
    return {"value": out.detach().numpy(), "gradient": leaf.grad.numpy()}


@pytest.mark.parametrize("name", ONE_NUMBER)
def test_the_edges_of_functions_of_one_number_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    for x in NUMBERS:
        # One by one: at NaN PyTorch's derivatives differ between single numbers and those that fill its vectors.
        ours, theirs = (run(T, ONE_NUMBER[name], [x]) for T in (mt, torch))
        for what, found in ours.items():
            right = RIGHT.get((name, what, x), theirs[what])
            np.testing.assert_allclose(found, np.ravel(right), 2e-5, 1e-30, err_msg=f"{what} at {x}")


@pytest.mark.parametrize("name", ONE_ROW)
def test_the_edges_of_functions_of_a_row_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    for x in ROWS:
        ours, theirs = (run(T, ONE_ROW[name], x) for T in (mt, torch))
        for what, found in ours.items():
            right = RIGHT_ROWS.get((name, what, tuple(x)), theirs[what])
            np.testing.assert_allclose(found, right, 1e-5, 1e-3 if "_norm" in name else 1e-6, err_msg=f"{what} at {x}")


@pytest.mark.parametrize("name", ["softshrink", "hardshrink"])
def test_what_shrinks_to_nothing_has_pytorchs_sign(name):
    torch = pytest.importorskip("torch")
    x = [-0.5, -0.2, -0.0, 0.0, 0.2, 0.5]
    ours, theirs = (run(T, ONE_NUMBER[name], x)["value"] for T in (mt, torch))
    assert np.signbit(ours).tolist() == np.signbit(theirs).tolist()


# --- sums and float16 -------------------------------------------------------------------------------------------------


def test_running_sums_and_products_of_float32_lose_no_digits_on_the_way():
    x = np.random.default_rng(0).uniform(-1, 1, 10**5).astype(np.float32)
    t = mt.from_numpy(x).requires_grad_()
    sums = t.cumsum(0)
    sums.backward(mt.from_numpy(x))
    right = np.cumsum(accuracy.Long(x)), np.cumsum(accuracy.Long(x)[::-1])[::-1]
    for found, expected in zip((sums.detach().numpy(), t.grad.numpy()), right, strict=True):
        assert accuracy.ulps(found, expected, 1e-3) <= 1
    assert mt.tensor([-3e38, 3e38, 0.0]).cumprod(0)[2] == 0  # though the product of the first two is too large


def attend(T, x):
    heads = (x / 4).reshape(2, 4, 32, 48)
    return T.nn.functional.scaled_dot_product_attention(heads, heads.flip(-1), heads.flip(-2))


FLOAT16 = {
    "softmax": lambda T, x: T.softmax(x, -1), "log_softmax": lambda T, x: T.log_softmax(x, 0), "attention": attend,
    "layer_norm": lambda T, x: T.nn.functional.layer_norm(x, x.shape[-1:], x[1], x[0]),
    "sum": lambda T, x: x.sum(0), "mean": lambda T, x: (x * 1e3).mean(0),
}  # fmt: skip


@pytest.mark.parametrize("name", FLOAT16)
def test_float16_is_as_near_to_float64_as_pytorchs(name):
    """PyTorch computes an operation on float16 in float32, and rounds the result."""
    torch = pytest.importorskip("torch")
    x = (np.random.default_rng(0).standard_normal((128, 96)) * 2).astype(np.float16)
    found = []
    for T, dtype in ((torch, torch.float64), (torch, torch.float16), (mt, mt.float16)):
        leaf = T.from_numpy(x.copy()).to(dtype).requires_grad_()
        y = FLOAT16[name](T, leaf)
        y.backward(T.from_numpy(np.resize(x[::-1], y.shape).copy()).to(dtype))
        assert y.dtype is dtype and leaf.grad.dtype is dtype
        found.append([t.detach().numpy().astype(np.float64) for t in (y, leaf.grad)])
    for right, theirs, ours in zip(*found, strict=True):
        assert np.linalg.norm(ours - right) <= 1.05 * np.linalg.norm(theirs - right)


@pytest.mark.parametrize("find", ["max", "min"])
def test_all_nans_share_the_gradient_of_an_extreme(T, find):
    x = T.tensor([1.0, nan, 2.0, nan], requires_grad=True)
    getattr(x, find)().backward()
    assert x.grad.tolist() == [0, 0.5, 0, 0.5]
