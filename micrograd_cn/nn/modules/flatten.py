"""Reshaping layers: `Flatten` and `Unflatten`."""

from __future__ import annotations

from typing import Any

from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.modules.optioned import Optioned
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class Flatten(Optioned, function=Tensor.flatten, options="start_dim end_dim", start_dim=1):
    """Makes one dimension of those from ``start_dim`` to ``end_dim``; by default all but the batch's.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html
    """


class Unflatten(Module):
    """Makes several dimensions of one.

    Args:
        dim: the dimension to split.
        unflattened_size: what sizes it becomes; one of them may be -1.

    Raises:
        TypeError: if ``unflattened_size`` is no tuple or list of ints.
    """

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        found = f"but found type {type(unflattened_size).__name__}"
        need(
            isinstance(unflattened_size, (tuple, list)), f"unflattened_size must be a tuple of ints, {found}", TypeError
        )
        for i, size in enumerate(unflattened_size):
            found = f"but found element of type {type(size).__name__} at pos {i}"
            need(isinstance(size, int), f"unflattened_size must be tuple of ints, {found}", TypeError)
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """The same elements; dimension ``dim`` replaced by ``unflattened_size``."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """``dim=..., unflattened_size=...``."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
