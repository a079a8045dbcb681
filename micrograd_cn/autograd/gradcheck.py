"""Proof of derivatives by numerical differences. https://pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.autograd.differences import FlatFunction, gradient_of, many, signed, variables
from micrograd_cn.ops.shape import need, overlapping
from micrograd_cn.recording import wrap


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
        ValueError: if no input requires grad; TypeError: if ``func`` returns no tensor.
        RuntimeError: for an input with a dimension of stride 0, whose elements cannot be moved one by one.
    """
    if check_forward_ad:
        raise NotImplementedError("gradcheck: check_forward_ad=True asks for forward mode, which does not exist here")
    inputs = many(inputs)
    _check_inputs(inputs, variables(inputs))
    if not check_backward_ad:
        return True
    f = FlatFunction(func, inputs, in_place=True)
    start = signed(np.random.default_rng(0), f.y.shape)
    expected, found, combined = f.numerical(eps), f.analytical(), f.sweep(start)
    outputs = np.split(np.arange(len(f.y)), np.cumsum([y.numel() for y in f.outputs]))
    places = np.split(np.arange(len(f.x)), np.cumsum([a.size for a in f.arrays]))
    for k in range(len(f.outputs)):
        for at, i in enumerate(f.checked):
            block, where = np.ix_(places[at], outputs[k]), f"for output {k} with respect to input {i}"
            if not np.allclose(found[block], expected[block], rtol, atol):
                said = f"Jacobian mismatch {where},\nnumerical:{expected[block]}\nanalytical:{found[block]}\n"
                return _fail(said, raise_exception)
    for part, i in zip(places, f.checked, strict=False):
        a, b = combined[part], found[part] @ start
        if not np.allclose(a, b, rtol, atol + nondet_tol):
            what = f"from a random gradient it gives {a}, but that combination of derivatives is {b}"
            said = f"Backward not multiplied by grad_output, or not reentrant, with respect to input {i}: {what}"
            return _fail(said, raise_exception)
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
    inputs = many(inputs)
    outputs = [y for y in FlatFunction(func, inputs).outputs if y.requires_grad]
    if grad_outputs is None:
        draw = np.random.default_rng(0)
        order: Any = "F" if gen_non_contig_grad_outputs else "C"
        arrays = [np.array(draw.standard_normal(y.shape), y._array.dtype, order=order) for y in outputs]
        starts = tuple(wrap(a).requires_grad_() for a in arrays)
    else:
        starts = many(grad_outputs)
    return gradcheck(
        gradient_of(func, inputs), (*inputs, *starts), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev,
    )  # fmt: skip


def _fail(said: str, raise_exception: bool) -> bool:
    if raise_exception:
        raise GradcheckError(said)
    return False


def _check_inputs(inputs: tuple[Any, ...], checked: list[int]) -> None:
    need(checked, "gradcheck expects at least one input tensor to require gradient, but none does", ValueError)
    for i in checked:
        if inputs[i]._array.dtype != np.float64:
            what = "requires gradient and is not a double precision floating point: this check will likely fail"
            warnings.warn(f"Input #{i} {what}", stacklevel=3)
        what = "gradcheck only supports inputs that are non-overlapping; call .contiguous() before"
        need(not overlapping(inputs[i]._array), f"The {i}th input has a dimension with stride 0. {what}")
