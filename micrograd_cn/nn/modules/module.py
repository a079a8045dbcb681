"""`Module`, the base of all layers and models: a tree of named parameters, buffers and submodules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

from micrograd_cn.dtypes import dtype
from micrograd_cn.nn.modules.hooks import call_with_hooks
from micrograd_cn.nn.modules.members import members
from micrograd_cn.nn.modules.state import Stateful
from micrograd_cn.nn.parameter import Parameter
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class Module(Stateful):
    """Base class of layers and models. Subclass it, assign layers and parameters in ``__init__``, and write
    ``forward``; calling the module runs ``forward`` with the hooks around it::

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.hidden = nn.Linear(2, 4)
                self.out = nn.Linear(4, 1)

            def forward(self, x):
                return self.out(torch.relu(self.hidden(x)))

    Attributes:
        training: True after `train` (and at first), False after `eval`; `Dropout` and others look at it.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Module.html
    """

    training: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args or kwargs:
            wrong = f"takes 1 positional argument but {len(args) + 1} were given"
            if kwargs:
                wrong = f"got an unexpected keyword argument '{next(iter(kwargs))}'"
            raise TypeError(f"{type(self).__name__}.__init__() {wrong}")
        self.__dict__.update(training=True, _member_kinds={}, _non_persistent_buffers_set=set(), _registered_hooks={})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._registered_hooks:  # all that a module without hooks pays: 0.16 µs with the call itself
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any) -> Any:
        """What the module computes; every subclass defines its own."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def get_submodule(self, target: str) -> Module:
        """The submodule at a dotted path such as ``"encoder.layers.0"``; the module itself at ``""``.

        Raises:
            AttributeError: naming the part of the path that does not exist or is no module.
        """
        module = self
        for name in target.split(".") if target else ():
            module = _attribute(module, name)
            need(isinstance(module, Module), f"`{name}` is not an nn.Module", AttributeError)
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put ``module`` at a dotted path, in the place of what stands there.

        Args:
            target: the path, such as ``"net.0"``.
            module: the new submodule.
            strict: refuse a path where nothing stands yet.

        Raises:
            ValueError: if the path is empty or ``module`` is no module.
            AttributeError: if the path leads nowhere.
        """
        need(target, "Cannot set the submodule without a target name!", ValueError)
        need(isinstance(module, Module), f"`module` is not an nn.Module, found {type(module)}", ValueError)
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict or hasattr(parent, name):
            parent.get_submodule(name)
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path such as ``"hidden.weight"``; AttributeError if there is none."""
        path, _, name = target.rpartition(".")
        parameter = _attribute(self.get_submodule(path), name)
        need(isinstance(parameter, Parameter), f"`{name}` is not an nn.Parameter", AttributeError)
        return parameter

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path; AttributeError if there is none."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        buffer = _attribute(module, name)
        need(name in module._buffers, f"`{name}` is not a buffer", AttributeError)
        return buffer

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their dotted paths, parents before children.

        Args:
            memo: modules to leave out; those that are given out are added to it.
            prefix: the path of this module.
            remove_duplicate: give a module that stands in two places only once.
        """
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in members(self, "module"):
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct submodules with their names, each once."""
        return self._named_members("module", "", False, True)

    def children(self) -> Iterator[Module]:
        """The direct submodules, each once."""
        return (module for _, module in self.named_children())

    def _named_members(self, kind: str, prefix: str, recurse: bool, unique: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        walk = self.named_modules(prefix=prefix, remove_duplicate=unique) if recurse else [(prefix, self)]
        for path, module in walk:
            for name, value in members(module, kind):
                if value is not None and id(value) not in seen:
                    if unique:
                        seen.add(id(value))
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names, in order of registration.

        Args:
            prefix: set before each name.
            recurse: include the submodules' parameters.
            remove_duplicate: give a shared parameter only once, under its first name.
        """
        return self._named_members("parameter", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once; this is what an optimizer is given."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names; arguments as for `named_parameters`."""
        return self._named_members("buffer", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` on every submodule and then on this module, as one does to initialise weights."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set ``training`` here and below; ValueError if ``mode`` is no bool."""
        need(isinstance(mode, bool), "training mode is expected to be boolean", ValueError)
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Set ``training`` to False here and below: `Dropout` stops dropping, and the like."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Have autograd follow all parameters, or freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; with ``set_to_none=False`` fill them with zeros instead."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.detach_().zero_()

    def _apply(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """Replace the memory of every parameter, gradient and buffer by ``fn`` of it; the objects stay."""
        for module in self.modules():
            for _, parameter in members(module, "parameter"):
                if parameter is not None:
                    parameter.data = fn(parameter.data)
                    if parameter.grad is not None:
                        parameter.grad.data = fn(parameter.grad.data)
            for name, buffer in members(module, "buffer"):
                if buffer is not None:
                    module._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Change, in place, the type of all floating point parameters and buffers.

        Args:
            *args, **kwargs: as for `Tensor.to`: a dtype, a device, a tensor whose dtype to take.

        Raises:
            TypeError: for a dtype that is not floating point.
        """
        wanted = kwargs.get("dtype")
        for arg in args:
            wanted = arg if isinstance(arg, dtype) else arg.dtype if isinstance(arg, Tensor) else wanted
        if wanted is None:
            return self._apply(lambda t: t.to(*args, **kwargs))
        text = f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={wanted}"
        need(wanted.is_floating_point or wanted.is_complex, text, TypeError)
        return self._apply(lambda t: t.to(*args, **kwargs) if t.is_floating_point() or t.is_complex() else t)

    def float(self) -> Self:
        """Bring all floating point parameters and buffers to float32, in place."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Bring all floating point parameters and buffers to float64, in place."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Bring all floating point parameters and buffers to float16, in place."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Bring all floating point parameters and buffers to bfloat16, in place."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def type(self, dst_type: Any) -> Self:
        """Bring all parameters and buffers, integers included, to ``dst_type``, in place."""
        return self._apply(lambda t: t.type(dst_type))

    def cpu(self) -> Self:
        """Everything is on the CPU; returns the module."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Raises what `Tensor.cuda` raises, if there are parameters: there is no such device."""
        return self._apply(lambda t: t.cuda(device))

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of the ``repr``; subclasses override it."""
        return ""

    def __repr__(self) -> str:
        own = self.extra_repr()
        children = [f"({name}): {indent(repr(module))}" for name, module in members(self, "module")]
        if not children and "\n" not in own:
            return f"{self._get_name()}({own})"
        lines = (own.split("\n") if own else []) + children
        return "\n  ".join([f"{self._get_name()}(", *lines]) + "\n)"


def indent(text: str) -> str:
    """``text`` with two spaces before each line but the first."""
    return text.replace("\n", "\n  ")


def _attribute(module: Module, name: str) -> Any:
    need(hasattr(module, name), f"{type(module).__name__} has no attribute `{name}`", AttributeError)
    return getattr(module, name)
