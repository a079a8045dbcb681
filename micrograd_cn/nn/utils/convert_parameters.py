"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from micrograd_cn.ops.shape import cat, need
from micrograd_cn.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Any:
    """The elements of all parameters, one after the other, as one vector; gradients flow back through it.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.utils.parameters_to_vector.html
    """
    return cat([p.view(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let each parameter be a view of its part of the vector ``vec``.

    Raises:
        TypeError: if ``vec`` is no tensor.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.utils.vector_to_parameters.html
    """
    need(isinstance(vec, Tensor), f"expected a Tensor, but got: {type(vec).__name__}", TypeError)
    start = 0
    for p in parameters:
        p.data = vec[start : start + p.numel()].view_as(p).data
        start += p.numel()
