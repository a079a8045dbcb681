"""Hooks: functions of the user's that run when a module is called or differentiated.

A module keeps all its hooks in one dict, ``_registered_hooks``: event -> {handle id -> `Hook`}. It stays empty in a
module without hooks, so a call needs one look to know that there is nothing to run.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from micrograd_cn.autograd import Function, is_grad_enabled
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import Handle
from micrograd_cn.tensor import Tensor


class Hook(NamedTuple):
    """A registered function and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False


class _Gate(Function):
    """Identity on some tensors that shows their gradients to ``on_backward`` and passes on what it returns."""

    @staticmethod
    def forward(ctx: Any, on_backward: Callable[[tuple], tuple], *tensors: Tensor) -> Any:
        ctx.on_backward = on_backward
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        return (None, *ctx.on_backward(grads))


def _gate(values: tuple, on_backward: Callable[[tuple], tuple]) -> tuple[tuple, bool]:
    """Send those ``values`` that need a gradient through one `_Gate`.

    ``on_backward`` maps a tuple of gradients as long as ``values`` (None where there is none) to another.
    Returns the values to use from here on, and whether any needed a gradient.
    """
    places = [i for i, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]
    if not places or not is_grad_enabled():
        return values, False

    def spread(grads: tuple) -> tuple:
        given = dict(zip(places, grads, strict=True))
        changed = on_backward(tuple(given.get(i) for i in range(len(values))))
        return tuple(changed[i] for i in places)

    passed = dict(zip(places, _Gate.apply(spread, *(values[i] for i in places)), strict=True))
    return tuple(passed.get(i, value) for i, value in enumerate(values)), True


class _BackwardWatch:
    """Gates around one call of a module; between them flows what the module's backward hooks are shown."""

    def __init__(self, module: Hooked) -> None:
        self.module, self.inputs, self.inputs_watched = module, 0, False
        self.grad_output: tuple | None = None

    def watch_inputs(self, args: tuple) -> tuple:
        self.inputs = len(args)
        args, self.inputs_watched = _gate(args, self._on_input_gradients)
        return args

    def watch_output(self, result: Any) -> Any:
        if isinstance(result, tuple):
            return _gate(result, self._on_output_gradients)[0]
        if not isinstance(result, Tensor):
            wanted = "module output should be a Tensor or a tuple of Tensors"
            warnings.warn(f"For backward hooks to be called, {wanted} but received {type(result)}", stacklevel=2)
        return _gate((result,), self._on_output_gradients)[0][0]

    def _on_output_gradients(self, grads: tuple) -> tuple:
        grads = self._run("backward_pre", "Backward pre hook returned an invalid number of grad_output", grads)
        self.grad_output = grads
        if not self.inputs_watched:
            text = "Full backward hook is firing though no inputs require gradients: see register_full_backward_hook"
            warnings.warn(text, stacklevel=5)
            nothing = all(grad is None for grad in self._on_input_gradients((None,) * self.inputs))
            need(nothing, "Backward hook for Modules where no input requires gradient should always return None")
        return grads

    def _on_input_gradients(self, grads: tuple) -> tuple:
        if self.grad_output is None:  # reached the inputs by a way that leads past the module's output
            return grads
        grads = self._run("backward", "Backward hook returned an invalid number of grad_input", grads, self.grad_output)
        self.grad_output = None
        return grads

    def _run(self, event: str, complaint: str, grads: tuple, *more: tuple) -> tuple:
        """``grads`` after the hooks of an event have seen them (and ``more``) and perhaps replaced them."""
        for hook in hooks_of(self.module, event):
            if (changed := hook.function(self.module, grads, *more)) is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                need(len(changed) == len(grads), f"{complaint}, got {len(changed)}, but expected {len(grads)}")
                grads = changed
        return grads


class Hooked:
    """The part of `Module` that registers hooks and runs them around ``forward``."""

    _registered_hooks: dict[str, OrderedDict[int, Hook]]
    forward: Callable[..., Any]

    _forward_hooks: Any = property(lambda self: self._registered_hooks.setdefault("forward", OrderedDict()))
    _forward_pre_hooks: Any = property(lambda self: self._registered_hooks.setdefault("forward_pre", OrderedDict()))
    _backward_hooks: Any = property(lambda self: self._registered_hooks.setdefault("backward", OrderedDict()))

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Run ``hook(module, args)`` before every `forward`; what it returns replaces the arguments.

        Args:
            hook: called as ``hook(module, args)``, or ``hook(module, args, kwargs)`` if ``with_kwargs``; it
                returns None, new arguments, or with ``with_kwargs`` the pair ``(args, kwargs)``.
            prepend: run it before the hooks that are there already.
            with_kwargs: also show it the keyword arguments.

        Returns:
            A handle whose ``remove()`` takes the hook away.
        """
        return add_hook(self, "forward_pre", Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> Handle:
        """Run ``hook(module, args, output)`` after every `forward`; what it returns replaces the output.

        Args:
            hook: called as ``hook(module, args, output)``, or ``hook(module, args, kwargs, output)`` if
                ``with_kwargs``; it returns None or a new output.
            prepend: run it before the hooks that are there already.
            with_kwargs: also show it the keyword arguments.
            always_call: run it (with the output so far, perhaps None) when `forward` raises, too.

        Returns:
            A handle whose ``remove()`` takes the hook away.
        """
        return add_hook(self, "forward", Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Run ``hook(module, grad_output)`` when the gradients of the outputs are there, before they go on.

        What it returns (a tuple as long as ``grad_output``) replaces them.
        """
        return add_hook(self, "backward_pre", Hook(hook), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Run ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are there.

        Both are tuples, one entry per positional input and per output, None where there is no gradient. What the
        hook returns (a tuple as long as ``grad_input``) replaces the gradients of the inputs.
        """
        return add_hook(self, "backward", Hook(hook), prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> Handle:
        """`register_full_backward_hook`, of which this is PyTorch's deprecated forerunner."""
        return self.register_full_backward_hook(hook)


def hooks_of(module: Hooked, event: str) -> list[Hook]:
    """The hooks of one event, in the order they run in."""
    return list(module._registered_hooks.get(event, {}).values())


def run_hooks(module: Hooked, event: str, *args: Any) -> None:
    """Call the hooks of one event with the module and ``args``."""
    for hook in hooks_of(module, event):
        hook.function(module, *args)


def add_hook(module: Hooked, event: str, hook: Hook, prepend: bool = False) -> Handle:
    """Register a hook behind (or before) the others of its event."""
    hooks = module._registered_hooks.setdefault(event, OrderedDict())
    handle = Handle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def call_with_hooks(module: Hooked, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Run ``module.forward`` with the hooks around it."""
    waiting = hooks_of(module, "forward")
    result = None
    try:
        for hook in hooks_of(module, "forward_pre"):
            args, kwargs = _run_pre_hook(module, hook, args, kwargs)
        watch = None
        if hooks_of(module, "backward") or hooks_of(module, "backward_pre"):
            watch = _BackwardWatch(module)
            args = watch.watch_inputs(args)
        result = module.forward(*args, **kwargs)
        while waiting:
            result = _run_forward_hook(module, waiting.pop(0), args, kwargs, result)
        return result if watch is None else watch.watch_output(result)
    except Exception:
        for hook in waiting:
            if hook.always_call:
                try:
                    result = _run_forward_hook(module, hook, args, kwargs, result)
                except Exception as error:
                    text = "module forward hook with ``always_call=True`` raised an exception that was silenced"
                    warnings.warn(f"{text} as another error was raised in forward: {error}", stacklevel=2)
        raise


def _run_pre_hook(module: Hooked, hook: Hook, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    changed = hook.function(module, args, *((kwargs,) if hook.with_kwargs else ()))
    if changed is None:
        return args, kwargs
    if not hook.with_kwargs:
        return changed if isinstance(changed, tuple) else (changed,), kwargs
    pair = isinstance(changed, tuple) and len(changed) == 2
    need(pair, f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {changed}.")
    return changed


def _run_forward_hook(module: Hooked, hook: Hook, args: tuple, kwargs: dict[str, Any], result: Any) -> Any:
    more = (kwargs,) if hook.with_kwargs else ()
    changed = hook.function(module, args, *more, result)
    return result if changed is None else changed
