"""`Optimizer`: what all optimizers share. Groups of parameters with their settings, state, saving, hooks.

An algorithm is a subclass with ``_update(group)``: straight-line NumPy on the arrays of the parameters, in place.
Users' own optimizers override ``step()`` instead, as in PyTorch.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.autograd import enable_grad
from micrograd_cn.recording import Handle, wrap
from micrograd_cn.tensor import Tensor

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
"""What an optimizer is given: tensors, dicts with a key ``params`` (parameter groups), or pairs of name and tensor."""


class _Required:
    """The type of `required`."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()
"""A default that says: every parameter group must bring this setting itself."""


class Optimizer:
    """The base of all optimizers.

    Args:
        params: tensors, pairs ``(name, tensor)``, or dicts: parameter groups with settings of their own.
        defaults: the settings of groups that do not bring their own.

    Attributes:
        param_groups: a list of dicts, each with ``params`` (a list of tensors) and the settings for them.
        state: what the algorithm remembers, a dict for each parameter.
        defaults: as given.

    Raises:
        TypeError: if ``params`` is a tensor or a set, or holds something that is no tensor.
        ValueError: for no parameters, for a tensor that was computed, and for one that is in two groups.

    Source: https://pytorch.org/docs/stable/optim.html#base-class
    """

    # Settings that dicts saved by older versions of PyTorch lack, with the values those versions computed with.
    _newer_settings: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._hooks: defaultdict[str, OrderedDict[int, Callable[..., Any]]] = defaultdict(OrderedDict)
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{_typename(params)}"
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # --- training ----------------------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient, in place, by one step of the algorithm.

        Args:
            closure: computes the loss and its gradients anew and returns the loss; it runs first.

        Returns:
            What ``closure`` returned; None without one.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        """The algorithm: one step for the parameters of one group."""
        raise NotImplementedError(f"{type(self).__name__} must define step()")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros if not ``set_to_none``."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad.detach_().zero_()

    # --- parameters --------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Optimize more parameters: ``{"params": [...], "lr": 0.1}``; settings that are left out are the defaults.

        Raises:
            TypeError, ValueError: as for the class; and ValueError if some parameters have names and others none, or
                a required setting is missing.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        given = param_group["params"]
        if isinstance(given, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        entries = [given] if isinstance(given, Tensor) else list(given)
        names = [entry[0] for entry in entries if isinstance(entry, tuple)]
        params = [entry[1] if isinstance(entry, tuple) else entry for entry in entries]
        param_group["params"] = params
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_typename(p)}")
            if not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if param_group.setdefault(name, default) is required:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                with_or_without = "with" if "param_names" in param_group else "without"
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{with_or_without} names to the optimizer"
                )
        if not set(params).isdisjoint(p for group in self.param_groups for p in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    # --- saving and loading ------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Settings and state as a dict in which parameters are numbers: 0 for the first of the first group, and so on.

        Returns:
            ``{"state": {0: {...}, 1: {...}}, "param_groups": [{"lr": 0.01, ..., "params": [0, 1]}]}``. The tensors
            in it are those that training goes on to change.
        """
        for hook in list(self._hooks["state_dict_pre"].values()):
            hook(self)
        number: dict[int, int] = {}
        for place, p in enumerate(chain.from_iterable(group["params"] for group in self.param_groups)):
            number.setdefault(id(p), place)
        saved: dict[str, Any] = {
            "state": {number[id(p)] if isinstance(p, Tensor) else p: state for p, state in self.state.items()},
            "param_groups": [
                {
                    **{name: value for name, value in group.items() if name != "params"},
                    "params": [number[id(p)] for p in group["params"]],
                }
                for group in self.param_groups
            ],
        }
        for hook in list(self._hooks["state_dict_post"].values()):
            changed = hook(self, saved)
            saved = saved if changed is None else changed
        return saved

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the settings and the state of a dict that `state_dict` returned, here or in PyTorch.

        Parameters are matched by their order. Floating-point tensors take the dtype of their parameter; those that
        have it already are taken over without a copy, as in PyTorch.

        Raises:
            ValueError: if the groups of the dict and of this optimizer differ in number or size.
        """
        state_dict = state_dict.copy()
        for hook in list(self._hooks["load_state_dict_pre"].values()):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups, saved_groups = self.param_groups, copy.deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        parameter: dict[Any, Tensor] = {}
        for group, saved in zip(groups, saved_groups, strict=True):
            if len(group["params"]) != len(saved["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
                )
            parameter.update(zip(saved["params"], group["params"], strict=True))
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
        state: defaultdict[Any, Any] = defaultdict(dict)
        for number, value in state_dict["state"].items():
            if number in parameter:
                state[parameter[number]] = _loaded(parameter[number], value)
            else:
                state[number] = value
        self.__setstate__({"state": state, "param_groups": saved_groups})
        for hook in list(self._hooks["load_state_dict_post"].values()):
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "_hooks" not in vars(self):
            self._hooks = defaultdict(OrderedDict)
        for group in self.param_groups:
            for name, value in self._newer_settings.items():
                group.setdefault(name, value)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            lines = [f"    {name}: {group[name]}\n" for name in sorted(group) if name != "params"]
            text += f"\nParameter Group {i}\n{''.join(lines)}"
        return text + ")"

    # --- hooks -------------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Run ``hook(optimizer, args, kwargs)`` before every `step`; it may return new ``(args, kwargs)`` for it.

        The first of the ``args`` is the optimizer itself.

        Returns:
            A handle whose ``remove()`` takes the hook away.
        """
        self._watch_step()
        return self._register("step_pre", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> Handle:
        """Run ``hook(optimizer, args, kwargs)`` after every `step`; returns a handle with ``remove()``."""
        self._watch_step()
        return self._register("step_post", hook)

    def _watch_step(self) -> None:
        """From now on run the hooks around `step`; before the first is registered, nothing stands in its way."""
        if "step_pre" in self._hooks:
            return
        step, pre, post = self.step, self._hooks["step_pre"], self._hooks["step_post"]

        @functools.wraps(step)
        def watched(*args: Any, **kwargs: Any) -> Any:
            args = (self, *args)
            for hook in list(pre.values()):
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            f"{hook} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                        )
                    args, kwargs = changed
            result = step(*args[1:], **kwargs)
            for hook in list(post.values()):
                hook(self, args, kwargs)
            return result

        self.step = watched  # type: ignore[method-assign]

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Run ``hook(optimizer)`` before `state_dict`, before the hooks that are there if ``prepend``."""
        return self._register("state_dict_pre", hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Run ``hook(optimizer, state_dict)`` on what `state_dict` made; a dict that it returns replaces that."""
        return self._register("state_dict_post", hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Run ``hook(optimizer, state_dict)`` before `load_state_dict`; a dict that it returns is loaded instead."""
        return self._register("load_state_dict_pre", hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Run ``hook(optimizer)`` after `load_state_dict`."""
        return self._register("load_state_dict_post", hook, prepend)

    def _register(self, event: str, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        hooks = self._hooks[event]
        handle = Handle(hooks, hook)
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle


def _typename(x: Any) -> str:
    """The type of ``x`` as PyTorch names it in messages: ``torch.FloatTensor``, ``int``."""
    if isinstance(x, Tensor):
        return x.type()
    kind = type(x)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _loaded(p: Tensor, value: Any, key: Any = None) -> Any:
    """A loaded state of the parameter ``p``: tensors in it take the dtype of ``p``, save the counter of steps."""
    if hasattr(value, "__torch_function__"):
        value = wrap(value.detach().numpy().copy())  # PyTorch's own tensor
    if isinstance(value, Tensor):
        return value.to(p.dtype) if key != "step" and p.is_floating_point() else value
    if isinstance(value, dict):
        return {name: _loaded(p, item, name) for name, item in value.items()}
    if isinstance(value, Iterable):
        return type(value)(_loaded(p, item) for item in value)  # type: ignore[call-arg]
    return value


# --- what the algorithms share ---------------------------------------------------------------------------------------


def check_setting(name: str, value: Any) -> None:
    """Raise ValueError if the setting ``value`` is negative, or is a tensor of several numbers."""
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element")
    if not value >= 0.0:
        what = {"lr": "learning rate", "eps": "epsilon value"}.get(name, f"{name} value")
        raise ValueError(f"Invalid {what}: {value}")


def check_variant(differentiable: bool, foreach: bool | None = None, fused: bool | None = None) -> None:
    """Raise for variants of an algorithm that exclude each other, and for the one that is not offered.

    ``foreach``, ``fused`` and ``capturable`` choose among PyTorch's ways to compute the same numbers; here is one way.
    """
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if differentiable:
        raise NotImplementedError(
            "differentiable=True is not offered: step() works on the numbers and leaves no graph. To differentiate "
            "through an update, write it with tensors: w = w - lr * autograd.grad(loss, w, create_graph=True)[0]"
        )


def number(setting: Any) -> Any:
    """A setting to calculate with: a Python float, or the NumPy number in a tensor, which keeps its precision."""
    return setting._array.reshape(())[()] if isinstance(setting, Tensor) else float(setting)


def as_real(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same memory with complex numbers as pairs of real ones; a real array itself."""
    return array[..., None].view(array.real.dtype) if array.dtype.kind == "c" else array


def move_towards(average: np.ndarray[Any, Any], new: np.ndarray[Any, Any], share: float) -> None:
    """``average = (1 - share) · average + share · new``, in place, rounded as ``torch.lerp`` rounds it."""
    if share < 0.5:
        average += share * (new - average)
    else:
        np.subtract(new, (1 - share) * (new - average), out=average)


def new_step(fused: bool | None = None, value: float = 0.0) -> Tensor:
    """A counter of steps, as the state keeps it: a tensor in the default dtype, in float32 if ``fused``."""
    double = dtypes.get_default_dtype() is dtypes.float64 and not fused
    return wrap(np.array(value, np.float64 if double else np.float32))


def steps_to_tensors(optimizer: Optimizer) -> None:
    """Turn the counters of steps in a loaded state into tensors: older versions of PyTorch saved numbers."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            state = optimizer.state.get(p)
            if state and not isinstance(state["step"], Tensor):
                state["step"] = new_step(group.get("fused"), float(state["step"]))
