"""Gradients that grow too large: cut them to a norm or to an interval."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor

Tensors: TypeAlias = Tensor | Iterable[Tensor]


def _gradients(parameters: Tensors) -> list[Tensor]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def _listed(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _norm(array: Any, norm_type: float) -> Any:
    """The norm of all elements; of float16, computed in float32."""
    flat = array.reshape(-1)
    wide = flat.astype(np.float32) if flat.dtype == np.float16 else flat
    return np.linalg.norm(wide, norm_type).astype(array.real.dtype)


def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of several tensors as if they were one vector, a tensor without dimensions.

    Args:
        tensors: one or several.
        norm_type: p of the p-norm; ``inf`` for the largest absolute value.
        error_if_nonfinite: raise RuntimeError for a norm that is NaN or infinite.
        foreach: accepted.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.utils.get_total_norm.html
    """
    norm_type = float(norm_type)
    norms = [_norm(t._array, norm_type) for t in _listed(tensors)]
    total = _norm(np.array(norms), norm_type) if norms else np.zeros((), dtypes.get_default_dtype().numpy)
    if error_if_nonfinite:
        found = f"The total norm of order {norm_type} for gradients from `parameters` is non-finite: {total}"
        need(np.isfinite(total), f"{found}. To scale the gradients by it anyway, set `error_if_nonfinite=False`")
    return wrap(np.asarray(total))


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Multiply the gradients by ``max_norm / (total_norm + 1e-6)`` if that is less than 1, in place.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grads_with_norm_.html
    """
    share = np.minimum(float(max_norm) / (total_norm._array + 1e-6), 1.0)
    for gradient in _gradients(parameters):
        gradient._array *= share
        gradient._wrote()


def clip_grad_norm_(
    parameters: Tensors, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:  # fmt: skip
    """Scale the gradients of all parameters, in place, so that together their norm is at most ``max_norm``.

    Args:
        parameters: a tensor or several; those without a gradient are passed over.
        max_norm: the largest norm.
        norm_type, error_if_nonfinite, foreach: see `get_total_norm`.

    Returns:
        The norm before.

    Source: Pascanu, Mikolov and Bengio, On the Difficulty of Training RNNs, https://arxiv.org/abs/1211.5063;
    https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
    """
    listed = _listed(parameters)
    if isinstance(parameters, types.GeneratorType) and not listed:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total)
    return total


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """`clip_grad_norm_`, of which this is the deprecated name."""
    text = "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`."
    warnings.warn(text, FutureWarning, stacklevel=2)
    return clip_grad_norm_(*args, **kwargs)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Cut every element of the gradients to ``[-clip_value, clip_value]``, in place.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html
    """
    most = float(clip_value)
    for gradient in _gradients(parameters):
        np.clip(gradient._array, -most, most, out=gradient._array)
        gradient._wrote()
