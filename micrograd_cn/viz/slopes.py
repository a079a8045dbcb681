"""The chain rule at one operation: the derivatives of its results by its inputs, and the gradient that flows back.

Every number comes from the table's own rules: one that is given the gradient 1 answers with the derivative itself.
"""

from __future__ import annotations

import copy
import functools
import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd_cn.autograd import enable_grad, grad
from micrograd_cn.engine import Face
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import wrap
from micrograd_cn.value import Value
from micrograd_cn.viz.tracing import Operation, Quantity

Edge = tuple[Operation, int]  # an operation and the position of one of its inputs

FREED = (
    "this graph has been freed by backward(), and with it the numbers that its derivatives need: look at it before, or "
    "call backward(retain_graph=True)"
)


@dataclass(eq=False)
class Link:
    """The way of a gradient through an operation, from a result back to an input.

    Attributes:
        operation: whose derivative it is.
        out: the result; a user's function may have several.
        to: the input.
        place: the position of the input among all of them.
        k: the position of its rule among those that the operation's node runs.
    """

    operation: Operation
    out: Quantity
    to: Quantity
    place: int
    k: int

    def rule(self, g: Any, saved: Any = None) -> Any:
        """What the rule makes of a gradient, not yet in the shape of an input that was broadcast.

        Args:
            g: a number or an array, or a face of one; for a user's function what `enter` gives.
            saved: what the rule shall read in place of what the operation saved.
        """
        node = self.operation.node
        if saved is None:
            saved = node.plan.lift(node) if isinstance(g, Face) else node.saved
        rule, pick = node.plan.pulls[self.k]
        return rule(g, *pick(saved))

    def enter(self, g: Any) -> Any:
        """A gradient of the result as the rule takes it: a user's function takes those of all its results in one."""
        node = self.out.node
        if node is self.operation.node:
            return g
        rule, pick = node.plan.pulls[0]
        return rule(g, *pick(node.saved))

    def leave(self, g: Any, saved: Any = None) -> Any:
        """The share of the input in a gradient that has entered; None if a user's function gives it none."""
        share = self.rule(g, saved)
        return None if share is None else self.to.node.fit(share)

    def pull(self, g: Any, saved: Any = None) -> Any:
        """The share of the input in a gradient of the result; see `rule`."""
        return self.leave(self.enter(g), saved)

    def local(self, most: int) -> Any:
        """The derivative itself: a number; of an element-wise operation an array like its result; else the Jacobian.

        A Jacobian of more than ``most`` elements is given as its shape, a text.
        """
        if self.operation.elementwise:
            return self.rule(self.out.ones)
        rows, columns = math.prod(self.out.node.shape), math.prod(self.to.node.shape)
        return self.jacobian() if rows * columns <= most else f"{rows}×{columns}"

    def _slope(self, saved: Any = None) -> np.ndarray[Any, Any]:
        """The derivative of each element of an element-wise operation's result by the one that it meets, in a row."""
        return np.broadcast_to(self.rule(self.out.ones, saved), self.out.node.shape).ravel()

    def jacobian(self, saved: Any = None) -> np.ndarray[Any, Any]:
        """The derivatives of all elements of a tensor (rows) by all of the input (columns)."""
        node, shape = self.out.node, self.to.node.shape
        columns = np.arange(math.prod(shape))
        if self.operation.elementwise:
            return np.where(met(shape, node.shape)[:, None] == columns, self._slope(saved)[:, None], 0)
        units = np.eye(math.prod(node.shape), dtype=node.dtype)
        shares = [self.pull(unit.reshape(node.shape), saved) for unit in units]
        return np.reshape([np.zeros(shape) if x is None else x for x in shares], (len(units), len(columns)))

    _matrix = functools.cached_property(jacobian)

    def column(self, j: int) -> dict[int, float]:
        """Which elements of the result change with element ``j`` of the input, and how fast.

        A derivative that is 0 by chance is told, too: where infinity arrives, it makes NaN of it. Only a user's rule
        need not be differentiable, and an element-wise one needs no other number.
        """
        if self.operation.elementwise:
            used, found = met(self.to.node.shape, self.out.node.shape) == j, self._slope()
        elif self.operation.row is None:
            found = self._matrix[:, j]
            used = found != 0
        else:
            found = self._column(j)
            used = (found != 0) | (self._column(j, elsewhere(self.operation.node)) != 0)
        return {i: found[i].item() for i in np.flatnonzero(used).tolist()}

    def _column(self, j: int, saved: Any = None) -> np.ndarray[Any, Any]:
        """A share is linear in the gradient of the result, so its derivative by that is the column of the Jacobian."""
        node = self.out.node
        with enable_grad():
            g = wrap(np.zeros(node.shape, node.dtype)).requires_grad_()
            (column,) = grad(self.pull(g, saved).flatten()[j], g, allow_unused=True)
        return np.zeros(g.numel()) if column is None else column._array.ravel()

    @property
    def curved(self) -> bool:
        """Whether the derivative of a value depends on the input itself."""
        plan = self.operation.node.plan
        code = plan.pulls[self.k][0].__code__
        return not {"out", plan.row.inputs[plan.active[self.k]]}.isdisjoint(code.co_varnames[1 : code.co_argcount])


def met(shape: tuple[int, ...], out: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Which element of an array of this shape each one of the shape ``out`` meets when it is broadcast, in a row."""
    return np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), out).ravel()


def elsewhere(node: Any) -> list[Any]:
    """What a node saved, with other numbers: a derivative that is 0 there as well is always 0."""
    rng = np.random.default_rng(0)
    return [rng.uniform(0.5, 1.5, np.shape(x)).astype(x.dtype) if floats(x) else x for x in node.saved]


def floats(x: Any) -> bool:
    """Whether ``x`` is an array of floating-point numbers."""
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def again(operation: Operation) -> Any:
    """The result of an operation, computed again; None if not all that went in is known."""
    node, row, data = operation.node, operation.row, [x.data for x in operation.inputs]
    if row is None or len(data) != len(row.inputs) or any(x is None for x in data):
        return None
    known = {"dtype": None, **dict(zip((name for name, _ in node.plan.asked), node.saved or (), strict=False))}
    if not known.keys() >= set(row.settings):
        return None
    if isinstance(node, Value) and not row.total:
        data = [np.float64(x) for x in data]
    return row.forward(*data, *copy.deepcopy([known[name] for name in row.settings]))  # a forward may write into them


def links(operation: Operation) -> list[Link]:
    """The ways back through an operation: for each result, to each input that takes part in differentiation.

    Raises:
        RuntimeError: if the graph has been freed, or memory that a rule needs has been written since, or a value set:
            no formula would hold with its new number.
    """
    node = operation.node
    need(node.saved is not None, FREED)
    node.check_versions()
    if isinstance(node, Value) and (now := again(operation)) is not None:
        same = math.isclose(now, node.data, rel_tol=1e-12) or (now != now and node.data != node.data)
        what = f"a value that {operation.row.name} read or made has been set since, and the numbers no longer belong"
        need(same, f"{what} together: compute {operation.outputs[0].name or 'the root'} again")
    places = iter(enumerate(q.node for q in operation.inputs))
    found = [next(i for i, given in places if given is parent) for parent in node.parents]
    return [Link(operation, out, operation.inputs[i], i, k) for out in operation.outputs for k, i in enumerate(found)]


def flows(operations: list[Operation]) -> tuple[dict[Edge, Any], dict[Quantity, Any]]:
    """By edge the share of the roots' gradient that flows back, and by quantity its gradient; no hook runs.

    Args:
        operations: all that lead to the roots, oldest first. Roots start with ones.

    Raises:
        RuntimeError: as `links`.
    """
    flow: dict[Edge, Any] = {}
    gradients = {q: q.ones for operation in operations for q in operation.outputs if q.kind == "root"}
    for operation in reversed(operations):
        ways = links(operation)
        arrived = [link.enter(gradients[link.out]) for link in ways if link.k == 0 and link.out in gradients]
        g = functools.reduce(operator.add, arrived) if arrived else None
        for link in ways:
            if link.out is operation.outputs[0]:
                flow[operation, link.place] = share = None if g is None else link.leave(g)
                if share is not None:
                    gradients[link.to] = gradients[link.to] + share if link.to in gradients else share
    return flow, gradients
