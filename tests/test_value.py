"""Value: the scalar face of the engine."""

from __future__ import annotations

import copy
import math
import pickle
import random
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st

import micrograd_cn as mg
from micrograd_cn import Value
from micrograd_cn.autograd import grad

INF, NAN = math.inf, math.nan


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


# --- the interface of micrograd -----------------------------------------------------------------------------------


def engines():
    """Value, and the same number in the engines that it must agree with, where they are installed."""
    found = {"Value": Value, "Tensor": lambda v: mg.tensor(v, dtype=mg.float64, requires_grad=True)}
    try:
        from micrograd.engine import Value as Original

        found["micrograd"] = Original
    except ImportError:
        pass
    try:
        import torch

        found["torch"] = lambda v: torch.tensor(v, dtype=torch.float64, requires_grad=True)
    except ImportError:
        pass
    return found


ENGINES = engines()


def number(x):
    return x.item() if hasattr(x, "item") else float(x.data)


def slope(x):
    return x.grad.item() if hasattr(x.grad, "item") else 0.0 if x.grad is None else float(x.grad)


def _small(make):
    x = make(-3.5)
    z = 3 * x + 1 - x
    h = (z * z).relu() - z * x
    return (h + z.relu() + h * x), (x,)


def _large(make):
    a, b = make(-3.0), make(1.5)
    c, d = a - b, a * b + b**2
    c = c + c * 2 - 1 + (-a)
    d = d + d * 3 + (b - a).relu() + 2 * d
    e = (c - d) ** 2
    f = e / 4.0 + 7.0 / (e + 1) + (10 - e) / (d**2 + 0.5)
    return f + f**-1, (a, b)


@pytest.mark.parametrize("expression", [_small, _large])
def test_expressions_agree_between_engines(expression):
    found = {}
    for name, make in ENGINES.items():
        out, leaves = expression(make)
        out.backward()
        found[name] = [number(out), *map(slope, leaves)]
    for name, numbers in found.items():
        assert numbers == pytest.approx(found["Value"], rel=1e-12), name


@pytest.mark.parametrize("seed", range(100))
def test_random_expressions_agree_with_micrograd(seed):
    """Every number on the way and every gradient, against the engine that this interface comes from."""
    original = pytest.importorskip("micrograd.engine").Value
    results = []
    for make in (Value, original):
        draw = random.Random(seed)
        pool = [make(draw.uniform(-2, 2)) for _ in range(3)]
        for _ in range(draw.randint(1, 30)):
            a, b, k = draw.choice(pool), draw.choice(pool), draw.uniform(-2, 2)
            step = draw.choice([
                lambda a, b, k: a + b, lambda a, b, k: a - b, lambda a, b, k: a * b, lambda a, b, k: a / (b * b + 1),
                lambda a, b, k: k + a, lambda a, b, k: k - a, lambda a, b, k: k * a, lambda a, b, k: k / (a * a + 2),
                lambda a, b, k: (a * a + 0.5) ** round(k), lambda a, b, k: -a, lambda a, b, k: a.relu(),
                lambda a, b, k: sum([a, b, a]), lambda a, b, k: a / 3,
            ])  # fmt: skip
            pool.append(step(a, b, k))
        pool[-1].backward()
        results.append([(v.data, v.grad) for v in pool])
    for mine, theirs in zip(*results, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_the_parts_that_drawings_and_tutorials_read():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    c = a * b
    assert c._prev == {a, b} and c._op == "×" and a._op == "" and a._prev == set() and a.label == "a"
    c.label = "c"
    c.backward()
    assert repr(c) == "Value(data=-6.0, grad=1.0)" and repr(a) == "Value(data=2.0, grad=-3.0)"
    a.zero_grad()
    assert a.grad == 0.0
    d = c + 1
    assert {p.data for p in d._prev} == {-6.0, 1}


def test_whole_numbers_are_kept():
    a = Value(3)
    assert a.data == 3 and type(a.data) is int and repr(a) == "Value(data=3, grad=0.0)"
    assert type((a * 2).data) is float and (a * 2).data == 6.0


def test_gradients_add_up():
    a = Value(3.0)
    b = a + a
    b.backward()
    assert a.grad == 2
    (a * 5).backward(gradient=2.0)
    assert a.grad == 12
    c = (a := Value(-2.0)) * (b := Value(3.0))
    d = (a + b) * c  # both are used on two ways
    d.backward()
    assert (a.grad, b.grad) == (-3.0, -8.0)


# --- operators and functions --------------------------------------------------------------------------------------


OPERATORS = {
    "+": (lambda a, b: a + b, lambda a, b: (1, 1)),
    "-": (lambda a, b: a - b, lambda a, b: (1, -1)),
    "*": (lambda a, b: a * b, lambda a, b: (b, a)),
    "/": (lambda a, b: a / b, lambda a, b: (1 / b, -a / b**2)),
    "**": (lambda a, b: a**b, lambda a, b: (b * a ** (b - 1), a**b * math.log(a))),
}


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("a, b", [(2.0, 3.0), (0.5, -1.5), (2, 3)])
def test_operators_in_every_combination(symbol, a, b):
    f, slopes = OPERATORS[symbol]
    da, db = slopes(a, b)
    for x, y in [(Value(a), Value(b)), (Value(a), b), (a, Value(b))]:
        out = f(x, y)
        out.backward()
        assert out.data == pytest.approx(f(a, b))
        for v, expected in ((x, da), (y, db)):
            if isinstance(v, Value):
                assert v.grad == pytest.approx(expected)


UNARY = {
    "exp": (math.exp, math.exp),
    "log": (math.log, lambda x: 1 / x),
    "sqrt": (math.sqrt, lambda x: 0.5 / math.sqrt(x)),
    "sin": (math.sin, math.cos),
    "cos": (math.cos, lambda x: -math.sin(x)),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
    "sigmoid": (lambda x: 1 / (1 + math.exp(-x)), lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2),
    "relu": (lambda x: max(x, 0.0), lambda x: float(x > 0)),
    "leaky_relu": (lambda x: x if x > 0 else 0.01 * x, lambda x: 1 if x > 0 else 0.01),
    "abs": (abs, lambda x: math.copysign(1, x)),
}


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("x", [0.3, 2.5, -1.25])
def test_functions(name, x):
    f, slope_of = UNARY[name]
    x = abs(x) if name in ("log", "sqrt") else x
    v = Value(x)
    y = getattr(v, name)()
    y.backward()
    assert y.data == pytest.approx(f(x), rel=1e-14) and v.grad == pytest.approx(slope_of(x), rel=1e-13)
    assert type(y.data) is float and type(v.grad) is float


def test_signs_extremes_and_sums():
    a, b = Value(-2.0), Value(5.0)
    assert ((-a).data, (+a).data, abs(a).data) == (2, -2, 2)
    assert a.max(b).data == 5 and a.min(3).data == -2 and max(a, b) is b
    total = sum([a, b, 1])
    (total * a.max(b)).backward()
    assert (total.data, a.grad, b.grad) == (4, 5, 9)


def test_comparisons():
    a, b = Value(2.0), Value(3)
    assert a < b and a <= 2 and b > a and a <= 3 and a == 2.0 and a != b and a == Value(2) and a != "2"
    assert a > 1 and not a < 1 and sorted([b, a])[0] is a and len({a, Value(2.0)}) == 2
    assert float(a) == 2.0 and int(b) == 3 and a.item() == 2.0 and bool(a) and not Value(0.0)


# --- where Python's own floats raise ------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning:micrograd_cn")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "compute, data, gradient",
    [
        (lambda v: 1 / v, 0.0, -INF),
        (lambda v: v / 0, 1.0, INF),
        (lambda v: v / 0, 0.0, INF),
        (lambda v: v.log(), 0.0, INF),
        (lambda v: v.log(), -1.0, -1.0),
        (lambda v: v ** (1 / 3), -8.0, NAN),
        (lambda v: v**-1, 0.0, -INF),
        (lambda v: v.sqrt(), 0.0, INF),
        (lambda v: v.sqrt(), -1.0, NAN),
        (lambda v: v.exp(), 1000.0, INF),
        (lambda v: v * 1e308, 1e308, 1e308),
        (lambda v: v**2, 1e200, 2e200),
        (lambda v: v**1000, 10, 1000 * INF),
        (lambda v: 2**v, 5000.0, INF),
        (lambda v: v - v, INF, 0.0),
        (lambda v: v.sigmoid(), -1000.0, 0.0),
        (lambda v: v.tanh(), 1000.0, 0.0),
        (lambda v: v**0, 0.0, 0.0),
    ],
)
def test_arithmetic_is_ieee(compute, data, gradient):
    """Infinity and NaN come out as in PyTorch, and nothing is raised."""
    v = Value(data)
    y = compute(v)
    y.backward()
    assert same(v.grad, gradient)
    t = mg.tensor(float(data), dtype=mg.float64, requires_grad=True)
    z = compute(t)
    z.backward()
    assert same(y.data, z.item()) and same(v.grad, t.grad.item())


@pytest.mark.parametrize("wrong", ["3", None, [1], 1j, {}])
def test_what_is_no_number_is_named(wrong):
    v = Value(1.0)
    for attempt in (lambda: Value(wrong), lambda: v + wrong, lambda: wrong * v, lambda: v < wrong):
        with pytest.raises(TypeError, match=r"not with \w+ " + re.escape(repr(wrong))):
            attempt()


# --- the graph ----------------------------------------------------------------------------------------------------


def test_higher_derivatives():
    x = Value(0.7)
    y = x.sin() * x**4
    found = []
    for _ in range(3):
        (y,) = grad(y, x, create_graph=True)
        found.append(y.data)
    s, c, u = math.sin(0.7), math.cos(0.7), 0.7
    assert found == pytest.approx([
        c * u**4 + 4 * s * u**3,
        -s * u**4 + 8 * c * u**3 + 12 * s * u**2,
        -c * u**4 - 12 * s * u**3 + 36 * c * u**2 + 24 * s * u,
    ], rel=1e-13)  # fmt: skip
    x.zero_grad()
    (x**3).backward(create_graph=True)
    assert isinstance(x.grad, Value) and x.grad.data == pytest.approx(3 * 0.49)
    (g,) = grad(x.grad, x)
    assert g.data == pytest.approx(6 * 0.7)


def test_data_may_be_set_after_it_was_used():
    """The gradients are those at the numbers that were computed with."""
    a, b = Value(2.0), Value(3.0)
    y = (a * b).exp() * a
    a.data, b.data, y.data = 100.0, 100.0, 100.0
    y.backward(retain_graph=True)
    assert a.grad == pytest.approx(math.exp(6) * (1 + 2 * 3)) and b.grad == pytest.approx(math.exp(6) * 4)
    (g,) = grad(y, b, create_graph=True)
    (h,) = grad(g, b)
    assert h.data == pytest.approx(math.exp(6) * 8)


def test_training_steps_between_passes():
    w, losses = Value(0.0), []
    for _ in range(50):
        loss = (w * 2 - 6) ** 2
        w.grad = 0  # as micrograd's own loops write it
        loss.backward()
        w.data -= 0.05 * w.grad
        losses.append(loss.data)
    assert w.data == pytest.approx(3, abs=1e-6) and losses == sorted(losses, reverse=True)


def test_second_backward():
    a = Value(3.0)
    y = a * a
    y.backward(retain_graph=True)
    y.backward()
    assert a.grad == 12
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()
    z = a + 1 - a  # keeps nothing
    z.backward()
    z.backward()


def test_no_grad():
    a = Value(3.0)
    with mg.no_grad():
        y = a * 2
    assert y.data == 6
    with pytest.raises(RuntimeError, match="constant"):
        y.backward()
    z = y * a
    z.backward()
    assert a.grad == 6 and y.grad == 0


def test_unused_values():
    a, b = Value(1.0), Value(NAN)
    with pytest.raises(RuntimeError, match="index 1"):
        grad(a * 2, [a, b])
    assert grad(a * 2, [a, b], allow_unused=True)[1] is None
    assert grad(a * 2, [b], materialize_grads=True)[0].data == 0.0


def test_copies_are_values_of_their_own():
    a = Value(2.0, label="a")
    (a * 3).backward()
    b, c = copy.deepcopy([a, a])
    assert b is c and (b.data, b.grad, b.label) == (2.0, 3.0, "a")
    p = pickle.loads(pickle.dumps(a))
    (a * 5 + b * 7 + p * 11).backward()
    assert (a.grad, b.grad, p.grad) == (8, 10, 11)
    with pytest.raises(RuntimeError, match="deep-copied"):
        copy.deepcopy(a * 2)


def test_deep_chains():
    x = y = Value(1.0)
    for _ in range(100_000):
        y = y * 1.0 + 0.0
    y.backward(retain_graph=True)
    assert x.grad == 1
    del y
    y = x = Value(1.0)
    for _ in range(100):
        y = y + y
    y.backward()
    assert x.grad == 2.0**100


# --- properties ---------------------------------------------------------------------------------------------------

numbers = st.floats(0.3, 2.0).map(lambda v: round(v, 3))
SMOOTH = ("exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid")
expressions = st.recursive(
    st.sampled_from(["a", "b", "c"]) | numbers.map(repr),
    lambda e: st.one_of(
        st.tuples(e, st.sampled_from("+-*"), e).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(e, e).map(lambda p: f"({p[0]} / ({p[1]} ** 2 + 1.0))"),
        st.tuples(e, numbers).map(lambda p: f"(({p[0]} ** 2 + 0.5) ** {p[1]})"),
        st.tuples(st.sampled_from(SMOOTH), e).map(lambda p: f"{p[0]}(({p[1]}) * 0.1 + 1.5)"),
        e.map(lambda p: f"(-{p})"),
    ),
    max_leaves=12,
)


def call(name):
    return lambda x: (
        getattr(x, name)()
        if hasattr(x, name)
        else {"sigmoid": lambda u: 1 / (1 + math.exp(-u))}.get(name, getattr(math, name, None))(x)
    )


def evaluate(expression, values):
    return eval(expression, {name: call(name) for name in SMOOTH} | dict(zip("abc", values, strict=True)))


@settings(max_examples=150, deadline=None)
@given(expressions, st.tuples(numbers, numbers, numbers))
def test_gradients_are_the_central_differences_and_those_of_tensors(expression, at):
    values = [Value(v) for v in at]
    tensors = [mg.tensor(v, dtype=mg.float64, requires_grad=True) for v in at]
    y, z = evaluate(expression, values), evaluate(expression, tensors)
    if not isinstance(y, Value):
        return
    y.backward()
    assert y.data == pytest.approx(z.item(), rel=1e-12, abs=1e-12)
    if z.requires_grad:
        z.backward()
    for i, (v, t) in enumerate(zip(values, tensors, strict=True)):
        assert v.grad == pytest.approx(0.0 if t.grad is None else t.grad.item(), rel=1e-12, abs=1e-12)
        h = 1e-5
        up, down = (evaluate(expression, [u + s * h * (i == k) for k, u in enumerate(at)]) for s in (1, -1))
        assert v.grad == pytest.approx((up - down) / (2 * h), rel=1e-4, abs=1e-4 * max(1.0, abs(up)))


def test_the_very_first_value_of_a_process_has_a_gradient():
    code = "from micrograd_cn import Value; x = Value(3.0); (x * x).backward(); print(x.grad)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "6.0\n"
