"""Relatives of Adam: Adamax, NAdam and RAdam."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.optim.algorithm import Algorithm, Array, move_towards
from micrograd_cn.optim.optimizer import ParamsT
from micrograd_cn.tensor import Tensor


def move_averages(m: Array, v: Array, g: Array, beta1: float, beta2: float) -> None:
    """Take the gradient into Adam's averages of it and of its square, in place."""
    move_towards(m, g, 1 - beta1)
    v *= beta2
    v += (1 - beta2) * g * g


class Adamax(Algorithm):
    r"""Adam with the largest gradient so far, slowly forgotten, in place of the root of the average of squares.

    With the gradient :math:`g` of the parameter :math:`w` at step :math:`t`::

        m = β1 · m + (1 - β1) · g
        u = max(β2 · u, |g| + eps)
        w = w - lr / (1 - β1ᵗ) · m / u

    Args: as for `Adam`; all settings are numbers, but for ``lr``, which may be a tensor of one.

    Raises:
        ValueError: for a negative setting, and for betas outside [0, 1).

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, section 7, https://arxiv.org/abs/1412.6980;
    https://pytorch.org/docs/stable/generated/torch.optim.Adamax.html
    """

    _averages = ("exp_avg", "exp_inf")

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, foreach: bool | None = None, *, maximize: bool = False,
        differentiable: bool = False, capturable: bool = False,
    ) -> None:  # fmt: skip
        self._prepare(locals())

    def _change(self, w: Array, g: Array, state: dict[str, Array], t: float, settings: dict[str, Any]) -> None:
        beta1, beta2 = settings["betas"]
        m, u = state["exp_avg"], state["exp_inf"]
        move_towards(m, g, 1 - beta1)
        u *= beta2
        np.maximum(u, np.abs(g) + settings["eps"], out=u)
        w -= float(settings["lr"] / (1 - beta1**t)) * m / u


class NAdam(Algorithm):
    r"""Adam that looks ahead along its average of gradients, as Nesterov's momentum does.

    With ``m`` and ``v`` as in `Adam`, and the momentum of step :math:`t`, ``μ(t) = β1 · (1 - 0.96^(t · ψ) / 2)``::

        a = √(v / (1 - β2ᵗ)) + eps
        w = w - lr · (1 - μ(t)) / (1 - μ(1) ⋯ μ(t)) · g / a
        w = w - lr · μ(t+1) / (1 - μ(1) ⋯ μ(t+1)) · m / a

    Args: as for `Adam`, and
        momentum_decay: ψ, how fast the momentum grows to β1.

    Raises:
        ValueError: for a negative setting, and for betas outside [0, 1).

    Source: Dozat, Incorporating Nesterov Momentum into Adam, 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ;
    https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 2e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False,
        *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        self._prepare(locals())

    def _state(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {"mu_product": 1, "exp_avg": 0, "exp_avg_sq": 0}

    def _change(self, w: Array, g: Array, state: dict[str, Array], t: float, settings: dict[str, Any]) -> None:
        lr, (beta1, beta2), decay = settings["lr"], settings["betas"], settings["momentum_decay"]
        m, v, product = state["exp_avg"], state["exp_avg_sq"], state["mu_product"]
        mu, following = (beta1 * (1.0 - 0.5 * 0.96 ** (s * decay)) for s in (t, t + 1))
        product *= mu
        so_far = product.item()
        move_averages(m, v, g, beta1, beta2)
        root = np.sqrt(v / (1 - beta2**t)) + settings["eps"]
        w -= float(lr * (1.0 - mu) / (1.0 - so_far)) * g / root
        w -= float(lr * following / (1.0 - so_far * following)) * m / root


class RAdam(Algorithm):
    r"""Adam that goes along ``m`` alone while its average of squares is too short to be trusted.

    With ``m`` and ``v`` as in `Adam`, ``ρ∞ = 2 / (1 - β2) - 1`` and ``ρ = ρ∞ - 2 t β2ᵗ / (1 - β2ᵗ)``::

        r = √((ρ - 4) (ρ - 2) ρ∞ / ((ρ∞ - 4) (ρ∞ - 2) ρ))
        w = w - lr · m / (1 - β1ᵗ) · r · √(1 - β2ᵗ) / (√v + eps) if ρ > 5, else w - lr · m / (1 - β1ᵗ)

    Args: as for `Adam`.

    Raises:
        ValueError: for a negative setting, and for betas outside [0, 1).

    Source: Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, https://arxiv.org/abs/1908.03265;
    https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html
    """

    _averages = ("exp_avg", "exp_avg_sq")

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, decoupled_weight_decay: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        self._prepare(locals())

    def _change(self, w: Array, g: Array, state: dict[str, Array], t: float, settings: dict[str, Any]) -> None:
        lr, (beta1, beta2) = settings["lr"], settings["betas"]
        m, v = state["exp_avg"], state["exp_avg_sq"]
        move_averages(m, v, g, beta1, beta2)
        most = 2 / (1 - beta2) - 1
        rho = most - 2 * t * beta2**t / (1 - beta2**t)
        step = m / (1 - beta1**t) * float(lr)
        if rho > 5.0:
            trust = (rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho)
            step *= (trust * (1 - beta2**t)) ** 0.5 / (np.sqrt(v) + settings["eps"])
        w -= step
