"""Looking up rows of a matrix by number, as embeddings do."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.ops.indexing import put
from micrograd_cn.ops.table import hidden


def _rule(g: Any, indices: Any, shape: Any, padding_idx: int, scale_grad_by_freq: bool) -> Any:
    if padding_idx >= 0:
        g = np.where((indices == padding_idx)[..., None], 0, g)
    if scale_grad_by_freq:
        g = g / np.bincount(indices.reshape(-1))[indices][..., None]
    return put(g, (indices, Ellipsis), shape)


@hidden(_rule)
def embedding(weight: Any, indices: Any, padding_idx: int, scale_grad_by_freq: bool) -> Any:
    """The rows of ``weight`` with the numbers ``indices``.

    Args:
        weight: ``(V, D)``.
        indices: an array of int32 or int64 below V, of any shape; the rule keeps it.
        padding_idx: the number whose row gets no gradient; -1 for none.
        scale_grad_by_freq: whether gradients are divided by how often their number occurs in ``indices``.

    Returns:
        ``(*indices.shape, D)``, a copy.
    """
    return np.take(weight, indices, axis=0)
