"""Images: padding, patches, pixels in channels, other sizes, sampling at points."""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from micrograd_cn.dtypes import uint8
from micrograd_cn.nn.functional.pooling import adaptive_avg_pool, as_tuple
from micrograd_cn.ops.layout import own
from micrograd_cn.ops.pooling import Links, linked, padded
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor

# --- padding -------------------------------------------------------------------------------------------------------


def _wrapped(n: int, left: int, right: int) -> Any:
    need(max(left, right) <= n, f"Padding value {left, right} causes wrapping around more than once in a length of {n}")
    middle = np.arange(max(-left, 0), n + min(right, 0))
    return middle[np.arange(-max(left, 0), len(middle) + max(right, 0)) % max(len(middle), 1)]


# For each mode, which element of a dimension of length n stands where in the padded one.
_SOURCES: dict[str, Callable[[int, int, int], Any]] = {
    "reflect": lambda n, left, right: n - 1 - np.abs(n - 1 - np.abs(np.arange(-left, n + right))),
    "replicate": lambda n, left, right: np.clip(np.arange(-left, n + right), 0, n - 1),
    "circular": _wrapped,
}


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """``input`` with more elements at the ends of its last dimensions, or fewer where a number is negative.

    Args:
        input: any shape for "constant"; else ``(N, C, ...)`` or ``(C, ...)`` with 1 to 3 further dimensions, all of
            which are padded.
        pad: ``(left, right)`` of the last dimension, then of the one before it, and so on.
        mode: "constant", "reflect" (about the outermost element), "replicate" (of it) or "circular".
        value: of the new elements in mode "constant"; 0 if None.

    Raises:
        RuntimeError: if ``pad`` does not fit the shape or the mode.
        NotImplementedError: for another mode, or a number of dimensions that it is not defined for.

    https://pytorch.org/docs/stable/generated/torch.nn.functional.pad.html
    """
    shape, n = tuple(input.shape), len(pad) // 2
    need(len(pad) % 2 == 0, f"Padding length must be divisible by 2, got {list(pad)}")
    need(n <= len(shape), f"Padding length {len(pad)} is more than two times the dimensions of input {list(shape)}")
    ends = [(0, 0)] * (len(shape) - n) + [(pad[2 * i], pad[2 * i + 1]) for i in reversed(range(n))]
    size = tuple(length + left + right for length, (left, right) in zip(shape, ends, strict=True))
    need(min(size, default=0) >= 0, f"narrow(): length must be non-negative: {list(shape)} with padding {list(pad)}")
    if mode == "constant":
        if min(pad, default=0) < 0:
            input = input[tuple(slice(max(-left, 0), min(right, 0) or None) for left, right in ends)]
        inner = tuple(slice(max(left, 0), m - max(right, 0)) for m, (left, right) in zip(size, ends, strict=True))
        return padded(input, inner, size, 0 if value is None else value)
    need(mode in _SOURCES, f"Unrecognised padding mode {mode}", NotImplementedError)
    need(not value, f'Padding mode "{mode}" doesn\'t take in value argument, got {value}')
    fits = len(shape) - n in (1, 2) and n in (1, 2, 3)
    need(fits, f"Padding size {len(pad)} is not supported for {len(shape)}D input tensor", NotImplementedError)
    if mode != "circular":
        need(0 not in (*shape[-n - 1 :], *size[-n:]), f"Expected no empty dimensions, got {shape}, padded {size}")
    short = mode != "reflect" or all(max(both) < length for both, length in zip(ends, shape, strict=True) if any(both))
    need(short, f"Padding size should be less than the input dimension, got {list(pad)} for {list(shape)}")
    for dim, (left, right) in enumerate(ends):
        if left or right:
            source = _SOURCES[mode](shape[dim], left, right)
            input = linked(input, Links(np.arange(len(source)), source, (len(source), shape[dim])), dim)
    return input if any(pad) else input.clone()


# --- patches and channels ------------------------------------------------------------------------------------------


def _patches(lengths: Sequence[int], *settings: Any) -> tuple[list[Links], tuple[int, ...], list[int]]:
    """For both dimensions of an image, what windows lie over: row ``k * out + i`` takes what is at the place k of
    window i, or nothing. With that the size of the windows, and how many fit."""
    names, links, counts = ("kernel_size", "dilation", "padding", "stride"), [], []
    pairs = [as_tuple(name, x, 2) for name, x in zip(names, settings, strict=True)]
    for n, kernel, dilation, padding, stride in zip(lengths, *pairs, strict=True):
        need(min(kernel, dilation, stride) > 0 <= padding, f"kernel, dilation, padding or stride too small: {settings}")
        out = (n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        need(out > 0, f"a length {n} with padding {padding} has no room for {kernel} places {dilation} apart")
        columns = (np.arange(kernel)[:, None] * dilation + np.arange(out) * stride - padding).ravel()
        (rows,) = np.nonzero((columns >= 0) & (columns < n))
        links.append(Links(rows, columns[rows], (kernel * out, n)))
        counts.append(out)
    return links, pairs[0], counts


def unfold(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """All patches of images ``(N, C, H, W)``, as columns: ``(N, C * kernel places, windows)``; also without N.

    Raises:
        RuntimeError: if the settings do not fit the shape.

    https://pytorch.org/docs/stable/generated/torch.nn.Unfold.html
    """
    fits = input.ndim in (3, 4) and 0 not in input.shape[-3:]
    need(fits, f"Expected a 3D or 4D tensor without empty dimensions, but got {list(input.shape)}")
    links, (kh, kw), (oh, ow) = _patches(input.shape[-2:], kernel_size, dilation, padding, stride)
    x = linked(linked(input, links[0], input.ndim - 2), links[1], input.ndim - 1)
    return x.unflatten(-2, (kh, oh)).unflatten(-1, (kw, ow)).transpose(-3, -2).flatten(-2).flatten(-4, -2)


def fold(input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
        stride: Any = 1) -> Tensor:  # fmt: skip
    """The adjoint of `unfold`: patches ``(N, C * kernel places, windows)`` added up into ``(N, C, *output_size)``.

    Raises:
        RuntimeError: if the settings do not fit the shape.

    https://pytorch.org/docs/stable/generated/torch.nn.Fold.html
    """
    shape, size = tuple(input.shape), as_tuple("output_size", output_size, 2)
    links, (kh, kw), (oh, ow) = _patches(size, kernel_size, dilation, padding, stride)
    fits = len(shape) in (2, 3) and 0 not in shape[-2:] and shape[-2] % (kh * kw) == 0 and shape[-1] == oh * ow
    need(fits, f"Expected shape (N, C * {kh * kw}, {oh * ow}) for output_size={size}, but got {list(shape)}")
    x = input.unflatten(-1, (oh, ow)).unflatten(-3, (-1, kh, kw)).transpose(-3, -2).flatten(-2).flatten(-3, -2)
    return linked(linked(x, links[0].T, x.ndim - 2), links[1].T, x.ndim - 1)


def _check_parts(name: str, input: Tensor, parts: dict[int, int]) -> None:
    """That ``input`` has three dimensions or more, which those numbers of parts divide."""
    need(input.ndim >= 3, f"{name} expects input to have at least 3 dimensions, but got {list(input.shape)}")
    fits = all(m > 0 and input.shape[dim] % m == 0 for dim, m in parts.items())
    need(fits, f"{name} expects dimensions of {list(input.shape)} divisible by positive numbers, {parts}")


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """``(..., C * r * r, H, W)`` becomes ``(..., C, H * r, W * r)``. Shi et al., 2016."""
    r = upscale_factor
    _check_parts("pixel_shuffle", input, {-3: r * abs(r)})
    c = input.shape[-3] // r**2
    return own(input.unflatten(-3, (c, r, r)).movedim((-4, -3), (-3, -1)).flatten(-2).flatten(-3, -2))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The reverse of `pixel_shuffle`."""
    r = downscale_factor
    _check_parts("pixel_unshuffle", input, {-2: r, -1: r})
    h, w = (m // r for m in input.shape[-2:])
    return own(input.unflatten(-2, (h, r)).unflatten(-1, (w, r)).movedim((-3, -1), (-4, -3)).flatten(-5, -3))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of ``(N, C, ...)`` dealt out as cards to ``groups`` players. Zhang et al., 2017."""
    _check_parts("channel_shuffle", input, {1: groups})
    return own(input.unflatten(1, (groups, input.shape[1] // groups)).transpose(1, 2).flatten(1, 2))


# --- other sizes ---------------------------------------------------------------------------------------------------


def _linear(d: Any) -> Any:
    return np.maximum(1 - np.abs(d), 0)


def _cubic(d: Any, a: float = -0.75) -> Any:
    """Keys' cubic convolution kernel at the distance ``d``, 1981."""
    d = np.abs(d)
    near, far = ((a + 2) * d - (a + 3)) * d * d + 1, ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def _lanczos(d: Any) -> Any:
    return np.where(np.abs(d) < 3, np.sinc(d) * np.sinc(d / 3), 0)


# For each mode how many dimensions it is for, how far its kernel reaches, the kernel, and the one with antialiasing.
_KERNELS: dict[str, tuple[int, int, Any, Any]] = {
    "linear": (3, 1, _linear, None),
    "bilinear": (4, 1, _linear, _linear),
    "trilinear": (5, 1, _linear, None),
    "bicubic": (4, 2, _cubic, lambda d: _cubic(d, -0.5)),
    "lanczos": (4, 3, None, _lanczos),
}


@functools.lru_cache(maxsize=64)
def _resized(mode: str, n: int, out: int, factor: float | None, corners: bool, antialias: bool, kind: Any) -> Links:
    """The matrix that makes a length n into ``out``; ``kind`` is the type in which PyTorch finds the positions."""
    i = np.arange(out)
    scale = kind(1 / factor) if factor else kind(n) / kind(out)
    scale = kind((n - 1) * (out > 1)) / kind(max(out - 1, 1)) if corners else scale
    if mode not in _KERNELS:  # nearest
        at = (i + kind(mode == "nearest-exact") / 2).astype(kind) * scale
        return Links(i, np.minimum(at.astype(int), n - 1), (out, n))
    _, reach, kernel, smooth = _KERNELS[mode]
    center = (i + kind(0.5)).astype(kind) * scale - kind(0.5)
    if antialias:  # the kernel is as wide as a step
        stretch = max(scale, kind(1))
        low, high = (np.clip((center + r * stretch + 1).astype(int), 0, n) for r in (-reach, reach))
        taps = low[:, None] + np.arange((high - low).max())
        weights = np.where(taps < high[:, None], smooth((taps - center[:, None]) / stretch), 0)
        weights /= weights.sum(1, keepdims=True)
    else:
        center = i * scale if corners else center if reach > 1 else np.maximum(center, 0)
        taps = np.floor(center).astype(int)[:, None] + np.arange(1 - reach, 1 + reach)
        weights = kernel(center[:, None] - taps)
    return Links(np.repeat(i, taps.shape[1]), np.clip(taps, 0, n - 1).ravel(), (out, n), weights.ravel())


def interpolate(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
        align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
        antialias: bool = False) -> Tensor:  # fmt: skip
    """``input`` in another size.

    Args:
        input: ``(N, C, *lengths)`` with 1 to 3 lengths.
        size: the new lengths, or one for all; or
        scale_factor: by what to multiply them.
        mode: "nearest", "nearest-exact" and "area" for all; "linear" for one length, "bilinear", "bicubic" and (only
            with ``antialias``) "lanczos" for two, "trilinear" for three.
        align_corners: whether the centers of the outermost elements, not their outer edges, keep their places.
        recompute_scale_factor: find positions from the rounded sizes instead of ``scale_factor``.
        antialias: widen the kernel when shrinking; for two lengths.

    Raises:
        ValueError, TypeError, NotImplementedError: for settings that contradict each other or the shape.

    https://pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
    """
    n, lengths, given = input.ndim - 2, tuple(input.shape[2:]), scale_factor if size is None else size
    dims, _, _, smooth = _KERNELS.get(mode, (0, 0, None, None))
    numbers = list(given) if isinstance(given, (list, tuple)) else [given] * n
    need(dims or align_corners is None, f"align_corners option cannot be set with mode {mode}", ValueError)
    need((size is None) != (scale_factor is None), "one of size and scale_factor should be defined", ValueError)
    need(len(numbers) == n, f"{given} are not as many numbers as {list(input.shape)} has lengths", ValueError)
    whole = size is None or all(hasattr(x, "__index__") for x in numbers)
    need(whole, f"expected size to be made of whole numbers, but got {size}", TypeError)
    need(size is None or not recompute_scale_factor, "recompute_scale_factor needs a scale_factor", ValueError)
    need(not antialias or (smooth and n == 2), f"antialias is not for mode {mode} and {input.ndim}D input", ValueError)
    fits = mode != "lanczos" or (antialias and not align_corners)
    need(fits, "lanczos needs antialias, no align_corners", ValueError)
    known = n in (1, 2, 3) and (dims == n + 2 or mode in ("nearest", "nearest-exact", "area"))
    need(known, f"Got {input.ndim}D input, which mode {mode} is not for", NotImplementedError)
    out = tuple(int(x * m) for x, m in zip(numbers, lengths, strict=True)) if size is None else tuple(numbers)
    need(min(out + lengths) > 0, f"Input and output sizes should be greater than 0, but got {lengths} and {out}")
    if mode == "area":
        return adaptive_avg_pool(n, input, out)
    factors = [None] * n if size is not None or recompute_scale_factor else numbers
    kind = np.float64 if dims and input.dtype.itemsize in (1, 8) else np.float32
    in_bytes = dims and input.dtype is uint8  # rounded after each dimension, with weights of 16 bits, as in PyTorch
    for i in reversed(range(n)):
        links = _resized(mode, lengths[i], out[i], factors[i], bool(align_corners), bool(antialias), kind)
        if in_bytes:
            unit = 2.0 ** np.floor(np.log2((2**15 - 0.5) / links.weights.max()))
            links = Links(links.rows, links.columns, links.shape, np.round(links.weights * unit) / unit)
            input = input.double()
        input = linked(input, links, i + 2)
        input = (input + 0.5).floor().clamp(0, 255).to(uint8) if in_bytes else input
    return input


def upsample(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
        align_corners: bool | None = None) -> Tensor:  # fmt: skip
    """Deprecated name of `interpolate`."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Deprecated: `interpolate` with mode "nearest"."""
    return upsample(input, size, scale_factor)


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Deprecated: `interpolate` with mode "bilinear" and ``align_corners=True``."""
    return upsample(input, size, scale_factor, "bilinear", True)


# --- sampling at points --------------------------------------------------------------------------------------------


def _decided(align_corners: bool | None) -> bool:
    if align_corners is None:
        said = "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please "
        warnings.warn(said + "specify align_corners=True if the old behavior is desired.", stacklevel=3)
    return bool(align_corners)


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """For each point of images of ``size`` where an affine map takes it; for `grid_sample`.

    Args:
        theta: ``(N, 2, 3)``, or ``(N, 3, 4)`` for three dimensions.
        size: ``(N, C, *lengths)``.
        align_corners: whether ±1 are the centers of the outermost elements or their outer edges.

    Returns:
        ``(N, *lengths, 2 or 3)``: coordinates in [-1, 1], that of the last dimension first.

    Raises:
        ValueError, NotImplementedError: if types or shapes do not fit.
    """
    corners, n, lengths = _decided(align_corners), len(size) - 2, tuple(size[2:])
    need(theta.is_floating_point(), f"Expected theta to have floating point type, but got {theta.dtype}", ValueError)
    need(n in (2, 3), f"affine_grid only supports 4D and 5D sizes, got size {list(size)}", NotImplementedError)
    fits = theta.ndim == 3 and tuple(theta.shape[1:]) == (n, n + 1) and min(size) > 0
    need(fits, f"Expected theta of Nx{n}x{n + 1} for positive size {list(size)}, got {list(theta.shape)}", ValueError)
    edges = [(m > 1) * (1 if corners else (m - 1) / m) for m in lengths]
    lines = [np.linspace(-edge, edge, m) for edge, m in zip(edges, lengths, strict=True)]
    points = np.stack([*np.meshgrid(*lines, indexing="ij")[::-1], np.ones(lengths)], -1)
    base = Tensor._wrap(points.reshape(-1, n + 1).astype(theta.dtype.numpy))
    return (base @ theta.transpose(1, 2)).reshape(size[0], *lengths, n)


def _settled(x: Any, n: int, padding_mode: str, corners: bool) -> tuple[Any, Any]:
    """Coordinates along a length n brought into it as ``padding_mode`` says, and their derivative: 1, -1 or 0."""
    slope = np.ones_like(x)
    if padding_mode == "reflection":
        low, span = (0, max(n - 1, 1)) if corners else (-0.5, n)
        far = np.abs(x - low)
        odd = np.floor(far / span) % 2 == 1
        slope = np.where((x < low) != odd, -1, 1).astype(x.dtype)
        x = np.where(odd, span - np.fmod(far, span), np.fmod(far, span)).astype(x.dtype) + low
    if padding_mode != "zeros":
        slope = np.where((x <= 0) | (x >= n - 1), 0, slope)
        x = np.clip(x, 0, n - 1)
    return x, slope


def _taps(x: Tensor, n: int, mode: str, padding_mode: str, corners: bool) -> list[tuple[Any, Tensor, Any]]:
    """Which elements of a length n take part at the coordinates ``x``, with which weights, and where they exist."""
    x = ((x + 1) * (n - corners) - (1 - corners)) / 2
    raw, taps = x.detach().numpy(), []
    if mode != "bicubic":
        inner, slope = _settled(raw, n, padding_mode, corners)
        x, raw = x * Tensor._wrap(slope) + Tensor._wrap(inner - raw * slope), inner
    for step in {"nearest": (0,), "bilinear": (0, 1), "bicubic": (-1, 0, 1, 2)}[mode]:
        at = (np.rint(raw) if mode == "nearest" else np.floor(raw)) + step
        d = x - Tensor._wrap(at)
        weight = d * 0 + 1 if mode == "nearest" else _cubic(d) if mode == "bicubic" else 1 - d * (1 - 2 * step)
        if mode == "bicubic":
            at, _ = _settled(at, n, padding_mode, corners)
        taps.append((np.clip(np.nan_to_num(at), 0, n - 1).astype(int), weight, (at >= 0) & (at < n)))
    return taps


def grid_sample(input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros",
        align_corners: bool | None = None) -> Tensor:  # fmt: skip
    """``input`` at the points of ``grid``. Jaderberg et al., 2015.

    Args:
        input: ``(N, C, *lengths)``, two or three lengths.
        grid: ``(N, *out, 2 or 3)``, coordinates in [-1, 1], that of the last dimension first.
        mode: "bilinear", "nearest" or (in two dimensions) "bicubic".
        padding_mode: what stands outside: "zeros", the "border" or a "reflection".
        align_corners: whether ±1 are the centers of the outermost elements or their outer edges.

    Returns:
        ``(N, C, *out)``.

    Raises:
        ValueError, RuntimeError: for other modes, or if types or shapes do not fit.

    https://pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html
    """
    known = mode in ("bilinear", "nearest", "bicubic") and padding_mode in ("zeros", "border", "reflection")
    need(known, f"grid_sample(): there is no mode {mode!r} with padding_mode {padding_mode!r}", ValueError)
    corners, n, lengths = _decided(align_corners), input.ndim - 2, input.shape[2:]
    fits = n in (2, 3) and grid.ndim == n + 2 and grid.shape[0] == input.shape[0] and grid.shape[-1] == n
    fits = fits and 0 not in lengths and (mode != "bicubic" or n == 2) and input.dtype is grid.dtype
    shapes = f"{list(grid.shape)}, {grid.dtype} does not fit an input of {list(input.shape)}, {input.dtype}"
    need(fits, f"grid_sample(): a grid of {shapes} in mode {mode}")
    axes = [_taps(grid[..., n - 1 - i], m, mode, padding_mode, corners) for i, m in enumerate(lengths)]
    pixels, parts, n = input.movedim(1, -1).flatten(0, -2), [], input.shape[0]
    for corner in itertools.product(*axes):
        index, weight, exists = corner[0]
        for (at, w, inside), m in zip(corner[1:], lengths[1:], strict=True):
            index, weight, exists = index * m + at, weight * w, exists & inside
        index = (index.reshape(n, -1) + np.arange(n)[:, None] * math.prod(lengths)).ravel()
        weight = weight.masked_fill(Tensor._wrap(~exists), 0).reshape(-1, 1)
        parts.append(linked(pixels, Links(np.arange(len(index)), index, (len(index), len(pixels))), 0) * weight)
    return functools.reduce(np.add, parts).reshape(*grid.shape[:-1], -1).movedim(-1, 1)
