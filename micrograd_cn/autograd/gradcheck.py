"""Proof of derivatives by numerical differences. https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.autograd.modes import enable_grad, no_grad
from micrograd_cn.autograd.sweeps import grad
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor

Matrix = np.ndarray[Any, Any]


class GradcheckError(RuntimeError):
    """A derivative rule and the numerical difference disagree."""


def gradcheck(
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
    raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False, check_batched_grad: bool = False, check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False, check_backward_ad: bool = True, fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:  # fmt: skip
    """Compare the derivatives that backward gives with central differences ``(f(x + eps) - f(x - eps)) / (2 eps)``.

    A sweep from a random gradient is compared too: it must be that combination of the derivatives, so a rule that
    forgets to multiply by its gradient, or gives another answer each time, is found as well.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those of floating type that require grad (float64, please) are checked.
        eps: the step; atol, rtol: tolerances, absolute and relative.
        raise_exception: raise instead of returning False.
        nondet_tol: how much more the two kinds of sweep may differ.
        check_forward_ad: must be False: there is no forward mode here.
        check_backward_ad: False checks nothing.
        check_undefined_grad, check_grad_dtypes, check_batched_grad, check_batched_forward_grad, fast_mode, masked:
            accepted; the check is always the full one, output by output.

    Raises:
        GradcheckError: naming the input, the output and both matrices, if they differ.
        ValueError: if no input requires grad.
        RuntimeError: for an input with a dimension of stride 0, whose elements cannot be moved one by one.
    """
    if check_forward_ad:
        raise NotImplementedError("gradcheck: check_forward_ad=True asks for forward mode, which does not exist here")
    inputs = _tuple(inputs)
    checked = _checked(inputs)
    _check_inputs(inputs, checked)
    outputs = _outputs(func, inputs) if check_backward_ad else []
    numerical = {i: _numerical(func, inputs, i, eps, len(outputs)) for i in checked}
    for k, output in enumerate(outputs):
        analytical = _analytical(output, [inputs[i] for i in checked])
        start = np.random.default_rng(0).uniform(0.5, 1.5, output.numel())
        combined = _swept(output, start, [inputs[i] for i in checked])
        for i, found, a in zip(checked, analytical, combined, strict=True):
            expected, b, where = numerical[i][k], found @ start, f"for output {k} with respect to input {i}"
            wrong = None
            if not np.allclose(found, expected, rtol, atol, equal_nan=True):
                wrong = f"Jacobian mismatch {where},\nnumerical:{expected}\nanalytical:{found}\n"
            elif not np.allclose(a, b, rtol, atol + nondet_tol, equal_nan=True):
                what = f"from a random gradient it gives {a}, but that combination of derivatives is {b}"
                wrong = f"Backward not multiplied by grad_output, or not reentrant, {where}: {what}"
            if wrong and raise_exception:
                raise GradcheckError(wrong)
            if wrong:
                return False
    return True


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5,
    rtol: float = 1e-3, gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True,
    nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool = False,
    check_batched_grad: bool = False, check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True,
    fast_mode: bool = False, masked: bool = False,
) -> bool:  # fmt: skip
    """`gradcheck` of the gradient itself: second derivatives against differences of first ones.

    ``grad_outputs`` are the gradients to start from; by default they are drawn at random, transposed in memory for
    ``gen_non_contig_grad_outputs=True``. The other arguments are those of `gradcheck`.
    """
    inputs = _tuple(inputs)
    outputs = [y for y in _outputs(func, inputs) if y.requires_grad]
    if grad_outputs is None:
        draw = np.random.default_rng(0)
        order: Any = "F" if gen_non_contig_grad_outputs else "C"
        arrays = [np.array(draw.standard_normal(y.shape), y._array.dtype, order=order) for y in outputs]
        starts = tuple(wrap(a).requires_grad_() for a in arrays)
    else:
        starts = _tuple(grad_outputs)

    def first(*args: Any) -> tuple[Any, ...]:
        xs, gs = args[: len(inputs)], args[len(inputs) :]
        with enable_grad():
            ys = [y for y in _outputs(func, xs) if y.requires_grad]
            found = grad(ys, [xs[i] for i in _checked(inputs)], gs, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        first, (*inputs, *starts), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev,
    )  # fmt: skip


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _checked(inputs: tuple[Any, ...]) -> list[int]:
    """Which inputs require grad."""
    return [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]


def _check_inputs(inputs: tuple[Any, ...], checked: list[int]) -> None:
    need(checked, "gradcheck expects at least one input tensor to require gradient, but none does", ValueError)
    for i in checked:
        if inputs[i]._array.dtype != np.float64:
            what = "requires gradient and is not a double precision floating point: this check will likely fail"
            warnings.warn(f"Input #{i} {what}", stacklevel=3)
        what = "gradcheck only supports inputs that are non-overlapping; call .contiguous() before"
        need(not inputs[i]._overlaps(), f"The {i}th input has a dimension with stride 0. {what}")


def _outputs(func: Callable[..., Any], inputs: tuple[Any, ...]) -> list[Tensor]:
    return [y for y in _tuple(func(*inputs)) if isinstance(y, Tensor) and y.is_floating_point()]


def _numerical(func: Callable[..., Any], inputs: tuple[Any, ...], which: int, eps: float, count: int) -> list[Matrix]:
    """For each of ``count`` outputs the matrix ``d output / d inputs[which]`` by differences, ``(inputs, outputs)``."""
    x = inputs[which]._array
    columns = []
    with no_grad():
        for place in np.ndindex(x.shape):
            before = x[place].copy()
            sides = []
            for step in (eps, -eps):
                x[place] = before + step
                sides.append([y._array.astype(np.float64).ravel() for y in _outputs(func, inputs)])
            x[place] = before
            columns.append([(a - b) / (2 * eps) for a, b in zip(*sides, strict=True)])
    return [np.array([c[k] for c in columns]) for k in range(count)]


def _swept(output: Tensor, start: Matrix, inputs: list[Tensor]) -> list[Matrix]:
    """The gradients of the inputs, flat, in a sweep from ``output`` with the gradient ``start``."""
    if not output.requires_grad:
        return [np.zeros(x.numel()) for x in inputs]
    gradient = wrap(start.astype(output._array.dtype).reshape(output.shape))
    found = grad(output, inputs, gradient, retain_graph=True, allow_unused=True, materialize_grads=True)
    return [g._array.astype(np.float64).ravel() for g in found]


def _analytical(output: Tensor, inputs: list[Tensor]) -> list[Matrix]:
    """For each input the matrix ``d output / d input``, ``(inputs, outputs)``: a sweep for each output element."""
    rows = [_swept(output, one, inputs) for one in np.eye(output.numel())]
    return [np.array([row[k] for row in rows]).reshape(-1, x.numel()).T for k, x in enumerate(inputs)]
