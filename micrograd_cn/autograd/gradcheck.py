"""Proof of derivatives by numerical differences. https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.autograd.modes import enable_grad, no_grad
from micrograd_cn.autograd.sweeps import grad
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor


class GradcheckError(RuntimeError):
    """A derivative rule and the numerical difference disagree."""


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _numerical(fn: Callable[..., Any], inputs: tuple[Any, ...], which: int, eps: float) -> list[np.ndarray[Any, Any]]:
    """For each output the matrix ``d output / d inputs[which]`` by central differences, ``(inputs, outputs)``."""
    x = inputs[which]._array
    columns = []
    with no_grad():
        for place in np.ndindex(x.shape):
            before = x[place].copy()
            sides = []
            for step in (eps, -eps):
                x[place] = before + step
                sides.append([np.array(o._array, dtype=np.float64).ravel() for o in _outputs(fn, inputs)])
            x[place] = before
            columns.append([(a - b) / (2 * eps) for a, b in zip(*sides, strict=True)])
    count = len(_outputs(fn, inputs))
    return [
        np.array([c[k] for c in columns]).reshape(x.size, -1) if columns else np.zeros((0, 0)) for k in range(count)
    ]


def _outputs(fn: Callable[..., Any], inputs: tuple[Any, ...]) -> list[Tensor]:
    return [o for o in _tuple(fn(*inputs)) if isinstance(o, Tensor) and o.is_floating_point()]


def _analytical(output: Tensor, x: Tensor) -> np.ndarray[Any, Any]:
    """The matrix ``d output / d x`` by one sweep an element of the output, ``(inputs, outputs)``."""
    rows = np.zeros((x.numel(), output.numel()))
    if not output.requires_grad:
        return rows
    for k in range(output.numel()):
        start = np.zeros(output.numel(), output._array.dtype)
        start[k] = 1
        (g,) = grad(output, x, wrap(start.reshape(output.shape)), retain_graph=True, allow_unused=True)
        if g is not None:
            rows[:, k] = g._array.ravel()
    return rows


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **options: Any,
) -> bool:
    """Compare the derivatives that backward gives with central differences ``(f(x + eps) - f(x - eps)) / (2 eps)``.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require grad (float64, please) are checked.
        eps: the step; atol, rtol: tolerances, absolute and relative.
        raise_exception: raise instead of returning False.

    Raises:
        GradcheckError: naming the input, the output and both matrices, if they differ.
        ValueError: if no input requires grad.
    """
    inputs = _tuple(inputs)
    checked = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    outputs = _outputs(func, inputs)
    for i in checked:
        numerical = _numerical(func, inputs, i, eps)
        for k, output in enumerate(outputs):
            analytical = _analytical(output, inputs[i])
            expected = numerical[k].reshape(analytical.shape)
            if not np.allclose(analytical, expected, rtol, atol, equal_nan=True):
                if raise_exception:
                    raise GradcheckError(
                        f"Jacobian mismatch for output {k} with respect to input {i},\n"
                        f"numerical:{expected}\nanalytical:{analytical}\n"
                    )
                return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **options: Any,
) -> bool:
    """`gradcheck` of the gradient itself: second derivatives against differences of first ones.

    ``grad_outputs`` are the gradients to start from; by default they are drawn at random.
    """
    inputs = _tuple(inputs)
    outputs = _outputs(func, inputs)
    if grad_outputs is None:
        draw = np.random.default_rng(0)
        starts = tuple(wrap(np.asarray(draw.standard_normal(o.shape), o._array.dtype)).requires_grad_() for o in outputs)
    else:
        starts = _tuple(grad_outputs)
    n = len(inputs)
    checked = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]

    def first(*args: Any) -> tuple[Any, ...]:
        xs, gs = args[:n], args[n:]
        with enable_grad():
            ys = _outputs(func, xs)
            pairs = [(y, g) for y, g in zip(ys, gs, strict=True) if y.requires_grad]
            found = grad(
                [y for y, _ in pairs], [xs[i] for i in checked], [g for _, g in pairs], create_graph=True, allow_unused=True
            )
        return tuple(g for g in found if g is not None)

    return gradcheck(first, (*inputs, *starts), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)
