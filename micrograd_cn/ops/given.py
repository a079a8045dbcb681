"""Rows whose result is computed elsewhere: they say what its derivative is."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.ops.table import hidden


@hidden(lambda g: g, backward_name="ScatterReduceBackward0")
def corrected(x: Any, values: Any) -> Any:
    """``values``, which ``x`` would be but for rounding; the gradient is that of ``x``."""
    return values


@hidden(lambda g, x: np.zeros_like(x), lambda g: g)
def flat(x: Any, values: Any) -> Any:
    """``values``, which depend on ``x`` in steps or by chance: its gradient is 0, and not missing."""
    return values


def _refused(g: Any, reason: str) -> Any:
    raise RuntimeError(reason)


@hidden(_refused)
def underivable(x: Any, values: Any, reason: str) -> Any:
    """``values``, computed from ``x`` in a way that has no derivative: to ask for it is a RuntimeError."""
    return values
