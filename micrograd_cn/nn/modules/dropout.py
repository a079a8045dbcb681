"""Dropout layers: they drop in training mode only."""

from __future__ import annotations

from micrograd_cn.nn import functional as F
from micrograd_cn.nn.modules.optioned import Optioned


class _Dropout(Optioned, shown=True):
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
        if not 0 <= self.p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {self.p}")

    def extra_repr(self) -> str:
        """``p=..., inplace=...``."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout, function=F.dropout):
    """Sets each element to zero with probability ``p`` and divides the others by ``1 - p``; see `_Dropout`.

    Source: Srivastava et al., 2014; https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html
    """


class Dropout1d(_Dropout, function=F.dropout1d):
    """Drops whole channels of ``(N, C, L)`` or ``(C, L)``."""


class Dropout2d(_Dropout, function=F.dropout2d):
    """Drops whole channels of ``(N, C, H, W)``."""


class Dropout3d(_Dropout, function=F.dropout3d):
    """Drops whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``."""


# PyTorch's next two never work in place, whatever their option says.


class AlphaDropout(_Dropout, function=lambda input, p, training: F.alpha_dropout(input, p, training)):
    """Dropout for networks with `SELU`, which keeps mean and variance. Klambauer et al., 2017."""


class FeatureAlphaDropout(_Dropout, function=lambda input, p, training: F.feature_alpha_dropout(input, p, training)):
    """`AlphaDropout` of whole channels of ``(N, C, ...)``."""
