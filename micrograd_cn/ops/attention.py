"""Attention: how much each query takes from each value.

The scores, their masks and the softmax are one row, whose weights are kept; the weighted sum is a product of matrices.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from micrograd_cn.ops.neural import _single
from micrograd_cn.ops.table import hidden


@functools.lru_cache(maxsize=16)
def _future(length: int, keys: int, dtype: Any) -> Any:
    """What to add to scores ``(length, keys)`` so that query i sees the keys 0 to i only."""
    return np.triu(np.full((length, keys), -np.inf, dtype), 1)


def _scores_rule(g: Any, out: Any) -> Any:
    """The gradient of the scores, from that of their softmax."""
    g, out = _single(g), _single(out)
    return out * (g - np.einsum("...s,...s->...", g, out)[..., None])


@hidden(
    lambda g, out, key, scale: _scores_rule(g, out) @ key * scale,
    lambda g, out, query, scale: np.swapaxes(_scores_rule(g, out), -1, -2) @ query * scale,
    _scores_rule,
    dtypes="same", symbol="softmax(q kᵀ)",
)  # fmt: skip
def attention_weights(query: Any, key: Any, mask: Any, scale: float, is_causal: bool) -> Any:
    """``softmax(query @ keyᵀ * scale + mask)`` along the last dimension.

    Args:
        query: ``(..., L, E)``.
        key: ``(..., S, E)``.
        mask: what to add to the scores, -inf to hide a key; its shape broadcasts to theirs. None for nothing.
        scale: what to multiply the products by.
        is_causal: hide from query i the keys behind the i-th.

    Returns:
        ``(..., L, S)``: rows of positive numbers that sum to 1, of zeros where every key is hidden.
    """
    if query.shape[-1] != key.shape[-1]:
        raise RuntimeError(f"query and key differ in their last dimension: {list(query.shape)} and {list(key.shape)}")
    scores = _single(query) @ np.swapaxes(_single(key), -1, -2)
    scores *= scale
    if is_causal:
        scores += _future(*scores.shape[-2:], scores.dtype)
    if mask is not None:
        scores += mask
    # A row without a key stays at -inf, and its sum at 0; any other row has a 1 in its sum.
    lowest = np.finfo(scores.dtype).min
    scores -= np.maximum.reduce(scores, axis=-1, keepdims=True, initial=lowest)
    np.exp(scores, out=scores)
    scores /= np.maximum(np.add.reduce(scores, axis=-1, keepdims=True), 1)
    return scores.astype(query.dtype, copy=False)
