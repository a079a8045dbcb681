"""RMSprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.optim.algorithm import Algorithm, Array, move_towards
from micrograd_cn.optim.optimizer import ParamsT, check_setting
from micrograd_cn.tensor import Tensor


class RMSprop(Algorithm):
    r"""RMSprop: the gradient over the root of an average of its squares.

    With the gradient :math:`g` of the parameter :math:`w`, and averages that start at 0::

        s = alpha · s + (1 - alpha) · g²
        a = √s + eps, or √(s - ḡ²) + eps if centered, where ḡ = alpha · ḡ + (1 - alpha) · g
        w = w - lr · g / a, or with momentum: b = momentum · b + g / a and w = w - lr · b

    Args:
        params: what to optimize; see `Optimizer`.
        lr: the learning rate, a number or a tensor of one.
        alpha: how slowly the average forgets.
        eps: keeps the denominator from 0.
        weight_decay: adds ``weight_decay · w`` to the gradient.
        momentum: how much of the last step goes on.
        centered: divide by the standard deviation of the gradient in place of its root mean square.
        maximize: climb instead.
        capturable, foreach: accepted; they choose among PyTorch's ways to compute the same numbers.
        differentiable: must be False.

    Raises:
        ValueError: for a negative setting.
        NotImplementedError: for ``differentiable=True``.

    Source: Hinton, Neural Networks for Machine Learning, lecture 6, 2012; Graves, Generating Sequences With Recurrent
    Neural Networks, https://arxiv.org/abs/1308.0850 (centered);
    https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0, centered: bool = False, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        self._prepare(locals())
        check_setting("alpha", alpha)

    def _state(self, settings: dict[str, Any]) -> dict[str, Any]:
        extras = {"momentum_buffer": settings["momentum"], "grad_avg": settings["centered"]}
        return {"square_avg": 0} | {name: 0 for name, wanted in extras.items() if wanted}

    def _change(self, w: Array, g: Array, state: dict[str, Array], t: float, settings: dict[str, Any]) -> None:
        alpha, momentum = settings["alpha"], settings["momentum"]
        s = state["square_avg"]
        s *= alpha
        s += (1 - alpha) * g * g
        if settings["centered"]:
            mean = state["grad_avg"]
            move_towards(mean, g, 1 - alpha)
            s = s - mean * mean
        step = g / (np.sqrt(s) + settings["eps"])
        if momentum:
            b = state["momentum_buffer"]
            b *= momentum
            b += step
            step = b
        w -= float(settings["lr"]) * step
