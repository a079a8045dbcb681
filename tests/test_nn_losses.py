"""Known truths of the losses with margins, of sequences and of adaptive softmax: by hand, by enumeration, by limits."""

from __future__ import annotations

import inspect
import itertools
import math

import numpy as np
import pytest

import micrograd_cn as mt
import micrograd_cn.nn.functional as F
from micrograd_cn import nn

LN2 = math.log(2)


def t(*numbers, **named):
    return mt.tensor(list(numbers), dtype=mt.float64, **named)


# --- CTC ------------------------------------------------------------------------------------------------------------


def reads_as(path, blank):
    """The labels that a path stands for: repetitions merged, then blanks removed."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def enumerated(log_probs, target, blank):
    """``-log`` of the summed probability of all paths that read as ``target``."""
    times, classes = log_probs.shape
    paths = (p for p in itertools.product(range(classes), repeat=times) if reads_as(p, blank) == tuple(target))
    total = sum(math.exp(sum(log_probs[i, c] for i, c in enumerate(path))) for path in paths)
    return -math.log(total) if total else math.inf


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("length", [2, 3, 5])
def test_ctc_is_the_sum_over_all_paths(length, blank):
    labels = [c for c in range(3) if c != blank]
    for target in ((), *((a,) for a in labels), *itertools.product(labels, repeat=2), (labels[0],) * 3):
        x = np.random.default_rng(length).normal(size=(5, 1, 3))
        log_probs = x - np.log(np.exp(x).sum(2, keepdims=True))
        targets = mt.tensor([list(target)], dtype=mt.int64).reshape(1, len(target))
        found = F.ctc_loss(
            mt.tensor(log_probs.tolist(), dtype=mt.float64), targets, [length], [len(target)], blank, "sum"
        )
        assert found.item() == pytest.approx(enumerated(log_probs[:length, 0], target, blank), rel=1e-12)


def test_ctc_gradient_through_log_softmax():
    """By the scores it is the probability of a class minus its share among the paths that read as the target."""
    x = mt.tensor(np.random.default_rng(0).normal(size=(4, 2, 3)).tolist(), dtype=mt.float64, requires_grad=True)

    def loss(scores):
        return F.ctc_loss(scores.log_softmax(2), mt.tensor([1, 2, 2]), (4, 3), (2, 1), reduction="sum")

    assert mt.autograd.gradcheck(loss, (x,))
    loss(x).backward()
    assert np.allclose(x.grad.sum(2), 0) and (x.grad[3, 1] == 0).all()


def test_ctc_of_impossible_targets():
    x = mt.zeros(2, 2, 3, dtype=mt.float64).log_softmax(2).requires_grad_()
    targets, lengths = mt.tensor([[1, 1], [1, 2]]), mt.tensor([2, 2])  # "11" needs a blank between
    assert F.ctc_loss(x, targets, lengths, lengths, reduction="none").tolist() == [math.inf, pytest.approx(math.log(9))]
    loss = F.ctc_loss(x, targets, lengths, lengths, reduction="none", zero_infinity=True)
    assert loss.tolist() == [0, pytest.approx(math.log(9))]
    loss.sum().backward()
    assert (x.grad[:, 0] == 0).all() and (x.grad[:, 1] != 0).any()
    with pytest.raises(RuntimeError, match="at most 2"):
        F.ctc_loss(x, targets, (2, 3), lengths)


# --- margins --------------------------------------------------------------------------------------------------------


def test_margin_losses_by_hand():
    scores = mt.tensor([[0.1, 0.2, 0.4, 0.8]], dtype=mt.float64)
    # (1 - (0.8 - 0.1)) + (1 - (0.8 - 0.2)) + (1 - (0.8 - 0.4)), over 4 classes
    assert F.multi_margin_loss(scores, mt.tensor([3])).item() == pytest.approx((0.3 + 0.4 + 0.6) / 4)
    assert F.multi_margin_loss(scores, mt.tensor([3]), p=2).item() == pytest.approx((0.09 + 0.16 + 0.36) / 4)
    weighted = F.multi_margin_loss(scores, mt.tensor([3]), weight=t(1, 1, 1, 5))
    assert weighted.item() == pytest.approx(5 * 1.3 / 4)
    # PyTorch's own example: the targets are 3 and 0, what follows -1 does not count.
    several = F.multilabel_margin_loss(scores, mt.tensor([[3, 0, -1, 1]]))
    assert several.item() == pytest.approx(
        0.25 * ((1 - 0.1 + 0.2) + (1 - 0.1 + 0.4) + (1 - 0.8 + 0.2) + (1 - 0.8 + 0.4))
    )
    ranking = F.margin_ranking_loss(t(1, 2, 3), t(2, 2, 1), t(1, 1, -1), margin=0.5, reduction="none")
    assert ranking.tolist() == [1.5, 0.5, 2.5]
    assert F.hinge_embedding_loss(t(0.3, 0.3, 2), t(1, -1, -1), reduction="none").tolist() == [0.3, 0.7, 0]
    angles = F.cosine_embedding_loss(
        mt.tensor([[1.0, 0.0]] * 3),
        mt.tensor([[0.0, 2.0], [3.0, 0.0], [3.0, 4.0]]),
        mt.tensor([1, -1, -1]),
        0.5,
        reduction="none",
    )
    assert np.allclose(angles, [1, 0.5, 0.1])
    triplet = F.triplet_margin_loss(mt.zeros(1, 2), mt.tensor([[3.0, 4.0]]), mt.tensor([[0.0, 5.5]]), eps=0)
    assert triplet.item() == pytest.approx(0.5)
    swapped = F.triplet_margin_loss(mt.zeros(1, 2), mt.tensor([[3.0, 4.0]]), mt.tensor([[6.0, 8.0]]), eps=0, swap=True)
    assert swapped.item() == pytest.approx(1)  # the negative is as near to the positive as that to the anchor


def test_soft_margins():
    assert F.soft_margin_loss(t(0, 0), t(1, -1)).item() == pytest.approx(LN2)
    far = t(-800, requires_grad=True)
    loss = F.soft_margin_loss(far, t(1))
    loss.backward()
    assert loss.item() == 800 and far.grad.item() == -1  # where exp overflows
    x, y = mt.randn(4, 3, dtype=mt.float64), mt.tensor([[0.0, 1.0, 1.0]] * 4, dtype=mt.float64)
    assert np.allclose(F.multilabel_soft_margin_loss(x, y), F.binary_cross_entropy_with_logits(x, y))


@pytest.mark.parametrize(
    "loss, target",
    [
        (nn.MultiMarginLoss(), [3, 0]),
        (nn.MultiLabelMarginLoss(), [[3, 0, -1, 1], [1, -1, 0, 0]]),
        (nn.SoftMarginLoss(), [[1.0, -1.0, 1.0, 1.0]] * 2),
    ],
)
def test_margin_gradients(loss, target):
    x = mt.tensor(np.random.default_rng(1).normal(size=(2, 4)).tolist(), dtype=mt.float64, requires_grad=True)
    assert mt.autograd.gradcheck(lambda x: loss(x, mt.tensor(target)), (x,))


def test_bounds_of_targets_and_margins():
    with pytest.raises(RuntimeError, match="out of range"):
        F.multi_margin_loss(mt.ones(2, 3), mt.tensor([0, 3]))
    with pytest.raises(RuntimeError, match="out of range"):
        F.multilabel_margin_loss(mt.ones(1, 3), mt.tensor([[0, -2, 1]]))
    for make in (lambda: nn.TripletMarginLoss(margin=0), lambda: nn.MultiMarginLoss(p=3)):
        with pytest.raises(ValueError):
            make()


# --- likelihoods ----------------------------------------------------------------------------------------------------


def test_likelihoods_are_those_of_the_distributions():
    stats = pytest.importorskip("scipy.stats")
    mean, target, variance = np.array([0.5, -1.0]), np.array([1.0, 2.0]), np.array([0.3, 4.0])
    normal = F.gaussian_nll_loss(t(*mean), t(*target), t(*variance), full=True, reduction="none")
    assert np.allclose(normal, -stats.norm.logpdf(target, mean, np.sqrt(variance)))
    counts, rate = np.array([30.0, 50.0]), np.array([28.0, 55.0])
    poisson = F.poisson_nll_loss(t(*np.log(rate)), t(*counts), full=True, reduction="none")
    assert np.allclose(poisson, -stats.poisson.logpmf(counts, rate), atol=1 / (12 * 30))  # Stirling's error
    assert np.allclose(F.poisson_nll_loss(t(*rate), t(*counts), log_input=False, full=True, reduction="none"), poisson)


def test_variances_may_broadcast_and_have_a_floor():
    x, y = mt.zeros(2, 3, dtype=mt.float64), mt.ones(2, 3, dtype=mt.float64)
    for var in (t(4, 4), t(4, 4).unsqueeze(1), 4.0):
        assert F.gaussian_nll_loss(x, y, var).item() == pytest.approx(0.5 * (math.log(4) + 0.25))
    assert F.gaussian_nll_loss(x, x, 0.0, eps=1e-4).item() == pytest.approx(0.5 * math.log(1e-4))
    for var in (t(1, -1, 1), t(1, 1, 1, 1)):
        with pytest.raises(ValueError):
            F.gaussian_nll_loss(x, y, var)


# --- adaptive softmax -----------------------------------------------------------------------------------------------


def test_adaptive_softmax_is_a_distribution():
    mt.manual_seed(0)
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 10, [2, 5], div_value=2, dtype=mt.float64)
    x, classes = mt.randn(10, 8, dtype=mt.float64), mt.arange(10)
    log_prob = layer.log_prob(x)
    assert np.allclose(log_prob.exp().sum(1).detach(), 1)
    output, loss = layer(x, classes)
    assert np.allclose(output.detach(), log_prob.detach().numpy()[np.arange(10), np.arange(10)])
    assert loss.item() == pytest.approx(-output.mean().item())
    assert (layer.predict(x) == log_prob.argmax(1)).float().mean() > 0.5
    with pytest.raises(RuntimeError, match=r"\[0, 9\]"):
        layer(x, classes + 1)


@pytest.mark.parametrize("shape", [(6, 5), (5,)])
def test_adaptive_softmax_is_pytorchs(shape):
    torch = pytest.importorskip("torch")
    results = []
    for T in (mt, torch):
        T.manual_seed(3)
        layer = T.nn.AdaptiveLogSoftmaxWithLoss(5, 9, [2, 4, 7], div_value=1.5, head_bias=True, dtype=T.float64)
        x = T.randn(shape, dtype=T.float64, requires_grad=True)
        output, loss = layer(x, T.tensor([0, 8, 3, 5, 1, 2]) if len(shape) > 1 else T.tensor(6))
        loss.backward()
        rows = x.detach().reshape(-1, 5)
        found = [output, loss, x.grad, layer.log_prob(rows), layer.predict(rows), *(p.grad for p in layer.parameters())]
        results.append([repr(layer), [np.zeros(0) if r is None else np.array(r.detach().tolist()) for r in found]])
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


# --- random activations ---------------------------------------------------------------------------------------------


def test_gumbel_softmax_samples_by_the_scores():
    mt.manual_seed(0)
    logits = mt.tensor([0.7, 0.2, 0.1]).log().expand(20_000, 3)
    hard = F.gumbel_softmax(logits, hard=True)
    assert set(hard.numpy().round(6).ravel().tolist()) == {0.0, 1.0}
    assert np.allclose(hard.mean(0), [0.7, 0.2, 0.1], atol=0.02)


def test_rrelu_draws_slopes_between_its_bounds():
    mt.manual_seed(0)
    layer = nn.RReLU(0.2, 0.4)
    y = -layer(-mt.ones(1000))
    assert 0.2 <= y.min().item() < 0.21 and 0.39 < y.max().item() <= 0.4
    assert layer.eval()(mt.tensor([-1.0, 2.0])).tolist() == [pytest.approx(-0.3), 2]


@pytest.mark.parametrize("name", ["relu", "elu", "leaky_relu", "selu", "celu", "hardtanh", "rrelu"])
def test_functions_in_place(name):
    x = mt.tensor([-2.0, 3.0])
    expected = getattr(F, name)(x.clone())
    result = getattr(F, f"{name}_")(x)
    assert result is x and x.tolist() == expected.tolist()


# --- the constructors -----------------------------------------------------------------------------------------------


def shared():
    torch = pytest.importorskip("torch")
    classes = {c for c in vars(nn).values() if isinstance(c, type) and hasattr(c, "_passed")} - {nn.NLLLoss2d}
    return [(c, getattr(torch.nn, c.__name__)) for c in sorted(classes, key=lambda c: c.__name__)]


def test_constructors_have_pytorchs_signatures():
    for ours, theirs in shared():
        a, b = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
        kinds = {n: (p.default, p.kind) for n, p in b.items() if n not in ("args", "kwargs")}  # theirs without options
        assert list({n: (p.default, p.kind) for n, p in a.items()}.items()) == list(kinds.items()), ours


def test_constructors_refuse_what_they_do_not_know():
    for wrong in (
        lambda: nn.MSELoss(size=1),
        lambda: nn.ReLU(True, 1),
        lambda: nn.Threshold(1),
        lambda: nn.ELU(1, alpha=2),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_losses_can_be_subclassed():
    class Scaled(nn.MSELoss):
        factor: float

        def __init__(self, factor):
            super().__init__(reduction="sum")
            self.factor = factor

        def forward(self, input, target):
            return self.factor * super().forward(input, target)

    assert Scaled(3)(t(1, 2), target=t(0, 0)).item() == 15
    assert list(inspect.signature(Scaled).parameters) == ["factor"]


@pytest.mark.parametrize("loss", ["smooth_l1_loss", "huber_loss"])
def test_smoothed_absolute_errors_are_right_at_their_edges(T, loss):
    """Both derivatives where input and target are equal, at the limit, and for infinite errors."""
    x = T.tensor([0.0, -0.5, 1.0, -1.0, 2.0, math.inf, -math.inf], dtype=T.float64, requires_grad=True)
    y = getattr(T.nn.functional, loss)(x, T.zeros(7, dtype=T.float64), reduction="none")
    (first,) = T.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = T.autograd.grad(first.sum(), x)
    assert y.tolist() == [0, 0.125, 0.5, 0.5, 1.5, math.inf, math.inf]
    assert first.tolist() == [0, -0.5, 1, -1, 1, 1, -1] and second.tolist() == [1, 1, 0, 0, 0, 0, 0]
    x = T.tensor(math.nan, requires_grad=True)
    getattr(T.nn.functional, loss)(x, T.zeros(())).backward()
    assert math.isnan(x.grad.item())
