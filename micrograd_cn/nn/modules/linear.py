"""Affine layers: `Identity`, `Linear`, `Bilinear`."""

from __future__ import annotations

import math
from typing import Any

from micrograd_cn.creation import empty
from micrograd_cn.nn import functional as F, init
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.parameter import Parameter
from micrograd_cn.tensor import Tensor


class Identity(Module):
    """Returns its input. Arguments of the constructor are accepted and ignored, so it can replace any layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """``input``."""
        return input


class Linear(Module):
    """``y = x @ weight.T + bias``.

    Args:
        in_features: size of the last dimension of the input.
        out_features: size of the last dimension of the output.
        bias: whether to add one.
        device: only the CPU.
        dtype: of the parameters; the default floating type if None.

    Attributes:
        weight: ``(out_features, in_features)``, at first uniform in ±1/√in_features.
        bias: ``(out_features,)``, at first uniform in the same range; None without bias.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Linear.html
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(empty((out_features, in_features), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        # Kaiming's bound with slope √5 is 1/√in_features; computed this way it has PyTorch's last bit.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Maps ``(..., in_features)`` to ``(..., out_features)``."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """``in_features=..., out_features=..., bias=...``."""
        has_bias = self.bias is not None
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={has_bias}"


class Bilinear(Module):
    """``y[o] = x1 @ weight[o] @ x2 + bias[o]``.

    Args:
        in1_features: size of the last dimension of the first input; positive.
        in2_features: size of the last dimension of the second input.
        out_features: size of the last dimension of the output.
        bias: whether to add one.
        device: only the CPU.
        dtype: of the parameters; the default floating type if None.

    Attributes:
        weight: ``(out_features, in1_features, in2_features)``, at first uniform in ±1/√in1_features.
        bias: ``(out_features,)``, at first uniform in the same range; None without bias.

    Raises:
        ValueError: if ``in1_features`` is not positive.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Bilinear.html
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got (in1_features={in1_features})")
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Maps ``(..., in1_features)`` and ``(..., in2_features)`` to ``(..., out_features)``."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """``in1_features=..., in2_features=..., out_features=..., bias=...``."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
