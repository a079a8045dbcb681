"""Embeddings: a vector for each number."""

from __future__ import annotations

from typing import Any, Self

from micrograd_cn.autograd import no_grad
from micrograd_cn.creation import empty
from micrograd_cn.nn import functional as F, init
from micrograd_cn.nn.functional.sparse import row_number
from micrograd_cn.nn.modules.optioned import Optioned
from micrograd_cn.nn.parameter import Parameter
from micrograd_cn.tensor import Tensor


class _Table(Optioned, shown=False):
    """Base of the embeddings: ``num_embeddings`` vectors of length ``embedding_dim`` as the rows of ``weight``.

    At first normally distributed; the row ``padding_idx`` is zero.
    """

    num_embeddings: int
    embedding_dim: int
    _listed = tuple[str, ...]()  # the options that ``repr`` shows

    def __post_init__(self) -> None:
        given: dict[str, Any] = {n: getattr(self, n, None) for n in ("_weight", "_freeze", "device", "dtype")}
        for name in given.keys() & self.__dict__.keys():
            delattr(self, name)
        size, weight = (self.num_embeddings, self.embedding_dim), given["_weight"]
        self.padding_idx = row_number(self.padding_idx, self.num_embeddings)  # type: ignore[has-type]
        if weight is not None and tuple(weight.shape) != size:
            raise AssertionError(f"_weight must have the shape {list(size)}, got {list(weight.shape)}")
        data = empty(size, device=given["device"], dtype=given["dtype"]) if weight is None else weight
        self.weight = Parameter(data, requires_grad=not given["_freeze"])
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
        if embeddings.ndim != 2:
            raise AssertionError(f"Embeddings parameter is expected to be 2-dimensional, got {embeddings.ndim}D")
        layer = cls(*embeddings.shape, *args, _weight=embeddings, **options)  # type: ignore[call-arg]
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(self, *inputs: Tensor, **named: Tensor) -> Tensor:
        """Row numbers of any shape; returns ``(*input.shape, D)``."""
        return super().forward(*inputs, weight=self.weight, **named)

    def extra_repr(self) -> str:
        """``num_embeddings, embedding_dim``, and the options that are not the usual ones."""
        usual = {name: option.default for name, option in self._signature.parameters.items()}
        shown = [f"{n}={getattr(self, n)!r}" for n in self._listed if n == "mode" or getattr(self, n) != usual[n]]
        return ", ".join([str(self.num_embeddings), str(self.embedding_dim), *shown])


class Embedding(_Table, function=F.embedding):
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

    _listed = ("padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse")
    padding_idx: int | None = None
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False
    sparse: bool = False
    _weight: Tensor | None = None
    _freeze: bool = False
    device: Any = None
    dtype: Any = None


class EmbeddingBag(_Table, function=F.embedding_bag):
    """Sums, means or maxima over bags of embeddings; arguments as for `Embedding`, and

    Args:
        mode: "sum", "mean" or "max".
        include_last_offset: whether ``offsets`` ends with the end of the last bag.
        padding_idx: a number that is left out of every bag; its row starts as zero.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.EmbeddingBag.html
    """

    _listed = ("max_norm", "norm_type", "scale_grad_by_freq", "mode", "padding_idx")
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False
    mode: str = "mean"
    sparse: bool = False
    _weight: Tensor | None = None
    include_last_offset: bool = False
    padding_idx: int | None = None
    device: Any = None
    dtype: Any = None

    def forward(self, input: Tensor, offsets: Any = None, per_sample_weights: Any = None) -> Tensor:  # type: ignore[override]
        """Row numbers ``(B, N)``, or ``(N,)`` with the ``offsets`` of B bags; returns ``(B, D)``."""
        return super().forward(input, offsets=offsets, per_sample_weights=per_sample_weights)
