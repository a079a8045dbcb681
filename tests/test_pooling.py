"""Pooling: windows by hand, PyTorch's results, its choice among equals, and what does not fit."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import micrograd_cn as mt
from micrograd_cn import nn
from micrograd_cn.nn import functional as F
from micrograd_cn.ops.pooling import Links, Window, _facts, linked, maxima, window_max, window_places
from tests.conftest import raises

RNG = np.random.default_rng(0)
DIMENSIONS = pytest.mark.parametrize("n", [1, 2, 3])


def function(name, n):
    return getattr(F, f"{name}{n}d")


def by_hand(x, kernel, stride, padding, dilation, combine):
    """Pool the last dimension by its definition: ``combine`` of the elements that lie within the input."""
    n = x.shape[-1]
    starts = range(-padding, n + padding - dilation * (kernel - 1), stride)
    places = [[i for i in range(a, a + dilation * kernel, dilation) if 0 <= i < n] for a in starts]
    return np.stack([combine(x[..., p], axis=-1) for p in places], -1)


@given(
    length=st.integers(5, 12), kernel=st.integers(1, 4), stride=st.integers(1, 4), dilation=st.integers(1, 2),
    data=st.data(),
)  # fmt: skip
@settings(max_examples=60, deadline=None, derandomize=True)
def test_windows_are_what_their_definition_says(length, kernel, stride, dilation, data):
    padding = data.draw(st.integers(0, kernel // 2))
    if length + 2 * padding < dilation * (kernel - 1) + 1:
        return
    x = RNG.standard_normal((2, 3, length))
    largest = F.max_pool1d(mt.tensor(x), kernel, stride, padding, dilation)
    assert np.array_equal(largest.numpy(), by_hand(x, kernel, stride, padding, dilation, np.max))
    sums = F.avg_pool1d(mt.tensor(x), kernel, stride, padding) * kernel
    assert np.allclose(sums.numpy(), by_hand(x, kernel, stride, padding, 1, np.sum))
    averages = F.avg_pool1d(mt.tensor(x), kernel, stride, padding, count_include_pad=False)
    assert np.allclose(averages.numpy(), by_hand(x, kernel, stride, padding, 1, np.mean))


@DIMENSIONS
def test_a_pool_of_many_dimensions_is_one_of_each_in_turn(n):
    x = mt.tensor(RNG.standard_normal((2, 3, *(5, 6, 4)[:n])))
    for name, arguments in (("max_pool", (2, 1, 1)), ("avg_pool", (3, 2)), ("adaptive_avg_pool", (3,))):
        y = x
        for dim in range(2, n + 2):
            moved = y.movedim(dim, -1)
            pooled = function(name, 1)(moved.reshape(1, -1, moved.shape[-1]), *arguments)
            y = pooled.reshape(*moved.shape[:-1], -1).movedim(-1, dim)
        assert np.allclose(function(name, n)(x, *arguments).numpy(), y.numpy())


@DIMENSIONS
def test_the_positions_are_those_of_the_maxima_and_unpooling_puts_them_back(n):
    x = mt.tensor(RNG.standard_normal((2, 3, *(4, 6, 8)[:n])), requires_grad=True)
    y, where = function("max_pool", n)(x, 2, return_indices=True)
    assert where.dtype is mt.int64
    assert np.array_equal(
        np.take_along_axis(x.flatten(2).detach().numpy(), where.flatten(2).numpy(), 2), y.flatten(2).detach().numpy()
    )
    assert np.array_equal(y.detach().numpy(), function("max_pool", n)(x, 2).detach().numpy())
    back = function("max_unpool", n)(y, where, 2)
    assert back.shape == x.shape
    kept = back.detach().numpy() != 0
    assert kept.sum() == y.numel() and np.array_equal(back.detach().numpy()[kept], x.detach().numpy()[kept])
    back.sum().backward()
    assert np.array_equal(x.grad.numpy(), kept)


def test_of_equal_elements_the_first_gets_the_gradient(T):
    x = T.ones(1, 1, 4, 4, requires_grad=True)
    T.nn.functional.max_pool2d(x, 2).sum().backward()
    assert x.grad[0, 0].tolist() == [[1.0, 0.0, 1.0, 0.0], [0.0] * 4] * 2
    x = T.ones(1, 1, 5, requires_grad=True)
    T.nn.functional.max_pool1d(x, 3, 1).sum().backward()
    assert x.grad.tolist() == [[[1.0, 1.0, 1.0, 0.0, 0.0]]]


def test_nan_wins_and_the_last_one_gets_the_gradient(T):
    nan = float("nan")
    x = T.tensor([[[nan, 1.0, nan, 2.0, 5.0, 7.0, 3.0, 3.0]]], requires_grad=True)
    y, where = T.nn.functional.max_pool1d(x, 4, return_indices=True)
    assert math.isnan(y[0, 0, 0].item()) and y[0, 0, 1].item() == 7 and where.tolist() == [[[2, 5]]]
    T.nn.functional.max_pool1d(x, 4).sum().backward()
    assert x.grad.tolist() == [[[0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]]]


def test_padding_is_never_the_largest_nor_has_a_gradient(T):
    x = T.full((1, 1, 4), -float("inf"), requires_grad=True)
    _, where = T.nn.functional.max_pool1d(x, 2, 2, 1, return_indices=True)
    assert where.tolist() == [[[0, 1, 3]]]
    T.nn.functional.max_pool1d(x, 2, 2, 1).sum().backward()
    assert x.grad.tolist() == [[[1.0, 1.0, 0.0, 1.0]]]


def test_an_infinite_gradient_stays_where_it_belongs(T):
    x = T.tensor([[[1.0, 2.0, 4.0, 3.0]]], requires_grad=True)
    T.nn.functional.max_pool1d(x, 2).backward(T.tensor([[[float("inf"), 1.0]]]))
    assert x.grad.tolist() == [[[0.0, float("inf"), 1.0, 0.0]]]


def test_results_keep_the_order_in_memory():
    x = mt.tensor(RNG.standard_normal((2, 4, 6, 8))).permute(0, 3, 1, 2).requires_grad_()  # channels last
    for pool in (F.max_pool2d, F.avg_pool2d):
        y = pool(x, 2)
        assert y.stride() == (48, 1, 24, 8)
        (gradient,) = mt.autograd.grad(y, x, mt.ones_like(y))
        same = x.detach().contiguous().requires_grad_()
        (wanted,) = mt.autograd.grad(pool(same, 2), same, mt.ones(2, 8, 2, 3, dtype=mt.float64))
        assert np.array_equal(gradient.numpy(), wanted.numpy())


@DIMENSIONS
def test_adaptive_parts_cover_the_input_and_overlap_by_less_than_an_element(n):
    lengths, out = (7, 5, 6)[:n], (3, 5, 4)[:n]
    x = RNG.standard_normal((2, *lengths))
    averages = function("adaptive_avg_pool", n)(mt.tensor(x), out).numpy()
    maxima, where = function("adaptive_max_pool", n)(mt.tensor(x), out, return_indices=True)
    for place in itertools.product(*map(range, out)):
        part = tuple(
            slice(math.floor(i * m / o), math.ceil((i + 1) * m / o))
            for i, m, o in zip(place, lengths, out, strict=True)
        )
        axes = tuple(range(1, n + 1))
        assert np.allclose(averages[:, *place], x[:, *part].mean(axes))
        assert np.array_equal(maxima.numpy()[:, *place], x[:, *part].max(axes))
    assert np.array_equal(
        np.take_along_axis(x.reshape(2, -1), where.numpy().reshape(2, -1), 1), maxima.numpy().reshape(2, -1)
    )


def test_a_global_pool_is_a_mean():
    x = mt.tensor(RNG.standard_normal((2, 3, 9, 8)), requires_grad=True)
    y = nn.AdaptiveAvgPool2d(1)(x)
    assert np.allclose(y.detach().numpy()[..., 0, 0], x.detach().numpy().mean((2, 3)))
    y.sum().backward()
    assert np.allclose(x.grad.numpy(), 1 / 72)


def test_powers_between_average_and_maximum():
    x = mt.tensor(RNG.uniform(0.1, 1, (2, 3, 8)))
    assert np.allclose(F.lp_pool1d(x, 1, 2).numpy(), 2 * F.avg_pool1d(x, 2).numpy())
    assert np.allclose(F.lp_pool1d(x, 200.0, 2).numpy(), F.max_pool1d(x, 2).numpy(), rtol=0.01)
    assert np.array_equal(F.lp_pool1d(-x, float("inf"), 2).numpy(), F.max_pool1d(x, 2).numpy())


def test_the_product_with_links_is_that_with_their_matrix():
    rows, columns, weights = np.array([3, 0, 3, 3, 1]), np.array([1, 4, 1, 0, 2]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    matrix = np.zeros((6, 5))
    np.add.at(matrix, (rows, columns), weights)
    links, x, y = Links(rows, columns, (6, 5), weights), RNG.standard_normal((2, 5, 3)), RNG.standard_normal((6, 2))
    assert np.allclose(linked(x, links, 1), matrix @ x)
    assert np.allclose(linked(y, links.T, 0), matrix.T @ y)
    assert np.isinf(linked(np.full(5, np.inf), links, 0)).sum() == 3  # no 0 * inf where there is no entry
    none = np.zeros(0, np.int64)
    assert np.array_equal(linked(np.ones((2, 0, 3, 4)), Links(none, none, (6, 0)), 1), np.zeros((2, 6, 3, 4)))
    assert np.array_equal(linked(np.ones((2, 5)), Links(none, none, (6, 5)), 1), np.zeros((2, 6)))


@st.composite
def windows(draw):
    """How windows of one or two dimensions move, with the places that they look at along each."""
    dims = []
    for _ in range(draw(st.integers(1, 2))):
        kernel, stride, dilation = (draw(st.integers(1, high)) for high in (5, 6, 2))
        padding, span = draw(st.integers(0, kernel // 2)), dilation * (kernel - 1) + 1
        n = max(1, span - 2 * padding) + draw(st.integers(0, 5))
        dims.append((kernel, stride, padding, dilation, n, (n + 2 * padding - span) // stride + 1))
    return Window(*zip(*dims, strict=True)), [
        np.arange(out)[:, None] * s + np.arange(k) * d - p for k, s, p, d, _, out in dims
    ]


@given(window=windows(), seed=st.integers(0, 9))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_what_is_known_of_windows_is_what_their_places_say(window, seed):
    w, places = window
    inside = [(at >= 0) & (at < n) for at, n in zip(places, w.sizes, strict=True)]
    seen = [np.bincount(at[ok], minlength=n) for at, ok, n in zip(places, inside, w.sizes, strict=True)]
    first, apart, covered = _facts(w)
    always = np.all(list(itertools.product(*(ok.all(0) for ok in inside))), -1)
    assert first == (always.argmax() if always.any() else None)
    spans = [d * (k - 1) + 1 for k, d in zip(w.kernel, w.dilation, strict=True)]
    assert apart == all(s >= span for s, span in zip(w.stride, spans, strict=True))
    assert not apart or max(map(max, seen)) <= 1
    assert covered == (apart and min(map(min, seen)) == 1)
    x = np.random.default_rng(seed).integers(0, 5, (2, 3, *w.sizes)).astype(float)
    x[x > 3] = np.nan
    y, kept = window_max(x, w), maxima(x, window_places(w))
    padded = np.pad(x, [(0, 0), (0, 0), *((s, s) for s in spans)], constant_values=-np.inf)
    for at in np.ndindex(*w.out):
        part = padded[:, :, *np.ix_(*(p[i] + s for p, i, s in zip(places, at, spans, strict=True)))].reshape(2, 3, -1)
        assert np.array_equal(y[:, :, *at], part.max(-1), equal_nan=True)
        here = np.take_along_axis(x.reshape(2, 3, -1), kept[:, :, *at][..., None], -1)[..., 0]
        assert np.array_equal(here, part.max(-1), equal_nan=True) or np.isneginf(part).all()


# What is done, the exception PyTorch raises, and what the message must name.
BAD = {
    "no kernel": (lambda f, x: f.max_pool2d(x, 0), RuntimeError, "kernel|stride"),
    "no stride": (lambda f, x: f.avg_pool2d(x, 2, 0), RuntimeError, "stride"),
    "too much padding": (lambda f, x: f.max_pool2d(x, 2, padding=2), RuntimeError, "pad.*2"),
    "too large a kernel": (lambda f, x: f.max_pool2d(x, 9), RuntimeError, "4|small"),
    "three numbers for two": (lambda f, x: f.max_pool2d(x, (2, 2, 2)), RuntimeError, "kernel_size"),
    "a matrix": (lambda f, x: f.max_pool2d(x[0, 0], 2), RuntimeError, "[34]D"),
    "nothing but the batch": (lambda f, x: f.avg_pool2d(x[:, :0], 2), RuntimeError, "0"),
    "divisor 0": (lambda f, x: f.avg_pool2d(x, 2, divisor_override=0), RuntimeError, "divisor"),
    "negative size": (lambda f, x: f.adaptive_avg_pool2d(x, -1), RuntimeError, "-1"),
    "whole numbers": (lambda f, x: f.adaptive_avg_pool2d(x.long(), 2), NotImplementedError, "adaptive_avg_pool2d"),
    "too few dimensions": (lambda f, x: f.adaptive_max_pool2d(x[0, 0], (2, 2)), ValueError, "3"),
    "neither size nor ratio": (lambda f, x: f.fractional_max_pool2d(x, 2), ValueError, "output_ratio"),
    "too many windows": (lambda f, x: f.fractional_max_pool2d(x, 3, 3), RuntimeError, "3|large"),
    "unpooled too far": (lambda f, x: f.max_unpool2d(x, x.long(), 2, output_size=(12, 8)), ValueError, "12"),
    "unpooled to three": (lambda f, x: f.max_unpool2d(x, x.long(), 2, output_size=(8, 8, 8)), ValueError, "2|4"),
    "other positions": (lambda f, x: f.max_unpool2d(x, x[0].long(), 2), RuntimeError, "4"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused(T, case):
    call, kind, match = BAD[case]
    with raises(match, kind):
        call(T.nn.functional, T.ones(2, 3, 4, 4))


def test_layers_refuse_other_arguments(T):
    for make in (lambda m: m.MaxPool2d(), lambda m: m.MaxPool2d(2, size=3), lambda m: m.AdaptiveAvgPool1d(1, 2, 3)):
        with pytest.raises(TypeError):
            make(T.nn)
    for named in ({}, {"output_size": 2, "output_ratio": 0.5}, {"output_ratio": 1.5}):
        with pytest.raises(ValueError):
            T.nn.FractionalMaxPool2d(2, **named)


LAYERS = {
    "MaxPool2d(2)": (2, 3, 6, 7),
    "MaxPool1d(3, stride=2, padding=1, dilation=2, ceil_mode=True)": (2, 3, 9),
    "MaxPool3d((1, 2, 2), (2, 1, 2), return_indices=True)": (2, 4, 5, 6),
    "AvgPool1d(2)": (2, 3, 6),
    "AvgPool2d((3, 2), stride=(2, 1), padding=1, count_include_pad=False, ceil_mode=True)": (2, 3, 6, 7),
    "AvgPool3d(2, divisor_override=3)": (2, 4, 5, 6),
    "LPPool2d(2, 3, 2, True)": (2, 3, 6, 8),
    "AdaptiveAvgPool2d((None, 3))": (2, 3, 6, 7),
    "AdaptiveMaxPool1d(4, True)": (2, 3, 7),
    "AdaptiveMaxPool2d(1)": (2, 3, 9, 8),
    "FractionalMaxPool2d(2, output_ratio=0.7)": (2, 3, 8, 7),
    "FractionalMaxPool3d((1, 2, 3), output_size=(3, 2, 2), return_indices=True)": (2, 3, 4, 5, 6),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", LAYERS)
def test_layers_agree_with_pytorch(text, dtype):
    torch = pytest.importorskip("torch")
    x, found = RNG.standard_normal(LAYERS[text]).astype(dtype), []
    for library in (torch, mt):
        library.manual_seed(3)
        layer = eval(f"nn.{text}", {"nn": library.nn})
        data = library.tensor(x, requires_grad=True)
        out = layer(data)
        first, *rest = out if isinstance(out, tuple) else (out,)
        (first**2).sum().backward()
        found.append((repr(layer), [t.detach().numpy() for t in (first, data.grad, *rest)]))
    (name, theirs), (my_name, mine) = found
    assert name == my_name
    for a, b in zip(theirs, mine, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert np.allclose(a, b, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-6 if dtype == "float32" else 1e-13)


def test_unpooling_layers_agree_with_pytorch(T):
    x = T.arange(24.0).reshape(1, 1, 4, 6)
    pool, unpool = T.nn.MaxPool2d((2, 3), return_indices=True), T.nn.MaxUnpool2d((2, 3))
    assert repr(unpool) == "MaxUnpool2d(kernel_size=(2, 3), stride=(2, 3), padding=(0, 0))"
    y, where = pool(x)
    assert unpool(y, where).sum().item() == y.sum().item() == 8 + 11 + 20 + 23
    assert unpool(y, where, output_size=x.shape).shape == x.shape and unpool(y, where, (5, 7)).shape == (1, 1, 5, 7)


def test_layers_can_be_pickled_and_derived_from():
    import copy
    import pickle

    class Halved(nn.MaxPool2d):
        def __init__(self):
            super().__init__(2)

    assert repr(Halved()).startswith("Halved(kernel_size=2, stride=2")
    layer = pickle.loads(pickle.dumps(nn.AvgPool2d(2, padding=1)))
    assert repr(copy.deepcopy(layer)) == "AvgPool2d(kernel_size=2, stride=2, padding=1)"
