"""Normalisation of each sample by itself: `LayerNorm`, `GroupNorm`, `RMSNorm`, `LocalResponseNorm`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from micrograd_cn.nn import functional as F, init
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.modules.optioned import Optioned
from micrograd_cn.nn.parameter import add_parameters
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class _Affine(Module):
    """Base of the layers that end with ``* weight + bias``, at first 1 and 0, where they have them.

    ``_shown`` is what their ``repr`` says, a format of their attributes; ``bias`` in it says whether there is one.
    """

    _shown = ""
    weight: Any
    bias: Any

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        for name, fill in (("weight", init.ones_), ("bias", init.zeros_)):
            if getattr(self, name, None) is not None:
                fill(getattr(self, name))

    def extra_repr(self) -> str:
        """The options."""
        return self._shown.format(**{**self.__dict__, "bias": getattr(self, "bias", None) is not None})


class _OverLast(_Affine):
    """Base of the layers that normalise over the last dimensions, of the lengths ``normalized_shape``."""

    def __init__(self, normalized_shape: int | Sequence[int], eps: Any, elementwise_affine: bool) -> None:
        super().__init__()
        shape = (normalized_shape,) if hasattr(normalized_shape, "__index__") else normalized_shape
        self.normalized_shape: tuple[int, ...] = tuple(shape)  # type: ignore[arg-type]
        self.eps, self.elementwise_affine = eps, elementwise_affine


class LayerNorm(_OverLast):
    """``(x - mean) / sqrt(var + eps) * weight + bias``, with mean and variance over the last dimensions.

    Args:
        normalized_shape: their lengths; a number for one dimension.
        eps: added to the variance.
        elementwise_affine: whether there is a weight, and, if ``bias``, a bias; both of shape ``normalized_shape``.
        bias: see there.
        device: only the CPU.
        dtype: of the parameters; the default floating type if None.

    Source: Ba, Kiros and Hinton, 2016; https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html
    """

    _shown = "{normalized_shape}, eps={eps}, elementwise_affine={elementwise_affine}, bias={bias}"

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(normalized_shape, eps, elementwise_affine)
        shape = self.normalized_shape if elementwise_affine else None
        add_parameters(self, device, dtype, weight=shape, bias=shape if bias else None)

    def forward(self, input: Tensor) -> Tensor:
        """``(*, *normalized_shape)``; returns the same shape."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)


class RMSNorm(_OverLast):
    """``x / sqrt(mean(x²) + eps) * weight`` over the last dimensions; arguments as for `LayerNorm`.

    Source: Zhang and Sennrich, 2019; https://pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html
    """

    _shown = "{normalized_shape}, eps={eps}, elementwise_affine={elementwise_affine}"

    def __init__(
        self, normalized_shape: int | Sequence[int], eps: float | None = None, elementwise_affine: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(normalized_shape, eps, elementwise_affine)
        add_parameters(self, device, dtype, weight=self.normalized_shape if elementwise_affine else None)

    def forward(self, x: Tensor) -> Tensor:
        """``(*, *normalized_shape)``; returns the same shape."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)


class GroupNorm(_Affine):
    """Normalises each group of channels of each sample, then maps each channel.

    Args:
        num_groups: how many groups, of equal size.
        num_channels: the channels of the input, C.
        eps: added to the variance.
        affine: whether there is a weight ``(C,)``, and, if ``bias``, a bias ``(C,)``.
        device: only the CPU.
        dtype: of the parameters; the default floating type if None.
        bias: see ``affine``.

    Raises:
        ValueError: if the groups cannot be of equal size.

    Source: Wu and He, 2018; https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html
    """

    _shown = "{num_groups}, {num_channels}, eps={eps}, affine={affine}, bias={bias}"

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device: Any = None,
        dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        fits = num_channels % num_groups == 0
        need(fits, f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})", ValueError)
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        shape = num_channels if affine else None
        add_parameters(self, device, dtype, weight=shape, bias=shape if bias else None)

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, ...)``; returns the same shape."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


class LocalResponseNorm(Optioned, function=F.local_response_norm, options="size alpha beta k"):
    """Divides each channel by a power of the mean square of its neighbours; see `functional.local_response_norm`.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html
    """

    def extra_repr(self) -> str:
        """``size, alpha=..., beta=..., k=...``."""
        return super().extra_repr().removeprefix("size=")
