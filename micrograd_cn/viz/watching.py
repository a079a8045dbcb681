"""Which module ran which operation: the engine's numbers tell, if somebody looks at them before and after a call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from micrograd_cn.engine import next_number
from micrograd_cn.nn import scalar
from micrograd_cn.tensor import Tensor
from micrograd_cn.viz.tracing import Box, Operation


class Spans:
    """What ran when: first number, last number and frame of each stretch of operations, in order.

    Attributes:
        names: values and tensors by name; more may be added.
        calls: the stretches.
    """

    def __init__(self, names: dict[str, Any], calls: list[list[Any]]) -> None:
        self.names, self.calls = names, calls
        self._parameters: list[tuple[str, Any]] = []
        self._results: list[Any] = []

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
    graph alone does not say it: an activation has no parameter to be recognised by.

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
        self.modules = dict(_modules(model))
        super().__init__({}, [])
        named = getattr(model, "named_parameters", None)
        self._parameters = list(named()) if named else [(p.label, p) for p in model.parameters()]
        self._open: list[str] = []

    def __enter__(self) -> watch:
        for path, module in self.modules.items():
            kind = type(module)
            watched = type(kind.__name__, (kind,), {"__call__": self._watched(path, kind)})
            object.__setattr__(module, "__class__", watched)
        return self

    def __exit__(self, *exc: object) -> None:
        for module in self.modules.values():
            object.__setattr__(module, "__class__", type(module).__base__)

    def _watched(self, path: str, kind: type) -> Any:
        def call(module: Any, *args: Any, **named: Any) -> Any:
            short = path.removeprefix(f"{self._open[-1]}." if self._open and self._open[-1] else "")
            span = [next_number(), 0, Box(" · ".join(filter(None, (short, kind.__name__))))]
            self.calls.append(span)
            self._open.append(path)
            try:
                result = kind.__call__(module, *args, **named)
                self._results += [result] if isinstance(result, Tensor) else []
                return result
            finally:
                self._open.pop()
                span[1] = next_number()

        return call


def _modules(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """A model and the modules in it, by their paths."""
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
