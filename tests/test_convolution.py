"""Convolutions: against the sum that defines them, against their laws, and against PyTorch."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import micrograd_cn as mt
from micrograd_cn import nn
from micrograd_cn.autograd import gradcheck, gradgradcheck
from micrograd_cn.nn import functional as F
from micrograd_cn.ops import convolution
from tests.conftest import raises

CONV = (F.conv1d, F.conv2d, F.conv3d)
TRANSPOSED = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


def by_definition(x, w, stride, padding, dilation, groups):
    """The sum of products as it is written, number by number."""
    n = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    span = [d * (k - 1) + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    size = [(x.shape[2 + i] - span[i]) // stride[i] + 1 for i in range(n)]
    out = np.zeros((len(x), len(w), *size))
    for o, at in itertools.product(range(len(w)), np.ndindex(*size)):
        first = o // (len(w) // groups) * w.shape[1]
        for k in np.ndindex(*w.shape[2:]):
            place = tuple(a * s + b * d for a, b, s, d in zip(at, k, stride, dilation, strict=True))
            out[(slice(None), o, *at)] += (
                x[(slice(None), slice(first, first + w.shape[1]), *place)] @ w[(o, slice(None), *k)]
            )
    return out


@st.composite
def cases(draw):
    """Shapes and settings of a convolution whose results are not empty."""
    n = draw(st.integers(1, 3))
    each = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(n))  # noqa: E731
    kernel, stride, padding, dilation, more = each(1, 3), each(1, 3), each(0, 2), each(1, 2), each(0, 3)
    groups, c, o = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    lengths = [max(1, d * (k - 1) + 1 - 2 * p) + m for k, p, d, m in zip(kernel, padding, dilation, more, strict=True)]
    x, w = (draw(st.integers(1, 3)), c * groups, *lengths), (o * groups, c, *kernel)
    return x, w, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(case=cases(), tile=st.sampled_from([1, 300, 1 << 20]), seed=st.integers(0, 99))
def test_it_is_the_sum_that_defines_it_and_its_transpose(case, tile, seed):
    """For any tiles: <conv(x), y> = <x, conv_transpose(y)>, and both agree with the gradients."""
    x_shape, w_shape, how = case
    rng = np.random.default_rng(seed)
    x, w = (mt.tensor(rng.standard_normal(s)) for s in (x_shape, w_shape))
    n = len(x_shape) - 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "_TILE", tile)
        y = CONV[n - 1](x.requires_grad_(), w, **how)
        np.testing.assert_allclose(y.detach(), by_definition(x.detach().numpy(), w.numpy(), **how), atol=1e-12)
        g = mt.tensor(rng.standard_normal(y.shape))
        y.backward(g)
        spare = [
            m - ((i - 1) * s - 2 * p + d * (k - 1) + 1)
            for m, i, s, p, d, k in zip(
                x_shape[2:], y.shape[2:], how["stride"], how["padding"], how["dilation"], w_shape[2:], strict=True
            )
        ]
        if all(0 <= i < max(s, d) for i, s, d in zip(spare, how["stride"], how["dilation"], strict=True)):
            back = TRANSPOSED[n - 1](g, w, output_padding=tuple(spare), **how)
            np.testing.assert_allclose(back, x.grad, atol=1e-12)
            assert (y * g).sum().item() == pytest.approx((x * back).sum().item(), abs=1e-9)


@pytest.mark.parametrize("tile", [1, 1 << 20])
@pytest.mark.parametrize("function", [*CONV, *TRANSPOSED], ids=lambda f: f.__name__)
def test_all_derivatives_of_both_orders(function, tile, monkeypatch):
    monkeypatch.setattr(convolution, "_TILE", tile)
    n = 1 + [*CONV, *TRANSPOSED].index(function) % 3
    rng = np.random.default_rng(n)
    shapes = (2, 2, *(4, 3, 3)[:n]), (2, 1, *(2, 2, 1)[:n]), (2,)
    inputs = [mt.tensor(rng.standard_normal(s), requires_grad=True) for s in shapes]

    def call(x, w, b):
        return function(x, w, b, stride=2, padding=1, groups=2)

    assert gradcheck(call, inputs)
    assert gradgradcheck(call, inputs)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(case=cases(), room=st.integers(1, 4), spare=st.floats(0, 0.99))
def test_bands_of_lines_fill_the_cache_and_read_only_what_windows_see(case, room, spare):
    x, w, how = case
    y = CONV[len(x) - 3](mt.zeros(x), mt.zeros(w), **how).shape
    (s, *_), (p, *_), (d, *_), _ = geometry = convolution.Geometry(**how)
    line = 8 * x[1] * np.prod(w[2:]) * np.prod(y[3:])  # bytes of the columns
    done = np.zeros((y[0], y[2]), int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "_TILE", tile := int((room + spare) * line))
        for memory, (some, _, seen), (_, _, made) in convolution._tiles(x, w, y, geometry, np.float64):
            done[some, made] += 1
            lines = made.stop - made.start
            assert lines * line <= tile and (made.stop == y[2] or (lines + 1) * line > tile)
            first, last = np.clip((made.start * s - p, (made.stop - 1) * s + (w[2] - 1) * d - p + 1), 0, x[2])
            assert seen == slice(first, max(first, last)) and memory.images.shape[2] == seen.stop - seen.start
    assert (done == 1).all()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(case=cases(), ones=st.booleans(), room=st.floats(0.5, 4))
def test_a_tile_has_no_more_than_what_windows_see_and_fits_in_the_cache(case, ones, room):
    """In one long run, if windows move by one, there are useless ones: no more than half as many as useful ones."""
    x, w, how = case
    how["stride"] = (1,) * (len(x) - 2) if ones else how["stride"]
    y = CONV[len(x) - 3](mt.zeros(x), mt.zeros(w), **how).shape
    reach = np.subtract(y[2:], 1) * how["stride"] + np.subtract(w[2:], 1) * how["dilation"] + 1
    padded = np.maximum(reach, np.add(x[2:], how["padding"]))
    useful, run = np.prod(y[2:]), np.ravel_multi_index(np.subtract(y[2:], 1), padded) + 1
    flat = max(how["stride"]) == 1 and 2 * (run - useful) <= useful
    image = 8 * x[1] * np.prod(w[2:]) * (np.prod(padded) if flat else useful)  # bytes of the columns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution, "_TILE", tile := int(room * image))
        memory = convolution._Tile(x, w, y, convolution.Geometry(**how), np.float64)
    assert memory._padded.shape[2:] == tuple(padded)
    assert memory.columns.shape[-1] == (run if flat else useful)
    assert memory._room[0].size == (np.prod(padded) - run if flat else 0)
    assert memory.count == min(x[0], max(1, tile // image))


def test_the_work_of_all_three_parts_is_the_number_of_products(monkeypatch):
    told, shared = [], convolution.shared
    monkeypatch.setattr(convolution, "shared", lambda *args: told.append(args[1:]) or shared(*args))
    x, w = mt.randn(3, 4, 5, 6, requires_grad=True), mt.randn(6, 2, 2, 3, requires_grad=True)
    y = F.conv2d(x, w, stride=2, groups=2)
    y.sum().backward()
    assert told == [(3, y.numel() * 2 * 2 * 3)] * 3


def test_known_numbers():
    """An identity kernel copies, a difference kernel differentiates, a kernel of ones adds up."""
    x = mt.arange(16.0).reshape(1, 1, 4, 4)
    identity = mt.zeros(1, 1, 3, 3)
    identity[0, 0, 1, 1] = 1
    assert F.conv2d(x, identity, padding="same").equal(x)
    assert F.conv2d(x, mt.tensor([[[[1.0, -1.0]]]])).tolist() == [[[[-1.0] * 3] * 4]]
    assert F.conv2d(x, mt.ones(1, 1, 4, 4), mt.tensor([0.5])).tolist() == [[[[120.5]]]]
    assert F.conv_transpose1d(mt.tensor([[[1.0, 2.0]]]), mt.tensor([[[1.0, 10.0]]]), stride=2).tolist() == [
        [[1.0, 10.0, 2.0, 20.0]]
    ]


def test_of_no_channels_the_sum_is_zero():
    y = F.conv2d(mt.zeros(2, 0, 4, 5), mt.zeros(2, 0, 3, 3), bias := mt.tensor([1.0, 2.0]))
    assert y.equal(bias[:, None, None].expand(2, 2, 2, 3))


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [2, (1, 2), "same", "valid"])
def test_a_layer_pads_before_it_convolves(padding_mode, padding):
    layer = nn.Conv2d(2, 3, (3, 4), padding=padding, padding_mode=padding_mode).double()
    x = mt.randn(2, 2, 6, 7, dtype=mt.float64)
    ends = {"same": ((1, 1), (1, 2)), "valid": ((0, 0), (0, 0)), 2: ((2, 2), (2, 2))}.get(padding, ((1, 1), (2, 2)))
    mode = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(padding_mode, padding_mode)
    padded = mt.tensor(np.pad(x.numpy(), [(0, 0), (0, 0), *ends], mode=mode))
    np.testing.assert_allclose(layer(x).detach(), F.conv2d(padded, layer.weight, layer.bias).detach(), atol=1e-12)


def test_without_a_batch_it_is_the_batch_of_one():
    x, layer = mt.randn(2, 5, 6), nn.ConvTranspose2d(2, 4, 3, stride=2)
    for module in (layer, nn.Conv2d(2, 4, 3)):
        assert module(x).equal(module(x.unsqueeze(0))[0])
    assert layer(x, output_size=(12, 14)).shape == (4, 12, 14)


def test_no_gradient_is_computed_for_an_input_that_needs_none(monkeypatch):
    x, w = mt.randn(2, 1, 5, 5), mt.randn(1, 1, 3, 3, requires_grad=True)
    y = F.conv2d(x, w)
    monkeypatch.setattr(convolution._Tile, "scatter", lambda self: pytest.fail("the gradient of x was computed"))
    y.sum().backward()
    assert w.grad.shape == w.shape


def test_the_graph_keeps_no_columns():
    x, w = mt.randn(2, 3, 8, 8, requires_grad=True), mt.randn(4, 3, 3, 3, requires_grad=True)
    kept = F.conv2d(x, w).grad_fn.saved
    assert sum(a.size for a in kept if isinstance(a, np.ndarray)) == x.numel() + w.numel()


BAD = [
    (lambda T, F: F.conv2d(T.ones(1, 2, 4, 4), T.ones(1, 3, 2, 2)), RuntimeError, "to have 3 channels"),
    (lambda T, F: F.conv2d(T.ones(4, 4), T.ones(1, 1, 2, 2)), RuntimeError, "Expected 3D"),
    (lambda T, F: F.conv2d(T.ones(1, 1, 2, 2), T.ones(1, 1, 3, 3)), RuntimeError, "can't be greater"),
    (lambda T, F: F.conv2d(T.ones(1, 1, 2, 2), T.ones(1, 1, 1, 1), T.ones(2)), RuntimeError, "bias"),
    (lambda T, F: F.conv2d(T.ones(1, 1, 2, 2), T.ones(1, 1, 1, 1), stride=0), RuntimeError, "non-positive stride"),
    (lambda T, F: F.conv2d(T.ones(1, 1, 2, 2), T.ones(1, 1, 1, 1), padding=-1), RuntimeError, "negative padding"),
    (lambda T, F: F.conv2d(T.ones(1, 1, 2, 2), T.ones(1, 1, 1, 1), padding="no"), RuntimeError, "padding string"),
    (lambda T, F: F.conv2d(T.ones(1, 1, 2, 2), T.ones(1, 1, 1, 1), padding="same", stride=2), RuntimeError, "strided"),
    (lambda T, F: F.conv2d(T.ones(1, 1, 2, 2), T.ones(1, 1, 1, 1), stride=1.5), TypeError, ""),
    (lambda T, F: F.conv2d(T.ones(1, 1, 2, 2), T.ones(1, 1, 1, 1, dtype=T.float64)), RuntimeError, ""),
    (lambda T, F: F.conv1d(T.ones(1, 2, 2), T.ones(3, 1, 1), groups=2), RuntimeError, "divi"),
    (
        lambda T, F: F.conv_transpose1d(T.ones(1, 1, 2), T.ones(1, 1, 1), output_padding=1),
        RuntimeError,
        "output padding",
    ),
    (lambda T, F: F.conv_transpose1d(T.ones(1, 1, 2), T.ones(1, 1, 1), padding="same"), TypeError, ""),
]
BAD_LAYERS = [
    (lambda nn: nn.Conv1d(3, 4, 1, groups=2), "in_channels must be divisible by groups"),
    (lambda nn: nn.Conv1d(4, 3, 1, groups=2), "out_channels must be divisible by groups"),
    (lambda nn: nn.Conv1d(4, 3, 1, groups=0), "groups must be a positive integer"),
    (lambda nn: nn.Conv1d(4, 3, 1, padding="no"), "Invalid padding string"),
    (lambda nn: nn.Conv1d(4, 3, 1, 2, padding="same"), "not supported for strided"),
    (lambda nn: nn.Conv1d(4, 3, 1, padding_mode="no"), "padding_mode must be one of"),
    (lambda nn: nn.ConvTranspose1d(4, 3, 1, padding_mode="reflect"), "padding mode is supported"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD)
def test_what_does_not_fit_is_refused(T, call, kind, message):
    with raises(message, kind):
        call(T, T.nn.functional)


@pytest.mark.parametrize(("make", "message"), BAD_LAYERS)
def test_layers_that_cannot_be_are_refused(T, make, message):
    with raises(message, ValueError):
        make(T.nn)


def test_an_output_size_out_of_reach_is_refused(T):
    layer, x = T.nn.ConvTranspose2d(1, 1, 3, stride=2), T.ones(1, 1, 4, 4)
    assert tuple(layer(x, output_size=[9, 10]).shape) == tuple(layer(x, output_size=[1, 1, 9, 10]).shape)
    for size in ([8, 9], [9, 11], [9]):
        with raises("output.size", ValueError):
            layer(x, output_size=size)


LAYERS = [
    lambda nn: nn.Conv1d(4, 6, 3, 2, 1, 2, 2, False, "reflect"),
    lambda nn: nn.Conv2d(4, 6, (2, 3), padding="same"),
    lambda nn: nn.Conv3d(1, 2, 3, padding=(0, 1, 1)),
    lambda nn: nn.ConvTranspose1d(4, 6, 3, 2, 1, 1, 2),
    lambda nn: nn.ConvTranspose2d(4, 6, 3, output_padding=(0, 1), stride=2, dilation=2, bias=False),
    lambda nn: nn.ConvTranspose3d(2, 1, 2),
    lambda nn: nn.LazyConv2d(3, 2, padding=1),
    lambda nn: nn.LazyConvTranspose1d(3, 2, stride=2, output_padding=1),
    lambda nn: nn.LazyLinear(3),
]


@pytest.mark.parametrize("make", LAYERS)
def test_same_seed_same_layer_as_pytorch(make):
    torch = pytest.importorskip("torch")
    both = []
    for library in (mt, torch):
        library.manual_seed(3)
        both.append(make(library.nn))
    ours, theirs = both
    assert repr(ours) == repr(theirs)
    name = type(ours).__name__
    lengths = (5, 6, 7)[: int(name[-2])] if name.endswith("d") else ()
    channels = getattr(theirs, "in_channels", 0) or 4
    x = np.random.default_rng(0).standard_normal((2, channels, *lengths)).astype(np.float32)
    mine, reference = ours(mt.tensor(x)), theirs(torch.tensor(x))
    assert repr(ours) == repr(theirs)
    assert type(ours).__name__ == type(theirs).__name__
    for (a, p), (b, q) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert a == b
        assert np.array_equal(p.numpy(), q.numpy())
    np.testing.assert_allclose(mine.detach().numpy(), reference.detach().numpy(), rtol=1e-5, atol=1e-5)


def test_a_lazy_layer_waits_for_its_first_input(T):
    net = T.nn.Sequential(T.nn.LazyConv2d(4, 3), T.nn.Flatten(), T.nn.LazyLinear(2))
    assert repr(net[0].weight) == "<UninitializedParameter>"
    with raises("uninitialized", ValueError):
        net[0].weight + 1
    with raises("shape of an uninitialized"):
        tuple(net[0].weight.shape)
    twin, other = copy.deepcopy(net), copy.deepcopy(net)
    twin.load_state_dict(net.state_dict())
    net.double()
    net(T.ones(2, 3, 5, 5, dtype=T.float64)).sum().backward()
    assert [type(m) for m in net] == [T.nn.Conv2d, T.nn.Flatten, T.nn.Linear]
    assert tuple(net[0].weight.grad.shape) == (4, 3, 3, 3)
    assert net[2].weight.dtype is T.float64
    other.load_state_dict(net.state_dict())
    assert tuple(other[2].weight.shape) == (2, 36)
    with raises("shape of an uninitialized"):
        net.load_state_dict(twin.state_dict())
    with raises("input", RuntimeError):
        twin(T.ones(5, 5))
