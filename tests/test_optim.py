"""Optimizers: truths that can be worked out by hand, saving and resuming, and PyTorch's numbers and errors."""

from __future__ import annotations

import copy
import importlib.util
import io
import pickle
import re

import numpy as np
import pytest
from hypothesis import given, strategies as st

import micrograd_cn as mg
from micrograd_cn import nn, optim

# Every optimizer with combinations of its options that change the formula.
OPTIONS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.2, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.3, 0.6), "eps": 1e-3}),
    ("Adam", {"lr": 0.1, "betas": (0.0, 0.0)}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.3}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True}),
    ("Adam", {"lr": 0.1, "amsgrad": True}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.3, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.5, "eps": 1e-3}),
    ("RMSprop", {"lr": 0.1, "weight_decay": 0.3, "maximize": True}),
    ("RMSprop", {"lr": 0.1, "centered": True}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "centered": True, "weight_decay": 0.3, "alpha": 0.6}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.5, "weight_decay": 0.1, "initial_accumulator_value": 0.1, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.1, "rho": 0.5, "eps": 1e-3, "weight_decay": 0.3, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.1, "betas": (0.3, 0.6), "weight_decay": 0.3, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "momentum_decay": 0.1, "weight_decay": 0.3, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.3, "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "t0": 3, "lambd": 0.1, "alpha": 0.5, "weight_decay": 0.3, "maximize": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.05, 0.2), "maximize": True}),
]
IDS = [f"{name}-{'-'.join(f'{k}={v}' for k, v in options.items())}" for name, options in OPTIONS]
every_option = pytest.mark.parametrize(("name", "options"), OPTIONS, ids=IDS)
every_optimizer = pytest.mark.parametrize("name", list(dict.fromkeys(name for name, _ in OPTIONS)))
COUNTERS = {"step", "mu_product", "eta", "mu"}
SHAPES = [(3, 2), (5,), (), (2, 0)]


def leaf(values, dtype=None):
    return mg.tensor(values, dtype=dtype or mg.float64, requires_grad=True)


def stepped(make, values, gradients, dtype=None):
    """Where a parameter that starts at ``values`` gets to when it meets one gradient after the other."""
    p = leaf(values, dtype)
    optimizer = make([p])
    for gradient in gradients:
        p.grad = mg.tensor(gradient, dtype=p.dtype)
        optimizer.step()
    return p.detach().numpy()


def start(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]


def train(library, params, optimizer, steps, first=0):
    """``steps`` steps with gradients that depend a little on the parameters and much on the number of the step."""
    for k in range(first, first + steps):
        for i, p in enumerate(params):
            if i == 1 and k % 3 == 0:
                p.grad = None
                continue
            p.grad = library.cos(p.detach() * 0.1 + k) + p.detach() * 0.1
        optimizer.step()


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


# --- saving ----------------------------------------------------------------------------------------------------------


@every_option
@pytest.mark.parametrize("how", ["state_dict", "deepcopy", "pickle"])
def test_training_goes_on_where_it_was_saved(name, options, how):
    straight = [leaf(a) for a in start()]
    train(mg, straight, getattr(optim, name)(straight, **options), 8)

    params = [leaf(a) for a in start()]
    optimizer = getattr(optim, name)(params, **options)
    train(mg, params, optimizer, 5)
    if how == "state_dict":
        saved = copy.deepcopy(optimizer.state_dict())
        params = [leaf(p.detach().numpy().copy()) for p in params]
        optimizer = getattr(optim, name)(params, lr=7.0)
        optimizer.load_state_dict(saved)
    elif how == "deepcopy":
        params, optimizer = copy.deepcopy((params, optimizer))
    else:
        params, optimizer = pickle.load(io.BytesIO(pickle.dumps((params, optimizer))))
    train(mg, params, optimizer, 3, first=5)
    # Loading casts all tensors but the step to the dtype of the parameter, as in PyTorch: these two have others.
    rtol = 1e-5 if how == "state_dict" and name in ("NAdam", "ASGD") else 0
    for p, q in zip(params, straight, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=rtol)


def test_state_dict_numbers_parameters_across_groups():
    params = [leaf([float(i)]) for i in range(3)]
    optimizer = optim.SGD([{"params": params[:1]}, {"params": params[1:], "lr": 0.5}], lr=0.1, momentum=0.9)
    for p in params[1:]:
        p.grad = mg.ones(1, dtype=mg.float64)
    optimizer.step()
    saved = optimizer.state_dict()
    assert [group["params"] for group in saved["param_groups"]] == [[0], [1, 2]]
    assert list(saved["state"]) == [1, 2] and saved["state"][1]["momentum_buffer"].tolist() == [1.0]


def test_loaded_tensors_take_the_dtype_of_the_parameter_but_not_the_step():
    p = leaf([1.0, 2.0], mg.float32)
    optimizer = optim.Adam([p])
    settings = optimizer.state_dict()["param_groups"]
    average = mg.ones(2, dtype=mg.float64)
    state = {"step": mg.tensor(3.0, dtype=mg.float64), "exp_avg": average, "exp_avg_sq": average, "list": [average]}
    optimizer.load_state_dict({"state": {0: state, "mine": 5}, "param_groups": settings})
    loaded = optimizer.state[p]
    assert loaded["exp_avg"].dtype is mg.float32 and loaded["list"][0].dtype is mg.float32
    assert loaded["step"].dtype is mg.float64
    assert optimizer.state["mine"] == 5


@pytest.mark.parametrize("name", ["Adam", "AdamW", "RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop"])
def test_dicts_of_older_versions_are_completed(name):
    """They lack settings that came later, and their step is a number."""
    p = leaf([1.0])
    optimizer = getattr(optim, name)([p])
    p.grad = mg.ones(1, dtype=mg.float64)
    optimizer.step()
    saved = optimizer.state_dict()
    for setting in ("maximize", "foreach", "capturable", "differentiable"):
        del saved["param_groups"][0][setting]
    for counter in COUNTERS & saved["state"][0].keys():
        saved["state"][0][counter] = saved["state"][0][counter].item()
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["maximize"] is False and optimizer.param_groups[0]["foreach"] is None
    optimizer.step()
    assert optimizer.state[p]["step"].item() == 2.0


def test_adamw_decays_apart_whatever_it_loads():
    optimizer = optim.AdamW([leaf([1.0])])
    optimizer.load_state_dict(optim.Adam([leaf([1.0])]).state_dict())
    assert optimizer.param_groups[0]["decoupled_weight_decay"] is True


# --- hooks and subclasses --------------------------------------------------------------------------------------------


def test_step_hooks():
    p = leaf([1.0])
    optimizer = optim.SGD([p], lr=0.1)
    seen = []
    pre = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("pre", o is optimizer, kwargs)))
    post = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", args[0] is o, kwargs)))
    optimizer.step(closure=None)
    assert seen == [("pre", True, {"closure": None}), ("post", True, {"closure": None})]
    pre.remove()
    post.remove()
    optimizer.step()
    assert len(seen) == 2
    with optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: "other"), {})):
        assert optimizer.step(lambda: "mine") == "other"
    assert optimizer.step(lambda: "mine") == "mine"
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 5)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 5"):
        optimizer.step()


def test_state_dict_hooks():
    optimizer = optim.SGD([leaf([1.0])], lr=0.1)
    order = []
    optimizer.register_state_dict_pre_hook(lambda o: order.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: order.append("first"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, saved: {**saved, "extra": 1})
    saved = optimizer.state_dict()
    assert order == ["first", "second"] and saved["extra"] == 1

    def tenfold(o, saved):
        saved["param_groups"] = [{**group, "lr": group["lr"] * 10} for group in saved["param_groups"]]

    optimizer.register_load_state_dict_pre_hook(tenfold)
    optimizer.register_load_state_dict_post_hook(lambda o: order.append(o.param_groups[0]["lr"]))
    optimizer.load_state_dict(saved)
    assert order[-1] == 1.0 and saved["param_groups"][0]["lr"] == 0.1


class SignSGD(optim.Optimizer):
    """What users write: an optimizer with a ``step`` of its own, on tensors."""

    def __init__(self, params, lr=optim.optimizer.required):
        super().__init__(params, {"lr": lr})

    @mg.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["steps"] = self.state[p].get("steps", 0) + 1
                p.add_(p.grad.sign(), alpha=-group["lr"])


def test_users_own_optimizer():
    p = leaf([1.0, 1.0])
    optimizer = SignSGD([p], lr=0.25)
    p.grad = mg.tensor([5.0, -0.1], dtype=mg.float64)
    calls = []
    optimizer.register_step_post_hook(lambda *a: calls.append(a))
    optimizer.step()
    assert p.tolist() == [0.75, 1.25] and len(calls) == 1
    assert optimizer.state_dict()["state"] == {0: {"steps": 1}}
    assert repr(optimizer) == "SignSGD (\nParameter Group 0\n    lr: 0.25\n)"
    with pytest.raises(ValueError, match="required optimization parameter lr"):
        SignSGD([p])


def test_base_class_has_no_step():
    with pytest.raises(NotImplementedError, match="must define step"):
        optim.Optimizer([leaf([1.0])], {}).step()


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


# --- PyTorch's numbers -----------------------------------------------------------------------------------------------


def assert_same_numbers(ours, theirs, dtype):
    """Equal but for the last places: NumPy rounds a product and a sum apart that PyTorch's kernels round together."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    places = 32 * np.finfo(dtype).eps
    np.testing.assert_allclose(ours, theirs, rtol=places, atol=places)


@every_option
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lr_is_tensor", [False, True], ids=["", "lr tensor"])
def test_ten_steps_as_in_pytorch(name, options, dtype, lr_is_tensor):
    torch = pytest.importorskip("torch")
    runs = []
    for library in (mg, torch):
        own = {**options, "lr": library.tensor(0.05)} if lr_is_tensor else options
        params = [library.tensor(a, requires_grad=True) for a in start(1, dtype)]
        optimizer = getattr(library.optim, name)(
            [{"params": params[:1]}, {"params": params[1:], **({} if name == "Rprop" else {"weight_decay": 0.125})}],
            **own,
        )
        train(library, params, optimizer, 10)
        runs.append((params, optimizer.state_dict(), repr(optimizer)))
    (ours, our_dict, our_repr), (theirs, their_dict, their_repr) = runs
    for p, q in zip(ours, theirs, strict=True):
        assert_same_numbers(p.detach(), q.detach(), dtype)
    assert lr_is_tensor or our_repr == their_repr
    assert list(our_dict) == list(their_dict) and list(our_dict["state"]) == list(their_dict["state"])
    for group, their_group in zip(our_dict["param_groups"], their_dict["param_groups"], strict=True):
        assert {k: str(v) for k, v in group.items()} == {k: str(v) for k, v in their_group.items()}
    for state, their_state in zip(our_dict["state"].values(), their_dict["state"].values(), strict=True):
        assert set(state) == set(their_state)
        for key, value in state.items():
            assert_same_numbers(value, their_state[key], dtype)


@every_option
def test_goes_on_from_a_dict_that_pytorch_saved(name, options):
    torch = pytest.importorskip("torch")
    theirs = [torch.tensor(a, requires_grad=True) for a in start(2)]
    their_optimizer = getattr(torch.optim, name)(theirs, **options)
    train(torch, theirs, their_optimizer, 4)
    their_optimizer.load_state_dict(their_optimizer.state_dict())
    ours = [leaf(p.detach().numpy().copy()) for p in theirs]
    optimizer = getattr(optim, name)(ours)
    optimizer.load_state_dict(their_optimizer.state_dict())
    train(torch, theirs, their_optimizer, 4, first=4)
    train(mg, ours, optimizer, 4, first=4)
    for p, q in zip(ours, theirs, strict=True):
        assert_same_numbers(p.detach(), q.detach(), "float64")


def test_betas_may_be_tensors():
    torch = pytest.importorskip("torch")
    ends = []
    for library in (mg, torch):
        p = library.tensor([1.0, 2.0], requires_grad=True)
        optimizer = library.optim.Adam([p], lr=0.1, betas=(library.tensor(0.8), library.tensor(0.99)))
        train(library, [p], optimizer, 10)
        ends.append(p.detach())
    np.testing.assert_allclose(np.asarray(ends[0]), np.asarray(ends[1]), rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in optim.__all__ if name[0].isupper() and name != "Optimizer"])
def test_signatures_and_defaults_as_in_pytorch(name):
    import inspect

    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(getattr(library.optim, name)).parameters for library in (mg, torch))
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


# --- L-BFGS ----------------------------------------------------------------------------------------------------------


def rosenbrock(p):
    return (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum()


def minimize(library, start, calls, loss=rosenbrock, **options):
    p = library.tensor(start, dtype=library.float64, requires_grad=True)
    optimizer = library.optim.LBFGS([p], **options)
    losses = []

    def closure():
        optimizer.zero_grad()
        value = loss(p)
        value.backward()
        losses.append(value.item())
        return value

    returned = [optimizer.step(closure).item() for _ in range(calls)]
    return p, optimizer, losses, returned


def test_lbfgs_with_line_search_finds_the_minimum_of_rosenbrock():
    p, _, losses, returned = minimize(mg, [-1.2, 1.0, 0.5], 10, line_search_fn="strong_wolfe")
    np.testing.assert_allclose(p.detach().numpy(), np.ones(3), atol=1e-4)
    assert returned[0] == losses[0] and returned == sorted(returned, reverse=True)


def test_lbfgs_stops_at_the_minimum_of_a_quadratic_function():
    """With as many remembered steps as dimensions the inverse Hessian is exact."""
    scales = mg.tensor([1.0, 4.0], dtype=mg.float64)
    p, optimizer, losses, _ = minimize(
        mg, [3.0, -2.0], 2, lambda p: (scales * p * p).sum(), line_search_fn="strong_wolfe"
    )
    np.testing.assert_allclose(p.detach().numpy(), [0.0, 0.0], atol=1e-4)
    state = optimizer.state[p]
    assert state["func_evals"] == len(losses) < 20


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 1e-3, "max_iter": 8},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "history_size": 2, "max_iter": 7, "max_eval": 9, "lr": 0.5},
        {"line_search_fn": "strong_wolfe", "tolerance_grad": 1.0},
        {"lr": 1e-3, "tolerance_change": 1e-2},
    ],
    ids=str,
)
def test_lbfgs_goes_where_pytorch_goes(options):
    torch = pytest.importorskip("torch")
    (p, ours, losses, _), (q, theirs, their_losses, _) = (
        minimize(library, [-1.2, 1.0, 0.5, 2.0], 3, **options) for library in (mg, torch)
    )
    np.testing.assert_allclose(losses, their_losses, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-7)
    mine, other = ours.state_dict(), theirs.state_dict()
    assert set(mine["state"][0]) == set(other["state"][0]) and repr(ours) == repr(theirs)
    assert mine["state"][0]["func_evals"] == other["state"][0]["func_evals"]

    ours.load_state_dict(other)  # and goes on from PyTorch's state
    p.data.copy_(mg.tensor(q.detach().numpy()))

    def closure(optimizer, p):
        optimizer.zero_grad()
        loss = rosenbrock(p)
        loss.backward()
        return loss

    ours.step(lambda: closure(ours, p))
    theirs.step(lambda: closure(theirs, q))
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-7)


def test_lbfgs_refuses_unknown_line_searches():
    with pytest.raises(RuntimeError, match="strong_wolfe"):
        minimize(mg, [1.0, 2.0], 1, line_search_fn="armijo")


# --- PyTorch's database of optimizers --------------------------------------------------------------------------------


def _database():
    if importlib.util.find_spec("torch") is None:
        return []
    from torch.testing._internal.common_optimizers import optim_db

    return [info for info in optim_db if hasattr(optim, info.optim_cls.__name__)]


def converted(x):
    """Settings of PyTorch's as ours."""
    if isinstance(x, (list, tuple)):
        return type(x)(map(converted, x))
    return mg.tensor(x.numpy()) if hasattr(x, "numpy") else x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("info", _database(), ids=lambda info: info.optim_cls.__name__)
def test_every_input_of_the_database(info, dtype):
    torch = pytest.importorskip("torch")
    for inputs in info.optim_inputs_func(device="cpu", dtype=getattr(torch, dtype)):
        runs = []
        for library, options in ((mg, {k: converted(v) for k, v in inputs.kwargs.items()}), (torch, inputs.kwargs)):
            params = [library.tensor(a, requires_grad=True) for a in start(3, dtype)]
            optimizer = getattr(library.optim, info.optim_cls.__name__)(params, **options)
            if info.step_requires_closure:

                def closure(params=params, optimizer=optimizer):
                    optimizer.zero_grad()
                    loss = sum(((p - 1) ** 2).sum() + ((p - 1) ** 4).sum() for p in params)
                    loss.backward()
                    return loss

                optimizer.step(closure)
            else:
                train(library, params, optimizer, 10)
            runs.append((params, optimizer.state_dict()))
        (ours, our_dict), (theirs, their_dict) = runs
        for p, q in zip(ours, theirs, strict=True):
            tolerance = 1e-4 if dtype == "float32" and info.step_requires_closure else 64 * np.finfo(dtype).eps
            np.testing.assert_allclose(
                p.detach().numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance, err_msg=inputs.desc
            )
        assert {k: set(v) for k, v in our_dict["state"].items()} == {k: set(v) for k, v in their_dict["state"].items()}
        for group, their_group in zip(our_dict["param_groups"], their_dict["param_groups"], strict=True):
            assert {k: str(v) for k, v in group.items()} == {k: str(v) for k, v in their_group.items()}
