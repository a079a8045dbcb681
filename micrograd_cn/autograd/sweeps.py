"""`backward` and `grad`: sweeps of the engine started from tensors or values."""

from __future__ import annotations

from typing import Any

from micrograd_cn.autograd.modes import set_grad_enabled
from micrograd_cn.engine import Face, sweep


def _many(x: Any) -> tuple[Any, ...]:
    return () if x is None else tuple(x) if isinstance(x, (list, tuple)) else (x,)


def _roots(outputs: tuple[Any, ...], gradients: tuple[Any, ...], create_graph: bool) -> list[tuple[Any, Any]]:
    if gradients and len(gradients) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(gradients)} gradients")
    starts = gradients or (None,) * len(outputs)
    return [x._root(g, create_graph) for x, g in zip(outputs, starts, strict=True)]


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
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
        raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    roots = _roots(_many(tensors), _many(grad_tensors), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    nodes = [_node(x, i) for i, x in enumerate(wanted)]
    with set_grad_enabled(create_graph):
        found = sweep(roots, keep, create_graph, nodes if wanted else None)
        for x, node in zip(wanted, nodes, strict=True):
            g = found[node.number]
            if g is not None:
                x.grad = _face(node, g) if x.grad is None else x.grad + _face(node, g)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of the sum of ``outputs`` with respect to each of ``inputs``; no ``.grad`` changes.

    Args:
        outputs, inputs: one or several tensors or values; inputs may be leaves or computed.
        grad_outputs, retain_graph, create_graph: as in `backward`.
        allow_unused: give None for an input that no output depends on, instead of raising.
        materialize_grads: give zeros for it.

    Raises:
        RuntimeError: for an input that does not require grad or, unless allowed, was not used.

    https://pytorch.org/docs/stable/generated/torch.autograd.grad.html
    """
    if is_grads_batched:
        raise RuntimeError("is_grads_batched=True is not supported here: call grad() for each gradient")
    inputs = _many(inputs)
    nodes = [_node(x, i) for i, x in enumerate(inputs)]
    roots = _roots(_many(outputs), _many(grad_outputs), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    with set_grad_enabled(create_graph):
        found = sweep(roots, keep, create_graph, nodes)
    out: list[Any] = []
    for x, node in zip(inputs, nodes, strict=True):
        g = found[node.number]
        if g is None and materialize_grads:
            out.append(x._constant(x._raw * 0))
        elif g is None and not allow_unused:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if "
                f"this is the desired behavior. (It is inputs[{len(out)}].)"
            )
        else:
            out.append(None if g is None else _face(node, g))
    return tuple(out)


def _node(x: Any, i: int) -> Any:
    if not isinstance(x, Face):
        raise TypeError(f"inputs[{i}] must be a tensor or a value, got {type(x).__name__}")
    node = x._current()  # type: ignore[attr-defined]
    if node is None:
        raise RuntimeError(f"One of the differentiated Tensors does not require grad: inputs[{i}]")
    return node


def _face(node: Any, g: Any) -> Any:
    return g if isinstance(g, Face) else node.constant(g)

