"""Images: padding, patches, pixels in channels, other sizes and sampling, by hand and against PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import micrograd_cn as mt
from micrograd_cn.nn import functional as F
from tests.conftest import raises

RNG = np.random.default_rng(0)
MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def tensor(*shape):
    return mt.tensor(RNG.standard_normal(shape), requires_grad=True)


def agree(function, *arrays, tolerance=1e-12, **named):
    """Both libraries have the same results, gradients and second gradients, or raise the same kind of exception."""
    torch = pytest.importorskip("torch")
    found = []
    for library in (torch, mt):
        xs = [library.tensor(x, requires_grad=True) for x in arrays]
        out = function(library.nn.functional, *xs, **named)
        grads = library.autograd.grad((out**3).sum(), xs, create_graph=True)
        second = library.autograd.grad(sum((g**2).sum() for g in grads), xs)
        found.append([t.detach().numpy() for t in (out, *grads, *second)])
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        scale = max(1.0, np.abs(a).max(initial=0))
        assert np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


# --- padding


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_padding_is_that_of_numpy(n, mode):
    x = tensor(2, 3, *(4, 5, 3)[:n])
    ends = [(1, 2), (0, 3), (2, 1)][:n]
    pad = [width for pair in reversed(ends) for width in pair]
    y = F.pad(x, pad, mode)
    assert np.array_equal(y.detach().numpy(), np.pad(x.detach().numpy(), [(0, 0), (0, 0), *ends], MODES[mode]))
    weights = RNG.standard_normal(tuple(y.shape))
    (y * mt.tensor(weights)).sum().backward()
    # The adjoint: <w, pad(v)> = <pad'(w), v> for any v.
    v = RNG.standard_normal(tuple(x.shape))
    padded = np.pad(v, [(0, 0), (0, 0), *ends], MODES[mode])
    assert np.isclose((weights * padded).sum(), (x.grad.numpy() * v).sum())


def test_negative_padding_crops(T):
    x = T.arange(12.0).reshape(1, 3, 4)
    assert T.nn.functional.pad(x, (-1, 1), value=9.0)[0, 0].tolist() == [1.0, 2.0, 3.0, 9.0]
    assert T.nn.functional.pad(x, (-1, -2)).shape == (1, 3, 1)
    assert T.nn.functional.pad(x, (0, 0, -1, 0, 1, 0)).shape == (2, 2, 4)
    assert T.nn.functional.pad(x, (-1, 2), "reflect")[0, 0].tolist() == [1.0, 2.0, 3.0, 2.0, 1.0]
    assert T.nn.functional.pad(x, (2, -1), "replicate")[0, 0].tolist() == [0.0, 0.0, 0.0, 1.0, 2.0]
    assert T.nn.functional.pad(x, (-1, 2), "circular")[0, 0].tolist() == [1.0, 2.0, 3.0, 1.0, 2.0]


def test_padding_keeps_the_type(T):
    assert T.nn.functional.pad(T.ones(2, dtype=T.int64), (1, 1)).tolist() == [0, 1, 1, 0]
    assert T.nn.functional.pad(T.ones(2, dtype=T.bool), (1, 0)).dtype is T.bool


# What is done, the exception PyTorch raises, and what the message must name.
BAD = {
    "odd padding": (lambda f, x: f.pad(x, (1,)), RuntimeError, "divisible by 2"),
    "more than there are dimensions": (lambda f, x: f.pad(x[0, 0, 0], (1, 1, 1, 1)), RuntimeError, "4"),
    "nothing left": (lambda f, x: f.pad(x, (-3, -3)), RuntimeError, "narrow|-2"),
    "unknown mode": (lambda f, x: f.pad(x, (1, 1), "mirror"), NotImplementedError, "mirror"),
    "value": (lambda f, x: f.pad(x, (1, 1, 1, 1), "reflect", 1.0), RuntimeError, "value"),
    "far reflection": (lambda f, x: f.pad(x, (4, 0, 0, 0), "reflect"), RuntimeError, "4"),
    "twice around": (lambda f, x: f.pad(x, (5, 0, 0, 0), "circular"), RuntimeError, "wrap"),
    "wrong dimensions": (lambda f, x: f.pad(x, (1, 1), "reflect"), NotImplementedError, "4D"),
    "no room for patches": (lambda f, x: f.unfold(x, 5), RuntimeError, "5"),
    "no stride": (lambda f, x: f.unfold(x, 2, stride=0), RuntimeError, "stride"),
    "not so many patches": (lambda f, x: f.fold(x[0], (5, 5), 2), RuntimeError, "16|divisible"),
    "pixels": (lambda f, x: f.pixel_shuffle(x, 2), RuntimeError, "3|divisible"),
    "no factor": (lambda f, x: f.pixel_unshuffle(x, 0), RuntimeError, "0"),
    "groups": (lambda f, x: f.channel_shuffle(x, 2), RuntimeError, "2"),
    "no size": (lambda f, x: f.interpolate(x), ValueError, "size"),
    "two sizes": (lambda f, x: f.interpolate(x, 2, 2), ValueError, "size"),
    "three sizes": (lambda f, x: f.interpolate(x, (2, 2, 2)), ValueError, "2"),
    "half a size": (lambda f, x: f.interpolate(x, (2, 2.5)), TypeError, "size"),
    "empty": (lambda f, x: f.interpolate(x, 0), RuntimeError, "0"),
    "corners of nearest": (lambda f, x: f.interpolate(x, 2, align_corners=True), ValueError, "align_corners"),
    "linear images": (lambda f, x: f.interpolate(x, 2, mode="linear"), NotImplementedError, "linear"),
    "no such mode": (lambda f, x: f.interpolate(x, 2, mode="cubic"), NotImplementedError, "cubic"),
    "antialias": (lambda f, x: f.interpolate(x, 2, antialias=True), ValueError, "[aA]nti"),
    "theta": (lambda f, x: f.affine_grid(x[0], (2, 3, 4, 4), False), ValueError, "2x3"),
    "whole theta": (lambda f, x: f.affine_grid(x[0].long(), (2, 3, 4, 4), False), ValueError, "float"),
    "size of a grid": (lambda f, x: f.affine_grid(x[0], (2, 3, 4), False), NotImplementedError, "size"),
    "mode of sampling": (lambda f, x: f.grid_sample(x, x, "linear"), ValueError, "linear"),
    "padding of sampling": (lambda f, x: f.grid_sample(x, x, padding_mode="zero"), ValueError, "zero"),
    "no coordinates": (lambda f, x: f.grid_sample(x, x, align_corners=False), RuntimeError, "4"),
    "other batch": (lambda f, x: f.grid_sample(x, x[:1, ..., :2], align_corners=False), RuntimeError, "1"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused(T, case):
    call, kind, match = BAD[case]
    with raises(match, kind):
        call(T.nn.functional, T.ones(2, 3, 4, 4))


# --- patches and channels


@pytest.mark.parametrize("settings", [(2,), ((2, 3), 1, 1, 2), (2, 2, 0, 1), (3, 1, (2, 0), (1, 2))])
def test_patches_are_windows_and_fold_adds_them_up(settings):
    kernel, dilation, padding, stride = [
        (x, x) if isinstance(x, int) else x for x in (*settings, *(1, 0, 1)[len(settings) - 1 :])
    ]
    x = tensor(2, 3, 5, 6)
    y = F.unfold(x, *settings)
    padded = np.pad(x.detach().numpy(), [(0, 0), (0, 0), *((p, p) for p in padding)])
    spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    starts = [range(0, m - s, t) for m, s, t in zip(padded.shape[2:], spans, stride, strict=True)]
    columns = [
        padded[:, :, i : i + spans[0] + 1 : dilation[0], j : j + spans[1] + 1 : dilation[1]].reshape(2, -1)
        for i, j in itertools.product(*starts)
    ]
    assert np.array_equal(y.detach().numpy(), np.stack(columns, -1))
    # fold is the adjoint: the gradient of <w, unfold(x)> is fold(w).
    w = mt.tensor(RNG.standard_normal(tuple(y.shape)))
    (y * w).sum().backward()
    assert np.allclose(F.fold(w, (5, 6), *settings).numpy(), x.grad.numpy())


def test_shuffling_pixels_and_back():
    x = tensor(2, 8, 3, 5)
    y = F.pixel_shuffle(x, 2)
    assert y.shape == (2, 2, 6, 10)
    assert np.array_equal(y[:, 1, 1::2, 0::2].detach().numpy(), x[:, 6].detach().numpy())
    assert np.array_equal(F.pixel_unshuffle(y, 2).detach().numpy(), x.detach().numpy())
    dealt = F.channel_shuffle(mt.arange(6.0).reshape(1, 6, 1), 2)
    assert dealt.flatten().tolist() == [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
    assert F.channel_shuffle(F.channel_shuffle(x, 2), 4)[0, :, 0, 0].tolist() == x[0, :, 0, 0].tolist()


# --- other sizes


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_interpolation_of_the_same_size_changes_nothing(mode, corners):
    x = tensor(1, 2, 5, 7)
    assert np.allclose(F.interpolate(x, (5, 7), mode=mode, align_corners=corners).detach().numpy(), x.detach().numpy())


def test_a_ramp_stays_a_ramp():
    x = mt.arange(5.0, dtype=mt.float64).reshape(1, 1, 5)
    assert np.allclose(F.interpolate(x, 9, mode="linear", align_corners=True)[0, 0].numpy(), np.arange(9) / 2)
    assert F.interpolate(x, 10)[0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    inner = F.interpolate(x, scale_factor=2, mode="linear")[0, 0, 1:-1].numpy()
    assert np.allclose(np.diff(inner), 0.5)
    smooth = F.interpolate(mt.ones(1, 1, 9, 9), (4, 3), mode="bicubic", antialias=True)
    assert np.allclose(smooth.numpy(), 1)


def test_infinities_stay_where_they_are(T):
    x = T.tensor([[[0.0, 1.0, float("inf"), 1.0, 0.0]]])
    y = T.nn.functional.interpolate(x, 10, mode="linear")[0, 0]
    assert [i for i in range(10) if not -9 < y[i].item() < 9] == [3, 4, 5, 6]


SIZES = [
    {"size": (3, 4)}, {"size": (11, 2)}, {"size": (1, 1)}, {"scale_factor": 1.7}, {"scale_factor": (0.6, 2.3)},
    {"scale_factor": 1.7, "recompute_scale_factor": True},
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "area", "bilinear", "bicubic", "lanczos"])
def test_interpolation_agrees_with_pytorch(mode, dtype):
    x = RNG.standard_normal((2, 2, 5, 7)).astype(dtype)
    smooth = mode in ("bilinear", "bicubic", "lanczos")
    for named, corners, antialias in itertools.product(SIZES, (False, True) if smooth else (None,), (False, True)):
        if (antialias and not smooth) or (mode == "lanczos" and (corners or not antialias)):
            continue
        named = {**named, "mode": mode, "align_corners": corners, "antialias": antialias}
        agree(
            lambda f, x, **named: f.interpolate(x, **named), x, tolerance=1e-9 if dtype == "float64" else 1e-4, **named
        )


def test_interpolation_of_one_and_three_lengths_agrees_with_pytorch():
    for mode, lengths in (("linear", (5,)), ("trilinear", (3, 4, 5)), ("nearest", (5,)), ("area", (3, 4, 5))):
        x = RNG.standard_normal((1, 2, *lengths))
        agree(lambda f, x, mode: f.interpolate(x, scale_factor=1.5, mode=mode), x, mode=mode)


@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_old_names_agree_with_pytorch():
    x = RNG.standard_normal((1, 2, 3, 4))
    agree(lambda f, x: f.upsample(x, scale_factor=2), x)
    agree(lambda f, x: f.upsample_nearest(x, 5), x)
    agree(lambda f, x: f.upsample_bilinear(x, scale_factor=2), x)


# --- sampling


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("lengths", [(3, 4), (2, 3, 4)])
def test_the_identity_samples_the_image_itself(lengths, corners):
    n, x = len(lengths), tensor(2, 3, *lengths)
    theta = mt.eye(n, n + 1, dtype=mt.float64).expand(2, n, n + 1)
    grid = F.affine_grid(theta, x.shape, align_corners=corners)
    assert grid.shape == (2, *lengths, n)
    for mode in ("bilinear", "nearest"):
        assert np.allclose(F.grid_sample(x, grid, mode, align_corners=corners).detach().numpy(), x.detach().numpy())
    flipped = F.grid_sample(x, grid * mt.tensor([-1.0, *[1.0] * (n - 1)]), align_corners=corners)
    assert np.allclose(flipped.detach().numpy(), x.detach().numpy()[..., ::-1])


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_sampling_agrees_with_pytorch(mode, padding):
    for corners, (n, lengths) in itertools.product((False, True), ((2, (4, 5)), (3, (3, 4, 2)), (2, (1, 3)))):
        if mode == "bicubic" and n == 3:
            continue
        x = RNG.standard_normal((2, 2, *lengths))
        grid = RNG.uniform(-2.6, 2.6, (2, *(3,) * n, n))
        theirs = pytest.importorskip("torch")
        found = []
        for library in (theirs, mt):
            xs = [library.tensor(x, requires_grad=True), library.tensor(grid, requires_grad=True)]
            out = library.nn.functional.grid_sample(*xs, mode, padding, corners)
            found.append([t.detach().numpy() for t in (out, *library.autograd.grad((out**2).sum(), xs))])
        for a, b in zip(*found, strict=True):
            assert np.allclose(a, b, rtol=1e-9, atol=1e-10)


def test_maps_of_the_plane_agree_with_pytorch():
    for corners in (False, True):
        agree(lambda f, t, c: f.affine_grid(t, (2, 1, 3, 4), c), RNG.standard_normal((2, 2, 3)), c=corners)
        agree(lambda f, t, c: f.affine_grid(t, (2, 1, 2, 1, 4), c), RNG.standard_normal((2, 3, 4)), c=corners)


def test_the_choice_of_corners_is_asked_for(T):
    with pytest.warns(UserWarning, match="align_corners"):
        T.nn.functional.affine_grid(T.eye(2, 3)[None], (1, 1, 2, 2))


# --- layers

LAYERS = {
    "ConstantPad1d(1, 2.5)": (2, 3), "ConstantPad2d((1, 2, 0, 1), -1)": (3, 4), "ConstantPad3d(1, 0.5)": (1, 2, 2, 2),
    "ZeroPad1d((1, 0))": (2, 3), "ZeroPad2d(2)": (1, 2, 3), "ZeroPad3d(1)": (1, 2, 2, 2),
    "ReflectionPad1d(1)": (2, 3), "ReflectionPad2d((1, 0, 2, 1))": (1, 2, 3, 4), "ReflectionPad3d(1)": (1, 2, 2, 2),
    "ReplicationPad1d((3, 1))": (2, 3), "ReplicationPad2d(2)": (2, 3, 4), "ReplicationPad3d(1)": (1, 2, 1, 2),
    "CircularPad1d(1)": (2, 3), "CircularPad2d((1, 0, 2, 1))": (1, 2, 3, 4), "CircularPad3d(1)": (1, 2, 2, 2),
    "Upsample(scale_factor=2)": (1, 2, 3), "Upsample((4, 3), mode='bilinear', align_corners=True)": (1, 2, 3, 4),
    "Upsample(scale_factor=(1.5, 2), mode='bicubic')": (1, 2, 3, 4), "UpsamplingNearest2d(size=4)": (1, 2, 3, 4),
    "UpsamplingBilinear2d(scale_factor=2)": (1, 2, 3, 4), "PixelShuffle(2)": (8, 2, 3), "PixelUnshuffle(3)": (2, 6, 3),
    "ChannelShuffle(2)": (1, 4, 2, 2), "Unfold((2, 3), padding=1)": (2, 3, 4, 5), "Fold((3, 4), 2, stride=1)": (8, 6),
}  # fmt: skip


@pytest.mark.parametrize("text", LAYERS)
def test_layers_agree_with_pytorch(text):
    torch = pytest.importorskip("torch")
    layers = [eval(f"nn.{text}", {"nn": library.nn}) for library in (torch, mt)]
    assert repr(layers[0]) == repr(layers[1])
    agree(lambda f, x: layers[f is F](x), RNG.standard_normal(LAYERS[text]))


def test_circular_padding_needs_its_number_of_dimensions(T):
    with raises("3D|4D", ValueError):
        T.nn.CircularPad2d(1)(T.ones(2, 3))
