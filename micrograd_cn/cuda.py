"""``torch.cuda`` where there is no GPU: questions are answered truthfully, commands to a device raise.

https://pytorch.org/docs/stable/cuda.html
"""

from __future__ import annotations

from typing import Any, NoReturn

from micrograd_cn import amp
from micrograd_cn.device import NO_CUDA

__all__ = [
    "amp", "current_device", "device", "device_count", "empty_cache", "get_device_capability", "get_device_name",
    "get_device_properties", "is_available", "is_bf16_supported", "is_initialized", "manual_seed", "manual_seed_all",
    "max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved", "set_device", "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """False: there is no GPU here."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: there is no GPU here."""
    return False


def is_initialized() -> bool:
    """False: there is nothing to initialize."""
    return False


def device_count() -> int:
    """0."""
    return 0


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors hold on a GPU: 0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def manual_seed(seed: int) -> None:
    """Nothing: there is no random stream of a GPU to seed."""


manual_seed_all = manual_seed


def empty_cache() -> None:
    """Nothing: there is no cache."""


def current_device(*_: Any, **__: Any) -> NoReturn:
    """Raise AssertionError: there is no GPU to ask or command."""
    raise AssertionError(NO_CUDA)


synchronize = set_device = get_device_name = get_device_properties = get_device_capability = current_device


class device:
    """A context in which GPU ``device`` would be the current one; without one it does nothing, as in PyTorch."""

    def __init__(self, device: Any) -> None:
        self.idx = device

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
