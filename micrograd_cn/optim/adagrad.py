"""Adagrad and Adadelta, which divide by the size of the gradients so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.optim.algorithm import Algorithm, Array
from micrograd_cn.optim.optimizer import ParamsT
from micrograd_cn.tensor import Tensor


class Adagrad(Algorithm):
    r"""Adagrad: the gradient over the root of the sum of all its squares.

    With the gradient :math:`g` of the parameter :math:`w` at step :math:`t`::

        s = s + g²
        w = w - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps)

    Args:
        params: what to optimize; see `Optimizer`. Its state is there from the beginning.
        lr: the learning rate, a number or a tensor of one.
        lr_decay: makes the learning rate fall.
        weight_decay: adds ``weight_decay · w`` to the gradient.
        initial_accumulator_value: where ``s`` starts.
        eps: keeps the denominator from 0.
        foreach, fused: accepted; they choose among PyTorch's ways to compute the same numbers.
        maximize: climb instead.
        differentiable: must be False.

    Raises:
        ValueError: for a negative setting.

    Source: Duchi, Hazan and Singer, Adaptive Subgradient Methods, https://jmlr.org/papers/v12/duchi11a.html;
    https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        self._prepare(locals())
        for group in self.param_groups:
            for p in group["params"]:
                self._start(p, group)

    def _state(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {"sum": self.defaults["initial_accumulator_value"]}

    def _change(self, w: Array, g: Array, state: dict[str, Array], t: float, settings: dict[str, Any]) -> None:
        state["sum"] += g * g
        size = float(settings["lr"] / (1 + (t - 1) * settings["lr_decay"]))
        w -= size * g / (np.sqrt(state["sum"]) + settings["eps"])


class Adadelta(Algorithm):
    r"""Adadelta: steps of the size that steps have had on average, along the gradient over its root mean square.

    With the gradient :math:`g` of the parameter :math:`w`, and averages that start at 0::

        s = rho · s + (1 - rho) · g²
        d = √(a + eps) / √(s + eps) · g
        a = rho · a + (1 - rho) · d²
        w = w - lr · d

    Args:
        params: what to optimize; see `Optimizer`.
        lr: scales the steps, a number or a tensor of one.
        rho: how slowly the averages forget.
        eps: keeps the roots from 0.
        weight_decay: adds ``weight_decay · w`` to the gradient.
        foreach, capturable: accepted; they choose among PyTorch's ways to compute the same numbers.
        maximize: climb instead.
        differentiable: must be False.

    Raises:
        ValueError: for a negative setting, and for a ``rho`` above 1.

    Source: Zeiler, ADADELTA: An Adaptive Learning Rate Method, https://arxiv.org/abs/1212.5701;
    https://pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
    """

    _averages = ("square_avg", "acc_delta")

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
        foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        self._prepare(locals())
        if rho > 1.0:
            raise ValueError(f"Invalid rho value: {rho}")

    def _change(self, w: Array, g: Array, state: dict[str, Array], t: float, settings: dict[str, Any]) -> None:
        rho, eps = settings["rho"], settings["eps"]
        s, a = state["square_avg"], state["acc_delta"]
        s *= rho
        s += (1 - rho) * g * g
        d = np.sqrt(a + eps) / np.sqrt(s + eps) * g
        a *= rho
        a += (1 - rho) * d * d
        w -= float(settings["lr"]) * d
