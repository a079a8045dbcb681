"""`explain`: the chain rule for one weight, with the numbers in it.

Every local derivative comes from the table's own rules: a rule that is given the gradient 1 answers with the derivative
of its operation. One walk from the loss back to the weight, as the engine's sweep, adds up the gradients that arrive at
each node, counts the ways that lead there, and keeps the largest products among them; so the number of paths may be
astronomic while the work is that of a few backward passes.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np

from micrograd_cn.autograd import enable_grad, grad
from micrograd_cn.autograd.function import _FunctionNode
from micrograd_cn.engine import Face, Node, _leading_to
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor
from micrograd_cn.value import Value
from micrograd_cn.viz.derivation import LANGUAGES, SMALL, Explanation, Factor, Join, Path, Step, rounded
from micrograd_cn.viz.tracing import _names, _Tensors, _Values

MOST_ELEMENTS = 5000

Key = tuple[int, int]  # the number of a node, and which element of it


@dataclass
class _Use:
    """An input of an operation: ``pull(g, seen)`` takes a gradient from the result ``out`` to the input ``to``.

    ``seen`` is applied to all that the rule reads, so that it may read rounded numbers. ``curved``: the derivative
    depends on the input itself.
    """

    out: Node
    to: Node
    pull: Callable[..., Any]
    curved: bool
    row: int = 0
    column: int = 0

    source = property(lambda self: (self.out.number, self.row))
    target = property(lambda self: (self.to.number, self.column))


def explain(loss: Value | Tensor, w: Value | Tensor, *, params: Any = None, index: Any = None, lang: str = "zh",
            digits: int = 4, by_hand: int = 3, max_paths: int = 5) -> Explanation:  # fmt: skip
    """How the derivative of ``loss`` by ``w`` comes about: each path between them, its factors, their product, the sum.

    ``∂L/∂w = Σ over paths of Π ∂(next)/∂(previous)``. A factor stands between two stations of a path: quantities that
    have a name, the results of functions of one number (activations), and those where paths part or join; it is the
    product of the local derivatives of the operations between them. In a graph of tensors every operation is a
    factor: its Jacobian, of shape ``(shape of the result) × (shape of the input)``, and the row vector that flows.
    Where there are more than ``max_paths`` paths, those with the largest products are shown and the rest is one number
    (of tensors, they are chosen step by step by their norm). Nothing is added to any ``.grad``, and no hook runs.

    >>> x, w = Value(3.0, label="x"), Value(2.0, label="w")
    >>> y = (x * w - 1) ** 2
    >>> explain(y, w).total
    30.0

    Args:
        loss: a Value, or a Tensor of one element, whose graph has not been freed.
        w: what it is differentiated by: a leaf, or any result in between.
        params: names, as for `draw`: a module, or a dict from names to values or tensors.
        index: of a tensor ``w``, the one element to explain, as paths of single numbers: ``(0, 1)``, or an int.
        lang: "zh" or "en".
        digits: significant digits of the numbers.
        by_hand: significant digits to which the calculation on paper rounds each number before it goes on (for
            values, if no path is left out); 0: show none.
        max_paths: how many paths to show.

    Raises:
        TypeError: if ``loss`` and ``w`` are not both Values or both Tensors.
        RuntimeError: if there is no graph, or it has been freed, or what it kept has been changed in place.
        ValueError: if ``loss`` does not depend on ``w`` or has several elements; for more elements between them than
            can be told one by one; for an unknown ``lang``.
        IndexError: if ``w`` has no such element.
    """
    need(lang in LANGUAGES, f"lang must be 'zh' or 'en', not {lang!r}", ValueError)
    need(min(digits, max_paths) >= 1, f"digits and max_paths must be at least 1, not {digits}, {max_paths}", ValueError)
    root, leaf = _ends(loss, w)
    scalar, uses = isinstance(loss, Value), _uses_between(root, leaf)
    end = (leaf.number, 0)
    if index is not None:
        need(not scalar, "index chooses an element of a tensor, and a Value has none", TypeError)
        shape = w._array.shape  # type: ignore[union-attr]
        place = index if isinstance(index, tuple) else (index,)
        fits = len(place) == len(shape) and all(-n <= i < n for i, n in zip(place, shape, strict=True))
        need(fits, f"index {index} is no element of w, which has the shape {shape}", IndexError)
        end = (leaf.number, int(np.ravel_multi_index([i % n for i, n in zip(place, shape, strict=True)], shape)))
        uses = _element_uses(uses, end)
    start, one = (root.number, 0), 1.0 if scalar or index is not None else np.ones_like(loss._array)  # type: ignore
    arrived, ways, best = _walk(uses, start, one, max_paths)
    need(end in arrived, f"loss does not depend on this element of w: {index}" if index else _APART, ValueError)

    face: Any = _Values if scalar else _Tensors
    reader = face([loss], *_names(params))
    teller = _Teller(reader, uses, start, end, index is not None)
    paths = [teller.path(link, product, by_hand) for _, product, link in best[end]]
    joins = [
        Join(teller.name(key), arrived[key], ways[key])
        for use in _links(best[end][0][2])[1:]
        if ways[key := use.source] > 1 and teller.is_station(key)
    ]
    rest = arrived[end] - sum(path.product for path in paths)
    names = teller.name(start), teller.name(end)
    whole = ways[end] == len(paths)
    return Explanation(paths, arrived[end], ways[end], None if whole else rest, [] if whole else joins, *names, lang,
                       digits, by_hand if scalar and whole else 0)  # fmt: skip


_APART = "loss does not depend on w: no path leads from one to the other"


def _ends(loss: Any, w: Any) -> tuple[Node, Node]:
    """The nodes of the loss and of the weight."""
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
    return root, leaf


def _uses_between(root: Node, leaf: Node) -> dict[Key, list[_Use]]:
    """For each node that leads from the root to the leaf, its inputs that do."""
    needed = _leading_to([(root, None)], {leaf.number: None})
    need(root.number in needed, _APART, ValueError)
    nodes, found = {root.number: root}, {}
    for number in sorted(needed, reverse=True):
        if number in nodes:  # a user's function is not: its results lead on to its inputs
            uses = [use for use in _uses(nodes[number]) if use.to.number in needed or use.to is leaf]
            nodes |= {use.to.number: use.to for use in uses}
            found[number, 0] = uses
    return found


def _uses(node: Any) -> list[_Use]:
    freed = "this graph has been freed by backward(): explain before it, or call backward(retain_graph=True)"
    need(node.saved is not None, freed, RuntimeError)
    node.check_versions()
    uses = [_use(node, *each) for each in zip(node.plan.active, node.parents, node.plan.pulls, strict=True)]
    if isinstance(function := node.parents[0], _FunctionNode):
        (back,) = uses
        return [replace(u, out=node, pull=lambda g, u=u: u.pull(back.pull(g))) for u in _uses(function)]
    return uses


def _use(node: Any, place: int, to: Node, rule_and_pick: Any) -> _Use:
    rule, pick = rule_and_pick

    def pull(g: Any, seen: Callable[[Any], Any] = lambda x: x) -> Any:
        saved = node.plan.lift(node) if isinstance(g, Face) else node.saved
        share = rule(g, *map(seen, pick(saved)))
        return None if share is None else to.fit(share)

    code = getattr(rule, "__code__", None)  # a user's function has none
    reads = set(code.co_varnames[1 : code.co_argcount]) if code else set()
    return _Use(node, to, pull, bool(reads & {"out", *node.plan.row.inputs[place : place + 1]}))


def _element_uses(uses: dict[Key, list[_Use]], end: Key) -> dict[Key, list[_Use]]:
    """The same for single elements, found upwards from the element at the ``end``.

    The gradient of an input is linear in that of the result, so differentiating one element of it by the result's
    gives the column of the Jacobian: what that element of the input does to every element of the result.
    """
    found: dict[Key, list[_Use]] = defaultdict(list)
    elements: dict[int, set[int]] = defaultdict(set, {end[0]: {end[1]}})
    for key in sorted(uses):
        for use in uses[key]:
            if not (below := elements[use.to.number]):
                continue
            node: Any = use.out
            with enable_grad():
                g = wrap(np.zeros(node.shape, node.dtype)).requires_grad_()
                share = use.pull(g)
            if share is None or not share.requires_grad:
                continue
            for j in sorted(below):
                (column,) = grad(share.flatten()[j], g, retain_graph=True, allow_unused=True)
                for i in () if column is None else np.flatnonzero(column._array).tolist():
                    value = column._array.flat[i].item()
                    found[key[0], i].append(replace(use, pull=lambda g, value=value: g * value, row=i, column=j))
                    elements[key[0]].add(i)
            what = f"more than {MOST_ELEMENTS} elements depend on this one, too many to tell: take fewer samples"
            need(len(found) <= MOST_ELEMENTS, what, ValueError)
    return found


def _walk(uses: dict[Key, list[_Use]], start: Key, one: Any, count: int) -> tuple[dict[Key, Any], Any, Any]:
    """What arrives at each key, in how many ways, and of these those with the largest products (size, product, link).

    A link is the last use and the link before it. That the largest products here come from the largest ones before
    holds for numbers; for tensors it holds as long as no way has been dropped.
    """
    arrived, ways = {start: one}, Counter({start: 1})
    best: dict[Key, list[Any]] = defaultdict(list, {start: [(1.0, one, None)]})
    for key in sorted(uses, reverse=True):
        best[key] = heapq.nlargest(count, best[key], key=itemgetter(0))
        for use in uses[key] if key in arrived else ():
            if (share := use.pull(arrived[key])) is None:
                continue
            to = use.target
            arrived[to] = arrived[to] + share if to in arrived else share
            ways[to] += ways[key]
            for _, product, link in best[key]:
                product = use.pull(product)
                size = abs(product) if isinstance(product, float) else float(np.linalg.norm(product))
                best[to].append((np.inf if size != size else size, product, (use, link)))
    end = min(arrived)
    best[end] = heapq.nlargest(count, best[end], key=itemgetter(0))
    return arrived, ways, best


def _links(link: Any) -> list[_Use]:
    """The uses on a path, from the root on."""
    uses = []
    while link is not None:
        use, link = link
        uses.append(use)
    return uses[::-1]


class _Teller:
    """Names what stands on a path and cuts it into factors."""

    def __init__(self, reader: Any, uses: dict[Key, list[_Use]], start: Key, end: Key, elements: bool) -> None:
        self.reader, self.uses, self.ends, self.elements = reader, uses, (start, end), elements
        self.scalar, self.reached = isinstance(reader, _Values), dict[Key, list[_Use]]()
        self.joined = Counter(use.target for several in uses.values() for use in several)
        nodes = {use.source: use.out for several in uses.values() for use in several}
        nodes |= {use.target: use.to for several in uses.values() for use in several}
        self.shapes = {} if self.scalar else {key[0]: node.shape for key, node in nodes.items()}  # type: ignore
        self.names = {key[0]: reader.names.get(id(x)) or getattr(x, "label", "") for key, x in nodes.items()}
        for (number, _), name in zip(self.ends, "Lw", strict=True):
            self.names[number] = self.names[number] or name
        numbers: Counter[str] = Counter()
        for key in sorted(nodes):
            if not self.names[key[0]] and self.is_station(key):
                kind = reader.operation(nodes[key])[2].partition(":")[0]
                numbers[kind] += 1
                self.names[key[0]] = f"{kind}{numbers[kind]}"

    def is_station(self, key: Key) -> bool:
        """Whether a factor ends here."""
        if not self.scalar or self.names[key[0]] or key in self.ends or self.joined[key] > 1:
            return True
        use = self.uses[key][0]
        return use.curved and len(use.out.plan.row.inputs) == 1  # a function of one number

    def name(self, key: Key) -> str:
        """The name of a node, with the place of the element if single ones are told."""
        name = self.names[key[0]]
        if not self.elements or not self.shapes[key[0]]:
            return name
        return f"{name}[{', '.join(str(i) for i in np.unravel_index(key[1], self.shapes[key[0]]))}]"

    def path(self, link: Any, product: Any, by_hand: int) -> Path:
        """The path that ends in this link."""
        factors, group, flow = [], [], None
        for use in _links(link):
            group.append(use)
            if self.is_station(use.target):
                factors.append(self.factor(group, flow, by_hand))
                group, flow = [], factors[-1].flow
        return Path(factors, product)

    def factor(self, group: list[_Use], flow: Any, by_hand: int) -> Factor:
        """The derivative from one station to the next."""
        first, last = group[0], group[-1]
        ways = [use for use in self.uses_to_stations(first.source) if use.target == last.target]
        way = next(i for i, use in enumerate(ways, 1) if use is last) if len(ways) > 1 else 0
        factor = Factor(self.name(first.source), self.name(last.target), way)
        if self.scalar or self.elements:
            factor.steps = [self.step(use, use.pull(1.0)) for use in group]
            factor.value = factor.by_hand = 1.0
            for use, step in zip(group, factor.steps, strict=True):
                factor.value *= step.value
                if by_hand and self.scalar:  # also what the rule reads has been rounded
                    local = use.pull(1.0, lambda x: rounded(x, by_hand))
                    factor.by_hand = rounded(factor.by_hand * rounded(local, by_hand), by_hand)
            return factor
        out, to = self.shapes[first.out.number], self.shapes[first.to.number]
        size, dtype = int(np.prod(out)), first.out.dtype  # type: ignore[attr-defined]
        if size * np.prod(to) <= SMALL:
            units = np.eye(size, dtype=dtype).reshape(size, *out)
            factor.value = np.stack([np.ravel(first.pull(unit)) for unit in units])
        factor.shape, factor.steps = (out, to), [self.step(first, None)]
        factor.flow = first.pull(np.ones(out, dtype) if flow is None else flow)
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
        operands = [self.operand(item, use) for item in self.reader.inputs(use.out)]
        by = self.names[use.to.number] or "u"
        at = use.to.data if self.scalar and use.curved else None  # type: ignore[attr-defined]
        return Step(self.reader.operation(use.out)[1], operands, by, at, value)

    def operand(self, item: Any, use: _Use) -> Any:
        """An input of an operation by its name, as a number, or by its shape."""
        if item is use.to:
            return self.names[use.to.number] or "u"
        given = self.reader.quantity(item)
        if name := self.names.get(getattr(item, "number", 0)) or given.name:
            return name
        single = given.data is not None and np.size(given.data) == 1
        return np.asarray(given.data).item() if single else given.shape or "…"
