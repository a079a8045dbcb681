"""What a row of the table is.

A primitive is one row: its name, its forward, and for each differentiable input one rule that maps the gradient of
the output to the gradient of that input. To add an operation is to add a row::

    @primitive(lambda g, y: g * y, lambda g, x: g * x, elementwise=True)
    def mul(x, y):
        '''Product, element by element.'''
        return x * y

Forwards and rules use operators, NumPy functions and other primitives only, and no rule branches on the numbers in
an array. So one rule differentiates floats, arrays and, for second derivatives, tensors and values with a graph.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, Protocol, cast

import numpy as np

from micrograd_cn.dtypes import to_numpy
from micrograd_cn.engine import Face, Node

Rule = Callable[..., Any]
NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


class Operation(Protocol):
    """A function that users call, with the row of the table that it runs."""

    primitive: Primitive

    def __call__(self, *args: Any, **named: Any) -> Any: ...


_REQUIRED = object()


class Primitive:
    """One row of the table.

    Args:
        forward: a NumPy function; its first parameters are the inputs, the others are settings.
        rules: for each input a function ``rule(g, ...)`` from the gradient of the output to that of the
            input, or None where there is none. The names of its other parameters say what is kept for it: an input
            or a setting by name, ``out`` for the result, ``shape`` for the shape of the rule's own input, ``inputs``
            for all inputs, ``k`` for the rule's own position.
        variadic: ``forward(*inputs, settings)`` takes any number of inputs, and the one rule serves them all.
        elementwise: inputs broadcast against each other.
        dtypes: what happens before the forward runs: "promote" brings all inputs to their common type, "number" too
            but refuses bools, "float_only" refuses integers as well, "float" turns them into the default
            float; "same" refuses different types, "keep" does nothing.
        view: the result shares memory with its first input.
        packed: the result lies in order in memory, also where the inputs do not.
        exact: moves or converts numbers and computes none, so it does the same in every type; views do.
        symbol: how diagrams write it.
        backward_name: how ``grad_fn`` shows it; PyTorch's name where there is one.
        runs: what computes it, where the forward has no body: a NumPy function, which it then stands for, too.
        numpy: the NumPy functions that it stands for when they meet a tensor.
        total: Python's own floats follow IEEE in its forward and rules (no division, no power), so values may use them.
        domain: where its inputs may be drawn from in tests; for each input ``(low, high)``.
    """

    def __init__(
        self, forward: Rule, rules: Sequence[Rule | None], *, variadic: bool = False, elementwise: bool = False,
        dtypes: str | None = None, view: bool = False, packed: bool = False, exact: bool = False,
        symbol: str | None = None, backward_name: str | None = None, runs: Rule | None = None,
        numpy: tuple[Any, ...] = (), total: bool = False, domain: tuple[tuple[float, float], ...] = (),
        name: str | None = None,
    ) -> None:  # fmt: skip
        self.forward = runs or (self._with_names(forward) if variadic else forward)
        self.rules, self.variadic = tuple(rules), variadic
        self.call: Rule = forward  # replaced by the recording function
        self.name: str = name or forward.__name__.strip("_")
        self.symbol = symbol or self.name
        camel = "".join(part.capitalize() for part in self.name.split("_"))
        self.backward_name = backward_name or f"{camel}Backward0"
        self.elementwise, self.view, self.packed, self.domain = elementwise, view, packed, domain
        self.numpy = (runs, *numpy) if isinstance(runs, np.ufunc) else numpy
        self.total, self.exact = total, exact or view
        self.dtypes = dtypes or ("promote" if elementwise else "keep")
        self.differentiable = any(rule is not None for rule in rules)
        code = forward.__code__  # inspect.signature would add 5 ms to the import
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        positional = forward.__defaults__ or ()
        known = dict(zip(names[code.co_argcount - len(positional) :], positional, strict=False))
        known |= forward.__kwdefaults__ or {}
        self.arity = len(rules)
        self.inputs, self.settings = ((), names) if variadic else (names[: self.arity], names[self.arity :])
        self.all_defaults = tuple(known.get(n, _REQUIRED) for n in names)
        self.defaults = self.all_defaults[len(self.inputs) :]
        places = {n: i for i, n in enumerate(names)}
        # PyTorch's names of the inputs, and NumPy's names of the settings, which PyTorch takes too.
        self.positions = dict(zip(("input", "other"), range(self.arity), strict=False)) | places
        self.positions |= {theirs: places[ours] for theirs, ours in NUMPY_NAMES.items() if ours in places}
        self.dtype_at = self.positions.get("dtype")
        # Positional calls with just the inputs skip `bind`, if every setting has a default.
        self.quick_arity = None if variadic or any(d is _REQUIRED for d in self.defaults) else self.arity
        self.plans: dict[int | tuple[int, int], Plan] = {}

    def _with_names(self, forward: Rule) -> Rule:
        """``forward(*inputs, *settings)`` for one whose settings can only be given by name."""

        def call(*args: Any) -> Any:
            split = len(args) - len(self.settings)
            return forward(*args[:split], **dict(zip(self.settings, args[split:], strict=True)))

        return call

    def bind(self, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Sort a call into ``(inputs, settings)`` with the defaults filled in.

        ``input=`` and ``other=`` name the first and second input too, as PyTorch's functions do.

        Raises:
            TypeError: for a missing, surplus or unknown argument.
        """
        given = len(args)
        if self.variadic:
            return args, tuple(named[name] for name in self.settings)
        if not named and given == len(self.all_defaults) and self.dtype_at is None:
            return args[: self.arity], args[self.arity :]
        values = [*args, *self.all_defaults[given:]]
        for name, x in named.items():
            at = self.positions.get(name)
            if at is None or at < given:
                raise self._misfit(args, named)
            values[at] = x
        if given > len(self.all_defaults) or any(x is _REQUIRED for x in values):
            raise self._misfit(args, named)
        if self.dtype_at is not None and values[self.dtype_at] is not None:
            values[self.dtype_at] = to_numpy(values[self.dtype_at])
        return tuple(values[: self.arity]), tuple(values[self.arity :])

    def _misfit(self, args: tuple[Any, ...], named: dict[str, Any]) -> TypeError:
        names, reason = (*self.inputs, *self.settings), "got arguments that do not fit"
        given = {names[self.positions[n]] if n in self.positions else n: x for n, x in named.items()}
        try:
            inspect.signature(self.call).bind(*args, **given)
        except TypeError as error:
            reason = str(error)
        return TypeError(f"{self.name}() {reason}; it is called as {self.name}({', '.join(names)})")

    def plan(self, mask: int, count: int) -> Plan:
        """The plan for the inputs whose bits are set in ``mask``, of ``count`` inputs: those take part."""
        key = (mask, count) if self.variadic else mask
        plan = self.plans.get(key)
        if plan is None:
            active = tuple(i for i in range(count) if mask >> i & 1)
            plan = self.plans[key] = Plan(self, active, count)
        return plan

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join((*self.inputs, *self.settings))})>"


class Plan:
    """Which rules to run and what to keep for them when just these inputs of a primitive take part.

    What all rules ask for is picked once from a frame ``(*inputs, *settings, out)``, and kept as one tuple.

    Attributes:
        active: the positions of the inputs that a rule exists for and that take part.
        pulls: for each of them its rule, and the function that picks the rule's arguments from what was kept.
        keep: picks from a frame what is kept.
        parents: picks the active ones from a sequence that has an entry for each input.
        kept, kept_at: picks the inputs that are kept from such a sequence; their positions.
        keeps_out: whether the result is kept.
        frees: whether data is kept, which a sweep frees; shapes and settings may stay.
    """

    __slots__ = ("active", "asked", "frees", "keep", "keeps_out", "kept", "kept_at", "parents", "pulls", "row")

    def __init__(self, row: Primitive, active: tuple[int, ...], count: int) -> None:
        rules = row.rules * count if row.variadic else row.rules
        self.row = row
        self.active = tuple(i for i in active if rules[i] is not None)
        place = {} if row.variadic else {name: i for i, name in enumerate(row.inputs)}
        place |= {name: count + i for i, name in enumerate((*row.settings, "out"))}
        # What each rule asks for, as keys: a name, with the position of the rule's input where that matters.
        wanted = []
        for i in self.active:
            names = rules[i].__code__.co_varnames[1 : rules[i].__code__.co_argcount]  # type: ignore[union-attr]
            if unknown := [n for n in names if n not in place and n not in _SPECIAL]:
                raise TypeError(f"a rule of {row} asks for {unknown}, which is no parameter of its forward")
            wanted.append([(n, i if n in _SPECIAL and n not in place else -1) for n in names])
        self.asked = list(dict.fromkeys(key for keys in wanted for key in keys))
        self.pulls = tuple(
            (rules[i], _pick([self.asked.index(key) for key in keys]))
            for i, keys in zip(self.active, wanted, strict=True)
        )
        if all(i < 0 for _, i in self.asked):
            self.keep = _pick([place[name] for name, _ in self.asked])
        else:
            self.keep = lambda frame: tuple(
                frame[place[name]] if i < 0 else _SPECIAL[name](frame, i, count) for name, i in self.asked
            )
        self.parents = _pick(list(self.active))
        names = {name for name, _ in self.asked}
        self.kept_at = [i for i in range(count) if "inputs" in names or (not row.variadic and row.inputs[i] in names)]
        self.kept = _pick(self.kept_at)
        self.keeps_out = "out" in names
        self.frees = bool(names & {*row.inputs, "inputs", "out"})

    def lift(self, node: Node) -> tuple[Any, ...]:
        """What ``node`` kept, as faces that stand in the graph, for a gradient that has a graph itself."""
        parent = dict(zip(self.active, node.parents, strict=True))
        inputs = {} if self.row.variadic else {name: i for i, name in enumerate(self.row.inputs)}
        owner = dict(zip(self.kept_at, node.kept, strict=False))  # the result's version cell may follow

        def face(i: Any, value: Any) -> Any:
            if i in parent:
                return parent[i].face(value, owner.get(i))
            return node.constant(value, owner[i]) if isinstance(owner.get(i), Face) else value

        def lifted(name: str, value: Any) -> Any:
            if name == "out":
                return node.face(value, node.kept[-1] if node.kept else None)
            if name == "inputs":
                return tuple(face(i, x) for i, x in enumerate(value))
            return face(inputs.get(name), value)

        return tuple(lifted(name, value) for (name, _), value in zip(self.asked, node.saved or (), strict=True))


# What a rule may ask for besides the parameters of the forward.
_SPECIAL: dict[str, Callable[[tuple[Any, ...], int, int], Any]] = {
    "shape": lambda frame, i, count: frame[i].shape,
    "inputs": lambda frame, i, count: frame[:count],
    "k": lambda frame, i, count: i,
}


def _pick(places: list[int]) -> Callable[[Any], tuple[Any, ...]]:
    """``frame -> tuple(frame[i] for i in places)``, in C: it runs for every rule of every operation."""
    if len(places) > 1:
        return itemgetter(*places)
    return itemgetter(slice(min(places), max(places) + 1) if places else slice(0))


TABLE: dict[str, Operation] = {}
"""Every primitive by name; what walks it (methods, NumPy's dispatch, tests) finds new rows by itself."""
FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Functions that are composed of primitives, by name."""
METHODS: dict[str, Callable[..., Any]] = {}
"""Rows and composed functions that tensors have as methods, by name."""
IN_PLACE: set[str] = set()
"""The names of those that also change a tensor in place, under their name with a ``_`` behind."""


def _publish(name: str, call: Callable[..., Any], method: bool, in_place: bool) -> None:
    if method:
        METHODS[name] = call
        IN_PLACE.update([name] if in_place else ())


def primitive(
    *rules: Rule | None, method: bool = True, in_place: bool = False, **facts: Any
) -> Callable[..., Operation]:
    """Make a NumPy function a row of the table; see `Primitive` for the rules and facts.

    The result runs the bare NumPy function on numbers and arrays, and records on tensors and values. ``method`` says
    whether it is a method of tensors, too, and ``in_place`` whether that has a form in place; element-wise rows do.
    """

    def make(forward: Any) -> Operation:
        row = Primitive(forward, rules, **facts)
        bare = facts.get("runs", forward)

        # A plain function, so that it serves as a method without a wrapper around it.
        @functools.wraps(forward)
        def call(*args: Any, **named: Any) -> Any:
            for x in args:
                if isinstance(x, Face):
                    return x._apply(row, args, named)
            for x in named.values():
                if isinstance(x, Face):
                    return x._apply(row, args, named)
            return bare(*args, **named)

        operation = cast(Operation, call)
        operation.primitive, row.call = row, call
        if TABLE.setdefault(row.name, operation) is not call:
            raise ValueError(f"the table has a row {row.name!r} already")
        _publish(row.name, call, method, in_place or row.elementwise)
        return operation

    return make


hidden = functools.partial(primitive, method=False)
"""A row that is a part of other functions, or a function of ``torch.nn.functional``: no method of tensors."""


def composed(
    function: Rule | None = None, *, name: str | None = None, method: bool = True, in_place: bool = False
) -> Any:
    """Register a function of tensors that needs no rule of its own, since it is made of primitives.

    Under the ``name`` of a row it takes that row's place for users: PyTorch's options around the bare operation.
    ``method`` and ``in_place`` are as for `primitive`.
    """
    if function is None:
        return functools.partial(composed, name=name, method=method, in_place=in_place)
    name = name or function.__name__.strip("_")
    code = function.__code__
    if "dim" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        function = _with_numpy_names(function)
    FUNCTIONS[name] = function
    _publish(name, function, method, in_place)
    return function


def _with_numpy_names(function: Rule) -> Rule:
    @functools.wraps(function)
    def call(*args: Any, **named: Any) -> Any:
        return function(*args, **{NUMPY_NAMES.get(n, n): x for n, x in named.items()}) if named else function(*args)

    return call
