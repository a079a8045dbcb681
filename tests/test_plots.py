"""Plots: what is promised stands on the Axes, in light and dark, and no text has a character that its font lacks."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

import micrograd_cn as mt
from micrograd_cn import Value, datasets, nn
from micrograd_cn.viz import draw, plots

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import colors, font_manager, pyplot as plt  # noqa: E402

FONT = plots.chinese_font()
PATH = [-1.0, 0.5, 1.2, 1.7]
PATH_2 = [(-1.0, 0.5), (0.0, 0.0), (0.4, 0.1)]


def e(w):
    """The error of tutorial 001's one bean; its lowest point is w = 1.7."""
    return 0.16 * w**2 - 0.544 * w + 0.4624


def e2(w, b):
    return (w - 0.4) ** 2 + 2 * (b - 0.1) ** 2 + w * b


def exact():
    """Tutorial 000's exact solution of XOR: weights 1 1 1 1 and 1 -2, biases 0 -1 and 0."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU())
    numbers = [[[1.0, 1.0], [1.0, 1.0]], [0.0, -1.0], [[1.0, -2.0]], [0.0]]
    model.load_state_dict(dict(zip(model.state_dict(), map(mt.tensor, numbers), strict=True)))
    return model


def line_model():
    """One neuron whose contour of 0.5 is the line x1 = 2 x2."""
    model = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())
    model.load_state_dict({"0.weight": mt.tensor([[1.0, -2.0]]), "0.bias": mt.tensor([0.0])})
    return model


def backward(model):
    x, y = datasets.circle(50)
    nn.MSELoss()(model(x), y).backward()
    return model


def deep(activation=nn.Sigmoid):
    mt.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 6), activation(), nn.Linear(6, 4), activation(), nn.Linear(4, 1), nn.Sigmoid())


XOR = datasets.gates("xor")
HILL = datasets.beans("hill", 30)
CIRCLE = datasets.circle(40)
ALL = {
    "loss_curve": lambda **at: plots.loss_curve([3.0, 2.0, 1.5], **at),
    "loss_curves": lambda **at: plots.loss_curve({plots.label("一", "one"): [3.0, 2.0], "two": [1.0]}, **at),
    "descent": lambda **at: plots.descent(e, PATH, **at),
    "bowl": lambda **at: plots.bowl(e2, PATH_2, **at),
    "contours": lambda **at: plots.contours(e2, PATH_2, **at),
    "decision": lambda **at: plots.decision(line_model(), *CIRCLE, **at),
    "decision on a line": lambda **at: plots.decision(nn.Linear(1, 1), *HILL, **at),
    "surface": lambda **at: plots.surface(exact(), *XOR, **at),
    "neurons": lambda **at: plots.neurons(deep(), *CIRCLE, **at),
    "neurons on a line": lambda **at: plots.neurons(nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1)), *HILL, **at),
    "folding": lambda **at: plots.folding(exact(), *XOR, **at),
    "gradient_sizes": lambda **at: plots.gradient_sizes(backward(deep()), name="sigmoid", **at),
    "dead_relus": lambda **at: plots.dead_relus(deep(nn.ReLU), CIRCLE[0], **at),
}
SEVERAL = {"neurons": 10, "neurons on a line": 2, "folding": 4}
IN_SPACE = {"bowl", "surface"}


@pytest.fixture(autouse=True)
def _clean():
    yield
    plt.close("all")


@pytest.fixture(params=["with a Chinese font", "without"])
def font(request, monkeypatch):
    """Fonts as on a machine that has a Chinese one, and as on one that has none."""
    if request.param == "without":
        latin = [f for f in font_manager.fontManager.ttflist if f.name == "DejaVu Sans"]
        monkeypatch.setattr(font_manager.fontManager, "ttflist", latin)
        return None
    if FONT is None:
        pytest.skip(f"no Chinese font is installed: none of {', '.join(plots.CHINESE_FONTS)}")
    return FONT


def texts(ax):
    return [t for t in ax.findobj(matplotlib.text.Text) if t.get_text()]


def points(ax):
    """The samples that were scattered, as rows, with their colours."""
    found = [(np.asarray(c.get_offsets()), c) for c in ax.collections if hasattr(c, "get_sizes") and len(c.get_sizes())]
    rows = [(*row, colors.to_hex(c.get_facecolor()[0])) for at, c in found for row in at.tolist()]
    return sorted(rows)


# --- all of them -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("name", ALL)
def test_every_plot_is_drawn_without_a_missing_character(name, style, font):
    with warnings.catch_warnings(), plt.style.context(style):
        warnings.simplefilter("error")  # "Glyph 25439 (...) missing from font", "findfont: ..."
        made = ALL[name]()
        drawn = made if name in SEVERAL else [made]
        drawn[0].figure.canvas.draw()
    assert len(drawn) == SEVERAL.get(name, 1)
    for ax in drawn:
        assert isinstance(ax, matplotlib.axes.Axes) and (ax.name == "3d") is (name in IN_SPACE)
        chinese = any("\u4e00" <= c <= "\u9fff" for c in ax.get_title())
        assert chinese is (font is not None), ax.get_title()


@pytest.mark.parametrize("name", ALL)
def test_every_plot_is_drawn_on_the_axes_that_it_is_given(name):
    many = SEVERAL.get(name, 1)
    projection = {"projection": "3d"} if name in IN_SPACE else {}
    figure, axes = plt.subplots(1, many, subplot_kw=projection, squeeze=False)
    made = ALL[name](ax=axes[0] if name in SEVERAL else axes[0, 0])
    assert np.array_equal(np.ravel(made), axes[0])
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("name", ALL)
def test_writing_can_be_told_from_the_background(name):
    for style in ("default", "dark_background"):
        with plt.style.context(style):
            ax = np.ravel(ALL[name]())[0]
            background = np.mean(colors.to_rgb(ax.figure.get_facecolor()))
            for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
                assert abs(np.mean(colors.to_rgb(text.get_color())) - background) > 0.5


def test_labels_fall_back_to_english(font):
    assert plots.label("损失", "loss") == ("损失" if font else "loss")
    assert plots.chinese_font() == font


def test_dress_gives_only_chinese_texts_the_chinese_font(font):
    ax = plt.figure().add_subplot()
    ax.plot([0, 1], label=plots.label("豆豆", "beans"))
    ax.legend()
    assert plots.dress(ax, title=plots.label("毒性", "poison"), xlabel="$x$") is ax
    for text in texts(ax):
        assert (font in text.get_fontfamily()) is (not text.get_text().isascii()) if font else text.get_text().isascii()


def test_without_matplotlib_one_sentence_says_what_to_install():
    code = "import sys; sys.modules['matplotlib'] = None\nfrom micrograd_cn.viz import plots\nplots.loss_curve([1.0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    last = done.stderr.strip().splitlines()[-1]
    assert last == "ModuleNotFoundError: this needs matplotlib, which is missing: pip install 'micrograd-cn[plot]'"


def test_matplotlib_is_not_imported_before_it_is_needed():
    code = "import sys, micrograd_cn.viz.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


@pytest.mark.parametrize(
    "name, picture",
    [
        ("axes.png", lambda: plots.loss_curve([1.0])),
        ("several.svg", lambda: plots.folding(exact(), *XOR)),
        ("figure.png", lambda: plots.loss_curve([1.0]).figure),
        ("graph.svg", lambda: draw(Value(1.0) * 2)),
    ],
)
def test_pictures_are_saved_where_the_environment_says_and_the_path_is_printed(
    name, picture, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MICROGRAD_FIGURES", str(tmp_path / "new"))
    drawn, path = picture(), tmp_path / "new" / name
    assert plots.save(drawn, name) is drawn  # so that a notebook shows it
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_bytes().lstrip()[:5] in (b"\x89PNG\r", b"<?xml")


# --- training --------------------------------------------------------------------------------------------------------


def test_loss_curve_shows_the_losses():
    losses = [Value(3.0), mt.tensor(2.0, requires_grad=True), 1.5]
    (line,) = plots.loss_curve(losses).lines
    assert line.get_xydata().tolist() == [[1, 3], [2, 2], [3, 1.5]]
    ax = plots.loss_curve({"SGD": [2.0, 1.0], "Adam": [2.0, 0.5, 0.1]})
    assert [len(line.get_xdata()) for line in ax.lines] == [2, 3]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["SGD", "Adam"]


@pytest.mark.parametrize("draw", ["loss_curve", "gradient_sizes"])
def test_several_curves_differ_in_colour_and_in_dashes(draw):
    if draw == "loss_curve":
        ax = plots.loss_curve({name: [2.0, 1.0] for name in "abcd"})
    else:
        ax = plt.figure().add_subplot()
        for name in "abcd":
            plots.gradient_sizes(backward(deep()), ax=ax, name=name)
    assert len({colors.to_hex(line.get_color()) for line in ax.lines}) == 4
    assert len({str(line._unscaled_dash_pattern) for line in ax.lines}) == 4  # and so in grey


@pytest.mark.parametrize("number", [float, Value, mt.tensor])
def test_descent_lies_on_the_curve(number):
    ax = plots.descent(lambda w: e(number(w)), [number(w) for w in PATH])
    curve, path = (line.get_xydata() for line in ax.lines[:2])
    assert path == pytest.approx(np.array([(w, e(w)) for w in PATH]), abs=1e-6)
    assert curve[:, 1] == pytest.approx(e(curve[:, 0]), abs=1e-6)
    assert curve[:, 0].min() < min(PATH) and curve[:, 0].max() > max(PATH)
    assert curve[curve[:, 1].argmin(), 0] == pytest.approx(1.7, abs=0.02)  # the bottom is in the picture


def test_a_descent_of_one_place_is_drawn():
    assert len(plots.descent(e, [0.0]).lines[0].get_xdata()) > 100
    assert plots.bowl(e2, [(0.0, 0.0)]).name == "3d"


def test_contours_show_the_path_within_levels_of_the_error():
    ax = plots.contours(e2, PATH_2)
    assert ax.lines[0].get_xydata().tolist() == [list(p) for p in PATH_2]
    (w0, w1), (b0, b1) = ax.get_xlim(), ax.get_ylim()
    assert all(w0 < w < w1 and b0 < b < b1 for w, b in PATH_2)
    level, lines = next((v, p) for v, p in zip(ax.collections[1].levels, ax.collections[1].get_paths(), strict=True)
                        if v > e2(*PATH_2[-1]) + 0.5)  # fmt: skip
    assert e2(*lines.vertices.T) == pytest.approx(level, rel=0.02)


def test_the_path_lies_on_the_bowl():
    w, b, height = plots.bowl(e2, PATH_2).lines[0].get_data_3d()
    assert np.column_stack([w, b]).tolist() == [list(p) for p in PATH_2]
    assert height == pytest.approx(e2(w, b))


# --- what a network answers ------------------------------------------------------------------------------------------


def test_decision_has_the_samples_and_the_contour_of_a_half():
    ax = plots.decision(line_model(), *CIRCLE)
    x, y = CIRCLE
    known = [(*row, plots.CLASSES[int(one)]) for row, (one,) in zip(x.tolist(), y.tolist(), strict=True)]
    assert points(ax) == sorted(known)
    regions, contour = ax.collections[:2]
    assert regions.get_array().min() < 0.5 < regions.get_array().max()
    (path,) = contour.get_paths()
    assert contour.levels == [0.5]
    assert path.vertices[:, 0] == pytest.approx(2 * path.vertices[:, 1], abs=0.05)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_regions_differ_in_grey(style):
    with plt.style.context(style):
        ax = plots.decision(line_model(), *CIRCLE)
        ax.figure.canvas.draw()
        grey = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3] @ [0.299, 0.587, 0.114]
    height = len(grey)
    no, yes = (grey[height - 1 - round(at[1]), round(at[0])] for at in ax.transData.transform([(-5, 5), (5.5, -5)]))
    assert abs(no - yes) > 15


def test_decision_on_one_feature_is_the_models_curve():
    step = lambda x: mt.sigmoid(40 * (x - 0.3)) - mt.sigmoid(40 * (x - 0.7))  # noqa: E731
    x, y = HILL
    ax = plots.decision(step, x, y)
    w, answers = ax.lines[0].get_data()
    assert answers == pytest.approx(step(mt.tensor(w)).numpy(), abs=1e-5)
    assert ax.lines[1].get_ydata() == [0.5, 0.5]
    known = [(a, b, plots.CLASSES[int(b)]) for (a,), (b,) in zip(x.tolist(), y.tolist(), strict=True)]
    assert points(ax) == sorted(known)
    poisonous = ax.collections[0].get_paths()
    assert len(poisonous) == 1  # one region, between the two crossings
    assert [poisonous[0].vertices[:, 0].min(), poisonous[0].vertices[:, 0].max()] == pytest.approx([0.3, 0.7], abs=0.01)


def test_few_samples_are_large_and_none_is_hidden_by_the_surface():
    sizes = [plots.decision(line_model(), *data).collections[-1].get_sizes()[0] for data in (XOR, CIRCLE)]
    assert sizes[0] > 1.5 * sizes[1]
    ax = plots.surface(exact(), *XOR)
    mesh, *samples = ax.collections
    assert not ax.computed_zorder and all(s.zorder > mesh.zorder for s in samples) and len(samples) == 2


def test_surface_goes_through_the_corners_of_the_exact_solution():
    ax = plots.surface(exact(), *XOR)
    mesh = np.concatenate([np.asarray(face) for face in ax.collections[0]._faces])
    for (a, b), (target,) in zip(XOR[0].tolist(), XOR[1].tolist(), strict=True):
        corner = mesh[np.abs(mesh[:, :2] - [a, b]).max(axis=1) < 1e-9]
        assert len(corner) and corner[:, 2] == pytest.approx(target, abs=1e-6)
    assert (ax.get_zlim()[0] <= 0) and (ax.get_zlim()[1] >= 1)


def test_a_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5), nn.Linear(2, 1))
    model[1].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = mt.get_rng_state()
    for plot in (plots.decision, plots.surface, plots.neurons):
        plot(model, *CIRCLE)
    assert [m.training for m in model] == [True, False, True, True] and model.training
    assert all(mt.equal(v, before[k]) for k, v in model.state_dict().items())
    assert mt.equal(state, mt.get_rng_state())
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks for m in model)


def test_numbers_in_float64_and_lists_are_taken():
    x, y = CIRCLE
    drawn = [
        plots.decision(line_model().double(), x.double(), y.double()),
        plots.decision(line_model(), x.tolist(), y.ravel().tolist()),
        plots.decision(lambda t: t.numpy()[:, 0], x.numpy(), y.numpy()),
    ]
    places = {tuple(np.concatenate([c.get_offsets() for c in ax.collections[-2:]]).ravel().round(5)) for ax in drawn}
    assert len(places) == 1


# --- inside of a network ---------------------------------------------------------------------------------------------


def test_neurons_show_what_each_one_says():
    model = nn.Sequential(nn.Linear(1, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
    drawn = plots.neurons(model, *HILL)
    for number, ax in enumerate(drawn):
        at, said = ax.lines[0].get_data()
        assert said == pytest.approx(model[:2](mt.tensor(at[:, None]).float())[:, number].detach().numpy(), abs=1e-6)


def test_a_sigmoid_neuron_has_its_contour_on_its_own_line():
    """Tutorial 001: the contour of one neuron is a straight line."""
    model = nn.Sequential(line_model(), nn.Linear(1, 1))
    x = mt.tensor([[-1.0, -1.0], [1.0, 1.0]])  # around the origin, so that the neuron's middle is 0.5
    (ax,) = plots.neurons(model, x, [0, 1])
    (path,) = ax.collections[1].get_paths()
    assert path.vertices[:, 0] == pytest.approx(2 * path.vertices[:, 1], abs=0.01)


def test_functional_activations_are_seen_too():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(1, 2), nn.Linear(2, 1)

        def forward(self, x):
            return self.last(mt.relu(self.first(x)))

    assert all(ax.lines[0].get_ydata().min() >= 0 for ax in plots.neurons(Net(), *HILL))


def test_wide_layers_show_their_first_neurons():
    model = nn.Sequential(nn.Linear(2, 20), nn.ReLU(), nn.Linear(20, 3), nn.ReLU(), nn.Linear(3, 1))
    assert len(plots.neurons(model, *CIRCLE, most=5)) == 5 + 3


def test_folding_carries_the_points_as_tutorial_000_does():
    """(0,0), (1,0), (0,1), (1,1) go to a line, are folded to [0,0], [1,0], [2,1], and end at 0, 1, 1, 0."""
    blue, red = plots.CLASSES
    planes = [set(points(ax)) for ax in plots.folding(exact(), *XOR)]
    assert planes == [
        {(0, 0, blue), (0, 1, red), (1, 0, red), (1, 1, blue)},
        {(0, -1, blue), (1, 0, red), (2, 1, blue)},
        {(0, 0, blue), (1, 0, red), (2, 1, blue)},
        {(0, 0, blue), (1, 0, red)},
    ]


def test_folding_carries_the_grid_along():
    plane, moved, folded, _ = plots.folding(exact(), *XOR)
    grids = [np.array([s for c in ax.collections[:2] for s in c.get_segments()]) for ax in (plane, moved, folded)]
    assert moved is not folded and grids[0].min() == 0 and grids[0].max() == 1
    total = grids[0].sum(axis=-1)  # h1 = x1 + x2, h2 = x1 + x2 - 1
    assert grids[1] == pytest.approx(np.stack([total, total - 1], axis=-1), abs=1e-6)
    assert grids[2] == pytest.approx(np.maximum(grids[1], 0), abs=1e-6)


def test_gradients_vanish_through_deep_sigmoids_only():
    def slope(activation):
        mt.manual_seed(0)
        layers = [m for i in range(6) for m in (nn.Linear(2 if i == 0 else 8, 8), activation())]
        model = backward(nn.Sequential(*layers, nn.Linear(8, 1)))
        ax = plots.gradient_sizes(model)
        assert ax.get_yscale() == "log"
        sizes = ax.lines[0].get_ydata()
        known = [np.abs(m.weight.grad.numpy()).mean() for m in model if isinstance(m, nn.Linear)]
        assert sizes == pytest.approx(known)
        assert [t.get_text() for t in ax.get_xticklabels()] == [f"{2 * i}.weight" for i in range(7)]
        return sizes[-1] / sizes[0]

    # A sigmoid passes on a quarter of the gradient at most, a ReLU that is awake all of it.
    assert slope(nn.Sigmoid) > 100 * slope(nn.ReLU)


def test_dead_relus_are_counted():
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 1))
    with mt.no_grad():
        for layer in (model[0], model[2]):
            layer.weight.fill_(1.0)
        model[0].bias.copy_(mt.tensor([-100.0, 100.0, -100.0, -100.0]))  # inputs reach from -5 to 5
        model[2].bias.zero_()
    ax = plots.dead_relus(model, CIRCLE[0])
    everything, dead = ([bar.get_height() for bar in bars] for bars in ax.containers)
    assert everything == [4] and dead == [3]  # the second ReLU cuts nothing off, and after the last layer is none
    assert [t.get_text() for t in ax.texts] == ["3/4"] and [t.get_text() for t in ax.get_xticklabels()] == ["0"]


def test_a_layer_that_runs_twice_has_two_bars():
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"weight": mt.tensor([[1.0, 0.0], [0.0, 1.0]]), "bias": mt.tensor([-1.0, -100.0])})
    ax = plots.dead_relus(nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), nn.Linear(2, 1)), CIRCLE[0])
    assert [t.get_text() for t in ax.texts] == ["1/2", "1/2"]
    assert [bar.get_x() for bar in ax.containers[0]] == pytest.approx([-0.4, 0.6])


def test_a_last_layer_that_answers_0_is_no_dead_relu():
    model = deep(nn.ReLU)[:-1]
    model[-1].weight.data.zero_(), model[-1].bias.data.zero_()
    assert [t.get_text() for t in plots.dead_relus(model, CIRCLE[0]).get_xticklabels()] == ["0", "2"]


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: plots.surface(exact(), *XOR, ax=plt.figure().add_subplot()), "projection='3d'; this one is flat"),
        (lambda: plots.descent(e, []), "path holds one or more finite places of 1 number"),
        (lambda: plots.bowl(e2, [(0.0, float("inf"))]), "path holds one or more finite places of 2 number.*inf"),
        (lambda: plots.decision(exact(), XOR[0], [0, 1]), r"y holds n answers; got \(4, 2\) and \(2,\)"),
        (lambda: plots.decision(exact(), mt.ones(4, 3), XOR[1]), r"x is \(n, 1\) or \(n, 2\) .* got \(4, 3\)"),
        (lambda: plots.decision(nn.Linear(2, 3), *XOR), r"one number a row can be drawn"),
        (lambda: plots.surface(exact(), *HILL), r"x is \(n, 2\) .* got \(30, 1\)"),
        (lambda: plots.neurons(nn.Linear(2, 1), *XOR), "no hidden layer"),
        (lambda: plots.neurons(nn.ReLU(), *XOR), "no Linear layer to look into: ReLU"),
        (lambda: plots.neurons(exact(), *XOR, ax=[plt.figure().add_subplot()]), "ax holds 1 Axes, but 2 pictures"),
        (lambda: plots.folding(deep(), *XOR), "layers of 2 neurons, '0' has 6"),
        (lambda: plots.loss_curve([]), r"losses holds one or more numbers for each curve, got \[\]"),
        (lambda: plots.loss_curve({"SGD": [1.0], "Adam": []}), "one or more numbers for each curve"),
        (lambda: plots.loss_curve({}), "one or more numbers for each curve"),
        (lambda: plots.dead_relus(deep(nn.Tanh), CIRCLE[0]), "no ReLU cuts anything off"),
        (lambda: plots.dead_relus(deep(nn.ReLU), mt.ones(0, 2)), r"x holds one or more samples, got \(0, 2\)"),
        (lambda: plots.neurons(exact(), [[0.0, float("nan")]], [1]), "x holds nan"),
        (lambda: plots.decision(exact(), [[0.0, 1.0]], [float("inf")]), "y holds inf"),
        (lambda: plots.contours(lambda w, b: float("nan"), PATH_2), r"e\(-1, 0.5\) is nan: only a path among finite"),
        (lambda: plots.descent(e, [1e300]), r"e\(1e\+300\) is inf: only"),
        (lambda: plots.bowl(e2, [(1.0, 2.0, 3.0)] * 2), r"path holds one or more finite places of 2 number"),
        (lambda: plots.gradient_sizes(exact()), r"no weight of the model has a gradient: call backward\(\)"),
    ],
)
def test_bad_input_costs_one_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("plot", [plots.neurons, plots.folding])
def test_a_function_cannot_be_looked_into(plot):
    with pytest.raises(TypeError, match="a module is needed, to look into it, not a function"):
        plot(lambda x: x, *XOR)
