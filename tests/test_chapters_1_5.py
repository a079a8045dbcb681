"""Chapters 1 to 5 run, save their figures, and every number in them is the tutorial's or one that mathematics gives."""

from __future__ import annotations

import math
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
FIGURES = {
    "01_mp_neuron": ["01_neuron.svg", "01_lines.png"],
    "02_squared_error": ["02_descent.png", "02_rates.png", "02_valley.png", "02_slices.png", "02_bowl.png",
                         "02_contours.png", "02_losses.png"],
    "03_logistic_neuron": ["03_line_and_logistic.png", "03_losses.png", "03_surface.png", "03_decision.png"],
    "04_the_hill": ["04_losses.png", "04_hill.png", "04_borders.png", "04_surface.png", "04_neurons.png"],
    "05_gates": ["05_gates.png", "05_and_xor_surfaces.png"],
}  # fmt: skip


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run a chapter; gives the names it leaves and what it printed, after a look at its figures."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    def run(chapter):
        monkeypatch.setenv("MICROGRAD_FIGURES", str(tmp_path / "figures"))
        found = runpy.run_path(str(EXAMPLES / f"{chapter}.py"))
        assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == sorted(FIGURES[chapter])
        for figure in (tmp_path / "figures").glob("*.png"):
            assert np.ptp(pyplot.imread(figure)[..., :3], axis=2).max() > 0.2, f"{figure.name} has no colour in it"
        return found, capsys.readouterr().out

    yield run
    pyplot.close("all")


@pytest.mark.parametrize("chapter", sorted(path.stem for path in EXAMPLES.glob("[0-9][0-9]_*.py")))
def test_chapters_are_notebooks_in_two_languages(chapter):
    """Cells in the percent format, a number and two languages in the title, three things to try at the end."""
    text = (EXAMPLES / f"{chapter}.py").read_text(encoding="utf-8")
    assert text.startswith(f"# %% [markdown]\n# # {int(chapter[:2])}. ")
    cells = re.split(r"^# %%", text, flags=re.MULTILINE)[1:]
    assert all(cell.startswith((" [markdown]\n", "\n")) for cell in cells)
    for cell in cells:
        if cell.startswith(" [markdown]"):
            assert all(line.startswith("#") for line in cell.splitlines()[1:] if line)
    headings = re.findall(r"^# #{1,2} (.*)$", text, flags=re.MULTILINE)
    assert len(headings) > 4
    for heading in headings:
        english, chinese = heading.split(" · ")
        assert re.search("[A-Za-z]", english) and re.search("[\u4e00-\u9fff]", chinese)
    tasks = text.split("# ## Three things to try · 试一试")[1]
    assert re.findall(r"^# (\d)\. ", tasks, flags=re.MULTILINE) == ["1", "2", "3"]


def test_chapter_1_the_first_neuron(run):
    found, said = run("01_mp_neuron")
    assert [x.grad for x in found["inputs"]] == [1.5, 1.2, 0.6]  # tutorial 001: its weights
    assert found["answer"].data == pytest.approx(0.5 * 1.5 + 0.2 * 1.2 + 0.8 * 0.6)
    assert found["z"].data == pytest.approx(2.3, abs=1e-15)  # tutorial 002
    assert found["rectified"] == (pytest.approx(2.3), 0.0)
    assert re.search(r"z +2\.3 +2\.3\n", said)
    # One bean: the distance to y / x = 1.7 shrinks by 1 - αx² at each look.
    assert found["looks"] == pytest.approx([1.7 * (1 - 0.84**k) for k in range(61)])
    # A hundred: the rule stays near the least squares, within its last step or two.
    assert found["rounds"][0] == 0 and found["rounds"][-1] == pytest.approx(found["compromise"], abs=0.05)
    # With a threshold it stops; Novikoff's bound on the corrections is (R / γ)².
    assert found["mistakes"][-1] == 0 < found["mistakes"][0]
    assert found["safe"] <= found["boundary"] < found["poisonous"]
    x, y = np.array(found["xs"]), np.array(found["ys"])
    gap, middle = (found["poisonous"] - found["safe"]) / 2, (found["poisonous"] + found["safe"]) / 2
    assert np.array_equal(x > middle, y == 1)
    assert sum(found["mistakes"]) <= (x**2 + 1).max() * (1 + middle**2) / gap**2


def test_chapter_2_squared_error(run):
    found, said = run("02_squared_error")
    assert found["polynomial"] == pytest.approx((0.16, -0.544, 0.4624), abs=1e-15)  # tutorial 001
    for name, tutorial in (("w² 的系数", "0.1600"), ("w  的系数", "-0.5440"), ("常数项", "0.4624")):
        assert re.search(rf"{name} +{tutorial} +{tutorial}\n", said)
    assert found["penalties"] == {1: 1, 3: 9, 10: 100}
    assert "直接相加：0    平方再相加：2" in said
    assert (found["h"].data, found["h"].grad) == pytest.approx((0.68, 1.36))
    # Each step multiplies the distance to 1.7 by 1 - 0.32α.
    for rate, path in found["rates"].items():
        assert path == pytest.approx([1.7 - 1.7 * (1 - 0.32 * rate) ** k for k in range(11)], abs=1e-9)
    assert found["from_left"][-1] < 1.7 < found["from_right"][-1]
    assert found["from_right"] == sorted(found["from_right"], reverse=True)
    assert found["rates"][3.125][1] == pytest.approx(1.7) and found["rates"][6.25][2] == pytest.approx(0)
    assert abs(found["rates"][7.0][-1]) > 10
    assert found["rosenblatt"] == pytest.approx(found["half_rate"], rel=1e-15)
    assert found["averaged"] == pytest.approx(found["by_formula"])
    # One bean's Hessian is 2(x, 1)(x, 1)ᵀ: a valley.
    assert found["valley"] == pytest.approx([0, 2 * (0.4**2 + 1)], abs=1e-12)
    x = found["xs"]
    mean = 2 * np.array([[np.mean(x**2), np.mean(x)], [np.mean(x), 1]])
    assert found["bowl"] == pytest.approx(np.linalg.eigvalsh(mean)) and found["bowl"][0] > 0.1
    # Each cut is a parabola with its own lowest place; neither is the bowl's.
    assert found["partials"] == pytest.approx([-2 * np.mean(x * found["ys"]), -2 * np.mean(found["ys"])])
    e, bottom = found["mean_error"], found["best"](found["ys"], True)[1]
    for w, b, dw, db in ((found["along_w"], 0.0, 0.01, 0), (0.0, found["along_b"], 0, 0.01)):
        assert e(w, b) < min(e(w + dw, b + db), e(w - dw, b - db)) and e(w, b) > 2 * bottom
    for target in found["seas"].values():
        assert found["best"](target, True)[1] < found["best"](target, False)[1] / 3
    assert found["learnt"] == pytest.approx(np.polyfit(x, found["ys"], 1), abs=1e-4)
    assert np.diff(found["losses"]).max() <= 0
    w, b = found["slide"][-1]
    assert w * 0.4 + b == pytest.approx(0.68, abs=1e-4)


def test_chapter_3_the_logistic_neuron(run):
    found, said = run("03_logistic_neuron")
    assert found["first"] == pytest.approx(0.9990889488055994, rel=1e-15)  # tutorial 003
    assert said.count("0.9990889488055994") == 2
    assert "σ(0) = 0.5，σ'(0) = 0.25" in said
    low, high = found["line_range"]
    assert low < 0 < 1 < high
    assert found["line_wrong"][0] == 0 < found["line_wrong"][1]
    s = 1 / (1 + math.exp(0.2))  # σ(2·0.4 − 1)
    assert found["by_formula"] == pytest.approx((-2 * (1 - s) ** 2 * s * 0.4, -2 * (1 - s) ** 2 * s))
    numbers = [line.split()[1:] for line in said.splitlines() if line.startswith("de/d")]
    assert len(numbers) == 2 and all(formula == engine for formula, engine in numbers)
    assert found["logistic_wrong"] == 0 and found["boundary"] == pytest.approx(0.5, abs=0.02)
    assert found["losses"][-1] < found["losses"][0] / 10
    assert found["sure"] == {p: pytest.approx(p, abs=1e-4) for p in (0.5, 0.6, 0.8, 0.9)}
    # Two features: the contour of 0.5 is a straight line, and nearly the one that made the data.
    assert found["two_wrong"] == 0
    assert found["planar"](found["on_the_line"]).flatten().tolist() == pytest.approx([0.5] * 3, abs=1e-4)
    assert found["w1"] / found["w2"] == pytest.approx(1.5 / 1.2, abs=0.1)
    assert -found["b"] / found["w2"] == pytest.approx(1.35 / 1.2, abs=0.1)


def test_chapter_4_the_hill(run):
    found, _ = run("04_the_hill")
    x, y = found["columns"][:, 0], np.abs(found["columns"][:, 0] - 0.5) < 0.2
    # One S-curve is monotone; the best cut leaves one foot of the hill on the wrong side.
    assert found["monotone"]
    assert max(found["cuts"]) == 1 - min((x <= 0.3).sum(), (x >= 0.7).sum()) / 100
    assert found["one_right"] <= max(found["cuts"])
    assert found["hill_right"] == 1 and sum(p.numel() for p in found["hill"].parameters()) == 7
    assert found["turns"] == pytest.approx([0.3, 0.7], abs=0.06)
    assert found["starts"][0] == 1 and min(found["starts"].values()) == max(found["cuts"])
    # Two layers without an activation are one line: they do as well as least squares, and no better.
    fitted = np.polyval(np.polyfit(x, y, 1), x)
    assert found["line_loss"] == pytest.approx(np.mean((fitted - y) ** 2))
    assert found["straight_losses"][-1] == pytest.approx(found["line_loss"], abs=1e-5)
    assert found["slope"] == pytest.approx(np.polyfit(x, y, 1)[0], abs=0.01)
    assert found["product"] == pytest.approx(found["x"].grad)
    seen, unseen = zip(*found["generalised"].values(), strict=True)
    assert seen[0] == 1 > unseen[0] + 0.05 and min(unseen[1:]) > 0.97
    assert seen[-1] == pytest.approx(unseen[-1], abs=0.02)
    assert found["bent_right"] > 0.97 and found["flat_right"] < 0.9


def test_chapter_5_gates(run):
    found, said = run("05_gates")
    assert found["by_hand"] == {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "NAND": (1, 1, 1, 0)}
    assert found["not_gate"] == [1, 0]
    for gate in ("and", "or", "nand"):
        assert found["learnt"][gate] == (pytest.approx(0, abs=0.01), True)
    # Tutorial 000: one neuron ends on the plane y = 0.5, where the mean squared error is a quarter.
    assert found["learnt"]["xor"][0] == pytest.approx(0.25, abs=1e-4)
    assert found["flat"] == pytest.approx([0.5] * 4, abs=1e-3)
    assert found["folded"] == {"AND": pytest.approx(0, abs=1e-3), "XOR": pytest.approx(0.25, abs=1e-5)}
    assert min(found["tries"]) == pytest.approx(0.25, abs=1e-3) and min(found["tries"]) > 0.25 - 1e-6
    # 14 of the 16 gates are a line's; the two others are XOR and its opposite.
    assert len(found["possible"]) == 14 and found["missing"] == [(0, 1, 1, 0), (1, 0, 0, 1)]
    assert found["squared"] == [0, 1, 1, 0]
    assert "输入平方、立方以后还是它自己： True True" in said
    assert 1 / 6 < min(found["one_hidden"]) < 0.25  # three corners share one answer, at best 2/3
