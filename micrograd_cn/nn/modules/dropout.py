"""Dropout layers: they drop in training mode only."""

from __future__ import annotations

from typing import Any

from micrograd_cn.nn import functional as F
from micrograd_cn.nn.modules.optioned import Optioned
from micrograd_cn.ops.shape import need


class _Dropout(Optioned):
    """Base of the dropout layers.

    Args:
        p: probability that an element (or channel) is set to zero.
        inplace: write the result over the input.

    Raises:
        ValueError: if ``p`` is not in [0, 1].
    """

    p: float = 0.5
    inplace: bool = False

    def __post_init__(self) -> None:
        need(0 <= self.p <= 1, f"dropout probability has to be between 0 and 1, but got {self.p}", ValueError)

    def extra_repr(self) -> str:
        """``p=..., inplace=...``."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout, function=F.dropout, options="p inplace"):
    """Sets each element to zero with probability ``p`` and divides the others by ``1 - p``; see `_Dropout`.

    Source: Srivastava et al., 2014; https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html
    """


class Dropout1d(_Dropout, function=F.dropout1d, options="p inplace"):
    """Drops whole channels of ``(N, C, L)`` or ``(C, L)``."""


class Dropout2d(_Dropout, function=F.dropout2d, options="p inplace"):
    """Drops whole channels of ``(N, C, H, W)``."""


class Dropout3d(_Dropout, function=F.dropout3d, options="p inplace"):
    """Drops whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``."""


def _not_in_place(function: Any) -> Any:
    """The function without its last parameter: PyTorch's next two never work in place, whatever their option says."""
    return lambda input, p=0.5, training=False, inplace=False: function(input, p, training)


class AlphaDropout(_Dropout, function=_not_in_place(F.alpha_dropout), options="p inplace"):
    """Dropout for networks with `SELU`, which keeps mean and variance. Klambauer et al., 2017."""


class FeatureAlphaDropout(_Dropout, function=_not_in_place(F.feature_alpha_dropout), options="p inplace"):
    """`AlphaDropout` of whole channels of ``(N, C, ...)``."""
