"""`draw_network`: neurons as circles, weights as lines, and which models it refuses."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import micrograd_cn as torch
from micrograd_cn import nn, viz
from micrograd_cn.nn import functional as F, scalar
from tests.test_viz import Graph


def test_a_network_has_a_circle_a_neuron_and_a_line_a_weight():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, -2.0], [0.5, 0.25], [-4.0, 3.0]]))
        model[2].bias.fill_(0.125)
    drawing = viz.draw_network(model)
    lines = re.findall(r"(n\d_\d+) -> (n\d_\d+) \[(.*)\]", drawing.source)
    assert len(lines) == 2 * 3 + 3
    look = {(a, b): dict(re.findall(r'(\w+)="?([^" ]*)"?', rest)) for a, b, rest in lines}
    assert look["n0_1", "n1_0"]["tooltip"] == "-2"
    widths = {key: float(x["penwidth"]) for key, x in look.items() if key[0].startswith("n0")}
    assert max(widths, key=widths.get) == ("n0_0", "n1_2")  # |-4| is the largest
    assert len({(x["color"], x["style"]) for x in look.values()}) == 2  # by sign, in colour and in dashes
    graph = Graph(drawing)
    assert {graph.labels[f"n1_{i}"] for i in range(3)} == {"σ"}
    assert graph.labels["b2_0"] == "b 0.125"
    assert graph.labels["w0_1_0"] == "-2"


def test_an_input_shows_what_comes_out_of_every_neuron():
    model = scalar.MLP(2, [2, 1])
    for p, value in zip(model.parameters(), [1, 2, 0.5, -1, -1, 0, 3, 1, -1], strict=True):
        p.data = value
    labels = Graph(viz.draw_network(model, [1.0, 2.0])).labels
    assert [labels[i].split()[-1] for i in ("n0_1", "n1_0", "n1_1", "n2_0")] == ["2", "5.5", "0", "15.5"]
    torch_model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    out = torch_model(torch.tensor([1.0, 2.0])).item()
    assert float(Graph(viz.draw_network(torch_model, torch.tensor([1.0, 2.0]))).labels["n2_0"].split()[-1]) == (
        pytest.approx(out, rel=1e-2)
    )


def test_wide_layers_are_folded():
    graph = Graph(viz.draw_network(nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 12))))
    circles = [i for i, a in graph.attributes.items() if a.get("shape") == "circle"]
    assert len(circles) == 6 + 6 + 12
    assert (graph.labels["more0"], graph.labels["more1"]) == ("⋮ × 58", "⋮ × 122")
    assert "n1_127" in circles


def test_circles_and_written_weights_do_not_overlap():
    ET.fromstring(viz.draw_network(scalar.MLP(4, [4, 4, 1])).pipe("svg"))
    source = viz.draw_network(scalar.MLP(4, [4, 4, 1])).source
    places = [tuple(map(float, p.split(","))) for p in re.findall(r'pos="([^!]*)!"', source)]
    apart = [np.hypot(0.3 * (a - c), b - d) for i, (a, b) in enumerate(places) for c, d in places[:i]]
    assert min(apart) > 0.12


def test_what_stands_in_a_circle_fits_into_it():
    model = nn.Sequential(nn.Linear(1, 2), nn.LeakyReLU(), nn.Linear(2, 1))
    model[0].bias.data.fill_(-1.2345678e-9)
    graph = Graph(viz.draw_network(model, torch.tensor([0.0]), digits=6))
    circles = {name: a for name, a in graph.attributes.items() if a.get("shape") == "circle"}
    for name, attributes in circles.items():
        lines = graph.labels[name].split("\n")
        diagonal = 11 / 72 * np.hypot(0.6 * max(map(len, lines)), len(lines))  # a character is 0.6 of 11 points wide
        assert float(attributes["width"]) > diagonal + 0.05  # the corners of the text do not touch the circle


class Net(nn.Module):
    """A network whose parts say nothing of what ``forward(net, x)`` does with them."""

    def __init__(self, forward, a=2, b=2):
        super().__init__()
        self.act, self.crit = nn.ReLU(), nn.MSELoss()
        self.one, self.two = nn.Linear(a, b), nn.Linear(b, a)
        self.forward = lambda x: forward(self, x)


def test_a_network_is_drawn_as_it_runs_and_not_as_it_is_written():
    net = Net(lambda net, x: net.two(net.act(net.one(x))), 2, 3)  # the ReLU is made first, the loss never used
    labels = Graph(viz.draw_network(net)).labels
    assert {labels[f"n1_{i}"] for i in range(3)} == {"ReLU"} and {labels[f"n2_{i}"] for i in range(2)} == {"Σ"}
    both = nn.Linear(2, 2)
    for x in (None, torch.ones(2), np.ones(2), [1, 1]):
        labels = Graph(viz.draw_network(nn.Sequential(both, nn.ReLU(), both, nn.Tanh(), nn.Sigmoid()), x)).labels
        assert [labels[f"n{i}_0"].split("\n")[0] for i in (1, 2)] == ["ReLU", "σ∘tanh"] and "n3_0" not in labels
    answer = both(both(torch.ones(2)).relu()).tanh().sigmoid()[0].item()
    assert float(labels["n2_0"].split()[-1]) == pytest.approx(answer, abs=1e-3)


@pytest.mark.parametrize(
    "forward, why",
    [
        (lambda net, x: net.two(F.relu(net.one(x))), "something else before its Linear"),
        (lambda net, x: net.two(F.relu_(net.one(x))), "something else before its Linear"),
        (lambda net, x: x + net.two(net.one(x)), "something else at its end"),
        (lambda net, x: net.one(x) + net.two(x), "something else before its Linear"),
        (lambda net, x: net.two(net.one(net.act(x))), "ReLU comes before the first one"),
        (lambda net, x: net.crit(net.one(x), x), "MSELoss makes something else"),
        (lambda net, x: x, "Net runs none"),
        (lambda net, x: net.one(x, x), "Net does not answer to inputs"),
        (lambda net, x: net.two(net.one(x).repeat(1, 2)[:, ::2].T), "Net does not answer|something else"),
    ],
)
def test_what_is_no_plain_stack_is_refused(forward, why):
    for x in ((), (torch.ones(2),)):
        with pytest.raises(TypeError, match=rf"^draw_network\(\) [^\n]*{why}.*viz\.draw\(model, x\)$"):
            viz.draw_network(Net(forward), *x)


def test_linear_layers_and_networks_that_answer_in_their_own_way_are_refused():
    class Twice(nn.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    class Loud(scalar.MLP):
        def __call__(self, x):
            return super().__call__(x) * 10

    with pytest.raises(TypeError, match="Twice makes something else"):
        viz.draw_network(nn.Sequential(Twice(2, 1)))
    with pytest.raises(TypeError, match="Loud answers in its own way"):
        viz.draw_network(Loud(2, [1]))


def test_a_network_is_asked_as_in_evaluation_and_left_as_it_was():
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 1))
    model[1].eval()
    state = torch.get_rng_state()
    pictures = {viz.draw_network(model, torch.ones(2)).source for _ in range(3)}
    assert len(pictures) == 1 and torch.equal(state, torch.get_rng_state())
    assert [part.training for part in model] == [True, False, True, True] and model.training
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model)


def test_weights_that_are_not_finite_are_lines_too():
    model = nn.Linear(3, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[float("inf"), float("nan"), 2.0]]))
    source = viz.draw_network(model).source
    assert [float(w) for w in re.findall(r"->.*penwidth=([^ \]]*)", source)] == [3.5, 0.5, 3.5]
    ET.fromstring(viz.draw_network(model).pipe("svg"))


@pytest.mark.parametrize("model", [nn.Conv2d(1, 1, 3), nn.ReLU(), nn.Sequential(nn.Linear(1, 1), nn.PReLU()), 3])
def test_other_models_are_refused(model):
    with pytest.raises(TypeError, match="linear layers"):
        viz.draw_network(model)


def test_an_input_of_another_size_is_refused():
    for model in (nn.Linear(2, 1), scalar.MLP(2, [1])):
        with pytest.raises(ValueError, match="one input of 2 numbers"):
            viz.draw_network(model, torch.ones(4, 2).ravel().tolist())
