"""Optimizers: truths that can be worked out by hand, what a step does to tensors, groups, errors."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, strategies as st

import micrograd_cn as mg
from micrograd_cn import nn, optim
from tests.optimizers import COUNTERS, every_optimizer, every_option, leaf, stepped

# --- by hand ---------------------------------------------------------------------------------------------------------


def test_sgd_step_is_the_gradient_times_the_learning_rate():
    np.testing.assert_allclose(stepped(lambda p: optim.SGD(p, lr=0.1), [1.0, 2.0], [[10.0, -1.0]]), [0.0, 2.1])


@pytest.mark.parametrize(
    ("options", "total"),
    [
        ({"momentum": 0.5}, 1 + 1.5 + 1.75),
        ({"momentum": 0.5, "dampening": 0.5}, 1 + (0.5 + 0.5) + (0.5 + 0.5)),
        ({"momentum": 0.5, "nesterov": True}, 1.5 + 1.75 + 1.875),
    ],
)
def test_sgd_momentum_on_a_constant_gradient(options, total):
    """Three steps with g = 1: the buffer is 1, then half of itself plus what dampening leaves of g."""
    moved = stepped(lambda p: optim.SGD(p, lr=1.0, **options), [0.0], [[1.0]] * 3)
    np.testing.assert_allclose(moved, [-total])


@given(st.floats(0.01, 100), st.sampled_from([1.0, -1.0]), st.floats(1e-4, 1.0))
def test_first_step_of_adam_has_the_size_of_the_learning_rate(size, sign, lr):
    """After one step both averages are unbiased: m = g and √v = |g|, whatever the gradient's size."""
    moved = stepped(lambda p: optim.Adam(p, lr=lr), [0.0], [[sign * size]])
    np.testing.assert_allclose(moved, [-sign * lr], rtol=1e-5)


def test_adam_keeps_that_size_while_the_gradient_stays():
    moved = stepped(lambda p: optim.Adam(p, lr=0.1, eps=0.0), [0.0], [[3.0]] * 20)
    np.testing.assert_allclose(moved, [-2.0], rtol=1e-12)


def test_first_step_of_rmsprop():
    """The average of squares is (1 - alpha) g² after one step."""
    moved = stepped(lambda p: optim.RMSprop(p, lr=0.1, alpha=0.75, eps=0.0), [0.0], [[7.0]])
    np.testing.assert_allclose(moved, [-0.1 / np.sqrt(0.25)])


def test_centered_rmsprop_divides_by_the_standard_deviation():
    """After one step the variance that it estimates is (1-α) g² - (1-α)² g² = α (1-α) g²."""
    moved = stepped(lambda p: optim.RMSprop(p, lr=0.1, alpha=0.75, eps=0.0, centered=True), [0.0], [[7.0]])
    np.testing.assert_allclose(moved, [-0.1 / np.sqrt(0.75 * 0.25)])


def test_amsgrad_never_forgets_a_large_gradient():
    gradients = [[100.0]] + [[0.01]] * 50

    def last_step(**options):
        def make(p):
            return optim.Adam(p, betas=(0.0, 0.5), **options)

        return abs(stepped(make, [0.0], gradients) - stepped(make, [0.0], gradients[:-1])).item()

    assert last_step(amsgrad=True) < last_step() / 100


def test_decoupled_weight_decay_shrinks_by_a_factor():
    np.testing.assert_allclose(
        stepped(lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.5), [2.0], [[0.0]] * 3), [2 * 0.95**3]
    )
    np.testing.assert_allclose(
        stepped(lambda p: optim.SGD(p, lr=0.1, weight_decay=0.5), [2.0], [[0.0]] * 3), [2 * 0.95**3]
    )


@every_option
def test_maximize_is_a_step_along_the_opposite_gradient(name, options):
    options = {**options, "maximize": False}
    gradients = [[1.0, -2.0], [0.5, 3.0], [-1.0, 0.1]]
    opposite = [[-g for g in gradient] for gradient in gradients]
    climbed = stepped(lambda p: getattr(optim, name)(p, **{**options, "maximize": True}), [1.0, 2.0], gradients)
    np.testing.assert_array_equal(climbed, stepped(lambda p: getattr(optim, name)(p, **options), [1.0, 2.0], opposite))


@every_option
def test_it_finds_the_minimum(name, options):
    lr = {"Adadelta": 1.0 if "rho" in options else 5.0, "Adagrad": 0.5, "RAdam": 0.05}.get(name, 0.02)
    options = {k: v for k, v in options.items() if k not in ("weight_decay", "lambd", "lr_decay", "step_sizes")}
    options |= {"maximize": False, "lr": lr, **({"weight_decay": 0} if name == "AdamW" else {})}
    p, goal = leaf([2.0, 0.5, 0.5]), mg.tensor([1.0, 2.0, 0.0], dtype=mg.float64)
    optimizer = getattr(optim, name)([p], **options)
    for _ in range(400):
        optimizer.zero_grad()
        ((p - goal) ** 2).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(p.detach().numpy(), goal.numpy(), atol=0.05)


# --- what a step does to tensors -------------------------------------------------------------------------------------


@every_option
@pytest.mark.parametrize("dtype", [mg.float16, mg.float32, mg.float64], ids=str)
def test_parameters_keep_memory_and_dtype(name, options, dtype):
    p = leaf([1.0, 3.0], dtype)
    memory = p.data_ptr()
    # numbers from NumPy are of float64, but must not turn anything else into it
    options = {k: np.float64(v) if isinstance(v, float) else v for k, v in options.items()}
    optimizer = getattr(optim, name)([p], **options)
    for _ in range(2):
        p.grad = mg.ones(2, dtype=dtype)
        optimizer.step()
    assert p.dtype is dtype and p.data_ptr() == memory and p.is_leaf and p.requires_grad
    assert np.isfinite(p.detach().numpy()).all() and (p.detach().numpy() != [1.0, 3.0]).all()
    for key, value in optimizer.state[p].items():
        assert value.dtype is (mg.float32 if key in COUNTERS else dtype), key
    assert p.grad.numpy().tolist() == [1.0, 1.0]


@every_optimizer
def test_parameter_without_gradient_is_left_alone(name):
    used, unused = leaf([1.0]), leaf([1.0])
    optimizer = getattr(optim, name)([unused, used], lr=0.1, **({} if name == "Rprop" else {"weight_decay": 0.1}))
    used.grad = mg.ones(1, dtype=mg.float64)
    optimizer.step()
    assert unused.item() == 1.0 and used.item() != 1.0
    assert (unused in optimizer.state) == (name == "Adagrad")  # whose state is there from the beginning


@every_optimizer
def test_step_marks_what_a_graph_has_saved(name):
    """Weights that a graph still needs have changed: backward must say so, not compute with the new ones."""
    w, x = leaf([2.0]), leaf([3.0])
    y = w * x
    w.grad = mg.ones(1, dtype=mg.float64)
    getattr(optim, name)([w]).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_repr_shows_the_number_in_a_tensor():
    """PyTorch formats a tensor of one number, ``f"{lr}"``, as that number."""
    assert "    lr: 0.5\n" in repr(optim.SGD([leaf([1.0])], lr=mg.tensor(0.5)))


@every_optimizer
def test_learning_rate_may_be_a_tensor(name):
    """Then the sizes of steps are computed in its type, float32."""
    gradients = [[1.0, -2.0], [0.5, 3.0]]
    for lr in (mg.tensor(0.125), mg.tensor([0.125])):
        np.testing.assert_allclose(
            stepped(lambda p, lr=lr: getattr(optim, name)(p, lr=lr), [1.0, 2.0], gradients),
            stepped(lambda p: getattr(optim, name)(p, lr=0.125), [1.0, 2.0], gradients),
            rtol=1e-6,
        )


@every_option
def test_complex_numbers_are_pairs_of_real_ones(name, options):
    values, gradients = [[1.0, 2.0], [3.0, -1.0]], [[[1.0, -2.0], [0.5, 0.1]], [[0.3, 1.0], [-1.0, 2.0]]]

    def as_complex(pairs):
        return [complex(*pair) for pair in pairs]

    z = stepped(
        lambda p: getattr(optim, name)(p, **options), as_complex(values), map(as_complex, gradients), mg.complex128
    )
    x = stepped(lambda p: getattr(optim, name)(p, **options), values, gradients)
    np.testing.assert_allclose(np.stack([z.real, z.imag], -1), x, rtol=1e-13)


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none):
    p, untouched = leaf([1.0, 2.0]), leaf([1.0])
    optimizer = optim.SGD([p, untouched], lr=0.1)
    (p**2).sum().backward(create_graph=True)
    gradient = p.grad
    optimizer.zero_grad(set_to_none=set_to_none)
    assert untouched.grad is None
    if set_to_none:
        assert p.grad is None
        assert gradient.tolist() == [2.0, 4.0]
    else:
        assert p.grad is gradient and gradient.tolist() == [0.0, 0.0]
        assert not gradient.requires_grad and gradient.grad_fn is None


def test_closure_runs_first_with_gradients_on_and_its_loss_is_returned():
    p = leaf([3.0])
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    with mg.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 9.0 and p.item() == 0.0
    assert optimizer.step() is None


# --- groups ----------------------------------------------------------------------------------------------------------


def test_groups_have_their_own_settings_and_share_defaults():
    a, b, c = leaf([1.0]), leaf([1.0]), leaf([1.0])
    optimizer = optim.SGD([{"params": a}, {"params": [b], "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": [c], "lr": 0.25, "maximize": True})
    for p in (a, b, c):
        p.grad = mg.ones(1, dtype=mg.float64)
    optimizer.step()
    np.testing.assert_allclose([a.item(), b.item(), c.item()], [0.9, 0.5, 1.25])
    assert [group["momentum"] for group in optimizer.param_groups] == [0, 0, 0]
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 1, 1]
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    np.testing.assert_allclose(a.item(), 0.9)


def test_named_parameters_keep_their_names():
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["params"][0] is model.weight
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


def test_same_parameter_twice_in_a_group_warns():
    p = leaf([1.0])
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([p, p], lr=0.1)


# --- errors ----------------------------------------------------------------------------------------------------------


def _errors(lib):
    """``(what is done, how it is done with the library)`` for everything that must be refused."""
    o = lib.optim

    def p():
        return lib.zeros(2, requires_grad=True)

    def loaded(groups):
        optimizer = o.SGD([p()], lr=0.1)
        optimizer.load_state_dict({"state": {}, "param_groups": groups})

    shared = p()
    return [
        ("tensor", lambda: o.SGD(p())),
        ("integer tensor", lambda: o.SGD(lib.zeros(2, dtype=lib.int64))),
        ("parameter", lambda: o.SGD(lib.nn.Parameter(lib.zeros(2)))),
        ("nothing", lambda: o.SGD([])),
        ("no iterable", lambda: o.SGD(5)),
        ("numbers", lambda: o.SGD([1, 2])),
        ("string", lambda: o.SGD("ab")),
        ("None", lambda: o.SGD([None])),
        ("non-leaf", lambda: o.SGD([p() * 2])),
        ("non-leaf group", lambda: o.SGD([{"params": p() * 2}])),
        ("twice", lambda: o.SGD([{"params": [shared]}, {"params": [shared]}])),
        ("set", lambda: o.SGD([{"params": {p()}}])),
        ("no params", lambda: o.SGD([{"lr": 1}])),
        ("group no dict", lambda: o.SGD([p()]).add_param_group([p()])),
        ("dict and tensor", lambda: o.SGD([{"params": [p()]}, 5])),
        ("half named", lambda: o.SGD([("a", p()), p()])),
        ("named and not", lambda: o.SGD([{"params": [("a", p())]}, {"params": [p()]}])),
        ("not and named", lambda: o.SGD([{"params": [p()]}, {"params": [("a", p())]}])),
        ("SGD lr", lambda: o.SGD([p()], lr=-1)),
        ("SGD lr tensor", lambda: o.SGD([p()], lr=lib.tensor([1.0, 2.0]))),
        ("SGD momentum", lambda: o.SGD([p()], momentum=-1)),
        ("SGD decay", lambda: o.SGD([p()], weight_decay=-0.1)),
        ("SGD nesterov", lambda: o.SGD([p()], nesterov=True)),
        ("SGD nesterov dampening", lambda: o.SGD([p()], nesterov=True, momentum=0.9, dampening=0.1)),
        ("SGD fused foreach", lambda: o.SGD([p()], fused=True, foreach=True)),
        ("SGD fused differentiable", lambda: o.SGD([p()], fused=True, differentiable=True)),
        ("Adam lr", lambda: o.Adam([p()], lr=-1)),
        ("Adam lr tensor", lambda: o.Adam([p()], lr=lib.tensor([1.0, 2.0]))),
        ("Adam lr foreach", lambda: o.Adam([p()], lr=lib.tensor(0.1), foreach=True)),
        ("Adam beta1", lambda: o.Adam([p()], betas=(1.0, 0.9))),
        ("Adam beta2", lambda: o.Adam([p()], betas=(0.9, -0.1))),
        ("Adam betas mixed", lambda: o.Adam([p()], betas=(lib.tensor(0.9), 0.9))),
        ("Adam betas int", lambda: o.Adam([p()], betas=(0.5, 0))),
        ("Adam eps", lambda: o.Adam([p()], eps=-1)),
        ("Adam decay", lambda: o.AdamW([p()], weight_decay=-1)),
        ("RMSprop lr", lambda: o.RMSprop([p()], lr=-0.5)),
        ("RMSprop alpha", lambda: o.RMSprop([p()], alpha=-1)),
        ("RMSprop momentum", lambda: o.RMSprop([p()], momentum=-1)),
        ("RMSprop eps", lambda: o.RMSprop([p()], eps=-1)),
        ("Adagrad decay", lambda: o.Adagrad([p()], lr_decay=-0.5)),
        ("Adagrad start", lambda: o.Adagrad([p()], initial_accumulator_value=-0.5)),
        ("Adadelta rho", lambda: o.Adadelta([p()], rho=1.1)),
        ("Adadelta rho negative", lambda: o.Adadelta([p()], rho=-0.1)),
        ("Adamax beta", lambda: o.Adamax([p()], betas=(0.0, 1.0))),
        ("NAdam momentum", lambda: o.NAdam([p()], momentum_decay=-1)),
        ("RAdam eps", lambda: o.RAdam([p()], eps=-1)),
        ("ASGD lr", lambda: o.ASGD([p()], lr=-1)),
        ("Rprop etas", lambda: o.Rprop([p()], etas=(0.5, 1.0))),
        ("LBFGS lr", lambda: o.LBFGS([p()], lr=-1)),
        ("LBFGS groups", lambda: o.LBFGS([{"params": p()}, {"params": p()}])),
        ("too many", lambda: o.SGD([p()], 0.1, 0.9, 0, 0, False, True)),
        ("groups", lambda: loaded([])),
        ("group size", lambda: loaded([{"params": [0, 1]}])),
    ]


ERRORS = dict(_errors(mg))


@pytest.mark.parametrize("what", ERRORS)
def test_refused(what):
    with pytest.raises((TypeError, ValueError, RuntimeError, KeyError)):
        ERRORS[what]()


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("nothing", ValueError, "optimizer got an empty parameter list"),
        ("SGD lr", ValueError, "Invalid learning rate: -1"),
        ("non-leaf", ValueError, "can't optimize a non-leaf Tensor"),
        ("twice", ValueError, "some parameters appear in more than one parameter group"),
        ("tensor", TypeError, "should be an iterable of Tensors or dicts, but got torch.FloatTensor"),
        ("groups", ValueError, "loaded state dict has a different number of parameter groups"),
    ],
)
def test_errors_say_what_is_wrong(what, error, message):
    with pytest.raises(error, match=re.escape(message)):
        ERRORS[what]()


@every_optimizer
def test_differentiable_is_refused_rather_than_wrong(name):
    with pytest.raises(NotImplementedError, match="differentiable=True"):
        getattr(optim, name)([leaf([1.0])], differentiable=True)


@pytest.mark.parametrize("what", ERRORS)
def test_errors_are_those_of_pytorch(what):
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        dict(_errors(torch))[what]()
    with pytest.raises(type(theirs.value)) as ours:
        ERRORS[what]()
    assert str(ours.value) == str(theirs.value)
