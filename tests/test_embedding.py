"""Embeddings and bags of them: what is looked up, where gradients go, and PyTorch's numbers."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_cn as mg
from micrograd_cn.autograd import gradcheck, gradgradcheck

RNG = np.random.default_rng(0)
W = RNG.normal(size=(7, 3))


def weight(T, requires_grad=True):
    return T.tensor(W.tolist(), dtype=T.float64, requires_grad=requires_grad)


# --- truths, of both libraries ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbers", [3, [1, 0, 1], [[6, 2], [2, 2]], [[]]])
def test_rows_are_looked_up_and_each_gradient_goes_back_to_its_row(T, numbers):
    w = weight(T)
    index = T.tensor(numbers, dtype=T.int64)
    y = T.nn.functional.embedding(index, w)
    assert y.tolist() == W[np.array(numbers, dtype=int)].tolist() and tuple(y.shape) == (*index.shape, 3)
    y.sum().backward()
    counts = np.bincount(np.array(numbers, dtype=int).reshape(-1), minlength=7)
    assert w.grad.tolist() == (counts[:, None] * np.ones(3)).tolist()


def test_the_row_for_padding_starts_as_zero_and_stays(T):
    layer = T.nn.Embedding(5, 2, padding_idx=-1)
    assert layer.padding_idx == 4 and layer.weight[4].tolist() == [0, 0]
    layer(T.tensor([4, 1, 4])).sum().backward()
    assert layer.weight.grad.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0], [0, 0]]


def test_gradients_can_be_divided_by_how_often_a_number_occurs(T):
    w = weight(T)
    T.nn.functional.embedding(T.tensor([1, 2, 1, 1]), w, scale_grad_by_freq=True).sum().backward()
    assert w.grad[1].tolist() == w.grad[2].tolist() == [1, 1, 1]


def test_long_rows_that_are_used_are_shortened_in_place(T):
    w = weight(T, False)
    before = np.linalg.norm(W, axis=1)
    y = T.nn.functional.embedding(T.tensor([0, 3, 0]), w, max_norm=0.5)
    after = np.linalg.norm(np.array(w.tolist()), axis=1)
    expected = [min(n, 0.5) if i in (0, 3) else n for i, n in enumerate(before)]
    np.testing.assert_allclose(after, expected, rtol=1e-6)
    assert y[0].tolist() == w[0].tolist()


def test_pretrained_rows_share_memory_and_are_frozen(T):
    w = weight(T, False)
    layer = T.nn.Embedding.from_pretrained(w)
    w[1, 1] = 5
    assert layer.weight[1, 1].item() == 5 and not layer.weight.requires_grad
    assert T.nn.EmbeddingBag.from_pretrained(w, freeze=False, mode="sum").weight.requires_grad


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_a_bag_is_the_sum_mean_or_maximum_of_its_rows_and_zero_if_empty(T, mode):
    numbers, w = [4, 1, 1, 0, 6], weight(T)
    function = T.nn.functional.embedding_bag
    y = function(T.tensor(numbers), w, T.tensor([0, 3, 3]), mode=mode)
    expected = [getattr(W[numbers[a:b]], mode)(0) if b > a else np.zeros(3) for a, b in ((0, 3), (3, 3), (3, 5))]
    np.testing.assert_allclose(y.tolist(), expected)
    same = function(T.tensor(numbers), w, T.tensor([0, 3, 3, 5]), mode=mode, include_last_offset=True)
    assert same.tolist() == y.tolist()
    table = function(T.tensor([[4, 1], [0, 6]]), w, mode=mode)
    np.testing.assert_allclose(table.tolist(), [getattr(W[[4, 1]], mode)(0), getattr(W[[0, 6]], mode)(0)])
    padded = function(T.tensor([[4, 1, 2], [0, 2, 6]]), w, mode=mode, padding_idx=2)
    np.testing.assert_allclose(padded.tolist(), table.tolist())


ERRORS = [
    ("functional.embedding(torch.tensor([7]), w)", IndexError, "out of"),
    ("functional.embedding(torch.tensor([-1]), w)", IndexError, "out of"),
    ("functional.embedding(torch.tensor([1.0]), w)", RuntimeError, "Long, Int"),
    ("functional.embedding(torch.tensor([1]), w[0])", RuntimeError, "2-D"),
    ("functional.embedding(torch.tensor([1]), w, padding_idx=7)", AssertionError, "within num_embeddings"),
    ("Embedding(3, 2, _weight=w)", AssertionError, "weight"),
    ("Embedding.from_pretrained(w[0])", AssertionError, "2-dimensional"),
    ("functional.embedding_bag(torch.tensor([1]), w)", ValueError, "offsets"),
    ("functional.embedding_bag(torch.tensor([[1]]), w, torch.tensor([0]))", ValueError, "2D"),
    ("functional.embedding_bag(torch.tensor([1]), w, torch.tensor([1]))", RuntimeError, "0"),
    ("functional.embedding_bag(torch.tensor([1]), w, torch.tensor([0, 2]))", RuntimeError, "length 1"),
    ("functional.embedding_bag(torch.tensor([[1]]), w, mode='prod')", ValueError, "sum, mean or max"),
    ("functional.embedding_bag(torch.tensor([[1]]), w, mode='max', scale_grad_by_freq=True)", ValueError, "max"),
    ("functional.embedding_bag(torch.tensor([[1]]), w, per_sample_weights=w[0])", ValueError, "per_sample_weights"),
    ("functional.embedding_bag(torch.tensor([[1]]), w, per_sample_weights=w[:1, :1])", NotImplementedError, "sum"),
]


@pytest.mark.parametrize("text, kind, words", ERRORS, ids=[text for text, _, _ in ERRORS])
def test_errors(T, text, kind, words):
    with pytest.raises(kind, match=words):
        eval(f"torch.nn.{text}", {"torch": T, "w": weight(T)})


# --- derivatives -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_both_derivatives_of_bags_equal_central_differences(mode):
    F, offsets = mg.nn.functional, mg.tensor([0, 2, 2])
    numbers = mg.tensor([5, 1, 1, 6, 0])
    scales = [mg.tensor(RNG.normal(size=5), dtype=mg.float64, requires_grad=True)] if mode == "sum" else []

    def bag(w, *scales):
        return F.embedding_bag(numbers, w, offsets, mode=mode, per_sample_weights=scales[0] if scales else None)

    inputs = (weight(mg), *scales)
    assert gradcheck(bag, inputs) and gradgradcheck(bag, inputs)


@pytest.mark.parametrize("shape, size", [((5,), (9, 4)), ((2, 3), (4, 2, 3)), ((), (3,)), ((0,), (3, 2)), ((6,), (5,))])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_putting_rows_back_adds_what_meets(shape, size, dtype):
    from micrograd_cn.ops.indexing import put

    index = RNG.integers(-size[0], size[0], shape)
    x = RNG.integers(-9, 9, (*shape, *size[1:])).astype(dtype)
    expected = np.zeros(size, dtype)
    np.add.at(expected, index, x)
    found = put(x, (index, Ellipsis), size)
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found, expected)


# --- PyTorch's numbers -----------------------------------------------------------------------------------------------

LAYERS = [
    "Embedding(7, 3)", "Embedding(7, 3, 2)", "Embedding(7, 3, max_norm=1.0)", "Embedding(7, 3, -1, 0.5, 1.0, True)",
    "EmbeddingBag(7, 3)", "EmbeddingBag(7, 3, mode='sum', padding_idx=1)", "EmbeddingBag(7, 3, 0.7, mode='max')",
    "EmbeddingBag(7, 3, mode='sum')",
]  # fmt: skip


@pytest.mark.parametrize("text", LAYERS)
def test_initial_numbers_results_gradients_and_repr_are_pytorchs(text):
    torch = pytest.importorskip("torch")
    seen = []
    for t in (mg, torch):
        t.manual_seed(3)
        layer = eval(f"t.nn.{text}")
        drawn = layer.weight.tolist()
        y = layer(t.tensor([[1, 2, 1], [0, 6, 2]]))
        (y * y).sum().backward()
        seen.append((repr(layer), drawn, y.tolist(), layer.weight.grad.tolist(), layer.weight.tolist()))
    assert seen[0][:2] == seen[1][:2]
    for a, b in zip(seen[0][2:], seen[1][2:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_dropped_channels_of_feature_alpha_dropout_are_pytorchs():
    torch = pytest.importorskip("torch")
    seen = []
    for t in (mg, torch):
        t.manual_seed(1)
        layer = t.nn.FeatureAlphaDropout(0.4)
        seen.append((repr(layer), layer(t.ones(3, 4, 2, 2)).tolist()))
    assert seen[0][0] == seen[1][0]
    np.testing.assert_allclose(seen[0][1], seen[1][1], rtol=1e-5)
