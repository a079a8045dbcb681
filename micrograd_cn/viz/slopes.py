"""The chain rule on the edges of a picture: the local derivative, and the gradient that flows back."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.autograd.function import _FunctionNode
from micrograd_cn.engine import Node
from micrograd_cn.value import Value
from micrograd_cn.viz.tracing import Operation

Edge = tuple[Operation, int]  # an operation and the position of one of its inputs


def slopes(operations: list[Operation], most: int) -> tuple[dict[Edge, Any], dict[Edge, Any], dict[int, Any]]:
    """By edge the local derivative, and the share of the roots' gradient that flows back; by node its gradient.

    The local derivative of an element-wise operation is an array like its result, of any other its Jacobian matrix
    if that has at most ``most`` elements, else the shape of it, as a string.

    Raises:
        RuntimeError: if the graph has been freed, or memory in it has been written since.
    """
    local: dict[Edge, Any] = {}
    flow: dict[Edge, Any] = {}
    gradients: dict[int, Any] = {
        id(q.node): _one(q.node) for operation in operations for q in operation.outputs if q.kind == "root"
    }

    def back(node: Node, saved: Any) -> list[Any]:
        """The shares of the parents of a node whose gradient is complete."""
        g = gradients.get(id(node))
        shares = []
        for parent, (rule, pick) in zip(node.parents, node.plan.pulls, strict=True):
            share = None if g is None else rule(g, *pick(saved))
            if share is not None:
                share = parent.fit(share)
                before = gradients.get(id(parent))
                gradients[id(parent)] = share if before is None else before + share
            shares.append(share)
        return shares

    for operation in reversed(operations):
        node = operation.node
        function = isinstance(node, _FunctionNode)
        for q in operation.outputs if function else ():
            back(q.node, q.node.saved)
        saved = kept(node)
        places = iter(enumerate(q.node for q in operation.inputs))
        for k, (parent, share) in enumerate(zip(node.parents, back(node, saved), strict=True)):
            place = next(i for i, given in places if given is parent)
            flow[operation, place] = share
            if not function:
                local[operation, place] = _local(node, k, saved, most)
    return local, flow, gradients


def kept(node: Any) -> Any:
    """What the rules of a node need. Of a freed Value it is computed again, if that still gives its number."""
    if node.saved is not None:
        node.check_versions()
        return node.saved
    if isinstance(node, Value):
        row = node.plan.row
        data = [x.data if isinstance(x, Value) else x for x in node._inputs]
        again = [np.float64(x) if x.__class__ is float else x for x in data]
        if float(row.forward(*again, *row.defaults)) == node.data:
            return node.plan.keep((*data, *row.defaults, node.data))
    raise RuntimeError(
        f"the graph has been freed, so what {node.plan.row.name} needs for its derivative is gone: draw it before "
        "backward(), or call backward(retain_graph=True)"
    )


def jacobian(node: Any, k: int, saved: Any) -> np.ndarray[Any, Any]:
    """The derivatives of all elements of a result (rows) by all of its ``k``-th parent (columns)."""
    rule, pick = node.plan.pulls[k]
    size = int(np.prod(node.shape))
    rows = [node.parents[k].fit(rule(row.reshape(node.shape), *pick(saved))) for row in np.eye(size, dtype=node.dtype)]
    return np.reshape(rows, (size, int(np.prod(node.parents[k].shape))))


def _local(node: Any, k: int, saved: Any, most: int) -> Any:
    rule, pick = node.plan.pulls[k]
    if isinstance(node, Value) or node.plan.row.elementwise:
        return rule(_one(node), *pick(saved))
    rows, columns = int(np.prod(node.shape)), int(np.prod(node.parents[k].shape))
    return jacobian(node, k, saved) if rows * columns <= most else f"{rows}×{columns}"


def _one(node: Any) -> Any:
    return 1.0 if isinstance(node, Value) else np.ones(node.shape, node.dtype)
