"""The device a tensor lives on: always the CPU; the class exists so that scripts which name one go on."""

from __future__ import annotations

from typing import Any

KINDS = ("cpu", "cuda", "mps", "xpu", "meta")


class device:
    """``torch.device``: a kind and an optional index. Only "cpu" holds tensors here.

    Raises:
        RuntimeError: for a string that names no device; TypeError for what is none.
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any, index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        if not isinstance(type, (str, int)):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        kind, _, number = str(type).partition(":")
        if kind not in KINDS or (number and not number.isdigit()):
            raise RuntimeError(f"Expected one of {', '.join(KINDS)} device type at start of device string: {type}")
        self.type: str = kind
        self.index: int | None = int(number) if number else index

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + ("" if self.index is None else f", index={self.index}") + ")"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return device, (str(self),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU = device("cpu")


NO_CUDA = "Torch not compiled with CUDA enabled: micrograd_cn computes on the CPU; use device='cpu'"


def require_cpu(where: Any) -> None:
    """Do nothing if ``where`` (None, a string or a device) is the CPU.

    Raises:
        AssertionError: for a CUDA device.
        RuntimeError: for another.
    """
    kind = "cpu" if where is None else device(where).type
    if kind == "cuda":
        raise AssertionError(NO_CUDA)
    if kind != "cpu":
        raise RuntimeError(f"there is no device {str(where)!r} here: micrograd_cn computes on the CPU")
