"""Switches of PyTorch that choose how it computes. They change no number; most are only kept."""

from __future__ import annotations

from typing import Any

from micrograd_cn import dtypes
from micrograd_cn.device import CPU, device, require_cpu
from micrograd_cn.parallel import get_num_threads, set_num_threads

_kept: dict[str, Any] = {"precision": "highest", "deterministic": False}


def compile(model: Any = None, **options: Any) -> Any:
    """``model`` itself, a function or module: there is nothing to compile. Without one, a decorator."""
    return (lambda model: model) if model is None else model


get_num_interop_threads, set_num_interop_threads = get_num_threads, set_num_threads


def set_float32_matmul_precision(precision: str) -> None:
    """Keep "highest", "high" or "medium"; products are always computed in full float32."""
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"float32 matmul precision is highest, high or medium, not {precision!r}")
    _kept["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` set."""
    return _kept["precision"]


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Keep ``mode``: all that is computed here is deterministic."""
    _kept["deterministic"] = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` set."""
    return _kept["deterministic"]


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: nothing is ever cast."""
    return False


def get_default_device() -> device:
    """The CPU."""
    return CPU


def set_default_device(device: Any) -> None:
    """Accept the CPU; raise for another device."""
    require_cpu(device)


def set_default_tensor_type(t: Any) -> None:
    """Make a type such as ``FloatTensor`` or ``"torch.FloatTensor"`` the default floating type."""
    dtypes.set_default_dtype(dtypes.of_type_name(t) if isinstance(t, str) else t.dtype)
