"""What there is to draw: the quantities and operations that lead to a root, read off the engine's nodes.

A `Value` holds its number and its inputs. A tensor's node holds only what its derivative rules asked for, so the data
of a result in the middle is known where a rule keeps it, where the caller names the tensor, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from micrograd_cn.autograd.function_node import FunctionNode
from micrograd_cn.engine import Node
from micrograd_cn.nn.parameter import Parameter
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import ArrayNode, Leaf
from micrograd_cn.tensor import Tensor
from micrograd_cn.value import Value


@dataclass(eq=False)
class Quantity:
    """A number or an array.

    Attributes:
        kind: "parameter", "leaf" (given, gets a gradient), "constant" (given, gets none), "result" or "root".
        name: its name, or "".
        data: a Python number or a NumPy array; None if the graph does not keep it.
        grad: the same for its gradient; None if there is none.
        shape, dtype: of an array, or None and "".
        awaits_grad: whether a gradient ends here, so that its absence is worth showing.
        node: where it stands in the engine's graph; None for a constant.
        count: how many alike it stands for.
    """

    kind: str
    name: str = ""
    data: Any = None
    grad: Any = None
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    awaits_grad: bool = False
    node: Any = None
    count: int = 1

    @property
    def ones(self) -> Any:
        """The gradient of its sum by itself."""
        return 1.0 if isinstance(self.node, Value) else np.ones(self.node.shape, self.node.dtype)


@dataclass(eq=False)
class Box:
    """A frame around operations, and what it says."""

    title: str


@dataclass(eq=False)
class Operation:
    """What turned ``inputs`` into ``outputs`` (several for a user's `autograd.Function`, or if it stands for many).

    Attributes:
        boxes: the frames that it stands in, outermost first.
        count: how many operations it stands for.
        folded: whether it stands for others.
    """

    symbol: str
    description: str
    inputs: list[Quantity]
    outputs: list[Quantity]
    boxes: tuple[Box, ...] = ()
    count: int = 1
    folded: bool = False

    @property
    def node(self) -> Any:
        """What the engine recorded."""
        node = self.outputs[0].node
        function = node.parents[0] if isinstance(node, ArrayNode) else None
        return function if isinstance(function, FunctionNode) else node

    @property
    def row(self) -> Any:
        """The primitive that ran; None for a user's function."""
        node = self.node
        return None if isinstance(node, FunctionNode) else node.plan.row

    @property
    def elementwise(self) -> bool:
        """Whether each element of the result comes from one element of each input."""
        return self.row is not None and self.row.elementwise


class _Given:
    """An input that is neither a value nor a tensor: a Python number, or one of which nothing was kept."""

    def __init__(self, data: Any = None) -> None:
        self.data = data


def trace(roots: Mapping[str, Any], params: Any) -> tuple[list[Quantity], list[Operation]]:
    """All quantities and operations below some roots, oldest first.

    Args:
        roots: Values or Tensors by name.
        params: names; see `micrograd_cn.viz.draw`.

    Raises:
        TypeError: if a root is neither a Value nor a Tensor, or ``params`` holds no names of such.
        ValueError: if there is no root.
    """
    need(roots, "there is nothing to draw in an empty dict", ValueError)
    face = Value if isinstance(next(iter(roots.values())), Value) else Tensor
    for x in roots.values():
        what = f"this shows the graph of a Value or a Tensor, not of {type(x).__name__}"
        need(isinstance(x, (Value, Tensor)), what, TypeError)
        need(isinstance(x, face), "this shows a graph of Values or one of Tensors, not both in one picture", TypeError)
    named, parameters = names(params)
    read: Any = _Values if face is Value else _Tensors
    reader = read(list(roots.values()), [*named, *((name, x) for name, x in roots.items() if name)], parameters)
    reader.given = getattr(params, "given", {})
    found: dict[int, Any] = {id(item): item for item in reader.roots}
    inputs: dict[int, list[Any]] = {}
    stack = list(found.values())
    while stack:
        item = stack.pop()
        inputs[id(item)] = reader.inputs(item)
        new = {id(x): x for x in inputs[id(item)] if id(x) not in found}
        found |= new
        stack += new.values()
    quantities = {key: reader.quantity(item) for key, item in found.items()}
    operations: dict[int, Operation] = {}
    for key in sorted((key for key in found if inputs[key]), key=lambda key: found[key].number):
        origin, symbol, description = reader.operation(found[key])
        if id(origin) not in operations:
            operations[id(origin)] = Operation(symbol, description, [quantities[id(x)] for x in inputs[key]], [])
        operations[id(origin)].outputs.append(quantities[key])
    for item in reader.roots:
        quantities[id(item)].kind = "root"
    return involved(operations.values(), quantities.values()), list(operations.values())


def involved(operations: Iterable[Operation], quantities: Iterable[Quantity]) -> list[Quantity]:
    """What the operations read and make, in their order, and those of the quantities that are roots."""
    read = (q for operation in operations for q in (*operation.inputs, *operation.outputs))
    return list(dict.fromkeys([*read, *(q for q in quantities if q.kind == "root")]))


def instance(x: Any) -> None:
    """Refuse a class where a module is meant."""
    name = getattr(x, "__name__", "")
    need(not isinstance(x, type), f"{name} is a class, not a module: make one of it first, {name}(…)", TypeError)


def one_of(name: str, x: Any, options: tuple[str, ...]) -> None:
    """Refuse an argument that is none of the options."""
    *first, last = map(repr, options)
    need(x in options, f"{name} must be {', '.join(first)} or {last}, not {x!r}", ValueError)


def names(params: Any) -> tuple[list[tuple[str, Any]], set[int]]:
    """The names that ``params`` gives, and the ids of what it says are parameters."""
    if params is None:
        return [], set()
    instance(params)
    if isinstance(params, Mapping):
        named = trained = list(params.items())
    elif hasattr(params, "named_parameters"):
        trained = list(params.named_parameters())
        named = list(params.named_buffers()) + trained
    elif hasattr(params, "parameters"):  # a module of Values: their labels are the names
        named = trained = [(p.label, p) for p in params.parameters()]
    else:
        raise TypeError(f"params must be a Module, or a dict of Values or Tensors by name, not {type(params).__name__}")
    for name, x in named:
        kind = type(x).__name__
        need(isinstance(x, (Value, Tensor)), f"params[{name!r}] must be a Value or a Tensor, not {kind}", TypeError)
    return named, {id(x) for _, x in trained}


class _Values:
    """Reads a graph of values."""

    def __init__(self, roots: list[Value], named: list[tuple[str, Any]], parameters: set[int]) -> None:
        self.roots, self.parameters = roots, parameters
        self.names = {id(x): str(name) for name, x in named}

    def inputs(self, value: Value) -> list[Value]:
        return list(value._operands()) if value.plan is not None else []

    def operation(self, value: Value) -> tuple[Any, str, str]:
        return value, *_described(value.plan.row)

    def quantity(self, value: Value) -> Quantity:
        given = "parameter" if id(value) in self.parameters else "leaf"
        kind = "result" if value.plan is not None else given if value.number else "constant"
        grad = value.grad.data if isinstance(value.grad, Value) else value.grad
        name = self.names.get(id(value)) or value.label
        return Quantity(kind, name, value.data, grad if value.number else None, node=value._current())


class _Tensors:
    """Reads a graph of array nodes. Its items are nodes, constant tensors, and `_Given` for all else."""

    def __init__(self, roots: list[Tensor], named: list[tuple[str, Any]], parameters: set[int]) -> None:
        self.roots: list[Any] = [root._current() or root for root in roots]
        self.parameters = parameters
        self.given: dict[int, dict[int, Tensor]] = {}
        self.names: dict[int, str] = {}
        self.memory: dict[Any, Tensor] = {}
        self.faces: dict[int, Tensor] = {id(item): root for item, root in zip(self.roots, roots, strict=True)}
        for name, x in named:
            if isinstance(x, Tensor):
                item = x._current() or self._known(x)
                self.names[id(item)], self.faces[id(item)] = str(name), x

    def _known(self, x: Tensor) -> Tensor:
        """The constant that stands for all with this memory: a named one, or the first that was met."""
        array = x._array
        return self.memory.setdefault((array.ctypes.data, array.shape, array.strides, array.dtype), x)

    def inputs(self, item: Any) -> list[Any]:
        if not isinstance(item, ArrayNode) or not item.parents:
            return []
        if isinstance(item.parents[0], FunctionNode):
            return list(item.parents[0].parents)
        plan, row = item.plan, item.plan.row
        active = dict(zip(plan.active, item.parents, strict=True))
        kept = _kept(item, self.given.get(item.number, {}))
        found: list[Any] = []
        for i in range(max([*active, *kept]) + 1 if row.variadic else len(row.inputs)):
            x = kept.get(i)
            if i in active:
                if isinstance(x, Tensor) and x._node is active[i]:
                    self.faces.setdefault(id(active[i]), x)
                found.append(active[i])
            elif i in kept:
                found += [] if x is None else [self._known(x) if isinstance(x, Tensor) else _Given(x)]
            elif row.variadic or row.all_defaults[i] is not None:
                found.append(_Given())  # it was given, but not kept; where None is the default, it may not have been
        return found

    def operation(self, node: ArrayNode) -> tuple[Any, str, str]:
        function = node.parents[0]
        if isinstance(function, FunctionNode):
            name = function.name().removesuffix("Backward")
            return function, name, name
        return node, *_described(node.plan.row)

    def quantity(self, item: Any) -> Quantity:
        if isinstance(item, _Given):
            return Quantity("constant", data=item.data)
        name = self.names.get(id(item), "")
        if not isinstance(item, ArrayNode):
            kind = "leaf" if name else "constant"  # who names it, gave it: an input
            return Quantity(kind, name, item._array, None, item._array.shape, item._array.dtype.name)
        face = self.faces.get(id(item))
        if isinstance(item, Leaf):
            face = item.variable if face is None else face
            kind = "parameter" if isinstance(face, Parameter) or id(face) in self.parameters else "leaf"
        else:
            kind = "result"
        data = _kept_result(item) if face is None else face._array
        grad = face._grad._array if face is not None and face._grad is not None else None
        return Quantity(kind, name, data, grad, item.shape, item.dtype.name, isinstance(item, Leaf), item)


def _described(row: Any) -> tuple[str, str]:
    """The symbol of a primitive, and its name with the first line of its documentation."""
    return row.symbol, f"{row.name}: {(row.forward.__doc__ or '').partition(chr(10))[0]}"


def _kept(node: Node, given: dict[int, Tensor]) -> dict[int, Any]:
    """What is known of a node's inputs, by position: what was noted, and what it keeps for its rules.

    Inputs whose memory has been written since are left out.
    """
    row = node.plan.row
    places = range(len(node.kept)) if row.variadic else node.plan.kept(range(len(row.inputs)))
    return {
        i: x
        for i, x in [*given.items(), *zip(places, node.kept, strict=False)]  # the result's version cell may follow
        if not isinstance(x, list) and not (isinstance(x, Tensor) and x._cell and x._cell[0] > node.number)
    }


def _kept_result(node: Node) -> Any:
    """The result of a node's operation, if it keeps it and its memory has not been written since."""
    plan = node.plan
    if plan is None or not plan.keeps_out or node.saved is None or node.kept[-1][0] > node.number:
        return None
    return dict(zip(plan.asked, node.saved, strict=True))["out", -1]
