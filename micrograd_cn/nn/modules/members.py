"""Where a module keeps its parameters, buffers and submodules.

Each is an ordinary attribute in the instance's ``__dict__``, and ``_member_kinds`` remembers, in order, which
names are members and of what kind. PyTorch keeps members in three dicts beside ``__dict__`` and finds them through
``__getattr__``; here ``self.weight`` is a plain attribute look-up, which takes 20 ns where a ``__getattr__`` in
Python takes 540. ``_parameters``, ``_buffers`` and ``_modules`` are views on these two dicts that read and write like
PyTorch's dicts, so nothing is stored twice.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, MutableMapping
from typing import Any

from micrograd_cn.nn.parameter import Buffer, Parameter
from micrograd_cn.tensor import Tensor


class MemberView(MutableMapping[str, Any]):
    """The members of one kind of a holder, as a dict."""

    __slots__ = ("_attributes", "_kind", "_kinds")

    def __init__(self, holder: Holder, kind: str) -> None:
        self._attributes, self._kinds, self._kind = holder.__dict__, holder._member_kinds, kind

    def __getitem__(self, name: str) -> Any:
        if self._kinds.get(name) != self._kind:
            raise KeyError(name)
        return self._attributes[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if self._kinds.get(name) != self._kind:  # of another kind or new: goes to the end of the order
            self._kinds.pop(name, None)
            self._kinds[name] = self._kind
        self._attributes[name] = value

    def __delitem__(self, name: str) -> None:
        if self._kinds.get(name) != self._kind:
            raise KeyError(name)
        del self._kinds[name], self._attributes[name]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, kind in self._kinds.items() if kind == self._kind])

    def __reversed__(self) -> Iterator[str]:
        return reversed(list(self))

    def __len__(self) -> int:
        return list(self._kinds.values()).count(self._kind)

    def __repr__(self) -> str:
        return repr(dict(self))


def members(holder: Holder, kind: str) -> list[tuple[str, Any]]:
    """The names and members of one kind: what ``items()`` of its view gives, but quicker."""
    attributes = holder.__dict__
    return [(name, attributes[name]) for name, its_kind in holder._member_kinds.items() if its_kind == kind]


class Holder:
    """The part of `Module` that keeps its members: `Parameter` objects, buffers and other holders."""

    _member_kinds: dict[str, str]
    _non_persistent_buffers_set: set[str]

    @property
    def _parameters(self) -> MutableMapping[str, Parameter | None]:
        return MemberView(self, "parameter")

    @property
    def _buffers(self) -> MutableMapping[str, Tensor | None]:
        return MemberView(self, "buffer")

    @property
    def _modules(self) -> MutableMapping[str, Any]:
        return MemberView(self, "module")

    def __setattr__(self, name: str, value: Any) -> None:
        kinds = self.__dict__.get("_member_kinds")
        kind = kinds.get(name) if kinds else None
        if isinstance(value, Parameter):
            _make_way(self, name, "parameter", "parameters")
            self.register_parameter(name, value)
        elif kind == "parameter":
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            self.__dict__[name] = None
        elif isinstance(value, Holder):
            _make_way(self, name, "module", "module")
            self._modules[name] = value
        elif kind == "module":
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            self.__dict__[name] = None
        elif isinstance(value, Buffer):
            _make_way(self, name, "buffer", "buffer")
            self.register_buffer(name, value, value.persistent)
        elif kind == "buffer":
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
            self.__dict__[name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._member_kinds.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_member_kinds" not in state:
            raise RuntimeError(f"this {type(self).__name__} was pickled by PyTorch; save and load its state_dict()")
        # Copies share tensors (copy.copy) or not (deepcopy, pickle), but never the account of their members.
        shared = {name: copy.copy(state[name]) for name in ("_member_kinds", "_non_persistent_buffers_set")}
        self.__dict__.update(state | shared)

    def __dir__(self) -> list[str]:
        return sorted(name for name in super().__dir__() if not name[0].isdigit())

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter (or None: a place that stays empty) under ``name``.

        Raises:
            TypeError: if ``param`` is neither a `Parameter` nor None, or ``name`` no string.
            KeyError: if the name is taken, empty, or has a dot in it.
        """
        _check_name(self, name, "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module's state but is not trained, such as a running mean.

        Args:
            name: the attribute's name.
            tensor: the tensor, or None for a place that stays empty.
            persistent: whether it is part of `state_dict`.

        Raises:
            TypeError: if ``tensor`` is neither a Tensor nor None, or ``name`` no string.
            KeyError: if the name is taken, empty, or has a dot in it.
        """
        _check_name(self, name, "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Any) -> None:
        """Add a submodule (or None) under ``name``.

        Raises:
            TypeError: if ``module`` is neither a Module nor None, or ``name`` no string.
            KeyError: if the name is taken, empty, or has a dot in it.
        """
        if module is not None and not isinstance(module, Holder):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        _check_name(self, name, "module")
        self._modules[name] = module

    def register_module(self, name: str, module: Any) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)


def typename(value: Any) -> str:
    """How error messages spell the type of an object: ``int``, ``torch.FloatTensor``, ``a.b.Class``."""
    if isinstance(value, Tensor):
        return value.type()
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _make_way(module: Holder, name: str, kind: str, noun: str) -> None:
    """Before ``name`` becomes a member of this kind: forget what else has stood there."""
    if "_member_kinds" not in module.__dict__:
        raise AttributeError(f"cannot assign {noun} before Module.__init__() call")
    if module._member_kinds.get(name) != kind and name in module.__dict__:
        delattr(module, name)


def _check_name(module: Holder, name: str, kind: str) -> None:
    """Raise unless ``name`` may become a member of this kind."""
    if "_member_kinds" not in module.__dict__:
        raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
    if not isinstance(name, str):
        raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
    if "." in name:
        got = f", got: {name}" if kind == "module" else ""
        raise KeyError(f'{kind} name can\'t contain "."{got}')
    if name == "":
        raise KeyError(f'{kind} name can\'t be empty string ""')
    if module._member_kinds.get(name) != kind and hasattr(module, name):
        raise KeyError(f"attribute '{name}' already exists")
