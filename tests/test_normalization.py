"""Normalisation layers: mean and variance, running statistics, states, errors, derivatives, and PyTorch's numbers."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import micrograd_cn as mg
from micrograd_cn.autograd import gradcheck, gradgradcheck

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, size=(4, 6, 5))


def leaf(*shape):
    return mg.tensor(RNG.normal(size=shape), dtype=mg.float64, requires_grad=True)


def assert_standard(x, dims):
    """Mean 0 and variance 1 over ``dims``."""
    x = np.asarray(x.detach().tolist())
    np.testing.assert_allclose(x.mean(dims), 0, atol=1e-5)
    np.testing.assert_allclose(x.var(dims), 1, atol=1e-4)


# --- truths, of both libraries ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, dims",
    [
        ("BatchNorm1d(6)", (0, 2)),
        ("InstanceNorm1d(6)", (2,)),
        ("LayerNorm(5)", (2,)),
        ("LayerNorm((6, 5))", (1, 2)),
        ("GroupNorm(1, 6)", (1, 2)),
        ("GroupNorm(6, 6)", (2,)),
    ],
)
def test_mean_becomes_0_and_variance_1(T, text, dims):
    assert_standard(eval(f"T.nn.{text}")(T.tensor(X.tolist())), dims)


def test_rms_norm_makes_the_mean_square_1_and_keeps_the_mean_where_it_is(T):
    y = T.nn.RMSNorm(5)(T.tensor(X.tolist())).detach()
    np.testing.assert_allclose((y * y).mean(-1).tolist(), np.ones((4, 6)), rtol=1e-5)
    assert y.mean().item() > 0.5


def test_shift_and_scale_of_the_input_do_not_matter(T):
    x = T.tensor(X.tolist(), dtype=T.float64)
    for layer in (T.nn.LayerNorm(5, eps=0.0), T.nn.GroupNorm(2, 6, eps=0.0), T.nn.InstanceNorm1d(6, eps=0.0)):
        layer = layer.double()
        np.testing.assert_allclose(layer(7 * x - 100).tolist(), layer(x).tolist(), rtol=1e-9, atol=1e-9)


def test_the_gradient_of_a_standardised_input_sums_to_zero(T):
    x = T.tensor(X.tolist(), dtype=T.float64, requires_grad=True)
    (T.nn.functional.layer_norm(x, (5,)) ** 3).sum().backward()
    np.testing.assert_allclose(x.grad.sum(-1).tolist(), np.zeros((4, 6)), atol=1e-12)


def test_running_statistics_move_by_momentum_and_serve_in_eval_mode(T):
    layer, x = T.nn.BatchNorm1d(6, momentum=0.25), T.tensor(X.tolist())
    layer(x)
    mean, var = X.mean((0, 2)), X.var((0, 2), ddof=1)
    np.testing.assert_allclose(layer.running_mean.tolist(), 0.25 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.tolist(), 0.75 + 0.25 * var, rtol=1e-5)
    assert layer.num_batches_tracked.item() == 1
    state = {name: x.tolist() for name, x in layer.state_dict().items()}
    expected = (X - 0.25 * mean[:, None]) / np.sqrt(0.75 + 0.25 * var + 1e-5)[:, None]
    np.testing.assert_allclose(layer.eval()(x).tolist(), expected, rtol=1e-4, atol=1e-5)
    assert {name: x.tolist() for name, x in layer.state_dict().items()} == state


def test_without_momentum_the_running_mean_is_that_of_all_batches(T):
    layer = T.nn.BatchNorm1d(6, momentum=None)
    for i in range(4):
        layer(T.tensor(X[i : i + 1].tolist()))
    np.testing.assert_allclose(layer.running_mean.tolist(), X.mean((0, 2)), rtol=1e-5)


def test_an_empty_batch_leaves_the_running_statistics_alone(T):
    layer = T.nn.BatchNorm1d(2)
    layer(T.zeros(0, 2, 3))
    assert layer.running_mean.tolist() == [0, 0] and layer.running_var.tolist() == [1, 1]


def test_what_is_not_tracked_is_taken_from_the_batch_in_eval_mode_too(T):
    layer = T.nn.BatchNorm1d(6, track_running_stats=False).eval()
    assert layer.running_mean is None and list(layer.state_dict()) == ["weight", "bias"]
    assert_standard(layer(T.tensor(X.tolist())), (0, 2))


def test_a_result_may_be_changed_in_place_and_the_input_may_not(T):
    x = T.tensor(X.tolist(), dtype=T.float64, requires_grad=True)
    for norm in (T.nn.LayerNorm(5, elementwise_affine=False), T.nn.BatchNorm1d(6, affine=False).double()):
        (expected,) = T.autograd.grad((norm(x) * 2 * x.detach()).sum(), x)
        y = norm(x)
        y.mul_(2)
        (found,) = T.autograd.grad((y * x.detach()).sum(), x)
        np.testing.assert_allclose(found.tolist(), expected.tolist(), atol=1e-12)
        z = x * 1
        y = norm(z)
        z.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()


def test_old_states_without_a_count_load(T):
    source, layer = T.nn.Sequential(T.nn.BatchNorm1d(2)), T.nn.Sequential(T.nn.BatchNorm1d(2))
    state = source.state_dict()
    assert state._metadata["0"] == {"version": 2} and state._metadata[""] == {"version": 1}
    del state["0.num_batches_tracked"]
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        layer.load_state_dict(state)
    layer.load_state_dict(dict(state))  # a plain dict says nothing of versions
    assert layer[0].num_batches_tracked.item() == 0


ERRORS = [
    ("BatchNorm1d(3)(torch.ones(1, 3))", ValueError, "more than 1 value per channel"),
    ("BatchNorm2d(3)(torch.ones(2, 3))", ValueError, "4D"),
    ("BatchNorm1d(3)(torch.ones(2, 4))", RuntimeError, "3"),
    ("BatchNorm1d(3)(torch.ones(2, 3).double())", RuntimeError, "mixed dtype"),
    ("functional.batch_norm(torch.ones(2, 3), None, None)", RuntimeError, "running_mean"),
    ("functional.batch_norm(torch.ones(2, 3), None, None, training=True, eps=0)", ValueError, "eps"),
    ("functional.batch_norm(torch.ones(2, 3).long(), None, None, training=True)", NotImplementedError, "Long"),
    ("InstanceNorm1d(3)(torch.ones(2, 3, 1))", ValueError, "more than 1 spatial element"),
    ("InstanceNorm1d(3, affine=True)(torch.ones(2, 4, 2))", ValueError, "num_features"),
    ("InstanceNorm2d(3)(torch.ones(2, 3))", ValueError, "3D or 4D"),
    ("LayerNorm(3)(torch.ones(2, 4))", RuntimeError, "normalized_shape"),
    ("functional.layer_norm(torch.ones(2, 3), ())", RuntimeError, "normalized_shape"),
    ("functional.layer_norm(torch.ones(2, 3), (3,), torch.ones(2))", RuntimeError, "weight"),
    ("GroupNorm(2, 3)", ValueError, "divisible"),
    ("functional.group_norm(torch.ones(2, 3), 2)", RuntimeError, "group"),
    ("functional.group_norm(torch.ones(3), 1)", RuntimeError, "at least 2 dimensions"),
    ("LocalResponseNorm(2)(torch.ones(2, 3))", ValueError, "3D"),
    ("functional.cosine_similarity(torch.ones(2).long(), torch.ones(2).long(), 0)", RuntimeError, "floating point"),
    ("functional.pdist(torch.ones(2))", RuntimeError, "2D"),
]


@pytest.mark.parametrize("text, kind, words", ERRORS, ids=[text for text, _, _ in ERRORS])
def test_errors(T, text, kind, words):
    with pytest.raises(kind, match=words):
        eval(f"torch.nn.{text}", {"torch": T})


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "InstanceNorm2d"])
def test_lazy_layers_take_their_channels_from_the_first_input(T, name):
    layer = getattr(T.nn, f"Lazy{name}")(momentum=0.5)
    layer(T.zeros(2, 3, *(4,) * int(name[-2])))
    assert type(layer) is getattr(T.nn, name) and layer.num_features == 3
    assert layer.weight.tolist() == [1, 1, 1] and layer.running_var.tolist() == pytest.approx([0.5] * 3)


def test_distances_and_angles_of_known_vectors(T):
    a, b = T.tensor([[3.0, 0.0], [0.0, 1.0]]), T.tensor([[0.0, 4.0], [0.0, 5.0]])
    assert T.nn.PairwiseDistance(eps=0.0)(a, b).tolist() == pytest.approx([5, 4])
    assert T.nn.PairwiseDistance(1.0, eps=0.0, keepdim=True)(a, b).tolist() == [[7], [4]]
    assert T.nn.CosineSimilarity()(a, b).tolist() == pytest.approx([0, 1])
    assert T.nn.functional.pdist(T.tensor([[0.0], [1.0], [3.0]])).tolist() == [1, 3, 2]
    assert T.nn.functional.normalize(a, dim=1).tolist() == [[1, 0], [0, 1]]


def test_local_response_norm_of_ones_counts_neighbours(T):
    y = T.nn.LocalResponseNorm(3, alpha=3.0, beta=1.0, k=1.0)(T.ones(1, 4, 1))
    assert y.reshape(-1).tolist() == pytest.approx([1 / 3, 1 / 4, 1 / 4, 1 / 3])


# --- derivatives -----------------------------------------------------------------------------------------------------

F = mg.nn.functional
FUNCTIONS = {
    "batch": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (3, 2, 4), (2,), (2,)),
    "batch by running": (
        lambda x, w, b: F.batch_norm(x, mg.ones(2).double(), mg.ones(2).double(), w, b), (3, 2), (2,), (2,),
    ),
    "batch of one channel": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (3, 1, 2, 2), (1,), (1,)),
    "batch of points": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (4, 2), (2,), (2,)),
    "instance": (lambda x, w, b: F.instance_norm(x, weight=w, bias=b), (2, 2, 4), (2,), (2,)),
    "layer": (lambda x, w, b: F.layer_norm(x, (2, 3), w, b), (2, 2, 3), (2, 3), (2, 3)),
    "layer, not mapped": (lambda x: F.layer_norm(x, (3,)), (2, 3)),
    "layer with a length of 1": (lambda x, w, b: F.layer_norm(x, (3, 1, 2), w, b), (2, 3, 1, 2), (3, 1, 2), (3, 1, 2)),
    "layer of nothing more": (lambda x, w, b: F.layer_norm(x, (2, 3), w, b), (2, 3), (2, 3), (2, 3)),
    "group": (lambda x, w, b: F.group_norm(x, 2, w, b), (2, 4, 3), (4,), (4,)),
    "group of one channel": (lambda x, w, b: F.group_norm(x, 3, w, b), (2, 3, 2, 2), (3,), (3,)),
    "group of points": (lambda x, w, b: F.group_norm(x, 2, w, b), (3, 4), (4,), (4,)),
    "rms": (lambda x, w: F.rms_norm(x, (4,), w), (3, 4), (4,)),
    "local response": (lambda x: F.local_response_norm(x, 3, alpha=0.5), (2, 4, 2)),
    "cosine": (F.cosine_similarity, (2, 3), (2, 3)),
    "pdist": (F.pdist, (3, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_derivatives_equal_central_differences(name):
    function, *shapes = FUNCTIONS[name]
    inputs = tuple(leaf(*s) for s in shapes)
    assert gradcheck(function, inputs) and gradgradcheck(function, inputs)


def test_a_copy_of_a_trained_layer_goes_on_alike():
    layer = mg.nn.BatchNorm2d(3)
    x = mg.tensor(RNG.normal(size=(2, 3, 4, 4)), dtype=mg.float32)
    layer(x)
    other = copy.deepcopy(layer)
    assert layer(x).tolist() == other(x).tolist()
    assert layer.running_var.tolist() == other.running_var.tolist() != [1, 1, 1]


# --- PyTorch's numbers -----------------------------------------------------------------------------------------------

LAYERS = [
    "BatchNorm1d(6)", "BatchNorm1d(6, 0.1, 0.3)", "BatchNorm1d(6, affine=False)", "BatchNorm1d(6, bias=False)",
    "BatchNorm1d(6, momentum=None)", "BatchNorm1d(6, track_running_stats=False)", "InstanceNorm1d(6)",
    "InstanceNorm1d(6, affine=True, track_running_stats=True)", "LayerNorm(5)", "LayerNorm([6, 5], 0.1)",
    "LayerNorm(5, elementwise_affine=False)", "LayerNorm(5, bias=False)", "RMSNorm(5)", "RMSNorm((6, 5), 0.1, False)",
    "GroupNorm(3, 6)", "GroupNorm(2, 6, affine=False)", "GroupNorm(2, 6, bias=False)", "LocalResponseNorm(4, 0.3)",
]  # fmt: skip


@pytest.mark.parametrize("text", LAYERS)
def test_three_steps_of_training_and_eval_are_pytorchs(text):
    torch = pytest.importorskip("torch")
    seen = []
    for t in (mg, torch):
        layer = eval(f"t.nn.{text}").double()
        found = [repr(layer)]
        for i in range(4):
            layer.train(i < 3)
            x = t.tensor((X * (i + 1) - i).tolist(), dtype=t.float64, requires_grad=True)
            layer.zero_grad()
            y = layer(x)
            (y * y * x).sum().backward()
            found += [y.tolist(), x.grad.tolist(), [p.grad.tolist() for p in layer.parameters()]]
        found.append([(name, np.asarray(v.tolist()), str(v.dtype)) for name, v in layer.state_dict().items()])
        seen.append(found)
    ours, theirs = seen
    assert ours[0] == theirs[0]
    for a, b in zip(ours[1:-1], theirs[1:-1], strict=True):
        for u, v in zip(a, b, strict=True):
            np.testing.assert_allclose(u, v, rtol=1e-9, atol=1e-9)
    for (n, u, d), (m, v, e) in zip(ours[-1], theirs[-1], strict=True):
        assert (n, d) == (m, e)
        np.testing.assert_allclose(u, v, rtol=1e-9)


def test_half_precision_computes_as_pytorch_does():
    torch = pytest.importorskip("torch")
    values = RNG.normal(100, 3, size=(3, 4, 5))
    for call in ("layer_norm(x, (5,), t.ones(5), t.ones(5))", "batch_norm(x, t.zeros(4), t.ones(4), training=True)"):
        ours, theirs = (
            eval(f"t.nn.functional.{call}", {"t": t, "x": t.tensor(values.tolist()).half()}) for t in (mg, torch)
        )
        assert str(ours.dtype) == str(theirs.dtype)
        np.testing.assert_allclose(ours.tolist(), theirs.tolist(), atol=4e-3)


def test_a_large_mean_costs_only_the_precision_of_the_input(T):
    x = T.tensor((X + 1000).tolist())
    y, exact = T.nn.LayerNorm(5)(x), T.nn.LayerNorm(5).double()(x.double())
    np.testing.assert_allclose(y.tolist(), exact.tolist(), atol=3e-4)
