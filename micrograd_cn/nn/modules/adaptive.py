"""`AdaptiveLogSoftmaxWithLoss`: a softmax over many classes that spends its work on the frequent ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from micrograd_cn.nn import functional as F
from micrograd_cn.nn.modules.container import ModuleList, Sequential
from micrograd_cn.nn.modules.linear import Linear
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.ops.shape import cat, need
from micrograd_cn.tensor import Tensor


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of classes in clusters: the most frequent ones in the head, the others in ever thinner tails.

    Args:
        in_features: size of the input's vectors.
        n_classes: how many classes there are, sorted by how often they occur.
        cutoffs: where the clusters begin, growing, each in ``[1, n_classes - 1]``.
        div_value: cluster ``i`` (from 1 on) works on ``in_features // div_value ** i`` features.
        head_bias: whether the head adds a bias.
        device: only the CPU.
        dtype: of the parameters.

    Raises:
        ValueError: if the cutoffs are not such.

    Source: Grave, Joulin, Cissé, Grangier and Jégou, 2017.
    """

    def __init__(self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0,
            head_bias: bool = False, device: Any = None, dtype: Any = None) -> None:  # fmt: skip
        super().__init__()
        bounds = [0, *cutoffs, n_classes]
        fits = len(bounds) > 2 and all(a < b == int(b) for a, b in pairwise(bounds))
        wanted = f"growing integers, each between 1 and n_classes-1 ({n_classes - 1})"
        need(fits, f"cutoffs should be a sequence of {wanted}, but got {list(cutoffs)}", ValueError)
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, bounds[1:]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = bounds[1], len(bounds) - 2
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs), 1):
            width = int(in_features // div_value**i)
            first = Linear(in_features, width, False, device, dtype)
            self.tail.append(Sequential(first, Linear(width, high - low, False, device, dtype)))

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for module in self.modules():
            if isinstance(module, Linear):
                module.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """The log-probabilities of the targets and their negative mean.

        Args:
            input_: ``(N, in_features)`` or ``(in_features,)``.
            target_: class numbers ``(N,)`` or ``()``.

        Returns:
            ``output`` of the target's shape and ``loss``.

        Raises:
            RuntimeError: if shapes do not fit or a class number is out of range.
        """
        found = f"got {list(input_.shape)} and {list(target_.shape)}"
        fits = target_.ndim < 2 and input_.ndim == target_.ndim + 1 and input_.shape[:-1] == target_.shape
        need(fits, f"expected input (N, in_features) and target (N,), or one of each, but {found}")
        target = target_.reshape(-1)
        if ((target < 0) | (target >= self.n_classes)).any():
            found = f"[{target.min().item()}, {target.max().item()}]"
            raise RuntimeError(f"Target values should be in [0, {self.n_classes - 1}], but are in {found}")
        input, output = input_.reshape(len(target), -1), input_.new_zeros(len(target))
        places = target.clone()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if len(rows):
                inside = F.log_softmax(self.tail[i](input[rows]), 1)
                output = output.index_add(0, rows, inside.gather(1, (target[rows] - low).unsqueeze(1)).squeeze(1))
                places[rows] = self.shortlist_size + i
        output = output + F.log_softmax(self.head(input), 1).gather(1, places.unsqueeze(1)).squeeze(1)
        return _ASMoutput(output.reshape(target_.shape), -output.mean())

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities ``(N, n_classes)`` of all classes for ``(N, in_features)``."""
        head = F.log_softmax(self.head(input), 1)
        size = self.shortlist_size
        tails = [F.log_softmax(tail(input), 1) + head[:, size + i : size + i + 1] for i, tail in enumerate(self.tail)]
        return cat([head[:, :size], *tails], 1)

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each row; one of a tail only where the head ranks its cluster first."""
        best = self.head(input).argmax(1)
        return best.where(best < self.shortlist_size, self.log_prob(input).argmax(1))
