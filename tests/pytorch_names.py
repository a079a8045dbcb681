"""``python -m tests.pytorch_names`` writes the list of PyTorch's public names that `micrograd_cn.compat` speaks of."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from types import ModuleType

PATH = Path(__file__).parent.parent / "micrograd_cn" / "pytorch_names.txt"
MODULES = [
    "torch", "torch.Tensor", "torch.accelerator", "torch.amp", "torch.autograd", "torch.autograd.functional",
    "torch.backends", "torch.backends.cudnn", "torch.cuda", "torch.cuda.amp", "torch.distributed",
    "torch.distributions", "torch.fft", "torch.func", "torch.hub", "torch.jit", "torch.library", "torch.linalg",
    "torch.multiprocessing", "torch.nn", "torch.nn.attention", "torch.nn.functional", "torch.nn.init",
    "torch.nn.parallel", "torch.nn.parameter", "torch.nn.utils", "torch.nn.utils.parametrizations",
    "torch.nn.utils.parametrize", "torch.nn.utils.prune", "torch.nn.utils.rnn", "torch.onnx", "torch.optim",
    "torch.optim.lr_scheduler", "torch.optim.swa_utils", "torch.profiler", "torch.random", "torch.serialization",
    "torch.signal", "torch.sparse", "torch.special", "torch.testing", "torch.utils", "torch.utils.benchmark",
    "torch.utils.checkpoint", "torch.utils.data", "torch.utils.data.distributed", "torch.utils.tensorboard",
    "torch.version",
]  # fmt: skip


def names(module: str) -> list[str]:
    """The public names of ``torch...``; of a module that cannot be imported, none."""
    parent, _, name = module.rpartition(".")
    try:
        found = getattr(importlib.import_module(parent), name) if name == "Tensor" else importlib.import_module(module)
    except ImportError:
        return []
    listed = set(getattr(found, "__all__", ())) | {n for n in dir(found) if not n.startswith("_")}
    with warnings.catch_warnings(action="ignore"):  # some names are deprecated
        return sorted(n for n in listed if not isinstance(getattr(found, n, None), ModuleType))


def text() -> str:
    """One line a module: its name and its names."""
    head = "# PyTorch's public names: a module, then what stands in it.\n"
    return head + "".join(" ".join([module, *names(module)]) + "\n" for module in MODULES)


if __name__ == "__main__":
    PATH.write_text(text())
