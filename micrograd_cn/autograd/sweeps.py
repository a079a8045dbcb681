"""`backward` and `grad`: sweeps of the engine started from tensors or values."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.autograd.modes import set_grad_enabled
from micrograd_cn.creation import zeros_like
from micrograd_cn.engine import Face, sweep


def _many(x: Any) -> tuple[Any, ...]:
    return () if x is None else (x,) if isinstance(x, Face) else tuple(x)


def _sweep(
    outputs: Any, gradients: Any, retain_graph: bool | None, create_graph: bool, nodes: Any, retaining: Any = ()
) -> dict[int, Any]:  # fmt: skip
    """Sweep back from ``outputs``, each with its gradient to start from, and return the gradients of ``nodes``.

    The tensors ``retaining`` keep theirs, from now on.
    """
    outputs, gradients = _many(outputs), _many(gradients)
    if gradients and len(gradients) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(gradients)} gradients")
    starts = gradients or (None,) * len(outputs)
    with set_grad_enabled(create_graph):
        roots = [x._root(g, create_graph) for x, g in zip(outputs, starts, strict=True)]
        for x in retaining:
            x.retain_grad()
        return sweep(roots, create_graph if retain_graph is None else retain_graph, create_graph, nodes)


def backward(
    tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    inputs: Any = None,
) -> None:  # fmt: skip
    """Add to the ``.grad`` of the leaves below ``tensors`` (or only of ``inputs``) their gradients.

    Args:
        tensors: one or several tensors or values to start from.
        grad_tensors: for each the gradient to start with; None for single numbers.
        retain_graph: keep what backward needs, to run it again; default: ``create_graph``.
        create_graph: give the gradients a graph of their own.
        inputs: leaves or computed tensors that alone get their gradient.

    Raises:
        RuntimeError: as `Tensor.backward`.

    https://pytorch.org/docs/stable/generated/torch.autograd.backward.html
    """
    wanted = _many(inputs)
    if inputs is not None and not wanted:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    nodes = {node.number: (x, node) for i, x in enumerate(wanted) for node in (_node(x, i),)}
    targets = [node for _, node in nodes.values()] if wanted else None
    computed = [x for x, node in nodes.values() if not node.retains]
    found = _sweep(tensors, grad_tensors, retain_graph, create_graph, targets, computed)
    with set_grad_enabled(create_graph):  # for hooks
        for number, (_, node) in nodes.items():
            g = found[number]
            if g is not None and node.retains:
                node.accumulate(g, True)


def grad(
    outputs: Any, inputs: Any, grad_outputs: Any = None, retain_graph: bool | None = None, create_graph: bool = False,
    only_inputs: bool = True, allow_unused: bool | None = None, is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:  # fmt: skip
    """The gradients of the sum of ``outputs`` with respect to each of ``inputs``; no ``.grad`` changes.

    Args:
        outputs, inputs: one or several tensors or values; inputs may be leaves or computed.
        grad_outputs, retain_graph, create_graph: as in `backward`.
        only_inputs: accepted; other gradients are never added up.
        allow_unused: give None for an input that no output depends on, instead of raising.
        is_grads_batched: the first dimension of each of ``grad_outputs`` counts gradients: one sweep for each,
            and their results stacked.
        materialize_grads: give zeros for an unused input.

    Raises:
        RuntimeError: for an input that does not require grad or, unless allowed, was not used.
        ValueError: for ``materialize_grads=True`` with ``allow_unused=False``.

    https://pytorch.org/docs/stable/generated/torch.autograd.grad.html
    """
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True")
    if is_grads_batched:
        from micrograd_cn.ops.shape import stack

        starts = list(zip(*_many(grad_outputs), strict=True))
        rows = [
            grad(outputs, inputs, start, retain_graph or k + 1 < len(starts) or None, create_graph, True,
                 allow_unused, False, materialize_grads) for k, start in enumerate(starts)
        ]  # fmt: skip
        return tuple(None if column[0] is None else stack(column) for column in zip(*rows, strict=True))
    inputs = _many(inputs)
    nodes = [_node(x, i) for i, x in enumerate(inputs)]
    found = _sweep(outputs, grad_outputs, retain_graph, create_graph, nodes)
    out: list[Any] = []
    for i, (x, node) in enumerate(zip(inputs, nodes, strict=True)):
        g = found[node.number]
        if g is None and materialize_grads:
            g = zeros_like(x, requires_grad=create_graph) if isinstance(x._raw, np.ndarray) else x._constant(0.0)
        elif g is None and not allow_unused:
            what = "appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior."
            raise RuntimeError(f"The differentiated Tensor at index {i} {what}")
        out.append(None if g is None else _face(node, g))
    return tuple(out)


def _node(x: Any, i: int) -> Any:
    if not isinstance(x, Face):
        raise RuntimeError(f"all inputs have to be Tensors or Values, but got {type(x).__name__}: inputs[{i}]")
    node = x._current()  # type: ignore[attr-defined]
    if node is None:
        raise RuntimeError(f"One of the differentiated Tensors does not require grad: inputs[{i}]")
    return node


def _face(node: Any, g: Any) -> Any:
    return g if isinstance(g, Face) else node.constant(g)
