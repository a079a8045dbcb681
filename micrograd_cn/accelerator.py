"""``torch.accelerator`` where there is none. https://pytorch.org/docs/stable/accelerator.html"""

from __future__ import annotations

from typing import Any, NoReturn

from micrograd_cn.cuda import device as device_index, device_count, is_available

__all__ = [
    "current_accelerator", "current_device_index", "device_count", "device_index", "is_available", "set_device_index",
    "synchronize",
]  # fmt: skip


def current_accelerator(check_available: bool = False) -> None:
    """None: there is no accelerator here."""


def synchronize(*_: Any, **__: Any) -> NoReturn:
    """Raise RuntimeError: there is no accelerator to ask or command."""
    raise RuntimeError("Cannot access accelerator device when none is available: micrograd_cn computes on the CPU")


current_device_index = set_device_index = synchronize
