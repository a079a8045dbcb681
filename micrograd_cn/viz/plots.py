"""Plots of training and of what a network does, with matplotlib (the extra "plot").

Every function draws on ``ax``, or on a new figure without it, and returns the Axes. A ``model`` is a module or any
function from inputs ``(n, features)`` to one answer a row; it is asked without gradients and as in evaluation.
Labels are Chinese where a Chinese font is installed and English elsewhere: see `label` and `dress`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from micrograd_cn.creation import tensor
from micrograd_cn.dtypes import get_default_dtype
from micrograd_cn.extras import need
from micrograd_cn.nn import Linear, Module
from micrograd_cn.tensor import Tensor
from micrograd_cn.viz.labels import CHINESE_FONTS as CHINESE_FONTS, chinese_font as chinese_font, dress, label
from micrograd_cn.viz.network import evaluating

CLASSES = ("#2f6fb5", "#d9523f")  # of answers 0 and 1
CURVES = ((CLASSES[0], "-"), (CLASSES[1], "--"), ("#3a9d5d", "-."), ("#9a7fc2", (0, (1, 1))))  # told apart in grey, too
MESH = {"cmap": "viridis", "edgecolor": "white", "alpha": 0.9, "zorder": 1}  # of a surface; what lies on it is above
ROUTE = "#ff7043"  # of a descent: it stands out from all of viridis, and from black and white


def save(picture: Any, name: str) -> Any:
    """Write a picture into the folder that MICROGRAD_FIGURES names, or into ``micrograd_cn_figures`` here; print where.

    Args:
        picture: an Axes, or a list of them, or a figure; or what `draw` or `animate` returns.
        name: of the file; its suffix says the format. Folders are made.

    Returns:
        The picture: at the end of a notebook's cell it shows itself.

    Raises:
        OSError: if it cannot be written.
    """
    path = Path(os.environ.get("MICROGRAD_FIGURES") or "micrograd_cn_figures", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if hasattr(picture, "save"):
        picture.save(path)
    else:
        (picture[0] if isinstance(picture, list) else picture).figure.savefig(path, dpi=160)
    print(path)
    return picture


# --- what all plots share --------------------------------------------------------------------------------------------


def _axes(ax: Any, projection: str | None = None) -> Any:
    """``ax``, or the Axes of a new figure. A surface needs an Axes with ``projection="3d"``."""
    if ax is None:
        ax = need("matplotlib.pyplot", "plot").figure(layout="constrained").add_subplot(projection=projection)
    if projection:
        if ax.name != projection:
            raise ValueError("a surface is drawn on an Axes made with projection='3d'; this one is flat")
        ax.set_box_aspect(None, zoom=0.93)  # room for the labels
        for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
            axis.set_pane_color((0, 0, 0, 0))
            axis.get_major_locator().set_params(nbins=5)
            axis._axinfo["grid"] |= {"color": (0.5, 0.5, 0.5, 0.4), "linewidth": 0.6}
    return ax


def _panels(ax: Any, rows: Sequence[int], size: float) -> list[Any]:
    """One Axes a picture: those given, or new ones in rows of so many, each ``size`` inches wide."""
    if ax is None:
        shape = len(rows), max(rows)
        whole = size * shape[1], (size + 0.3) * shape[0]
        figure = need("matplotlib.pyplot", "plot").figure(figsize=whole, layout="constrained")
        grid = figure.add_gridspec(*shape)
        return [figure.add_subplot(grid[i, j]) for i, width in enumerate(rows) for j in range(width)]
    given = list(np.ravel(ax))
    if len(given) != sum(rows):
        raise ValueError(f"ax holds {len(given)} Axes, but {sum(rows)} pictures are to be drawn")
    return given


def _array(x: Any) -> np.ndarray[Any, Any]:
    """Numbers, Values, tensors, or lists of them as a float64 array."""
    if isinstance(x, (list, tuple)):
        return np.array([_array(item) for item in x], np.float64)
    return np.array(x.detach() if isinstance(x, Tensor) else x, np.float64)


def _samples(x: Any, y: Any, *features: int) -> tuple[Any, Any]:
    """Inputs ``(n, features)`` and answers ``(n,)`` as arrays."""
    inputs, answers = _array(x), _array(y)
    if inputs.ndim != 2 or inputs.shape[1] not in features or not len(inputs) == answers.size > 0:
        wanted = " or ".join(f"(n, {f})" for f in features)
        raise ValueError(f"x is {wanted} and y holds n answers; got {inputs.shape} and {answers.shape}")
    for name, numbers in (("x", inputs), ("y", answers)):
        if not np.isfinite(numbers).all():
            raise ValueError(f"{name} holds {numbers[~np.isfinite(numbers)][0]}, which has no place in a picture")
    return inputs, answers.ravel()


def _ask(model: Callable[..., Any], points: Any, x: Any) -> Any:
    """What the model says to the points, in the dtype of ``x``: without gradients, and as in evaluation."""
    with evaluating(model):
        return _array(model(tensor(points, dtype=x.dtype if isinstance(x, Tensor) else get_default_dtype())))


def _answers(model: Callable[..., Any], points: Any, x: Any) -> Any:
    """What the model answers to each row of ``points``, ``(n,)``."""
    answers = _ask(model, points, x)
    if answers.size != len(points):
        raise ValueError(f"the model answers {answers.shape} to inputs {points.shape}; one number a row can be drawn")
    return answers.ravel()


def _layers(model: Module, points: Any, x: Any) -> list[tuple[str, Any, Any]]:
    """Each Linear's name, what comes out of it, and what its activation makes of that: what the next one takes in."""
    if not isinstance(model, Module):
        raise TypeError(f"a module is needed, to look into it, not a {type(model).__name__}")
    names = {module: name for name, module in model.named_modules() if isinstance(module, Linear)}
    if not names:
        raise ValueError(f"the model has no Linear layer to look into: {model!r}")
    seen: list[tuple[str, Any, Any]] = []

    def remember(layer: Any, taken: Any, made: Any) -> None:
        seen.append((names[layer], _array(taken[0]), _array(made)))

    hooks = [layer.register_forward_hook(remember) for layer in names]
    try:
        answers = _ask(model, points, x)
    finally:
        for hook in hooks:
            hook.remove()
    after = [taken for _, taken, _ in seen[1:]] + [answers]
    return [(name, made, then) for (name, _, made), then in zip(seen, after, strict=True)]


def _grid(x: Any, margin: float, steps: int) -> list[Any]:
    """For each feature ``steps`` numbers over the range of the samples and ``margin`` of it beyond, on both sides."""
    low, high = x.min(axis=0), x.max(axis=0)
    more = margin * np.where(high > low, high - low, 1)
    return list(np.linspace(low - more, high + more, steps).T)


def _mesh(sides: list[Any]) -> tuple[Any, Any]:
    """The coordinates of a grid, each ``(steps, ..., steps)``, and all its points as rows."""
    mesh = np.meshgrid(*sides)
    return mesh, np.stack([m.ravel() for m in mesh], axis=1)


def _ink(ax: Any) -> Any:
    """The colour of writing: black on a light figure, white on a dark one."""
    return ax.xaxis.label.get_color()


def _curve(ax: Any) -> dict[str, Any]:
    """The look of the next one of several curves."""
    colour, dashes = CURVES[len(ax.lines) % len(CURVES)]
    return {"color": colour, "linestyle": dashes, "linewidth": 1.8}


def _shades(ax: Any, strength: float = 0.45) -> list[Any]:
    """The colours of regions: the classes' own, mixed into the background, unequally: they differ in grey, too."""
    mixed = need("matplotlib.colors", "plot").to_rgb
    background = np.array(mixed(ax.get_facecolor()))
    shares = 1.3 * strength, 0.7 * strength
    return [background + s * (np.array(mixed(c)) - background) for s, c in zip(shares, CLASSES, strict=True)]


def _scatter(ax: Any, y: Any, *coordinates: Any, size: float = 26, **how: Any) -> None:
    """The samples, class 0 as squares and class 1 as circles, so that they differ in grey, too; a few are larger."""
    how |= {"edgecolors": ax.get_facecolor(), "linewidths": size / 50, "s": size if len(y) > 12 else max(size, 50)}
    for one, (marker, colour) in enumerate(zip("so", CLASSES, strict=True)):
        members = (y > 0.5) == one
        if members.any():
            ax.scatter(*(c[members] for c in coordinates), marker=marker, color=colour, label=f"y = {one}", **how)


def _field(ax: Any, sides: list[Any], answers: Any, middle: float, reach: float) -> None:
    """Answers over the plane: the classes' colours above and below ``middle``, and its contour."""
    low, high = _shades(ax)
    shades = need("matplotlib.colors", "plot").LinearSegmentedColormap.from_list("", [low, ax.get_facecolor(), high])
    mesh, _ = _mesh(sides)
    z = answers.reshape(mesh[0].shape)
    levels = middle + reach * np.linspace(-1, 1, 17)
    ax.contourf(*mesh, z, levels=levels, cmap=shades, extend="both")
    if z.min() < middle < z.max():
        ax.contour(*mesh, z, levels=[middle], colors=[_ink(ax)], linewidths=1.6, linestyles="solid")
    ax.set_box_aspect(1)


# --- training --------------------------------------------------------------------------------------------------------


def loss_curve(losses: Any, ax: Any = None) -> Any:
    """The loss after each epoch or step: a sequence of numbers, or a dict of them by name to compare several.

    Raises:
        ValueError: if there is no loss.
    """
    curves = losses if isinstance(losses, Mapping) else {None: losses}
    if not curves or not all(map(len, curves.values())):
        raise ValueError(f"losses holds one or more numbers for each curve, got {losses!r}")
    ax = _axes(ax)
    for name, values in curves.items():
        ax.plot(np.arange(1, len(values) + 1), _array(values), label=name, **_curve(ax))
    if isinstance(losses, Mapping):
        ax.legend()
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.grid(alpha=0.25)
    return dress(ax, title=label("损失曲线", "Loss"), xlabel=label("轮数", "epoch"), ylabel=label("损失", "loss"))


def _route(path: Any, width: int) -> tuple[Any, list[Any]]:
    """The path ``(steps, width)`` and, for each coordinate, the range around its end that holds all of it."""
    route = np.atleast_1d(_array(path))
    if not 0 < route.size == len(route) * width or not np.isfinite(route).all():
        raise ValueError(f"path holds one or more finite places of {width} number(s), got {path!r}")
    route = route.reshape(-1, width)
    reach = np.abs(route - route[-1]).max(axis=0)
    reach = 1.25 * np.where(reach > 0, reach, 1)
    return route, list(np.linspace(route[-1] - reach, route[-1] + reach, 81).T)


def _errors(e: Callable[..., Any], places: Any) -> Any:
    """The error at each place, all finite."""
    found = np.empty(len(places))
    for i, place in enumerate(places.tolist()):
        try:
            found[i] = float(e(*place))
        except OverflowError:
            found[i] = np.inf
        if not np.isfinite(found[i]):
            where = ", ".join(f"{number:g}" for number in place)
            raise ValueError(f"e({where}) is {found[i]:g}: only a path among finite errors can be drawn")
    return found


def _ends(ax: Any, *places: Any) -> None:
    """The path of a descent: a dot at each place, a large one at the start, a star at the end."""
    halo = need("matplotlib.patheffects", "plot").withStroke(linewidth=3.2, foreground=ax.get_facecolor())
    edge = {"color": ROUTE, "markeredgecolor": _ink(ax), "markeredgewidth": 0.6, "zorder": 5, "path_effects": [halo]}
    ax.plot(*places, "o-", markersize=4, linewidth=1.6, markevery=0.015, **edge)  # not every one where they crowd
    ax.plot(*(p[:1] for p in places), "o", markersize=8, **edge)
    ax.plot(*(p[-1:] for p in places), "*", markersize=14, **edge)


def descent(e: Callable[[float], Any], path: Any, ax: Any = None) -> Any:
    """The error e(w) as a curve with the places of a descent on it.

    Args:
        e: from a float w to the error: a number, a Value or a tensor.
        path: w after each step, from the start on.
        ax: an Axes, or None for a new one.
    """
    ax = _axes(ax)
    route, (w,) = _route(path, 1)
    w = np.linspace(w[0], w[-1], 201)[:, None]
    ax.plot(w[:, 0], _errors(e, w), color=CLASSES[0], linewidth=2)
    _ends(ax, route[:, 0], _errors(e, route))
    ax.grid(alpha=0.25)
    return dress(ax, title=label("沿 e(w) 下降", "Descent on e(w)"), xlabel="$w$", ylabel="$e$")


def _heights(e: Callable[[float, float], Any], path: Any) -> tuple[Any, ...]:
    """The path, its heights, and the grid around it with its heights."""
    route, sides = _route(path, 2)
    (w, b), points = _mesh(sides)
    return route.T, _errors(e, route), w, b, _errors(e, points).reshape(w.shape)


def bowl(e: Callable[[float, float], Any], path: Any, ax: Any = None) -> Any:
    """The error e(w, b) as a surface in space with the descent on it; ``path`` holds pairs (w, b). See `descent`."""
    ax = _axes(ax, "3d")
    route, errors, w, b, heights = _heights(e, path)
    ax.computed_zorder = False  # the path lies on the surface: it is never hidden by it
    ax.plot_surface(w, b, heights, rcount=41, ccount=41, linewidth=0.2, **MESH)
    _ends(ax, *route, errors)
    return dress(ax, title=label("误差曲面 e(w, b)", "The error e(w, b)"), xlabel="$w$", ylabel="$b$", zlabel="$e$")


def contours(e: Callable[[float, float], Any], path: Any, ax: Any = None) -> Any:
    """The error e(w, b) seen from above: contours, and the descent across them. See `bowl`."""
    ax = _axes(ax)
    route, _, w, b, heights = _heights(e, path)
    # Levels that grow with the square of the distance stand evenly apart on a bowl.
    levels = heights.min() + max(np.ptp(heights), 1e-12) * np.linspace(0, 1, 15) ** 2
    filled = ax.contourf(w, b, heights, levels=levels, cmap="viridis", alpha=0.85)
    ax.contour(w, b, heights, levels=levels, colors="white", linewidths=0.5)
    ax.figure.colorbar(filled, ax=ax, label="$e$", format="%.2g")
    _ends(ax, *route)
    return dress(ax, title=label("误差的等高线", "Contours of the error"), xlabel="$w$", ylabel="$b$")


# --- what a network answers ------------------------------------------------------------------------------------------


def decision(model: Callable[..., Any], x: Any, y: Any, ax: Any = None) -> Any:
    """Where the model says 0 and where 1, with the contour of 0.5 between them and the samples on top.

    A model that answers logits, whose border is 0, is drawn as ``lambda x: model(x).sigmoid()``.

    Args:
        model: from ``(n, 2)`` (regions in the plane) or ``(n, 1)`` (a curve) to one answer a row, from 0 to 1.
        x: the samples, ``(n, 2)`` or ``(n, 1)``.
        y: their answers, n numbers 0 or 1: what is above 0.5 is drawn as 1.
        ax: an Axes, or None for a new one.

    Raises:
        ValueError: for other shapes.
    """
    ax = _axes(ax)
    inputs, targets = _samples(x, y, 1, 2)
    sides = _grid(inputs, 0.12, 161)
    answers = _answers(model, _mesh(sides)[1], x)
    if len(sides) == 1:
        no, yes = _shades(ax, 0.3)
        ax.axvspan(sides[0][0], sides[0][-1], color=no, linewidth=0, zorder=0)
        ax.margins(x=0)
        where = {"where": answers > 0.5, "transform": ax.get_xaxis_transform()}
        ax.fill_between(sides[0], 0, 1, color=yes, linewidth=0, zorder=0, **where)
        ax.plot(sides[0], answers, color=_ink(ax), linewidth=2)
        ax.axhline(0.5, color=_ink(ax), linewidth=0.8, linestyle="--")
        _scatter(ax, targets, inputs[:, 0], targets, zorder=3)
    else:
        _field(ax, sides, answers, 0.5, 0.5)
        _scatter(ax, targets, *inputs.T, zorder=3)
    xlabel, ylabel = ("$x_1$", "$x_2$") if len(sides) == 2 else ("$x$", "$y$")
    title = label("决策区域与 0.5 等高线", "Decision regions and the contour of 0.5")
    return dress(ax, title=title, xlabel=xlabel, ylabel=ylabel)


def surface(model: Callable[..., Any], x: Any, y: Any, ax: Any = None) -> Any:
    """The model's answers as a surface in space over the range of the samples ``(n, 2)``, with the samples."""
    ax = _axes(ax, "3d")
    inputs, targets = _samples(x, y, 2)
    mesh, points = _mesh(_grid(inputs, 0, 41))
    heights = _answers(model, points, x).reshape(mesh[0].shape)
    both = np.concatenate([heights.ravel(), targets])  # a flat surface has one colour
    ax.plot_surface(*mesh, heights, rcount=21, ccount=21, linewidth=0.3, vmin=both.min(), vmax=both.max(), **MESH)
    ax.computed_zorder = False  # a sample on the surface is not half hidden by it
    _scatter(ax, targets, *inputs.T, targets, size=30, depthshade=False, zorder=3)
    ax.view_init(elev=33, azim=-62)
    title = label("网络的曲面 y(x1, x2)", "The network's surface y(x1, x2)")
    return dress(ax, title=title, xlabel="$x_1$", ylabel="$x_2$", zlabel="$y$")


# --- inside of a network ---------------------------------------------------------------------------------------------


def neurons(model: Module, x: Any, y: Any, ax: Any = None, most: int = 8) -> list[Any]:
    """What each hidden neuron sees: its answer over the plane ``(n, 2)``, or the line ``(n, 1)``; a row a layer.

    Args:
        model: a module with Linear layers; what a layer's neurons say is what the next Linear takes in.
        x: the samples, ``(n, 2)`` or ``(n, 1)``.
        y: their answers, n numbers.
        ax: as many Axes as pictures, or None for a new figure.
        most: so many neurons of each layer are drawn, the first ones.

    Returns:
        The Axes, neuron by neuron.

    Raises:
        ValueError: for a model without a hidden layer, for other shapes, or for another number of Axes.
    """
    inputs, targets = _samples(x, y, 1, 2)
    sides = _grid(inputs, 0.12, 81)
    hidden = [after[:, :most] for _, _, after in _layers(model, _mesh(sides)[1], x)[:-1]]
    if not hidden:
        raise ValueError("the model has no hidden layer: its first Linear is its last one")
    panels = iter(drawn := _panels(ax, [h.shape[1] for h in hidden], 2.0))
    for depth, layer in enumerate(hidden, 1):
        for number, answers in enumerate(layer.T, 1):
            panel = next(panels)
            if len(sides) == 1:
                panel.plot(sides[0], answers, color=_ink(panel), linewidth=2)
                _scatter(panel, targets, inputs[:, 0], targets, size=10)
            else:
                reach = max(np.ptp(answers), 1e-12) / 2  # the contour stands halfway up
                _field(panel, sides, answers, answers.min() + reach, reach)
                _scatter(panel, targets, *inputs.T, size=7)
                panel.set(xticks=[], yticks=[])
            dress(panel, title=label(f"第 {depth} 层 神经元 {number}", f"layer {depth}, neuron {number}"))
            panel.title.set_fontsize(9)
    return drawn


def folding(model: Module, x: Any, y: Any, ax: Any = None) -> list[Any]:
    """What each layer does to the plane: moved by the linear map, then folded by the activation, plane by plane.

    The grid of the inputs and the samples are carried through the network. One answer is drawn on a line.

    Args:
        model: a module with Linear layers of 2 neurons, the last one of 1 or 2.
        x: the samples, ``(n, 2)``.
        y: their answers, n numbers.
        ax: as many Axes as pictures, or None for a new figure.

    Returns:
        The Axes: of the inputs, and of each layer before and (where that differs) after its activation.

    Raises:
        ValueError: for wider layers, other shapes, or another number of Axes.
    """
    inputs, targets = _samples(x, y, 2)
    across, along = _grid(inputs, 0, 9), _grid(inputs, 0, 65)
    lines = [np.stack(np.broadcast_arrays(v, along[1]), axis=1) for v in across[0]]
    lines += [np.stack(np.broadcast_arrays(along[0], v), axis=1) for v in across[1]]
    points = np.concatenate([*lines, inputs])
    stages = [(label("输入平面", "the inputs"), points)]
    for depth, (name, before, after) in enumerate(_layers(model, points, x), 1):
        if before.shape[1] > 2:
            raise ValueError(f"folding() draws layers of 2 neurons, {name!r} has {before.shape[1]}")
        stages.append((label(f"第 {depth} 层：线性变换", f"layer {depth}: linear map"), before))
        if not np.array_equal(before, after):
            stages.append((label(f"第 {depth} 层：激活折叠", f"layer {depth}: activation"), after))
    collection = need("matplotlib.collections", "plot").LineCollection
    panels = _panels(ax, [len(stages)], 2.6)
    for panel, (title, places) in zip(panels, stages, strict=True):
        flat = places.shape[1] == 1
        places = np.column_stack([places, np.zeros(len(places))])[:, :2]
        drawn = places[: -len(inputs)].reshape(len(lines), -1, 2)
        for half, colour in zip(np.split(drawn, 2), ("#4a9d8f", "#9a7fc2"), strict=True):
            panel.add_collection(collection(list(half), colors=colour, linewidths=1, alpha=0.8))
        _scatter(panel, targets, *places[-len(inputs) :].T, size=16, zorder=3)
        panel.set_aspect("equal", adjustable="datalim")
        panel.margins(0.1)
        panel.locator_params(nbins=4)
        if flat:
            panel.set_yticks([])
        dress(panel, title=title)
        panel.title.set_fontsize(10)
    return panels


def gradient_sizes(model: Module, ax: Any = None, name: str | None = None) -> Any:
    """The mean size of the gradient in each layer's weight, on a logarithmic scale, after a backward.

    Where it falls towards the first layer, the gradients vanish. Drawn on one Axes, models compare by ``name``.

    Raises:
        ValueError: if no weight has a gradient.
    """
    sizes = {n: np.abs(_array(p.grad)).mean() for n, p in model.named_parameters() if p.ndim > 1 and p.grad is not None}
    if not sizes:
        raise ValueError("no weight of the model has a gradient: call backward() on the loss first")
    ax = _axes(ax)
    ax.plot(range(len(sizes)), list(sizes.values()), marker="o", label=name, **_curve(ax))
    ax.set_yscale("log", nonpositive="clip")
    ax.set_xticks(range(len(sizes)), list(sizes), rotation=20, ha="right")
    if name:
        ax.legend()
    ax.grid(alpha=0.25)
    title = label("各层梯度的大小", "Gradient size of each layer")
    return dress(ax, title=title, ylabel=label("平均 |梯度|", "mean |gradient|"))


def _rectified(before: Any, after: Any) -> bool:
    return np.array_equal(after, np.maximum(before, 0)) and not np.array_equal(after, before)


def dead_relus(model: Module, x: Any, ax: Any = None) -> Any:
    """How many neurons of each layer answer 0 to every sample of ``x``: dead ReLUs, which no longer learn.

    Only layers after which a ReLU is seen to cut something off are drawn.

    Raises:
        ValueError: if there is none, or ``x`` holds no sample.
    """
    if not (points := _array(x)).size:
        raise ValueError(f"x holds one or more samples, got {points.shape}")
    layers = [(n, a.reshape(-1, a.shape[-1])) for n, b, a in _layers(model, points, x) if _rectified(b, a)]
    if not layers:
        raise ValueError("no ReLU cuts anything off after a Linear layer of the model: there is none to be dead")
    ax = _axes(ax)
    places, widths = range(len(layers)), [after.shape[1] for _, after in layers]
    dead = [int((after == 0).all(axis=0).sum()) for _, after in layers]
    ax.bar(places, widths, color="none", edgecolor=_ink(ax), linewidth=1, label=label("全部", "all"))
    bars = ax.bar(places, dead, color=CLASSES[1], label=label("死亡", "dead"))
    ax.set_xticks(places, [name for name, _ in layers])
    ax.bar_label(bars, [f"{d}/{w}" for d, w in zip(dead, widths, strict=True)], padding=2)
    ax.set_ylim(0, 1.2 * max(widths))
    ax.legend(loc="upper right", ncols=2)
    title = label("死亡的 ReLU 神经元", "Dead ReLU neurons")
    return dress(ax, title=title, xlabel=label("层", "layer"), ylabel=label("神经元个数", "neurons"))
