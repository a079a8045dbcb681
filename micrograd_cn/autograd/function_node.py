"""How a user's `Function` stands in the graph.

It is one node, and a small one for each output: ``inputs <- function <- outputs``. The gradients of the outputs meet
at the function's node, and there the user's backward runs, once.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from micrograd_cn.autograd.modes import set_grad_enabled
from micrograd_cn.engine import FREED, Face, next_number
from micrograd_cn.memory import View
from micrograd_cn.ops.shape import need
from micrograd_cn.ops.table import primitive
from micrograd_cn.recording import ArrayNode, record, wrap
from micrograd_cn.tensor import Tensor


class FunctionCtx:
    """What ``forward`` hands to ``backward``: tensors kept by `save_for_backward`, marks, and any attributes.

    Attributes:
        needs_input_grad: for each argument of ``forward`` whether it requires grad.
        saved_tensors: in ``backward``, what `save_for_backward` kept.
    """

    needs_input_grad: tuple[bool, ...] = ()
    saved_tensors: tuple[Any, ...] = ()
    _to_save: tuple[Any, ...] = ()
    _dirty: tuple[Any, ...] = ()
    _constants: tuple[Any, ...] = ()
    _materialize = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for ``backward``. Raises TypeError for anything else: make that an attribute."""
        for i, t in enumerate(tensors):
            what = f"argument {i} is of type {type(t).__name__}; use an attribute of ctx"
            fits = t is None or isinstance(t, Tensor)
            need(fits, f"save_for_backward can only save variables, but {what}", TypeError)
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


class FunctionNode(ArrayNode):
    """The node of a user's function, which its outputs show as ``grad_fn``; what is attached to ``ctx`` is found there.

    It is also its own plan, since no other node runs the same rules.

    Args:
        function: the subclass of `Function`.
        args: what its forward is called with.
    """

    keeps_out = frees = False
    plan = row = property(lambda self: self)
    backward_name = property(lambda self: self.name())

    def __init__(self, function: Any, args: tuple[Any, ...]) -> None:
        self.ctx, self.function = FunctionCtx(), function
        self.inputs = [x._current() if isinstance(x, Tensor) else () for x in args]  # () for what is no tensor
        self.ctx.needs_input_grad = tuple(bool(node) for node in self.inputs)
        self.active = tuple(i for i, needed in enumerate(self.ctx.needs_input_grad) if needed)
        self.parents = tuple(self.inputs[i] for i in self.active)
        self.pulls = tuple((functools.partial(_Shares.answer, i=i), lambda saved: ()) for i in self.active)
        self.saved, self.kept, self.hooks, self.shape, self.dtype = (), (), None, (), np.dtype(np.float32)

    def connect(self, args: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs as results of this node, which enters the graph here."""
        self.number = next_number()
        self.likes = [(t._array.shape, t._array.dtype) if isinstance(t, Tensor) else None for t in outputs]
        constants, dirty = {id(t) for t in self.ctx._constants}, {id(t) for t in self.ctx._dirty}
        tensors = [(i, t) for i, t in enumerate(outputs) if isinstance(t, Tensor) and id(t) not in constants]
        smooth = {id(t): i for i, t in tensors if t._array.dtype.kind in "fc"}
        # An output is kept as bare memory: as a result it will point here itself.
        self.saved = tuple((t.detach(), smooth[id(t)]) if id(t) in smooth else (t, None) for t in self.ctx._to_save)
        self.ctx._to_save = ()
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
        """What `FunctionCtx.save_for_backward` kept.

        Raises:
            RuntimeError: if it has been freed or changed in place.
        """
        if self.saved is None:
            raise RuntimeError(FREED)
        self.check_versions()
        return tuple(t if i is None else self.output(t, i) for t, i in self.saved)

    def run(self, shares: _Shares) -> tuple[Any, ...]:
        """The user's backward: the gradients of all arguments, None for those that get none."""
        on_faces = isinstance(next(iter(shares.values())), Face)
        grads = [shares.get(i) for i in range(len(self.likes))]
        if self.ctx._materialize:
            grads = [np.zeros(*like) if g is None and like else g for g, like in zip(grads, self.likes, strict=True)]
        self.ctx.saved_tensors = self.saved_tensors
        try:
            with set_grad_enabled(on_faces):
                faces = [g if g is None or isinstance(g, Face) else wrap(g) for g in grads]
                answers = self.function.backward(self.ctx, *faces)
        finally:
            self.ctx.saved_tensors = ()  # outputs among them point back here
        answers = answers if isinstance(answers, tuple) else (answers,)
        count = len(self.inputs)
        what = f"an incorrect number of gradients (expected {count}, got {len(answers)})"
        fits = len(answers) >= count and all(g is None for g in answers[count:])
        need(fits, f"function {self.name()} returned {what}")
        return tuple(self._fitted(i, node, answers[i], on_faces) for i, node in enumerate(self.inputs))

    def _fitted(self, i: int, node: Any, g: Any, on_faces: bool) -> Any:
        """The gradient of argument ``i`` as the engine takes it: of the right shape, and no one else's memory."""
        if g is None or (node is None and isinstance(g, Tensor)):
            return None
        if not isinstance(g, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(g).__name__}) as gradient {i} of {self.name()}")
        what = f"at position {i + 1}, but the corresponding forward input was not a Variable"
        need(node != (), f"function {self.name()} returned a gradient different than None {what}")
        try:
            return node.fit(g if on_faces else g._array[...])
        except RuntimeError:
            what = f"at index {i} - got {list(g.shape)} but expected shape compatible with {list(node.shape)}"
            raise RuntimeError(f"Function {self.name()} returned an invalid gradient {what}") from None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ctx, name)

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

    def __init__(self, node: FunctionNode, shares: dict[int, Any]) -> None:
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
