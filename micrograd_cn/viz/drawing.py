"""`draw`: the computation graph as a picture.

What was given has square corners and what was computed has round ones; operations are dark. Shape, border and
fill each tell the kinds apart, so the picture can be read in black and white too.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any
from unicodedata import east_asian_width

import graphviz
import numpy as np

from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor
from micrograd_cn.value import Value
from micrograd_cn.viz.rendering import Drawing
from micrograd_cn.viz.tracing import Operation, Quantity, trace

FONTS = "Menlo, Consolas, DejaVu Sans Mono, Noto Sans CJK SC, Microsoft YaHei, PingFang SC, monospace"
SIZE = 11  # of the text, in points
MARGIN = 0.11  # between text and border, in inches
INK = "#2f3b4c"

STYLES = {
    "parameter": {"style": "filled", "fillcolor": "#fff1cc", "color": "#b7791f", "penwidth": "2.2"},
    "leaf": {"style": "filled", "fillcolor": "#e6f0fb", "color": "#3a6ea5"},
    "constant": {"style": "filled,dashed", "fillcolor": "#ffffff", "color": "#7d8592"},
    "result": {"style": "filled,rounded", "fillcolor": "#ffffff", "color": "#7d8592"},
    "root": {"style": "filled,rounded", "fillcolor": "#fdeaea", "color": "#b23a48", "peripheries": "2"},
}
COMMUTATIVE = ("+", "×")

SMALL = 8  # an array of up to so many elements shows them


def draw(root: Value | Tensor, *, params: Any = None, rankdir: str = "LR", digits: int = 4,
        max_nodes: int = 5000) -> Drawing:  # fmt: skip
    """The graph that ``root`` was computed in.

    Every number or tensor is a box with its name, its data and its gradient, every operation a dark node with its
    symbol, and arrows follow the data. A tensor of up to 8 elements shows them, a larger one its shape and type
    and the norm of its gradient. A tensor in the middle shows its data if ``params`` names it, or as long as the graph
    keeps it (``backward(retain_graph=True)`` frees nothing); a constant that the graph does not keep is a box that
    says so. Gradients of tensors in the middle show after ``retain_grad()``.

    >>> x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    >>> y = (x * w).tanh()
    >>> y.backward()
    >>> draw(y).save("graph.svg")
    'graph.svg'

    Args:
        root: what to explain: a loss, or any result or leaf.
        params: names: a module (its ``named_parameters()``), or a dict from names to values or tensors. A `Value`
            shows its ``label`` otherwise. What is named here and is a leaf is drawn as a parameter.
        rankdir: where arrows point: "LR" to the right, "TB" down, "RL", "BT".
        digits: significant digits of the numbers.
        max_nodes: the most nodes to draw.

    Returns:
        A `graphviz.Digraph` that Jupyter shows; ``save("graph.svg")`` and ``save("graph.dot")`` need no other program.

    Raises:
        TypeError: if ``root`` is no Value or Tensor, or ``params`` is neither a module nor such a dict.
        ValueError: for another ``rankdir``, fewer than 1 digit, or more nodes than ``max_nodes``.
    """
    need(rankdir in ("LR", "TB", "RL", "BT"), f"rankdir must be 'LR', 'TB', 'RL' or 'BT', not {rankdir!r}", ValueError)
    need(digits >= 1, f"digits must be at least 1, not {digits}", ValueError)
    quantities, operations = trace(root, params, max_nodes)
    picture = Drawing(
        graph_attr={"rankdir": rankdir, "bgcolor": "white", "pad": "0.1", "nodesep": "0.2", "ranksep": "0.3"},
        node_attr={"fontname": FONTS, "fontsize": str(SIZE), "fontcolor": INK, "shape": "box"},
        edge_attr={"color": INK, "arrowsize": "0.6", "penwidth": "0.8"},
    )
    ids = {id(q): f"n{i}" for i, q in enumerate(quantities)}
    for q in quantities:
        picture.node(ids[id(q)], **_box(q, digits), **STYLES[q.kind])
    for i, operation in enumerate(operations):
        picture.node(f"op{i}", **_symbol(operation))
        for q in operation.inputs:
            picture.edge(ids[id(q)], f"op{i}")
        for q in operation.outputs:
            picture.edge(f"op{i}", ids[id(q)])
    return picture


def _box(q: Quantity, digits: int) -> dict[str, str]:
    """The text of a quantity: its name, then data and gradient in columns."""
    data, grad = _data(q, digits), _grad(q, digits)
    body = _columns(data + grad)
    if grad:
        captions = ["data", *[""] * (len(data) - 1), "grad", *[""] * (len(grad) - 1)]
        body = [f"{caption:4}  {line}" for caption, line in zip(captions, body, strict=True)]
    name = q.name.splitlines()
    label = "".join(_text(line) + r"\n" for line in name) + "".join(_text(line) + r"\l" for line in body)
    width = _inches(max(map(_width, name + body)))
    return {"label": label, "width": width, "height": "0.3", "margin": f"{MARGIN},0.06", "tooltip": q.kind}


def _symbol(operation: Operation) -> dict[str, str]:
    """The symbol of an operation: a disc around one or two characters, a pill around more."""
    symbol = operation.symbol
    look = {"label": _text(symbol), "tooltip": _text(operation.description), "fontcolor": "#ffffff"}
    look |= {"color": INK, "fillcolor": INK, "height": "0.3", "margin": f"{MARGIN},0.03"}
    if symbol not in COMMUTATIVE:
        look["ordering"] = "in"  # inputs from left to right, or from top to bottom
    if len(symbol) <= 2:
        return {**look, "style": "filled", "shape": "circle", "width": "0.3", "fixedsize": "true"}
    return {**look, "style": "filled,rounded", "width": _inches(_width(symbol))}


def _data(q: Quantity, digits: int) -> list[list[str]]:
    """The data in rows and columns: the numbers while they are few, otherwise shape and type."""
    said = "constant" if q.shape is None else f"{'×'.join(map(str, q.shape)) or 'scalar'} {q.dtype}"
    return (q.data is not None and _numbers(q.data, digits)) or [[said]]


def _grad(q: Quantity, digits: int) -> list[list[str]]:
    """The gradient in rows and columns: the numbers while they are few, otherwise the norm; nothing if none is due."""
    if q.grad is None:
        return [["None"]] if q.awaits_grad else []
    return _numbers(q.grad, digits) or [[f"norm {_number(np.linalg.norm(q.grad), digits)}"]]


def _numbers(x: Any, digits: int) -> list[list[str]]:
    """The numbers in ``x`` in rows and columns, if they are few."""
    array = np.asarray(x)
    if array.ndim > 2 or not 0 < array.size <= SMALL:
        return []
    return [[_number(x, digits) for x in row] for row in np.atleast_2d(array)]


def _columns(rows: list[list[str]]) -> list[str]:
    """One line for each row, with the columns below each other."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    lines = ["  ".join(x.rjust(width) for x, width in zip(row, widths, strict=False)) for row in rows]
    return [line.rjust(max(map(len, lines))) for line in lines]


def _number(x: Any, digits: int) -> str:
    """``x`` with so many significant digits; whole numbers without a point."""
    if isinstance(x, (bool, np.bool_, int, np.integer)):
        return str(x)
    if not isinstance(x, (complex, np.complexfloating)) and abs(x) < 1e6 and x == int(x):
        return str(int(x))
    return f"{x:.{digits}g}"


def _text(s: str) -> str:
    """``s`` as DOT writes it: nothing in it is markup, and what cannot be shown is replaced."""
    s = "".join(c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in s)
    if s.startswith(" "):
        s = "\N{NO-BREAK SPACE}" + s[1:]  # Graphviz keeps all spaces in its SVG but the first
    return graphviz.escape(s.replace("&", "&amp;"))


def _width(s: str) -> float:
    """How wide ``s`` is, in characters of a fixed-width font; Chinese ones are 1.7 times as wide."""
    return sum(1.7 if east_asian_width(c) in "WF" else 1.0 for c in s)


def _inches(width: float) -> str:
    """The width of a box around text; Graphviz without these fonts would make it too narrow."""
    return f"{width * 0.605 * SIZE / 72 + 2 * MARGIN:.2f}"
