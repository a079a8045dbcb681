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
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class MemberView(MutableMapping[str, Any]):
    """The members of one kind of a holder, as a dict."""

    __slots__ = ("_attributes", "_kind", "_kinds")

    def __init__(self, holder: Holder, kind: str) -> None:
        self._attributes, self._kinds, self._kind = holder.__dict__, holder._member_kinds, kind

    def __getitem__(self, name: str) -> Any:
        need(self._kinds.get(name) == self._kind, name, KeyError)
        return self._attributes[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if self._kinds.get(name) != self._kind:  # of another kind or new: goes to the end of the order
            self._kinds.pop(name, None)
            self._kinds[name] = self._kind
        self._attributes[name] = value

    def __delitem__(self, name: str) -> None:
        need(self._kinds.get(name) == self._kind, name, KeyError)
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

    _parameters: Any = property(lambda self: MemberView(self, "parameter"))
    _buffers: Any = property(lambda self: MemberView(self, "buffer"))
    _modules: Any = property(lambda self: MemberView(self, "module"))

    def __setattr__(self, name: str, value: Any) -> None:
        kinds = self.__dict__.get("_member_kinds")
        its_kind = kinds.get(name) if kinds else None
        for kind, (member, noun, place, described) in _KINDS.items():
            if isinstance(value, member):
                if kinds is None:
                    raise AttributeError(f"cannot assign {noun} before Module.__init__() call")
                if its_kind != kind and name in self.__dict__:
                    delattr(self, name)  # what else has stood there
                if kind == "module":
                    self._modules[name] = value
                elif kind == "parameter":
                    self.register_parameter(name, value)
                else:
                    self.register_buffer(name, value, value.persistent)
                return
            if its_kind == kind:
                if value is not None and not (kind == "buffer" and isinstance(value, Tensor)):
                    wanted = f"{described} or None expected"
                    raise TypeError(f"cannot assign '{typename(value)}' as {place} '{name}' ({wanted})")
                self.__dict__[name] = value
                return
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
        _register(self, "parameter", name, param, Parameter, "torch.nn.Parameter")

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
        _register(self, "buffer", name, tensor, Tensor, "torch Tensor")
        hidden = self._non_persistent_buffers_set
        (hidden.discard if persistent else hidden.add)(name)

    def add_module(self, name: str, module: Any) -> None:
        """Add a submodule (or None) under ``name``.

        Raises:
            TypeError: if ``module`` is neither a Module nor None, or ``name`` no string.
            KeyError: if the name is taken, empty, or has a dot in it.
        """
        if module is not None and not isinstance(module, Holder):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        _register(self, "module", name, module, Holder, "torch.nn.Module")

    def register_module(self, name: str, module: Any) -> None:
        """The same as `add_module`."""
        self.add_module(name, module)


def typename(value: Any) -> str:
    """How error messages spell the type of an object: ``int``, ``torch.FloatTensor``, ``a.b.Class``."""
    if isinstance(value, Tensor):
        return value.type()
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


# what a value must be to become a member of this kind, and how error messages speak of them
_KINDS: dict[str, tuple[Any, str, str, str]] = {
    "parameter": (Parameter, "parameters", "parameter", "torch.nn.Parameter"),
    "module": (Holder, "module", "child module", "torch.nn.Module"),
    "buffer": (Buffer, "buffer", "buffer", "torch.nn.Buffer, torch.Tensor"),
}


def _register(module: Holder, kind: str, name: str, value: Any, accepted: type, described: str) -> None:
    """Make ``value`` a member; raises what the methods that call it say."""
    inside = "_member_kinds" in module.__dict__
    need(inside, f"cannot assign {kind} before Module.__init__() call", AttributeError)
    need(isinstance(name, str), f"{kind} name should be a string. Got {typename(name)}", TypeError)
    got = f", got: {name}" if kind == "module" else ""
    need("." not in name, f'{kind} name can\'t contain "."{got}', KeyError)
    need(name, f'{kind} name can\'t be empty string ""', KeyError)
    new = module._member_kinds.get(name) == kind or not hasattr(module, name)
    need(new, f"attribute '{name}' already exists", KeyError)
    if value is not None and not isinstance(value, accepted):
        raise TypeError(f"cannot assign '{typename(value)}' object to {kind} '{name}' ({described} or None required)")
    MemberView(module, kind)[name] = value
