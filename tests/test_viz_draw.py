"""Pictures of graphs: derivatives on edges, frames of modules, folding, elements, gradients of gradients."""

from __future__ import annotations

import contextlib
import random
import re
import threading
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import micrograd_cn as torch
from micrograd_cn import Value, nn, viz
from micrograd_cn.nn import scalar
from tests.functions import Cube
from tests.test_viz import Graph


def edges(drawing):
    """What is written on the edges: a list of lines for each labelled edge, in order."""
    labels = re.findall(r'-> \w+ \[label="([^"]*)"\]', drawing.source)
    return [label.replace("\xa0", "").rstrip("\\l").split(r"\l") for label in labels]


def frames(drawing):
    """The titles of the frames, with how deep each lies."""
    depth, found = 0, []
    for line in drawing.source.splitlines():
        if "subgraph" in line:
            depth += 1
        elif depth and (title := re.search(r'label="([^"\\\xa0]*)', line)) and "tooltip" in line and "->" not in line:
            if "labeljust" in line:
                found.append((depth, title[1].strip()))
        elif line.strip() == "}":
            depth -= 1
    return found


def chain(length):
    v = Value(0.5, "x")
    for _ in range(length):
        v = v.tanh()
    return v


# --- the chain rule on the edges -------------------------------------------------------------------------------------


@pytest.mark.parametrize("backward", [False, True])
def test_edges_of_values_carry_local_derivative_and_flowing_gradient(backward):
    x, w = Value(2.0, "x"), Value(-3.0, "w")
    y = (x * w) ** 2
    if backward:
        y.backward(retain_graph=True)
    shown = edges(viz.draw(y, show="data local flow"))
    # d(xw)/dx = w, d(xw)/dw = x, d(p²)/dp = 2p = -12; the gradients are the products
    assert shown == [["∂ -3", "← 36"], ["∂ 2", "← -24"], ["∂ -12", "← -12"]]


def test_local_and_flow_are_switched_on_and_off():
    y = Value(2.0) * Value(5.0)
    assert edges(viz.draw(y)) == []
    assert edges(viz.draw(y, show=["local"])) == [["∂ 5"], ["∂ 2"]]
    assert edges(viz.draw(y * 3, show="flow"))[:2] == [["← 15"], ["← 6"]]


@pytest.mark.parametrize("x", [Value(3.0), torch.tensor(3.0, requires_grad=True)], ids=["value", "tensor"])
def test_what_flows_on_is_the_sum_of_what_has_arrived(x):
    u = x * 2
    assert edges(viz.draw(u * u + u, show="flow"))[0] == ["← 26"]  # 2 (2u + 1), where u = 6


def test_drawing_leaves_gradients_alone():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    viz.draw(loss, show="local flow")
    viz.draw_backward(loss)
    assert w.grad is None
    loss.backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_edges_of_tensors_carry_arrays_norms_and_shapes_of_jacobians():
    a = torch.tensor([3.0, 4.0], requires_grad=True)
    m = torch.ones(3, 2, requires_grad=True)
    shown = edges(viz.draw((m @ a).sum(), show="local flow"))
    assert [s[0] for s in shown] == ["∂ 3×6", "∂ 3×2", "∂ 1×3"]
    assert shown[1][1] == "← [3 3]"  # three rows of ones
    assert shown[2][1] == f"← norm {np.sqrt(3):.4g}"


@pytest.mark.parametrize("w", [Value(2.0), torch.tensor([2.0], requires_grad=True)], ids=["values", "tensors"])
def test_a_freed_graph_is_drawn_and_refused_where_its_numbers_are_needed(w):
    loss = (w * w).tanh()
    loss.backward()
    assert len(Graph(viz.draw(loss)).attributes) == 3 + 2
    needs = [lambda: viz.draw(loss, show="local"), lambda: viz.draw(loss, show="flow"),
             lambda: viz.draw_backward(loss), lambda: viz.explain(loss, w), lambda: viz.animate(loss)]  # fmt: skip
    if not isinstance(w, Value):
        needs.append(lambda: viz.draw(loss, detail="scalar"))
    for need in needs:
        with pytest.raises(RuntimeError, match=r"^this graph has been freed by backward.*retain_graph=True\)$"):
            need()


def test_memory_written_since_is_refused_where_it_is_needed():
    w, c = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0])
    loss = (w * c).sum()
    c.add_(1)
    assert viz.draw(loss)
    for show in ("local", "flow"):
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            viz.draw(loss, show=show)


def test_a_users_function_has_its_jacobian_and_its_flow_on_its_edges():
    w = torch.tensor([2.0], requires_grad=True)
    y = Cube.apply(w) * 5
    assert edges(viz.draw(y, show="local flow"))[0] == ["∂ 12", "← 60"]


def test_the_gradient_flows_through_a_users_function_as_in_backward():
    """Its backward sees the gradients of all results at once, and need not be linear in them."""

    class Clipped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1, a * 1

        @staticmethod
        def backward(ctx, g, h):
            return (g + h).clamp(-1, 1)

    w = torch.tensor([2.0], requires_grad=True)
    a, b = Clipped.apply(w)
    loss = (a * 0.6 + b * 0.7).sum()
    assert edges(viz.draw(loss, show="local flow"))[0] == ["← 1"]
    loss.backward()
    assert w.grad.tolist() == [1.0]


def test_no_hook_runs():
    w = torch.tensor([2.0], requires_grad=True)
    called = []
    w.register_hook(lambda g: called.append(g) or g * 10)
    assert edges(viz.draw(w * 3, show="flow"))[0] == ["← 3"]
    assert not called


def test_infinity_stays_where_it_is(recwarn):
    w = torch.tensor([1.0, np.inf], requires_grad=True)
    drawn = viz.draw((w * w).sum(), detail="scalar", show="local flow")
    assert [labels[0] for labels in edges(drawn)] == ["∂ 1", "∂ 1", "∂ inf", "∂ inf", "∂ 1", "∂ 1"]
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


def test_what_is_shown_can_be_chosen():
    w = torch.ones(2, 3, requires_grad=True)
    y = w * 2
    labels = Graph(viz.draw(y, show="shape dtype op")).labels
    assert labels["n0"] == "2×3 float32"
    assert Graph(viz.draw(y.sum(), show="data shape")).labels["n2"] == "2×3 float32"  # said once
    assert Graph(viz.draw(y, show="shape")).attributes["op0"]["shape"] == "point"
    with pytest.raises(ValueError, match="weight"):
        viz.draw(y, show="data weight")
    with pytest.raises(TypeError, match="not None"):
        viz.draw(y, show=None)


# --- modules ---------------------------------------------------------------------------------------------------------


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.Tanh()), nn.Linear(3, 1))


def test_modules_are_nested_frames_with_what_ran_in_them():
    model = network()
    with viz.watch(model) as seen:
        y = model(torch.ones(1, 2))
    drawing = viz.draw(y.sum(), params=seen, detail="module")
    assert frames(drawing) == [
        (1, "Sequential"),
        (2, "0 · Sequential"),
        (3, "0 · Linear"),
        (3, "1 · Tanh"),
        (2, "1 · Linear"),
    ]
    last = drawing.source.index("Σ")
    assert drawing.source[:last].count("subgraph") == drawing.source[:last].count("\t}")  # the sum stands outside


def test_depth_closes_modules_and_takes_their_parameters_in():
    model, x = network(), torch.ones(1, 2)
    closed = Graph(viz.draw(model, x, depth=0))
    assert closed.labels["op0"] == "Sequential\n13 parameters"  # 2·3 + 3 + 3 + 1
    assert closed.kinds() == {"leaf": 1, "root": 1}
    half = Graph(viz.draw(model, x, depth=1))
    assert [half.labels[f"op{i}"] for i in range(2)] == ["0 · Sequential\n9 parameters", "1 · Linear\n4 parameters"]


def test_a_module_is_run_and_left_as_it_was():
    model = network()
    kinds = [type(m) for m in model.modules()]
    assert "x" in Graph(viz.draw(model, torch.ones(1, 2))).labels["n0"]
    with pytest.raises(RuntimeError), viz.watch(model):
        model(torch.ones(1, 5))
    assert [type(m) for m in model.modules()] == kinds


def test_all_that_a_module_returns_is_a_root():
    labels = Graph(viz.draw(nn.LSTM(2, 3), torch.ones(1, 1, 2), depth=0)).labels.values()
    assert {label.split()[0] for label in labels if label.startswith("y")} == {"y1", "y2", "y3"}


def test_networks_of_values_have_frames_too():
    model = scalar.MLP(2, [2, 1])
    titles = [title for _, title in frames(viz.draw(model, [Value(1.0, "x1"), Value(2.0, "x2")]))]
    assert titles == ["MLP", "layers.0 · Layer", "neurons.0 · Neuron", "neurons.1 · Neuron", "layers.1 · Layer",
                      "neurons.0 · Neuron"]  # fmt: skip


def test_modules_nobody_watched_are_refused():
    model = network()
    with pytest.raises(ValueError, match=r"viz\.watch"):
        viz.draw(model(torch.ones(1, 2)), params=model, detail="module")
    with pytest.raises(TypeError, match="list"):
        viz.watch([model])


@pytest.mark.parametrize("options", [{"depth": 1}, {"depth": -1, "detail": "module"}])
def test_depth_counts_modules(options):
    with pytest.raises(ValueError, match="depth counts modules"):
        viz.draw(Value(1.0) * 2, **options)


def test_a_module_that_runs_twice_has_a_frame_for_each_time():
    model = nn.Linear(2, 2)
    with viz.watch(model) as seen:
        y = model(model(torch.ones(1, 2)))
    graph = Graph(viz.draw(y, params=seen, detail="module"))
    assert frames(viz.draw(y, params=seen, detail="module")) == [(1, "Linear"), (1, "Linear")]
    assert len(graph.outputs(graph.find("weight"))) == 2  # one box, read twice


def test_several_threads_may_watch_one_model():
    """All get all frames, and the model keeps its classes, in whatever order the threads come and go."""
    model, x = network(), torch.ones(1, 2)
    kinds = [type(m) for m in model.modules()]
    expected = frames(viz.draw(model, x))
    watching = threading.Barrier(3)
    model[0].register_forward_hook(lambda *_: print(watching.wait()))  # all watch before anybody goes on
    found = []
    threads = [threading.Thread(target=lambda: found.append(frames(viz.draw(model, x)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3
    assert [type(m) for m in model.modules()] == kinds


def test_watches_may_end_in_any_order():
    model = network()
    first, second = viz.watch(model), viz.watch(model)
    with first, contextlib.ExitStack() as stack:
        stack.enter_context(second)
        first.__exit__()
        y = model(torch.ones(1, 2))
        first.__enter__()
    assert len(frames(viz.draw(y, params=second, detail="module"))) == 5
    assert not first.calls
    assert type(model) is nn.Sequential


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Linear(2, 2)

    def forward(self, x):
        return x + self.f(x)


def test_an_input_that_a_node_does_not_keep_is_drawn_as_that_input():
    x = torch.tensor([[1.0, 2.0]])
    graph = Graph(viz.draw(Residual(), x))
    assert "constant" not in graph.kinds()
    assert len(graph.outputs(graph.find("x"))) == 2  # to the layer, and past it to the sum


def test_what_a_watch_noted_is_not_shown_if_it_has_been_written_since():
    model, x = Residual(), torch.tensor([[5.0, 5.0]])
    with viz.watch(model) as seen:
        y = model(x)
    x.fill_(7.0)
    graph = Graph(viz.draw(y, params=seen, show="data op"))
    assert "7  7" not in graph.labels.values()
    assert len(graph.inputs(graph.find("+"))) == 2


def test_the_same_memory_is_drawn_as_the_tensor_that_has_a_name():
    w, t = torch.ones(2, requires_grad=True), torch.tensor([3.0, 4.0])
    graph = Graph(viz.draw((w * t.detach()) * t, params={"t": t}))
    assert len(graph.outputs(graph.find("t"))) == 2


def test_the_gradient_names_the_target_as_the_loss_does():
    model, x, t = nn.Linear(2, 1), torch.ones(1, 2), torch.tensor([[0.5]])
    loss = nn.MSELoss()(model(x), t)
    graph = Graph(viz.draw_backward(loss, params={"t": t, **dict(model.named_parameters())}))
    assert "constant" not in graph.labels.values()
    assert len(graph.outputs(graph.find("t"))) == 2  # forward and backward


# --- folding ---------------------------------------------------------------------------------------------------------


def test_a_long_chain_is_one_box_that_says_how_often():
    graph = Graph(viz.draw(chain(100_000)))
    assert [label for i, label in graph.labels.items() if i.startswith("op")] == ["× 100000\ntanh"]
    assert len(graph.attributes) == 3
    assert graph.labels["n0"].startswith("x")


def test_a_loop_with_shared_weights_is_one_box():
    h, w, b = Value(0.1, "h"), Value(0.9, "w"), Value(0.2, "b")
    for _ in range(1000):
        h = (h * w + b).tanh()
    graph = Graph(viz.draw(h))
    assert graph.labels["op0"] == "× 1000\n× + tanh"
    assert {graph.labels[i].split()[0] for i in graph.inputs("op0")} == {"h", "w", "b"}


def test_arrows_that_run_past_very_much_are_folded():
    """A weight that 200 steps read keeps Graphviz for seconds, though 802 boxes are not too many."""

    def steps(shared):
        h, w = Value(0.5), Value(0.5, "w")
        for _ in range(200):
            h = (h * (w if shared else Value(0.5))).tanh()
        return Graph(viz.draw(h)).attributes

    def mixed():
        rng, h, w = random.Random(0), Value(0.5), Value(0.5, "w")
        for _ in range(200):
            h = getattr(h * w, rng.choice(["tanh", "sin", "cos", "relu"]))()
        return Graph(viz.draw(h)).attributes

    assert len(steps(shared=True)) < 10
    assert len(mixed()) < 400  # nothing repeats: the ends are drawn
    assert len(steps(shared=False)) > 1000


def test_a_long_body_stays_open_once():
    h = Value(0.1, "h")
    for _ in range(50):
        h = h.sin().exp().tanh().sqrt().cos()
    drawing = viz.draw(h, fold=True)
    assert frames(drawing) == [(1, "× 50")]
    symbols = [label for i, label in Graph(drawing).labels.items() if i.startswith("op")]
    assert symbols[0].startswith("⋯ × 49")
    assert symbols[1:] == ["sin", "exp", "tanh", "√", "cos"] or len(symbols) == 6


def test_a_wide_network_folds_to_a_node_a_layer():
    random.seed(0)
    model = scalar.MLP(20, [40, 40, 1])
    graph = Graph(viz.draw(model([1.0] * 20), params=model))
    assert len([i for i in graph.labels if i.startswith("op")]) == 3
    weights = [label for i, label in graph.labels.items() if graph.attributes[i]["tooltip"] == "parameter"]
    counted = sum(int(label.split("× ")[1].replace(",", "")) for label in weights)
    assert counted == len(model.parameters())


def test_what_does_not_repeat_is_cut_in_the_middle():
    rng = random.Random(0)
    v = [Value(0.5)]
    for _ in range(3000):
        a, b = v[-1], rng.choice(v[-20:])
        v.append(rng.choice([a.__add__, a.__mul__, a.__sub__, lambda _, f=a.tanh: f(), lambda _, f=a.sin: f()])(b))
    graph = Graph(viz.draw(v[-1], max_nodes=300))
    assert len(graph.attributes) <= 300
    assert any("operations" in label for label in graph.labels.values())


@pytest.mark.parametrize("steps", [3, 4, 30])
def test_folding_keeps_a_picture_without_cycles(steps):
    h, w = Value(0.1), Value(0.3)
    for _ in range(steps):
        h = (h * w).tanh() + h.sin() * w
    graph = Graph(viz.draw(h, fold=True))
    done, left = set(), dict.fromkeys(graph.labels)
    while ready := [i for i in left if done.issuperset(graph.inputs(i))]:
        done.update(ready)
        left = {i: None for i in left if i not in done}
    assert not left


# --- element by element ----------------------------------------------------------------------------------------------


def test_every_element_of_a_tensor_can_be_a_box():
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    x = torch.tensor([0.0, 1.0])
    graph = Graph(viz.draw(model, x, detail="scalar"))
    for i in range(2):
        (op,) = graph.outputs(next(n for n, label in graph.labels.items() if label.startswith(f"bias[{i}]")))
        names = {graph.labels[n].split()[0] for n in graph.inputs(op)}
        assert names == {"x[0]", "x[1]", f"weight[{i},0]", f"weight[{i},1]", f"bias[{i}]"}  # though x[0] is 0


def test_elements_carry_the_entries_of_the_jacobian():
    a = torch.tensor([2.0, 5.0], requires_grad=True)
    y = (a * torch.tensor([3.0, 4.0])).prod()
    shown = edges(viz.draw(y, detail="scalar", show="local flow"))
    assert shown == [["∂ 3", "← 60"], ["∂ 4", "← 24"], ["∂ 20", "← 20"], ["∂ 6", "← 6"]]
    for show in ("local", "flow"):
        sign = "∂" if show == "local" else "←"
        assert edges(viz.draw(y, detail="scalar", show=show)) == [[x] for line in shown for x in line if x[0] == sign]


def test_too_many_elements_are_refused():
    with pytest.raises(ValueError, match=r"detail='tensor'"):
        viz.draw(torch.ones(100, 100, requires_grad=True) * 2, detail="scalar")
    with pytest.raises(ValueError, match="pixel"):
        viz.draw(Value(1.0), detail="pixel")


# --- the graph of the gradient ---------------------------------------------------------------------------------------


def test_the_graph_of_the_gradient_has_its_numbers():
    x = Value(3.0, "x")
    drawing = viz.draw_backward(x**2)
    graph = Graph(drawing)
    assert graph.labels[graph.find("∂y/∂x")].split() == ["∂y/∂x", "6"]
    assert [title for _, title in frames(drawing)] == ["前向 forward", "反向 backward"]
    assert x.grad == 0.0


def test_the_gradient_of_a_network_of_tensors_has_a_root_for_each_parameter():
    model = network()
    loss = model(torch.ones(1, 2)).tanh()
    graph = Graph(viz.draw_backward(loss, params=model))
    names = {label.split("\n")[0] for i, label in graph.labels.items() if graph.attributes[i]["tooltip"] == "root"}
    assert names == {"y", *(f"∂y/∂{name}" for name, _ in model.named_parameters())}


def test_a_gradient_needs_a_graph():
    for root in (Value(1.0), torch.tensor(1.0, requires_grad=True), torch.tensor(1.0)):
        with pytest.raises(ValueError, match="result with a graph"):
            viz.draw_backward(root)
    w = torch.tensor(2.0, requires_grad=True)
    loss = w * w
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        viz.draw_backward(loss)


def test_leaves_of_the_same_name_all_get_their_gradient():
    a, b = Value(2.0, "w"), Value(5.0, "w")
    graph = Graph(viz.draw_backward(a * b))
    assert graph.labels[graph.find("∂y/∂w")].split()[-1] == "5"
    assert graph.labels[graph.find("∂y/∂w (2)")].split()[-1] == "2"


def test_a_leaf_that_is_gone_is_left_out():
    w = torch.tensor([2.0], requires_grad=True)
    y = w + torch.tensor([3.0], requires_grad=True)  # nobody holds it any more
    graph = Graph(viz.draw_backward(y, params={"w": w}))
    assert [label.split("\n")[0] for label in graph.labels.values() if "∂" in label] == ["∂y/∂w"]


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot be written.*file"):
        viz.draw(Value(1.0)).save(tmp_path / "file" / "y.dot")


def test_a_weight_that_is_shared_by_many_steps_does_not_keep_graphviz_for_minutes():
    h, w = Value(0.5), Value(0.5, "w")
    for _ in range(60):
        h = (h * w).tanh()
    texts = ET.fromstring(viz.draw(h).pipe("svg")).iter("{http://www.w3.org/2000/svg}text")
    assert [t.text for t in texts].count("tanh") == 60


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_frames_notes_and_chinese_names_reach_the_svg(rankdir):
    model = scalar.MLP(2, [1])
    drawing = viz.draw(model, [Value(1.0, "大小"), Value(2.0, "颜色")], show="data local flow", rankdir=rankdir)
    text = "".join(ET.fromstring(drawing.pipe("svg")).itertext())
    assert all(word in text for word in ("大小", "颜色", "MLP", "Neuron", "∂ 1", "←"))


def test_what_stands_beside_a_vertical_arrow_does_not_touch_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    root = ET.fromstring(viz.draw(Value(2.0).tanh(), show="local op", rankdir="TB").pipe("svg"))
    down = next(e for e in root.iter("{http://www.w3.org/2000/svg}path") if (e.get("fill") == "none"))
    arrow = max(float(x) for x in re.findall(r"(-?[\d.]+),", down.get("d")))
    (text,) = (e for e in root.iter("{http://www.w3.org/2000/svg}text") if "∂" in e.text)
    indent = len(text.text) - len(text.text.lstrip("\xa0 "))
    assert text.get("text-anchor") == "start"
    assert float(text.get("x")) + 5 * indent > arrow + 5  # a character is over 5 points wide
