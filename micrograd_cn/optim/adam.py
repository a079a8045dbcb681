"""Adam, and AdamW, which is Adam with its weight decay kept out of the averages."""

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
    number,
    steps_to_tensors,
)
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor


class Adam(Optimizer):
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

    _newer_settings = dict.fromkeys(
        ("amsgrad", "maximize", "capturable", "differentiable", "decoupled_weight_decay"), False
    ) | dict.fromkeys(("foreach", "fused"), None)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        given = {"lr": lr, "betas[0]": betas[0], "betas[1]": betas[1]}
        if foreach and not capturable:
            for name, value in given.items():
                if isinstance(value, Tensor):
                    raise ValueError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")
        check_setting("lr", lr)
        check_setting("eps", eps)
        for i, beta in enumerate(betas):
            if isinstance(beta, Tensor) and beta.numel() != 1:
                raise ValueError(f"Tensor betas[{i}] must be 1-element")
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        check_setting("weight_decay", weight_decay)
        if not any(all(isinstance(beta, kind) for beta in betas) for kind in (float, Tensor)):
            raise ValueError("betas must be either both floats or both Tensors")
        check_variant(differentiable, foreach, fused)
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        steps_to_tensors(self)

    def _update(self, group: dict[str, Any]) -> None:
        lr, weight_decay, eps = number(group["lr"]), number(group["weight_decay"]), number(group["eps"])
        beta1, beta2 = map(number, group["betas"])
        amsgrad = group["amsgrad"]
        for p in group["params"]:
            if p._grad is None:
                continue
            state = self.state[p]
            if not state:
                state["step"] = new_step(group["fused"])
                for name in ("exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if amsgrad else [])):
                    state[name] = wrap(np.zeros_like(p._array))
            w, g = as_real(p._array), as_real(p._grad._array)
            m, v = as_real(state["exp_avg"]._array), as_real(state["exp_avg_sq"]._array)
            step = state["step"]._array
            step += 1
            t = step.item()

            if group["maximize"]:
                g = -g
            if weight_decay and group["decoupled_weight_decay"]:
                w *= float(1 - lr * weight_decay)
            elif weight_decay:
                g = g + weight_decay * w
            move_towards(m, g, float(1 - beta1))
            v *= float(beta2)
            v += float(1 - beta2) * g * g
            if amsgrad:
                largest = as_real(state["max_exp_avg_sq"]._array)
                v = np.maximum(largest, v, out=largest)
            root = np.sqrt(v)
            root /= float((1 - beta2**t) ** 0.5)
            root += eps
            w -= float(lr / (1 - beta1**t)) * m / root
            p._wrote()


class AdamW(Adam):
    """`Adam` with ``w = w - lr · weight_decay · w`` before each step, in place of a term in the gradient.

    Args: as for `Adam`, with a ``weight_decay`` of 0.01 unless another is given.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101;
    https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
