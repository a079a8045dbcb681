"""`Variable`, by which tensors that require grad were made before tensors could."""

from __future__ import annotations

from typing import Any

from micrograd_cn.tensor import Tensor


class _VariableType(type):
    def __call__(cls, data: Tensor, requires_grad: bool = False, volatile: bool = False) -> Tensor:
        return data.detach().requires_grad_(requires_grad)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableType):
    """``Variable(data, requires_grad=False)``: a tensor with the memory of ``data``; every tensor is an instance.

    https://pytorch.org/docs/stable/autograd.html#variable-deprecated
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any: ...
