"""Linear maps: affine and bilinear ones, and convolutions and their adjoints over one, two and three dimensions.

Convolutions take ``(N, C, *lengths)`` or ``(C, *lengths)``. A setting is one number for all dimensions or one for each.
"""

from __future__ import annotations

from typing import Any

from micrograd_cn import dtypes
from micrograd_cn.nn.functional.pooling import as_tuple, for_dimensions
from micrograd_cn.ops import neural
from micrograd_cn.ops.convolution import Geometry, convolve, spread
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``input @ weight.T + bias``.

    Args:
        input: ``(..., in)``.
        weight: ``(out, in)``, or ``(in,)`` for a single output without a dimension of its own.
        bias: ``(out,)``, or a number for a single output, or None.

    Returns:
        ``(..., out)`` or ``(...)``. https://pytorch.org/docs/stable/generated/torch.nn.functional.linear.html

    Raises:
        RuntimeError: if sizes do not match; as in PyTorch, for a single output with a bias of a matrix ``input``.
    """
    if weight.ndim != 1:
        return neural.linear(input, weight, bias)
    need(bias is None or input.ndim != 2, "linear(): mat2 must be a matrix, got 1-D tensor; use weight[None]")
    return input @ weight if bias is None else input @ weight + bias


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
    fits = input1.shape[:-1] == input2.shape[:-1]
    need(fits, f"bilinear(): input batch dimensions do not match: got {list(input1.shape)} and {list(input2.shape)}")
    for i, (input, size) in enumerate(zip((input1, input2), wanted, strict=True), 1):
        found = f"got {input.shape[-1]} but expected {size}"
        need(input.shape[-1] == size, f"bilinear(): input{i} size does not match weight size: {found}")
    rows = linear(input2, weight.reshape(out * wanted[0], wanted[1]))  # every row of every weight[o], times input2
    rows = rows.reshape(*input2.shape[:-1], out, wanted[0])
    result = (rows * input1.unsqueeze(-2)).sum(-1, dtype=input1.dtype)
    return result if bias is None else result + bias


def _settings(n: int, least: int, **settings: Any) -> list[tuple[int, ...]]:
    """Each setting as ``n`` whole numbers of at least ``least``."""
    found = []
    for name, x in settings.items():
        numbers = as_tuple(name, x, n)
        whole = all(hasattr(i, "__index__") for i in numbers)
        need(whole, f"{name} must be int or a tuple of ints, got {x}", TypeError)
        need(min(numbers) >= least, f"{'non-positive' if least else 'negative'} {name} is not supported: {x}")
        found.append(numbers)
    return found


def _batch(n: int, input: Tensor, weight: Tensor, bias: Any, groups: int, taken: int, made: int) -> Tensor:
    """``input`` as a batch, once shapes are known to fit ``taken`` input and ``made`` output channels."""
    need(isinstance(input, Tensor) and isinstance(weight, Tensor), "input and weight must be Tensors", TypeError)
    shape, kernel = list(input.shape), list(weight.shape)
    got = f"input of size {shape} and weight of size {kernel} with groups={groups}"
    fits = len(shape) in (n + 1, n + 2) and len(kernel) == n + 2
    need(fits, f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input and a {n + 2}D weight, but got {got}")
    need(groups > 0, f"non-positive groups is not supported: {groups}")
    need(kernel[0] > 0 and kernel[0] % groups == 0, f"expected weight to be divisible by groups, but got {got}")
    taken, made = (kernel[at] * (groups if at else 1) for at in (taken, made))
    need(shape[-n - 1] == taken, f"expected input to have {taken} channels, but got {got}")
    fits = bias is None or tuple(bias.shape) == (made,)
    need(fits, f"expected bias to be 1-dimensional with {made} elements, for {got}")
    need(input.dtype is not dtypes.bool, "a convolution is not implemented for 'Bool'", NotImplementedError)
    return input if len(shape) == n + 2 else input.unsqueeze(0)


def conv(n: int, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1) -> Tensor:  # fmt: skip
    """Slide a kernel over the input: ``out[o, i] = bias[o] + Σ weight[o, c, k] input[c, stride i + dilation k]``.

    Args:
        n: how many dimensions; the functions of one number, such as ``conv2d``, have it in their name.
        input: ``(N, C, *lengths)`` or ``(C, *lengths)``.
        weight: ``(O, C / groups, *kernel)``.
        bias: ``(O,)`` or None.
        stride: how far the kernel moves.
        padding: how many zeros to set at both ends; "valid" for none, "same" for as many as keep the lengths.
        dilation: how far apart the elements are that the kernel meets.
        groups: channels are cut into so many groups, each with results of its own.

    Returns:
        ``(N, O, *out)`` or ``(O, *out)``, with
        ``out = (length + 2 padding - dilation (kernel - 1) - 1) // stride + 1``.

    Raises:
        RuntimeError: if shapes do not fit, a setting is out of range, or the kernel is larger than the padded input.

    https://pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
    """
    batch = _batch(n, input, weight, bias, groups, taken=1, made=0)
    stride, dilation = _settings(n, 1, stride=stride, dilation=dilation)
    lengths = tuple(batch.shape[2:])
    spans = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    if padding == "same":
        need(max(stride) == 1, "padding='same' is not supported for strided convolutions")
        before, size = tuple((span - 1) // 2 for span in spans), lengths
    else:
        need(not isinstance(padding, str) or padding == "valid", f"Invalid padding string: {padding!r}")
        (before,) = _settings(n, 0, padding=0 if padding == "valid" else padding)
        whole = [m + 2 * p for m, p in zip(lengths, before, strict=True)]
        size = tuple((m - span) // s + 1 for m, span, s in zip(whole, spans, stride, strict=True))
    need(min(*size, *lengths) > 0, f"Kernel of spans {spans} can't be greater than the padded input of size {lengths}")
    out = convolve(batch, weight, bias, size, Geometry(stride, before, dilation, groups))
    return out if batch is input else out.squeeze(0)


def conv_transpose(n: int, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Tensor:  # fmt: skip
    """The gradient of a convolution by its input, as an operation: every input element spreads the kernel out.

    Args:
        n: how many dimensions; the functions of one number, such as ``conv_transpose2d``, have it in their name.
        input: ``(N, C, *lengths)`` or ``(C, *lengths)``.
        weight: ``(C, O / groups, *kernel)``.
        bias: ``(O,)`` or None.
        stride: how far apart in the output neighbours of the input spread the kernel.
        padding: how many elements of the output to leave out at both ends.
        output_padding: how many more of them to give behind; less than stride or dilation.
        groups: channels are cut into so many groups, each with results of its own.
        dilation: how far apart the elements of the kernel are spread.

    Returns:
        ``(N, O, *out)`` or ``(O, *out)``, with
        ``out = (length - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1``.

    Raises:
        RuntimeError: if shapes do not fit, a setting is out of range, or nothing would be left.

    https://pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html
    """
    batch = _batch(n, input, weight, bias, groups, taken=0, made=1)
    stride, dilation = _settings(n, 1, stride=stride, dilation=dilation)
    before, more = _settings(n, 0, padding=padding, output_padding=output_padding)
    fits = all(i < max(s, d) for i, s, d in zip(more, stride, dilation, strict=True))
    need(fits, f"output padding {more} must be smaller than either stride {stride} or dilation {dilation}")
    axes = zip(batch.shape[2:], weight.shape[2:], stride, before, dilation, more, strict=True)
    size = tuple((m - 1) * s - 2 * p + d * (k - 1) + 1 + i for m, k, s, p, d, i in axes)
    need(min(*size, *batch.shape[2:]) > 0, f"Input of size {list(input.shape)} gives an empty output: size {size}")
    out = spread(batch, weight, bias, size, Geometry(stride, before, dilation, groups))
    return out if batch is input else out.squeeze(0)


conv1d, conv2d, conv3d = for_dimensions(conv)
conv_transpose1d, conv_transpose2d, conv_transpose3d = for_dimensions(conv_transpose)
