"""Whole Jacobians and Hessians. https://pytorch.org/docs/stable/autograd.html#functional-higher-level-api"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.autograd.modes import enable_grad
from micrograd_cn.autograd.sweeps import grad
from micrograd_cn.ops.shape import stack
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """All first derivatives of ``func`` at ``inputs``.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        create_graph: let the derivatives have a graph of their own.
        strict: raise where an output does not depend on an input, instead of giving zeros.
        vectorize, strategy: accepted; the result is the same.

    Returns:
        For one output and one input a tensor of shape ``(*output, *input)``; for several, nested tuples of them.
    """
    several_in = isinstance(inputs, (tuple, list))
    xs = _leaves(tuple(inputs) if several_in else (inputs,), create_graph)
    with enable_grad():
        out = func(*xs)
        ys = out if isinstance(out, tuple) else (out,)
        table = tuple(tuple(_derivative(y, x, create_graph, strict) for x in xs) for y in ys)
    rows = table if several_in else tuple(row[0] for row in table)
    return rows if isinstance(out, tuple) else rows[0]


def _leaves(xs: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
    for x in xs:
        if not isinstance(x, Tensor):
            raise TypeError(f"inputs must be tensors, got {type(x).__name__}")
    return tuple(x if create_graph and x.requires_grad else x.detach().clone().requires_grad_() for x in xs)


def _derivative(y: Any, x: Tensor, create_graph: bool, strict: bool) -> Tensor:
    """``dy/dx`` with shape ``(*y, *x)``: a sweep for each element of ``y``."""
    if not isinstance(y, Tensor):
        raise TypeError(f"the function must return tensors, got {type(y).__name__}")
    rows = []
    for k in range(y.numel()):
        g = None
        if y.requires_grad:
            start = np.zeros(y.numel(), y._array.dtype)
            start[k] = 1
            (g,) = grad(y, x, wrap(start.reshape(y.shape)), retain_graph=True, create_graph=create_graph, allow_unused=True)
        if g is None and strict:
            raise RuntimeError("an output of the function is independent of an input; this is not allowed in strict mode")
        rows.append(wrap(np.zeros(x.shape, y._array.dtype)) if g is None else g)
    if not rows:
        return wrap(np.zeros((*y.shape, *x.shape), y._array.dtype))
    return stack(rows).reshape((*y.shape, *x.shape))


def hessian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """All second derivatives of ``func``, which returns a single number, at ``inputs``; arguments as in `jacobian`.

    Returns:
        For one input a tensor of shape ``(*input, *input)``; for several, a tuple of tuples of them.

    Raises:
        RuntimeError: if ``func`` returns more than one number.
    """

    def first(*xs: Any) -> Any:
        y = func(*xs)
        if not isinstance(y, Tensor) or y.numel() != 1:
            raise RuntimeError("The output of the function given to hessian should be a single element tensor.")
        found = tuple(
            g.reshape(x.shape) for x, g in zip(xs, (_derivative(y.reshape(()), x, True, strict) for x in xs), strict=True)
        )
        return found if isinstance(inputs, (tuple, list)) else found[0]

    return jacobian(first, inputs, create_graph, strict)
