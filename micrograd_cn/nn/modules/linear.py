"""Affine layers: `Identity`, `Linear`, `Bilinear`."""

from __future__ import annotations

import math
from typing import Any

from micrograd_cn.nn import functional as F, init
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.parameter import Parameter, add_parameters
from micrograd_cn.ops.shape import need
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
        shape = (out_features, in_features)
        add_parameters(self, device, dtype, weight=shape, bias=out_features if bias else None)

    def reset_parameters(self: Any) -> None:
        """Draw weight and bias anew."""
        # Kaiming's bound with slope √5 is 1/√fan_in; computed this way it has PyTorch's last bit.
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Maps ``(..., in_features)`` to ``(..., out_features)``."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """``in_features=..., out_features=..., bias=...``."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


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
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        need(in1_features > 0, f"in1_features must be > 0, but got (in1_features={in1_features})", ValueError)
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        shape = (out_features, in1_features, in2_features)
        add_parameters(self, device, dtype, weight=shape, bias=out_features if bias else None)

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        bound = 1 / math.sqrt(self.in1_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Maps ``(..., in1_features)`` and ``(..., in2_features)`` to ``(..., out_features)``."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """``in1_features=..., in2_features=..., out_features=..., bias=...``."""
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"
