"""The modules that are one function of `nn.functional` with its options held: most activations, losses and dropouts."""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature, get_annotations
from typing import Any, ClassVar, dataclass_transform

from micrograd_cn.nn.modules.module import Module


class _OwnSignature:
    """``__signature__`` of the classes whose constructor is `Optioned`'s; their instances and heirs have none."""

    def __get__(self, module: Any, cls: Any) -> Signature:
        if module is not None or cls.__init__ is not Optioned.__init__:
            raise AttributeError("__signature__")
        return cls._signature


@dataclass_transform()
class Optioned(Module):
    """Base of the modules whose ``forward`` is a function, called with what the module holds.

    A subclass names the function and lists its options as a dataclass does; they become the parameters of the
    constructor (after those of its base), attributes, and what ``repr`` shows::

        class LeakyReLU(Optioned, function=F.leaky_relu):
            negative_slope: float = 0.01
            inplace: bool = False

    The function gets those options, and the module's ``training``, that it has parameters for. ``__post_init__`` may
    check them. A class with neither ``function=`` nor ``shown=`` is an ordinary one, with its own constructor.
    """

    __signature__: ClassVar[Any] = _OwnSignature()
    _signature: ClassVar[Signature] = Signature()
    _function: ClassVar[Callable[..., Any]]
    _passed: ClassVar[tuple[str, ...]] = ()
    _shown: ClassVar[tuple[str, ...]] = ()
    _shows: ClassVar[bool] = True

    def __init_subclass__(
        cls, function: Callable[..., Any] | None = None, shown: bool | None = None, kw_only: bool = False
    ) -> None:
        """Read the options off the class body; ``shown`` is whether ``repr`` shows them, here and in subclasses."""
        super().__init_subclass__()
        if function is shown is None:
            return
        kind = Parameter.KEYWORD_ONLY if kw_only else Parameter.POSITIONAL_OR_KEYWORD
        own = {
            name: Parameter(name, kind, default=vars(cls).get(name, Parameter.empty), annotation=annotation)
            for name, annotation in get_annotations(cls).items()
        }
        for name in own.keys() & vars(cls).keys():
            delattr(cls, name)  # as a class attribute it would hide the member that an instance has
        options = {n: p.replace(kind=kind) for n, p in cls._signature.parameters.items()} | own
        cls._signature = Signature(list(options.values()))
        if shown is not None:
            cls._shows = shown
        if function is None:
            return
        cls._function = staticmethod(function)
        code = getattr(function, "__wrapped__", getattr(function, "func", function)).__code__
        taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        cls._passed = tuple(name for name in (*options, "training") if name in taken)
        cls._shown = tuple(name for name in cls._passed if name != "training") if cls._shows else ()

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
