"""Twenty short training runs, each written once and run on PyTorch and here: the losses agree to 1e-5 relative."""

from __future__ import annotations

import itertools

import pytest

import micrograd_cn

torch = pytest.importorskip("torch", reason="the reference of these comparisons is PyTorch")

STEPS = 15


def mlp(t, *sizes, activation=None, last=None):
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [t.nn.Linear(a, b), (activation or t.nn.ReLU)()]
    return t.nn.Sequential(*layers[:-1], *([last] if last is not None else []))


def data(t, n=24, d=5):
    return t.randn(n, d)


def train(t, model, x, y, loss_of, optimizer):
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def regression(loss, activation, make_optimizer):
    def run(t):
        x = data(t)
        y = (x * t.arange(1.0, 6.0)).sum(1, keepdim=True).sin()
        model = mlp(t, 5, 8, 1, activation=getattr(t.nn, activation))
        return train(t, model, x, y, getattr(t.nn, loss)(), make_optimizer(t, model.parameters()))

    return run


def classification(make_optimizer, **options):
    def run(t):
        x, y = data(t), t.randint(0, 4, (24,))
        model = mlp(t, 5, 16, 4)
        here = {k: t.tensor(v) if isinstance(v, list) else v for k, v in options.items()}
        return train(t, model, x, y, t.nn.CrossEntropyLoss(**here), make_optimizer(t, model.parameters()))

    return run


def sgd(**options):
    return lambda t, params: t.optim.SGD(params, **{"lr": 0.05, **options})


def optimizer(name, **options):
    return lambda t, params: getattr(t.optim, name)(params, **options)


def binary_on_logits(t):
    x = data(t)
    y = (x[:, :1] * x[:, 1:2] > 0).float()
    model = mlp(t, 5, 8, 1, activation=t.nn.Tanh)
    return train(
        t, model, x, y, t.nn.BCEWithLogitsLoss(pos_weight=t.tensor([2.0])), t.optim.Adam(model.parameters(), lr=0.02)
    )


def binary_on_probabilities(t):
    x = data(t)
    y = (x[:, :1] > 0).float()
    model = mlp(t, 5, 8, 1, last=t.nn.Sigmoid())
    return train(t, model, x, y, t.nn.BCELoss(), t.optim.SGD(model.parameters(), lr=0.5))


def log_probabilities(t):
    x, y = data(t), t.randint(0, 3, (24,))
    model = mlp(t, 5, 8, 3, last=t.nn.LogSoftmax(dim=1))
    return train(t, model, x, y, t.nn.NLLLoss(), t.optim.RMSprop(model.parameters(), lr=0.01))


def polynomial_by_hand(t):
    x = t.linspace(-3.14, 3.14, 200)
    y = t.sin(x)
    a, b, c, d = (t.randn((), requires_grad=True) for _ in range(4))
    losses = []
    for _ in range(STEPS):
        loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).sum()
        loss.backward()
        with t.no_grad():
            for p in (a, b, c, d):
                p -= 1e-6 * p.grad
                p.grad = None
        losses.append(loss.item())
    return losses


def with_dropout_and_batches(t):
    x, y = data(t, 40), t.randint(0, 3, (40,))
    model = t.nn.Sequential(t.nn.Linear(5, 32), t.nn.GELU(), t.nn.Dropout(0.3), t.nn.Linear(32, 3))
    step = t.optim.AdamW(model.parameters(), lr=0.01)
    losses = []
    for _ in range(4):
        order = t.randperm(40)
        for part in order.split(16):
            step.zero_grad()
            loss = t.nn.functional.cross_entropy(model(x[part]), y[part])
            loss.backward()
            step.step()
            losses.append(loss.item())
    return losses


def accumulated_gradients(t):
    x, y = data(t), t.randn(24, 1)
    model = mlp(t, 5, 8, 1)
    step = t.optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    losses = []
    for _ in range(STEPS):
        step.zero_grad()
        for a, b in zip(x.chunk(3), y.chunk(3)):  # noqa: B905 (as scripts write it)
            loss = t.nn.functional.mse_loss(model(a), b) / 3
            loss.backward()
            losses.append(loss.item())
        step.step()
    return losses


def shared_weights_in_a_module_of_its_own(t):
    class Net(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = t.nn.Linear(5, 5)
            self.scale = t.nn.Parameter(t.ones(1))

        def forward(self, x):
            for _ in range(3):
                x = t.tanh(self.inner(x)) * self.scale + x
            return x

    x = data(t)
    model = Net()
    return train(t, model, x, -x, t.nn.MSELoss(), t.optim.Adam(model.parameters(), lr=0.01))


def penalty_on_the_gradient(t):
    x = data(t)
    model = mlp(t, 5, 8, 1, activation=t.nn.Tanh)
    step = t.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(STEPS):
        inputs = x.clone().requires_grad_(True)
        out = model(inputs)
        (slope,) = t.autograd.grad(out.sum(), inputs, create_graph=True)
        loss = (out - 1).pow(2).mean() + (slope.norm(dim=1) - 1).pow(2).mean()
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    return losses


def two_parameter_groups(t):
    x, y = data(t), t.randn(24, 1)
    model = mlp(t, 5, 8, 1)
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.5, "weight_decay": 0.1}]
    return train(t, model, x, y, t.nn.L1Loss(), t.optim.SGD(groups, lr=0.01, momentum=0.9))


def in_float64(t):
    x, y = data(t).double(), t.randn(24, 1).double()
    model = mlp(t, 5, 8, 1, activation=t.nn.Softplus).double()
    return train(t, model, x, y, t.nn.MSELoss(reduction="sum"), t.optim.SGD(model.parameters(), lr=0.001))


RUNS = {
    "MSE, ReLU, SGD": regression("MSELoss", "ReLU", sgd()),
    "MSE, Tanh, momentum": regression("MSELoss", "Tanh", sgd(momentum=0.9)),
    "MSE, Sigmoid, Nesterov": regression("MSELoss", "Sigmoid", sgd(momentum=0.9, nesterov=True)),
    "L1, LeakyReLU, weight decay": regression("L1Loss", "LeakyReLU", sgd(weight_decay=0.1)),
    "MSE, GELU, Adam": regression("MSELoss", "GELU", optimizer("Adam", lr=0.01)),
    "MSE, Softplus, AdamW": regression("MSELoss", "Softplus", optimizer("AdamW", lr=0.01, weight_decay=0.1)),
    "L1, Tanh, RMSprop centred": regression(
        "L1Loss", "Tanh", optimizer("RMSprop", lr=0.01, centered=True, momentum=0.5)
    ),
    "cross entropy, SGD": classification(sgd()),
    "cross entropy, weights, Adam": classification(
        optimizer("Adam", lr=0.01, amsgrad=True), weight=[1.0, 2.0, 0.5, 1.0]
    ),
    "cross entropy, smoothing": classification(sgd(momentum=0.5), label_smoothing=0.1, ignore_index=2),
    "BCE with logits, positive weight": binary_on_logits,
    "BCE": binary_on_probabilities,
    "NLL of LogSoftmax": log_probabilities,
    "polynomial by hand": polynomial_by_hand,
    "dropout and mini-batches": with_dropout_and_batches,
    "accumulated gradients": accumulated_gradients,
    "shared weights": shared_weights_in_a_module_of_its_own,
    "gradient penalty": penalty_on_the_gradient,
    "two parameter groups": two_parameter_groups,
    "float64": in_float64,
}


@pytest.mark.parametrize("name", RUNS)
def test_losses_equal_those_of_pytorch(name):
    histories = []
    for t in (torch, micrograd_cn):
        t.manual_seed(42)
        histories.append(RUNS[name](t))
    reference, ours = histories
    assert len(set(reference)) > 3, "the run should learn something"
    assert ours == pytest.approx(reference, rel=1e-5)


def test_there_are_twenty_runs():
    assert len(RUNS) == 20
