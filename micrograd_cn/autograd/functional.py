"""Whole Jacobians and Hessians, and their products with vectors.

https://pytorch.org/docs/stable/autograd.html#functional-higher-level-api
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.autograd.modes import enable_grad
from micrograd_cn.autograd.sweeps import grad
from micrograd_cn.ops.shape import need, stack
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
        strict: raise RuntimeError where an output does not depend on an input, instead of giving zeros.
        vectorize, strategy: accepted; the result is the same.

    Returns:
        For one output and one input a tensor of shape ``(*output, *input)``; for several, nested tuples of them.
    """
    xs, ys, pack_in, pack_out = _run("jacobian", func, inputs, create_graph)
    return pack_out(tuple(pack_in(_rows(y, xs, create_graph, strict)) for y in ys))


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
        (found,) = (_rows(y.reshape(()), xs, True, strict) for y in _single("hessian", func(*xs)))
        return found if isinstance(inputs, (tuple, list)) else found[0]

    return jacobian(first, inputs, create_graph, strict)


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """``(func(inputs), vᵀ J)``: the vector ``v``, shaped as the output, times the Jacobian ``J``; one sweep.

    ``v`` may be left out where the output is one number. Other arguments as in `jacobian`.
    """
    xs, ys, pack_in, pack_out = _run("vjp", func, inputs, create_graph)
    return pack_out(_plain(ys, create_graph)), pack_in(_product(ys, xs, _vector(v, ys), create_graph, strict))


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """``(func(inputs), J v)``: the Jacobian ``J`` times the vector ``v``, shaped as the inputs.

    ``uᵀ J`` is linear in ``u``, so its own derivative by ``u``, times ``v``, is ``J v``: two sweeps.
    """
    xs, ys, _, pack_out = _run("jvp", func, inputs, create_graph)
    us = tuple(wrap(np.zeros_like(y._array)).requires_grad_() for y in ys)
    with enable_grad():
        back = _product(ys, xs, us, True, strict)
    return pack_out(_plain(ys, create_graph)), pack_out(_product(back, us, _vector(v, xs), create_graph, strict))


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """``(func(inputs), vᵀ H)``: the vector ``v``, shaped as the inputs, times the Hessian ``H`` of a single number."""
    xs, ys, pack_in, _ = _run("vhp", func, inputs, create_graph)
    _single("vhp", ys)
    with enable_grad():
        first = _product(ys, xs, None, True, strict)
    return _plain(ys, create_graph)[0], pack_in(_product(first, xs, _vector(v, xs), create_graph, strict))


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> Any:
    """``(func(inputs), H v)``; the Hessian is symmetric, so this is `vhp`."""
    return vhp(func, inputs, v, create_graph, strict)


Pack = Callable[[tuple[Any, ...]], Any]


def _run(name: str, func: Any, inputs: Any, create_graph: bool) -> tuple[tuple[Any, ...], tuple[Any, ...], Pack, Pack]:
    """The inputs as places to differentiate at, the outputs, and how to hand back what belongs to each."""
    xs = tuple(
        x.view_as(x) if create_graph and x.requires_grad else x.detach().clone().requires_grad_()
        for x in _tensors(name, "inputs", inputs)
    )
    with enable_grad():
        out = func(*xs)
    ys = _tensors(name, "outputs", out)
    return xs, ys, *(tuple if isinstance(x, (tuple, list)) else lambda found: found[0] for x in (inputs, out))  # type: ignore[return-value]


def _tensors(name: str, what: str, x: Any) -> tuple[Tensor, ...]:
    several = tuple(x) if isinstance(x, (tuple, list)) else (x,)
    for t in several:
        given = f"must be either a Tensor or a tuple of Tensors but the given {what} has type {type(t)}."
        need(isinstance(t, Tensor), f"The {what} given to {name} {given}", TypeError)
    return several


def _single(name: str, y: Any) -> tuple[Tensor, ...]:
    ys = _tensors(name, "outputs", y)
    what = f"should contain a single element, but got shape {[list(t.shape) for t in ys]}"
    need(_is_number(ys), f"The Tensor returned by the function given to {name} {what}")
    return ys


def _is_number(ys: tuple[Tensor, ...]) -> bool:
    return len(ys) == 1 and ys[0].numel() == 1


def _vector(v: Any, like: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    """``v`` as a tuple of tensors shaped as ``like``."""
    if v is None:
        need(_is_number(like), "The vector v can only be None if the function returns a Tensor with a single element.")
        return (wrap(np.ones_like(like[0]._array)),)
    vs = _tensors("the product", "v", v)
    wanted, found = ([x.shape for x in xs] for xs in (like, vs))
    need(wanted == found, f"v has invalid size: should be {wanted} but got {found}")
    return vs


def _plain(ys: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    return ys if create_graph else tuple(y.detach() for y in ys)


def _product(ys: Any, xs: Any, v: Any, create_graph: bool, strict: bool) -> tuple[Tensor, ...]:
    """``vᵀ dy/dx`` for each of ``xs``: one sweep; zeros where ``y`` does not depend on ``x``."""
    reached = [i for i, y in enumerate(ys) if y.requires_grad]
    gs: Any = (None,) * len(xs)
    if reached:
        starts = None if v is None else [v[i] for i in reached]
        gs = grad([ys[i] for i in reached], xs, starts, True, create_graph, allow_unused=True)
    for i, g in enumerate(gs):
        what = f"The outputs are independent of input {i}. This is not allowed in strict mode."
        need(g is not None or not strict, what)
    return tuple(wrap(np.zeros_like(x._array)) if g is None else g for g, x in zip(gs, xs, strict=True))


def _rows(y: Tensor, xs: Any, create_graph: bool, strict: bool) -> tuple[Tensor, ...]:
    """``dy/dx`` with shape ``(*y, *x)`` for each of ``xs``: a sweep for each element of ``y``."""
    ones = np.eye(y.numel(), dtype=y._array.dtype).reshape((y.numel(), *y.shape))
    rows = [_product((y,), xs, (wrap(one),), create_graph, strict) for one in ones]
    if not rows:
        return tuple(wrap(np.zeros((*y.shape, *x.shape), x._array.dtype)) for x in xs)
    columns = zip(*rows, strict=True)
    return tuple(stack(gs).reshape((*y.shape, *x.shape)) for gs, x in zip(columns, xs, strict=True))
