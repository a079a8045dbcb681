"""`explain`: the chain rule for one weight, with the numbers in it.

One walk from the loss back to the weight, as the engine's sweep, adds up the gradients that arrive at each quantity,
counts the ways that lead there, and keeps the largest products among them; so the number of paths may be astronomic
while the work is that of a few backward passes.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor
from micrograd_cn.value import Value
from micrograd_cn.viz.derivation import LANGUAGES, SMALL, Explanation, Factor, Join, Path, Step, rounded
from micrograd_cn.viz.drawing import norm
from micrograd_cn.viz.formulas import Names, numbered
from micrograd_cn.viz.slopes import Link, links
from micrograd_cn.viz.tracing import Operation, Quantity, one_of, trace

MOST_ELEMENTS = 10_000


@np.errstate(all="ignore")  # infinity and NaN are there to be seen
def explain(loss: Value | Tensor, w: Value | Tensor, *, params: Any = None, index: Any = None, lang: str = "zh",
            digits: int = 4, by_hand: int = 3, max_paths: int = 5) -> Explanation:  # fmt: skip
    """How the derivative of ``loss`` by ``w`` comes about: each path between them, its factors, their product, the sum.

    ``∂L/∂w = Σ over paths of Π ∂(next)/∂(previous)``. A factor stands between two stations of a path: quantities that
    have a name, the results of functions of one number (activations), and those where paths part or join; it is the
    product of the local derivatives of the operations between them. In a graph of tensors every operation is a
    factor: its Jacobian, of shape ``(shape of the result) × (shape of the input)``, and the row vector that flows.
    Where there are more than ``max_paths`` paths, those with the largest products are shown and the rest is one number
    (of tensors, they are chosen step by step by their norm). Nothing is added to any ``.grad``, and no hook runs, so
    what a hook would make of a gradient is not told.

    >>> x, w = Value(3.0, label="x"), Value(2.0, label="w")
    >>> y = (x * w - 1) ** 2
    >>> explain(y, w).total
    30.0

    Args:
        loss: a Value, or a Tensor of one element, whose graph has not been freed.
        w: what it is differentiated by: a leaf, or any result in between.
        params: names, as for `draw`: a module, or a dict from names to values or tensors.
        index: of a tensor ``w``, the one element to explain, as paths of single numbers: ``(0, 1)``, or for a vector
            an int. Paths count where a derivative happens to be 0, too, as they do for values.
        lang: "zh" or "en".
        digits: significant digits of the numbers.
        by_hand: significant digits to which the calculation on paper rounds each number before it goes on (for
            values, if no path is left out); 0: show none.
        max_paths: how many paths to show.

    Raises:
        TypeError: if ``loss`` and ``w`` are not both Values or both Tensors, and for counts that are no integers.
        RuntimeError: if there is no graph, or it has been freed, or a value has been set since, or a tensor's memory
            written.
        ValueError: if ``loss`` does not depend on ``w`` or has several elements; for more elements between them than
            can be told one by one; for an unknown ``lang``.
        IndexError: if ``w`` has no such element.
    """
    one_of("lang", lang, LANGUAGES)
    for name, n, least in (("digits", digits, 1), ("by_hand", by_hand, 0), ("max_paths", max_paths, 1)):
        need(_whole(n), f"{name} must be an integer, not {n!r}", TypeError)
        need(n >= least, f"{name} must be at least {least}, not {n}", ValueError)
    operations, root, leaf, names = _between(loss, w, params)
    scalar, uses = isinstance(loss, Value), _uses(operations, leaf)
    need((root, 0) in uses, _APART, ValueError)
    start, end, one = (root, 0), (leaf, 0), root.ones if index is None else 1.0
    if index is not None:
        end = leaf, _place(leaf.shape, index)
        uses = _element_uses(uses, end)
    arrived, ways, best = _walk(uses, start, end, one, max_paths)
    what = _APART if index is None else f"loss does not depend on this element of w: {index}; its derivative is 0"
    need(end in arrived, what, ValueError)

    teller = _Teller(uses, start, end, index is not None, names)
    paths = [teller.path(link, product, by_hand) for _, product, link in best[end]]
    joins = [
        Join(teller.name(key), arrived[key], ways[key])
        for use in _chain(best[end][0][2])[1:]
        if ways[key := use.source] > 1 and teller.is_station(key)
    ]
    rest = arrived[end] - sum(path.product for path in paths)
    told = teller.name(start), teller.name(end), names.stem("P", len(paths))
    whole = ways[end] == len(paths)
    return Explanation(paths, arrived[end], ways[end], None if whole else rest, [] if whole else joins, *told, lang,
                       digits, by_hand if scalar and whole else 0)  # fmt: skip


_APART = "loss does not depend on w: no path leads from one to the other"

Key = tuple[Quantity, int]  # a quantity, and which element of it


@dataclass
class _Use:
    """What a gradient goes through: an operation, or with a ``value`` the derivative of one element by another."""

    link: Link
    row: int = 0
    column: int = 0
    value: float | None = None

    source = property(lambda self: (self.link.out, self.row))
    target = property(lambda self: (self.link.to, self.column))

    def pull(self, g: Any) -> Any:
        """The share of the target in a gradient of the source."""
        return self.link.pull(g) if self.value is None else g * self.value


def _between(loss: Any, w: Any, params: Any) -> tuple[list[Operation], Quantity, Quantity, Names]:
    """The operations that lead to the loss, the loss, the weight, and what all is called."""
    kinds = f"not {type(loss).__name__} and {type(w).__name__}"
    fits = any(isinstance(loss, face) and isinstance(w, face) for face in (Value, Tensor))
    need(fits, f"explain() takes two Values or two Tensors, {kinds}", TypeError)
    root, leaf = loss._current(), w._current()
    computed = root is not None and root.plan is not None
    need(computed, "loss has no graph: it was given, or computed from constants only or under no_grad()", RuntimeError)
    need(leaf is not None, "w does not require grad, so the graph of loss leads past it", RuntimeError)
    need(root is not leaf, "loss and w are the same: give what loss was computed from", ValueError)
    if isinstance(loss, Tensor):
        what = f"loss must have one element, not the shape {tuple(loss.shape)}: reduce it, or choose one, as in loss[0]"
        need(loss._array.size == 1, what, ValueError)
    quantities, operations = trace({"": loss}, params)
    first, last = (next((q for q in quantities if q.node is node), None) for node in (root, leaf))
    if first is None or last is None:
        raise ValueError(_APART)
    return operations, first, last, Names((first, last, *quantities))


def _whole(x: Any) -> bool:
    """Whether it counts something."""
    return isinstance(x, (int, np.integer)) and not isinstance(x, bool)


def _place(shape: Any, index: Any) -> int:
    """The position of the element at the index among all."""
    need(shape is not None, "index chooses an element of a tensor, and a Value has none", TypeError)
    place = index if isinstance(index, tuple) else (index,)
    fits = len(place) == len(shape) and all(_whole(i) and -n <= i < n for i, n in zip(place, shape, strict=True))
    need(fits, f"index {index!r} is no element of w, which has the shape {shape}", IndexError)
    return int(np.ravel_multi_index([i % n for i, n in zip(place, shape, strict=True)], shape))


def _uses(operations: list[Operation], leaf: Quantity) -> dict[Key, list[_Use]]:
    """For each result that depends on the leaf, oldest first, the inputs that do."""
    found: dict[Key, list[_Use]] = {}
    reached = {leaf}
    for operation in operations:
        for link in links(operation) if not reached.isdisjoint(operation.inputs) else ():
            if link.to in reached:
                found.setdefault((link.out, 0), []).append(_Use(link))
                reached.add(link.out)
    return found


def _element_uses(uses: dict[Key, list[_Use]], end: Key) -> dict[Key, list[_Use]]:
    """The same for single elements, found upwards from the element at the ``end``."""
    found: dict[Key, list[_Use]] = defaultdict(list)
    elements: dict[Quantity, set[int]] = defaultdict(set, {end[0]: {end[1]}})
    for key in uses:
        for link in (use.link for use in uses[key]):
            for j in sorted(elements[link.to]):
                for i, value in link.column(j).items():
                    found[link.out, i].append(_Use(link, i, j, value))
                    elements[link.out].add(i)
            what = f"more than {MOST_ELEMENTS} elements depend on this one, too many to tell: take fewer samples"
            need(len(found) <= MOST_ELEMENTS, what, ValueError)
    return found


def _walk(uses: dict[Key, list[_Use]], start: Key, end: Key, one: Any, count: int) -> tuple[dict[Key, Any], Any, Any]:
    """What arrives at each key, in how many ways, and of these those with the largest products (size, product, link).

    A link is the last use and the link before it. That the largest products here come from the largest ones before
    holds for numbers; for tensors it holds as long as no way has been dropped.
    """
    arrived, ways = {start: one}, Counter({start: 1})
    best: dict[Key, list[Any]] = defaultdict(list, {start: [(1.0, one, None)]})
    for key in (*reversed(uses), end):
        best[key] = heapq.nlargest(count, best[key], key=itemgetter(0))
        for use in uses.get(key, ()) if key in arrived else ():
            if (share := use.pull(arrived[key])) is None:
                continue
            to = use.target
            arrived[to] = arrived[to] + share if to in arrived else share
            ways[to] += ways[key]
            for _, product, link in best[key]:
                product = use.pull(product)
                size = abs(product) if isinstance(product, float) else float(norm(product))
                best[to].append((np.inf if size != size else size, product, (use, link)))
    return arrived, ways, best


def _chain(link: Any) -> list[_Use]:
    """The uses on a path, from the root on."""
    uses = []
    while link is not None:
        use, link = link
        uses.append(use)
    return uses[::-1]


class _Teller:
    """Names what stands on a path and cuts it into factors."""

    def __init__(self, uses: dict[Key, list[_Use]], start: Key, end: Key, elements: bool, names: Names) -> None:
        self.uses, self.elements = uses, elements
        self.scalar, self.reached = start[0].shape is None, dict[Key, list[_Use]]()
        self.told: dict[Any, list[_Use]] = defaultdict(list)
        self.joined = Counter(use.target for several in uses.values() for use in several)
        start[0].name, end[0].name = start[0].name or names.free("L"), end[0].name or names.free("w")
        for key, (use, *_) in uses.items():
            if not key[0].name and self.is_station(key):
                key[0].name = names.free(use.link.operation.description.partition(":")[0], numbered)
        self.unnamed = names.free("u")

    def is_station(self, key: Key) -> bool:
        """Whether a factor ends here."""
        if not self.scalar or key[0].name or self.joined[key] > 1:
            return True
        link = self.uses[key][0].link
        return link.curved and len(link.operation.inputs) == 1  # a function of one number

    def name(self, key: Key) -> str:
        """The name of a quantity, with the place of the element if single ones are told."""
        q, i = key
        if not self.elements or not q.shape:
            return q.name
        return f"{q.name}[{', '.join(str(i) for i in np.unravel_index(i, q.shape))}]"

    def path(self, link: Any, product: Any, by_hand: int) -> Path:
        """The path that ends in this link."""
        factors, group, flow = [], [], None
        for use in _chain(link):
            group.append(use)
            if self.is_station(use.target):
                factors.append(self.factor(group, flow, by_hand))
                group, flow = [], factors[-1].flow
        return Path(factors, product)

    def factor(self, group: list[_Use], flow: Any, by_hand: int) -> Factor:
        """The derivative from one station to the next."""
        first, last = group[0], group[-1]
        way, told = 0, self.told[first.source, last.target]
        if [use.target for use in self.uses_to_stations(first.source)].count(last.target) > 1:
            told += [] if last in told else [last]
            way = told.index(last) + 1
        factor = Factor(self.name(first.source), self.name(last.target), way)
        if self.scalar or self.elements:
            factor.steps = [self.step(use, use.pull(1.0)) for use in group]
            factor.value = factor.by_hand = 1.0
            for use, step in zip(group, factor.steps, strict=True):
                factor.value *= step.value
                if by_hand and self.scalar:  # also what the rule reads has been rounded
                    saved = [rounded(x, by_hand) for x in use.link.operation.node.saved]
                    factor.by_hand = rounded(factor.by_hand * rounded(use.link.pull(1.0, saved), by_hand), by_hand)
            return factor
        out, to = first.link.out.node, first.link.to.node
        factor.shape, factor.steps = (out.shape, to.shape), [self.step(first, None)]
        if math.prod(out.shape + to.shape) <= SMALL:
            factor.value = first.link.jacobian()
        factor.flow = first.pull(first.link.out.ones if flow is None else flow)
        return factor

    def uses_to_stations(self, key: Key) -> list[_Use]:
        """Where the ways down from a station reach the next ones: no ways join before, so each ends in its own use."""
        if key not in self.reached:
            found, stack = [], self.uses[key][::-1]
            while stack:
                use = stack.pop()
                if self.is_station(use.target):
                    found.append(use)
                else:
                    stack += self.uses[use.target][::-1]
            self.reached[key] = found
        return self.reached[key]

    def step(self, use: _Use, value: Any) -> Step:
        """One operation on the way."""
        link = use.link
        at = link.to.data if self.scalar and link.curved else None
        operands = [self.operand(q, link) for q in link.operation.inputs]
        return Step(link.operation.symbol, operands, link.to.name or self.unnamed, at, value, not link.to.name)

    def operand(self, q: Quantity, link: Link) -> Any:
        """An input of an operation by its name, as a number, or by its shape."""
        if q.name or q is link.to:
            return q.name or self.unnamed
        return np.asarray(q.data).item() if np.size(q.data) == 1 and q.data is not None else q.shape or "…"
