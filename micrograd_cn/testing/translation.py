"""A function written for micrograd_cn as the same function on PyTorch, so that the two can be compared."""

from __future__ import annotations

import functools
import importlib
import types
from typing import Any

import numpy as np

from micrograd_cn.autograd.differences import Library
from micrograd_cn.dtypes import dtype
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.tensor import Tensor

_HERE, _THERE = "micrograd_cn", "torch"
# Where a name of ours is looked for, with PyTorch's beside it.
_ROOMS = ("", ".nn.functional", ".nn", ".linalg", ".special", ".autograd")


@functools.cache
def theirs() -> Library:
    """PyTorch. Raises NotImplementedError if it is not installed."""
    try:
        import torch
    except ImportError:
        raise NotImplementedError("method='torch' needs PyTorch, which is not installed: pip install torch") from None
    return Library(
        torch.Tensor, lambda a: torch.from_numpy(np.array(a)), lambda t: t.detach().numpy(), torch.autograd.grad,
        torch.no_grad, torch.enable_grad, torch.is_grad_enabled,
    )  # fmt: skip


def translated(x: Any, known: dict[int, Any] | None = None) -> Any:
    """A function, with PyTorch's names in place of ours wherever its globals and closure lead; copies of tensors.

    Raises:
        NotImplementedError: for what PyTorch does not have: a rule of one's own, a layer with its state.
    """
    known = {} if known is None else known
    if isinstance(x, Tensor):
        return theirs().wrap(x._array).requires_grad_(x.requires_grad)
    if isinstance(x, (tuple, list)) and type(x) in (tuple, list):
        return type(x)(translated(item, known) for item in x)
    if isinstance(x, functools.partial):
        named = {name: translated(value, known) for name, value in x.keywords.items()}
        return functools.partial(translated(x.func, known), *translated(x.args, known), **named)
    if isinstance(x, types.ModuleType):
        ours = x.__name__.split(".")[0] == _HERE
        return importlib.import_module(x.__name__.replace(_HERE, _THERE, 1)) if ours else x
    home = getattr(x, "__module__", None) or ""
    homes = [home, *(base.__module__ for base in (x.__mro__ if isinstance(x, type) else ()))]
    own = hasattr(x, "primitive") or isinstance(x, (Module, types.MethodType))
    if own or any(h.split(".")[0] == _HERE for h in homes):
        return _namesake(x)
    if not isinstance(x, types.FunctionType) or home.split(".")[0] == _THERE:
        return x
    if id(x) not in known:
        cells = tuple(types.CellType() for _ in x.__closure__ or ())
        scope = {"__builtins__": x.__globals__.get("__builtins__", __builtins__), "__name__": home}
        known[id(x)] = types.FunctionType(x.__code__, scope, x.__name__, translated(x.__defaults__, known), cells)
        known[id(x)].__kwdefaults__ = x.__kwdefaults__
        scope |= {n: translated(x.__globals__[n], known) for n in _names(x.__code__) if n in x.__globals__}
        for cell, original in zip(cells, x.__closure__ or (), strict=True):
            cell.cell_contents = translated(original.cell_contents, known)
    return known[id(x)]


def _names(code: types.CodeType) -> set[str]:
    """The names that a function, and those inside it, may look up in its module."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _namesake(x: Any) -> Any:
    """What PyTorch has under the public name of a function or class of ours."""
    name = x._name if isinstance(x, dtype) else getattr(x, "__name__", type(x).__name__)
    for room in _ROOMS:
        try:
            ours, other = (getattr(importlib.import_module(top + room), name) for top in (_HERE, _THERE))
        except AttributeError:
            continue
        if ours is x:
            return other
    raise NotImplementedError(f"method='torch': PyTorch has no {name} like this one (a rule or layer of one's own?)")
