"""Weight normalization: a weight as a length and a direction."""

from __future__ import annotations

import warnings
from typing import Any

from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.parameter import Parameter
from micrograd_cn.tensor import Tensor


class WeightNorm:
    """The hook that sets a module's weight to ``g · v / |v|`` before each forward."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, -1 if dim is None else dim

    def norm(self, v: Tensor) -> Any:
        """The length of ``v`` over all dimensions but one; over all if that is -1."""
        dims = tuple(i for i in range(v.ndim) if i != self.dim)
        return (v * v).sum(dims, keepdim=self.dim != -1).sqrt() if dims else v.abs()

    def __call__(self, module: Module, inputs: Any = None) -> None:
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        setattr(module, self.name, v * (g / self.norm(v)))


def _places(module: Module, name: str) -> list[int]:
    """The numbers of the module's hooks that normalize the weight ``name``."""
    hooks = ((key, hook.function) for key, hook in module._forward_pre_hooks.items())
    return [key for key, hook in hooks if isinstance(hook, WeightNorm) and hook.name == name]


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Give the module parameters ``name_g`` and ``name_v`` in place of ``name``, which is ``g · v / |v|`` from now on.

    Args:
        module: the layer; it is returned.
        name: its parameter.
        dim: the dimension along which there is one length each; None: one for all.

    Raises:
        RuntimeError: if that is done already.

    Source: Salimans and Kingma, Weight Normalization, https://arxiv.org/abs/1602.07868;
    https://pytorch.org/docs/stable/generated/torch.nn.utils.weight_norm.html
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    if _places(module, name):
        raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook, weight = WeightNorm(name, dim), getattr(module, name)
    delattr(module, name)
    module.register_parameter(name + "_g", Parameter(hook.norm(weight).data))
    module.register_parameter(name + "_v", Parameter(weight.data))
    hook(module)
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Make the weight of a module that `weight_norm` has changed a parameter again.

    Raises:
        ValueError: if it has not.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.utils.remove_weight_norm.html
    """
    for key in _places(module, name):
        module._forward_pre_hooks[key].function(module)
        weight = getattr(module, name)
        for attribute in (name, name + "_g", name + "_v"):
            delattr(module, attribute)
        setattr(module, name, Parameter(weight.data))
        del module._forward_pre_hooks[key]
        return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
