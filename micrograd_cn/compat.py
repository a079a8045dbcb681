"""Run scripts written for PyTorch: while `installed`, every ``import torch...`` finds this package.

A name that is missing here raises at the line that uses it, and says whether PyTorch has it and what is near.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.abc
import importlib.machinery
import importlib.resources
import opcode
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from types import ModuleType
from typing import Any

import micrograd_cn

_HERE, _THERE = "micrograd_cn", "torch"
# Scripts compare the version with numbers that are PyTorch's.
_VERSION = f"2.13.0+micrograd.cn.{micrograd_cn.__version__}"


@cache
def _names_of_pytorch() -> dict[str, frozenset[str]]:
    """The public names of each of PyTorch's public modules."""
    text = importlib.resources.files(_HERE).joinpath("pytorch_names.txt").read_text()
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {module: frozenset(names) for module, *names in lines}


def _explained(module: str, name: str, present: Sequence[str]) -> str:
    """Why ``module`` has no ``name`` here."""
    theirs = name in _names_of_pytorch().get(module, ()) or f"{module}.{name}" in _names_of_pytorch()
    near = difflib.get_close_matches(name, present, 3)
    return (
        f"module {module!r} has no attribute {name!r} in micrograd_cn"
        + (f"; PyTorch itself has {module}.{name}" if theirs else ", and it is none of PyTorch's public names")
        + (f"; here there is {', '.join(f'{module}.{n}' for n in near)}" if near else "")
    )


class _Room(ModuleType):
    """A module of ours under PyTorch's name."""

    def __init__(self, name: str, real: Any) -> None:
        super().__init__(name, real.__doc__)
        self.__dict__.update(_real=real, __path__=[], __version__=_VERSION)

    def __getattr__(self, name: str) -> Any:
        try:
            found = getattr(self._real, name)
        except AttributeError:
            pass
        else:
            return importlib.import_module(f"{self.__name__}.{name}") if _is_room(found) else found
        message = _explained(self.__name__, name, dir(self._real))
        caller = sys._getframe(1)
        # Python would replace the message of an AttributeError by its own in `from torch import name`.
        if caller.f_code.co_code[caller.f_lasti] == opcode.opmap["IMPORT_FROM"]:
            raise ImportError(message, name=self.__name__)
        raise AttributeError(message, name=name, obj=self)

    def __dir__(self) -> list[str]:
        return dir(self._real)


def _is_room(x: Any) -> bool:
    return isinstance(x, ModuleType) and x.__name__.partition(".")[0] == _HERE


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``torch.x.y`` where this package has ``micrograd_cn.x.y``, be it a module or a namespace."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] != _THERE:
            return None
        real: Any = micrograd_cn
        for part in name.split(".")[1:]:
            with contextlib.suppress(ImportError):
                importlib.import_module(f"{getattr(real, '__name__', '')}.{part}")
            parent, real = real, getattr(real, part, None)
            if real is None or callable(real):
                module = name.rpartition(".")[0]
                raise ModuleNotFoundError(_explained(module, part, dir(parent)), name=name)
        return importlib.machinery.ModuleSpec(name, self, loader_state=real, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The module of ours with PyTorch's name."""
        return _Room(spec.name, spec.loader_state)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing: it has run already."""


_FINDER = _Finder()
_hidden: dict[str, ModuleType] = {}


def _ours() -> dict[str, ModuleType]:
    return {name: m for name, m in sys.modules.items() if name.partition(".")[0] == _THERE}


def install() -> None:
    """From now on ``import torch`` and every ``torch...`` below it finds this package; `uninstall` ends it."""
    if _FINDER not in sys.meta_path:
        _hidden.update(_ours())
        for name in _hidden:
            del sys.modules[name]
        sys.meta_path.insert(0, _FINDER)


def uninstall() -> None:
    """Let ``import torch`` find PyTorch again, where it is installed. What was imported already stays what it is."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
        for name in _ours():
            del sys.modules[name]
        sys.modules.update(_hidden)
        _hidden.clear()


@contextlib.contextmanager
def installed() -> Iterator[None]:
    """``with installed(): import torch``: imports this package in place of PyTorch, only there."""
    install()
    try:
        yield
    finally:
        uninstall()


def run(path: str, arguments: Sequence[str] = ()) -> None:
    """Run a PyTorch script as ``python path arguments...`` would: its ``sys.argv``, ``__file__`` and ``__main__``.

    Args:
        path: the script.
        arguments: what stands behind it in ``sys.argv``.

    Raises:
        OSError: if the script cannot be read.
        SystemExit: with 1 after an exception that the script did not catch, when its traceback has been printed; and
            as the script itself exits.
    """
    file = os.path.abspath(path)
    with open(file, "rb") as source:
        text = source.read()
    main = ModuleType("__main__")
    main.__dict__.update(__file__=file, __builtins__=__builtins__)
    sys.argv, sys.path[0], sys.modules["__main__"] = [path, *arguments], os.path.dirname(file), main
    install()
    try:
        exec(compile(text, file, "exec", dont_inherit=True), main.__dict__)
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, AttributeError) and isinstance(error.obj, micrograd_cn.Tensor) and error.name:
            error.add_note(_explained("torch.Tensor", error.name, dir(micrograd_cn.Tensor)))
        # The script's own traceback begins below this frame.
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error, error.__traceback__)
        raise SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1) from None
