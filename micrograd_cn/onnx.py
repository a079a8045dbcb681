"""``torch.onnx``: what PyTorch says when the package that writes ONNX files is not installed."""

from __future__ import annotations

from typing import Any, NoReturn


def export(*_: Any, **__: Any) -> NoReturn:
    """Raise ModuleNotFoundError: there is no ONNX exporter here."""
    raise ModuleNotFoundError("No module named 'onnxscript': micrograd_cn writes no ONNX files; save the state_dict")
