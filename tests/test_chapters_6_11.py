"""Chapters 6 to 11 run, and the numbers that they print are those of the tutorials, or what they claim of them."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

import micrograd_cn as mt

pytest.importorskip("matplotlib", reason="the chapters draw")

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def chapter(tmp_path, monkeypatch):
    """Run a chapter of this name; what it defined, and the figures that it saved."""
    import matplotlib

    monkeypatch.setenv("MICROGRAD_FIGURES", str(tmp_path))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    yield lambda name: (runpy.run_path(str(EXAMPLES / name)), {p.name for p in tmp_path.iterdir() if p.stat().st_size})
    matplotlib.pyplot.close("all")
    matplotlib.use(before)
    mt.set_default_dtype(mt.float32)


def test_xor_by_hand(chapter):
    found, figures = chapter("06_xor_by_hand.py")
    assert found["trained"] == pytest.approx(found["PRINTED"], rel=1e-12)
    assert found["answers"] == pytest.approx(found["PRINTED_ANSWERS"], rel=1e-8)
    # The tutorial prints the hidden neurons of its four samples, too.
    printed = [(0.10083647508443963, 0), (1.0420220134800204, 0), (1.0420220145664658, 0)]
    printed += [(1.9832075529620468, 1.0815200267658498)]
    assert [row[1:] for row in found["rows"]] == [pytest.approx(hidden, rel=1e-12) for hidden in printed]
    for name, number in found["by_hand"].items():  # for the sample (1, 0), before training
        w = found["START"]
        y1, y2 = w["w1"] + w["b1"], w["w2"] + w["b2"]
        slope = 2 * (w["w5"] * y1 + w["w6"] * y2 + w["b3"] - 1)
        assert number == pytest.approx(slope * {"w5": y1, "w1": w["w5"]}[name], rel=1e-13)
    positive, either = found["census"][0][1], found["census"][-1][1]
    # "It sometimes ends at the plane y = 0.5": most of these starts do, and about one in eight succeeds.
    assert positive.count((0.5,) * 4) + positive.count((0, 1, 1, 0)) == 200
    assert 10 <= positive.count((0, 1, 1, 0)) <= 40
    assert (0, 0, 0, 0) in either and (0.3, 1, 0.3, 0.3) in either
    first, second, *_ = found["four"].values()
    assert first[0] * first[1] > 0 > second[0] * second[1]  # the folds of one are parallel, of the other they face
    assert found["exact_loss"] == 0
    assert found["line"] == [[0, 0], [1, 1], [1, 1], [2, 2]]
    assert found["folded"] == [[0, 0], [1, 0], [1, 0], [2, 1]]
    assert found["transformed"] == [[0, 0], [1, 0], [1, 0], [0, 0]]
    assert figures == {"06_loss.png", "06_surfaces.png", "06_folding.png"}


def test_xor_in_pytorch(chapter):
    found, figures = chapter("07_xor_in_pytorch.py")
    final = {seed: losses[-1] for seed, (_, losses) in found["runs"].items()}
    assert final[55] == pytest.approx(0.25, abs=1e-4) and final[54] == 0.5
    assert max(final[53], final[56]) < 1e-6
    _, losses = found["runs"][56]
    assert losses[:3] == pytest.approx(found["PYTORCH_START"], rel=1e-6)
    answers = [output.item() for output in found["outputs"]]
    assert answers == pytest.approx([0, 1, 1, 0], abs=1e-4)
    assert [repr(output).partition("grad_fn=")[2] for output in found["outputs"]] == ["<ReluBackward0>)"] * 4
    assert found["same_step"]
    for name, p in found["again"].named_parameters():
        assert p.detach().numpy() == pytest.approx(np.array(found["PRINTED"][name]), rel=1e-12)
    assert figures == {"07_losses.png", "07_decision.png"}


def test_xor_in_pytorch_says_what_pytorch_says():
    torch = pytest.importorskip("torch")
    torch.manual_seed(56)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU())
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    loss = nn.MSELoss()(model(x), torch.tensor([[0.0], [1.0], [1.0], [0.0]]))
    assert f"{loss.item()!r}" in (EXAMPLES / "07_xor_in_pytorch.py").read_text(encoding="utf-8")


def test_four_people(chapter):
    found, figures = chapter("08_four_people.py")
    assert found["one"].data == pytest.approx(0.9990889488055994, rel=1e-15)
    assert found["three"].data == pytest.approx(0.7216325609518421, rel=1e-15)
    assert found["h"].data == pytest.approx(0.9526, abs=5e-5)
    assert found["shifted"] == found["x"].tolist() == [[-2, -1], [25, 6], [17, 4], [-15, -6]]
    assert found["always_male"] == 0.5
    assert (found["h1"].data, found["h2"].data) == pytest.approx((0.0474, 0.0474), abs=5e-5)
    assert found["o1"].data == pytest.approx(0.524, abs=5e-4)
    (path,) = found["derivation"].paths
    assert [factor.by_hand for factor in path.factors] == [-0.952, 0.249, -0.0904]
    assert [(f.of, f.by) for f in path.factors] == [("L", "o1"), ("o1", "h1"), ("h1", "w1")]
    assert round(-0.952 * 0.249 * -0.0904, 4) == 0.0214 == pytest.approx(found["derivation"].total, rel=5e-3)
    assert found["after"] < found["before"]
    assert found["losses"][-1] < 0.01 < found["losses"][0]
    assert found["emily"] > 0.9 and found["frank"] < 0.1
    emilies, franks = found["emilies"], found["franks"]
    assert emilies.min() < 0.951 < emilies.max() and franks.min() < 0.039 < franks.max()
    assert emilies.min() > 0.5 > franks.max()  # both are always known
    assert figures == {"08_loss.png", "08_people.png"}


def test_digits(chapter):
    pytest.importorskip("sklearn", reason="the digits are scikit-learn's")
    found, figures = chapter("09_digits.py")
    assert found["weighted"] == pytest.approx(2.3, abs=1e-15) and found["rectified"] == [2.3, 0.0]
    for ours, printed in zip(found["Z"].tolist(), found["PRINTED_Z"], strict=True):
        assert ours == pytest.approx(printed, abs=1e-7)  # its weights are printed to 8 decimals
    assert found["added"].tolist() == [pytest.approx([10.1, 20.2, 30.3, 40.4]), pytest.approx([50.1, 60.2, 70.3, 80.4])]
    assert found["bias"].grad.tolist() == [[2, 2, 2, 2]]
    assert found["tiled"].numpy() == pytest.approx(np.tile([0.1, 0.2, 0.3, 0.4], (2, 1)))
    assert found["by_code"].item() == pytest.approx(0.024999999999999994, rel=1e-15)
    assert found["times"] == pytest.approx(2)
    assert found["product"] == pytest.approx(found["w1"].grad[2, found["j"]].item(), rel=1e-12)
    assert found["accuracies"][-1] > 0.95
    assert not {*found["test"].tolist()} & {*found["train"].tolist()}
    # With ReLU at the output, digits may be lost for ever: then a tenth or more of the answers is wrong.
    assert min(accuracies[-1] for _, accuracies in found["originals"].values()) < 0.9 and found["asleep"]
    assert figures == {"09_loss.png", "09_digits.png"}


def test_circle_and_spiral(chapter):
    found, figures = chapter("10_circle_and_spiral.py")
    rights = {hidden: [found["circles"][hidden, seed][1] for seed in range(5)] for hidden in (2, 3)}
    assert max(rights[2]) < 0.95 and max(rights[3]) > 0.99
    for name in ("sigmoid 4-4-4", "sigmoid 8-8-8"):
        assert found["losses"][name][-1] > 0.68  # ln 2 = 0.693 says one half of everything
        assert found["rights"][name] < 0.7
        first, *_, last = found["sizes"][name]
        assert last > 4**3 * first  # three sigmoids lie between, each of a slope of at most 1/4
    s = 1 / (1 + np.exp(np.array([10.0, 1, 0, 1, 10])))
    slopes = {"step": [0] * 5, "sigmoid": s * (1 - s), "ReLU": [0, 0, 0, 1, 1], "leaky ReLU": [0.01] * 3 + [1, 1]}
    assert found["slopes"] == {name: pytest.approx(row, abs=1e-7) for name, row in slopes.items()}
    first, *_, last = found["sizes"]["ReLU 8-8-8"]
    assert last < 16 * first
    assert found["rights"]["ReLU 8-8-8"] > 0.98
    assert sum(found["counted"]) > 0
    assert all(still >= dead for still, dead in zip(found["unmoved"], found["counted"], strict=True))
    assert found["cured"] > max(found["stuck"], found["after"]) + 0.1
    names = {"activations", "circle", "circle_neurons", "gradients", "losses", "spiral", "spiral_neurons", "dead"}
    assert figures == {f"10_{name}.png" for name in names}


def test_draw_explain_animate(chapter):
    found, figures = chapter("11_draw_explain_animate.py")
    assert found["a"].data == pytest.approx(2.3) and found["explanation"].total == 3
    found["loss"].backward()
    weight = found["model"][0].weight.grad
    assert found["single"].total == pytest.approx(weight[0, 1].item())
    assert found["whole"].total == pytest.approx(weight.numpy())
    assert found["slope"].data == pytest.approx(12) and found["bend"].data == pytest.approx(12)
    assert found["folded"].source.count("->") < 200 and "3000" in found["folded"].source
    assert "0.weight" in found["drawn"]["tensor"].source and "Linear" in found["drawn"]["module"].source
    drawings = ("neuron", "scalar", "tensor", "module", "network", "backward", "folded")
    assert figures == {f"11_{name}.svg" for name in drawings} | {"11_neuron.html"}
