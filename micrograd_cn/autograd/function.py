"""`Function`: an operation with a derivative of the user's own. https://pytorch.org/docs/stable/autograd.html#function

In the graph it is one node, which is also the ``ctx`` that forward and backward share, and a small node for each
output: ``inputs <- function <- outputs``. The gradients of the outputs meet at the function's node.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.autograd.modes import is_grad_enabled, no_grad, set_grad_enabled
from micrograd_cn.engine import FREED, Face, next_number
from micrograd_cn.ops.table import primitive
from micrograd_cn.recording import ArrayNode, record, wrap
from micrograd_cn.tensor import Tensor, View

__all__ = ["Function", "FunctionCtx", "once_differentiable"]


class FunctionCtx:
    """What ``forward`` hands to ``backward``: tensors kept by `save_for_backward`, marks, and any attributes.

    Attributes:
        needs_input_grad: for each argument of ``forward`` whether it requires grad.
        saved_tensors: what `save_for_backward` kept. RuntimeError if it has been freed or changed in place.
    """

    needs_input_grad: tuple[bool, ...] = ()
    saved_tensors: Any = ()
    _to_save: tuple[Any, ...] = ()
    _dirty: tuple[Any, ...] = ()
    _constants: tuple[Any, ...] = ()
    _materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for ``backward``. Raises TypeError for anything else: make that an attribute."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                what = f"argument {i} is of type {type(t).__name__}"
                raise TypeError(f"save_for_backward can only save variables, but {what}; use an attribute of ctx")
        self._to_save = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say that ``forward`` has changed these inputs in place; it must return them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that these outputs do not depend smoothly on the inputs: they will not require grad."""
        self._constants = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (the default) or None for outputs that no gradient has reached."""
        self._materialize = value


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
        ctx = _FunctionNode(cls, args)
        with no_grad():
            result = cls.forward(*args) if separate else cls.forward(ctx, *args, **kwargs)
            if separate:
                cls.setup_context(ctx, args, result)
        outputs = result if isinstance(result, tuple) else (result,)
        if {id(t) for t in ctx._dirty} - {id(t) for t in outputs}:
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
                "are modified inplace must all be outputs of the Function."
            )
        if not (ctx.active and is_grad_enabled()):
            return result
        results = ctx.connect(args, outputs)
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


class _FunctionNode(ArrayNode, FunctionCtx):
    """The node of a user's function: ``ctx`` to its forward and backward, ``grad_fn`` of its outputs.

    It is also its own plan, since no other node runs the same rules.
    """

    keeps_out = frees = False
    plan = row = property(lambda self: self)
    backward_name = property(lambda self: self.name())

    def __init__(self, function: type[Function], args: tuple[Any, ...]) -> None:
        self.function = function
        self.inputs = [x._current() if isinstance(x, Tensor) else () for x in args]  # () for what is no tensor
        self.needs_input_grad = tuple(bool(node) for node in self.inputs)
        self.active = tuple(i for i, needed in enumerate(self.needs_input_grad) if needed)
        self.parents = tuple(self.inputs[i] for i in self.active)
        self.pulls = tuple((functools.partial(_Shares.answer, i=i), lambda saved: ()) for i in self.active)
        self.saved, self.kept, self.hooks, self.shape, self.dtype = (), (), None, (), np.dtype(np.float32)

    def connect(self, args: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs as results of this node, which enters the graph here."""
        self.number = next_number()
        self.likes = [(t._array.shape, t._array.dtype) if isinstance(t, Tensor) else None for t in outputs]
        constants, dirty = {id(t) for t in self._constants}, {id(t) for t in self._dirty}
        smooth = {
            id(t): i
            for i, t in enumerate(outputs)
            if isinstance(t, Tensor) and t._array.dtype.kind in "fc" and id(t) not in constants
        }
        # An output is kept as bare memory: as a result it will point here itself.
        self.saved = tuple((t.detach(), smooth[id(t)]) if id(t) in smooth else (t, None) for t in self._to_save)
        self.kept = tuple(t for t, _ in self.saved)
        self.frees = bool(self.saved)
        owners = {id(x._cell): x for x in args if isinstance(x, Tensor)}
        results: list[Any] = []
        for i, t in enumerate(outputs):
            if id(t) not in smooth:
                results.append(t.detach() if isinstance(t, Tensor) else t)
            elif id(t) in dirty:
                t._check_change(None, True)
                results.append(t._stand_where(self.output(t, i)))
            else:
                results.append(self.output(t, i))
                owner = owners.get(id(t._cell))
                if owner is not None:
                    results[-1]._view = View(owner if owner._base is None else owner._base, (), "a custom Function")
        return tuple(results)

    def output(self, t: Tensor, i: int) -> Tensor:
        """The memory of ``t`` as output ``i`` of this function."""
        out = t.detach()
        record(_output.primitive.plan(1, 1), (), (self,), (t._array, self, i, t._array), out)
        return out

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        if self.saved is None:
            raise RuntimeError(FREED)
        self.check_versions()
        return tuple(t if i is None else self.output(t, i) for t, i in self.saved)

    def run(self, shares: _Shares) -> tuple[Any, ...]:
        """The user's backward: the gradients of all arguments, None for those that get none."""
        on_faces = isinstance(next(iter(shares.values())), Face)
        grads = [shares.get(i) for i in range(len(self.likes))]
        if self._materialize:
            grads = [np.zeros(*like) if g is None and like else g for g, like in zip(grads, self.likes, strict=True)]
        with set_grad_enabled(on_faces):
            answers = self.function.backward(self, *(g if g is None or isinstance(g, Face) else wrap(g) for g in grads))
        answers = answers if isinstance(answers, tuple) else (answers,)
        count = len(self.inputs)
        if len(answers) < count or any(g is not None for g in answers[count:]):
            wrong = f"(expected {count}, got {len(answers)})"
            raise RuntimeError(f"function {self.name()} returned an incorrect number of gradients {wrong}")
        return tuple(self._fitted(i, node, answers[i], on_faces) for i, node in enumerate(self.inputs))

    def _fitted(self, i: int, node: Any, g: Any, on_faces: bool) -> Any:
        """The gradient of argument ``i`` as the engine takes it: of the right shape, and no one else's memory."""
        if g is None or (node is None and isinstance(g, Tensor)):
            return None
        if not isinstance(g, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(g).__name__}) as gradient {i} of {self.name()}")
        if node == ():
            raise RuntimeError(
                f"function {self.name()} returned a gradient different than None at position {i + 1}, but the "
                "corresponding forward input was not a Variable"
            )
        try:
            return node.fit(g if on_faces else g._array[...])
        except RuntimeError:
            raise RuntimeError(
                f"Function {self.name()} returned an invalid gradient at index {i} - got {list(g.shape)} but expected "
                f"shape compatible with {list(node.shape)}"
            ) from None

    def fit(self, gradient: Any) -> Any:
        return gradient

    def lift(self, node: ArrayNode) -> tuple[Any, ...]:
        return ()

    def name(self) -> str:
        return f"{self.function.__name__}Backward"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        return tuple((node, 0) for node in self.inputs if node != ())


class _Shares(dict[int, Any]):
    """The gradients of a function's outputs, by position, on their way to its node; shares of one output add up."""

    def __init__(self, node: _FunctionNode, shares: dict[int, Any]) -> None:
        super().__init__(shares)
        self.node = node

    def __add__(self, other: _Shares) -> _Shares:
        return _Shares(self.node, {**self, **{i: self[i] + g if i in self else g for i, g in other.items()}})

    @functools.cached_property
    def answers(self) -> tuple[Any, ...]:
        return self.node.run(self)

    def answer(self, i: int) -> Any:
        """The gradient of argument ``i``; the user's backward runs once for all of them."""
        return self.answers[i]


@primitive(lambda g, node, i: _Shares(node, {i: g}), name="output")
def _output(x: Any, node: Any, i: int) -> Any:
    """Output ``i`` of a user's function."""
    return x
