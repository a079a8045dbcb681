"""`Function`: an operation with a derivative of the user's own. https://pytorch.org/docs/stable/autograd.html#function"""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.autograd.modes import no_grad, set_grad_enabled
from micrograd_cn.engine import Face, mode, next_number
from micrograd_cn.ops.table import Plan, primitive
from micrograd_cn.recording import ArrayNode, record, wrap
from micrograd_cn.tensor import Tensor


class Context:
    """What ``forward`` hands to ``backward``: tensors kept by `save_for_backward`, and any attributes."""

    def __init__(self) -> None:
        self._kept: tuple[Any, ...] = ()
        self._written_at: list[tuple[Any, Any]] = []
        self._constants: set[int] = set()
        self._freed = False
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for ``backward``; a change of one in place is noticed there."""
        for i, t in enumerate(tensors):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}")
        self._kept = tensors
        self._written_at = [(t, t._cell and t._cell[0]) for t in tensors if t is not None]

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept."""
        if self._freed:
            from micrograd_cn.engine import FREED

            raise RuntimeError(FREED)
        for t, at in self._written_at:
            if t._cell and t._cell[0] != at:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: "
                    f"a saved tensor of shape {list(t.shape)} is at version {t._cell[1]} now"
                )
        return self._kept

    def mark_dirty(self, *tensors: Any) -> None:
        """Accepted for inputs that ``forward`` changes in place and returns."""

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say that these outputs do not depend smoothly on the inputs."""
        self._constants |= {id(t) for t in tensors}

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (the default) or None for outputs that nothing depended on."""
        self.materialize_grads = value


class _Shares(dict[int, Any]):
    """The gradients of several outputs on their way into one node; shares of one output add up."""

    def __add__(self, other: _Shares) -> _Shares:
        both = _Shares(self)
        for i, g in other.items():
            both[i] = both[i] + g if i in both else g
        return both


class _FunctionNode(ArrayNode):
    """The node of a user's function: all outputs meet here, then its ``backward`` runs once."""

    __slots__ = ("label",)

    def fit(self, gradient: Any) -> Any:
        return gradient

    def name(self) -> str:
        return self.label


class Function:
    """Subclass it with static ``forward(ctx, *args)`` and ``backward(ctx, *grad_outputs)``, and call ``apply``.

    ``forward`` may also be ``forward(*args)`` with a separate ``setup_context(ctx, inputs, output)``.
    ``backward`` returns a gradient, or None, for each argument of ``forward``.
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; to be written by the subclass."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute the gradients of the inputs; to be written by the subclass."""
        raise NotImplementedError("You must implement the backward function for your custom autograd.Function.")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run ``forward`` and record ``backward`` as its derivative."""
        ctx = Context()
        parents = {i: x._current() for i, x in enumerate(args) if isinstance(x, Tensor)}
        parents = {i: node for i, node in parents.items() if node is not None and mode.grad}
        ctx.needs_input_grad = tuple(i in parents for i in range(len(args)))
        with no_grad():
            if "setup_context" in vars(cls) or any("setup_context" in vars(c) for c in cls.__mro__):
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)  # type: ignore[attr-defined]
            else:
                result = cls.forward(ctx, *args)
        if not parents:
            return result
        outputs = result if isinstance(result, tuple) else (result,)
        node = cls._record(ctx, parents, outputs, len(args))
        faces = tuple(
            cls._stand_at(node, t, i) if isinstance(t, Tensor) and id(t) not in ctx._constants and t.is_floating_point() else t
            for i, t in enumerate(outputs)
        )
        return faces if isinstance(result, tuple) else faces[0]

    @classmethod
    def _record(cls, ctx: Context, parents: dict[int, Any], outputs: tuple[Any, ...], count: int) -> _FunctionNode:
        done: dict[int, Any] = {}

        def run(shares: _Shares) -> tuple[Any, ...]:
            """The user's backward, once for all parents of one sweep."""
            if done.get("shares") is not shares:
                faces = []
                for i, t in enumerate(outputs):
                    g = shares.get(i)
                    if g is None and ctx.materialize_grads and isinstance(t, Tensor):
                        g = wrap(t._array * 0)
                    faces.append(g if g is None or isinstance(g, Face) else wrap(g))
                with set_grad_enabled(any(isinstance(g, Face) for g in shares.values())):
                    answer = cls.backward(ctx, *faces)
                answer = answer if isinstance(answer, tuple) else (answer,)
                if len(answer) < count or any(g is not None for g in answer[count:]):
                    raise RuntimeError(
                        f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {count}, "
                        f"got {len(answer)})"
                    )
                done["shares"], done["answer"] = shares, answer
            return done["answer"]

        def rule(i: int) -> Any:
            def pull(shares: _Shares) -> Any:
                g = run(shares)[i]
                if g is None:
                    g = wrap(args_zero[i])
                return g if any(isinstance(s, Face) for s in shares.values()) else g._array

            return pull

        args_zero = {i: np.zeros(node.shape, node.dtype) for i, node in parents.items()}
        plan = Plan.__new__(Plan)
        plan.row, plan.active, plan.asked = _output.primitive, tuple(parents), []  # type: ignore[attr-defined]
        plan.pulls = tuple((rule(i), tuple) for i in parents)
        node = _FunctionNode.__new__(_FunctionNode)
        node.plan, node.parents, node.saved, node.kept = plan, tuple(parents.values()), (), ()
        node.number, node.hooks, node.shape, node.dtype = next_number(), None, (), np.dtype(np.float32)
        node.label = f"{cls.__name__}Backward"
        return node

    @classmethod
    def _stand_at(cls, node: _FunctionNode, t: Tensor, i: int) -> Tensor:
        out = wrap(t._array)
        out._cell = t._cell
        record(_output.primitive.plan(1, 1), (t,), (node,), (t._array, i, t._array), out)  # type: ignore[attr-defined]
        return out


@primitive(lambda g, i: _Shares({i: g}), name="output")
def _output(x: Any, i: int) -> Any:
    """One output of a function with several; its rule says which one the gradient is for."""
    return x
