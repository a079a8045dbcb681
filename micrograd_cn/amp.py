"""``torch.amp``: mixed precision passes through. Everything is computed in the types that the tensors have.

https://pytorch.org/docs/stable/amp.html
"""

from __future__ import annotations

import contextlib
from typing import Any

from micrograd_cn.device import device


class autocast(contextlib.ContextDecorator):
    """A context in which nothing is cast: PyTorch would compute some operations in ``dtype`` there.

    Raises:
        RuntimeError: for a string that names no device.
    """

    def __init__(
        self, device_type: str = "cuda", dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device = device(device_type).type if isinstance(device_type, str) else "cuda"

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *_: object) -> None: ...


class GradScaler:
    """A scaler of losses that is switched off, as PyTorch's is without a GPU: all passes through unscaled."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def scale(self, outputs: Any) -> Any:
        """``outputs`` as they are."""
        return outputs

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(*args, **kwargs)``."""
        return optimizer.step(*args, **kwargs)

    def unscale_(self, optimizer: Any) -> None:
        """Nothing."""

    def update(self, new_scale: Any = None) -> None:
        """Nothing."""

    def get_scale(self) -> float:
        """1.0."""
        return 1.0

    def is_enabled(self) -> bool:
        """False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep: ``{}``."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing."""
