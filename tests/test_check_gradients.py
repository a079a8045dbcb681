"""`check_gradients`: wrong rules of every kind are caught and recognised; right ones pass, beside their kinks too."""

from __future__ import annotations

import inspect
import math
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import micrograd_cn as mg
import micrograd_cn.nn.functional as F
from micrograd_cn.autograd import Function, GradcheckError, gradcheck, gradgradcheck
from micrograd_cn.ops.table import TABLE, hidden
from micrograd_cn.testing import assert_close, check_gradients, shapes, tensors

POSITIVE = tensors(elements=st.integers(4, 24).map(lambda k: k / 8))
SQUARE = st.integers(2, 3).flatmap(lambda n: tensors((n, n)))
VECTOR = shapes(min_dims=1, max_dims=1, min_side=2).flatmap(tensors)
MATRIX = shapes(min_dims=2, max_dims=2, min_side=2).flatmap(tensors)


def op(forward, backward):
    """A function with a rule: ``backward(g, *inputs)`` gives the gradient, or one for each input."""

    class Op(Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return backward(g, *ctx.saved_tensors)

    def run(*inputs):
        return Op.apply(*inputs)

    run.__signature__ = inspect.signature(forward)
    return run


def overwritten():
    """x³, whose backward reads what the last call has left."""
    last = {}

    def forward(x):
        last["x"] = x.detach().clone()
        return x**3

    return op(forward, lambda g, x: 3 * last["x"] ** 2 * g)


def remembered():
    """sin x, whose backward reads what the first call has left."""
    first = {}

    def forward(x):
        first.setdefault(tuple(x.shape), x.detach().clone())
        return x.sin()

    return op(forward, lambda g, x: first[tuple(x.shape)].cos() * g)


def changing():
    """x², whose backward gives more each time."""
    count = iter(range(10**6))
    return op(lambda x: x**2, lambda g, x: 2 * x * g * (1 + next(count)))


def scattered(g, x):
    """The gradient of ``x[[0, 0, 1]]``, where of equal indices the last wins."""
    out = mg.zeros_like(x)
    out[0], out[1] = g[1], g[2]
    return out


def padded(g, before, after):
    return mg.cat([g.new_zeros(before), g, g.new_zeros(after)])


def a_row():
    """A row of the table whose rule is wrong; it does not stay in the table."""
    row = hidden(lambda g, x: g * np.sin(x), elementwise=True, name="wrong_cos")(lambda x: np.cos(x))
    del TABLE["wrong_cos"]
    return row


def outer_rule(g, x, w):
    """A product's rule that takes w for its transpose."""
    return g @ w, x.t() @ g


# The gradient of x², with a rule that negates the part of x.
twice = op(lambda g, x: 2 * x * g, lambda h, g, x: (2 * x * h, -2 * g * h))
softmax_rows = op(lambda x: x.softmax(1), lambda g, x: x.softmax(1) * (g - (g * x.softmax(1)).sum(0, keepdim=True)))

# What is wrong: the function, what it is given, and what the report must say.
WRONG = {
    "sign": (op(mg.sin, lambda g, x: -x.cos() * g), [], "of the wrong sign"),
    "sign of the second input": (op(lambda x, y: x - y, lambda g, x, y: (g, g)), [(3,), (3,)], "to y is of the wrong"),
    "twice": (op(lambda x: x**2, lambda g, x: 4 * x * g), [], "2 times the right one: a constant factor"),
    "half": (lambda x: x * x.detach(), [], "1/2 times the right one"),
    "odd factor": (op(mg.exp, lambda g, x: 1.0001 * x.exp() * g), [], "1 times|1.0001 times"),
    "power too low": (op(lambda x: x**3, lambda g, x: 3 * x * g), [], "power: multiplied too seldom by x"),
    "power too high": (op(lambda x: x**2, lambda g, x: 2 * x * x * g), [], "power: multiplied too often by x"),
    "times for over": (op(mg.log, lambda g, x: x * g), [POSITIVE], "power: multiplied too often by x"),
    "power of the other": (
        op(lambda x, y: x / y, lambda g, x, y: (g / y, -g * x / y)), [VECTOR.map(lambda x: x + 5), (1,)], "power|too",
    ),
    "output too often": (op(mg.exp, lambda g, x: x.exp() ** 2 * g), [], "multiplied too often by the output"),
    "factor of a product": (
        op(mg.prod, lambda g, x: x.prod() * g.expand(x.shape)), [VECTOR], "multiplied too often by x",
    ),
    "inverted": (op(mg.log, lambda g, x: x * g.abs()), [st.just(mg.full((3,), 2.0))], "like nothing known|too often"),
    "mean for sum": (op(mg.sum, lambda g, x: g.expand(x.shape) / x.numel()), [], "a mean where a sum is right"),
    "sum for mean": (op(mg.mean, lambda g, x: g.expand(x.shape)), [], "a sum where a mean is right"),
    "one row for all": (
        op(lambda x, b: x + b, lambda g, x, b: (g, g[0])), [(3, 2), (2,)], "to b is without .* sum over broadcast",
    ),
    "mean over rows": (
        op(lambda x, b: x + b, lambda g, x, b: (g, g.mean(0))), [(3, 2), (2,)], "1/3 times .* a mean where a sum",
    ),
    "sum along the wrong axis": (
        op(lambda x: x.sum(0), lambda g, x: g[:, None].expand(x.shape)), [SQUARE], "along the wrong axis",
    ),
    "softmax along the wrong axis": (softmax_rows, [SQUARE], "along the wrong axis"),
    "transposed": (op(lambda x: x.t(), lambda g, x: g.clone()), [SQUARE], "transposed"),
    "transposed gradient": (op(lambda x: x**3, lambda g, x: (3 * x**2 * g).t()), [SQUARE], "transposed"),
    "product without transpose": (op(mg.matmul, outer_rule), [(2, 2), (2, 2)], "to input is transposed"),
    "running sum forwards": (op(lambda x: x.cumsum(0), lambda g, x: g.cumsum(0)), [VECTOR], "transposed"),
    "flip forgotten": (op(lambda x: x.flip(0), lambda g, x: g.clone()), [VECTOR], "reversed along axis 0"),
    "swapped": (op(lambda x, y: x * y, lambda g, x, y: (g * x, g * y)), [(3,), (3,)], "are swapped"),
    "second input dropped": (op(lambda x, y: x * y.exp(), lambda g, x, y: (g * y.exp(), None)), [], "to y is zero"),
    "detached": (lambda x, y: x * y.detach(), [], "to y is zero: its path to the output is cut"),
    "grad_output ignored": (op(lambda x: x**2, lambda g, x: 2 * x), [], "not multiplied by grad_output"),
    "grad_output of a sum ignored": (
        op(lambda x: (x**2).sum(), lambda g, x: 2 * x), [], "not multiplied by grad_output",
    ),
    "overwritten": (overwritten(), [], "stale"),
    "remembered": (remembered(), [(2,)], "stale"),
    "changing": (changing(), [], "not deterministic"),
    "index off by one": (op(lambda x: x[1:], lambda g, x: padded(g, 0, 1)), [VECTOR], "an index is off by one"),
    "duplicates lost": (op(lambda x: x[[0, 0, 1]], scattered), [VECTOR], "duplicate indices"),
    "float32": (op(mg.sin, lambda g, x: (g * x.cos()).float().double()), [], "rounded to float32"),
    "whole numbers": (op(lambda x: x**2, lambda g, x: (2 * x).trunc() * g), [], "rounded to whole numbers"),
    "branch": (
        op(lambda x: mg.where(x > 0, x.exp(), x**2), lambda g, x: x.exp() * g), [], "right except where x < 0",
    ),
    "mask forgotten": (op(mg.relu, lambda g, x: g.clone()), [], "right except where x < 0"),
    "no sign": (op(mg.abs, lambda g, x: g.clone()), [], "without its sign|right except where x < 0"),
    "output for input": (op(mg.sin, lambda g, x: x.sin().cos() * g), [], "takes the output for the input"),
    "one too many": (op(lambda x: x**2, lambda g, x: (2 * x + 1) * g), [], "a term is added"),
    "NaN": (lambda x: mg.where(x > 0, x.sqrt(), 0 * x), [(3,)], "not finite where the function is smooth"),
    "row of the table": (a_row(), [], "of the wrong sign"),
    "second derivative cut": (
        op(lambda x: x**3, lambda g, x: 3 * x.detach() ** 2 * g), [], r"second .*\(the first .* is zero: a term",
    ),
    "second derivative negated": (op(lambda x: x**2, lambda g, x: twice(g, x)), [], "second .* of the wrong sign"),
    "second derivative halved": (
        op(lambda x: x**3, lambda g, x: 3 * x * x.detach() * g), [], "second .* 1/2 times the right one",
    ),
    "second derivative of a product": (
        op(lambda x, y: x * y, lambda g, x, y: (g * y.detach(), g * x)), [], "second .* to y is zero: a term",
    ),
}  # fmt: skip


def report_of(function, *strategies, **options):
    with pytest.raises(GradcheckError) as caught:
        check_gradients(function, *strategies, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_caught_and_recognised(name):
    function, strategies, said = WRONG[name]
    report = report_of(function, *strategies, max_examples=40)
    sentence = report.partition("\n")[0]
    assert re.search(said, sentence), report
    assert sentence.endswith(".")


def test_at_least_thirty_kinds_are_planted():
    assert len(WRONG) >= 30


@pytest.mark.parametrize("name", ["sign", "second derivative cut", "mean over rows", "transposed"])
def test_the_report_names_an_element_and_an_input_that_fails_again(name):
    function, strategies, _ = WRONG[name]
    report = report_of(function, *strategies)
    element, found = re.search(r"d (.+) / d (\w+)(?:\[([\d, ]*)\])?\n", report), {}
    for what in ("numerical", "analytical", "ratio"):
        found[what] = float(re.search(rf"^{what} +(\S+)", report, re.M)[1])
    if found["numerical"]:
        assert found["ratio"] == pytest.approx(found["analytical"] / found["numerical"], rel=1e-4)
    pasted = {}
    exec(report.partition("fails:\n")[2], pasted)
    inputs = [pasted[n] for n in inspect.signature(function).parameters]
    x = pasted[element[2]]
    assert tuple(map(int, element[3].split(","))) < tuple(x.shape) if element[3] else x.ndim == 0
    check = gradgradcheck if "second" in name else gradcheck
    assert not check(function, inputs, raise_exception=False)


def test_the_smallest_input_is_found():
    """Wrong above 2 only: the smallest such number that the strategy draws is 17/8."""
    double = op(lambda x: x**2, lambda g, x: mg.where(x > 2, x, 2 * x) * g)
    report = report_of(double, tensors((3,), layout="contiguous"), max_examples=200)
    x = {}
    exec(report.partition("fails:\n")[2], x)
    assert sorted(x["x"].tolist()) == [0, 0, 2.125]


# --- what is right passes ---------------------------------------------------------------------------------------------

INDEX = mg.tensor([2, 0, 0])
TARGET = mg.tensor([1, 0])
RIGHT = {
    "arithmetic": (lambda x, y: x * y - x / (y * y + 1), []),
    "powers": (lambda x: x**3 + 2.0**x, []),
    "exp and log": (lambda x: (x.exp() + 1).log() + x.sinh().asinh(), []),
    "logarithm": (mg.log, [POSITIVE]),
    "trigonometry": (lambda x: x.sin() * x.cos() + x.atan(), []),
    "erf": (lambda x: x.erf() + mg.special.i0(x), []),
    "sums": (lambda x: (x.sum(), x.mean(), x.var()), [(2, 3)]),
    "products": (lambda x: (x.prod(0), x.cumprod(-1)), [(2, 3)]),
    "norm": (lambda x: x.norm(dim=1), [tensors((2, 3)).map(lambda x: x + 5)]),
    "softmax": (lambda x: x.softmax(-1) + x.log_softmax(0) + x.logsumexp(1, keepdim=True), [(2, 3)]),
    "views": (lambda x: x.t().reshape(-1)[1:].flip(0).roll(1), [(2, 3)]),
    "joined": (lambda x, y: mg.stack([mg.cat([x, y]), mg.cat([y, x])]), [(2,), (3,)]),
    "indexing": (lambda x: x[[0, 0, 1]] * x[INDEX], [(3, 2)]),
    "scattering": (lambda x, y: x.index_add(0, INDEX, y) * x, [(3, 2), (3, 2)]),
    "in place on a clone": (lambda x, y: x.clone().mul_(y).add_(x), [(2, 3), (3,)]),
    "branches": (lambda x: mg.where(x > 0.0625, x.exp(), x**2), []),
    "products of matrices": (lambda x, y: x @ y, [(2, 3), (3, 2)]),
    "einsum": (lambda x, y: mg.einsum("bij,bjk->ik", x, y), [(2, 2, 3), (2, 3, 2)]),
    "inverse": (lambda x: mg.linalg.inv(x + 9 * mg.eye(2, dtype=x.dtype)), [(2, 2)]),
    "determinant": (lambda x: mg.linalg.det(x + 9 * mg.eye(2, dtype=x.dtype)), [(2, 2)]),
    "linear": (F.linear, [(2, 3), (4, 3), (4,)]),
    "convolution": (lambda x, w, b: F.conv2d(x, w, b, padding=1), [(1, 2, 3, 3), (2, 2, 2, 2), (2,)]),
    "layer norm": (lambda x, w: F.layer_norm(x, (3,), w), [(2, 3), (3,)]),
    "attention": (F.scaled_dot_product_attention, [(2, 2), (2, 2), (2, 2)]),
    "cross entropy": (F.cross_entropy, [(2, 3), TARGET]),
    "BCE with logits": (F.binary_cross_entropy_with_logits, [(3,), (3,)]),
    "GELU, SiLU, softplus": (lambda x: F.gelu(x) + F.silu(x) + F.softplus(x), []),
    "embedding": (lambda w: F.embedding(INDEX, w), [(3, 2)]),
    "pooling": (lambda x: F.avg_pool2d(x, 2), [(1, 1, 4, 4)]),
    "a user's rule": (op(lambda x: x**3, lambda g, x: 3 * x**2 * g), []),
    "large numbers": (lambda x: x**2 + x.sqrt(), [st.floats(1e3, 1e6).map(lambda a: mg.tensor(a, dtype=mg.float64))]),
    "small numbers": (lambda x: x.log() + 1 / x, [st.floats(1e-5, 1e-2).map(lambda a: mg.tensor(a, dtype=mg.float64))]),
    "empty": (lambda x: x.exp() * 2, [(0, 3)]),
    "partly undefined": (lambda x: x.log(), [(3,)]),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_rules_pass(name):
    function, strategies = RIGHT[name]
    report = check_gradients(function, *strategies)
    assert report.examples >= 1 and (report.elements > 0 or name == "empty")
    if name != "partly undefined":
        assert report.kinks == report.unsettled == 0


KINKED = {
    "relu": F.relu,
    "abs": mg.abs,
    "maximum": mg.maximum,
    "amax": lambda x: x.amax(-1) if x.ndim else x * 1,
    "clamp": lambda x: x.clamp(-1, 1),
    "leaky relu": F.leaky_relu,
    "hard tanh and hard swish": lambda x: F.hardtanh(x) + F.hardswish(x),
    "floor": lambda x: x.floor() + x,
    "sign": lambda x: x.sign() * x,
    "sort": lambda x: x.sort(-1)[0] ** 2 if x.ndim else x * 1,
    "length": lambda x: x.norm(),
    "huber": lambda x: F.huber_loss(x, x * 0),
    "max pooling": lambda x: F.max_pool1d(x.reshape(1, 1, -1), 1) if x.numel() else x,
    "root": lambda x: x.abs().sqrt(),
}


@pytest.mark.parametrize("name", KINKED)
def test_kinks_are_counted_and_are_no_failures(name):
    report = check_gradients(KINKED[name])
    assert report.elements > 0
    if name not in ("max pooling", "huber"):  # which has one only in the second derivative, or none at all
        assert report.kinks > 0


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (mg.relu, lambda g, x: g * (x > 0) * 1.01),
        (mg.abs, lambda g, x: -g * x.sign()),
        (lambda x: x.amax(0, keepdim=True), lambda g, x: 0.5 * g * (x == x.amax(0, keepdim=True))),
        (lambda x: x.floor() * x, lambda g, x: g * (x.floor() + 1)),
    ],
)
def test_a_wrong_gradient_beside_a_kink_is_caught(forward, backward):
    report_of(op(forward, backward), (2, 3))


def test_one_example_is_checked_as_it_is():
    """A kink at 0, a slope of 1 right beside it."""
    point = mg.tensor([0.0, 1e-6, -1e-6, 0.5])
    report = check_gradients(F.relu, point, order=1)
    assert (report.examples, report.elements, report.kinks) == (1, 3, 1)
    assert point.dtype is mg.float32 and not point.requires_grad
    report_of(op(F.relu, lambda g, x: g * (x > 1e-5)), point, order=1)


# --- a gradient of 0, ties, and what only a closer look shows ---------------------------------------------------------

AWAY = tensors((2, 3)).map(lambda x: x + 5)  # where the length is 0, second derivatives are NaN
RESIDUE = {
    "sum of a softmax": (lambda x: x.softmax(-1).sum(), [(3, 4)]),
    "sum of probabilities": (lambda x: x.log_softmax(-1).exp().sum(-1), [(2, 3)]),
    "sum of a layer norm": (lambda x: F.layer_norm(x, (4,)).sum(), [(2, 4)]),
    "length of unit vectors": (lambda x: F.normalize(x).pow(2).sum(), [AWAY]),
    "Pythagoras": (lambda x: x.sin() ** 2 + x.cos() ** 2, []),
    "inverse": (lambda x: x.exp().log() - x, []),
    "sum of deviations": (lambda x: (x - x.mean()).sum(), []),
    "likeness to itself": (lambda x: F.cosine_similarity(x, x), [AWAY]),
}  # fmt: skip


@pytest.mark.parametrize("name", RESIDUE)
def test_a_gradient_of_zero_may_leave_residue(name):
    function, strategies = RESIDUE[name]
    assert check_gradients(function, *strategies, max_examples=4).elements > 0


TIES = {
    "median": (lambda x: x.median(), (3,)),
    "sorted": (lambda x: x.sort(-1).values[1], (3,)),
    "kth value": (lambda x: x.kthvalue(2, -1).values, (3,)),
    "median of rows": (lambda x: x.median(-1).values, (4, 3)),
}


@pytest.mark.parametrize("name", TIES)
def test_a_tie_of_three_is_a_kink(name):
    function, shape = TIES[name]
    report = check_gradients(lambda x, y: function(x) + y.sum(), mg.zeros(shape), (2,), max_examples=3)
    assert report.kinks > 0 and report.elements > 0
    assert check_gradients(function, shape, max_examples=4).elements > 0


@pytest.mark.parametrize("function", [lambda x: F.normalize(x).pow(2).sum(), lambda x: F.cosine_similarity(x, x)])
def test_where_there_is_no_first_derivative_a_second_may_be_nan(function):
    """At a row of zeros both jump from 0 to 1, and the gradient is 0 all around."""
    point = mg.tensor([[0.0, 0.0], [1.0, 2.0]])
    assert check_gradients(function, point).elements > 0
    leaf = point.double().requires_grad_()
    (g,) = mg.autograd.grad(function(leaf).sum(), leaf, create_graph=True)
    (second,) = mg.autograd.grad(g.sum(), leaf)
    assert second.isnan().tolist() == [[True, True], [False, False]]
    missing = op(function, lambda g, x: (g * mg.nan).sum() * mg.ones_like(x))  # NaN where the function is smooth
    report_of(missing, mg.tensor([[3.0, 1.0], [1.0, 2.0]]))


def test_a_wrong_gradient_in_a_smooth_output_beside_a_tie_is_caught():
    right = op(lambda x: x.median(-1).values, lambda g, x: 1.01 * g[..., None] * (x == x.median(-1, True).values))
    report_of(right, mg.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]), order=1)


def test_the_gradient_is_the_same_with_a_graph_of_its_own():
    double = op(mg.sin, lambda g, x: g * x.cos() * (2 if mg.is_grad_enabled() else 1))
    assert check_gradients(double, (2,), order=1, max_examples=5)
    assert "under create_graph=True" in report_of(double, (2,), max_examples=5)


def test_a_second_derivative_that_is_smooth_nowhere_is_said():
    noisy = op(mg.sin, lambda g, x: g * x.cos() + 0.1 * (1e12 * (g + x)).detach().sin())
    assert "The gradient of run could not be measured" in report_of(noisy, (2,), max_examples=3, atol=1)


def laid_out(g, x):
    return 2 * x * (g if g.is_contiguous() else -g)


def once():
    """x², whose backward gives 0 when a graph is swept again."""

    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, g):
            ctx.calls = getattr(ctx, "calls", 0) + 1
            return 2 * ctx.saved_tensors[0] * g * (ctx.calls == 1)

    return lambda x: Once.apply(x)


CLOSER = {
    "gaps": (op(lambda x: x**2, laid_out), "from a grad_output that is not contiguous"),
    "once": (once(), "at the second sweep of the same graph"),
    "in place": (op(lambda x: x**2, lambda g, x: g.mul_(2) * x), "changes its gradient in place"),
    "NaN at a corner": (
        op(F.relu, lambda g, x: g * mg.where(x == 0, mg.nan, (x > 0).double())), "nan.* at a kink with finite slopes",
    ),
    "NumPy in backward": (
        op(mg.sin, lambda g, x: g * mg.tensor(np.cos(x.numpy()))), "backward of .* plain tensors only .* order=1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSER)
def test_a_fault_that_only_a_closer_look_shows(name):
    function, said = CLOSER[name]
    options = {} if name == "NumPy in backward" else {"order": 1}
    assert re.search(said, report_of(function, mg.tensor([0.0, 1.5, -2.0]), **options))


def test_a_gradient_that_is_infinite_at_a_kink_is_counted():
    report = check_gradients(lambda x: x.abs().sqrt(), mg.tensor([0.0, 1.0]), order=1)
    assert (report.elements, report.kinks + report.unsettled, report.undefined) == (1, 1, 1)


def test_nested_outputs():
    nested = {"sin": lambda x, y: (x.sin(), (y,)), "dict": lambda x, y: {"a": x.sin(), "b": [y, {"c": x * y}]}}
    for function in nested.values():
        assert check_gradients(function, (2,), (2,), max_examples=2).elements > 0
    wrong = op(mg.sin, lambda g, x: -x.cos() * g)
    assert "of the wrong sign" in report_of(lambda x: {"a": (x, [wrong(x)])}, (2,), order=1, max_examples=3)


def test_of_several_numbers_the_report_says_which():
    wrong = op(mg.sin, lambda g, x: -x.cos() * g)
    assert "(output 1) / d x" in report_of(lambda x: (x.sum(), wrong(x).sum()), (2,), order=1, max_examples=3)


def test_parameters_by_keyword_are_asked_to_be_given():
    with pytest.raises(ValueError, match=r"passes no arguments by keyword, but .* needs power"):
        check_gradients(lambda x, *, power: x**power)
    assert check_gradients(lambda x, *, power=2: x**power, max_examples=3)


# --- what is no function to be differentiated is said -----------------------------------------------------------------


def forgets(x):
    x * 2


def writes(x):
    return x.mul_(2)


def writes_data(x):
    x.data.mul_(2)
    return x * 2


def dropout(x):
    return F.dropout(x + 1, 0.5)


def to_numpy(x):
    return mg.tensor(np.exp(x.numpy()))


def to_number(x):
    return mg.tensor(math.exp(x.sum().item()), dtype=mg.float64)


BAD = {
    "nondeterministic": (dropout, "dropout is not deterministic: the same input gives another result"),
    "no return": (forgets, r"forgets returns no tensor: NoneType \(no return\?\)"),
    "a number": (lambda x: x.sum().item(), "returns no tensor: float"),
    "an array": (lambda x: x.detach().numpy(), "returns no tensor: ndarray"),
    "nothing": (lambda x: (), "returns no tensor: an empty tuple"),
    "integers": (lambda x: x.long(), "returns torch.int64: whole numbers and bools have no derivative"),
    "bools": (lambda x: x > 0, "returns torch.bool: whole numbers and bools have no derivative"),
    "float32": (lambda x: x.float() * 2, r"returns \[torch.float32\] for float64 inputs: the dtype is lost"),
    "float32 inside": (lambda x: (x + 0.1).float().double() * 2, "is rounded to float32: a dtype is lost on the way"),
    "write in place": (writes, "writes changes its input x in place; work on a clone"),
    "write to the data": (writes_data, "writes_data changes its input x in place"),
    "NumPy": (to_numpy, "to_numpy runs on plain tensors only, so it leaves the graph"),
    "item": (to_number, "to_number returns what requires no grad, though it depends on the input: it breaks the graph"),
    "detach": (lambda x: (x * 2).detach(), "requires no grad, though it depends on the input: it breaks the graph"),
    "constant": (lambda x: mg.ones(3, dtype=mg.float64), "requires no grad, and is constant"),
    "steps": (lambda x: (x * 1e12).floor(), "could not be measured at any of 20 examples: it has a kink or a jump"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_function_is_said_in_one_sentence(name):
    function, said = BAD[name]
    report = report_of(function, (2,))
    assert re.search(said, report) and ("\n" not in report or name == "float32 inside")


def test_no_tensor_to_differentiate():
    assert "was given no floating tensor" in report_of(lambda i: i * 2, mg.tensor([1, 2]))


def test_an_error_of_the_function_is_passed_on_with_its_input():
    with pytest.raises(ZeroDivisionError) as caught:
        check_gradients(lambda x, y: x / 0 if x.ndim > 7 else 1 // 0, (1,), (2,))
    assert "micrograd_cn.tensor([0.0]" in caught.value.__notes__[-1]


def test_options_are_checked():
    for options, said in [({"order": 3}, "order must be 1 or 2"), ({"method": "forward"}, "method must be one of")]:
        with pytest.raises(ValueError, match=said):
            check_gradients(mg.exp, **options)
    with pytest.raises(ValueError, match="give a strategy for each"):
        check_gradients(lambda *xs: xs[0])


def test_order_one_leaves_the_second_derivative_alone():
    function, strategies, _ = WRONG["second derivative cut"]
    assert check_gradients(function, *strategies, order=1).elements > 0


def test_arguments_are_named_as_the_signature_names_them():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, weight, *others):
            return weight * others[0]

        @staticmethod
        def backward(ctx, g):
            return g, g

    assert "The gradient of Wrong with respect to weight is" in report_of(Wrong.apply, (2,), mg.tensor([1, 2]))
    assert "to others[1] is zero" in report_of(lambda x, *others: x * others[1].detach(), (1,), (1,), (1,))


def test_the_same_seed_draws_the_same_examples():
    drawn = []

    def keep(x):
        drawn[-1].append(x.tolist())
        return x * x

    for seed in (1, 1, 2):
        drawn.append([])
        check_gradients(keep, seed=seed)
    assert drawn[0] == drawn[1] != drawn[2]


def test_it_works_inside_a_property_test():
    @settings(max_examples=3, deadline=None, database=None, suppress_health_check=[HealthCheck.nested_given])
    @given(st.integers(1, 3))
    def outer(n):
        check_gradients(lambda x: x**n, max_examples=3)

    outer()


# --- other measures ---------------------------------------------------------------------------------------------------


def test_the_complex_step():
    assert check_gradients(lambda x, y: (x * y).sin() + (x @ y.t()).exp().sum(), (2, 3), (2, 3), method="complex-step")
    assert check_gradients(F.tanh, method="complex-step", rtol=1e-13, atol=1e-14, order=1)
    off = op(mg.exp, lambda g, x: x.exp() * g * (1 + 1e-9))
    assert check_gradients(off, order=1)
    assert "The gradient of run" in report_of(off, method="complex-step", rtol=1e-13, atol=1e-14, order=1)
    with pytest.raises(NotImplementedError, match="the complex step needs a function that is analytic"):
        check_gradients(mg.abs, method="complex-step")
    with pytest.raises(NotImplementedError, match="use method='central'"):
        check_gradients(lambda x: x.floor() + x * x, method="complex-step")


def helper(x):
    return F.softplus(x) * SCALE


SCALE = mg.tensor(2.0, dtype=mg.float64)


def through_globals(x, y):
    def inner(z):
        return mg.nn.functional.gelu(z).to(mg.float64)

    return helper(x) + inner(y).sum() + mg.where(x > 0, x, x.exp()) + mg.maximum(x, y)


def test_pytorch_as_the_measure():
    pytest.importorskip("torch")
    assert check_gradients(through_globals, method="torch").elements > 0
    assert check_gradients(F.relu, method="torch").kinks == 0  # at the kink it must give what PyTorch gives
    assert check_gradients(lambda w, i=INDEX: w[i] ** 2, (3, 2), method="torch")
    assert check_gradients(F.cross_entropy, (2, 3), TARGET, method="torch")
    with pytest.raises(NotImplementedError, match=r"PyTorch has no .* like this one"):
        check_gradients(a_row(), method="torch")
    with pytest.raises(NotImplementedError, match="PyTorch has no Linear like this one"):
        layer = mg.nn.Linear(2, 2)
        check_gradients(lambda x: layer(x), (2, 2), method="torch")


def test_without_pytorch_it_says_so(monkeypatch):
    import sys

    from micrograd_cn.testing import translation

    translation.theirs.cache_clear()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NotImplementedError, match="needs PyTorch, which is not installed"):
        check_gradients(mg.exp, method="torch")
    monkeypatch.undo()


def test_one_mechanism_serves_gradcheck_too():
    """They agree on every planted rule that a single point shows."""
    x = mg.tensor([[0.3, -0.7], [1.2, 0.4]], dtype=mg.float64, requires_grad=True)
    for name in ("sign", "twice", "power too low", "transposed", "transposed gradient", "grad_output ignored"):
        assert not gradcheck(WRONG[name][0], x, raise_exception=False)
    for name in ("exp and log", "powers", "softmax", "views"):
        assert gradcheck(RIGHT[name][0], x) and gradgradcheck(RIGHT[name][0], x)
    assert_close(x, mg.tensor([[0.3, -0.7], [1.2, 0.4]], dtype=mg.float64), check_dtype=True)
