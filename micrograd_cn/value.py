"""`Value`: a number that remembers how it was computed. The scalar face of the engine, with micrograd's interface.

Each value is its own node of the graph, so a network of values is exactly the picture of a neuron's arithmetic.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.engine import Node, mode, next_number, sweep
from micrograd_cn.numpy_protocol import NumpyProtocol
from micrograd_cn.ops import elementwise, neural


def _reflected(operation: Callable[..., Any]) -> Any:
    return lambda self, other: operation(other, self)


def _compared(comparison: Callable[..., bool]) -> Any:
    return lambda self, other: comparison(self.data, _number(other))


class Value(Node, NumpyProtocol):
    """A number in a computation graph.

    Args:
        data: the number.
        label: a name for diagrams and reports.

    Attributes:
        data: the number, a Python float (or the int that was given).
        grad: the derivative of what ``backward`` was called on by this value, added up; 0.0 at first.

    Raises:
        TypeError: if ``data`` is no real number.
    """

    __slots__ = ("_inputs", "data", "grad", "label")

    data: Any
    grad: Any
    label: str
    __hash__ = object.__hash__
    retains = True

    def __init__(self, data: Any, label: str = "") -> None:
        self.data = _number(data)
        self.grad = 0.0
        self.label = label
        self._inputs: tuple[Any, ...] = ()
        self.plan, self.parents, self.saved, self.kept, self.hooks = None, (), None, (), None
        self.number = next_number()

    def _apply(self, row: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if named or len(args) != row.quick_arity:
            args, settings = row.bind(args, named)
        else:
            settings = row.defaults
        if not row.elementwise:
            raise TypeError(f"{row.name}() works on tensors, not on Values")
        data: list[Any] = []
        inputs: Any = []
        mask, bit = 0, 1
        for x in args:
            if isinstance(x, Value):
                data.append(x.data)
                if x.number:
                    mask |= bit
            elif x is None and row.all_defaults[len(data)] is None:  # as a bound of clamp may be
                data.append(None)
            else:
                data.append(_number(x))
            inputs.append(x)
            bit <<= 1
        if not row.total:
            # Python's floats raise where IEEE says infinity or NaN; NumPy's do not.
            data = [x if x is None or x.__class__ is bool else np.float64(x) for x in data]
        out = row.forward(*data, *settings)
        if not row.differentiable:
            return bool(out) if isinstance(out, (bool, np.bool_)) else float(out)
        value = _new(Value)
        value.data = out if out.__class__ is float else float(out)
        value.grad = 0.0
        value.label = ""
        value._inputs = inputs = tuple(inputs)
        value.hooks = None
        value.kept = ()
        if mask and mode.grad:
            plan = row.plans.get(mask) or row.plan(mask, len(data))
            value.plan, value.saved = plan, plan.keep((*data, *settings, out))
            value.parents = inputs if len(plan.active) == len(inputs) else plan.parents(inputs)
            value.number = next_number()
        else:
            value.plan, value.parents, value.saved, value.number = None, (), None, 0
        return value

    # --- what the engine asks of a node ------------------------------------------------------------------------------

    def face(self, data: Any, owner: Any = None) -> Value:
        if self.data == data:
            return self
        then = elementwise.positive(self)  # set since (w.data -= …): in the graph stands the number that it had
        then.data = float(data)
        return then

    def constant(self, data: Any, owner: Any = None) -> Value:
        return _constant(float(data))

    def raw(self, face: Any) -> Any:
        return face.data if isinstance(face, Value) else float(face)

    def fit(self, gradient: Any) -> Any:
        return gradient if gradient.__class__ is float or isinstance(gradient, Value) else float(gradient)

    def accumulate(self, gradient: Any, shared: bool) -> None:
        before = self.grad
        self.grad = gradient if before.__class__ is float and before == 0.0 else before + gradient

    # --- what users ask ----------------------------------------------------------------------------------------------

    def backward(self, gradient: float = 1.0, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Add to the ``grad`` of every value below how this one changes with it: the chain rule, from here back.

        Args:
            gradient: the derivative to start from.
            retain_graph: keep what backward needs, to run it again; default: ``create_graph``.
            create_graph: make the gradients Values with a graph of their own, for higher derivatives.

        Raises:
            RuntimeError: for a constant, and for a graph that has been freed.
        """
        if create_graph:
            from micrograd_cn.autograd import backward

            backward(self, self.constant(gradient), retain_graph, True)
        else:
            sweep([self._root(gradient, False)], bool(retain_graph))

    def _root(self, gradient: Any, create_graph: bool) -> tuple[Value, Any]:
        """Where a sweep starts; see `Tensor._root`."""
        if not self.number:
            raise RuntimeError("this Value is a constant: it was computed from numbers or under no_grad()")
        start = 1.0 if gradient is None else self.raw(gradient) if isinstance(gradient, Value) else float(gradient)
        return self, self.constant(start) if create_graph else start

    def _current(self) -> Value | None:
        return self if self.number else None

    def zero_grad(self) -> None:
        """Set ``grad`` back to 0."""
        self.grad = 0.0

    _raw = property(lambda self: self.data)
    _prev = property(lambda self: set(self._operands()), doc="The values that this one was computed from.")

    def _operands(self) -> tuple[Value, ...]:
        """The values that this one was computed from, in order; numbers become values when somebody looks."""
        given = (x for x in self._inputs if x is not None)
        self._inputs = tuple(x if isinstance(x, Value) else _constant(_number(x)) for x in given)
        return self._inputs

    @property
    def _op(self) -> str:
        """The operation that made this value, as diagrams write it; empty for one that was given."""
        return self.plan.row.symbol if self.plan is not None else ""

    _constant = constant

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad.data if isinstance(self.grad, Value) else self.grad})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        if self.plan is not None:
            what = f"not the result of {self.plan.row.name}: make Value(x.data)"
            raise RuntimeError(f"Only Values created explicitly by the user can be deep-copied, {what}")
        copy = Value(self.data, self.label) if self.number else _constant(self.data)
        copy.grad = self.grad.data if isinstance(self.grad, Value) else self.grad
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Value, (self.data, self.label)

    def __float__(self) -> float:
        return float(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def __bool__(self) -> bool:
        return bool(self.data)

    def item(self) -> float:
        """The number."""
        return float(self.data)

    # --- arithmetic --------------------------------------------------------------------------------------------------

    __add__ = __radd__ = elementwise.add
    __mul__ = __rmul__ = elementwise.mul
    __sub__ = elementwise.sub
    __truediv__ = elementwise.div
    __pow__ = elementwise.pow
    __neg__ = elementwise.neg
    __pos__ = elementwise.positive
    __abs__ = abs = elementwise.abs
    exp, log, sqrt = elementwise.exp, elementwise.log, elementwise.sqrt
    sin, cos, tanh = elementwise.sin, elementwise.cos, elementwise.tanh
    sigmoid, relu, leaky_relu = neural.sigmoid, neural.relu, neural.leaky_relu
    max, min = elementwise.maximum, elementwise.minimum

    __rsub__, __rtruediv__, __rpow__ = map(_reflected, (elementwise.sub, elementwise.div, elementwise.pow))
    __lt__, __le__, __gt__, __ge__ = map(_compared, (operator.lt, operator.le, operator.gt, operator.ge))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (Value, int, float)) and self.data == _number(other)


_new = object.__new__


def _number(x: Any) -> Any:
    """The Python number in ``x``.

    Raises:
        TypeError: if there is none.
    """
    if x.__class__ is float or x.__class__ is int or x.__class__ is bool:
        return x
    if isinstance(x, Value):
        return x.data
    if isinstance(x, (int, float, np.integer, np.floating, np.bool_)) or (isinstance(x, np.ndarray) and not x.ndim):
        return x.item() if isinstance(x, (np.generic, np.ndarray)) else float(x)
    raise TypeError(f"a Value computes with real numbers and Values, not with {type(x).__name__} {x!r}")


def _constant(data: Any) -> Value:
    """A value that takes no part in differentiation; its number 0 says so."""
    value = _new(Value)
    value.data, value.grad, value.label, value._inputs = data, 0.0, "", ()
    value.plan, value.parents, value.saved, value.kept, value.hooks = None, (), None, (), None
    value.number = 0
    return value
