"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from micrograd_cn.optim.algorithm import Algorithm, Array, counter
from micrograd_cn.optim.optimizer import ParamsT
from micrograd_cn.tensor import Tensor


class ASGD(Algorithm):
    r"""Stochastic gradient descent with falling steps that also averages the parameters.

    With the gradient :math:`g` of the parameter :math:`w` at step :math:`t`, ``η = lr`` and ``μ = 1`` at first::

        w = (1 - lambd · η) · w - η · g
        ax = ax + μ · (w - ax)
        η = lr / (1 + lambd · lr · t)^alpha
        μ = 1 / max(1, t - t0)

    Args:
        params: what to optimize; see `Optimizer`. The averages stand in ``state[p]["ax"]``.
        lr: the learning rate, a number or a tensor of one.
        lambd: how much of the parameter a step takes away, and how fast the steps fall.
        alpha: the power by which they fall.
        t0: the step at which averaging starts.
        weight_decay: adds ``weight_decay · w`` to the gradient.
        foreach, capturable: accepted; they choose among PyTorch's ways to compute the same numbers.
        maximize: climb instead.
        differentiable: must be False.

    Raises:
        ValueError: for a negative ``lr`` or ``weight_decay``.

    Source: Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992;
    https://pytorch.org/docs/stable/generated/torch.optim.ASGD.html
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
        weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
        capturable: bool = False,
    ) -> None:  # fmt: skip
        self._prepare(locals())

    def _state(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {"eta": settings["lr"], "mu": 1, "ax": 0}

    def _change(self, w: Array, g: Array, state: dict[str, Array], t: float, settings: dict[str, Any]) -> None:
        lr, lambd = settings["lr"], settings["lambd"]
        eta, mu, ax = state["eta"], state["mu"], state["ax"]
        w *= 1 - lambd * eta.item()
        w -= eta.item() * g
        if mu == 1:
            ax[...] = w
        else:
            ax += mu.item() * (w - ax)
        # Both are rounded to the default dtype, also where a loaded state has them in that of the parameter.
        eta[...] = counter(lr / (1 + lambd * lr * t) ** settings["alpha"])._array
        mu[...] = counter(1 / max(1, t - settings["t0"]))._array
