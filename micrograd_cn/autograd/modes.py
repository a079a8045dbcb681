"""Switches for what this thread records; each is a context manager and a decorator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from micrograd_cn.engine import mode


class _Switch:
    """A pair of mode values that holds inside a ``with`` block or a decorated function."""

    def __init__(self, grad: bool, inference: bool | None = None) -> None:
        self.grad, self.inference = grad, inference
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._before.append((mode.grad, mode.inference))
        mode.grad = self.grad
        if self.inference is not None:
            mode.inference = self.inference

    def __exit__(self, *exc: object) -> None:
        mode.grad, mode.inference = self._before.pop()

    def _again(self) -> _Switch:
        return _Switch(self.grad, self.inference)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def steps(*args: Any, **kwargs: Any) -> Any:
                # The switch holds while the generator runs, not while its caller does.
                running = function(*args, **kwargs)
                sent = None
                while True:
                    with self._again():
                        try:
                            item = running.send(sent)
                        except StopIteration as end:
                            return end.value
                    sent = yield item

            return steps

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return wrapped


class no_grad(_Switch):
    """Record nothing: ``with no_grad():`` or ``@no_grad()``."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if function is None else _Switch(False)(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(False)


class enable_grad(_Switch):
    """Record again inside `no_grad`."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if function is None else _Switch(True)(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(True)


class inference_mode(_Switch):
    """Record nothing, and let tensors made inside never take part in differentiation."""

    def __new__(cls, mode: Any = True) -> Any:
        return _Switch(False, True)(mode) if callable(mode) else super().__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode, mode)


class set_grad_enabled(_Switch):
    """Record or not from here on, or inside a ``with`` block."""

    def __init__(self, mode: bool) -> None:
        super().__init__(bool(mode))
        self.__enter__()

    def __enter__(self) -> None:
        if not self._before:
            super().__enter__()


def is_grad_enabled() -> bool:
    """True unless recording is switched off in this thread."""
    return mode.grad


def is_inference_mode_enabled() -> bool:
    """True inside `inference_mode`."""
    return mode.inference
