"""Tensors shared with other libraries through DLPack, without a copy. https://pytorch.org/docs/stable/dlpack.html"""

from __future__ import annotations

from typing import Any

from micrograd_cn.creation import from_dlpack
from micrograd_cn.tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule with the memory of ``tensor``, for a library that takes capsules."""
    return tensor.__dlpack__()
