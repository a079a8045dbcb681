"""`Algorithm`: what the optimizers with one rule for every element of every parameter have in common.

Each says what it remembers of a parameter (`Algorithm._state`) and how a parameter changes (`Algorithm._change`):
straight-line NumPy on arrays, in place. The rest stands here.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.optim.optimizer import Optimizer
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor

Array: TypeAlias = np.ndarray[Any, Any]

_COUNTERS = {"step", "mu_product", "eta", "mu"}  # the state that is one number, a tensor in the default dtype


class Algorithm(Optimizer):
    """The base of the optimizers that change each element of a parameter by a rule of its own."""

    _averages: tuple[str, ...] = ()  # what the algorithm remembers of a parameter, if all of it starts from 0

    def _update(self, group: dict[str, Any]) -> None:
        """One step for the parameters of one group: what all algorithms have in common, around `_change`."""
        settings = {name: number(group[name]) for name in self.defaults}
        decay = settings.get("weight_decay", 0)
        for p in group["params"]:
            if p._grad is None:
                continue
            if not self.state[p]:
                self._start(p, settings)
            w, g = as_real(p._array), as_real(p._grad._array)
            if settings["maximize"]:
                g = -g
            if decay and settings.get("decoupled_weight_decay"):
                w *= float(1 - settings["lr"] * decay)
            elif decay:
                g = g + decay * w
            arrays = {name: as_real(kept._array) for name, kept in self.state[p].items()}
            arrays["step"] += 1
            self._change(w, g, arrays, arrays["step"].item(), settings)
            p._wrote()

    def _state(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What the algorithm remembers of a parameter besides its number of steps, by the value it starts from."""
        return dict.fromkeys(self._averages, 0)

    def _change(self, w: Array, g: Array, state: dict[str, Array], t: float, settings: dict[str, Any]) -> None:
        """The algorithm: step ``t`` of one parameter ``w`` with the gradient ``g`` and its ``state``, all in place."""
        raise NotImplementedError

    def _start(self, p: Tensor, settings: dict[str, Any]) -> None:
        """Give the parameter ``p`` the state that it has before its first step."""
        for name, value in {"step": 0.0, **self._state(settings)}.items():
            kept = counter(value, settings.get("fused")) if name in _COUNTERS else wrap(np.empty_like(p._array))
            as_real(kept._array)[...] = value
            self.state[p][name] = kept

    def _work(self, w: Array) -> Array:
        """Memory for intermediate results like ``w``, kept: a new array costs as much time as a sum."""
        buffers = vars(self).setdefault("_buffers", {})
        work = buffers.get((w.shape, w.dtype))
        if work is None:
            work = buffers[w.shape, w.dtype] = np.empty_like(w)
        return work

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for kept in (self.state[p] for p in group["params"] if p in self.state):
                for name in _COUNTERS & kept.keys():
                    if not isinstance(kept[name], Tensor):  # older versions of PyTorch saved numbers
                        kept[name] = counter(kept[name], group.get("fused"))


def number(setting: Any) -> Any:
    """A setting to calculate with: a Python float, or the NumPy number in a tensor, which keeps its precision."""
    if isinstance(setting, Tensor):
        return setting._array.reshape(())[()]
    if isinstance(setting, tuple):
        return tuple(map(number, setting))
    return float(setting) if isinstance(setting, np.floating) else setting


def counter(value: Any, fused: bool | None = None) -> Tensor:
    """A number, as the state keeps it: a tensor in the default dtype, in float32 if ``fused``."""
    double = dtypes.get_default_dtype() is dtypes.float64 and not fused
    return wrap(np.array(value, np.float64 if double else np.float32))


def as_real(array: Array) -> Array:
    """The same memory with complex numbers as pairs of real ones; a real array itself."""
    return array[..., None].view(array.real.dtype) if array.dtype.kind == "c" else array


def move_towards(average: Array, new: Array, share: Any) -> None:
    """``average = (1 - share) · average + share · new``, in place, rounded as ``torch.lerp`` rounds it."""
    if share < 0.5:
        average += share * (new - average)
    else:
        np.subtract(new, (1 - share) * (new - average), out=average)
