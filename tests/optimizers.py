"""What the tests of optimizers share: every optimizer with its options, parameters, and a training of a few steps."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_cn as mg

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
