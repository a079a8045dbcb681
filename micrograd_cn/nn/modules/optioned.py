"""The modules that are one function of `nn.functional` with its options held: most activations, losses, poolings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any, ClassVar

from micrograd_cn.nn.modules.module import Module


class _OwnSignature:
    """``__signature__`` of the classes whose constructor is `Optioned`'s; their instances and heirs have none."""

    def __get__(self, module: Any, cls: Any) -> Signature:
        if module is not None or cls.__init__ is not Optioned.__init__:
            raise AttributeError("__signature__")
        return cls._signature


class Optioned(Module):
    """Base of the modules whose ``forward`` is a function, called with what the module holds.

    A subclass names the function and those of its parameters that are options. They become, in this order and with the
    function's defaults, the parameters of the constructor, attributes, and what ``repr`` shows::

        class LeakyReLU(Optioned, function=F.leaky_relu, options="negative_slope inplace"):
            ...

    ``shown`` names those that ``repr`` shows, if not all. A keyword with the name of an option gives it its default, or
    another one than the function's. The function also gets the module's ``training``, if it has a parameter for it.
    ``__post_init__`` may check or change the attributes.
    """

    __signature__: ClassVar[Any] = _OwnSignature()
    _signature: ClassVar[Signature] = Signature()
    _function: ClassVar[Callable[..., Any]]
    _passed: ClassVar[tuple[str, ...]]
    _shown: ClassVar[tuple[str, ...]]
    dims: ClassVar[int]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init_subclass__(
        cls, function: Callable[..., Any] | None = None, options: str = "", shown: str | None = None,
        kw_only: bool = False, **defaults: Any,
    ) -> None:  # fmt: skip
        super().__init_subclass__()
        if function is None:
            return
        known, names = signature(function).parameters, tuple(options.split())
        kind = Parameter.KEYWORD_ONLY if kw_only else Parameter.POSITIONAL_OR_KEYWORD
        facts = [(known.get(name) or Parameter(name, kind)).replace(kind=kind) for name in names]
        facts = [fact.replace(default=defaults.get(fact.name, fact.default)) for fact in facts]
        cls._function, cls._signature = staticmethod(function), Signature(facts)
        cls._passed = tuple(name for name in (*names, "training") if name in known)
        cls._shown = names if shown is None else tuple(shown.split())

    def __init__(self, *args: Any, **named: Any) -> None:
        """Options by position or name; TypeError for one that is missing or unknown."""
        super().__init__()
        options = self._signature.bind(*args, **named)
        options.apply_defaults()
        for name, x in options.arguments.items():
            setattr(self, name, x)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Called by the constructor when the options stand as attributes."""

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The function of ``inputs`` with the options (but those that ``__post_init__`` took away)."""
        held = self.__dict__
        for name in self._passed:
            if name in held:
                named[name] = held[name]
        return self._function(*inputs, **named)

    def extra_repr(self) -> str:
        """``name=value, ...``; ``inplace`` only where it is True."""
        shown = {name: getattr(self, name) for name in self._shown}
        if not shown.get("inplace", True):
            del shown["inplace"]
        return ", ".join(f"{name}={x!r}" if isinstance(x, str) else f"{name}={x}" for name, x in shown.items())


def in_dimensions(base: Any) -> tuple[Any, ...]:
    """The classes ``Name1d`` to ``Name3d`` of a class ``_Name``, which know their number as ``dims``.

    The function of an `Optioned` class takes this number first.
    """
    made = []
    for n in (1, 2, 3):
        facts = {"dims": n, "__doc__": base.__doc__, "__module__": base.__module__}
        if hasattr(base, "_function"):
            facts["_function"] = staticmethod(functools.partial(base._function, n))
        made.append(type(f"{base.__name__.strip('_')}{n}d", (base,), facts))
    return tuple(made)


def in_tuple(x: Any, n: int) -> Any:
    """A sequence as a tuple, a number as ``n`` of them, None as it is."""
    return x if x is None else tuple(x) if hasattr(x, "__iter__") else (x,) * n
