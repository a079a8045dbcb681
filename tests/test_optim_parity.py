"""Optimizers: PyTorch's numbers, for every option, for L-BFGS, and over its own database."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import micrograd_cn as mg
from micrograd_cn import optim
from tests.optimizers import every_option, leaf, start, train

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
