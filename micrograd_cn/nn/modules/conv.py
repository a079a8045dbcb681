"""Convolution layers for one, two and three dimensions; `micrograd_cn.nn.functional` computes.

Inputs are ``(N, C, *lengths)`` or ``(C, *lengths)``. A setting is one number for all dimensions or one for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from micrograd_cn.nn import functional as F
from micrograd_cn.nn.functional import convolution
from micrograd_cn.nn.modules.lazy import Lazy, lazily
from micrograd_cn.nn.modules.linear import Linear
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.modules.optioned import in_dimensions, in_tuple
from micrograd_cn.nn.parameter import Parameter, add_parameters
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """Base of the convolution layers: their settings, parameters and ``repr``.

    Attributes:
        weight: see `_shapes`; at first uniform in ±1/√(numbers that one output number is made of).
        bias: ``(out_channels,)``, at first uniform in the same range; None without bias.

    Raises:
        ValueError: if ``groups`` does not divide the channels, or a padding is not known or not possible.
    """

    dims: int
    transposed = False
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, output_padding: Any,
        dilation: Any, groups: int, bias: bool, padding_mode: str, device: Any, dtype: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels
        self.groups, self.padding_mode = groups, padding_mode
        settings = kernel_size, stride, dilation, output_padding
        self.kernel_size, self.stride, self.dilation, self.output_padding = (in_tuple(x, self.dims) for x in settings)
        self.padding = padding if isinstance(padding, str) else in_tuple(padding, self.dims)
        at_once = padding != "same" or set(self.stride) == {1}
        for fulfilled, message in (
            (groups > 0, f"groups must be a positive integer, got {groups}"),
            (groups < 1 or in_channels % groups == 0, f"in_channels must be divisible by groups: {in_channels}"),
            (groups < 1 or out_channels % groups == 0, f"out_channels must be divisible by groups: {out_channels}"),
            (not isinstance(padding, str) or padding in ("same", "valid"), f"Invalid padding string {padding!r}"),
            (at_once, f"padding='same' is not supported for strided convolutions: {stride=}"),
            (padding_mode in _PADDING_MODES, f"padding_mode must be one of {_PADDING_MODES}, got {padding_mode!r}"),
        ):
            need(fulfilled, message, ValueError)
        add_parameters(self, device, dtype, **(self._shapes() | ({} if bias else {"bias": None})))

    def _shapes(self) -> dict[str, Any]:
        """``(out_channels, in_channels / groups, *kernel_size)``, or for a transposed convolution the reverse."""
        channels = (self.out_channels, self.in_channels)[:: -1 if self.transposed else 1]
        return {"weight": (channels[0], channels[1] // self.groups, *self.kernel_size), "bias": (self.out_channels,)}

    reset_parameters = Linear.reset_parameters

    def extra_repr(self) -> str:
        """Channels, kernel size and stride, and every other setting that is not the default."""
        zeros, ones = (0,) * self.dims, (1,) * self.dims
        usual = {"padding": zeros, "dilation": ones, "output_padding": zeros, "groups": 1}
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        parts += [f"{name}={x}" for name, default in usual.items() if (x := getattr(self, name)) != default]
        parts += ["bias=False"] if self.bias is None else []
        return ", ".join(parts + ([f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []))


class _Conv(_ConvNd):
    """A learned kernel that slides over the input; see `functional.conv2d`.

    Args:
        in_channels, out_channels: how many channels input and output have.
        kernel_size, stride, padding, dilation, groups: as there.
        bias: whether to add one.
        padding_mode: what to pad with: "zeros", "reflect", "replicate" or "circular"; see `functional.pad`.
        device: only the CPU.
        dtype: of the parameters; the default floating type if None.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        settings = stride, padding, 0, dilation, groups, bias, padding_mode, device, dtype
        super().__init__(in_channels, out_channels, kernel_size, *settings)

    def _ends(self) -> list[int]:
        """What to pad for `functional.pad`: left and right of the last dimension, then of the one before it ..."""
        totals = [0] * self.dims if isinstance(self.padding, str) else [2 * p for p in self.padding]
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
        return [end for total in reversed(totals) for end in (total // 2, total - total // 2)]

    def forward(self, input: Tensor) -> Tensor:
        """Maps ``(N, in_channels, ...)`` to ``(N, out_channels, ...)``, the same without N."""
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._ends(), mode=self.padding_mode), 0
        settings = self.stride, padding, self.dilation, self.groups
        return convolution.conv(self.dims, input, self.weight, self.bias, *settings)


class _ConvTranspose(_ConvNd):
    """A learned kernel that every input element spreads over the output; see `functional.conv_transpose2d`.

    Args:
        in_channels, out_channels: how many channels input and output have.
        kernel_size, stride, padding, output_padding, groups, dilation: as there.
        bias: whether to add one.
        padding_mode: only "zeros".
        device: only the CPU.
        dtype: of the parameters; the default floating type if None.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
    """

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        need(padding_mode == "zeros", f'Only "zeros" padding mode is supported, got {padding_mode!r}', ValueError)
        settings = stride, padding, output_padding, dilation, groups, bias, padding_mode, device, dtype
        super().__init__(in_channels, out_channels, kernel_size, *settings)

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Maps ``(N, in_channels, ...)`` to ``(N, out_channels, *output_size)``, the same without N.

        With a stride several sizes are possible; without ``output_size`` the layer's ``output_padding`` chooses.

        Raises:
            ValueError: if ``output_size`` has another length or is not possible.
        """
        more = self.output_padding
        if output_size is not None:
            wanted, n = list(output_size), self.dims
            fits = len(wanted) in (n, input.dim())
            need(fits, f"output_size must have {n} or {input.dim()} elements, got {wanted}", ValueError)
            axes = zip(input.shape[-n:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
            least = [(m - 1) * s - 2 * p + d * (k - 1) + 1 for m, s, p, d, k in axes]
            more = tuple(size - low for size, low in zip(wanted[-n:], least, strict=True))
            fits = all(0 <= i < s for i, s in zip(more, self.stride, strict=True))
            need(fits, f"output_size {wanted} is not one of those from {least} on, less than a stride away", ValueError)
        settings = self.stride, self.padding, more, self.groups, self.dilation
        return convolution.conv_transpose(self.dims, input, self.weight, self.bias, *settings)


class _LazyConv(Lazy):
    missing = "in_channels"

    def _size(self: Any, input: Tensor) -> int:
        n, shape, g = self.dims, list(input.shape), self.groups
        fits = len(shape) in (n + 1, n + 2)
        need(fits, f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input, got {shape}")
        need(shape[-n - 1] % g == 0, f"in_channels must be divisible by groups={g}: {shape[-n - 1]}", ValueError)
        return shape[-n - 1]


Conv1d, Conv2d, Conv3d = in_dimensions(_Conv)
ConvTranspose1d, ConvTranspose2d, ConvTranspose3d = in_dimensions(_ConvTranspose)
LazyConv1d, LazyConv2d, LazyConv3d = (lazily(_LazyConv, c) for c in (Conv1d, Conv2d, Conv3d))
LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d = (
    lazily(_LazyConv, c) for c in (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
)
