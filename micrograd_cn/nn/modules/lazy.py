"""Lazy modules: those that find the sizes of their parameters from the first input they see."""

from __future__ import annotations

from typing import Any

from micrograd_cn.autograd import no_grad
from micrograd_cn.nn.modules.linear import Linear
from micrograd_cn.nn.modules.members import members
from micrograd_cn.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from micrograd_cn.tensor import Tensor

__all__ = ["LazyLinear", "LazyModuleMixin", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


class LazyModuleMixin:
    """Makes a module lazy: ``class LazyThing(LazyModuleMixin, Thing)``.

    Its ``__init__`` sets `UninitializedParameter`, and its ``initialize_parameters`` gives them their shapes when the
    first input comes, just before `forward`. From then on the module is of the class ``cls_to_become``.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.modules.lazy.LazyModuleMixin.html
    """

    cls_to_become: type | None = None

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._initialize_hook = self.register_forward_pre_hook(_infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters shapes that fit the input (the arguments of `forward`); each class has its own."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self: Any) -> bool:
        """Whether parameters or buffers are still without a shape."""
        return any(is_lazy(x) for kind in ("parameter", "buffer") for _, x in members(self, kind))

    def _load_from_state_dict(self: Any, state_dict: Any, prefix: str, *rest: Any) -> None:
        for kind in ("parameter", "buffer"):
            for name, tensor in members(self, kind):
                value = state_dict.get(prefix + name)
                if is_lazy(tensor) and value is not None and not is_lazy(value):
                    tensor.materialize(value.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)  # type: ignore[misc]


def _infer_parameters(module: Any, args: tuple, kwargs: dict[str, Any]) -> None:
    """What a lazy module does before its first `forward`."""
    with no_grad():
        module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(f"module {type(module).__name__} has not been fully initialized")
    module._initialize_hook.remove()
    del module._initialize_hook
    if not module._registered_hooks["forward_pre"]:
        del module._registered_hooks["forward_pre"]
    module.__class__ = module.cls_to_become or type(module)


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` whose ``in_features`` is the last length of its first input; arguments as there.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, False)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew, once they have a shape."""
        if self.in_features:
            super().reset_parameters()

    def initialize_parameters(self: Any, input: Tensor) -> None:
        """Take ``in_features`` from ``input``."""
        self.in_features = input.shape[-1]
        if self.has_uninitialized_params():
            self.weight.materialize((self.out_features, self.in_features))
            if self.bias is not None:
                self.bias.materialize((self.out_features,))
            self.reset_parameters()
