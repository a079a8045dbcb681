"""A graph of tensors number by number: every element is a box, and Jacobian matrices say which depends on which."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from micrograd_cn.viz.slopes import Edge, elsewhere, floats, links, met
from micrograd_cn.viz.tracing import Operation, Quantity


def scalars(
    operations: list[Operation], gradients: dict[Quantity, Any]
) -> tuple[list[Operation], dict[Edge, Any], dict[Edge, Any]]:
    """Every operation once for each element of its result, with local derivatives and gradients flowing back.

    A user's function stays one operation, since only its author knows which element needs which.

    Args:
        operations: of a graph of tensors.
        gradients: of the root, as `slopes.flows` finds them.
    """
    elements: dict[Quantity, list[Quantity]] = {}
    result: list[Operation] = []
    local: dict[Edge, Any] = {}
    flow: dict[Edge, Any] = {}

    def split(q: Quantity) -> list[Quantity]:
        if q not in elements:
            elements[q] = [q] if not q.shape else [
                replace(q, name=q.name and f"{q.name}[{','.join(map(str, at))}]", shape=(), node=None,
                        data=None if q.data is None else q.data[at], grad=None if q.grad is None else q.grad[at])
                for at in np.ndindex(q.shape)
            ]  # fmt: skip
        return elements[q]

    for operation in operations:
        inputs = [split(q) for q in operation.inputs]
        if operation.row is None:
            outputs = [x for q in operation.outputs for x in split(q)]
            result.append(replace(operation, inputs=[x for xs in inputs for x in xs], outputs=outputs))
            continue
        (made,) = operation.outputs
        uses, g = _uses(operation), gradients.get(made)
        for i, out in enumerate(split(made)):
            one = replace(operation, inputs=[], outputs=[out])
            for given, (used, slope) in zip(inputs, uses, strict=True):
                for j in np.flatnonzero(used[i]):
                    if slope is not None:
                        local[one, len(one.inputs)] = slope[i, j]
                        flow[one, len(one.inputs)] = None if g is None else np.ravel(g)[i] * slope[i, j]
                    one.inputs.append(given[j])
            result.append(one)
    return result, local, flow


def _uses(operation: Operation) -> list[tuple[Any, Any]]:
    """For each input which elements of the result (rows) use which of its elements (columns), and the derivatives.

    Derivatives may be 0 by chance, so they are looked at for other numbers, too. What a constant is used in shows in
    the derivatives by the other inputs: they change with it.
    """
    node, ways = operation.node, {link.place: link for link in links(operation)}
    other = elsewhere(node)

    def derivatives(saved: Any) -> Any:
        return np.hstack([link.jacobian(saved) for link in ways.values()])

    usual = derivatives(other)
    found: list[tuple[Any, Any]] = []
    for place, q in enumerate(operation.inputs):
        columns = math.prod(q.shape or ())
        used, slope = np.ones((math.prod(node.shape), columns), bool), None
        at = next((i for i, x in enumerate(node.saved) if x is q.data), None)
        if place in ways:
            slope = ways[place].jacobian()
            used = (slope != 0) | (ways[place].jacobian(other) != 0)
        elif q.shape and at is not None and floats(q.data):
            for j in range(columns):
                bent = other[at].copy()
                bent.flat[j] += 1
                used[:, j] = np.any(derivatives([*other[:at], bent, *other[at + 1 :]]) != usual, axis=1)
        if q.shape is not None and operation.elementwise:
            used = met(q.shape, node.shape)[:, None] == np.arange(columns)
        found.append((used, slope))
    return found
