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


class Lazy(LazyModuleMixin):
    """Base of the lazy layers here: they lack one size, the constructor's first argument, called ``missing``.

    Their ``_size(input)`` finds it, and then ``_shapes()`` gives the shapes of parameters and buffers by name.
    """

    missing: str

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(0, *args, **kwargs)
        for kind, unshaped in (("parameter", UninitializedParameter), ("buffer", UninitializedBuffer)):
            for name, x in members(self, kind):
                if x is not None and x.ndim:
                    setattr(self, name, unshaped(dtype=x.dtype))

    def reset_parameters(self: Any) -> None:
        """Start anew, once the shapes are known."""
        if getattr(self, self.missing) and not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self: Any, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take the missing size from ``input``."""
        if self.has_uninitialized_params():
            setattr(self, self.missing, self._size(input))
            for name, shape in self._shapes().items():
                if is_lazy(getattr(self, name)):
                    getattr(self, name).materialize(shape)
            self.reset_parameters()


def lazily(lazy: type[Lazy], eager: Any) -> Any:
    """The class ``LazyName`` of a class ``Name``; ``lazy`` says how it finds its size."""
    about = f"`{eager.__name__}` that takes ``{lazy.missing}`` from its first input; arguments as there without them."
    return type(f"Lazy{eager.__name__}", (lazy, eager), {
        "cls_to_become": eager, "__doc__": about, "__module__": eager.__module__,
    })  # fmt: skip


class LazyLinear(Lazy, Linear):
    """A `Linear` whose ``in_features`` is the last length of its first input; arguments as there.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.LazyLinear.html
    """

    cls_to_become, missing = Linear, "in_features"

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(out_features, bias, device, dtype)

    def _size(self, input: Tensor) -> int:
        return input.shape[-1]

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.out_features, self.in_features), "bias": (self.out_features,)}

    def initialize_parameters(self, input: Tensor) -> None:
        """Take ``in_features`` from ``input``."""
        super().initialize_parameters(input)
        self.in_features = self._size(input)  # also where a state dict has given the shapes
