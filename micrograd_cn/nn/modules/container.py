"""Modules that hold other modules or parameters: `Sequential`, `ModuleList`, `ModuleDict`, `ParameterList`,
`ParameterDict`."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from itertools import chain, groupby
from typing import Any, Self

from micrograd_cn.nn.modules.members import members
from micrograd_cn.nn.modules.module import Module, indent
from micrograd_cn.nn.parameter import Parameter
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


def _position(index: Any, size: int) -> int:
    """``index`` counted from the front; IndexError if it is out of range."""
    index = operator.index(index)
    need(-size <= index < size, f"index {index} is out of range", IndexError)
    return index % size


def _need_iterable(values: Any, called: str, fits: bool = True, of: str = "") -> None:
    """TypeError unless one can iterate over ``values``, which ``called`` was called with, and it ``fits``."""
    text = f"{called} should be called with an iterable{of}, but got {type(values).__name__}"
    need(fits and isinstance(values, Iterable), text, TypeError)


class _Numbered(Module):
    """What `Sequential` and `ModuleList` share: submodules in a row, named ``"0"``, ``"1"``, ..."""

    def __getitem__(self, index: int | slice) -> Any:
        entries = members(self, "module")
        if isinstance(index, slice):
            return self._of(entries[index])
        return entries[_position(index, len(entries))][1]

    def _of(self, entries: list[tuple[str, Module]]) -> Any:
        """A container of this kind with some of the modules."""
        return type(self)([module for _, module in entries])

    def _rebuild(self, modules: list[Module]) -> None:
        self._modules.clear()
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def __setitem__(self, index: int, module: Module) -> None:
        names = list(self._modules)
        setattr(self, names[_position(index, len(names))], module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        del modules[index if isinstance(index, slice) else _position(index, len(modules))]
        self._rebuild(modules)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter([module for _, module in members(self, "module")])

    def append(self, module: Module) -> Self:
        """Add a module at the end; returns the container."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end; returns the container; TypeError if ``modules`` cannot be iterated over."""
        _need_iterable(modules, f"{type(self).__name__}.extend")
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, key: int | slice) -> Any:
        """Take out and return the module at an index, or those of a slice."""
        taken = self[key]
        del self[key]
        return taken

    def insert(self, index: int, module: Module) -> Any:
        """Put ``module`` before the one at ``index``."""
        modules = list(self)
        modules.insert(index, module)
        self._rebuild(modules)


class Sequential(_Numbered):
    """Modules one after the other: the output of each is the input of the next.

    Args:
        *args: the modules, or one ``OrderedDict`` of names and modules.

    >>> model = Sequential(Linear(2, 4), ReLU(), Linear(4, 1))
    >>> model[0], model[-1], model[:2], len(model)

    Source: https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self.extend(args)

    def forward(self, input: Any) -> Any:
        """``input`` sent through every module in turn."""
        # The loop every training step runs through: straight over the two dicts that `_modules` is a view of.
        attributes = self.__dict__
        for name, kind in self._member_kinds.items():
            if kind == "module":
                input = attributes[name](input)
        return input

    def _of(self, entries: list[tuple[str, Module]]) -> Any:
        return type(self)(OrderedDict(entries))

    def insert(self, index: int, module: Module) -> Self:
        """Put ``module`` before the one at ``index``; returns the container.

        Raises:
            AssertionError: if ``module`` is no module.
            IndexError: if ``index`` is out of range.
        """
        need(isinstance(module, Module), f"module should be of type: {Module}", AssertionError)
        need(-len(self) <= index <= len(self), f"Index out of range: {index}", IndexError)
        super().insert(index, module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        return Sequential(*self).__iadd__(other)

    def __iadd__(self, other: Sequential) -> Self:
        text = f"add operator supports only objects of Sequential class, but {type(other)} is given."
        need(isinstance(other, Sequential), text, ValueError)
        return self.extend(other)

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*self).__imul__(times)

    def __rmul__(self, times: int) -> Sequential:
        return self * times

    def __imul__(self, times: int) -> Self:
        kinds = f"{type(self)} and {type(times)}"
        need(isinstance(times, int), f"unsupported operand type(s) for *: {kinds}", TypeError)
        need(times > 0, f"Non-positive multiplication factor {times} for {type(self)}", ValueError)
        return self.extend(list(self) * (times - 1))


class ModuleList(_Numbered):
    """A list of modules whose parameters the model knows of; it has no ``forward`` of its own.

    Args:
        modules: the modules to begin with.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList(chain(self, other))

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __repr__(self) -> str:
        """Equal neighbours stand in one line: ``(0-2): 3 x Linear(...)``."""
        lines, first = [], 0
        for text, run in groupby(map(repr, self)):
            last = first + len(list(run)) - 1
            some = f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
            lines.append(indent(some))
            first = last + 1
        name = self._get_name()
        return "\n  ".join([f"{name}(", *lines]) + "\n)" if lines else f"{name}()"


class _Keyed(Module):
    """What `ModuleDict` and `ParameterDict` share; ``_keys`` is a mapping from their names."""

    _keys: Any

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def clear(self) -> None:
        """Take out everything."""
        for key in list(self):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take out and return what stands under ``key``."""
        value = self[key]
        del self[key]
        return value

    def keys(self) -> Any:
        """The names, in order."""
        return self._keys.keys()

    def items(self) -> Any:
        """The pairs of name and what stands under it, in order."""
        return ItemsView(self)

    def values(self) -> Any:
        """What stands under the names, in order."""
        return ValuesView(self)


class ModuleDict(_Keyed):
    """A dict of modules whose parameters the model knows of; it keeps the order of insertion.

    Args:
        modules: a mapping, or pairs of name and module, to begin with.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html
    """

    _keys = property(lambda self: self._modules)

    def __init__(self, modules: Mapping[str, Module] | Iterable[Any] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def update(self, modules: Mapping[str, Module] | Iterable[Any]) -> None:
        """Add or replace modules by a mapping's, or by those of pairs of name and module."""
        for key, module in _pairs(modules, "ModuleDict", "ModuleDict"):
            self[key] = module


def _pairs(source: Any, name: str, method_of: str) -> Iterable[tuple[str, Any]]:
    """The items of a mapping or of an iterable of pairs."""
    _need_iterable(source, f"{method_of}.update", of=" of key/value pairs")
    if isinstance(source, (Mapping, _Keyed)):
        return list(source.items())
    pairs = list(source)
    for i, pair in enumerate(pairs):
        what = f"{name} update sequence element #{i}"
        need(isinstance(pair, Iterable), f"{what} should be Iterable; is{type(pair).__name__}", TypeError)
        need(len(pair) == 2, f"{what} has length {len(pair)}; 2 is required", ValueError)
    return pairs


def _as_parameter(value: Any) -> Any:
    """A tensor becomes a parameter; anything else may lie in the containers as it is."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _describe(entries: Iterable[tuple[Any, Any]], type_of: Callable[[Tensor], Any]) -> str:
    """The ``repr`` of a container of parameters: a line for each entry."""
    lines = []
    for key, value in entries:
        text = f"Object of type: {type(value).__name__}"
        if isinstance(value, Tensor):
            kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
            text = f"{kind} containing: [{type_of(value)} of size {'x'.join(map(str, value.shape))}]"
        lines.append(f"  ({key}): {text}")
    return "\n".join(lines)


class ParameterList(Module):
    """A list of parameters that the model knows of; tensors put into it become parameters.

    Args:
        values: what to begin with; may hold other objects too, which are kept but are no parameters.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.ParameterList.html
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, str(_position(index, len(self))))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, str(_position(index, len(self))), _as_parameter(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a parameter (or another object) at the end; returns the list."""
        setattr(self, str(self._size), _as_parameter(value))
        self._size += 1
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add many at the end; returns the list; TypeError for a tensor or what cannot be iterated over."""
        _need_iterable(values, "ParameterList.extend", not isinstance(values, Tensor))
        for value in values:
            self.append(value)
        return self

    def extra_repr(self) -> str:
        """A line for each entry, with its type and size."""
        return _describe(enumerate(self), lambda value: value.dtype)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(_Keyed):
    """A dict of parameters that the model knows of; tensors put into it become parameters.

    Args:
        parameters: a mapping, or pairs of name and value, to begin with. As in PyTorch, a plain mapping is
            taken in the order of its sorted keys.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.ParameterDict.html
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys = dict[str, None]()
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        kind = f"(type is '{type(key).__name__}'). Open an issue on github if you need non-string keys."
        text = f"Index given to ParameterDict cannot be used as a key as it is not a string {kind}"
        need(isinstance(key, str), text, TypeError)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            self[key]  # raises the error above
        self._keys[key] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def copy(self) -> ParameterDict:
        """A new ParameterDict with the same parameters."""
        return ParameterDict(list(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under ``key``, which becomes ``default`` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def popitem(self) -> tuple[str, Any]:
        """Take out and return the last pair of key and value."""
        key = next(reversed(self))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value under ``key``, or ``default``."""
        return self[key] if key in self else default  # noqa: SIM401 - this is `get`

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new ParameterDict with ``default`` under each of the keys."""
        return ParameterDict([(key, default) for key in keys])

    def update(self, parameters: Any) -> None:
        """Add or replace values by a mapping's, or by those of pairs of key and value."""
        pairs = _pairs(parameters, "ParameterDict", "ParametersDict")
        ordered = isinstance(parameters, (OrderedDict, ParameterDict))
        for key, value in sorted(pairs) if isinstance(parameters, Mapping) and not ordered else pairs:
            self[key] = value

    def extra_repr(self) -> str:
        """A line for each entry, with its type and size."""
        return _describe(self.items(), lambda value: value.type())

    def __call__(self, input: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other: ParameterDict) -> ParameterDict:
        return self.copy().__ior__(other)

    def __ror__(self, other: ParameterDict) -> ParameterDict:
        return other.copy().__ior__(self)

    def __ior__(self, other: ParameterDict) -> Self:
        self.update(other)
        return self
