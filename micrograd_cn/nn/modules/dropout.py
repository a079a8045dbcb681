"""Dropout layers: they drop in training mode only."""

from __future__ import annotations

from micrograd_cn.nn import functional as F
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.tensor import Tensor


class _Dropout(Module):
    """Base of the dropout layers.

    Args:
        p: probability that an element (or channel) is set to zero.
        inplace: write the result over the input.

    Raises:
        ValueError: if ``p`` is not in [0, 1].
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        """``p=..., inplace=...``."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Sets each element to zero with probability ``p`` and divides the others by ``1 - p``; see `_Dropout`.

    Source: Srivastava et al., 2014; https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html
    """

    def forward(self, input: Tensor) -> Tensor:
        """Any shape; in eval mode the input itself."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Drops whole channels of ``(N, C, L)`` or ``(C, L)``."""

    def forward(self, input: Tensor) -> Tensor:
        """The same shape; in eval mode the input itself."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Drops whole channels of ``(N, C, H, W)``."""

    def forward(self, input: Tensor) -> Tensor:
        """The same shape; in eval mode the input itself."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Drops whole channels of ``(N, C, D, H, W)`` or ``(C, D, H, W)``."""

    def forward(self, input: Tensor) -> Tensor:
        """The same shape; in eval mode the input itself."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout for networks with `SELU`, which keeps mean and variance. Klambauer et al., 2017."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape; in eval mode the input itself."""
        return F.alpha_dropout(input, self.p, self.training)
