"""`Function`: an operation with a derivative of the user's own. https://pytorch.org/docs/stable/autograd.html#function"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from micrograd_cn.autograd.function_node import FunctionCtx, FunctionNode as _FunctionNode
from micrograd_cn.autograd.modes import is_grad_enabled, no_grad
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class Function:
    """Subclass it with static ``forward(ctx, *args)`` and ``backward(ctx, *grad_outputs)``, and call ``apply``.

    ``forward`` may also be ``forward(*args)`` with a separate static ``setup_context(ctx, inputs, output)``.
    ``backward`` returns for each argument of ``forward`` its gradient, or None; it may be differentiated itself.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result, a tensor or a tuple; to be written by the subclass. Nothing is recorded in it."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Keep for backward what it needs, if ``forward`` takes no ``ctx``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the gradients of the inputs; to be written by the subclass."""
        raise NotImplementedError("You must implement the backward method for your custom autograd.Function.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` and record ``backward`` as its derivative.

        Raises:
            RuntimeError: if an input marked dirty is not returned, or is a leaf that requires grad.
        """
        separate = cls.setup_context is not Function.setup_context
        if separate:
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        node = _FunctionNode(cls, args)
        ctx = node.ctx
        with no_grad():
            result = cls.forward(*args) if separate else cls.forward(ctx, *args, **kwargs)
            if separate:
                cls.setup_context(ctx, args, result)
        outputs = result if isinstance(result, tuple) else (result,)
        what = "Some elements marked as dirty during the forward method were not returned as output."
        need({id(t) for t in ctx._dirty} <= {id(t) for t in outputs}, what)
        if not (node.active and is_grad_enabled()):
            return result
        results = node.connect(args, outputs)
        return results if isinstance(result, tuple) else results[0]


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for a ``backward`` that cannot be differentiated itself: trying to raises RuntimeError."""

    @functools.wraps(backward)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            answers = backward(ctx, *grads)
        if not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return answers
        several = answers if isinstance(answers, tuple) else (answers,)
        return tuple(g if g is None else _Once.apply(g, *grads) for g in several)

    return wrapper


class _Once(Function):
    """The first of its inputs, as a result of all of them that has no derivative."""

    @staticmethod
    def forward(ctx: Any, x: Any, *others: Any) -> Any:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
