"""The chain rule with numbers in it: the sum is the gradient, and what is written is what was computed."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import micrograd_cn as mt
from micrograd_cn import Value, nn
from micrograd_cn.nn import scalar
from micrograd_cn.viz import Explanation, explain
from tests.functions import Cube, SumAndDifference

NAMES = ("w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3")


def alice(label=True):
    """Tutorial 003's network before training, on its first person: all weights 1, all biases 0."""
    p = {name: Value(float(name[0] == "w"), name if label else "") for name in NAMES}
    x1, x2 = Value(-2, "x1"), Value(-1, "x2")
    h1 = (p["w1"] * x1 + p["w2"] * x2 + p["b1"]).sigmoid()
    h2 = (p["w3"] * x1 + p["w4"] * x2 + p["b2"]).sigmoid()
    o1 = (p["w5"] * h1 + p["w6"] * h2 + p["b3"]).sigmoid()
    loss = (1 - o1) ** 2
    if label:
        h1.label, h2.label, o1.label, loss.label = "h1", "h2", "o1", "L"
    return p, loss


def network(batch=1):
    """The same on tensors, in double precision."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid()).double()
    with mt.no_grad():
        for p in model.parameters():
            p.copy_(mt.full_like(p, float(p.ndim == 2)))
    x = mt.tensor([[-2.0, -1.0], [25.0, 6.0]], dtype=mt.float64)[:batch]
    y = mt.tensor([[1.0], [0.0]], dtype=mt.float64)[:batch]
    return model, nn.MSELoss()(model(x), y)


# --- tutorial 003 ----------------------------------------------------------------------------------------------------


def test_it_prints_the_hand_derivation_of_the_tutorial():
    p, loss = alice()
    e = explain(loss, p["w1"])
    assert "\n  -0.952 × 0.249 × -0.0904 = 0.0214" in e.text
    assert "∂L/∂w1 = ∂L/∂o1 × ∂o1/∂h1 × ∂h1/∂w1" in e.text
    assert r"(-0.952) \times 0.249 \times (-0.0904) = 0.0214" in e.latex
    assert r"\dfrac{\partial L}{\partial w_{1}} &= \dfrac{\partial L}{\partial o_{1}} \cdot" in e.markdown
    (path,) = e.paths
    assert [(f.of, f.by) for f in path.factors] == [("L", "o1"), ("o1", "h1"), ("h1", "w1")]
    # The tutorial's formulas: -2 (1 - y), w5 f'(…) and x1 f'(…), with f' = f (1 - f).
    h, o = 1 / (1 + math.exp(3)), 1 / (1 + math.exp(-2 / (1 + math.exp(3))))
    by_formula = [-2 * (1 - o), o * (1 - o), -2 * h * (1 - h)]
    assert [f.value for f in path.factors] == pytest.approx(by_formula, rel=1e-14)
    loss.backward()
    assert e.total == p["w1"].grad == pytest.approx(math.prod(by_formula), rel=1e-14)


def test_activations_are_stations_even_if_nothing_has_a_name():
    p, loss = alice(label=False)
    e = explain(loss, p["w1"], lang="en")
    assert "-0.952 × 0.249 × -0.0904 = 0.0214" in e.text
    assert "L ← sigmoid3 ← sigmoid1 ← w" in e.text or "L ← sigmoid2 ← sigmoid1 ← w" in e.text


def test_the_same_on_tensors_with_jacobians_and_what_flows():
    model, loss = network()
    w = model[0].weight
    e = explain(loss, w, params=model, lang="en")
    (path,) = e.paths
    assert [f.shape for f in path.factors] == [
        ((), (1, 1)), ((1, 1), (1, 1)), ((1, 1), (1, 2)), ((1, 2), (1, 2)), ((1, 2), (2, 2)),
    ]  # fmt: skip
    product = path.factors[0].value
    for factor in path.factors[1:]:
        product = product @ factor.value
    loss.backward()
    np.testing.assert_allclose(product.reshape(2, 2), w.grad, rtol=1e-14)
    np.testing.assert_array_equal(e.total, w.grad)
    np.testing.assert_array_equal(path.factors[-1].flow, w.grad)
    assert "(1, 2) × (2, 2)" in e.text and "[[-2, -1, 0, 0], [0, 0, -2, -1]]" in e.text
    assert r"\begin{pmatrix} -2 & -1 & 0 & 0 \cr 0 & 0 & -2 & -1 \end{pmatrix}" in e.markdown


def test_one_element_of_a_tensor_is_told_in_numbers():
    model, loss = network(batch=2)
    w = model[0].weight
    for index in itertools.product(range(2), repeat=2):
        e = explain(loss, w, params=model, index=index)
        assert e.count == len(e.paths) == 2  # one for each person
        for path in e.paths:
            assert math.prod(f.value for f in path.factors) == pytest.approx(path.product, rel=1e-13)
            assert path.factors[-1].by == f"0.weight[{index[0]}, {index[1]}]"
        loss.backward(retain_graph=True)
        assert e.total == pytest.approx(w.grad[index].item(), rel=1e-12)
        assert e.total == explain(loss, w, index=(index[0] - 2, index[1])).total
        w.grad = None


# --- the sum is the gradient -----------------------------------------------------------------------------------------

UNARY = ("sigmoid", "tanh", "relu", "__neg__", "exp")
BINARY = ("__add__", "__mul__", "__sub__")


@st.composite
def programs(draw):
    """Steps of a program on a growing list of numbers: (name, operands by position)."""
    steps = []
    for i in range(draw(st.integers(1, 10))):
        place = st.integers(0, i + 1)
        if draw(st.booleans()):
            steps.append((draw(st.sampled_from(BINARY)), draw(place), draw(place)))
        else:
            steps.append((draw(st.sampled_from(UNARY)), draw(place)))
    return steps


def run(steps, w, x):
    """The last number, forced to depend on ``w``."""
    found = [w, x]
    for name, *places in steps:
        first, *others = (found[i] for i in places)
        found.append(getattr(first, name)(*others).tanh() if name == "exp" else getattr(first, name)(*others))
    return found[-1] * 2.0 + w


def ways(node, w):
    """How many paths there are, from the definition: one at the end, else those of the inputs together."""
    return 1 if node is w else sum(ways(parent, w) for parent in node.parents)


@settings(deadline=None, max_examples=60)
@given(programs(), st.floats(-1, 1), st.floats(-1, 1))
def test_sum_over_paths_of_random_programs(steps, w, x):
    w, x = Value(w, "w"), Value(x, "x")
    loss = run(steps, w, x)
    (gradient,) = mt.autograd.grad(loss, w, retain_graph=True)
    for most in (1, 1000):
        e = explain(loss, w, max_paths=most)
        assert e.total == gradient.data
        products = [path.product for path in e.paths]
        assert [abs(p) for p in products] == sorted(map(abs, products), reverse=True)
        assert sum(products) + (e.rest or 0.0) == pytest.approx(gradient.data, rel=1e-9, abs=1e-12)
        for path in e.paths:
            assert math.prod(f.value for f in path.factors) == pytest.approx(path.product, rel=1e-12, abs=1e-300)
            names = [path.factors[0].of, *(f.by for f in path.factors)]
            assert names[0] == "L" and names[-1] == "w" and all(names)
            assert [f.of for f in path.factors] == names[:-1]
    if e.count < 60:
        assert e.count == ways(loss, w)
        # Paths that read alike are told apart.
        told = [tuple((f.of, f.by, f.way) for f in path.factors) for path in e.paths]
        assert len(set(told)) == len(told)


@settings(deadline=None, max_examples=25)
@given(programs(), st.integers(0, 2), st.integers(0, 10**6))
def test_sum_over_paths_of_random_programs_on_tensors(steps, element, seed):
    rng = np.random.default_rng(seed)
    w = mt.tensor(rng.uniform(-1, 1, 3), requires_grad=True)
    loss = (run(steps, w, mt.tensor(rng.uniform(-1, 1, 3))) * mt.tensor([1.0, -2.0, 0.5], dtype=mt.float64)).sum()
    (gradient,) = mt.autograd.grad(loss, w, retain_graph=True)
    e = explain(loss, w, max_paths=3)
    np.testing.assert_array_equal(e.total, gradient)
    parts = sum(path.product for path in e.paths) + (0.0 if e.rest is None else e.rest)
    np.testing.assert_allclose(parts, gradient, rtol=1e-9, atol=1e-12)
    assert explain(loss, w, index=element).total == pytest.approx(gradient[element].item(), rel=1e-9, abs=1e-12)


def test_broadcasts_products_and_a_users_function():
    rng = np.random.default_rng(0)
    x, w, b = (mt.tensor(rng.normal(size=s), requires_grad=True) for s in ((4, 3), (3, 2), (2,)))
    loss = Cube.apply(x @ w + b).mean()
    for p, name in ((x, "x"), (w, "w"), (b, "b")):
        (gradient,) = mt.autograd.grad(loss, p, retain_graph=True)
        e = explain(loss, p, params={"x": x, "w": w, "b": b}, lang="en")
        np.testing.assert_array_equal(e.total, gradient)
        assert f"∂{name}" in e.text and "Cube" in e.text
        index = (-1,) * p.ndim
        assert explain(loss, p, index=index).total == pytest.approx(gradient[index].item(), rel=1e-12)


def test_a_users_function_of_several_results_and_one_that_cannot_be_differentiated_twice():
    class Once(Cube):
        backward = staticmethod(mt.autograd.function.once_differentiable(Cube.backward))

    w = mt.tensor([2.0, 3.0], requires_grad=True)
    s, d = SumAndDifference.apply(w * 1, Once.apply(w))
    loss = (s * d).sum()  # w² - w⁶
    e = explain(loss, w)
    assert e.total.tolist() == pytest.approx([2 * x - 6 * x**5 for x in (2, 3)])
    assert e.count == 4 and sum(path.product for path in e.paths).tolist() == pytest.approx(e.total.tolist())
    assert explain(loss, w, index=1).total == pytest.approx(2 * 3 - 6 * 3**5)


def test_infinity_stays_in_its_element(recwarn):
    w = mt.tensor([1.0, np.inf, np.nan], requires_grad=True)
    e = explain((w * w).sum(), w)
    jacobian = e.paths[0].factors[-1].value
    np.testing.assert_array_equal(jacobian, [[1.0, 0, 0], [0, np.inf, 0], [0, 0, np.nan]])
    assert explain((w * w).sum(), w, index=0).total == 2.0
    assert not [w for w in recwarn if issubclass(w.category, RuntimeWarning)]


# --- many paths ------------------------------------------------------------------------------------------------------


def test_the_largest_paths_are_the_largest():
    rng = np.random.default_rng(3)
    layers = rng.uniform(-1, 1, (3, 4, 4))
    w = Value(1.0, "w")
    row = [w * float(c) for c in layers[0, 0]]
    for weights in layers[1:]:
        row = [sum((float(c) * x for c, x in zip(column, row, strict=True)), Value(0.0)).tanh() for column in weights]
    loss = sum(row, Value(0.0))
    everything, few = explain(loss, w, max_paths=10**6), explain(loss, w, max_paths=7)
    assert everything.count == len(everything.paths) == 4**3 and everything.rest is None
    largest = sorted((p.product for p in everything.paths), key=abs, reverse=True)
    assert [p.product for p in few.paths] == largest[:7]
    assert few.rest == pytest.approx(sum(p.product for p in everything.paths[7:]), rel=1e-9)
    assert [j.ways for j in few.joins] == [4, 16]  # a neuron of the second layer, then one of the first


def test_ten_thousand_paths_are_folded():
    model = scalar.MLP(2, [10, 10, 10, 10, 1])
    for p in model.parameters():
        p.data = abs(p.data) + 0.01  # no ReLU is dead
    loss = (model([1.0, 2.0]) - 1.0) ** 2
    w = model.layers[0].neurons[3].w[0]
    e = explain(loss, w, lang="en", max_paths=3)
    loss.backward()
    assert e.count == 1000 and e.total == w.grad
    loss = (model([1.0, 2.0]) - 1.0) ** 2
    shared = Value(1.0, "x")
    loss = (model([shared, 2.0]) - 1.0) ** 2
    e = explain(loss, shared, lang="en", max_paths=3)
    assert e.count == 10**4 and "10,000 paths" in e.text and "9,997 others" in e.text
    assert len(e.text.splitlines()) < 150


def test_more_paths_than_there_are_atoms():
    x = y = Value(1.0, "x")
    for _ in range(400):
        y = y * 0.5 + y * 0.5
    e = explain(y, x)
    assert e.count == 2**400 and e.total == 1.0
    assert e.paths[0].product == 0.5**400
    assert "2.58e+120" in e.text and r"2.58 \times 10^{120}" in e.latex
    assert all(len(line) < 200 for line in e.text.splitlines())


# --- what is written -------------------------------------------------------------------------------------------------


def explanations(lang):
    p, loss = alice()
    x = Value(3.0, "x")
    model, on_tensors = network(batch=2)
    named = {"权重": model[0].weight, "a_b%{c}\\|$#&": model[2].weight}
    many = y = Value(1e-9, "y")
    for _ in range(12):
        many = many * 0.75 + 1e-7 * many.tanh()
    return {
        "one": explain(loss, p["w1"], lang=lang),
        "few": explain(x * x * x - (-x).abs() + (x * x).sqrt() / 3.0 + x**0.5, x, lang=lang),
        "many": explain(many, y, lang=lang),
        "tensors": explain(on_tensors, model[0].weight, params=named, lang=lang),
        "element": explain(on_tensors, model[2].weight, params=named, lang=lang, index=(0, 1)),
    }


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_format_is_well_formed(lang):
    for e in explanations(lang).values():
        tex_parts = [e.latex, *re.findall(r"(?<!\\)\$+(.*?)(?<!\\)\$+", e.markdown, re.DOTALL)]
        for tex in tex_parts:
            bare = re.sub(r"\\[{}\\]", "", tex)
            depth = list(itertools.accumulate((c == "{") - (c == "}") for c in bare))
            assert depth[-1] == 0 and min(depth) >= 0, tex
            begun, ended = (re.findall(rf"\\{word}\{{(\w+)\*?\}}", tex) for word in ("begin", "end"))
            assert sorted(begun) == sorted(ended)
            assert tex.count(r"\left.") == tex.count(r"\right\vert")
        for table in re.findall(r"(?:^\|.*\|$\n?)+", e.markdown, re.MULTILINE):
            widths = {line.count("|") for line in table.splitlines()}
            assert len(widths) == 1, table
            assert re.fullmatch(r"\|( --- \|)+", table.splitlines()[1])
        assert not re.search(r"[{}\\$]", re.sub(re.escape("a_b%{c}\\|$#&"), "", e.text))
        assert str(e) == e.text and e._repr_markdown_() == e.markdown and isinstance(e, Explanation)


def test_formulas_render():
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    found = {f for e in explanations("en").values() for f in re.findall(r"(?<!\\)\$([^$\n]+)(?<!\\)\$", e.markdown)}
    known = sorted((f for f in found if "pmatrix" not in f and r"\text" not in f), key=len)  # what matplotlib can set
    assert len(known) > 40
    for formula in known[:: len(known) // 20]:  # parsing takes its time
        parser.parse(f"${formula}$")


def test_both_languages_say_the_same_formulas():
    chinese, english = explanations("zh"), explanations("en")
    for key, zh in chinese.items():
        assert re.search("[一-鿿]", zh.text), key
        if key not in ("tensors", "element"):  # there a weight has a Chinese name
            assert not re.search("[一-鿿]", english[key].text), key
        numbers = [re.findall(r"-?\d+\.\d+", e.text) for e in (zh, english[key])]
        assert numbers[0] == numbers[1] and len(numbers[0]) > 5


def test_squares_and_parallel_ways_read_as_in_a_book():
    x = Value(3.0, "x")
    text = explain(x * x, x, lang="en").text
    assert "∂L/∂x|1" in text and "∂L/∂x|2" in text and "= 3 + 3\n" in text and "= 6\n" in text
    assert "∂(u^2)/∂u = 4, u = 2" in explain((x - 1.0) ** 2, x).text
    assert "σ′(3) = 0.04518" in explain(x.sigmoid(), x).text
    assert "∂(x × 2)/∂x = 2" in explain(x * 2.0, x).text


def test_digits():
    p, loss = alice()
    e = explain(loss, p["w1"], digits=8, by_hand=0)
    derivative = -2 * (1 - 1 / (1 + math.exp(-2 / (1 + math.exp(3)))))
    assert f"{derivative:.8g}" in e.text and "手算" not in e.text


def test_names_come_from_labels_then_params_then_the_operation():
    model, loss = network()
    anonymous = explain(loss, model[0].weight).text
    assert "∂linear1/∂w" in anonymous
    assert "∂linear1/∂0.weight" in explain(loss, model[0].weight, params=model).text
    assert "∂linear1/∂权重" in explain(loss, model[0].weight, params={"权重": model[0].weight}).text
    a = Value(2.0, "inner")
    assert "∂L/∂outer" in explain(a * 3.0, a, params={"outer": a}).text
    assert "∂L/∂two lines" in explain(a * 3.0, a, params={"two\nlines": a}).text


def test_no_two_quantities_go_by_one_name():
    x, w = Value(3.0), Value(2.0, "w")
    assert "∂(w′ × w)/∂w′ = 2" in explain((x * w) ** 2, x).text
    p, other = Value(2.0, "x"), Value(3.0, "x")
    assert "∂(x × x′)/∂x = 3" in explain(p * other, p).text
    a, b, c = Value(2.0, "x"), Value(3.0, "x"), Value(5.0, "x′")
    assert "∂(x × x′2)/∂x = 3" in explain(a * b * c, a).text  # x′ is the name of another
    text = explain(Value(2.0, "L") * w, w).text
    assert "∂L′/∂w" in text and "∂(L × w)/∂w = 2" in text
    named = Value(0.5, "tanh1")
    text = explain((w.tanh() * named).tanh(), w).text
    assert "∂tanh2/∂w" in text and "∂(tanh2 × tanh1)/∂tanh2 = 0.5" in text
    u, p1 = Value(1.0, "u"), Value(2.0, "P1")
    assert "∂(u′ × u)/∂u′ = 1" in explain((p1 + 1) * u, p1).text
    text = explain(p1 * p1, p1).text
    assert "P′1 = ∂L/∂P1|1" in text and "∂L/∂P1 = P′1 + P′2" in text


def test_the_operand_stands_only_where_the_symbol_says_so():
    w = mt.tensor([[0.5, -1.0]], requires_grad=True)
    text = explain(mt.log_softmax(w, 1).square().sum(), w).text
    assert "∂log_softmax(w)/∂w" in text and "²)/∂log_softmax1" in text
    w = mt.ones(1, 1, 4, requires_grad=True)
    assert "∂window_max(" in explain(nn.functional.max_pool1d(w, 2).sum(), w).text


def test_an_input_without_a_name_is_its_shape_and_no_vector():
    layer = nn.Linear(2, 1)
    text = explain(layer(mt.tensor([[0.5, -1.0]])).sum(), layer.weight, params=layer).text
    assert "linear((1, 2), weight, bias)" in text


def test_ways_between_two_stations_are_numbered_as_they_are_told():
    q = Value(2.0, "q")
    e = explain(q * q * q + q, q, lang="en")  # 3 q² + 1
    assert [path.factors[-1].way for path in e.paths] == [1, 2, 3, 4]
    assert [path.product for path in e.paths] == [4, 4, 4, 1]
    assert "number behind the bar" in e.text and "bar" not in explain(q * 2, q, lang="en").text


def test_the_largest_paths_of_tiny_numbers():
    w = mt.ones(2, requires_grad=True)
    e = explain(sum((w * (k * 1e-30) for k in (3, 1, 7, 2, 6, 4, 5)), mt.zeros(2)).sum(), w, max_paths=3)
    np.testing.assert_allclose([path.product for path in e.paths], np.outer([7e-30, 6e-30, 5e-30], [1, 1]), rtol=1e-6)


def test_a_slope_of_zero_meets_infinity():
    w = mt.tensor([0.0, 1.0], requires_grad=True)
    assert math.isnan(explain((w * 0).sqrt().sum(), w, index=0).total)
    a, b = mt.tensor([[0.0, 1.0]], requires_grad=True), mt.zeros(2, 1)
    assert math.isnan(explain((a @ b).sqrt().sum(), a, index=(0, 0)).total)


def test_on_paper_it_says_where_rounding_leaves_nothing():
    t = Value(6.0, "t")
    text = explain(t.tanh() * 2, t, lang="en").text  # 1 - tanh² 6 is 2.5e-05
    assert "2 × 0 = 0" in text and "far from the exact 4.92e-05" in text
    assert "far from" not in explain((t * 0.1).tanh() * 2, t, lang="en").text


# --- before and after backward, and errors ---------------------------------------------------------------------------


@pytest.mark.parametrize("face", ["values", "tensors"])
def test_it_changes_nothing(face):
    p, loss = alice()
    w, others = p["w1"], list(p.values())
    if face == "tensors":
        model, loss = network()
        w, others = model[0].weight, list(model.parameters())
    before = explain(loss, w)
    assert all(x.grad in (None, 0.0) for x in others)
    seen = []
    if face == "tensors":
        w.register_hook(seen.append)
        w.requires_grad_()
    loss.backward(retain_graph=True)
    hooks = len(seen)
    grad = np.array(w.grad if face == "values" else w.grad.numpy())
    assert str(explain(loss, w)) == str(before)
    assert len(seen) == hooks
    np.testing.assert_array_equal(grad, w.grad if face == "values" else w.grad.numpy())
    np.testing.assert_array_equal(before.total, grad)
    loss.backward()  # nothing has been freed


def test_errors():
    w, v = Value(2.0, "w"), Value(3.0)
    t = mt.ones(2, 2, requires_grad=True)
    with pytest.raises(TypeError, match="two Values or two Tensors, not Value and Tensor"):
        explain(w * w, t)
    with pytest.raises(TypeError, match="not float and Value"):
        explain(1.0, w)
    with pytest.raises(RuntimeError, match="loss has no graph"):
        explain(w, w)
    with mt.no_grad():
        constant = w * w
    with pytest.raises(RuntimeError, match="loss has no graph"):
        explain(constant, w)
    with pytest.raises(RuntimeError, match="loss has no graph"):
        explain(mt.ones(1), t)
    with pytest.raises(ValueError, match="does not depend on w: no path"):
        explain(w * w, v)
    with pytest.raises(RuntimeError, match="w does not require grad"):
        explain(t.sum(), mt.ones(2))
    loss = w * w
    with pytest.raises(ValueError, match="the same"):
        explain(loss, loss)
    loss.backward()
    with pytest.raises(RuntimeError, match=r"freed by backward\(\)"):
        explain(loss, w)
    loss = t.exp().sum()
    loss.backward()
    with pytest.raises(RuntimeError, match=r"freed by backward\(\)"):
        explain(loss, t)
    with pytest.raises(ValueError, match=r"one element, not the shape \(2, 2\)"):
        explain(t * 2, t)
    with pytest.raises(IndexError, match=r"\(0, 2\) is no element of w, which has the shape \(2, 2\)"):
        explain((t * 2).sum(), t, index=(0, 2))
    with pytest.raises(ValueError, match=r"does not depend on this element of w: \(0, 1\)"):
        explain((t[1] * 2).sum(), t, index=(0, 1))
    for index in ("a", slice(None), 0.5):
        with pytest.raises(IndexError, match="is no element of w"):
            explain((t * 2).sum(), t, index=(0, index))
    row = mt.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match=r"does not depend on this element of w: 0;"):
        explain(row[1] * 2, row, index=0)
    with pytest.raises(TypeError, match="index"):
        explain(w * w, w, index=0)
    with pytest.raises(ValueError, match="by_hand"):
        explain(w * w, w, by_hand=-1)
    for name, bad in (("digits", "4"), ("digits", None), ("digits", 1.5), ("max_paths", None), ("by_hand", None)):
        with pytest.raises(TypeError, match=f"{name} must be an integer, not {bad!r}"):
            explain(w * w, w, **{name: bad})
    with pytest.raises(IndexError, match=r"1\.0 is no element of w"):
        explain((row * 2).sum(), row, index=1.0)
    with pytest.raises(ValueError, match="lang"):
        explain(w * w, w, lang="fr")
    with pytest.raises(ValueError, match="at least 1"):
        explain(w * w, w, digits=0)
    with pytest.raises(TypeError, match="params"):
        explain(w * w, w, params=3)
    large = mt.ones(110, 110, requires_grad=True)
    with pytest.raises(ValueError, match="too many to tell"):
        explain((large.sum() * large).sum(), large, index=(0, 0))
    middle = t.exp()
    out = middle.square().sum()
    middle.detach().mul_(2.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        explain(out, t)


def test_a_value_that_has_been_set_since_is_refused():
    w, c = Value(2.0, "w"), Value(3.0)
    for loss, read in ((w.tanh() * 4, w), (w * c, c), (w + c, c)):
        before = read.data
        read.data = 50.0
        with pytest.raises(RuntimeError, match="has been set since"):
            explain(loss, w)
        read.data = before
        explain(loss, w)
    loss.data = 7.0
    with pytest.raises(RuntimeError, match="has been set since"):
        explain(loss, w)
