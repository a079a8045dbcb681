"""Which module ran which operation: the engine's numbers tell, if somebody looks at them before and after a call."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Self

from micrograd_cn import recording
from micrograd_cn.engine import next_number
from micrograd_cn.nn import scalar
from micrograd_cn.tensor import Tensor
from micrograd_cn.viz.tracing import Box, Operation, instance

_LOCK = threading.Lock()  # for what threads share: the classes of modules, and who observes


class Spans:
    """What ran when: first number, last number and frame of each stretch of operations, in order.

    In a ``with`` block it notes which constant tensors operations are given: their nodes keep only what rules need.

    Attributes:
        names: values and tensors by name; more may be added.
        calls: the stretches.
        given: by the number of an operation, the constants that it was given, by position.
    """

    def __init__(self, names: dict[str, Any], calls: list[list[Any]]) -> None:
        self.names, self.calls = names, calls
        self._parameters: list[tuple[str, Any]] = []
        self._results: list[Any] = []
        self.given: dict[int, dict[int, Tensor]] = {}

    def __enter__(self) -> Self:
        with _LOCK:
            recording.observers += (self._observe,)
        return self

    def __exit__(self, *exc: object) -> None:
        with _LOCK:
            recording.observers = tuple(x for x in recording.observers if x != self._observe)

    def _observe(self, number: int, args: Any) -> None:
        if found := {i: x for i, x in enumerate(args) if isinstance(x, Tensor) and x._node is None}:
            self.given[number] = found

    def named_parameters(self) -> Any:
        """The parameters and their names, for `draw`."""
        return self._parameters

    def named_buffers(self) -> Any:
        """What else has a name, and what the modules returned: its data can be shown."""
        return [*(("", x) for x in self._results), *self.names.items()]

    def frame(self, operations: list[Operation]) -> None:
        """Say of each operation in which frames it stands; ``operations`` are in the order of their numbers."""
        calls = iter(self.calls)
        coming = next(calls, None)
        running: list[list[Any]] = []
        for operation in operations:
            number = operation.node.number
            while coming is not None and coming[0] < number:
                running.append(coming)
                coming = next(calls, None)
            running = [span for span in running if span[1] > number]
            operation.boxes = tuple(span[2] for span in running)


class watch(Spans):
    """Note which module of ``model`` runs what, while a ``with`` block lasts; pass it to `draw` as ``params``.

    What ran between the beginning and the end of a module's call belongs to it, so boxes are nested as calls are. A
    graph alone does not say it: an activation has no parameter to be recognised by. Only calls by the thread that
    entered the block are noted, so several threads may watch one model.

    >>> with watch(model) as seen:
    ...     loss = criterion(model(x), target)
    >>> draw(loss, params=seen, detail="module")

    Args:
        model: an `nn.Module`, or one of `micrograd_cn.nn.scalar`.

    Attributes:
        names: a dict to which more values or tensors may be added, to be named in the picture as the parameters are.

    Raises:
        TypeError: if ``model`` is no module.
    """

    def __init__(self, model: Any) -> None:
        self.modules = {module: path for path, module in _modules(model)}
        super().__init__({}, [])
        named = getattr(model, "named_parameters", None)
        self._parameters = list(named()) if named else [(p.label, p) for p in model.parameters()]
        self._open: list[str] = []

    def __enter__(self) -> Self:
        super().__enter__()
        self._thread = threading.get_ident()
        with _LOCK:
            for module in self.modules:
                if "__watches__" not in vars(type(module)):
                    object.__setattr__(module, "__class__", _watched(type(module)))
                type(module).__watches__ += (self,)
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        with _LOCK:
            for module in self.modules:
                kind = type(module)
                kind.__watches__ = tuple(seen for seen in kind.__watches__ if seen is not self)
                if not kind.__watches__:
                    object.__setattr__(module, "__class__", kind.__base__)

    @contextlib.contextmanager
    def span(self, module: Any, kind: type) -> Iterator[list[Any]]:
        """Note a call of a module, if it is the watching thread that calls; what it returns goes into the list."""
        results: list[Any] = []
        if self._thread != threading.get_ident():
            yield results
            return
        path = self.modules[module]
        short = path.removeprefix(f"{self._open[-1]}." if self._open and self._open[-1] else "")
        span = [next_number(), 0, Box(" · ".join(filter(None, (short, kind.__name__))))]
        self.calls.append(span)
        self._open.append(path)
        try:
            yield results
        finally:
            self._open.pop()
            span[1] = next_number()
            self._results += [x for x in results if isinstance(x, Tensor)]


def _watched(kind: type) -> Any:
    """A class whose one instance tells all its watches when it is called: several threads may watch one module."""

    def call(module: Any, *args: Any, **named: Any) -> Any:
        with contextlib.ExitStack() as stack:
            noted = [stack.enter_context(seen.span(module, kind)) for seen in watched.__watches__]
            result = kind.__call__(module, *args, **named)
            for results in noted:
                results.append(result)
            return result

    watched: Any = type(kind.__name__, (kind,), {"__call__": call, "__watches__": ()})
    return watched


def _modules(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """A model and the modules in it, by their paths."""
    instance(model)
    if hasattr(model, "named_modules"):
        yield from model.named_modules()
        return
    if not isinstance(model, scalar.Module):
        raise TypeError(f"watch() takes a module, not {type(model).__name__}")
    yield path, model
    for name, x in vars(model).items():
        for i, part in enumerate(x if isinstance(x, list) else ()):
            if isinstance(part, scalar.Module):
                yield from _modules(part, f"{path}.{name}.{i}".lstrip("."))
