"""Embeddings: a vector for each number."""

from __future__ import annotations

from typing import Any, Self

from micrograd_cn.autograd import no_grad
from micrograd_cn.creation import empty
from micrograd_cn.nn import functional as F, init
from micrograd_cn.nn.functional.sparse import row_number
from micrograd_cn.nn.modules.optioned import Optioned
from micrograd_cn.nn.parameter import Parameter
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class _Table(Optioned):
    """Base of the embeddings: ``num_embeddings`` vectors of length ``embedding_dim`` as the rows of ``weight``.

    At first normally distributed; the row ``padding_idx`` is zero.
    """

    def __post_init__(self) -> None:
        weight, freeze, device, dtype = (
            self.__dict__.pop(name, None) for name in ("_weight", "_freeze", "device", "dtype")
        )
        size = (self.num_embeddings, self.embedding_dim)
        self.padding_idx: int | None = row_number(self.__dict__["padding_idx"], self.num_embeddings)
        found = size if weight is None else tuple(weight.shape)
        need(found == size, f"_weight must have the shape {list(size)}, got {list(found)}", AssertionError)
        self.weight = Parameter(empty(size, device=device, dtype=dtype) if weight is None else weight, not freeze)
        if weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight anew, and set its row ``padding_idx`` to zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, *args: Any, **options: Any) -> Self:
        """A layer whose weight is ``embeddings`` ``(V, D)``, without a copy; it is not trained if ``freeze``.

        The other arguments are those of the constructor, in the same order.

        Raises:
            AssertionError: if ``embeddings`` has not two dimensions.
        """
        n = embeddings.ndim
        need(n == 2, f"Embeddings parameter is expected to be 2-dimensional, got {n}D", AssertionError)
        layer = cls(*embeddings.shape, *args, _weight=embeddings, **options)
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor:
        """Row numbers of any shape; returns ``(*input.shape, D)``."""
        return super().forward(*inputs, weight=self.weight, **named)

    def extra_repr(self) -> str:
        """``num_embeddings, embedding_dim``, and the options that are not the usual ones."""
        usual = {name: option.default for name, option in self._signature.parameters.items()}
        shown = [f"{n}={getattr(self, n)!r}" for n in self._shown if n == "mode" or getattr(self, n) != usual[n]]
        return ", ".join([str(self.num_embeddings), str(self.embedding_dim), *shown])


class Embedding(
    _Table, function=F.embedding, shown="padding_idx max_norm norm_type scale_grad_by_freq sparse",
    options="num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse _weight _freeze "
    "device dtype", _weight=None, _freeze=False, device=None, dtype=None,
):  # fmt: skip
    """The rows of a trained matrix with the numbers in the input.

    Args:
        num_embeddings: how many rows, V.
        embedding_dim: how long they are, D.
        padding_idx: a row that starts as zero and gets no gradient; may count from the end.
        max_norm: rows that are used and longer than this are shortened to it, in place.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide gradients by how often their number occurs in the input.
        sparse: accepted; gradients are dense.
        device: only the CPU.
        dtype: of the weight; the default floating type if None.

    Attributes:
        weight: ``(V, D)``, at first normally distributed.

    Raises:
        AssertionError: if there is no row ``padding_idx``.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Embedding.html
    """


class EmbeddingBag(
    _Table, function=F.embedding_bag, shown="max_norm norm_type scale_grad_by_freq mode padding_idx",
    options="num_embeddings embedding_dim max_norm norm_type scale_grad_by_freq mode sparse _weight "
    "include_last_offset padding_idx device dtype", norm_type=2.0, _weight=None, device=None, dtype=None,
):  # fmt: skip
    """Sums, means or maxima over bags of embeddings; arguments as for `Embedding`, and

    Args:
        mode: "sum", "mean" or "max".
        include_last_offset: whether ``offsets`` ends with the end of the last bag.
        padding_idx: a number that is left out of every bag; its row starts as zero.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html
    """

    def forward(self, input: Tensor, offsets: Any = None, per_sample_weights: Any = None) -> Tensor:  # type: ignore[override]
        """Row numbers ``(B, N)``, or ``(N,)`` with the ``offsets`` of B bags; returns ``(B, D)``."""
        return super().forward(input, offsets=offsets, per_sample_weights=per_sample_weights)
