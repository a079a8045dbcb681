"""`Optimizer`: what all optimizers share. Groups of parameters with their settings, state, saving, hooks.

An algorithm is a subclass whose defaults stand in the signature of its ``__init__``; see
`micrograd_cn.optim.algorithm`. Users' own optimizers override ``step()`` instead, as in PyTorch.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, TypeAlias

from micrograd_cn.autograd import enable_grad
from micrograd_cn.ops.shape import need
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

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._hooks: defaultdict[str, OrderedDict[int, Callable[..., Any]]] = defaultdict(OrderedDict)
        what = "params argument given to the optimizer should be an iterable of Tensors or dicts"
        need(not isinstance(params, Tensor), f"{what}, but got {_typename(params)}", TypeError)
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups: list[Any] = list(params)
        need(groups, "optimizer got an empty parameter list", ValueError)
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _prepare(self, arguments: dict[str, Any]) -> None:
        """Check the ``locals()`` of an algorithm's ``__init__`` and make them its defaults.

        ``foreach``, ``fused`` and ``capturable`` choose among PyTorch's ways to compute the same numbers; here is one.
        """
        given = {name: value for name, value in arguments.items() if name not in ("self", "params")}
        for name in _NOT_NEGATIVE & given.keys():
            check_setting(name, given[name])
        for i, beta in enumerate(given.get("betas", ())):
            _need_single(f"betas[{i}]", beta)
            need(0.0 <= beta < 1.0, f"Invalid beta parameter at index {i}: {beta}", ValueError)
        if given.get("fused"):
            need(not given["differentiable"], "`fused` does not support `differentiable`")
            need(not given["foreach"], "`fused` and `foreach` cannot be `True` together.")
        if given.get("differentiable"):
            raise NotImplementedError(
                "differentiable=True is not offered: step() works on the numbers and leaves no graph. To differentiate "
                "through an update, write it with tensors: w = w - lr * autograd.grad(loss, w, create_graph=True)[0]"
            )
        Optimizer.__init__(self, arguments["params"], given)

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
        need(isinstance(param_group, dict), f"param_group must be a dict, but got {type(param_group)}", TypeError)
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
            what = "all optimizer params should be with/without names. Some param names are missing"
            need(len(names) == len(params), what, ValueError)
            param_group["param_names"] = names
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_typename(p)}")
            need(p.is_leaf or p.retains_grad, "can't optimize a non-leaf Tensor", ValueError)
        for name, default in self.defaults.items():
            if param_group.setdefault(name, default) is required:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        there, named = self.param_groups, "param_names" in param_group
        what = "all optimizer param groups should be with/without names. cannot add param group"
        what = f"{what} {'with' if named else 'without'} names to the optimizer"
        need(all(named == ("param_names" in group) for group in there), what, ValueError)
        alone = set(params).isdisjoint(p for group in there for p in group["params"])
        need(alone, "some parameters appear in more than one parameter group", ValueError)
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
                {name: value for name, value in group.items() if name != "params"}
                | {"params": [number[id(p)] for p in group["params"]]}
                for group in self.param_groups
            ],
        }
        return self._passed("state_dict_post", saved)

    def _passed(self, event: str, saved: dict[str, Any]) -> dict[str, Any]:
        """``saved`` after the hooks of an event have seen it and perhaps replaced it."""
        for hook in list(self._hooks[event].values()):
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
        state_dict = self._passed("load_state_dict_pre", state_dict.copy())
        groups, saved_groups = self.param_groups, copy.deepcopy(state_dict["param_groups"])
        what = "loaded state dict has a different number of parameter groups"
        need(len(groups) == len(saved_groups), what, ValueError)
        parameter: dict[Any, Tensor] = {}
        for group, saved in zip(groups, saved_groups, strict=True):
            what = "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            need(len(group["params"]) == len(saved["params"]), what, ValueError)
            parameter.update(zip(saved["params"], group["params"], strict=True))
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            p = parameter.get(key)
            state[key if p is None else p] = value if p is None else _loaded(p, value)
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
            for name in _NEWER.keys() & self.defaults.keys():
                group.setdefault(name, _NEWER[name])

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
        return self._watch_step("step_pre", hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> Handle:
        """Run ``hook(optimizer, args, kwargs)`` after every `step`; returns a handle with ``remove()``."""
        return self._watch_step("step_post", hook)

    def _watch_step(self, event: str, hook: Callable[..., Any]) -> Handle:
        """From now on run the hooks around `step`; before the first is registered, nothing stands in its way."""
        if "step_pre" in self._hooks:
            return self._register(event, hook)
        step, pre, post = self.step, self._hooks["step_pre"], self._hooks["step_post"]

        @functools.wraps(step)
        def watched(*args: Any, **kwargs: Any) -> Any:
            args = (self, *args)
            for hook in list(pre.values()):
                changed = hook(self, args, kwargs)
                if changed is not None:
                    what = f"{hook} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    need(isinstance(changed, tuple) and len(changed) == 2, what)
                    args, kwargs = changed
            result = step(*args[1:], **kwargs)
            for hook in list(post.values()):
                hook(self, args, kwargs)
            return result

        self.step = watched  # type: ignore[method-assign]
        return self._register(event, hook)

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


_NOT_NEGATIVE = {
    "lr", "eps", "momentum", "weight_decay", "lr_decay", "initial_accumulator_value", "rho", "momentum_decay",
}  # fmt: skip
# Settings that dicts saved by older versions of PyTorch lack, with the values those versions computed with.
_NEWER: dict[str, Any] = dict.fromkeys(
    ("amsgrad", "maximize", "capturable", "differentiable", "decoupled_weight_decay", "nesterov", "centered"), False
) | {"foreach": None, "fused": None, "momentum": 0}


def check_setting(name: str, value: Any) -> None:
    """Raise ValueError if the setting ``value`` is negative, or is a tensor of several numbers."""
    _need_single(name, value)
    what = {"lr": "learning rate", "eps": "epsilon value"}.get(name, f"{name} value")
    need(value >= 0.0, f"Invalid {what}: {value}", ValueError)


def _need_single(name: str, value: Any) -> None:
    need(not isinstance(value, Tensor) or value.numel() == 1, f"Tensor {name} must be 1-element", ValueError)
