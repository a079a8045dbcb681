"""The animation of a graph: its numbers and formulas, and the page itself, clicked through in a headless Chromium."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import micrograd_cn as torch
from micrograd_cn import Value, nn, viz
from micrograd_cn.ops.table import TABLE
from micrograd_cn.viz.formulas import Term, number, written
from tests.functions import Cube


def neuron():
    """A neuron whose weight is used twice; every value has a name."""
    x, w, b = Value(2.0, "x"), Value(-3.0, "w"), Value(7.0, "b")
    z = x * w + b
    t = z.tanh()
    d = t - w
    y = d.relu() ** 2 / 3
    named = {"x": x, "w": w, "b": b, "z": z, "t": t, "d": d, "y": y}
    for name, value in named.items():
        value.label = name
    return y, named


def network():
    """Two linear layers on a batch, each result with a name and a gradient that it keeps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))
    x, target = torch.tensor([[0.0, 1.0], [1.0, 1.0]]), torch.tensor([[1.0], [0.0]])
    hidden = model[0](x)
    active = model[1](hidden)
    y = model[2](active)
    loss = ((y - target) ** 2).mean()
    named = {**dict(model.named_parameters()), "hidden": hidden, "active": active, "y": y, "loss": loss}
    for tensor in named.values():
        tensor.retain_grad()
    return loss, named


def script(animation):
    """What the page plays."""
    return json.loads(re.search(r'<script id="script" type="application/json">(.*?)</script>', animation.html, re.S)[1])


def said(steps):
    """Every line of formulas."""
    lines = (line for step in steps for row in step["rows"] for line in row)
    return [line if isinstance(line, str) else line[1] for line in lines]


# --- what it says ----------------------------------------------------------------------------------------------------


def test_each_operation_is_one_step_forward_and_one_back_in_the_engines_order():
    y, _ = neuron()
    steps = script(viz.animate(y))["steps"]
    assert [s["kind"] for s in steps] == ["given", *["forward"] * 7, "seed", *["backward"] * 7, "end"]
    forward, backward = ([s["name"] for s in steps if s["kind"] == kind] for kind in ("forward", "backward"))
    assert forward == ["v₁", "z", "t", "d", "v₂", "v₃", "y"]
    assert backward == forward[::-1]


def test_formulas_stand_in_names_and_in_numbers():
    y, _ = neuron()
    lines = said(script(viz.animate(y))["steps"])
    assert "v₁ = x × w = 2 × (-3) = -6" in lines
    assert "z = v₁ + b = -6 + 7 = 1" in lines
    assert "t = tanh(z) = tanh(1) = 0.7616" in lines  # tanh 1
    assert "∂t/∂z = 1 - t × t = 0.42" in lines  # 1 - tanh² 1
    assert "∂v₁/∂w = x = 2" in lines
    assert "∂v₂/∂d = [v₂ > 0] = 1" in lines
    assert "∂d/∂w = -1" in lines


def numbers(text):
    """The value of a formula that holds numbers only; None for another."""
    text = re.sub(r"\b(tanh|exp|log|ReLU)\b", "", text).strip()
    if re.search(r"[^\W\d]|∂|\[", re.sub(r"\d+\.?\d*e[-+]?\d+", "0", text)):
        return None
    return eval(text.replace("×", "*").replace("÷", "/"), {})


def test_every_equation_between_numbers_holds():
    a, b = Value(1.7, "a"), Value(-0.6, "b")
    for root in (neuron()[0], (a * b + a / b - b**3) * a, (a + a) * (a - -b), -a * b / -(a + b)):
        checked = 0
        for line in said(script(viz.animate(root))["steps"]):
            parts = [numbers(part) for part in line.split(" = ") if not re.search("tanh|ReLU", part)]
            parts = [x for x in parts if x is not None]
            checked += len(parts) > 1
            for x in parts[1:]:
                assert x == pytest.approx(parts[0], rel=3e-3), line
        assert checked >= 10


def test_where_paths_join_gradients_add_up():
    w = Value(3.0, "w")
    y = w * w + w
    rows = [row for step in script(viz.animate(y))["steps"] for row in step["rows"]]
    joins = [line for row in rows for line in row if line[0] == "joins"]
    assert joins == [["joins", "∂L/∂w = 1 + 3 = 4"], ["joins", "∂L/∂w = 4 + 3 = 7"]]  # d(w² + w) = 2w + 1


def test_what_was_broadcast_is_summed():
    x, b = torch.ones(3, 2, requires_grad=True), torch.tensor([5.0, 6.0], requires_grad=True)
    steps = script(viz.animate((x * b).sum(), params={"x": x, "b": b}))["steps"]
    assert ["spread", "[3, 3]"] in [line for step in steps for row in step["rows"] for line in row]


def test_products_of_matrices_say_their_rule():
    x, w = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0], [4.0]], requires_grad=True)
    lines = said(script(viz.animate((x @ w).sum(), params={"x": x, "w": w}))["steps"])
    assert "v₁ = x @ w = [[1, 2]] @ [[3], [4]] = [[11]]" in lines
    assert "∂L/∂w = xᵀ @ ∂L/∂v₁ = [[1], [2]]" in lines


def test_large_tensors_appear_as_shapes():
    x, w = torch.ones(20, 30), torch.ones(30, 10, requires_grad=True)
    lines = said(script(viz.animate((x @ w).sum(), params={"w": w, "x": x}))["steps"])
    assert "v₁ = x @ w = [20×30] @ [30×10] = [20×10]" in lines
    assert "∂L/∂w = xᵀ @ ∂L/∂v₁ = [30×10]" in lines


def test_a_users_function_is_one_step():
    x = torch.tensor(2.0, requires_grad=True)
    y = Cube.apply(x)
    lines = said(script(viz.animate(y * 5, params={"x": x, "y": y}))["steps"])
    assert "y = Cube(x) = Cube(2) = 8" in lines
    assert "∂L/∂x = 60" in lines  # 5 · 3 · 2²


def test_it_leaves_gradients_hooks_and_the_graph_alone():
    loss, named = network()
    called = []
    named["y"].register_hook(called.append)
    viz.animate(loss)
    assert all(t.grad is None for t in named.values()) and not called
    loss.backward()
    assert called
    y, values = neuron()
    viz.animate(y)
    assert all(v.grad == 0.0 for v in values.values())


@pytest.mark.parametrize("function, shape", [
    (nn.functional.gelu, (3,)), (nn.LayerNorm(4), (2, 4)), (lambda x: nn.functional.max_pool1d(x, 2), (1, 1, 6)),
    (nn.MaxPool2d(2), (1, 1, 4, 4)), (lambda x: nn.functional.cross_entropy(x, torch.tensor([0, 1])), (2, 3)),
])  # fmt: skip
def test_it_leaves_alone_what_an_operation_noted_for_its_rule(function, shape):
    x = torch.randn(*shape).requires_grad_()
    y = function(x).sum()
    (expected,) = torch.autograd.grad(y, x, retain_graph=True)
    viz.animate(y)
    y.backward()
    np.testing.assert_array_equal(x.grad, expected)


def test_names_are_told_apart():
    first, second, v = Value(2.0, "h"), Value(3.0, "h"), Value(5.0, "v₁")
    lines = said(script(viz.animate((first * second + v) * Value(7.0, "L")))["steps"])
    assert "v₂ = h × h′ = 2 × 3 = 6" in lines and "v₃ = v₂ + v₁ = 6 + 5 = 11" in lines
    assert "L′ = v₃ × L = 11 × 7 = 77" in lines


def test_the_roots_own_step_does_not_multiply_by_its_derivative_by_itself():
    x = Value(1.0, "x")
    y = (x * 2).tanh()
    y.label = "a"
    lines = said(script(viz.animate(y))["steps"])
    assert "∂a/∂v₁ = 1 - a × a = 0.07065" in lines  # 1 - tanh² 2
    assert not any("∂a/∂a ×" in line for line in lines)


def test_a_hook_that_did_not_run_is_said():
    h = (w := torch.tensor(2.0, requires_grad=True)) * 3
    h.retain_grad()  # is none of the user's
    loss = h * 5

    def hooked():
        steps = script(viz.animate(loss, params={"w": w, "h": h}))["steps"]
        return [
            (step["kind"], line[1]) for step in steps for row in step["rows"] for line in row if line[0] == "hooked"
        ]

    assert hooked() == []
    for tensor in (w, h):
        tensor.register_hook(lambda g: g * 10)
    assert hooked() == [("backward", "h"), ("end", "w")]


def test_a_value_that_has_been_set_since_is_refused():
    x = Value(2.0, "x")
    y = x * x + x
    x.data = 7.0
    with pytest.raises(RuntimeError, match="has been set since"):
        viz.animate(y)
    assert viz.animate(x * x + x)


def known(text, names):
    """The number that a formula stands for."""
    text = re.sub(r"\[(.+?) > 0\]", r"float((\1) > 0)", text)
    for mark, python in {"×": "*", "÷": "/", "≥": ">=", "≤": "<=", "≠": "!=", "√": "sqrt"}.items():
        text = text.replace(mark, python)
    functions = {"σ": lambda x: 1 / (1 + math.exp(-x)), "sqrt": math.sqrt}
    functions |= {name: getattr(math, name) for name in ("cos", "sin", "tan", "sinh", "cosh", "tanh", "exp", "log")}
    return eval(text, {}, {**functions, **names})


@pytest.mark.parametrize("name", sorted({"add", "sub", "mul", "div", "pow", "neg", "exp", "log", "sqrt", "sin", "cos",
    "tanh", "sigmoid", "relu", "leaky_relu", "square", "reciprocal", "rsqrt", "tan", "sinh", "cosh", "exp2", "log2",
    "log1p", "expm1", "atan", "asin", "silu", "softplus"} & TABLE.keys()))  # fmt: skip
def test_a_rule_writes_down_the_derivative_that_it_computes(name):
    """Read back as Python, the formula gives the slope of the operation."""
    row = TABLE[name].primitive
    point = [0.7, 1.9][: len(row.inputs)]
    faces = [Value(x, label) for x, label in zip(point, "xy", strict=False)]
    out = TABLE[name](*faces)
    for k in range(len(point)):
        rule, pick = out.plan.pulls[k]
        texts = {**dict(zip(row.inputs, "xy", strict=False)), "out": "out"}
        saved = [Term(texts[n], x) if n in texts else x for (n, _), x in zip(out.plan.asked, out.saved, strict=True)]
        found = rule(Term("1", 1.0), *pick(saved))
        h = 1e-6
        above, below = ([x + d * (i == k) for i, x in enumerate(point)] for d in (h, -h))
        slope = (float(TABLE[name](*map(Value, above)).data) - float(TABLE[name](*map(Value, below)).data)) / (2 * h)
        names = {**dict(zip("xy", point, strict=False)), "out": out.data}
        assert known(found.text, names) == pytest.approx(slope, rel=1e-3), found.text  # it has 4 digits
        assert float(found.data) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("formula, text", [
    (lambda a, b, c: a * (b + c), "a × (b + c)"), (lambda a, b, c: a - (b - c), "a - (b - c)"),
    (lambda a, b, c: a - b - c, "a - b - c"), (lambda a, b, c: a / (b * c), "a ÷ (b × c)"),
    (lambda a, b, c: (a + b) ** c, "(a + b) ** c"), (lambda a, b, c: a ** (b**c), "a ** (b ** c)"),
    (lambda a, b, c: -(a + b) * c, "-(a + b) × c"), (lambda a, b, c: a * (-b), "a × (-b)"),
    (lambda a, b, c: (-a) ** b, "(-a) ** b"), (lambda a, b, c: np.exp(a * b) + c, "exp(a × b) + c"),
    (lambda a, b, c: a * 1 + 1 * b / 1 - c**1, "a + b - c"),
])  # fmt: skip
def test_parentheses_stand_where_they_are_needed(formula, text):
    terms = [Term("a", 1.2), Term("b", 0.7), Term("c", 2.1)]
    term = formula(*terms)
    assert term.text == text
    names = {t.text: t.data for t in terms}
    assert known(text, names) == pytest.approx(formula(*names.values()))


def test_numbers_and_operations_in_a_formula():
    assert number(np.array([[1.0, -2.5], [0.1, 3.0]])).text == "[[1, -2.5], [0.1, 3]]"
    assert number(np.zeros((3, 4))).text == "[3×4]"
    assert written("×", [number(2.0), number(-3.0)]).text == "2 × (-3)"
    assert written("**", [number(-3.0), number(2.0)]).text == "(-3) ** 2"
    assert written("|x|", [Term("a", 1.0)]).text == "|a|"
    assert written("x²", [Term("a + b", 1.0, 1)]).text == "(a + b)²"


# --- what it refuses -------------------------------------------------------------------------------------------------


def test_bad_input_is_one_clear_sentence(tmp_path):
    x = Value(2.0)
    with pytest.raises(ValueError, match="no graph"):
        viz.animate(x)
    with pytest.raises(ValueError, match="no graph"):
        viz.animate(torch.ones(()) * 2)
    with pytest.raises(TypeError, match="not of float"):
        viz.animate(2.0)
    with pytest.raises(TypeError, match="not of dict"):
        viz.animate({"y": x * x})
    with pytest.raises(ValueError, match=r"shape \[2\].*sum\(\)"):
        viz.animate(torch.ones(2, requires_grad=True) * 2)
    with pytest.raises(ValueError, match="lang must be 'zh' or 'en', not 'fr'"):
        viz.animate(x * x, lang="fr")
    with pytest.raises(ValueError, match="rankdir"):
        viz.animate(x * x, rankdir="XX")
    y = torch.ones((), requires_grad=True)
    z = y.exp() * y
    z.backward()
    with pytest.raises(RuntimeError, match=r"freed.*retain_graph=True"):
        viz.animate(z)
    with pytest.raises(ValueError, match=r"html, not as 'x\.svg'"):
        viz.animate(x * x).save(tmp_path / "x.svg")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot be written.*file"):
        viz.animate(x * x).save(tmp_path / "file" / "x.html")


def test_a_large_graph_says_what_to_do_instead():
    x = y = Value(1.0)
    for _ in range(200):
        y = y + x
    with pytest.raises(ValueError, match=r"up to 300 nodes.*401.*draw\(\)"):
        viz.animate(y)


# --- the page in a browser -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium with a log of its console and of all that it loads."""
    webdriver = pytest.importorskip("selenium.webdriver")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (browser and driver):
        pytest.skip("needs Chromium and chromedriver on the PATH: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1000,700"):
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chrome.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [still]})
    yield chrome
    chrome.quit()


class Page:
    """The page of an animation, opened from disk."""

    def __init__(self, chrome, animation, path):
        self.chrome = chrome
        chrome.get(Path(animation.save(path)).as_uri())

    def text(self, selector):
        return self.chrome.execute_script("return document.querySelector(arguments[0]).textContent", selector)

    @property
    def at(self):
        """The step that is shown, and how many there are."""
        return tuple(map(int, self.text("#count").split(" / ")))

    @property
    def rows(self):
        found = "return [...document.querySelectorAll('#rows div')].map(x => x.textContent.trim())"
        return self.chrome.execute_script(found)

    @property
    def boxes(self):
        """By name what each box shows: its lines below the name."""
        found = """return [...document.querySelectorAll('g.node:not(.op)')].map(
            node => [...node.querySelectorAll('text')].map(x => x.textContent.replaceAll('\\u00a0', ' ')))"""
        return {name: [line for line in lines if line] for name, *lines in self.chrome.execute_script(found)}

    def numbers(self, name):
        """The numbers after "data" and after "grad" in a box."""
        data, _, grad = " ".join(self.boxes[name]).removeprefix("data").partition("grad")
        return [float(x) for x in data.split()], [float(x) for x in grad.split()]

    def key(self, name):
        from selenium.webdriver import ActionChains, Keys

        ActionChains(self.chrome).send_keys(getattr(Keys, name)).perform()

    def press(self, name):
        self.chrome.find_element("id", name).click()

    def touch(self, *points):
        """A finger that comes down, moves, and goes up."""
        kinds = ["touchStart", *["touchMove"] * (len(points) - 1), "touchEnd"]
        for kind, point in zip(kinds, [*points, None], strict=True):
            at = [] if point is None else [{"x": point[0], "y": point[1]}]
            self.chrome.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    def middle(self, selector):
        found = """const box = document.querySelector(arguments[0]).getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2]"""
        return self.chrome.execute_script(found, selector)


@pytest.fixture
def opened(chromium, tmp_path):
    """Opens an animation from disk; at the end the console must be empty, and nothing loaded but the page itself."""
    chromium.get("about:blank")
    chromium.get_log("performance")
    yield lambda animation: Page(chromium, animation, tmp_path / "页面.html")
    assert chromium.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert urls and all(url.startswith(("file://", "data:")) for url in urls)


def clicked_through(page):
    """Step by step to the end."""
    _, count = page.at
    for i in range(1, count):
        page.press("next")
        assert page.at == (i + 1, count)
    assert not page.chrome.find_element("id", "next").is_enabled()
    return page


def test_clicked_through_it_ends_with_the_engines_numbers_of_values(opened):
    y, named = neuron()
    page = clicked_through(opened(viz.animate(y)))
    y.backward()
    for name, x in named.items():
        data, grad = page.numbers(name)
        assert (data, grad) == (pytest.approx([x.data], rel=1e-3), pytest.approx([x.grad], rel=1e-3)), name


def test_clicked_through_it_ends_with_the_engines_numbers_of_tensors(opened):
    loss, named = network()
    page = clicked_through(opened(viz.animate(loss, params=named, lang="en", rankdir="TB")))
    loss.backward()
    for name, x in named.items():
        data, grad = page.numbers(name)
        assert data == pytest.approx(x.detach().flatten().tolist(), rel=1e-3), name
        assert grad == pytest.approx(x.grad.flatten().tolist(), rel=1e-3, abs=1e-9), name


def test_numbers_appear_one_by_one_and_go_when_stepping_back(opened):
    page = opened(viz.animate(neuron()[0], lang="en"))
    seen = [page.boxes]
    for _ in range(page.at[1] - 1):
        page.key("ARROW_RIGHT")
        seen.append(page.boxes)
    filled = [sum(any("data" in line for line in lines) for lines in boxes.values()) for boxes in seen]
    assert filled[:8] == [3, 4, 5, 6, 7, 8, 9, 10]
    with_grad = [sum(any("grad" in line for line in lines) for lines in boxes.values()) for boxes in seen]
    assert with_grad == [0] * 8 + [1, 2, 3, 4, 6, 7, 9, 10, 10]
    for boxes in seen[-2::-1]:
        page.key("ARROW_LEFT")
        assert page.boxes == boxes


def test_the_gradient_of_a_weight_on_two_paths_is_seen_to_grow(opened):
    page = opened(viz.animate(neuron()[0]))
    grads = []
    for _ in range(page.at[1] - 1):
        page.key("ARROW_RIGHT")
        grads.append(page.numbers("w")[1])
    shown = [g[0] for g in grads if g]
    assert len(set(shown)) == 2  # from d = t - w, and then from x × w as well
    page.key("ARROW_LEFT")
    assert [row for row in page.rows if "相加" in row and "∂y/∂w" in row]


def test_the_caption_is_in_the_language_asked_for(opened):
    page = opened(viz.animate(neuron()[0]))
    assert page.text("#phase") == "前向" and page.chrome.title == "y 是怎样算出来的：前向与反向"
    page.key("END")
    assert page.text("#phase") == "反向"
    page = opened(viz.animate(neuron()[0], lang="en"))
    page.key("END")
    assert page.text("#phase") == "Backward" and page.chrome.title == "How y is computed: forward and backward"
    shown = page.text("#panel")
    assert not re.search("[\u4e00-\u9fff]", shown)


def test_keys_step_jump_play_and_pause(opened):
    page = opened(viz.animate(neuron()[0]))
    _, count = page.at
    page.key("END")
    assert page.at[0] == count
    page.key("ARROW_RIGHT")
    assert page.at[0] == count
    page.key("ARROW_LEFT")
    assert page.at[0] == count - 1
    page.key("HOME")
    assert page.at[0] == 1
    page.key("SPACE")
    playing = "return document.body.classList.contains('playing')"
    assert page.chrome.execute_script(playing) and page.at[0] == 2
    page.key("SPACE")
    assert not page.chrome.execute_script(playing)


def test_playing_goes_on_by_itself_and_stops_at_the_end(opened):
    page = opened(viz.animate(Value(2.0, "x") * 3))
    page.chrome.execute_script(
        "window.setInterval = (step) => { window.tick = step; return 7; }; window.clearInterval = () => {}"
    )
    page.press("play")
    for _ in range(10):
        page.chrome.execute_script("document.body.classList.contains('playing') && tick()")
    assert page.at[0] == page.at[1]
    assert not page.chrome.execute_script("return document.body.classList.contains('playing')")


def test_taps_and_swipes_turn_pages(opened):
    page = opened(viz.animate(neuron()[0]))
    x, y = page.middle("#graph")
    page.touch((x, y))
    assert page.at[0] == 2
    page.touch((20, y))
    assert page.at[0] == 1
    x, y = page.middle("#words")
    page.touch((x + 80, y), (x, y), (x - 80, y))
    assert page.at[0] == 2
    page.touch((x - 80, y), (x, y), (x + 80, y))
    assert page.at[0] == 1
    page.touch((x, y + 60), (x, y), (x, y - 60))  # scrolls
    assert page.at[0] == 1


def test_the_bar_goes_to_any_step(opened):
    page = opened(viz.animate(neuron()[0]))
    page.chrome.execute_script("at.value = 9; at.dispatchEvent(new Event('input'))")
    assert page.at[0] == 10


def test_on_a_phone_nothing_but_the_picture_is_wider_than_the_screen(opened):
    page = opened(viz.animate(network()[0]))
    size = {"width": 360, "height": 640, "deviceScaleFactor": 2, "mobile": True}
    page.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for _ in range(page.at[1]):
            wide = "return [document.documentElement.scrollWidth, innerWidth, words.scrollWidth, words.clientWidth]"
            page_width, screen, inner, room = page.chrome.execute_script(wide.replace("words.", "$('words')."))
            assert page_width <= screen and inner <= room
            page.key("ARROW_RIGHT")
        lit = page.chrome.execute_script("return document.querySelector('g.lit').getBoundingClientRect().right")
        assert lit > 0
    finally:
        page.chrome.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("label", ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{svg}}",
                                   '"\'&amp;\\', "<!--", "权重 w", "grad", "data"])  # fmt: skip
def test_labels_are_text_whatever_they_hold(opened, label):
    w = Value(2.0, label)
    page = opened(viz.animate(w * 3))
    page.key("END")
    assert page.numbers(label) == ([2.0], [3.0])
    assert f"∂L/∂{label} = 3" in [row.replace("  ", " ") for row in page.rows]


def test_in_jupyter_it_plays_within_a_frame(chromium, tmp_path):
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{viz.animate(neuron()[0])._repr_html_()}", encoding="utf-8")
    chromium.get(path.as_uri())
    chromium.switch_to.frame(0)
    chromium.find_element("id", "last").click()
    assert chromium.find_element("id", "phase").text == "反向"
    chromium.switch_to.default_content()
    assert chromium.get_log("browser") == []
