"""Random programs agree with PyTorch, and what they found stays found. See `tests.programs`."""

from __future__ import annotations

import copy
import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

torch = pytest.importorskip("torch")

import micrograd_cn  # noqa: E402 (PyTorch first: without it there is nothing to do)
from tests import programs  # noqa: E402
from tests.conftest import raises  # noqa: E402

COUNT = 2_000


@st.composite
def written(draw):
    """A program whose choices hypothesis makes."""
    return programs.write(lambda n: draw(st.integers(0, n - 1)), torch)


@settings(max_examples=COUNT // 10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(written())
def test_programs_of_hypothesis_agree(lines):
    assert not programs.difference(lines), programs.report(lines)


@pytest.mark.parametrize("part", range(9))
def test_seeded_programs_agree(part):
    size = COUNT // 10
    for number in range(part * size, (part + 1) * size):
        lines = programs.seeded(0, number)
        assert not programs.difference(lines), programs.report(lines)


def _crashes_at_seven(seed, numbers):
    if 7 in numbers:
        os._exit(1)
    return len(numbers), []


def test_a_crash_costs_one_program(monkeypatch, capsys):
    monkeypatch.setattr(programs, "_failures", _crashes_at_seven)
    monkeypatch.setattr(sys, "argv", ["programs", "--count", "201"])
    assert programs.main() == 0
    out = capsys.readouterr().out.splitlines()
    assert out == ["--- a process crashed in program 7",
                   "200 programs of 1.0 lines, 0 differ, 1 not compared after a crash"]  # fmt: skip


def test_a_program_is_reduced_to_the_lines_that_matter(monkeypatch):
    lines = programs.seeded(0, 1)
    culprit = len(lines) // 2
    monkeypatch.setattr(programs, "difference", lambda part: lines[culprit] in part and "it differs")
    text = programs.report(lines)
    assert text.endswith(f"{lines[culprit]}\n# it differs") and text.startswith(programs.HEADER)


# --- what programs have found ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.max(0)[0], lambda x: x.min(0).values, lambda x: x.median(0)[0], lambda x: x.kthvalue(1, 0)[0],
        lambda x: x.mode(0)[0], lambda x: x.median(), lambda x: x.rot90(), lambda x: x[0] @ x,
        lambda x: x.select_scatter(x[0], 0, 1), lambda x: x.diagonal_scatter(x[0]), lambda x: x.sum().kthvalue(1, 0)[0],
    ],
)  # fmt: skip
def test_what_no_tensor_shares_is_no_view(T, function):
    x = T.tensor([[1.0, 2.0], [3.0, 4.0]])
    w = T.ones((), requires_grad=True)
    with T.no_grad():
        y = function(x)
    y.mul_(w)  # refused for a view made unrecorded
    assert not y._is_view() and y.requires_grad and x.tolist() == [[1, 2], [3, 4]]


def test_a_number_is_flipped_moved_and_transposed_as_a_view_of_itself(T):
    x = T.tensor(2.0, requires_grad=True)
    x.flip(0).backward()
    assert x.grad.item() == 1 and x.movedim(0, -1).item() == 2 and x.mT.item() == 2
    for v in (x, T.ones(3)):
        assert v.t() is not v and v.t()._base is v
    with raises("0-dim"):
        x.narrow(1, 0, 1)


@pytest.mark.parametrize(
    "function",
    [
        lambda T, x: T.cat([x, x]), lambda T, x: T.stack([x, x]), lambda T, x: T.softmax(x, -1),
        lambda T, x: T.log_softmax(x, 0), lambda T, x: x.cumsum(0), lambda T, x: x.cumprod(1),
        lambda T, x: x.logcumsumexp(0), lambda T, x: x.roll(1, 0), lambda T, x: x.repeat_interleave(2, 1),
        lambda T, x: x.index_select(1, T.tensor([0])),
    ],
)  # fmt: skip
def test_results_are_contiguous_where_the_input_was_transposed(T, function):
    y = function(T, T.arange(6.0).reshape(2, 3).t())
    assert y.is_contiguous() and y.view(-1).tolist() == y.flatten().tolist()


def test_hooks_run_with_recording_off_and_return_nothing_after_accumulation(T, x):
    seen = []
    handle = (y := x * 2).register_hook(lambda g: seen.append(T.is_grad_enabled()))
    y.retain_grad()
    y.sum().backward()
    handle.remove()
    y = x * 2
    y.register_hook(lambda g: seen.append(T.is_grad_enabled()))
    T.autograd.grad(y.sum(), x, create_graph=True)
    assert seen == [False, True]
    x.register_post_accumulate_grad_hook(lambda t: t.grad)
    with raises("should return None"):
        x.sum().backward()


def test_a_computed_input_of_backward_retains_its_gradient(T, x):
    y = x * 2
    z = y.sum()
    z.backward(inputs=[y], retain_graph=True)
    assert y.retains_grad and y.grad.tolist() == [1, 1, 1]
    z.backward()
    assert y.grad.tolist() == [2, 2, 2] and x.grad.tolist() == [2, 2, 2]


@pytest.mark.filterwarnings("ignore:Using backward")
def test_a_gradient_with_a_graph_grows_and_keeps_it(T, x):
    (x * x).sum().backward(create_graph=True)
    g = x.grad
    (3 * x).sum().backward()
    assert x.grad is g and g.requires_grad and g.tolist() == [5, 7, 9]


@pytest.mark.filterwarnings("ignore:Using backward")
def test_a_penalty_on_gradients_adds_to_them(T, x):
    (x * x).sum().backward(create_graph=True)
    (x.sum() + x.grad.prod()).backward()  # prod needs what .grad was before this sweep adds to it
    assert x.grad.tolist() == [2 + 1 + 2 * 4 * 6, 4 + 1 + 2 * 2 * 6, 6 + 1 + 2 * 2 * 4]


def test_a_view_made_unrecorded_takes_no_gradient(T, x):
    with T.no_grad():
        v = x[:2]
    (v * v).sum().backward()
    assert v.requires_grad and v.is_leaf and v.grad is None and x.grad is None
    with raises("not have been used"):
        T.autograd.grad(v.sum(), v)
    with T.no_grad():
        x.mul_(2)
        assert (v * 1).tolist() == [2, 4]
    with raises("A view was created in no_grad mode"):
        v * 1


def test_a_view_learns_with_its_base(T):
    x = T.tensor([1.0, 2.0])
    v = x[:1]
    x.requires_grad_()
    assert v.requires_grad and v.is_leaf
    x.requires_grad_(False)
    assert not v.requires_grad


def test_parameters_are_copied_without_their_gradients(T, x):
    net = T.nn.Linear(2, 1)
    net(T.ones(2)).sum().backward()
    x.sum().backward()
    assert copy.deepcopy(net).weight.grad is None and copy.deepcopy(x).grad.tolist() == [1, 1, 1]


def test_flags_of_computed_tensors_cannot_be_set(T, x):
    y = x * 2
    with raises("leaf variables"):
        y.requires_grad = True
    assert y.requires_grad_() is y


def test_copying_into_whole_numbers_ends_the_graph(T, x):
    i = T.zeros(3, dtype=T.int64)
    i.copy_(x)
    assert i.tolist() == [1, 2, 3] and not i.requires_grad


def test_powers_name_the_shapes_that_do_not_fit(T):
    with raises("The size of tensor a"):
        T.ones(3) ** T.ones(2)
    with raises("non-zero size", IndexError):
        T.ones(0).kthvalue(1)


def test_broadcasting_returns_what_fits_already(T, x):
    assert T.broadcast_tensors(x, T.ones(()))[0] is x


def test_gradients_made_in_inference_mode_are_not_added_to_outside(T, x):
    with T.inference_mode():
        x.grad = T.ones(3, dtype=T.float64) * 1
    with raises("Inplace update to inference tensor"):
        x.sum().backward()


def test_a_gradient_grows_in_its_memory_even_if_it_has_a_graph(T):
    x = T.tensor(1.5, dtype=T.float64, requires_grad=True)
    (x * x).backward(create_graph=True)
    view = x.grad.view(1)
    (x * 2).backward()
    assert view.tolist() == [5.0] and x.grad.item() == 5.0


def test_a_gradient_made_in_inference_mode_grows_there(T):
    x = T.tensor(1.5, dtype=T.float64, requires_grad=True)
    y = x * 2
    with T.inference_mode():
        x.grad = T.tensor(3.0, dtype=T.float64).clone()
        y.backward()
    assert x.grad.item() == 5.0


def test_a_view_written_unrecorded_stands_at_a_new_place_in_the_graph(T, x):
    base = x * 1
    view = base[1:]
    y = view.sin().sum()
    view.detach().mul_(1)
    (g,) = T.autograd.grad(y, view, allow_unused=True)
    assert g is None
    T.autograd.grad(view.sum(), x)


def test_what_is_gathered_from_nothing_is_no_view(T, x):
    with T.no_grad():
        y = x[3:].gather(0, T.zeros(0, dtype=T.int64))
    assert y.shape == (0,) and not y.requires_grad


def test_relu_keeps_the_sign_of_zero(T):
    zeros = T.tensor([-0.0, 0.0, -0.0])
    assert T.signbit(T.relu(zeros)).tolist() == [True, False, True]


def test_only_tensors_get_dimensions(T):
    for function in (T.atleast_1d, T.atleast_2d, T.atleast_3d):
        with raises("", TypeError):
            function(None)


def test_expanded_memory_is_not_read_beyond_its_end(T):
    x = T.tensor(1.5).broadcast_to((2,)).detach()
    with raises("storage"):
        x.as_strided((2,), (1,))
    assert x.as_strided((2,), (0,)).tolist() == [1.5, 1.5]
    rows = T.nn.Parameter(T.tensor([1.0, 2.0, 3.0]).expand(2, 3).detach())
    assert rows.as_strided((2,), (1,)).tolist() == [1, 2]
    columns = T.tensor([[1.0], [2.0], [3.0]]).expand(3, 2).detach()
    assert columns.as_strided((3,), (1,)).tolist() == [1, 2, 3]


def test_memory_that_belongs_to_no_tensor_here_is_not_guessed():
    x = micrograd_cn.arange(6.0)
    assert x[::2].as_strided((3,), (1,)).tolist() == [0, 1, 2]
    with pytest.raises(RuntimeError, match="detached tensor with gaps"):
        x[::2].detach().as_strided((3,), (1,))


@pytest.mark.parametrize("name", ["elu", "selu", "celu"])
def test_the_second_derivative_at_the_kink_is_zero(T, name):
    x = T.zeros(1, requires_grad=True)
    (g,) = T.autograd.grad(getattr(T.nn.functional, name)(x).sum(), x, create_graph=True)
    (h,) = T.autograd.grad(g.sum(), x)
    assert h.item() == 0


def test_nan_has_no_factor_and_is_its_own_mode(T):
    nan = float("nan")
    with raises("cholesky"):
        T.linalg.cholesky(T.full((2, 2), nan))
    assert T.tensor([nan, nan]).mode(-1).indices.item() == 0
    assert T.tensor([2.0, nan, 1.0, nan]).mode(-1).values.item() == 1


def test_a_gradient_keeps_only_what_it_is_differentiated_by(T):
    x, y = T.tensor([2.0]), T.tensor([3.0], requires_grad=True)
    (g,) = T.autograd.grad(T.xlogy(x, y).sum(), y, create_graph=True)
    x.add_(1)  # the gradient 2 / y has nothing more to do with it
    g.backward()
    assert y.grad.item() == pytest.approx(-2 / 9)


def test_a_view_made_unrecorded_may_be_made_a_leaf_of_its_own(T, x):
    y = x * 2
    with T.no_grad():
        view = y[...]
    view.requires_grad_()
    view.sum().backward()
    assert view.grad.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "function",
    [
        lambda T, x: x.relu(), lambda T, x: T.nn.functional.leaky_relu(x), lambda T, x: T.nn.functional.relu6(x),
        lambda T, x: T.nn.functional.threshold(x, 0.2, 7), lambda T, x: T.nn.functional.hardshrink(x),
        lambda T, x: T.nn.functional.softshrink(x), lambda T, x: T.nn.functional.hardtanh(x, -2, 2),
        lambda T, x: T.nn.functional.prelu(x, T.tensor([0.3], dtype=T.float64)),
        lambda T, x: T.nn.functional.nll_loss(x[None], T.tensor([1])),
        lambda T, x: T.nn.functional.avg_pool1d(x[None], 2), lambda T, x: T.nn.functional.max_pool1d(x[None], 2),
    ],
)  # fmt: skip
def test_along_a_straight_line_the_second_derivative_is_zero_and_not_missing(T, x, function):
    (g,) = T.autograd.grad(function(T, x).sum(), x, create_graph=True)
    g.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_where_an_activation_halts_its_gradient_is_zero(T):
    x = T.tensor([-2.0, -0.5, 0.0, 0.5, 2.0, float("nan")], requires_grad=True)
    slopes = {"hardtanh": [0, 1, 1, 1, 0, 1], "hardshrink": [1, 0, 0, 0, 1, 1], "softshrink": [1, 0, 0, 0, 1, 1]}
    slopes |= {"relu6": [0, 0, 0, 1, 1, 1]}
    for name, slope in slopes.items():
        (g,) = T.autograd.grad(getattr(T.nn.functional, name)(x).sum(), x)
        assert g.tolist() == slope


def test_a_product_of_one_factor_is_the_factor(T):
    x = T.tensor(1.5, requires_grad=True)
    y = x * x
    (g,) = T.autograd.grad(y.prod(), y, create_graph=True)
    assert g.item() == 1 and not g.requires_grad
    (g,) = T.autograd.grad((x * 2).prod(0, keepdim=True), x, create_graph=True)
    assert g.item() == 2 and not g.requires_grad


def test_memory_is_strided_in_the_order_in_which_it_lies(T):
    x = T.arange(6.0).reshape(2, 3).t().requires_grad_()
    with raises("view of a leaf"):
        x.as_strided((2,), (1,))[0] = 1
    y = x * 1
    view = y.as_strided((3,), (2,), 1)
    assert view.tolist() == [1, 3, 5] and view._base is y
    view.mul_(5)
    assert y.tolist() == [[0, 15], [5, 4], [2, 25]]
    (y * T.arange(6.0).reshape(3, 2)).sum().backward()
    assert x.grad.tolist() == [[0, 5], [10, 3], [4, 25]]


def test_a_view_of_a_view_made_unrecorded_is_refused_after_a_change_of_its_base(T):
    base = T.zeros(3)
    with T.no_grad():
        leaf = base.view(3)
    view = leaf.requires_grad_()[None]
    base[-1:] = 1
    assert leaf.is_leaf and (leaf * 2).tolist() == [0, 0, 2]
    with raises("created in no_grad mode"):
        view * 2


def test_zeros_in_place_of_a_missing_gradient_may_be_differentiated(T, x):
    y = T.ones(3, requires_grad=True).expand(2, 3)
    for create_graph in (False, True):
        (g,) = T.autograd.grad(x.sum(), y, create_graph=create_graph, materialize_grads=True)
        assert g.tolist() == [[0, 0, 0]] * 2 and g.requires_grad is create_graph and g.is_contiguous()


@pytest.mark.parametrize(
    "function",
    [
        lambda T, x: x.sum(0), lambda T, x: x.amax(1), lambda T, x: x.var(0, keepdim=True), lambda T, x: x.norm(3, 1),
        lambda T, x: x.cummin(0)[0], lambda T, x: x.masked_fill(x > 1, 0), lambda T, x: x.repeat(2, 1, 1),
        lambda T, x: x[0, 0].expand(2, 4).int(), lambda T, x: T.ones_like(x[0, 0].expand(2, 4)),
        lambda T, x: x[0, 0].expand(2, 4).clone(), lambda T, x: T.einsum("ij,kj->ik", x[0], x[0]),
        lambda T, x: x[:, [1, 0]], lambda T, x: x[:, :, [True, False, True, False]], lambda T, x: x.triu(),
    ],
)  # fmt: skip
def test_what_lies_in_order_in_pytorch_can_be_viewed_flat(T, function):
    x = T.arange(24.0).reshape(2, 4, 3).transpose(1, 2).requires_grad_()
    y = function(T, x)
    assert y.is_contiguous() and y.view(-1).tolist() == y.flatten().tolist()


def test_what_is_flipped_keeps_its_order_in_memory(T):
    x = T.arange(6.0).reshape(2, 3)
    assert x.t().flip(0).t().is_contiguous() and x.rot90().rot90().is_contiguous()
    assert x[:1].expand(3, 3).flip(0).is_contiguous() and x.flip(0, 1).tolist() == [[5, 4, 3], [2, 1, 0]]


def test_the_gradient_of_a_mean_has_memory_for_each_element(T, x):
    (g,) = T.autograd.grad(x.mean(), x, create_graph=True)
    assert g.mul_(3).tolist() == [1, 1, 1]


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("index", [..., (), slice(None), slice(3)])
def test_what_is_assigned_as_a_whole_keeps_nothing_of_the_graph_before(T, x, index):
    y = x * 1
    y[index] = 0.25
    (y * y).sum().backward(create_graph=True)
    assert x.grad.tolist() == [0, 0, 0] and not x.grad.requires_grad and y._base is None


@pytest.mark.filterwarnings("ignore:Using backward")
def test_a_view_of_all_that_is_assigned_leaves_a_gradient_of_zeros(T, x):
    """A slice that counts from the end makes a view, as one of a part does."""
    y = x * 1
    y[-3:] = 0.25
    (y * y).sum().backward(create_graph=True)
    assert x.grad.tolist() == [0, 0, 0] and x.grad.requires_grad


@pytest.mark.filterwarnings("ignore:var")
def test_the_variance_of_one_number_has_a_gradient_but_no_second_one(T):
    for values, expected in ([1.5], ["nan"]), ([1.5, 1.5], ["nan", "nan"]), ([1.0, 2.0], ["inf", "inf"]):
        x = T.tensor(values, requires_grad=True)
        (g,) = T.autograd.grad(x.var(correction=2), x, create_graph=True)
        assert [str(v) for v in g.tolist()] == expected and not g.requires_grad
