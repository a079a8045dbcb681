"""Tensors that a `Module` knows by name: `Parameter` (trained) and `Buffer` (kept, not trained)."""

from __future__ import annotations

from typing import Any

from micrograd_cn.tensor import Tensor


class Parameter(Tensor):
    """A tensor that becomes a parameter of the module it is assigned to.

    Args:
        data: the tensor whose memory it uses, without a copy; an empty one if None.
        requires_grad: whether autograd follows it.

    Raises:
        RuntimeError: for integers, unless ``requires_grad`` is False.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Any:
        source = Tensor(0) if data is None else data.detach()
        return source._as_subclass(cls).requires_grad_(requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that becomes a buffer of the module it is assigned to: part of its state, but not trained.

    Args:
        data: the tensor whose memory it uses, without a copy; an empty one if None.
        persistent: whether it is part of the module's `state_dict`.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        source = Tensor(0) if data is None else data.detach()
        buffer = source._as_subclass(cls)
        buffer.persistent = persistent
        return buffer
