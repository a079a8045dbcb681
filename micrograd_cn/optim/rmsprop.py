"""RMSprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.optim.optimizer import (
    Optimizer,
    ParamsT,
    as_real,
    check_setting,
    check_variant,
    move_towards,
    new_step,
    steps_to_tensors,
)
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor


class RMSprop(Optimizer):
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

    _newer_settings = dict.fromkeys(("centered", "capturable", "maximize", "differentiable"), False) | {
        "momentum": 0,
        "foreach": None,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        for name in ("lr", "eps", "momentum", "weight_decay", "alpha"):
            check_setting(name, defaults[name])
        check_variant(differentiable)
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        steps_to_tensors(self)

    def _update(self, group: dict[str, Any]) -> None:
        lr, alpha, eps, momentum, weight_decay = (
            float(group[name]) for name in ("lr", "alpha", "eps", "momentum", "weight_decay")
        )
        for p in group["params"]:
            if p._grad is None:
                continue
            state = self.state[p]
            if not state:
                state["step"] = new_step()
                state["square_avg"] = wrap(np.zeros_like(p._array))
                if momentum:
                    state["momentum_buffer"] = wrap(np.zeros_like(p._array))
                if group["centered"]:
                    state["grad_avg"] = wrap(np.zeros_like(p._array))
            w, g, s = as_real(p._array), as_real(p._grad._array), as_real(state["square_avg"]._array)
            step = state["step"]._array
            step += 1

            if group["maximize"]:
                g = -g
            if weight_decay:
                g = g + weight_decay * w
            s *= alpha
            s += (1 - alpha) * g * g
            if group["centered"]:
                mean = as_real(state["grad_avg"]._array)
                move_towards(mean, g, 1 - alpha)
                s = s - mean * mean
            root = np.sqrt(s)
            root += eps
            if momentum:
                b = as_real(state["momentum_buffer"]._array)
                b *= momentum
                b += g / root
                w -= lr * b
            else:
                w -= lr * g / root
            p._wrote()
