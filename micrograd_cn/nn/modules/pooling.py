"""Pooling layers for one, two and three dimensions; `micrograd_cn.nn.functional` computes.

Inputs are ``(N, C, *lengths)`` or ``(C, *lengths)``. A setting is one number for all dimensions or one for each.
"""

from __future__ import annotations

import functools
from typing import Any

from micrograd_cn.nn.functional import pooling
from micrograd_cn.nn.modules.optioned import Optioned, in_dimensions, in_tuple
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class _Sliding(Optioned):
    """Base of layers whose window moves by its own size unless told."""

    def __post_init__(self) -> None:
        if self.stride is None:
            self.stride: Any = self.kernel_size


class _MaxPool(
    _Sliding, function=pooling.max_pool, shown="kernel_size stride padding dilation ceil_mode",
    options="kernel_size stride padding dilation return_indices ceil_mode",
):  # fmt: skip
    """The largest element of each window, with the positions if ``return_indices``; see `functional.max_pool2d`.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
    """


class _AvgPool(
    _Sliding, function=pooling.avg_pool, shown="kernel_size stride padding",
    options="kernel_size stride padding ceil_mode count_include_pad divisor_override",
):  # fmt: skip
    """The average of each window; for the arguments see `functional.avg_pool2d`.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
    """


class AvgPool1d(
    _Sliding, function=functools.partial(pooling.avg_pool, 1), shown="kernel_size stride padding",
    options="kernel_size stride padding ceil_mode count_include_pad",
):  # fmt: skip
    __doc__ = _AvgPool.__doc__

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self._shown:
            setattr(self, name, in_tuple(getattr(self, name), 1))


class _LPPool(Optioned, function=pooling.lp_pool, options="norm_type kernel_size stride ceil_mode"):
    """``(sum of x**p) ** (1 / p)`` of each window, ``p = norm_type``; see `functional.lp_pool2d`."""


class _AdaptiveAvgPool(Optioned, function=pooling.adaptive_avg_pool, options="output_size"):
    """The averages of as many even parts as ``output_size`` says, None for the input's length.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html
    """


class _AdaptiveMaxPool(
    Optioned, function=pooling.adaptive_max_pool, shown="output_size",
    options="output_size return_indices",
):  # fmt: skip
    """The largest elements of such parts as in `AdaptiveAvgPool2d`, with the positions if ``return_indices``.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html
    """


class _MaxUnpool(_Sliding, function=pooling.max_unpool, options="kernel_size stride padding"):
    """Puts elements back where a `MaxPool2d` with the same settings found them, among zeros.

    It is called with the elements, the positions and, where the settings leave a choice, ``output_size``.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self._shown:
            setattr(self, name, in_tuple(getattr(self, name), self.dims))

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """The larger tensor."""
        return super().forward(input, indices, output_size=output_size)


class _FractionalMaxPool(
    Optioned, function=pooling.fractional_max_pool, shown="",
    options="kernel_size output_size output_ratio return_indices _random_samples",
):  # fmt: skip
    """The largest elements of windows at random distances; for the arguments see `functional.fractional_max_pool2d`.

    Raises:
        ValueError: unless one of ``output_size`` and ``output_ratio`` is given, the latter between 0 and 1.

    Source: Graham, 2014.
    """

    def __post_init__(self) -> None:
        for name in ("kernel_size", "output_size", "output_ratio"):
            setattr(self, name, in_tuple(getattr(self, name), self.dims))
        ratio = self.output_ratio
        need((self.output_size is None) != (ratio is None), "give output_size or output_ratio, not both", ValueError)
        fits = not ratio or 0 < min(ratio) <= max(ratio) < 1
        need(fits, f"output_ratio must be between 0 and 1, got {ratio}", ValueError)
        self.register_buffer("_random_samples", vars(self).pop("_random_samples"))


MaxPool1d, MaxPool2d, MaxPool3d = in_dimensions(_MaxPool)
_, AvgPool2d, AvgPool3d = in_dimensions(_AvgPool)
LPPool1d, LPPool2d, LPPool3d = in_dimensions(_LPPool)
AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = in_dimensions(_AdaptiveAvgPool)
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = in_dimensions(_AdaptiveMaxPool)
MaxUnpool1d, MaxUnpool2d, MaxUnpool3d = in_dimensions(_MaxUnpool)
_, FractionalMaxPool2d, FractionalMaxPool3d = in_dimensions(_FractionalMaxPool)
