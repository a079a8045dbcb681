"""Layers, activations, dropout and losses: values and gradients, by hand and against PyTorch."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import micrograd_cn as mg
import micrograd_cn.nn.functional as F

KINKS = np.array([-6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 30.0, -30.0])
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(4, 6))
MAPS = RANDOM.normal(size=(2, 4, 3))

LAYERS = [
    "ReLU()", "ReLU6()", "SELU()", "SiLU()", "Mish()", "Hardsigmoid()", "Hardswish()", "Sigmoid()", "Tanh()",
    "LogSigmoid()", "Softsign()", "Tanhshrink()", "LeakyReLU()", "LeakyReLU(0.3)", "ELU()", "ELU(0.7)", "CELU()",
    "CELU(2.0)", "Hardtanh()", "Hardtanh(-0.5, 3)", "Threshold(0.5, 20)", "GELU()", "GELU('tanh')", "Softplus()",
    "Softplus(2, 5)", "Hardshrink()", "Hardshrink(1)", "Softshrink()", "Softshrink(1)", "PReLU()", "PReLU(6, 0.1)",
    "GLU()", "GLU(0)", "Softmax(1)", "Softmax(dim=0)", "LogSoftmax(-1)", "Softmin(1)", "ReLU(inplace=True)",
    "ReLU6(True)", "ELU(0.7, True)", "LeakyReLU(0.3, True)", "SiLU(True)", "Hardtanh(inplace=True)", "Mish(True)",
    "SELU(True)", "Threshold(0.5, 20, True)", "Hardswish(True)", "Hardsigmoid(True)", "CELU(2.0, True)",
    "Identity(54)", "Flatten()", "Flatten(0)", "Unflatten(1, (2, 3))", "Linear(6, 3)", "Linear(6, 3, bias=False)",
    "Dropout()", "Dropout(0.3)", "Dropout(1.0)", "Dropout(0)", "Dropout(0.3, True)", "AlphaDropout(0.2)",
    "Dropout1d(0.4)", "Dropout2d(0.4)", "Dropout3d(0.4)",
]  # fmt: skip


def build(t, text, dtype="float32"):
    """A module in the framework ``t`` from its constructor call; its parameters are the same in both."""
    module = eval(text, {name: getattr(t.nn, name) for name in dir(t.nn)} | {"t": t})
    numbers = np.random.default_rng(1)
    with t.no_grad():
        for p in module.parameters():
            p.copy_(t.tensor(numbers.normal(size=tuple(p.shape)).tolist()))
    return module.to(getattr(t, dtype))


def run(t, function, arrays, dtype):
    """The output of ``function`` on ``arrays`` and the gradients of all of them, as NumPy arrays."""
    kind = getattr(t, dtype)
    leaves = [
        t.tensor(a.tolist(), dtype=kind, requires_grad=True) if a.dtype.kind == "f" else t.tensor(a.tolist())
        for a in arrays
    ]
    t.manual_seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = function(*(leaf * 1 if leaf.requires_grad else leaf for leaf in leaves))
    assert out.dtype is kind
    factors = np.cos(np.arange(out.numel())).reshape(tuple(out.shape))
    (out * t.tensor(factors.tolist(), dtype=kind)).sum().backward()
    grads = [leaf.grad for leaf in leaves if leaf.requires_grad]
    return [np.array(r.detach().tolist()) for r in (out, *grads) if r is not None]


def assert_same(function, arrays, dtype, torch, tolerance=None):
    ours, theirs = (run(t, lambda *a, t=t: function(t, *a), arrays, dtype) for t in (mg, torch))
    tolerance = (1e-11 if dtype == "float64" else 3e-5) if tolerance is None else tolerance
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", LAYERS)
def test_layers_are_pytorchs(text, dtype):
    torch = pytest.importorskip("torch")
    assert repr(build(mg, text)) == repr(build(torch, text))
    for x in (KINKS.reshape(2, 6), X, RANDOM.normal(size=(2, 6, 4))):
        if text.startswith(("Linear", "Unflatten", "Dropout1d")) and x.ndim == 3:
            x = x.transpose(0, 2, 1)
            text = text.replace("(1,", "(2,") if text.startswith("Unflatten") else text
        # PyTorch keeps the sixth of hardsigmoid's slope in float32
        tolerance = 1e-7 if text.startswith("Hardsigmoid") and dtype == "float64" else None
        assert_same(lambda t, x, text=text: build(t, text, dtype)(x), [x], dtype, torch, tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
def test_bilinear_is_pytorchs(batch, dtype):
    torch = pytest.importorskip("torch")
    a, b = RANDOM.normal(size=(*batch, 3)), RANDOM.normal(size=(*batch, 4))
    for text in ("Bilinear(3, 4, 2)", "Bilinear(3, 4, 2, bias=False)"):
        assert_same(lambda t, a, b, text=text: build(t, text, dtype)(a, b), [a, b], dtype, torch)


@pytest.mark.parametrize(
    "text", ["Linear(7, 5)", "Linear(3, 40, bias=False)", "Linear(0, 3)", "Bilinear(3, 4, 5)", "PReLU(3)"]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_initial_numbers_are_pytorchs(text, dtype):
    torch = pytest.importorskip("torch")
    states = []
    for t in (mg, torch):
        t.manual_seed(42)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = eval(text.replace(")", f", dtype=t.{dtype})"), {**vars(t.nn), "t": t})
        states.append({k: v.tolist() for k, v in module.state_dict().items()})
    assert states[0] == states[1]


# --- losses -------------------------------------------------------------------------------------------------------

P, Q = 1 / (1 + np.exp(-X)), 1 / (1 + np.exp(-RANDOM.normal(size=(4, 6))))
Q[1, 1] = 1.0
Y = RANDOM.normal(size=(4, 6))
CLASSES = np.array([0, 5, 2, -100])
SIMPLEX = np.exp(X) / np.exp(X).sum(1, keepdims=True)
W6 = "t.arange(1, 7).to(x.dtype)"

LOSSES = [
    *((name, X, Y) for name in ("MSELoss({r})", "L1Loss({r})", "SmoothL1Loss({r})", "SmoothL1Loss({r}, beta=0.4)",
                                "SmoothL1Loss({r}, beta=0)", "HuberLoss({r})", "HuberLoss({r}, delta=0.5)")),
    *((name, P, Q) for name in ("BCELoss({r})", "BCELoss(t.arange(1, 7).to(x.dtype), {r})")),
    *((name, X * 20, Q) for name in (
        "BCEWithLogitsLoss({r})", f"BCEWithLogitsLoss({W6}, {{r}})", f"BCEWithLogitsLoss({{r}}, pos_weight={W6})",
        f"BCEWithLogitsLoss({W6}, {{r}}, pos_weight={W6})")),
    ("KLDivLoss({r})", np.log(SIMPLEX), SIMPLEX[::-1]),
    ("KLDivLoss({r}, log_target=True)", np.log(SIMPLEX), np.log(SIMPLEX[::-1])),
    *((f"{name}({options}{{r}})", X, CLASSES) for name in ("CrossEntropyLoss", "NLLLoss")
      for options in ("", f"weight={W6}, ", "ignore_index=2, ", f"weight={W6}, ignore_index=5, ")),
    *((f"CrossEntropyLoss({options}{{r}})", X, CLASSES) for options in (
        "label_smoothing=0.1, ", f"label_smoothing=0.3, weight={W6}, ", "label_smoothing=1, ignore_index=5, ")),
    *((f"CrossEntropyLoss({options}{{r}})", X, SIMPLEX) for options in (
        "", f"weight={W6}, ", "label_smoothing=0.1, ", f"label_smoothing=0.3, weight={W6}, ")),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("text, x, y", LOSSES, ids=[text for text, _, _ in LOSSES])
def test_losses_are_pytorchs(text, x, y, reduction, dtype):
    torch = pytest.importorskip("torch")
    if "ignore_index" in text:
        y = np.where(y == -100, 1, y)
    text = text.format(r=f"reduction={reduction!r}")

    def loss(t, x, y):
        return eval(f"t.nn.{text}", {"t": t, "x": x})(x, y)

    assert_same(loss, [x, y], dtype, torch)


@pytest.mark.parametrize("function", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("extra", [(), (5,), (2, 3), (2, 1, 3)])
def test_class_losses_with_more_dimensions(function, reduction, extra):
    torch = pytest.importorskip("torch")
    x = RANDOM.normal(size=(3, 4, *extra))
    y = RANDOM.integers(0, 4, size=(3, *extra))
    weight = [0.5, 1.0, 2.0, 0.0]

    def loss(t, x, y):
        f = getattr(t.nn.functional, function)
        return f(x, y, weight=t.tensor(weight, dtype=x.dtype), ignore_index=1, reduction=reduction)

    assert_same(loss, [x, y], "float64", torch)
    if function == "cross_entropy":
        simplex = np.exp(x) / np.exp(x).sum(1, keepdims=True)
        assert_same(
            lambda t, x, y: t.nn.functional.cross_entropy(
                x, y, t.tensor(weight, dtype=x.dtype), reduction=reduction, label_smoothing=0.2
            ),
            [x, simplex], "float64", torch,
        )  # fmt: skip


@pytest.mark.parametrize("target", [np.array(1), np.array([0.2, 0.3, 0.5])])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_cross_entropy_of_one_sample(target, reduction):
    torch = pytest.importorskip("torch")
    x = np.array([1.0, -2.0, 0.5])
    assert_same(lambda t, x, y: t.nn.functional.cross_entropy(x, y, reduction=reduction), [x, target], "float64", torch)


def test_certain_and_wrong_probabilities_cost_a_hundred():
    x = mg.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(x, mg.tensor([1.0, 0.0, 0.0, 1.0]), reduction="none")
    assert loss.tolist() == [100.0, 100.0, 0.0, 0.0]
    loss.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_losses_by_hand():
    x, y = mg.tensor([1.0, 2.0, 5.0]), mg.tensor([1.0, 4.0, 1.0])
    assert F.mse_loss(x, y).item() == pytest.approx(20 / 3)
    assert F.l1_loss(x, y, reduction="sum").item() == 6.0
    assert F.huber_loss(x, y, reduction="none").tolist() == [0.0, 1.5, 3.5]
    assert F.binary_cross_entropy(mg.tensor([0.5]), mg.tensor([1.0])).item() == pytest.approx(math.log(2))
    assert F.binary_cross_entropy_with_logits(mg.tensor([1000.0]), mg.tensor([0.0])).item() == 1000.0
    scores = mg.zeros(2, 4, requires_grad=True)
    F.cross_entropy(scores, mg.tensor([3, 0])).backward()
    assert np.allclose(scores.grad.numpy(), np.array([[1, 1, 1, -3], [-3, 1, 1, 1]]) / 8)
    assert F.cross_entropy(mg.tensor([[1000.0, 0.0]]), mg.tensor([1])).item() == 1000.0


ERRORS = {
    "mse broadcasts": lambda t, F: F.mse_loss(t.ones(2), t.zeros(2, 1), reduction="none"),
    "mse does not broadcast": lambda t, F: F.mse_loss(t.ones(2), t.zeros(3)),
    "l1 broadcasts": lambda t, F: F.l1_loss(t.ones(2), t.zeros(2, 1)),
    "reduction": lambda t, F: F.mse_loss(t.ones(2), t.ones(2), reduction="some"),
    "reduction of cross entropy": lambda t, F: F.cross_entropy(t.ones(2, 2), t.ones(2, 2), reduction="some"),
    "size_average": lambda t, F: F.mse_loss(t.ones(2), t.zeros(2), size_average=False),
    "reduce": lambda t, F: t.nn.MSELoss(reduce=False)(t.ones(2), t.zeros(2)),
    "mse weight": lambda t, F: F.mse_loss(t.ones(2), t.zeros(2), weight=t.tensor([1.0, 3.0])),
    "l1 weight size": lambda t, F: F.l1_loss(t.ones(3), t.zeros(3), weight=t.ones(4)),
    "l1 weight reduction": lambda t, F: F.l1_loss(t.ones(3), t.zeros(3), weight=t.ones(3), reduction="q"),
    "huber weight": lambda t, F: F.huber_loss(t.ones(3), t.zeros(3), weight=t.tensor([1.0, 2.0, 3.0])),
    "bce sizes": lambda t, F: F.binary_cross_entropy(t.ones(2), t.ones(2, 1)),
    "bce input range": lambda t, F: F.binary_cross_entropy(t.ones(2) * 2, t.ones(2)),
    "bce target range": lambda t, F: F.binary_cross_entropy(t.ones(2), t.ones(2) * 2),
    "bce integer target": lambda t, F: F.binary_cross_entropy(t.ones(2), t.ones(2).long()),
    "bce other float": lambda t, F: F.binary_cross_entropy(t.ones(2), t.ones(2).double()),
    "logits sizes": lambda t, F: F.binary_cross_entropy_with_logits(t.ones(2), t.ones(2, 1)),
    "logits integer target": lambda t, F: F.binary_cross_entropy_with_logits(t.ones(2), t.ones(2).long()),
    "batch sizes": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([0, 1, 0, 1])),
    "class too large": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([0, 1, 5])),
    "class negative": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([0, -1, 1])),
    "ignored class": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([0, -1, 1]), ignore_index=-1),
    "float classes": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([0.0, 1.0, 1.0])),
    "int32 classes": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([0, 1, 1]).int()),
    "uint8 classes": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([0, 1, 1], dtype=t.uint8)),
    "integer probabilities": lambda t, F: F.cross_entropy(t.ones(3, 2), t.ones(3, 2).long()),
    "column of classes": lambda t, F: F.cross_entropy(t.ones(3, 2), t.ones(3, 1).long()),
    "class weights": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([0, 1, 1]), weight=t.ones(3)),
    "class weights type": lambda t, F: F.nll_loss(t.ones(3, 2), t.tensor([0, 1, 1]), weight=t.ones(2).double()),
    "probability weights": lambda t, F: F.cross_entropy(t.ones(3, 2), t.ones(3, 2), weight=t.ones(3)),
    "probability ignore": lambda t, F: F.cross_entropy(t.ones(3, 2), t.ones(3, 2), ignore_index=1),
    "smoothing": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([0, 1, 1]), label_smoothing=2),
    "one sample, two classes": lambda t, F: F.nll_loss(t.ones(3), t.tensor([1, 2])),
    "no dimension": lambda t, F: F.nll_loss(t.ones(()), t.tensor(0)),
    "map sizes, 3": lambda t, F: F.cross_entropy(t.ones(3, 2, 4), t.ones(3, 5).long()),
    "map sizes, 4": lambda t, F: F.cross_entropy(t.ones(3, 2, 4, 4), t.ones(3, 4, 5).long()),
    "map batch": lambda t, F: F.nll_loss(t.ones(3, 2, 4), t.ones(2, 4).long()),
    "map class": lambda t, F: F.nll_loss(t.ones(2, 2, 2), t.tensor([[0, 1], [1, 7]])),
    "all ignored": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([-100] * 3)),
    "all ignored, sum": lambda t, F: F.cross_entropy(t.ones(3, 2), t.tensor([-100] * 3), reduction="sum"),
    "one sample": lambda t, F: [F.cross_entropy(t.ones(3), t.tensor([1]), reduction=r) for r in ("mean", "none")],
    "beta": lambda t, F: F.smooth_l1_loss(t.ones(2), t.ones(2), beta=-1),
    "delta": lambda t, F: F.huber_loss(t.ones(2), t.ones(2), delta=0),
    "delta type": lambda t, F: t.nn.HuberLoss(delta="1"),
    "kl mean": lambda t, F: F.kl_div(t.zeros(2), t.ones(2)),
    "kl batchmean": lambda t, F: F.kl_div(t.zeros(2, 3), t.ones(2, 3), reduction="batchmean"),
    "kl integers": lambda t, F: F.kl_div(t.zeros(2), t.ones(2).long(), reduction="sum"),
    "dropout p": lambda t, F: F.dropout(t.ones(2), p=2),
    "Dropout p": lambda t, F: t.nn.Dropout(-1),
    "dropout of integers": lambda t, F: F.dropout(t.ones(2).long()),
    "dropout1d dimensions": lambda t, F: F.dropout1d(t.ones(2)),
    "dropout2d of a matrix": lambda t, F: F.dropout2d(t.ones(2, 3), training=False),
    "dropout2d dimensions": lambda t, F: F.dropout2d(t.ones(2)),
    "dropout2d of three": lambda t, F: F.dropout2d(t.ones(2, 3, 4), training=False),
    "softmax without dim": lambda t, F: [F.softmax(t.ones(2, 2)), F.log_softmax(t.ones(2)), F.softmin(t.ones(1, 2, 1))],
    "hardtanh bounds": lambda t, F: F.hardtanh(t.ones(2), 2, 1),
    "Hardtanh bounds": lambda t, F: t.nn.Hardtanh(2, 1),
    "Hardtanh old names": lambda t, F: t.nn.Hardtanh(min_value=-2, max_value=3),
    "celu alpha": lambda t, F: F.celu(t.ones(2), 0),
    "prelu channels": lambda t, F: F.prelu(t.ones(2, 3), t.ones(2)),
    "prelu no dimension": lambda t, F: F.prelu(t.ones(()), t.ones(2)),
    "glu odd": lambda t, F: F.glu(t.ones(3)),
    "glu scalar": lambda t, F: F.glu(t.ones(())),
    "linear sizes": lambda t, F: t.nn.Linear(2, 3)(t.ones(4)),
    "bilinear sizes": lambda t, F: F.bilinear(t.ones(2, 3), t.ones(2, 4), t.ones(5, 3, 3)),
    "Bilinear in1": lambda t, F: t.nn.Bilinear(0, 2, 3),
    "Unflatten list": lambda t, F: t.nn.Unflatten(1, 3),
    "Unflatten of floats": lambda t, F: t.nn.Unflatten(1, (2.0, 3)),
    "one_hot": lambda t, F: F.one_hot(t.tensor([[0, 2], [1, 0]])),
    "one_hot wide": lambda t, F: F.one_hot(t.tensor([0, 2]), 5),
    "one_hot narrow": lambda t, F: F.one_hot(t.tensor([0, 2]), 2),
    "one_hot negative": lambda t, F: F.one_hot(t.tensor([0, -2])),
    "one_hot float": lambda t, F: F.one_hot(t.tensor([0.0])),
    "one_hot empty": lambda t, F: [F.one_hot(t.ones(0).long(), 3), F.one_hot(t.ones(0).long())],
    "scalar losses": lambda t, F: [F.mse_loss(t.ones(()), t.zeros(())), F.l1_loss(t.ones(()), t.zeros(()))],
    "types meet": lambda t, F: F.l1_loss(t.ones(3), t.zeros(3).double()),
    "integers": lambda t, F: [F.relu6(t.tensor([-1, 9])), F.hardtanh(t.tensor([-2, 2]), -1, 1)],
}  # fmt: skip


def outcome(case, t):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = case(t, t.nn.functional)
        except Exception as error:
            return type(error).__name__, str(error)
    return repr(result), [str(w.message) for w in caught if w.category is not RuntimeWarning]


@pytest.mark.parametrize("name", ERRORS)
def test_warnings_and_errors_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    (kind, text), (their_kind, their_text) = outcome(ERRORS[name], mg), outcome(ERRORS[name], torch)
    assert kind == their_kind
    # ours may say more
    assert text == their_text or (isinstance(text, str) and text.startswith(their_text.rstrip(".")[:60]))


def test_dropout_keeps_the_mean_and_stops_in_eval_mode():
    mg.manual_seed(0)
    drop = mg.nn.Dropout(0.25)
    x = mg.ones(10_000)
    y = drop(x)
    assert set(y.tolist()) == {0.0, np.float32(1 / 0.75).item()}
    assert abs(y.mean().item() - 1) < 0.03
    assert drop.eval()(x) is x
    channels = mg.nn.Dropout2d(0.5)(mg.ones(8, 16, 3, 3)).numpy().reshape(128, 9)
    assert (channels == channels[:, :1]).all() and 0 < (channels == 0).mean() < 1


def test_in_place_layers_write_their_input():
    for text in ("ReLU(True)", "ELU(1.0, True)", "Hardtanh(inplace=True)", "Dropout(1.0, True)"):
        x = mg.tensor([-2.0, 3.0])
        y = build(mg, text)(x)
        assert y is x and x.tolist() != [-2.0, 3.0]
        with pytest.raises(RuntimeError, match="leaf Variable"):
            build(mg, text)(mg.tensor([-2.0, 3.0], requires_grad=True))


def test_linear_by_hand():
    net = mg.nn.Linear(2, 1)
    net.load_state_dict({"weight": mg.tensor([[2.0, -3.0]]), "bias": mg.tensor([0.5])})
    x = mg.tensor([[1.0, 2.0], [0.0, 1.0]], requires_grad=True)
    y = net(x)
    assert y.tolist() == [[-3.5], [-2.5]]
    y.sum().backward()
    assert x.grad.tolist() == [[2.0, -3.0]] * 2
    assert net.weight.grad.tolist() == [[1.0, 3.0]] and net.bias.grad.tolist() == [2.0]


def test_second_derivatives_of_composed_activations():
    torch = pytest.importorskip("torch")
    names = ["mish", "hardswish", "softsign", "tanhshrink", "celu", "selu", "silu", "gelu", "softplus", "logsigmoid"]
    for name in names:
        results = []
        for t in (mg, torch):
            x = t.tensor(X[0].tolist(), dtype=t.float64, requires_grad=True)
            (g,) = t.autograd.grad(getattr(t.nn.functional, name)(x).sum(), x, create_graph=True)
            (g * g).sum().backward()
            results.append(x.grad.tolist())
        assert np.allclose(*results, rtol=1e-9, atol=1e-12), name


@pytest.mark.parametrize(
    "call", [lambda F, x: F.softshrink(x), lambda F, x: F.threshold(x, 0, 7.0), lambda F, x: F.hardshrink(x)]
)
def test_nan_goes_through_shrinking(T, call):
    x = T.tensor([float("nan"), 2.0, -2.0, 0.1, -0.1], requires_grad=True)
    y = call(T.nn.functional, x)
    y.sum().backward()
    assert y[0].isnan() and x.grad[0] == 1 and not y[1:].isnan().any()
