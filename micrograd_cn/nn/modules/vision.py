"""Layers for images: other sizes, patches, pixels in channels; `micrograd_cn.nn.functional` computes."""

from __future__ import annotations

from typing import Any

from micrograd_cn.nn import functional as F
from micrograd_cn.nn.modules.optioned import Optioned


class Upsample(Optioned, function=F.interpolate, options="size scale_factor mode align_corners recompute_scale_factor"):
    """``(N, C, *lengths)`` in another size; for the arguments see `functional.interpolate`.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Upsample.html
    """

    def __post_init__(self) -> None:
        factor: Any = vars(self)["scale_factor"]
        many = isinstance(factor, tuple)
        self.scale_factor = tuple(map(float, factor)) if many else float(factor) if factor else None

    def extra_repr(self) -> str:
        """``scale_factor=..., mode=...`` or ``size=..., mode=...``."""
        name = "size" if self.scale_factor is None else "scale_factor"
        return f"{name}={getattr(self, name)}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images, each new pixel being the nearest old one."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor)


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images with bilinear interpolation, the corners keeping their places."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, "bilinear", True)


class PixelShuffle(Optioned, function=F.pixel_shuffle, options="upscale_factor"):
    """``(..., C * r * r, H, W)`` becomes ``(..., C, H * r, W * r)``, ``r = upscale_factor``. Shi et al., 2016."""


class PixelUnshuffle(Optioned, function=F.pixel_unshuffle, options="downscale_factor"):
    """``(..., C, H * r, W * r)`` becomes ``(..., C * r * r, H, W)``, ``r = downscale_factor``."""


class ChannelShuffle(Optioned, function=F.channel_shuffle, options="groups"):
    """The channels of ``(N, C, ...)`` dealt out to ``groups``. Zhang et al., 2017."""


class Unfold(Optioned, function=F.unfold, options="kernel_size dilation padding stride"):
    """All patches of images as columns; for shapes and arguments see `functional.unfold`.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Unfold.html
    """


class Fold(Optioned, function=F.fold, options="output_size kernel_size dilation padding stride"):
    """Patches added up into images, the adjoint of `Unfold`; for shapes and arguments see `functional.fold`.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Fold.html
    """
