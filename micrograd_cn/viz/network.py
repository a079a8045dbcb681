"""`draw_network`: neurons as circles, weights as lines."""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.autograd.modes import no_grad
from micrograd_cn.nn import Linear, scalar
from micrograd_cn.viz.drawing import FONTS, INK, LINE, STYLES, escaped, numeral
from micrograd_cn.viz.rendering import Drawing

MOST, FIRST = 12, 5  # so many neurons of a layer are drawn; a larger one shows so many first ones and the last
ACROSS = 2.8  # inches between the circles of two layers
WRITTEN = 4  # a weight is written on its line if neither layer has more neurons than this
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
        model: a module whose parameters all belong to its `nn.Linear` layers, which run in their order, or an `MLP`,
            `Layer` or `Neuron` of `micrograd_cn.nn.scalar`.
        x: one input; every circle then shows what comes out of it.
        digits: significant digits of the numbers.

    Raises:
        TypeError: if ``model`` is no such network.
        ValueError: if ``x`` is not one input of it.
    """
    layers = _layers(model)
    values = [None] * (len(layers) + 1) if x is None else _values(model, layers, x)
    sizes = [layers[0][0].shape[1], *(weight.shape[0] for weight, _, _ in layers)]
    shown = [list(range(n)) if n <= MOST else [*range(FIRST), n - 1] for n in sizes]
    picture = Drawing(
        engine="neato",
        graph_attr={"bgcolor": "white", "pad": "0.15", "splines": "line", "outputorder": "edgesfirst"},
        node_attr={"fontname": FONTS, "fontsize": "11", "fontcolor": INK, "fixedsize": "true"},
        edge_attr={"arrowhead": "none"},
    )
    said = {(layer, i): _said(layer, i, layers, values[layer], digits) for layer, row in enumerate(shown) for i in row}
    wide = max(0.72, max(0.09 * len(line) + 0.1 for text in said.values() for line in text.splitlines()))
    pitch = wide + (0.75 if max(sizes) <= WRITTEN else 0.5)
    ends: dict[tuple[int, int], tuple[float, float]] = {}
    for layer, (places, size) in enumerate(zip(shown, sizes, strict=True)):
        count = len(places) + (size > MOST)
        for row, i in enumerate(places):
            row += size > MOST and i == size - 1
            at = ends[layer, i] = (ACROSS + wide) * layer, pitch * ((count - 1) / 2 - row)
            label = r"\n".join(map(escaped, said[layer, i].splitlines()))
            kind = "leaf" if not layer else "parameter" if layer < len(layers) else "root"
            look = STYLES[kind] | {"style": "filled", "penwidth": "1.4", "shape": "circle", "width": f"{wide:.2f}"}
            picture.node(f"n{layer}_{i}", label, pos=_at(*at), tooltip=label, **look)
            if layer and (bias := layers[layer - 1][1]) is not None:
                _plate(picture, f"b{layer}_{i}", f"b {numeral(bias[i], digits)}", at[0], at[1] - wide / 2 - 0.15, LINE)
        if size > MOST:
            _plate(picture, f"more{layer}", f"⋮ × {size - FIRST - 1}", at[0], at[1] + pitch, LINE)
    for layer, (weight, _, _) in enumerate(layers):
        largest = np.abs(weight).max(initial=0) or 1
        few = max(sizes[layer : layer + 2]) <= WRITTEN
        share = 1 / (len(shown[layer + 1]) + 1)  # where on the lines the numbers stand: there all heights differ
        for i in shown[layer]:
            for j in shown[layer + 1]:
                w = weight[j, i]
                number = numeral(w, digits)
                look = {"color": POSITIVE, "style": "solid"} if w >= 0 else {"color": NEGATIVE, "style": "dashed"}
                look["penwidth"] = f"{0.5 + (3 if few else 1.7) * abs(w) / largest:.2f}"
                picture.edge(f"n{layer}_{i}", f"n{layer + 1}_{j}", tooltip=number, **look)
                if few:
                    (a, b), (c, d) = ends[layer, i], ends[layer + 1, j]
                    at = a + share * (c - a), b + share * (d - b)
                    _plate(picture, f"w{layer}_{i}_{j}", number, *at, look["color"])
    return picture


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


def _layers(model: Any) -> list[tuple[Any, Any, str]]:
    """Weights (outputs × inputs), biases and the activation's symbol of each layer."""
    found: list[tuple[Any, Any, str]] = []
    if isinstance(model, scalar.Module):
        for layer in getattr(model, "layers", [model]):
            neurons = getattr(layer, "neurons", [layer])
            weights = np.array([[w.data for w in neuron.w] for neuron in neurons])
            found.append((weights, [n.b.data for n in neurons], "ReLU" if neurons[0].nonlin else "Σ"))
        return found
    for part in model.modules() if hasattr(model, "modules") else ():
        name = type(part).__name__
        if isinstance(part, Linear):
            bias = None if part.bias is None else part.bias.detach().numpy()
            found.append((part.weight.detach().numpy(), bias, "Σ"))
        elif next(iter(part.parameters(recurse=False)), None) is not None:
            raise TypeError(f"draw_network() draws linear layers; draw a model with a {name} by viz.draw(model, x)")
        elif found and not list(part.children()) and SYMBOLS.get(name, name):
            found[-1] = (*found[-1][:2], SYMBOLS.get(name, name))
    if not found:
        raise TypeError(f"draw_network() draws modules with linear layers; {type(model).__name__} has none")
    return found


def _values(model: Any, layers: list[Any], x: Any) -> list[Any]:
    """The input and what comes out of every layer after its activation: what the next linear layer reads."""
    values: list[Any] = []
    with no_grad():
        if isinstance(model, scalar.Module):
            values.append(list(x))
            for layer in getattr(model, "layers", [model]):
                y = layer(values[-1])
                values.append(y if isinstance(y, list) else [y])
            values = [[float(v) for v in row] for row in values]
        else:
            parts = [part for part in model.modules() if isinstance(part, Linear)]
            hooks = [p.register_forward_pre_hook(lambda _, args: values.append(args[0])) for p in parts]
            try:
                values.append(model(x))
            finally:
                for hook in hooks:
                    hook.remove()
            values = [np.ravel(v.numpy()) for v in values]
    sizes = [layers[0][0].shape[1], *(len(weight) for weight, _, _ in layers)]
    if [len(v) for v in values] != sizes:
        raise ValueError(f"x must be one input of {sizes[0]} numbers; got {np.shape(x)} numbers")
    return values
