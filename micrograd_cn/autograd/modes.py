"""Switches for what this thread records; each is a context manager and a decorator.

https://pytorch.org/docs/stable/torch.html#locally-disabling-gradient-computation
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any

from micrograd_cn.engine import mode


class _Switch:
    """A pair of mode values that holds inside a ``with`` block or a decorated function."""

    def __init__(self, grad: bool, inference: bool | None = None) -> None:
        self.grad, self.inference = grad, inference
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._before.append((mode.grad, mode.inference))
        if self.inference is not None:
            mode.inference = self.inference
        mode.grad = self.grad and not mode.inference  # no switch makes inference mode record

    def __exit__(self, *exc: object) -> None:
        mode.grad, mode.inference = self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        grad, inference = self.grad, self.inference  # a new switch for each call: calls may overlap in threads

        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def steps(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
                # The switch holds while the generator runs, not while its caller does.
                running = function(*args, **kwargs)
                resume: Callable[[Any], Any] = running.send
                given: Any = None
                while True:
                    try:
                        with _Switch(grad, inference):
                            item = resume(given)
                    except StopIteration as end:
                        return end.value
                    try:
                        given, resume = (yield item), running.send
                    except BaseException as error:  # GeneratorExit too: the generator cleans up under the switch
                        given, resume = error, running.throw

            return steps

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with _Switch(grad, inference):
                return function(*args, **kwargs)

        return wrapped


class no_grad(_Switch):
    """Record nothing: ``with no_grad():``, ``@no_grad()`` or ``@no_grad``."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if function is None else _Switch(False)(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(False)


class enable_grad(_Switch):
    """Record again inside `no_grad`; used as that is."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if function is None else _Switch(True)(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(True)


class inference_mode(_Switch):
    """Record nothing, and let tensors made inside never take part in differentiation; ``mode=False`` ends that."""

    def __new__(cls, mode: Any = True) -> Any:
        return _Switch(False, True)(mode) if callable(mode) else super().__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode, bool(mode))


class set_grad_enabled(_Switch):
    """Record or not from here on, or inside a ``with`` block or a decorated function.

    Raises:
        TypeError: unless ``mode`` is a bool.
    """

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(f"set_grad_enabled(): argument 'mode' must be bool, not {type(mode).__name__}")
        super().__init__(mode)
        super().__enter__()

    def __enter__(self) -> None:
        if self._before:
            mode.grad = self.grad and not mode.inference
        else:
            super().__enter__()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.__exit__()  # as a decorator it holds in the function only
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """True unless recording is switched off in this thread."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """True inside `inference_mode`."""
    return mode.inference
