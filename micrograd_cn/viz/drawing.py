"""`draw`: the computation graph as a picture.

What was given has square corners and what was computed has round ones; operations are dark. Shape, border and
fill each tell the kinds apart, so the picture can be read in black and white too.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from types import MappingProxyType
from typing import Any
from unicodedata import category, east_asian_width

import graphviz
import numpy as np

from micrograd_cn.autograd import grad
from micrograd_cn.engine import next_number
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor
from micrograd_cn.value import Value
from micrograd_cn.viz.elements import scalars
from micrograd_cn.viz.folding import LONG, close, excess, shared, shorten
from micrograd_cn.viz.rendering import Drawing
from micrograd_cn.viz.slopes import Edge, flows, links
from micrograd_cn.viz.tracing import Box, Operation, Quantity, involved, names, one_of, trace
from micrograd_cn.viz.watching import Spans, watch

FONTS = "Menlo, Consolas, DejaVu Sans Mono, Noto Sans CJK SC, Microsoft YaHei, PingFang SC, monospace"
SIZE = 11  # of the text, in points
MARGIN = 0.11  # between text and border, in inches
INK = "#2f3b4c"
PATIENCE = 200  # rounds that Graphviz has to shorten arrows; those over many operations would keep it for minutes
LINE = "#737b88"  # arrows and notes: a grey that can be read on white and on black
FRAME = {"style": "rounded", "color": LINE, "fontcolor": "#57606a", "labeljust": "l", "margin": "10"}
TINTS = ("#f6f8fa", "#eceff3")

DIRECTIONS = ("LR", "TB", "RL", "BT")
DETAILS = ("scalar", "tensor", "module")
WORDS = ("data", "grad", "shape", "dtype", "op", "local", "flow")
SHOW = ("data", "grad", "op")
UNWATCHED = (
    "detail='module' needs to know which module ran what: make the graph inside `with viz.watch(model) as seen:` and "
    "pass params=seen, or let draw(model, x) run the model"
)

STYLES = {
    "parameter": {"style": "filled", "fillcolor": "#fff1cc", "color": "#b7791f", "penwidth": "2.2"},
    "leaf": {"style": "filled", "fillcolor": "#e6f0fb", "color": "#3a6ea5"},
    "constant": {"style": "filled,dashed", "fillcolor": "#ffffff", "color": "#7d8592"},
    "result": {"style": "filled,rounded", "fillcolor": "#ffffff", "color": "#7d8592"},
    "root": {"style": "filled,rounded", "fillcolor": "#fdeaea", "color": "#b23a48", "peripheries": "2"},
}
COMMUTATIVE = ("+", "×")

SMALL = 8  # an array of up to so many elements shows them
TINY = 2  # and a derivative on an edge


@np.errstate(all="ignore")  # infinity and NaN are there to be seen
def draw(root: Any, *inputs: Any, params: Any = None, detail: str | None = None, depth: int | None = None,
        show: Any = SHOW, rankdir: str = "LR", digits: int = 4, fold: bool | None = None,
        max_nodes: int = 1200) -> Drawing:  # fmt: skip
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
        root: what to explain: a loss, or any result or leaf, or a dict of several by name; or a module, to run on
            ``inputs``.
        *inputs: what the module is called with.
        params: names: a module (its ``named_parameters()``), a dict from names to values or tensors, or a
            `micrograd_cn.viz.watch` that the graph was made under. A `Value` shows its ``label`` otherwise. What is
            named here and is a leaf is drawn as a parameter; if it needs no gradient, as an input.
        detail: "scalar": every number is a box, and the elements of a tensor too; "tensor": every tensor is one;
            "module": the operations of each module stand in a frame with its name. Modules must have run under
            a `watch`, or be run by ``draw(model, x)``. Default: what ``root`` is.
        depth: with ``detail="module"``, draw modules so deep inside others as one node each; 0 is the model itself.
        show: what is written, some of "data", "grad", "shape", "dtype", "op" (symbols), "local" (on each edge the
            local derivative, ∂: element by element, or the Jacobian matrix or its shape) and "flow" (on each edge the
            gradient that flows back, ←, if ``root`` starts with ones and no hook runs); a list, or a text of words with
            spaces between them. On an edge stand numbers of up to 2 elements, and of more the norm.
        rankdir: where arrows point: "LR" to the right, "TB" down, "RL", "BT". A long row of modules (``depth=1``) fits
            a page with "TB".
        digits: significant digits of the numbers.
        fold: draw repeated structure (a loop's steps, a chain, many neurons) as one node that says how often; default:
            if there would be more than ``max_nodes``, or arrows so long that Graphviz would need over a second.
        max_nodes: what the picture may hold; of a graph that is still larger after folding only the ends are drawn.

    Returns:
        A `graphviz.Digraph` that Jupyter shows; ``save("graph.svg")`` and ``save("graph.dot")`` need no other program.

    Raises:
        TypeError: if ``root`` is no Value, Tensor or module, ``params`` no names, or ``inputs`` come without a module;
            for ``digits`` or ``max_nodes`` that is no integer, or another ``fold``.
        ValueError: for another ``rankdir``, ``detail`` or word in ``show``, for ``digits`` or ``max_nodes`` below 1, or
            for modules that nobody watched.
        RuntimeError: for "local", "flow" or the scalars of a tensor, if ``backward()`` has freed the graph or memory
            that a rule needs has been written since. All else is drawn of such a graph, too.
    """
    if hasattr(root, "parameters"):
        with watch(root) as params:
            root = root(*inputs)
        params.names |= {name: x for name, x in _numbered("x", inputs) if isinstance(x, (Value, Tensor))}
        root = dict(_numbered("y", list(_parts(root)))) if isinstance(root, (list, tuple)) else root
        detail = detail or "module"
    else:
        said = f"only a module is run on inputs, and {type(root).__name__} is none: draw(root), with names in params"
        need(not inputs, said, TypeError)
    need(isinstance(show, Iterable), f"show takes words among {', '.join(WORDS)}, not {show!r}", TypeError)
    words = tuple(show.split() if isinstance(show, str) else show)
    one_of("rankdir", rankdir, DIRECTIONS)
    if detail is not None:
        one_of("detail", detail, DETAILS)
    for what, x in (("digits", digits), ("max_nodes", max_nodes)):
        need(isinstance(x, (int, np.integer)), f"{what} must be an integer, not {x!r}", TypeError)
        need(x >= 1, f"{what} must be at least 1, not {x}", ValueError)
    need(fold in (None, True, False), f"fold must be True, False or None, not {fold!r}", TypeError)
    deep = depth is None or (detail == "module" and depth >= 0)
    need(deep, f"depth counts modules, from 0 and with detail='module', not {depth} with {detail!r}", ValueError)
    for word in words:
        need(word in WORDS, f"show takes words among {', '.join(WORDS)}, not {word!r}", ValueError)
    quantities, operations = trace(root if isinstance(root, Mapping) else {"": root}, params)
    if isinstance(params, Spans):
        params.frame(operations)
    need(detail != "module" or any(o.boxes for o in operations), UNWATCHED, ValueError)
    flow, gradients = flows(operations) if "flow" in words else ({}, {})
    local: dict[Edge, Any] = {}
    if detail == "scalar" and any(q.shape for q in quantities):
        count = sum(math.prod(q.shape or ()) for q in quantities)
        said = f"detail='scalar' would draw {count} numbers, and max_nodes is {max_nodes}: draw with detail='tensor'"
        need(count <= max_nodes, said, ValueError)
        operations, local, flow = scalars(operations, gradients)
    elif "local" in words:
        ways = [link for operation in operations if len(operation.outputs) == 1 for link in links(operation)]
        local = {(link.operation, link.place): link.local(TINY) for link in ways}
    if detail == "module" and depth is not None:
        operations = close(operations, depth)
    large = len(quantities) + len(operations) > max_nodes or excess(operations) > LONG
    if fold or (fold is None and large):
        operations = shorten(operations, max_nodes)
    quantities = involved(operations, quantities)
    notes: dict[Edge, list[str]] = defaultdict(list)
    for word, sign, found in (("local", "∂", local), ("flow", "←", flow)):
        for edge, x in found.items() if word in words else ():
            notes[edge] += [] if x is None else [f"{sign} {_brief(x, digits)}"]
    return picture(quantities, operations, rankdir, digits, words, notes)


def draw_backward(root: Value | Tensor, *, params: Any = None, **options: Any) -> Drawing:
    """The graph in which the gradients of ``root`` by its leaves are computed, with the graph of ``root`` itself.

    It is what ``create_graph=True`` records, and what a second derivative goes back through. It is
    computed as by `autograd.grad`: the ``.grad`` of leaves stays as it is, but hooks run, and results after
    ``retain_grad()`` get theirs.

    >>> x = Value(3.0, label="x")
    >>> draw_backward(x**2).save("gradient.svg")
    'gradient.svg'

    Args:
        root: a result; if it has several elements, the gradient is that of their sum.
        params: names, as for `draw`.
        **options: as for `draw`; ``show`` is data and op unless said otherwise.

    Raises:
        ValueError: if ``root`` has no graph.
        RuntimeError: if its graph has been freed.
    """
    quantities, operations = trace({"": root}, params)
    what = "draw_backward() needs a result with a graph; this one was given, or not recorded"
    need(bool(operations), what, ValueError)
    for operation in operations:
        links(operation)  # refuses a graph that has been freed
    faces: dict[str, Any] = {}
    times: Counter[str] = Counter()
    for q in quantities:
        face = q.node if isinstance(q.node, Value) else getattr(q.node, "variable", None)
        if q.kind in ("parameter", "leaf") and face is not None:  # and not a tensor that is gone
            name = q.name or f"x{len(faces) + 1}"
            times[name] += 1
            faces[f"{name} ({times[name]})" if times[name] > 1 else name] = face
    start = None if isinstance(root, Value) else root.new_ones(root.shape)
    spans = Spans({name: x for name, x in names(params)[0] if name} | faces, [])
    spans.given |= getattr(params, "given", {})
    with spans:
        gradients = grad(root, list(faces.values()), start, create_graph=True, allow_unused=True)
    name = next(q.name for q in quantities if q.kind == "root") or "y"
    last, now = next_number(), operations[-1].node.number + 0.5
    spans.calls += [[0, now, Box("前向 forward")], [now, last, Box("反向 backward")]]
    roots = {f"∂{name}/∂{x}": g for x, g in zip(faces, gradients, strict=True) if g is not None}
    return draw({name: root, **roots}, params=spans, **{"show": ("data", "op"), **options})


def picture(quantities: list[Quantity], operations: list[Operation], rankdir: str, digits: int, show: Any = SHOW,
            notes: Mapping[Edge, list[str]] = MappingProxyType({})) -> Drawing:  # fmt: skip
    """Quantity ``i`` as node ``n{i}``, operation ``i`` as node ``op{i}``, and the arrows between them with notes."""
    picture = Drawing(
        graph_attr={"rankdir": rankdir, "bgcolor": "white", "pad": "0.1", "nodesep": "0.2", "ranksep": "0.3",
                    "fontname": FONTS, "fontsize": str(SIZE)},
        node_attr={"fontname": FONTS, "fontsize": str(SIZE), "fontcolor": INK, "shape": "box"},
        edge_attr={"color": LINE, "arrowsize": "0.6", "penwidth": "1", "fontname": FONTS, "fontsize": str(SIZE - 2),
                   "fontcolor": LINE},
    )  # fmt: skip
    ids = {q: f"n{i}" for i, q in enumerate(quantities)}
    places = _places(operations)
    nodes = [(places.get(q, ()), ids[q], {**_box(q, digits, show), **STYLES[q.kind]}) for q in quantities]
    nodes += [(o.boxes, f"op{i}", _symbol(o, "op" in show)) for i, o in enumerate(operations)]
    picture.graph_attr["nslimit"] = f"{PATIENCE / len(nodes):.3g}"
    _frames(picture, nodes, 0, itertools.count())
    gap = "\N{NO-BREAK SPACE}" * 2 if rankdir in ("TB", "BT") else ""  # Graphviz writes from the very arrow on
    for i, operation in enumerate(operations):
        for k, q in enumerate(operation.inputs):
            picture.edge(ids[q], f"op{i}", label=_padded(notes.get((operation, k), []), gap) or None)
        for q in operation.outputs:
            picture.edge(f"op{i}", ids[q])
    return picture


def _frames(picture: Any, nodes: list[tuple[tuple[Box, ...], str, dict[str, str]]], depth: int, ids: Any) -> None:
    """The nodes in nested frames; each comes with those that it stands in."""
    inner: dict[Box, list[Any]] = {}
    for boxes, name, attributes in nodes:
        if len(boxes) == depth:
            picture.node(name, **attributes)
        else:
            inner.setdefault(boxes[depth], []).append((boxes, name, attributes))
    for box, members in inner.items():
        with picture.subgraph(name=f"cluster_{next(ids)}") as frame:
            frame.attr(label=_padded([box.title]), tooltip=escaped(box.title), **FRAME, bgcolor=TINTS[depth % 2])
            _frames(frame, members, depth + 1, ids)


def _places(operations: list[Operation]) -> dict[Quantity, tuple[Box, ...]]:
    """The frames of quantities: of a result those of its operation, of what was given those of all its readers."""
    places: dict[Quantity, tuple[Box, ...]] = {}
    for operation in operations:
        for q in operation.inputs:
            if q.kind in ("parameter", "constant"):
                places[q] = shared([places.get(q, operation.boxes), operation.boxes])
        places |= {q: operation.boxes for q in operation.outputs if q.kind != "root"}
    return places


def _box(q: Quantity, digits: int, show: Any) -> dict[str, str]:
    """The text of a quantity: its name, then data and gradient in columns."""
    body = lines(q, digits, show)
    name = q.name.splitlines()
    label = "".join(escaped(line) + r"\n" for line in name) + "".join(escaped(line) + r"\l" for line in body)
    width = _inches(max(map(_width, name + body), default=1))
    return {"label": label, "width": width, "height": "0.3", "margin": f"{MARGIN},0.06", "tooltip": q.kind}


def lines(q: Quantity, digits: int, show: Any = SHOW) -> list[str]:
    """Data and gradient below each other, as many lines as each takes, and above them shape and type if asked for."""
    if q.count > 1:
        return [f"× {q.count:,}"]
    shape = "" if q.shape is None else "×".join(map(str, q.shape)) or "scalar"
    numbers = _numbers(q.data, digits)
    data = (numbers or [[f"{shape} {q.dtype}" if shape else "constant"]]) if "data" in show else []
    grad = [["None"]] if "grad" in show and q.awaits_grad else []
    if "grad" in show and q.grad is not None:
        grad = _numbers(q.grad, digits) or [[f"norm {numeral(norm(q.grad), digits)}"]]
    body = _columns(data + grad)
    if grad:
        captions = ["data", *[""] * (len(data) - 1)] if data else []
        captions += ["grad", *[""] * (len(grad) - 1)]
        body = [f"{caption:4}  {line}" for caption, line in zip(captions, body, strict=True)]
    kind = " ".join(filter(None, (said for word, said in (("shape", shape), ("dtype", q.dtype)) if word in show)))
    return [kind, *body] if kind and (numbers or "data" not in show) else body


def _brief(x: Any, digits: int) -> str:
    """A derivative in one line: the numbers while they are few, otherwise shape or norm."""
    if isinstance(x, str):
        return x
    if np.size(x) == 1:
        return numeral(np.ravel(x)[0], digits)
    few = _numbers(x, digits) if np.size(x) <= TINY else []
    return f"[{'; '.join(map(' '.join, few))}]" if few else f"norm {numeral(norm(x), digits)}"


def _padded(lines: list[str], gap: str = "") -> str:
    """Lines that start at the left, with room behind: Graphviz takes text in these fonts for narrower than it is."""
    return "".join(gap + escaped(line) + "\N{NO-BREAK SPACE}" * math.ceil(0.8 * _width(line)) + r"\l" for line in lines)


def _numbered(name: str, xs: Any) -> list[tuple[str, Any]]:
    return [(f"{name}{i}" if len(xs) > 1 else name, x) for i, x in enumerate(xs, 1)]


def _parts(x: Any) -> Iterator[Any]:
    """The values and tensors in nested lists and tuples: an LSTM returns ``output, (h, c)``."""
    for part in x:
        if isinstance(part, (list, tuple)):
            yield from _parts(part)
        elif isinstance(part, (Value, Tensor)):
            yield part


def _symbol(operation: Operation, shown: bool = True) -> dict[str, str]:
    """The symbol of an operation: a disc around one or two characters, a pill around more, doubled for several."""
    symbol, tooltip = operation.symbol, escaped(operation.description)
    if not shown:
        return {"label": "", "shape": "point", "width": "0.08", "color": LINE, "tooltip": tooltip}
    look = {"label": r"\n".join(map(escaped, symbol.splitlines())), "tooltip": tooltip}
    look |= {"fontcolor": "#ffffff", "color": INK, "fillcolor": INK, "height": "0.3", "margin": f"{MARGIN},0.03"}
    if symbol not in COMMUTATIVE:
        look["ordering"] = "in"  # inputs from left to right, or from top to bottom
    if len(symbol) <= 2:
        return {**look, "style": "filled", "shape": "circle", "width": "0.3", "fixedsize": "true"}
    several = {"peripheries": "2"} if operation.count > 1 else {}
    return {**look, **several, "style": "filled,rounded", "width": _inches(max(map(_width, symbol.splitlines())))}


def _numbers(x: Any, digits: int) -> list[list[str]]:
    """The numbers in ``x`` in rows and columns, if they are known and few."""
    array = np.asarray(x)
    if x is None or array.ndim > 2 or not 0 < array.size <= SMALL:
        return []
    return [[numeral(x, digits) for x in row] for row in np.atleast_2d(array)]


def _columns(rows: list[list[str]]) -> list[str]:
    """One line for each row, with the columns below each other."""
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    lines = ["  ".join(x.rjust(width) for x, width in zip(row, widths, strict=False)) for row in rows]
    return [line.rjust(max(map(len, lines))) for line in lines]


def numeral(x: Any, digits: int) -> str:
    """``x`` with so many significant digits; whole numbers without a point."""
    x = x.item() if isinstance(x, np.generic) else x
    whole = isinstance(x, float) and abs(x) < 1e6 and x == int(x)
    return str(int(x) if whole else x) if whole or isinstance(x, int) else f"{x:.{digits}g}"


def norm(x: Any) -> Any:
    """The Euclidean length of all elements together, in double precision."""
    array = np.abs(np.asarray(x, np.result_type(x, float)).ravel())
    largest = array.max(initial=0.0)  # brought to 1 first: squares neither overflow nor underflow
    return largest * np.linalg.norm(array / largest) if 0 < largest < np.inf else largest


def escaped(s: str) -> str:
    """``s`` as DOT writes it: nothing in it is markup, and what cannot be shown is replaced."""
    s = "".join(" " if c.isspace() else c if c.isprintable() or category(c) == "Cf" else "\ufffd" for c in s)
    if s.startswith(" "):
        s = "\N{NO-BREAK SPACE}" + s[1:]  # Graphviz keeps all spaces in its SVG but the first
    return graphviz.escape(s.replace("&", "&amp;"))


def _width(s: str) -> float:
    """How wide ``s`` is, in characters of a fixed-width font; Chinese ones are 1.7 times as wide."""
    return sum(1.7 if east_asian_width(c) in "WF" else 1.0 for c in s)


def _inches(width: float) -> str:
    """The width of a box around text; Graphviz without these fonts would make it too narrow."""
    return f"{width * 0.605 * SIZE / 72 + 2 * MARGIN:.2f}"
