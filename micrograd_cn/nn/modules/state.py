"""Saving a module's numbers as a flat dict, and loading such a dict into a module."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from micrograd_cn.autograd import no_grad
from micrograd_cn.nn.modules.hooks import Hook, Hooked, add_hook, run_hooks
from micrograd_cn.nn.modules.members import Holder, members
from micrograd_cn.nn.parameter import Parameter, is_lazy
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import Handle
from micrograd_cn.tensor import Tensor

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the keys that the dict lacks, and those that the module lacks."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Stateful(Holder, Hooked):
    """The part of `Module` that turns parameters and persistent buffers into a state dict and back.

    A state dict has the ``_version`` of each module in it, by dotted name, as its attribute ``_metadata``.
    """

    _version = 1

    def get_extra_state(self) -> Any:
        """Override it with `set_extra_state` to keep something beside tensors in the state dict."""
        raise RuntimeError(f"{type(self).__name__} does not override get_extra_state()")

    def set_extra_state(self, state: Any) -> None:
        """Receive what `get_extra_state` returned when the state dict was made."""
        raise RuntimeError(f"{type(self).__name__} does not override set_extra_state()")

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """All parameters and persistent buffers by their dotted names, in order of registration.

        The tensors share memory with the module. ``model.load_state_dict(model.state_dict())`` changes nothing.

        Args:
            destination: an ordered dict to write into; a new one by default.
            prefix: set before each name.
            keep_vars: give the parameters themselves rather than tensors detached from the graph.
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()  # type: ignore[attr-defined]
        local = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local
        run_hooks(self, "state_dict_pre", prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in members(self, "module"):
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        run_hooks(self, "state_dict_post", destination, prefix, local)
        return destination

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Write this module's own state, without its children's."""
        for name, tensor in _own_state(self).items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if _overrides(self, "get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the numbers of a state dict into this module's parameters and buffers.

        Args:
            state_dict: tensors by dotted name, as `state_dict` returns them.
            strict: refuse a dict that lacks a key or has one too many.
            assign: put the dict's tensors in the place of the module's own, dtype included, instead of copying.

        Returns:
            The named tuple ``(missing_keys, unexpected_keys)``.

        Raises:
            TypeError: if ``state_dict`` is no mapping.
            RuntimeError: naming every key that is missing or unexpected (if ``strict``) and every tensor of
                another shape.
        """
        text = f"Expected state_dict to be dict-like, got {type(state_dict)}."
        need(isinstance(state_dict, Mapping), text, TypeError)
        errors: list[str] = []
        missing, unexpected = keys = _IncompatibleKeys([], [])
        versions = getattr(state_dict, "_metadata", {})

        def load(module: Stateful, state: dict[str, Any], prefix: str) -> None:
            metadata = {**versions.get(prefix[:-1], {}), "assign_to_params_buffers": assign}
            module._load_from_state_dict(state, prefix, metadata, True, missing, unexpected, errors)
            for name, child in members(module, "module"):
                if child is not None:
                    path = f"{prefix}{name}."
                    load(child, {k: v for k, v in state.items() if k.startswith(path)}, path)
            run_hooks(module, "load_state_dict_post", keys)

        load(self, OrderedDict(state_dict), "")
        for what, found in (("Unexpected", unexpected), ("Missing", missing)):
            if strict and found:
                quoted = ", ".join(f'"{key}"' for key in found)
                errors.insert(0, f"{what} key(s) in state_dict: {quoted}. ")
        text = "\n\t".join([f"Error(s) in loading state_dict for {type(self).__name__}:", *errors])
        need(not errors, text)
        return keys

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], strict: bool,
        missing_keys: list[str], unexpected_keys: list[str], error_msgs: list[str],
    ) -> None:  # fmt: skip
        """Load this module's own state; a layer whose old state dicts look different overrides it."""
        found = (missing_keys, unexpected_keys, error_msgs)
        run_hooks(self, "load_state_dict_pre", state_dict, prefix, local_metadata, strict, *found)
        own: dict[str, Any] = _own_state(self)
        if _overrides(self, "set_extra_state"):
            own[EXTRA_STATE] = None
        for name, tensor in own.items():
            key = prefix + name
            if key not in state_dict:
                missing_keys.extend([key] if strict else [])
            elif name == EXTRA_STATE:
                self.set_extra_state(state_dict[key])
            else:
                assign = local_metadata.get("assign_to_params_buffers", False)
                error_msgs.extend(_load_tensor(self, name, key, tensor, state_dict[key], assign))
        for key in state_dict if strict else ():
            name, dot, _ = key.removeprefix(prefix).partition(".")
            if key.startswith(prefix) and not (name in self._modules if dot else name in own):
                unexpected_keys.append(key)

    def register_state_dict_pre_hook(self, hook: Callable[..., None]) -> Handle:
        """Run ``hook(module, prefix, keep_vars)`` before `state_dict` reads the module."""
        return add_hook(self, "state_dict_pre", Hook(hook))

    def register_state_dict_post_hook(self, hook: Callable[..., None]) -> Handle:
        """Run ``hook(module, state_dict, prefix, local_metadata)`` after; it changes the dict in place."""
        return add_hook(self, "state_dict_post", Hook(hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> Handle:
        """Run ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)`` before loading; all may be changed in place."""
        return add_hook(self, "load_state_dict_pre", Hook(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[..., None]) -> Handle:
        """Run ``hook(module, incompatible_keys)`` after loading; it may change the lists of keys in place."""
        return add_hook(self, "load_state_dict_post", Hook(hook))


def _own_state(module: Stateful) -> dict[str, Tensor]:
    """The module's own parameters and persistent buffers by name, without its children's."""
    hidden = module._non_persistent_buffers_set
    own = members(module, "parameter") + members(module, "buffer")
    return {name: tensor for name, tensor in own if tensor is not None and name not in hidden}


def _overrides(module: Stateful, method: str) -> bool:
    return getattr(type(module), method) is not getattr(Stateful, method)


def _load_tensor(module: Stateful, name: str, key: str, tensor: Tensor, value: Any, assign: bool) -> list[str]:
    """Load one tensor; returns what is wrong with it."""
    if not isinstance(value, Tensor):
        if not hasattr(value, "__torch_function__"):
            wanted = f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object'
            return [f"{wanted} from checkpoint but received {type(value)}"]
        value = Tensor._wrap(np.asarray(value.detach()))  # PyTorch's own tensor
    if is_lazy(tensor) and is_lazy(value):
        return []
    if tensor.shape == () and value.shape == (1,):  # 0-dim parameters were once saved so
        value = value[0]
    if value.shape != tensor.shape:
        found = f"copying a param with shape {value.shape} from checkpoint"
        return [f"size mismatch for {key}: {found}, the shape in current model is {tensor.shape}."]
    if not assign:
        with no_grad():
            tensor.copy_(value)
    elif isinstance(tensor, Parameter) and not isinstance(value, Parameter):
        setattr(module, name, Parameter(value, requires_grad=tensor.requires_grad))
    else:
        setattr(module, name, value.requires_grad_(tensor.requires_grad))
    return []
