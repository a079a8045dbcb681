"""`animate`: a page that plays a graph forward and backward, one node at a time, with its numbers and rules.

Python works everything out and writes it down as steps; the page (`animation.html`) only shows them. A step says
which formulas and numbers belong to it, which nodes it lights up, and which lines it writes into their boxes.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from micrograd_cn.ops.shape import need
from micrograd_cn.recording import Leaf
from micrograd_cn.tensor import Tensor
from micrograd_cn.value import Value
from micrograd_cn.viz.derivation import LANGUAGES
from micrograd_cn.viz.drawing import DIRECTIONS, lines, picture
from micrograd_cn.viz.formulas import ATOM, Names, Term, number, numbered, written
from micrograd_cn.viz.rendering import write
from micrograd_cn.viz.slopes import Link, again, flows, links
from micrograd_cn.viz.tracing import Operation, Quantity, one_of, trace

DIGITS = 4
MOST = 300  # so many quantities and operations can be followed one by one
LONGEST = 64  # a longer formula explains nothing


@dataclass(frozen=True)
class Animation:
    """A page that plays a graph; ``html`` is all of it. Jupyter shows it."""

    html: str

    def save(self, filename: str | os.PathLike[str]) -> str:
        """Write the page to a file that any browser opens, without a network; folders are made.

        Returns:
            The path of the file.

        Raises:
            ValueError: for a suffix other than .html and .htm.
            OSError: if the file cannot be written.
        """
        path = Path(filename)
        fits = path.suffix.lower() in (".html", ".htm")
        need(fits, f"an animation is saved as .html, not as {path.name!r}", ValueError)
        write(path, self.html.encode())
        return str(path)

    def _repr_html_(self) -> str:
        page, style = html.escape(self.html), "width:100%;height:680px;border:0"
        return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{page}"></iframe>'


@np.errstate(all="ignore")  # infinity and NaN are there to be seen
def animate(root: Value | Tensor, params: Any = None, lang: str = "zh", rankdir: str = "LR") -> Animation:
    """A page that plays how ``root`` was computed, and then how its gradient flows back.

    One operation a step: forward in the order in which they were made, each with its formula in names and in numbers;
    backward in the engine's order, each with the gradient that arrives, the local derivative by each input as the
    engine's own rule writes it, their product, and the sum where paths join. The arrow keys, space, Home and End,
    buttons, taps and swipes move it. It changes no ``.grad``, and no hook runs; where one is registered, the page says
    so. Numbers have 4 significant digits; tensors of more than 8 elements appear as shapes.

    >>> x, w = Value(2.0, "x"), Value(-3.0, "w")
    >>> animate((x * w).tanh(), lang="en").save("graph.html")
    'graph.html'

    Args:
        root: one number, in a graph that backward() has not freed.
        params: names, as for `draw`; what has none is called v₁, v₂ and so on.
        lang: "zh" or "en".
        rankdir: where arrows point, as for `draw`.

    Raises:
        TypeError: as `draw`.
        ValueError: if ``root`` has no graph or more than one element, for a graph of more than 300 nodes, and for
            another ``lang`` or ``rankdir``.
        RuntimeError: if the graph has been freed, or memory that a rule needs has been written, or a value set.
    """
    one_of("lang", lang, LANGUAGES)
    one_of("rankdir", rankdir, DIRECTIONS)
    quantities, operations = trace({"": root}, params)
    size = len(quantities) + len(operations)
    need(bool(operations), "this root has no graph to play: it was given, or computed under no_grad()", ValueError)
    what = f"animate() plays up to {MOST} nodes one by one, and this graph has {size}: pass an intermediate result"
    need(size <= MOST, f"{what} as the root, or see all of it with draw()", ValueError)
    shape = list(next(q.shape or () for q in quantities if q.kind == "root"))
    what = f"animate() plays the derivatives of one number, and this root has the shape {shape}: pass its sum()"
    need(np.prod(shape) == 1, what, ValueError)
    script = _Script(quantities, operations)
    steps = json.dumps({"root": script.root.name, "steps": script.steps}, ensure_ascii=False).replace("<", "\\u003c")
    parts = {"lang": lang, "title": html.escape(script.root.name), "svg": script.svg(rankdir), "script": steps}
    page = files(__package__).joinpath("animation.html").read_text(encoding="utf-8")
    return Animation(re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], page))


class _Script:
    """The steps that the page shows, each a dictionary of text; the sentences around them are the page's."""

    def __init__(self, quantities: list[Quantity], operations: list[Operation]) -> None:
        self.quantities, self.operations = quantities, operations
        self.root = next(q for q in quantities if q.kind == "root")
        self.ids: dict[Any, str] = {q: f"n{i}" for i, q in enumerate(quantities)}
        self.ids |= {op: f"op{i}" for i, op in enumerate(operations)}
        self.of_node = {id(q.node): q for q in quantities if q.node is not None}
        self.had: dict[Quantity, list[Any]] = {q: [] for q in quantities}  # the gradients of each, as they add up
        names = Names((self.root, *quantities))
        self.root.name = self.root.name or names.free("L")
        for q in quantities:
            q.name = q.name or ("" if q.node is None else names.free("v", _subscript))
        for op in operations:
            _fill(op)
        backward = list(self.backward())
        self.steps = [*self.forward(), *backward]

    def svg(self, rankdir: str) -> str:
        """The drawing, whose boxes have room for the longest lines that they will show."""
        for q in self.quantities:
            q.grad = max(self.had[q], key=lambda g: max(map(len, self.lines(q, g))), default=None)
        svg = picture(self.quantities, self.operations, rankdir, DIGITS).pipe(encoding="utf-8")
        return svg[svg.index("<svg") :]

    def lines(self, q: Quantity, grad: Any) -> list[str]:
        """What the box of ``q`` says with this gradient."""
        return lines(replace(q, grad=grad), DIGITS)

    def step(self, kind: str, rows: list[Any], lit: list[Any], boxes: Any, **facts: str) -> dict[str, Any]:
        return {"kind": kind, "rows": rows, "lit": [self.ids[x] for x in lit], "boxes": boxes, **facts}

    def forward(self) -> Iterator[dict[str, Any]]:
        """What is given, and then each result with its formula."""

        def boxes(shown: list[Quantity]) -> dict[str, list[str]]:  # the page hides gradients until they arrive
            return {self.ids[q]: self.lines(q, next(iter(self.had[q]), None)) for q in shown}

        made = {q for op in self.operations for q in op.outputs}
        given = [q for q in self.quantities if q not in made]
        yield self.step("given", [[f"{q.name} = {_value(q).text}"] for q in given if q.name], given, boxes(given))
        for op in self.operations:
            terms = [Term(q.name, None) if q.name else _value(q) for q in op.inputs]
            formula = f"{written(op.symbol, terms).text} = {written(op.symbol, [_value(q) for q in op.inputs]).text}"
            rows = [[f"{q.name} = {formula} = {_value(q).text}"] for q in op.outputs]
            yield self.step("forward", rows, [*op.inputs, op, *op.outputs], boxes(op.outputs), name=_names(op))

    def arrive(self, q: Quantity, share: Any) -> dict[str, list[str]]:
        """Add a share to the gradient of ``q``."""
        self.had[q].append(self.had[q][-1] + share if self.had[q] else share)
        return {self.ids[q]: self.lines(q, self.had[q][-1])}

    def backward(self) -> Iterator[dict[str, Any]]:
        """Where the gradient starts, what each operation passes on, and where it ends."""
        flow, gradients = flows(self.operations)
        start = [f"∂{self.root.name}/∂{self.root.name} = 1"]
        yield self.step("seed", [start], [self.root], self.arrive(self.root, gradients[self.root]))
        for op in reversed(self.operations):
            rows: list[Any] = []
            boxes: dict[str, list[str]] = {}
            arrived = [self.had[q][-1] for q in op.outputs if self.had[q]]
            for link in links(op):
                share = flow[op, link.place]
                if share is not None and link.out is op.outputs[0]:
                    rows.append(self.row(link, arrived[0], share))
                    boxes |= self.arrive(link.to, share)
            gradient = ", ".join(number(g).text for g in arrived)
            lit = [*op.inputs, op, *op.outputs]
            yield self.step("backward", rows + _hooked(op.outputs), lit, boxes, name=_names(op), gradient=gradient)
        ends = [q for q in self.quantities if q.node is not None and q.node.plan is None and self.had[q]]
        rows = [[f"∂{self.root.name}/∂{q.name} = {number(self.had[q][-1]).text}"] for q in ends]
        yield self.step("end", rows + _hooked(ends), ends, {})

    def row(self, link: Link, g: Any, share: Any) -> list[Any]:
        """What an input of an operation gets: the local derivative, the product with ``g``, the sum."""
        op, q, said = link.operation, link.to, []
        out, total = op.outputs[0].name, f"∂{self.root.name}/∂{q.name}"
        ours, theirs = f"∂{self.root.name}/∂{out}", f"∂{out}/∂{q.name}"
        if op.elementwise or (op.row is not None and not np.ndim(g)):
            slope = number(link.rule(link.out.ones))
            result = g * slope.data
            said = [f"{theirs} = {self.rule(link, Term('1', link.out.ones))}{slope.text}"]
            product = f"{ours} × {theirs} = {written('×', [number(g), slope]).text} = {number(result).text}"
        else:
            result, product = share, f"{self.rule(link, Term(ours, g, ATOM - 1))}{number(share).text}"
        spread = [] if np.shape(result) == np.shape(share) else [["spread", number(share).text]]
        first = not self.had[q]
        if not said or link.out is not self.root:  # there the product is the local derivative, times 1
            said.append(f"{total} = {product}" if first else product)
        if first:
            return said + spread
        before = self.had[q][-1]
        both = written("+", [number(before), number(share)]).text
        return [*said, *spread, ["joins", f"{total} = {both} = {number(before + share).text}"]]

    def rule(self, link: Link, g: Term) -> str:
        """The engine's own rule, written down as a formula; "" where it cannot be."""
        node, plan = link.operation.node, link.operation.node.plan

        def term(name: str, value: Any) -> Any:
            parents = dict(zip((plan.row.inputs[i] for i in plan.active), node.parents, strict=True))
            q = self.of_node.get(id(node if name == "out" else parents.get(name)))
            q = q or next((x for x in link.operation.inputs if x.name and x.data is value), None)  # a named constant
            return value if q is None else Term(q.name, value)

        try:
            found = link.rule(g, [term(name, x) for (name, _), x in zip(plan.asked, node.saved, strict=True)])
        except Exception:  # a rule that looks at bits or picks elements, or a user's
            return ""
        return "" if len(found.text) > LONGEST or found.text == number(found.data).text else f"{found.text} = "


def _names(op: Operation) -> str:
    return ", ".join(q.name for q in op.outputs)


def _hooked(quantities: list[Quantity]) -> list[Any]:
    """A row for each with a hook of the user's; the key of `retain_grad`'s is 0."""
    return [[["hooked", q.name]] for q in quantities if any(q.node.hooks or ())]


def _value(q: Quantity) -> Term:
    """The numbers; where the graph does not keep them, the shape."""
    shape = f"[{'×'.join(map(str, q.shape))}]" if q.shape else "…"
    return Term(shape, None) if q.data is None else number(q.data)


def _fill(op: Operation) -> None:
    """Compute again what the graph did not keep of a result, if all that went in is known and unchanged."""
    q, leaves = op.outputs[0], [x.node.variable for x in op.inputs if isinstance(x.node, Leaf)]
    same = all(x is not None and x._cell[0] < op.node.number for x in leaves)
    if q.data is None and same and (data := again(op)) is not None:
        q.data = np.asarray(data, op.node.dtype)


def _subscript(i: int) -> str:
    return numbered(i).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
