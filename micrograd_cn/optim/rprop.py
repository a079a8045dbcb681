"""Resilient backpropagation."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.optim.algorithm import Algorithm, Array
from micrograd_cn.optim.optimizer import ParamsT
from micrograd_cn.tensor import Tensor


class Rprop(Algorithm):
    r"""Rprop: only the sign of the gradient counts; steps grow while it stays and shrink when it turns.

    For each element, with the gradient :math:`g` of the parameter :math:`w`, and ``d`` that starts at ``lr``::

        d = clamp(d · (η⁺ if g · before > 0, η⁻ if g · before < 0, else 1), *step_sizes)
        g = 0 where it turned
        w = w - d · sign(g),  before = g

    Args:
        params: what to optimize; see `Optimizer`.
        lr: the first step, a number or a tensor of one.
        etas: η⁻ and η⁺, by how much steps shrink and grow.
        step_sizes: the smallest and the largest step.
        capturable, foreach: accepted; they choose among PyTorch's ways to compute the same numbers.
        maximize: climb instead.
        differentiable: must be False.

    Raises:
        ValueError: for a negative ``lr``, and unless ``0 < η⁻ < 1 < η⁺``.

    Source: Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning, 1993;
    https://pytorch.org/docs/stable/generated/torch.optim.Rprop.html
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        self._prepare(locals())
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")

    def _state(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {"prev": 0, "step_size": settings["lr"]}

    def _change(self, w: Array, g: Array, state: dict[str, Array], t: float, settings: dict[str, Any]) -> None:
        (shrink, grow), (least, most) = settings["etas"], settings["step_sizes"]
        before, size = state["prev"], state["step_size"]
        turn = np.sign(g * before)
        size *= np.where(turn > 0, grow, np.where(turn < 0, shrink, 1.0)).astype(w.dtype)
        np.clip(size, least, most, out=size)
        before[...] = np.where(turn < 0, 0, g)
        w -= size * np.sign(before)
