"""`nn.init`: PyTorch's numbers for the same seed, and what each scheme promises."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import micrograd_cn as mg
from micrograd_cn.nn import init

SHAPES = [(3, 5), (40, 30), (4, 3, 2, 2)]
EXACT = [
    "uniform_(x, -2.0, 3.0)", "uniform_(x)", "normal_(x, 1.0, 0.5)", "constant_(x, 0.3)", "ones_(x)", "zeros_(x)",
    "xavier_uniform_(x)", "xavier_uniform_(x, gain=2.0)", "xavier_normal_(x, 0.5)", "kaiming_uniform_(x)",
    "kaiming_uniform_(x, a=0.2, mode='fan_out')", "kaiming_uniform_(x, nonlinearity='relu')",
    "kaiming_normal_(x, mode='fan_out', nonlinearity='relu')", "kaiming_normal_(x, nonlinearity='tanh')",
]  # fmt: skip
CLOSE = [
    "orthogonal_(x)", "orthogonal_(x, gain=2.0)", "trunc_normal_(x)", "trunc_normal_(x, 0.5, 0.2, -0.1, 0.6)",
    "trunc_normal_(x, 0.0, 1.0, 1.0, 1.5)", "trunc_normal_(x, std=0.02)",
]  # fmt: skip


def fill(t, text, shape, dtype="float32"):
    x = t.empty(shape, dtype=getattr(t, dtype))
    t.manual_seed(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = eval(f"i.{text}", {"i": t.nn.init, "x": x, "t": t})
    assert result is x
    return x.numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", EXACT)
def test_numbers_are_pytorchs(text, shape, dtype):
    torch = pytest.importorskip("torch")
    ours, theirs = fill(mg, text, shape, dtype), fill(torch, text, shape, dtype)
    if "normal" in text:  # Box-Muller: the last bit of PyTorch's logarithm and cosine depends on the processor
        np.testing.assert_allclose(ours, theirs, rtol=2e-6 if dtype == "float32" else 1e-14)
    else:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", CLOSE)
def test_numbers_are_close_to_pytorchs(text, shape, dtype):
    torch = pytest.importorskip("torch")
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(
        fill(mg, text, shape, dtype), fill(torch, text, shape, dtype), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize("text", ["eye_(x)", "sparse_(x, 0.4)", "sparse_(x, 0.9, std=3.0)"])
@pytest.mark.parametrize("shape", SHAPES[:2])
def test_matrix_schemes_are_pytorchs(text, shape):
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(fill(mg, text, shape), fill(torch, text, shape), rtol=2e-6)


@pytest.mark.parametrize("shape", [(4, 3, 2), (2, 5, 3, 3), (6, 2, 2, 3, 4)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_is_pytorchs(shape, groups):
    torch = pytest.importorskip("torch")
    text = f"dirac_(x, {groups})"
    np.testing.assert_array_equal(fill(mg, text, shape), fill(torch, text, shape))


@pytest.mark.parametrize("name, a", [("uniform", 1 / math.sqrt(3)), ("normal", 1.0)])
def test_xavier_and_kaiming_have_their_variance(name, a):
    mg.manual_seed(0)
    x = mg.empty(300, 200)
    getattr(init, f"xavier_{name}_")(x)
    assert x.std().item() == pytest.approx(math.sqrt(2 / 500), rel=0.02)
    getattr(init, f"kaiming_{name}_")(x, nonlinearity="relu")
    assert x.std().item() == pytest.approx(math.sqrt(2 / 200), rel=0.02)


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5), (3, 2, 4)])
def test_orthogonal_is(shape):
    x = init.orthogonal_(mg.empty(shape, dtype=mg.float64), gain=3.0).numpy().reshape(shape[0], -1)
    gram = x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
    np.testing.assert_allclose(gram, 9 * np.eye(len(gram)), atol=1e-12)


@pytest.mark.parametrize("limits", [(0.0, 1.0, -2.0, 2.0), (0.0, 1.0, 1.5, 2.0), (3.0, 0.1, -1.0, 4.0)])
def test_trunc_normal_stays_within(limits):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = init.trunc_normal_(mg.empty(2000), *limits).numpy()
    assert x.min() >= limits[2] and x.max() <= limits[3]


def test_parameters_keep_requiring_grad_and_leave_no_graph():
    p = mg.nn.Parameter(mg.empty(3, 3))
    for scheme in (init.uniform_, init.normal_, init.ones_, init.eye_, init.kaiming_normal_, init.orthogonal_,
                   init.trunc_normal_):  # fmt: skip
        assert scheme(p) is p and p.requires_grad and p.is_leaf and p.grad_fn is None


def test_own_generator_leaves_the_default_one_alone():
    mg.manual_seed(1)
    expected = mg.rand(3).tolist()
    mg.manual_seed(1)
    g = mg.Generator().manual_seed(2)
    a = init.xavier_uniform_(mg.empty(2, 2), generator=g)
    assert mg.rand(3).tolist() == expected
    assert a.tolist() == init.xavier_uniform_(mg.empty(2, 2), generator=mg.Generator().manual_seed(2)).tolist()


NONLINEARITIES = [
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "gelu",
]  # fmt: skip
TEXTS = {
    **{f"gain {name}": (lambda t, name=name: t.nn.init.calculate_gain(name)) for name in NONLINEARITIES},
    "gain with slope": lambda t: t.nn.init.calculate_gain("leaky_relu", 0.2),
    "gain with no slope": lambda t: t.nn.init.calculate_gain("leaky_relu", True),
    "fan of a vector": lambda t: t.nn.init.xavier_uniform_(t.ones(3)),
    "mode": lambda t: t.nn.init.kaiming_uniform_(t.ones(3, 3), mode="Fan"),
    "empty": lambda t: t.nn.init.kaiming_normal_(t.ones(0, 3)),
    "eye of a vector": lambda t: t.nn.init.eye_(t.ones(3)),
    "dirac of a matrix": lambda t: t.nn.init.dirac_(t.ones(3, 3)),
    "dirac groups": lambda t: t.nn.init.dirac_(t.ones(3, 3, 3), 2),
    "orthogonal vector": lambda t: t.nn.init.orthogonal_(t.ones(3)),
    "sparse of a vector": lambda t: t.nn.init.sparse_(t.ones(3), 0.1),
    "far off": lambda t: t.nn.init.trunc_normal_(t.ones(1), 9.0, 1.0, 6.0, 6.5).shape,
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_gains_and_errors_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    outcomes = []
    for t in (mg, torch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = repr(TEXTS[name](t))
            except Exception as error:
                result = type(error).__name__, str(error)
        outcomes.append((result, [str(w.message) for w in caught]))
    assert outcomes[0] == outcomes[1]
