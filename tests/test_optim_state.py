"""Optimizers: saving and resuming, hooks, subclasses."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest

import micrograd_cn as mg
from micrograd_cn import optim
from tests.optimizers import COUNTERS, every_option, leaf, start, train

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
