"""Attention with one head and with several. Vaswani et al., "Attention Is All You Need", 2017."""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.nn.functional.activation import softmax
from micrograd_cn.nn.functional.dropout import dropout
from micrograd_cn.ops.attention import attention_weights
from micrograd_cn.ops.neural import linear
from micrograd_cn.ops.shape import cat, need
from micrograd_cn.tensor import Tensor

_check = functools.partial(need, error=AssertionError)


def _hidden(mask: Tensor, dtype: dtypes.dtype) -> Tensor:
    """A boolean mask of what to hide as numbers to add to scores: -inf where it is True, else 0."""
    return Tensor._wrap(np.where(mask._array, -np.inf, 0).astype(dtype.numpy))


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None,
        dropout_p: float = 0.0, is_causal: bool = False, *, scale: float | None = None,
        enable_gqa: bool = False) -> Tensor:  # fmt: skip
    """``dropout(softmax(query @ keyᵀ * scale + mask)) @ value``.

    Args:
        query: ``(..., L, E)``; the leading dimensions of all three broadcast.
        key: ``(..., S, E)``.
        value: ``(..., S, V)``.
        attn_mask: for the scores ``(..., L, S)``: bool, True where a query may look; or numbers to add.
        dropout_p: the probability that a weight is dropped, whether anything trains or not.
        is_causal: query i looks at the keys 0 to i only.
        scale: of the scores; ``1/√E`` if None.
        enable_gqa: each head of ``key`` and ``value``, dimension -3, serves several heads of ``query``.

    Returns:
        ``(..., L, V)``; zeros for a query that may look nowhere.

    Raises:
        RuntimeError: if types or sizes do not match, or the probability is not in [0, 1].

    Source: https://pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
    """
    inputs = (query, key, value)
    found = ", ".join(f"{list(x.shape)} {x.dtype}" for x in inputs)
    fits = min(x.ndim for x in inputs) >= 2 and len({x.dtype for x in inputs}) == 1 and query.is_floating_point()
    need(fits, f"query, key and value need at least 2 dimensions and one floating dtype, but are {found}")
    need(0 <= dropout_p <= 1, f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if attn_mask is not None and attn_mask.dtype is dtypes.bool:
        attn_mask = _hidden(~attn_mask, query.dtype)
    if enable_gqa:
        heads = query.size(-3)
        fits = heads % key.size(-3) == heads % value.size(-3) == 0
        need(fits, f"the heads of key and value must divide those of query, but the shapes are {found}")
        key, value = (x.repeat_interleave(heads // x.size(-3), -3) for x in (key, value))
    scale = 1 / math.sqrt(max(query.shape[-1], 1)) if scale is None else scale
    return dropout(attention_weights(query, key, attn_mask, scale, is_causal), dropout_p) @ value


def _canonical_mask(mask: Tensor | None, name: str, like: Tensor, other: Tensor | None = None) -> Tensor | None:
    """A mask as numbers to add to scores of the type of ``like``; a boolean one hides where it is True.

    Raises:
        AssertionError: if it is neither boolean nor floating.
    """
    if mask is None:
        return None
    if other is not None and other.dtype is not mask.dtype:
        said = f"Support for mismatched {name} and attn_mask is deprecated. Use same type for both instead."
        warnings.warn(said, stacklevel=3)
    _check(mask.dtype is dtypes.bool or mask.is_floating_point(), f"{name} must be bool or floating, got {mask.dtype}")
    return _hidden(mask, like.dtype) if mask.dtype is dtypes.bool else mask


def _longer(x: Tensor | None, dim: int, by: Tensor | None = None) -> Tensor | None:
    """``x`` with one more entry along ``dim``: ``by``, or zeros."""
    if x is None:
        return None
    shape = tuple(1 if i == dim % x.ndim else n for i, n in enumerate(x.shape))
    return cat([x, x.new_zeros(shape) if by is None else by.expand(shape)], dim)


def multi_head_attention_forward(query: Tensor, key: Tensor, value: Tensor, embed_dim_to_check: int, num_heads: int,
        in_proj_weight: Tensor | None, in_proj_bias: Tensor | None, bias_k: Tensor | None, bias_v: Tensor | None,
        add_zero_attn: bool, dropout_p: float, out_proj_weight: Tensor, out_proj_bias: Tensor | None,
        training: bool = True, key_padding_mask: Tensor | None = None, need_weights: bool = True,
        attn_mask: Tensor | None = None, use_separate_proj_weight: bool = False, q_proj_weight: Tensor | None = None,
        k_proj_weight: Tensor | None = None, v_proj_weight: Tensor | None = None, static_k: Tensor | None = None,
        static_v: Tensor | None = None, average_attn_weights: bool = True,
        is_causal: bool = False) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """The work of `micrograd_cn.nn.MultiheadAttention`, whose page explains the arguments.

    Args:
        query, key, value: ``(L, N, E)``, ``(S, N, K)`` and ``(S, N, V)``, or all without the dimension N of a batch.
        embed_dim_to_check: what E must be.
        in_proj_weight: ``(3E, E)``, the projections of query, key and value; with ``use_separate_proj_weight``
            they are ``q_proj_weight (E, E)``, ``k_proj_weight (E, K)`` and ``v_proj_weight (E, V)`` instead.
        in_proj_bias: ``(3E,)`` or None.
        bias_k, bias_v: ``(1, 1, E)``, one more key and value for all, or None.
        static_k, static_v: ``(N * num_heads, S, E / num_heads)``, in place of the projected ones.
        training: whether to drop weights.

    Returns:
        The result, shaped like ``query``, and with ``need_weights`` the weights: ``(N, L, S)``, or
        ``(N, num_heads, L, S)`` unless averaged.

    Raises:
        AssertionError, RuntimeError: if shapes or types do not match.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
    """
    n = query.ndim
    names = ("query", "key", "value", "key_padding_mask", "attn_mask")
    fitting = ((2, 3), (n,), (n,), (n - 1,), (2, 3))
    for name, x, dims in zip(names, (query, key, value, key_padding_mask, attn_mask), fitting, strict=True):
        _check(x is None or x.ndim in dims, f"{name} of {x is not None and x.ndim} dimensions, not {dims}")
    batched = n == 3
    if not batched:
        query, key, value = (x.unsqueeze(1) for x in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    (length, batch, size), keys = query.shape, key.shape[0]
    rows, head_size = batch * num_heads, size // num_heads
    if is_causal and attn_mask is None:
        raise RuntimeError("is_causal only says what attn_mask is, so give that too: generate_square_subsequent_mask()")
    padding = _canonical_mask(key_padding_mask, "key_padding_mask", query, attn_mask)
    is_causal = is_causal and padding is None and not need_weights
    mask = None if is_causal else _canonical_mask(attn_mask, "attn_mask", query)
    _check(size == embed_dim_to_check, f"was expecting embedding dimension of {embed_dim_to_check}, but got {size}")
    _check(head_size * num_heads == size, f"embed_dim {size} not divisible by num_heads {num_heads}")
    same = 2 if use_separate_proj_weight else 3
    _check(key.shape[:same] == value.shape[:same], f"key {list(key.shape)} does not match value {list(value.shape)}")

    weights: Any = (q_proj_weight, k_proj_weight, v_proj_weight)
    if not use_separate_proj_weight:
        weights = (None,) * 3 if in_proj_weight is None else in_proj_weight.chunk(3)
    biases: Any = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    projected = []
    for x, weight, bias in zip((query, key, value), weights, biases, strict=True):
        _check(weight is not None, f"weights are missing; use_separate_proj_weight is {use_separate_proj_weight}")
        fits = not use_separate_proj_weight or tuple(weight.shape) == (size, x.shape[-1])
        _check(fits, f"expecting weights of shape {[size, x.shape[-1]]}, but got {list(weight.shape)}")
        projected.append(linear(x, weight, bias))
    q, k, v = projected

    if mask is not None:
        wanted = [length, keys] if mask.ndim == 2 else [rows, length, keys]
        need(list(mask.shape) == wanted, f"attn_mask has the shape {list(mask.shape)}, but should have {wanted}")
        mask = mask if mask.ndim == 3 else mask.unsqueeze(0)
    _check((bias_k is None) == (bias_v is None), "bias_k and bias_v go together: give both or neither")
    if bias_k is not None:
        _check(static_k is None and static_v is None, "bias cannot be added to static key or value")
        k, v = (_longer(x, 0, by) for x, by in ((k, bias_k), (v, bias_v)))
        mask, padding = _longer(mask, -1), _longer(padding, -1)
    q, k, v = (x.reshape(x.shape[0], rows, head_size).transpose(0, 1) for x in (q, k, v))
    for name, x in (("static_k", static_k), ("static_v", static_v)):
        fits = x is None or (x.size(0), x.size(2)) == (rows, head_size)
        _check(fits, f"expecting {name} of shape ({rows}, S, {head_size}), but got {x is not None and list(x.shape)}")
    k, v = k if static_k is None else static_k, v if static_v is None else static_v
    if add_zero_attn:
        k, v, mask, padding = _longer(k, 1), _longer(v, 1), _longer(mask, -1), _longer(padding, -1)
    keys = k.shape[1]
    if padding is not None:
        fits = tuple(padding.shape) == (batch, keys)
        _check(fits, f"expecting key_padding_mask of shape {[batch, keys]}, but got {list(padding.shape)}")
        padding = padding.reshape(batch, 1, 1, keys).expand(-1, num_heads, -1, -1).reshape(rows, 1, keys)
        mask = padding if mask is None else mask + padding

    p, attention = dropout_p if training else 0.0, None
    if need_weights:  # a query that may look nowhere gets NaN here, and zeros below, as in PyTorch
        scores = (q * math.sqrt(1 / head_size)) @ k.transpose(-2, -1)
        attention = dropout(softmax(scores if mask is None else scores + mask, -1), p)
        out = attention @ v
    else:
        out = scaled_dot_product_attention(q, k, v, mask, p, is_causal)
    out = linear(out.transpose(0, 1).reshape(length, batch, size), out_proj_weight, out_proj_bias)
    if attention is not None:
        attention = attention.reshape(batch, num_heads, length, keys)
        attention = attention.mean(1) if average_attn_weights else attention
    if batched:
        return out, attention
    return out.squeeze(1), None if attention is None else attention.squeeze(0)
