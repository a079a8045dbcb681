"""How far apart, or how alike, pairs of vectors are."""

from __future__ import annotations

from typing import Any

from micrograd_cn.nn import functional as F
from micrograd_cn.nn.modules.optioned import Optioned
from micrograd_cn.tensor import Tensor


class PairwiseDistance(Optioned, function=F.pairwise_distance, options="p eps keepdim", shown=""):
    """``‖x1 - x2 + eps‖ₚ`` along the last dimension of ``(N, D)`` or ``(D,)``, which ``keepdim`` keeps.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.PairwiseDistance.html
    """

    def __post_init__(self) -> None:
        self.norm = self.__dict__.pop("p")

    def forward(self, *inputs: Tensor, **named: Any) -> Tensor:
        """``x1`` and ``x2`` of ``(N, D)`` or ``(D,)``; returns ``(N,)`` or a number."""
        return super().forward(*inputs, **named, p=self.norm)


class CosineSimilarity(Optioned, function=F.cosine_similarity, options="dim eps", shown=""):
    """The cosine of the angle between vectors along ``dim``; see `functional.cosine_similarity`.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.CosineSimilarity.html
    """
