"""Tensors that a `Module` knows by name: `Parameter` (trained) and `Buffer` (kept, not trained).

Those of lazy modules start as `UninitializedParameter` and `UninitializedBuffer`, whose shape is not known yet.
"""

from __future__ import annotations

from typing import Any

from micrograd_cn.creation import empty
from micrograd_cn.tensor import Size, Tensor


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

    _copies_grad = False

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


class UninitializedTensorMixin:
    """What a tensor is that has a dtype but no shape yet; `materialize` makes it a tensor of the usual kind."""

    __slots__ = ()
    cls_to_become: type

    def materialize(self: Any, shape: tuple[int, ...], device: Any = None, dtype: Any = None) -> None:
        """Become a tensor of ``shape``, its numbers being anything, and of ``dtype`` or the type chosen before."""
        self.data = empty(tuple(shape), device=device, dtype=dtype or self.dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Size:
        """RuntimeError: there is none yet."""
        text = "Can't access the shape of an uninitialized parameter or buffer, as load_state_dict() may"
        raise RuntimeError(f"{text}. Call the module with an input first.")

    def detach(self) -> Any:
        """Itself: there is nothing to detach."""
        return self

    def _apply(self, row: Any, args: Any, named: Any) -> Any:
        text = f"Attempted to use an uninitialized parameter in {row.name}(): its shape is not known before"
        raise ValueError(f"{text} the lazy module that it belongs to has been called with an input.")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A `Parameter` of a lazy module: its shape follows from the first input of the module.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.parameter.UninitializedParameter.html
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return super().__new__(cls, empty(0, device=device, dtype=dtype), requires_grad)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer of a lazy module: its shape follows from the first input of the module.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.parameter.UninitializedBuffer.html
    """

    __slots__ = ()
    cls_to_become = Tensor

    def __new__(cls, requires_grad: bool = False, device: Any = None, dtype: Any = None) -> Any:
        return empty(0, device=device, dtype=dtype)._as_subclass(cls).requires_grad_(requires_grad)


def is_lazy(param: Any) -> bool:
    """Whether ``param`` is an `UninitializedParameter` or an `UninitializedBuffer`."""
    return isinstance(param, UninitializedTensorMixin)


def add_parameters(module: Any, device: Any, dtype: Any, **shapes: Any) -> None:
    """Give a module parameters of these names and shapes (None where the shape is) and let it set their numbers."""
    for name, shape in shapes.items():
        made = None if shape is None else Parameter(empty(shape, device=device, dtype=dtype))
        module.register_parameter(name, made)
    module.reset_parameters()
