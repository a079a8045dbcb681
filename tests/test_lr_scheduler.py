"""Learning rate schedules: shapes that are known, resuming, warnings, and PyTorch's rates to the last digit."""

from __future__ import annotations

import copy
import gc
import warnings
import weakref

import numpy as np
import pytest

import micrograd_cn as mg

pytestmark = pytest.mark.filterwarnings("ignore:The epoch parameter", "ignore:Seems like", "ignore:Detected call")


def sgd(library, lr=0.05, second=0.02, **options):
    """An optimizer with two groups."""
    a, b = library.tensor([1.0, 2.0], requires_grad=True), library.tensor([1.0], requires_grad=True)
    return library.optim.SGD([{"params": [a]}, {"params": [b], "lr": second}], lr=lr, momentum=0.9, **options)


def adam(library, lr=0.05, second=0.02):
    a, b = library.tensor([1.0, 2.0], requires_grad=True), library.tensor([1.0], requires_grad=True)
    return library.optim.Adam([{"params": [a]}, {"params": [b], "lr": second}], lr=lr)


def run(optimizer, scheduler, steps):
    """The rate of the first group after each step, the first included."""
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        rates.append(scheduler.get_last_lr()[0])
    return rates


# --- known shapes ----------------------------------------------------------------------------------------------------

S = mg.optim.lr_scheduler


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: S.StepLR(o, 2, 0.1), [1, 1, 0.1, 0.1, 0.01]),
        (lambda o: S.MultiStepLR(o, [1, 3, 3], 0.5), [1, 0.5, 0.5, 0.125, 0.125]),
        (lambda o: S.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125, 0.0625]),
        (lambda o: S.ConstantLR(o, 0.25, 3), [0.25, 0.25, 0.25, 1, 1]),
        (lambda o: S.LinearLR(o, 0.5, 1.0, 2), [0.5, 0.75, 1, 1, 1]),
        (lambda o: S.PolynomialLR(o, 4, 2.0), [1, 9 / 16, 4 / 16, 1 / 16, 0]),
        (lambda o: S.CosineAnnealingLR(o, 2), [1, 0.5, 0, 0.5, 1]),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 2), [1, 0.5, 1, 0.5, 1]),
        (lambda o: S.LambdaLR(o, lambda step: 1 / (1 + step)), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]),
        (lambda o: S.MultiplicativeLR(o, lambda step: 1 / step), [1, 1, 1 / 2, 1 / 6, 1 / 24]),
        (lambda o: S.CyclicLR(o, 0, 1, 2, cycle_momentum=False), [0, 0.5, 1, 0.5, 0]),
        (lambda o: S.OneCycleLR(o, 1, 5, pct_start=0.4, anneal_strategy="linear"), [0.04, 1, 0.66667, 0.33333, 4e-6]),
        (
            lambda o: S.SequentialLR(o, [S.ConstantLR(o, 0.5, 9), S.ExponentialLR(o, 0.1)], [2]),
            [0.5, 0.5, 1, 0.1, 0.01],
        ),
        (lambda o: S.ChainedScheduler([S.ConstantLR(o, 0.5, 2), S.ExponentialLR(o, 0.1)]), [0.5, 0.05, 0.01, 0.001]),
    ],
)
def test_known_shapes(make, expected):
    optimizer = sgd(mg, 1.0)
    scheduler = make(optimizer)
    np.testing.assert_allclose(run(optimizer, scheduler, len(expected) - 1), expected, rtol=1e-4, atol=1e-15)


def test_plateau_waits_for_its_patience_and_cools_down():
    optimizer = sgd(mg, 1.0)
    scheduler = S.ReduceLROnPlateau(optimizer, patience=1, factor=0.5, cooldown=1, min_lr=[0.3, 0.0])
    rates = []
    for loss in (3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0):
        scheduler.step(mg.tensor(loss))
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1, 1, 1, 0.5, 0.5, 0.5, 0.3, 0.3, 0.3]
    assert scheduler.best == 2.0


def test_cycles_move_the_momentum_against_the_rate():
    for make, read in ((sgd, lambda group: group["momentum"]), (adam, lambda group: group["betas"][0])):
        optimizer = make(mg)
        scheduler = S.CyclicLR(optimizer, 0.1, 0.3, 2, base_momentum=0.8, max_momentum=0.9)
        momenta = [read(optimizer.param_groups[0])]
        for _ in range(4):
            optimizer.step()
            scheduler.step()
            momenta.append(read(optimizer.param_groups[0]))
        np.testing.assert_allclose(momenta, [0.9, 0.85, 0.8, 0.85, 0.9])
    with pytest.raises(ValueError, match="must support momentum"):
        S.CyclicLR(mg.optim.Adagrad([mg.ones(1, requires_grad=True)]), 0.1, 0.3)


def test_rates_that_are_tensors_are_written():
    lr = mg.tensor(1.0)
    optimizer = sgd(mg, lr)
    scheduler = S.StepLR(optimizer, 1, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr and lr.item() == 0.5
    assert scheduler.base_lrs[0].item() == 1.0 and scheduler.get_last_lr()[0] is not lr


def test_own_schedules_and_optimizers():
    class Halves(S.LRScheduler):
        def get_lr(self):
            return [base / 2**self.last_epoch for base in self.base_lrs]

    optimizer = sgd(mg, 1.0)
    assert run(optimizer, Halves(optimizer), 3) == [1, 0.5, 0.25, 0.125]
    with pytest.raises(TypeError, match="int is not an Optimizer"):
        Halves(5)
    with pytest.raises(NotImplementedError):
        S.LRScheduler(optimizer)


def test_schedules_do_not_keep_optimizers_alive():
    optimizer = sgd(mg)
    scheduler = S.StepLR(optimizer, 1)
    gone = weakref.ref(optimizer)
    gc.disable()
    try:
        del scheduler, optimizer
        assert gone() is None
    finally:
        gc.enable()


# --- warnings and errors ---------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("always")
def test_the_order_of_steps_is_checked(T):
    optimizer = sgd(T)
    scheduler = T.optim.lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"call of `lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        scheduler.step()
    optimizer = sgd(T)
    scheduler = T.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step = lambda: None
    with pytest.warns(UserWarning, match="has been overridden"):
        scheduler.step()
    optimizer = sgd(T)
    optimizer.register_step_post_hook(lambda *_: None)
    scheduler = T.optim.lr_scheduler.StepLR(optimizer, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        scheduler.step()
        scheduler.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(5)
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()


def _errors(lib):
    s, o = lib.optim.lr_scheduler, sgd(lib)
    other, bare = sgd(lib), lib.optim.Adagrad([lib.ones(1, requires_grad=True)])
    plateau = s.ReduceLROnPlateau(o)
    step = s.StepLR(o, 1)
    return {
        "no optimizer": lambda: s.StepLR(5, 1),
        "no optimizer for plateau": lambda: s.ReduceLROnPlateau(5),
        "no optimizer for cycles": lambda: s.CyclicLR(5, 0, 1),
        "no optimizer for one cycle": lambda: s.OneCycleLR(5, 1, 5),
        "going on": lambda: s.StepLR(other, 1, last_epoch=3),
        "lambdas": lambda: s.LambdaLR(o, [lambda e: 1] * 3),
        "no lambda": lambda: s.MultiplicativeLR(o, 5),
        "constant": lambda: s.ConstantLR(o, 1.5),
        "constant below": lambda: s.ConstantLR(o, -0.5),
        "linear start": lambda: s.LinearLR(o, 0),
        "linear end": lambda: s.LinearLR(o, 0.5, 2.0),
        "plateau factor": lambda: s.ReduceLROnPlateau(o, factor=1.0),
        "plateau mode": lambda: s.ReduceLROnPlateau(o, mode="up"),
        "plateau threshold mode": lambda: s.ReduceLROnPlateau(o, threshold_mode="up"),
        "plateau rates": lambda: s.ReduceLROnPlateau(o, min_lr=[1, 2, 3]),
        "plateau metric": lambda: s.ReduceLROnPlateau(o).step("a"),
        "cyclic mode": lambda: s.CyclicLR(o, 0, 1, mode="up"),
        "cyclic rates": lambda: s.CyclicLR(o, [0], [1]),
        "cyclic momentum": lambda: s.CyclicLR(bare, 0, 1),
        "one cycle": lambda: s.OneCycleLR(o, 1),
        "one cycle steps": lambda: s.OneCycleLR(o, 1, -1),
        "one cycle fraction": lambda: s.OneCycleLR(o, 1, 2.5),
        "one cycle epochs": lambda: s.OneCycleLR(o, 1, epochs=0, steps_per_epoch=3),
        "one cycle pct": lambda: s.OneCycleLR(o, 1, 10, pct_start=2),
        "one cycle strategy": lambda: s.OneCycleLR(o, 1, 10, anneal_strategy="up"),
        "one cycle over": lambda: run(sgd(lib), s.OneCycleLR(o, 1, 3), 5),
        "one cycle momentum": lambda: s.OneCycleLR(bare, 1, 3),
        "restarts": lambda: s.CosineAnnealingWarmRestarts(o, 0),
        "restarts factor": lambda: s.CosineAnnealingWarmRestarts(o, 2, 0),
        "restarts rate": lambda: s.CosineAnnealingWarmRestarts(o, 2, 1, "a"),
        "restarts epoch": lambda: s.CosineAnnealingWarmRestarts(o, 2).step(-1),
        "nothing in sequence": lambda: s.SequentialLR(o, [], []),
        "milestones": lambda: s.SequentialLR(o, [step], [3]),
        "plateau in sequence": lambda: s.SequentialLR(o, [step, plateau], [3]),
        "no schedule in sequence": lambda: s.SequentialLR(o, [5], []),
        "another's in sequence": lambda: s.SequentialLR(other, [step], []),
        "nothing in chain": lambda: s.ChainedScheduler([]),
        "plateau in chain": lambda: s.ChainedScheduler([step, plateau]),
        "another's in chain": lambda: s.ChainedScheduler([step, s.StepLR(other, 1)]),
    }


@pytest.mark.parametrize("what", _errors(mg))
def test_errors_are_of_pytorchs_kind(what):
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        _errors(torch)[what]()
    with pytest.raises(type(theirs.value)):
        _errors(mg)[what]()


@pytest.mark.parametrize("what", _errors(mg))
def test_refused(what):
    with pytest.raises((ValueError, TypeError, KeyError)):
        _errors(mg)[what]()


# --- PyTorch's rates, to the last digit ------------------------------------------------------------------------------


class Decay:
    """A schedule's function that has something to save."""

    def __init__(self):
        self.rate = 0.97

    def __call__(self, step):
        return self.rate**step


def _nested(o, s):
    return s.SequentialLR(o, [s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)], [4])


# How each schedule is made from an optimizer and the module of schedules.
SCHEDULES = {
    "LambdaLR": lambda o, s: s.LambdaLR(o, lambda e: 0.95**e),
    "LambdaLR of groups": lambda o, s: s.LambdaLR(o, [Decay(), lambda e: 1 / (e + 1)]),
    "MultiplicativeLR": lambda o, s: s.MultiplicativeLR(o, lambda e: 0.95),
    "StepLR": lambda o, s: s.StepLR(o, 3, 0.7),
    "MultiStepLR": lambda o, s: s.MultiStepLR(o, [2, 5, 5, 9], 0.7),
    "ConstantLR": lambda o, s: s.ConstantLR(o, 0.3, 4),
    "LinearLR": lambda o, s: s.LinearLR(o, 0.2, 0.7, 13),
    "ExponentialLR": lambda o, s: s.ExponentialLR(o, 0.93),
    "PolynomialLR": lambda o, s: s.PolynomialLR(o, 17, 1.7),
    "CosineAnnealingLR": lambda o, s: s.CosineAnnealingLR(o, 7, 0.001),
    "CosineAnnealingWarmRestarts": lambda o, s: s.CosineAnnealingWarmRestarts(o, 5),
    "CosineAnnealingWarmRestarts growing": lambda o, s: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.001),
    "CyclicLR": lambda o, s: s.CyclicLR(o, 0.01, 0.1, 4),
    "CyclicLR triangular2": lambda o, s: s.CyclicLR(o, [0.01, 0.02], [0.1, 0.2], 4, 7, "triangular2"),
    "CyclicLR exp_range": lambda o, s: s.CyclicLR(o, 0.01, 0.1, 4, None, "exp_range", 0.99, base_momentum=0.7),
    "CyclicLR scale_fn": lambda o, s: s.CyclicLR(
        o, 0.01, 0.1, 4, scale_fn=Decay(), scale_mode="iterations", cycle_momentum=False
    ),
    "OneCycleLR": lambda o, s: s.OneCycleLR(o, 0.3, 210),
    "OneCycleLR three_phase": lambda o, s: s.OneCycleLR(
        o, [0.3, 0.2], None, 21, 10, anneal_strategy="linear", three_phase=True
    ),
    "SequentialLR": lambda o, s: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 100), s.StepLR(o, 3, 0.5)], [10, 60]
    ),
    "SequentialLR nested": lambda o, s: s.SequentialLR(o, [_nested(o, s), s.CosineAnnealingWarmRestarts(o, 10)], [30]),
    "ChainedScheduler": lambda o, s: s.ChainedScheduler([s.CosineAnnealingLR(o, 9), s.StepLR(o, 3, 0.9)], o),
    "ReduceLROnPlateau": lambda o, s: s.ReduceLROnPlateau(o),
    "ReduceLROnPlateau max": lambda o, s: s.ReduceLROnPlateau(
        o, "max", 0.5, 2, 0.01, "abs", cooldown=3, min_lr=[0.001, 0.002]
    ),
}


def plain(x):
    """Numbers in place of tensors, lists in place of tuples."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    return x.item() if hasattr(x, "item") else x


def history(library, make, optimizer, tensor, epochs):
    """Rates, groups and final state of 200 steps; after 100 steps all goes on from a saved state."""

    def begin():
        rates = [library.tensor(rate) for rate in (0.05, 0.02)] if tensor else (0.05, 0.02)
        made = optimizer(library, *rates)
        return made, make(made, library.optim.lr_scheduler)

    (made, scheduler), rng, seen = begin(), np.random.default_rng(0), []
    for i in range(200):
        made.step()
        if i == 100:
            saved = copy.deepcopy((made.state_dict(), scheduler.state_dict()))
            made, scheduler = begin()
            made.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
        if hasattr(scheduler, "best"):
            scheduler.step(rng.random() / (1 + i // 10))
        else:
            scheduler.step(*([i * 3 % 60] if epochs else []))
        groups = [{k: v for k, v in group.items() if k != "params"} for group in made.param_groups]
        seen.append(plain([scheduler.get_last_lr(), groups]))
    return seen, plain(scheduler.state_dict())


@pytest.mark.parametrize("tensor", [False, True], ids=["", "tensor"])
@pytest.mark.parametrize("optimizer", [sgd, adam])
@pytest.mark.parametrize("name", SCHEDULES)
def test_same_rates_as_pytorch(name, optimizer, tensor):
    torch = pytest.importorskip("torch")
    ours, theirs = (history(library, SCHEDULES[name], optimizer, tensor, False) for library in (mg, torch))
    for i, (mine, other) in enumerate(zip(ours[0], theirs[0], strict=True)):
        assert mine == other, f"step {i}"
    assert ours[1] == theirs[1]


@pytest.mark.parametrize(
    "name", [n for n in SCHEDULES if not n.startswith(("Sequential", "Chained", "Reduce", "CyclicLR scale"))]
)
def test_same_rates_as_pytorch_for_given_epochs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (history(library, SCHEDULES[name], sgd, False, True) for library in (mg, torch))
    assert ours == theirs


@pytest.mark.parametrize("name", S.__all__)
def test_signatures_and_defaults_as_in_pytorch(name):
    import inspect

    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(getattr(library.optim.lr_scheduler, name)).parameters for library in (mg, torch))
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]
