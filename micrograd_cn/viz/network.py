"""`draw_network`: neurons as circles, weights as lines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from micrograd_cn.autograd.modes import no_grad
from micrograd_cn.creation import tensor
from micrograd_cn.nn import Linear, Module, scalar
from micrograd_cn.nn.functional import linear
from micrograd_cn.tensor import Tensor
from micrograd_cn.viz.drawing import FONTS, INK, LINE, STYLES, escaped, numeral
from micrograd_cn.viz.rendering import Drawing

MOST, FIRST = 12, 5  # so many neurons of a layer are drawn; a larger one shows so many first ones and the last
ACROSS = 2.8  # inches between the circles of two layers, or more where many stand in one
WRITTEN = 4  # a weight is written on its line if neither layer has more neurons than this
PROBES = 61  # inputs that tell whether a model is a stack of layers
POSITIVE, NEGATIVE = "#c2571a", "#2f6db5"
SYMBOLS = {"Sigmoid": "σ", "Tanh": "tanh", "Identity": "", "Flatten": "", "Dropout": ""}


def draw_network(model: Any, x: Any = None, *, digits: int = 3) -> Drawing:
    """A network of linear layers as textbooks draw it: a circle for each neuron, a line for each weight.

    A line is the wider the larger its weight is beside the others of its layer; a positive weight is an orange solid
    line, a negative one a blue dashed line, and between small layers its number stands on it. In a circle stands the
    activation function (Σ: none), below it the bias. Layers of more than 12 neurons are folded.

    >>> draw_network(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))).save("network.svg")
    'network.svg'

    Args:
        model: a module that runs `nn.Linear` layers and modules without parameters (`nn.ReLU`, `nn.Dropout`), each on
            what the one before it made, or an `MLP`, `Layer` or `Neuron` of `micrograd_cn.nn.scalar`. It is run as in
            evaluation.
        x: one input; every circle then shows what comes out of it.
        digits: significant digits of the numbers.

    Raises:
        TypeError: if ``model`` is no such network: with a branch, a shortcut, or an activation that is no module.
        ValueError: if ``x`` is not one input of it.
    """
    layers, known = _stack(model, x)
    sizes = [layers[0][0].shape[1], *(weight.shape[0] for weight, _, _ in layers)]
    if known and [len(v) for v in known] != sizes:
        raise ValueError(f"x must be one input of {sizes[0]} numbers; got {np.shape(x)} numbers")
    values = known or [None] * len(sizes)
    shown = [list(range(n)) if n <= MOST else [*range(FIRST), n - 1] for n in sizes]
    picture = Drawing(
        engine="neato",
        graph_attr={"bgcolor": "white", "pad": "0.15", "splines": "line", "outputorder": "edgesfirst"},
        node_attr={"fontname": FONTS, "fontsize": "11", "fontcolor": INK, "fixedsize": "true"},
        edge_attr={"arrowhead": "none"},
    )
    said = {(layer, i): _said(layer, i, layers, values[layer], digits) for layer, row in enumerate(shown) for i in row}
    wide = max(0.72, *(_across(text.splitlines()) for text in said.values()))
    pitch = wide + (0.75 if max(sizes) <= WRITTEN else 0.5)
    step = wide + max(ACROSS, 0.3 * pitch * max(map(len, shown)))  # steep lines would run through the biases
    ends: dict[tuple[int, int], tuple[float, float]] = {}
    for layer, (places, size) in enumerate(zip(shown, sizes, strict=True)):
        count = len(places) + (size > MOST)
        for row, i in enumerate(places):
            row += size > MOST and i == size - 1
            at = ends[layer, i] = step * layer, pitch * ((count - 1) / 2 - row)
            label = r"\n".join(map(escaped, said[layer, i].splitlines()))
            kind = "leaf" if not layer else "parameter" if layer < len(layers) else "root"
            look = STYLES[kind] | {"style": "filled", "penwidth": "1.4", "shape": "circle", "width": f"{wide:.2f}"}
            picture.node(f"n{layer}_{i}", label, pos=_at(*at), tooltip=label, **look)
            if layer and (bias := layers[layer - 1][1]) is not None:
                below = at[1] - wide / 2 - (0.15 if layer < len(layers) else 0.21)  # the last circles have two lines
                _plate(picture, f"b{layer}_{i}", f"b {numeral(bias[i], digits)}", at[0], below, LINE)
        if size > MOST:
            _plate(picture, f"more{layer}", f"⋮ × {size - FIRST - 1}", at[0], at[1] + pitch, LINE)
    for layer, (weight, _, _) in enumerate(layers):
        size = np.abs(weight)
        share = np.nan_to_num(size / (size[np.isfinite(size)].max(initial=0) or 1), nan=0, posinf=1)
        few = max(sizes[layer : layer + 2]) <= WRITTEN
        stand = 1 / (len(shown[layer + 1]) + 1)  # where on the lines the numbers stand: there all heights differ
        for i in shown[layer]:
            for j in shown[layer + 1]:
                w = weight[j, i]
                number = numeral(w, digits)
                look = {"color": POSITIVE, "style": "solid"} if w >= 0 else {"color": NEGATIVE, "style": "dashed"}
                look["penwidth"] = f"{0.5 + (3 if few else 1.7) * share[j, i]:.2f}"
                picture.edge(f"n{layer}_{i}", f"n{layer + 1}_{j}", tooltip=number, **look)
                if few:
                    (a, b), (c, d) = ends[layer, i], ends[layer + 1, j]
                    at = a + stand * (c - a), b + stand * (d - b)
                    _plate(picture, f"w{layer}_{i}_{j}", number, *at, look["color"])
    return picture


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """While it lasts, a module is as in evaluation and nothing is recorded; then each part is as it was."""
    before = {part: part.training for part in model.modules()} if isinstance(model, Module) else {}
    try:
        for part in before:
            part.training = False
        with no_grad():
            yield
    finally:
        for part, training in before.items():
            part.training = training


def _across(lines: list[str]) -> float:
    """The diameter in inches of a circle that holds these lines: their diagonal, and a margin."""
    return float(np.hypot(0.092 * max(map(len, lines)), 0.17 * len(lines))) + 0.14


def _at(x: float, y: float) -> str:
    return f"{x:.3f},{y:.3f}!"


def _plate(picture: Drawing, name: str, text: str, x: float, y: float, colour: str) -> None:
    """A text that hides the lines behind it."""
    width = f"{0.085 * len(text) + 0.06:.2f}"
    picture.node(name, text, pos=_at(x, y), shape="box", style="filled", fillcolor="white", penwidth="0",
                 width=width, height="0.17", fontsize="10", fontcolor=colour, tooltip=text)  # fmt: skip


def _said(layer: int, i: int, layers: list[Any], values: Any, digits: int) -> str:
    """What stands in a circle: the input's name or the activation function, and what comes out if that is known."""
    name = layers[layer - 1][2] if layer else f"x{i + 1}"
    return name if values is None else f"{name}\n{numeral(values[i], digits)}"


def _refusal(why: str) -> TypeError:
    return TypeError(f"draw_network() draws linear layers one after the other, but {why}: use viz.draw(model, x)")


def _stack(model: Any, x: Any) -> tuple[list[Any], list[Any]]:
    """Weights (outputs × inputs), bias and activation of each layer; for ``x``, what each layer reads and the answer.

    The parts of a model do not say what it does with them. So it is run on numbers of many sizes, and each part must
    take just what the part before it made: then nothing else happens.
    """
    if isinstance(model, scalar.Module):
        return _scalar(model, x)
    modules = list(model.modules()) if isinstance(model, Module) else []
    first = next((part for part in modules if isinstance(part, Linear)), None)
    if first is None:
        raise _refusal(f"{type(model).__name__} has none")
    for part in modules:
        if not isinstance(part, Linear) and next(part.parameters(recurse=False), None) is not None:
            raise _refusal(f"{type(part).__name__} has weights of another kind")
    width, draw, dtype = first.weight.shape[1], np.random.default_rng(0), first.weight.dtype
    points = draw.standard_normal((PROBES, width)) * 10 ** draw.uniform(-2, 3, (PROBES, 1))
    found: list[tuple[Any, Any, str]] = []
    for part in _run(model, tensor(points, dtype=dtype))[0]:
        name = SYMBOLS.get(type(part).__name__, type(part).__name__)
        if isinstance(part, Linear):
            if part.weight.shape[1] != width:
                raise _refusal(f"one of {part.weight.shape[1]} inputs reads {width} numbers")
            width, bias = part.weight.shape[0], None if part.bias is None else part.bias.detach().numpy()
            found.append((part.weight.detach().numpy(), bias, "Σ"))
        elif name and not found:
            raise _refusal(f"{type(part).__name__} comes before the first one")
        elif name:
            found[-1] = (*found[-1][:2], name if found[-1][2] == "Σ" else f"{name}∘{found[-1][2]}")
    if not found:
        raise _refusal(f"{type(model).__name__} runs none of its own")
    if x is None:
        return found, []
    x = (x if isinstance(x, Tensor) else tensor(x)).to(dtype)
    if x.numel() != first.weight.shape[1]:
        return found, [x.ravel().tolist()]
    parts, read, answer = _run(model, x)
    return found, [*(taken for part, taken in zip(parts, read, strict=True) if isinstance(part, Linear)), answer]


def _run(model: Module, x: Tensor) -> tuple[list[Module], list[Any], Any]:
    """The parts that run for ``x``, in order; what each of them takes; and the answer."""
    parts: list[Module] = []
    flow = [_numbers(x)]  # and what each part takes and makes, one after the other
    odd: list[str] = []

    def makes(part: Module, taken: Any, made: Any) -> None:
        parts.append(part)
        flow.append(_numbers(made))
        if isinstance(part, Linear):
            right = _same(_numbers(linear(taken[0], part.weight, part.bias)), flow[-1])
        else:
            right = flow[-1].size == flow[-2].size
        odd.extend([] if right else [type(part).__name__])

    hooks = []
    for part in model.modules():
        if isinstance(part, Linear) or not list(part.children()):
            hooks.append(part.register_forward_pre_hook(lambda _, taken: flow.append(_numbers(taken[0]))))
            hooks.append(part.register_forward_hook(makes))
    try:
        with evaluating(model):
            flow.append(_numbers(model(x)))
    except Exception as error:  # whatever a user's forward raises
        raise _refusal(f"{type(model).__name__} does not answer to inputs {tuple(x.shape)}") from error
    finally:
        for hook in hooks:
            hook.remove()
    if odd:
        raise _refusal(f"{odd[0]} makes something else of what it takes")
    ends = [*(f"before its {type(part).__name__}" for part in parts), "at its end"]
    for made, taken, where in zip(flow[::2], flow[1::2], ends, strict=True):
        if not _same(made, taken):
            raise _refusal(f"{type(model).__name__} does something else {where} (F.relu? then take nn.ReLU)")
    return parts, flow[1:-1:2], flow[-1]


def _numbers(x: Any) -> Any:
    """A copy: what comes later may write into the tensor."""
    return np.array(x.detach(), np.float64).ravel()


def _same(a: Any, b: Any) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _scalar(model: Any, x: Any) -> tuple[list[Any], list[Any]]:
    """What `_stack` gives, of a network of `micrograd_cn.nn.scalar`."""
    if not any(type(model).__call__ is kind.__call__ for kind in (scalar.MLP, scalar.Layer, scalar.Neuron)):
        raise _refusal(f"{type(model).__name__} answers in its own way")
    parts = getattr(model, "layers", [model])
    rows = [getattr(part, "neurons", [part]) for part in parts]
    weights = [np.array([[w.data for w in neuron.w] for neuron in row]) for row in rows]
    found = [(w, [n.b.data for n in r], "ReLU" if r[0].nonlin else "Σ") for w, r in zip(weights, rows, strict=True)]
    values = [] if x is None else [list(x)]
    for part in parts if values and len(values[0]) == weights[0].shape[1] else ():
        answer = part(values[-1])
        values.append(answer if isinstance(answer, list) else [answer])
    return found, [[float(v) for v in row] for row in values]
