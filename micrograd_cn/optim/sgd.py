"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.optim.optimizer import Optimizer, ParamsT
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum if wanted.

    With the gradient :math:`g`, the parameter :math:`w` and :math:`b` the first gradient at first::

        g = g + weight_decay · w
        b = momentum · b + (1 - dampening) · g        g = b, or g + momentum · b with nesterov
        w = w - lr · g

    Args:
        params: what to optimize; see `Optimizer`.
        lr: the learning rate, a number or a tensor of one.
        momentum: how much of the last step goes on.
        dampening: how much of the gradient momentum leaves out.
        weight_decay: adds the gradient of ``weight_decay / 2 · |w|²``.
        nesterov: look ahead along the momentum.
        maximize: climb instead.
        foreach, fused: accepted; they choose among PyTorch's ways to compute the same numbers.
        differentiable: must be False.

    Raises:
        ValueError: for a negative setting, and for ``nesterov`` without momentum or with dampening.
        NotImplementedError: for ``differentiable=True``.

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning, 2013;
    https://pytorch.org/docs/stable/generated/torch.optim.SGD.html
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-3, momentum: float = 0, dampening: float = 0,
        weight_decay: float | Tensor = 0, nesterov: bool = False, *, maximize: bool = False,
        foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        self._prepare(locals())
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")

    def _update(self, group: dict[str, Any]) -> None:
        # A loop of its own: for a small parameter the common one takes twice as long as all of this.
        lr, momentum, weight_decay = float(group["lr"]), float(group["momentum"]), float(group["weight_decay"])
        maximize = group["maximize"]
        dtype = None
        for p in group["params"]:
            if p._grad is None:
                continue
            w, g = p._array, p._grad._array
            if w.dtype is not dtype:
                # An array of one number: NumPy takes twice as long to multiply by a Python number, 0.5 µs.
                dtype, rate = w.dtype, np.array(lr, w.dtype)
            if maximize:
                g = -g
            if weight_decay:
                g = g + weight_decay * w
            if momentum:
                kept = self.state[p].get("momentum_buffer")
                if kept is None:
                    b = np.array(g)
                    self.state[p]["momentum_buffer"] = wrap(b)
                else:
                    b = kept._array
                    b *= momentum
                    b += (1 - group["dampening"]) * g if group["dampening"] else g
                g = g + momentum * b if group["nesterov"] else b
            # A kept buffer for the product, or blocks that fit the cache, gain nothing: 784x128 takes 20 µs all ways.
            w -= g * rate
            p._wrote()
