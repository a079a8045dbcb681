"""A graph of tensors number by number: every element is a box, and Jacobian matrices say which depends on which."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from micrograd_cn.autograd.function import _FunctionNode
from micrograd_cn.viz.slopes import Edge, jacobian, kept
from micrograd_cn.viz.tracing import Operation, Quantity


def scalars(
    operations: list[Operation], gradients: dict[int, Any]
) -> tuple[list[Operation], dict[Edge, Any], dict[Edge, Any]]:
    """Every operation once for each element of its result, with local derivatives and gradients flowing back.

    Args:
        operations: of a graph of tensors.
        gradients: of the root, by the id of the node, as `slopes` finds them.
    """
    elements: dict[Quantity, list[Quantity]] = {}
    result: list[Operation] = []
    local: dict[Edge, Any] = {}
    flow: dict[Edge, Any] = {}

    def split(q: Quantity) -> list[Quantity]:
        if q not in elements:
            elements[q] = [q] if not q.shape else [
                Quantity(q.kind, q.name and f"{q.name}[{','.join(map(str, at))}]", _at(q.data, at), _at(q.grad, at), (),
                         q.dtype, q.awaits_grad)
                for at in np.ndindex(q.shape)
            ]  # fmt: skip
        return elements[q]

    for operation in operations:
        node, made = operation.node, operation.outputs
        if isinstance(node, _FunctionNode):
            inputs = [x for q in operation.inputs for x in split(q)]
            outputs = [x for q in made for x in split(q)]
            result.append(Operation(operation.symbol, operation.description, inputs, outputs, operation.boxes))
            continue
        links = _links(operation)
        g = gradients.get(id(node))
        for i, out in enumerate(split(made[0])):
            one = Operation(operation.symbol, operation.description, [], [out], operation.boxes)
            for q, (used, slope) in zip(operation.inputs, links, strict=True):
                for j in np.flatnonzero(used[i]):
                    if slope is not None:
                        local[one, len(one.inputs)] = slope[i, j]
                        flow[one, len(one.inputs)] = None if g is None else np.ravel(g)[i] * slope[i, j]
                    one.inputs.append(split(q)[j])
            result.append(one)
    return result, local, flow


def _at(array: Any, index: tuple[int, ...]) -> Any:
    return None if array is None else array[index]


def _links(operation: Operation) -> list[tuple[Any, Any]]:
    """For each input which elements of the result (rows) use which of its elements (columns), and the derivatives.

    Derivatives may be 0 by chance, so they are looked at for other numbers, too. What a constant is used in shows in
    the derivatives by the other inputs: they change with it.
    """
    node = operation.node
    saved = kept(node)
    rng = np.random.default_rng(0)
    other = tuple(rng.uniform(0.5, 1.5, np.shape(x)).astype(x.dtype) if _floats(x) else x for x in saved)
    size = math.prod(node.shape)
    parents = range(len(node.parents))
    links: list[tuple[Any, Any]] = []
    k = 0
    for q in operation.inputs:
        columns = math.prod(q.shape or ())
        used, slope = np.ones((size, columns), bool), None
        if k < len(parents) and q.node is node.parents[k]:
            slope, usual = jacobian(node, k, saved), jacobian(node, k, other)
            used, k = (slope != 0) | (usual != 0), k + 1
        elif q.shape and not node.plan.row.elementwise:
            at = next((i for i, x in enumerate(saved) if x is q.data), None)
            if at is not None and _floats(q.data):
                usual = np.hstack([jacobian(node, p, other) for p in parents])
                for j in range(columns):
                    bumped = other[at].copy()
                    bumped.flat[j] += 1
                    bent = (*other[:at], bumped, *other[at + 1 :])
                    used[:, j] = np.any(np.hstack([jacobian(node, p, bent) for p in parents]) != usual, axis=1)
        if q.shape is not None and node.plan.row.elementwise:
            places = np.arange(columns)
            used = np.broadcast_to(places.reshape(q.shape), node.shape).reshape(-1, 1) == places
        links.append((used, slope))
    return links


def _floats(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"
