"""Adam, and AdamW, which is Adam with its weight decay kept out of the averages."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from micrograd_cn.optim.algorithm import Algorithm, Array
from micrograd_cn.optim.optimizer import ParamsT
from micrograd_cn.tensor import Tensor


@functools.lru_cache(maxsize=8, typed=True)
def _numbers(t: float, lr: Any, beta1: Any, beta2: Any, eps: float, dtype: Any) -> list[Array]:
    """What step ``t`` multiplies by, the same for all parameters of a group.

    They are arrays: NumPy takes twice as long to multiply by a Python number, 0.5 µs. The fraction
    m / (√v / root + eps) is expanded by root, which saves dividing √v.
    """
    root = (1 - beta2**t) ** 0.5
    numbers = beta1, 1 - beta1, beta2, 1 - beta2, eps * root, float(lr / (1 - beta1**t)) * root
    return [np.array(number, dtype) for number in numbers]


class Adam(Algorithm):
    r"""Adam: steps of about size ``lr``, along an average of the gradients over the root of one of their squares.

    With the gradient :math:`g` of the parameter :math:`w` at step :math:`t`, and averages that start at 0::

        m = β1 · m + (1 - β1) · g
        v = β2 · v + (1 - β2) · g²
        w = w - lr · m / (1 - β1ᵗ) / (√(v / (1 - β2ᵗ)) + eps)

    Args:
        params: what to optimize; see `Optimizer`.
        lr: the learning rate, a number or a tensor of one.
        betas: β1 and β2, how slowly the averages forget.
        eps: keeps the denominator from 0.
        weight_decay: adds ``weight_decay · w`` to the gradient.
        amsgrad: use the largest ``v`` so far.
        maximize: climb instead.
        decoupled_weight_decay: take ``lr · weight_decay · w`` from the parameter itself instead, as `AdamW` does.
        foreach, capturable, fused: accepted; they choose among PyTorch's ways to compute the same numbers.
        differentiable: must be False.

    Raises:
        ValueError: for a negative setting, and for betas outside [0, 1).
        NotImplementedError: for ``differentiable=True``.

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, https://arxiv.org/abs/1412.6980; Reddi et al.,
    On the Convergence of Adam and Beyond, https://openreview.net/forum?id=ryQu7f-RZ (amsgrad);
    https://pytorch.org/docs/stable/generated/torch.optim.Adam.html
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-3, betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        self._prepare(locals())
        if not any(all(isinstance(beta, kind) for beta in betas) for kind in (float, Tensor)):
            raise ValueError("betas must be either both floats or both Tensors")
        for name, value in {"lr": lr, "betas[0]": betas[0], "betas[1]": betas[1]}.items():
            if foreach and not capturable and isinstance(value, Tensor):
                raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")

    def _state(self, settings: dict[str, Any]) -> dict[str, Any]:
        return {name: 0 for name in ("exp_avg", "exp_avg_sq", *["max_exp_avg_sq"] * settings["amsgrad"])}

    def _change(self, w: Array, g: Array, state: dict[str, Array], t: float, settings: dict[str, Any]) -> None:
        # Each line is a pass over memory, nearly all in place: a second output array costs half as much again. Blocks
        # that fit the cache gain nothing. The root alone takes a third of the time.
        lr, betas, eps = settings["lr"], settings["betas"], settings["eps"]
        beta1, share1, beta2, share2, eps, size = _numbers(t, lr, *betas, eps, w.dtype)
        m, v, work = state["exp_avg"], state["exp_avg_sq"], self._work(w)
        np.multiply(g, share1, work)
        np.multiply(m, beta1, m)
        np.add(m, work, m)
        np.multiply(g, g, work)
        np.multiply(work, share2, work)
        np.multiply(v, beta2, v)
        np.add(v, work, v)
        if settings["amsgrad"]:
            v = np.maximum(state["max_exp_avg_sq"], v, out=state["max_exp_avg_sq"])
        np.sqrt(v, work)
        np.add(work, eps, work)
        np.divide(m, work, work)
        np.multiply(work, size, work)
        np.subtract(w, work, w)


class AdamW(Adam):
    """`Adam` with ``w = w - lr · weight_decay · w`` before each step, in place of a term in the gradient.

    Args: as for `Adam`, with a ``weight_decay`` of 0.01 unless another is given.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101;
    https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1e-3, betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
        foreach: bool | None = None, capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        arguments = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__(**arguments, decoupled_weight_decay=True)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
