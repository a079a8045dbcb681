"""Affine and bilinear maps."""

from __future__ import annotations

from micrograd_cn.ops.neural import linear
from micrograd_cn.tensor import Tensor

__all__ = ["bilinear", "linear"]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``y[o] = input1 @ weight[o] @ input2 + bias[o]``.

    Args:
        input1: ``(..., in1)``.
        input2: ``(..., in2)``, the leading dimensions being the same.
        weight: ``(out, in1, in2)``.
        bias: ``(out,)`` or None.

    Returns:
        ``(..., out)``. https://pytorch.org/docs/stable/generated/torch.nn.functional.bilinear.html

    Raises:
        RuntimeError: if sizes do not match.
    """
    out, *wanted = weight.shape
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear(): input batch dimensions do not match: "
            f"got {tuple(input1.shape[:-1])} and {tuple(input2.shape[:-1])}"
        )
    for i, (input, size) in enumerate(zip((input1, input2), wanted, strict=True), 1):
        if input.shape[-1] != size:
            raise RuntimeError(
                f"bilinear(): input{i} size does not match weight size: got {input.shape[-1]} but expected {size}"
            )
    rows = linear(input2, weight.reshape(out * wanted[0], wanted[1]))  # every row of every weight[o], times input2
    rows = rows.reshape(*input2.shape[:-1], out, wanted[0])
    result = (rows * input1.unsqueeze(-2)).sum(-1, dtype=input1.dtype)
    return result if bias is None else result + bias
