"""What is measured: each case once, for the table and for pytest-benchmark.

A builder makes the data and the model and returns what is run. Training steps return the loss, which must be the same
for all contestants: they start from the same weights and see the same data.
"""

from __future__ import annotations

import importlib
import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.gpt import gpt
from tests.benchmarks.measure import Bound, Case, Script, Timed

OURS = "micrograd_cn"


def torch_module() -> Any:
    """PyTorch, held to two threads."""
    import torch

    torch.set_num_threads(2)
    return torch


def our_module() -> Any:
    """micrograd_cn under the name that scripts give it."""
    import micrograd_cn

    return micrograd_cn


LIBRARIES: dict[str, Callable[[], Any]] = {OURS: our_module, "PyTorch": torch_module}


# --- training steps --------------------------------------------------------------------------------------------------


def weights(sizes: list[int]) -> list[np.ndarray]:
    """Weights and biases of a network of linear layers, as PyTorch would draw them."""
    rng = np.random.default_rng(1)
    shapes = [shape for n, m in itertools.pairwise(sizes) for shape in ((m, n), (m,))]
    bounds = [1 / np.sqrt(n) for n in sizes[:-1] for _ in range(2)]
    return [rng.uniform(-b, b, shape).astype(np.float32) for b, shape in zip(bounds, shapes, strict=True)]


def trainer(
    library: Any, model: Any, loss_function: Any, initial: list[np.ndarray], x: Any, y: Any, method: str = "SGD"
) -> Timed:
    """A training step as everyone writes it, in PyTorch or here, with the optimizer of this name."""
    with library.no_grad():
        for parameter, values in zip(model.parameters(), initial, strict=True):
            parameter.copy_(library.tensor(values))
    optimizer = getattr(library.optim, method)(model.parameters(), lr=0.01 if method == "SGD" else 1e-4)
    inputs, targets = library.tensor(x), library.tensor(y)

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_function(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return Timed(step)


XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([[0], [1], [1], [0]], np.float32)


def xor(library: Any) -> Timed:
    """The 2-2-1 network of the XOR tutorial."""
    nn = library.nn
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU())
    return trainer(library, model, nn.MSELoss(), weights([2, 2, 1]), *XOR)


def xor_by_hand() -> Timed:
    """The same step in NumPy."""
    w1, b1, w2, b2 = weights([2, 2, 1])
    x, y = XOR
    lr = np.float32(0.01)

    def step() -> Any:
        z1 = x @ w1.T + b1
        h = np.maximum(z1, 0)
        z2 = h @ w2.T + b2
        error = np.maximum(z2, 0) - y
        loss = np.mean(error * error)
        g2 = error * np.float32(2 / error.size) * (z2 > 0)
        g1 = (g2 @ w2) * (z1 > 0)
        for parameter, gradient in ((w1, g1.T @ x), (b1, g1.sum(0)), (w2, g2.T @ h), (b2, g2.sum(0))):
            parameter -= lr * gradient
        return loss

    return Timed(step)


def digits(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """A batch in the shape of MNIST, of noise."""
    rng = np.random.default_rng(0)
    return rng.random((batch, 784), dtype=np.float32), rng.integers(0, 10, batch)


def classifier(library: Any, batch: int, method: str = "SGD") -> Timed:
    """The 784-128-10 network of the MNIST tutorials."""
    nn = library.nn
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    return trainer(library, model, nn.CrossEntropyLoss(), weights([784, 128, 10]), *digits(batch), method)


def classifier_by_hand(batch: int) -> Timed:
    """The same step in NumPy."""
    w1, b1, w2, b2 = weights([784, 128, 10])
    x, y = digits(batch)
    rows = np.arange(batch)
    lr = np.float32(0.01)

    def step() -> Any:
        z = x @ w1.T + b1
        h = np.maximum(z, 0)
        scores = h @ w2.T + b2
        scores -= scores.max(1, keepdims=True)
        p = np.exp(scores)
        total = p.sum(1, keepdims=True)
        loss = np.mean(np.log(total[:, 0]) - scores[rows, y])
        p /= total
        p[rows, y] -= 1
        p /= batch
        g = p @ w2
        g *= z > 0
        for parameter, gradient in ((w1, g.T @ x), (b1, g.sum(0)), (w2, p.T @ h), (b2, p.sum(0))):
            parameter -= lr * gradient
        return loss

    return Timed(step)


def convolutional(library: Any, model: Any) -> Timed:
    """A training step of a network of convolutions on 64 images in the shape of MNIST."""
    rng = np.random.default_rng(1)
    shapes = [tuple(p.shape) for p in model.parameters()]
    initial = [rng.uniform(-1, 1, s).astype(np.float32) / max(1, np.prod(s[1:])) ** 0.5 / 2 for s in shapes]
    x, y = digits(64)
    return trainer(library, model, library.nn.CrossEntropyLoss(), initial, x.reshape(64, 1, 28, 28), y)


def lenet(library: Any, activation: str, pool: str) -> Timed:
    """LeNet, as the books have it today. LeCun et al., 1998."""
    nn = library.nn
    act, pooling = getattr(nn, activation), getattr(nn, pool)
    features = nn.Conv2d(1, 6, 5, padding=2), act(), pooling(2), nn.Conv2d(6, 16, 5), act(), pooling(2)
    classes = nn.Linear(400, 120), act(), nn.Linear(120, 84), act(), nn.Linear(84, 10)
    return convolutional(library, nn.Sequential(*features, nn.Flatten(), *classes))


def cnn(library: Any) -> Timed:
    """The two convolutions of the MNIST examples, with a linear layer behind."""
    nn = library.nn
    features = nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)
    return convolutional(library, nn.Sequential(*features, nn.Flatten(), nn.Linear(64 * 12 * 12, 10)))


def recurrent(library: Any) -> Timed:
    """An LSTM over 35 steps of 20 sequences of width 128, with a loss on all outputs."""
    rng = np.random.default_rng(0)
    model = library.nn.LSTM(128, 128)
    initial = [rng.uniform(-0.09, 0.09, tuple(p.shape)).astype(np.float32) for p in model.parameters()]
    x, y = rng.standard_normal((2, 35, 20, 128), dtype=np.float32)
    squares = library.nn.MSELoss()
    return trainer(library, model, lambda output, target: squares(output[0], target), initial, x, y)


def epoch(library: Any) -> Timed:
    """Going once through 60,000 rows of 784 numbers, shuffled, in batches of 64."""
    data = importlib.import_module(f"{library.__name__}.utils.data")
    rows, labels = library.zeros(60_000, 784), library.zeros(60_000, dtype=library.int64)
    loader = data.DataLoader(data.TensorDataset(rows, labels), batch_size=64, shuffle=True)
    return Timed(lambda: sum(len(y) for _, y in loader))


def moons(value: Any, network: Any) -> Timed:
    """micrograd's demo: a 2-16-16-1 network of single numbers on 100 points, with the hinge loss and weight decay."""
    rng = np.random.default_rng(0)
    angle = np.tile(rng.uniform(0, np.pi, 50), 2)
    side = np.repeat([1.0, -1.0], 50)
    points = np.stack([np.cos(angle) * side + (side < 0), np.sin(angle) * side + (side < 0) / 2], 1)
    points, targets = (points + rng.normal(0, 0.1, points.shape)).tolist(), side.tolist()
    random.seed(1337)
    model = network(2, [16, 16, 1])

    def step() -> Any:
        scores = [model([value(a), value(b)]) for a, b in points]
        losses = [(1 - target * score).relu() for target, score in zip(targets, scores, strict=True)]
        loss = sum(losses) * (1 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad
        return loss.data

    return Timed(step)


def our_values() -> tuple[Any, Any]:
    """``Value`` and ``MLP`` from here."""
    from micrograd_cn.nn.scalar import MLP

    return our_module().Value, MLP


def micrograd_values() -> tuple[Any, Any]:
    """``Value`` and ``MLP`` from micrograd."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    return Value, MLP


# --- one operation ---------------------------------------------------------------------------------------------------


def add_tensors(library: Any) -> Timed:
    """Record the sum of two tensors of one number."""
    a, b = library.tensor(1.0, requires_grad=True), library.tensor(2.0, requires_grad=True)
    return Timed(lambda: a + b)


def add_arrays() -> Timed:
    """NumPy's own call."""
    a, b, add = np.array(1.0, np.float32), np.array(2.0, np.float32), np.add
    return Timed(lambda: add(a, b))


def add_values(value: Any) -> Timed:
    """Record the sum of two values."""
    a, b = value(1.0), value(2.0)
    return Timed(lambda: a + b)


def chain(start: Callable[[], Any], length: int) -> Timed:
    """Backward over a chain of operations, by operation."""

    def build() -> Any:
        x = start()
        for _ in range(length):
            x = x * 1.0000001
        return x

    return Timed(lambda x: x.backward(), build, length)


def tensor_start() -> Any:
    """The leaf under a chain of tensors."""
    return our_module().tensor(1.0, requires_grad=True)


def value_start() -> Any:
    """The leaf under a chain of values."""
    return our_module().Value(1.0)


# --- proofs of derivatives -------------------------------------------------------------------------------------------


def smooth(x: Any) -> Any:
    """A function of several operations, element by element."""
    return (x.sin() * x).exp()


def proof() -> Timed:
    """`check_gradients` of it, both orders."""
    from micrograd_cn.testing import check_gradients

    return Timed(lambda: check_gradients(smooth, (3, 4), max_examples=100))


def checks(library: Any) -> Timed:
    """The same with what PyTorch offers for it: `gradcheck` and `gradgradcheck` at as many points."""
    points = np.random.default_rng(0).uniform(-4, 4, (100, 3, 4))

    def run() -> None:
        for point in points:
            x = library.tensor(point, requires_grad=True)
            library.autograd.gradcheck(smooth, x)
            library.autograd.gradgradcheck(smooth, x, atol=1e-3)

    return Timed(run)


# --- pictures --------------------------------------------------------------------------------------------------------


def picture(steps: int) -> Timed:
    """The graph of a loop over values, four nodes a step, as SVG; Graphviz has been loaded before."""
    from micrograd_cn import viz

    start = value_start()
    x = start
    for _ in range(steps):
        x = (x * start).tanh()
    viz.draw(start).pipe()
    return Timed(lambda: viz.draw(x).pipe())


# --- whole programs --------------------------------------------------------------------------------------------------


def importing(package: str) -> Script:
    """Seconds that an import takes in a fresh Python."""
    return Script(f"import time; t = time.perf_counter(); import {package}; print(time.perf_counter() - t)")


def memory(name: str, growth: bool, network: str, *settings: Any) -> Script:
    """The largest memory of a program that trains a network, or how far it grows once all is set up."""
    LIBRARIES[name]()
    return Script(
        f"from tests.benchmarks.cases import LIBRARIES, {network}\n"
        "from tests.benchmarks.memory import forget_peak, now, peak\n"
        f"step = {network}(LIBRARIES[{name!r}](), *{settings}).call\n"
        f"before = {'forget_peak() or now()' if growth else 0}\n"
        "for _ in range(10): step()\n"
        "print(peak() - before)"
    )


def explanation() -> Timed:
    """`viz.explain` of an input of a 2-10-10-10-10-1 network of values, as text: it reaches the loss on 10^4 paths."""
    from micrograd_cn import Value
    from micrograd_cn.nn.scalar import MLP
    from micrograd_cn.viz import explain

    random.seed(0)
    x = Value(1.0, "x")
    loss = (MLP(2, [10, 10, 10, 10, 1])([x, 2.0]) - 1.0) ** 2
    return Timed(lambda: str(explain(loss, x)))


def _against(name: str, bound: Bound | None, run: Callable[[Any], Timed], by_hand: Callable[[], Timed]) -> Case:
    contestants: dict[str, Any] = {who: lambda load=load: run(load()) for who, load in LIBRARIES.items()}
    contestants["NumPy by hand"] = by_hand
    return Case(name, contestants, {"PyTorch": bound} if bound else {})


CASES = [
    _against("XOR step", Bound(ratio=0.2), xor, xor_by_hand),
    *(
        _against(
            f"784-128-10 step, batch {batch}",
            bound,
            lambda library, batch=batch: classifier(library, batch),
            lambda batch=batch: classifier_by_hand(batch),
        )
        for batch, bound in ((32, Bound(ratio=0.65)), (128, None), (1024, Bound(ratio=0.95)))
    ),
    *(
        Case(
            f"{name} step",
            {who: lambda load=load, build=build: build(load()) for who, load in LIBRARIES.items()},
            {"PyTorch": Bound(ratio=ratio)},
        )
        for name, ratio, build in (
            ("LeNet ReLU", 1.2, lambda library: lenet(library, "ReLU", "MaxPool2d")),
            ("LeNet sigmoid", 1.2, lambda library: lenet(library, "Sigmoid", "AvgPool2d")),
            ("CNN", 1.5, cnn),
        )
    ),
    Case(
        "784-128-10 Adam step, batch 32",
        {who: lambda load=load: classifier(load(), 32, "Adam") for who, load in LIBRARIES.items()},
        {"PyTorch": Bound(ratio=0.6)},
    ),
    Case(
        "GPT step",
        {who: lambda load=load: gpt(load()) for who, load in LIBRARIES.items()},
        {"PyTorch": Bound(ratio=1.5)},
    ),
    Case(
        "LSTM 128-128 step, 35 steps of 20",
        {who: lambda load=load: recurrent(load()) for who, load in LIBRARIES.items()},
        {"PyTorch": Bound(ratio=1.0)},
    ),
    Case(
        "DataLoader, 60,000 rows",
        {who: lambda load=load: epoch(load()) for who, load in LIBRARIES.items()},
        {"PyTorch": Bound(ratio=0.5)},
    ),
    Case(
        "moons step on values",
        {OURS: lambda: moons(*our_values()), "micrograd": lambda: moons(*micrograd_values())},
        {"micrograd": Bound(ratio=0.33)},
    ),
    Case(
        "add two tensors",
        {**{who: lambda load=load: add_tensors(load()) for who, load in LIBRARIES.items()}, "np.add": add_arrays},
        {"np.add": Bound(extra=1.5e-6)},
    ),
    Case(
        "add two values",
        {OURS: lambda: add_values(our_values()[0]), "micrograd": lambda: add_values(micrograd_values()[0])},
    ),
    *(
        Case(
            f"backward a node, chain of 10^{power} {what}",
            {
                OURS: lambda start=start, power=power: chain(start, 10**power),
                "10^3": lambda start=start: chain(start, 10**3),
            },
            {"10^3": Bound(ratio=1.3)},
        )
        for what, start in (("tensors", tensor_start), ("values", value_start))
        for power in (4, 5, 6)
    ),
    Case(
        "proof of both derivatives, 100 examples of 3×4",
        {
            OURS: proof,
            **{f"gradcheck of {who}": lambda load=load: checks(load()) for who, load in LIBRARIES.items()},
        },
        {"gradcheck of PyTorch": Bound(ratio=1.0)},
        rounds=5,
    ),
    Case("explain a weight with 10^4 paths", {OURS: explanation}),
    Case("draw 1,000 nodes", {OURS: lambda: picture(250)}, rounds=5),
    Case("draw 10,000 nodes, folded", {OURS: lambda: picture(2500)}, rounds=5),
    Case(
        "import",
        {OURS: lambda: importing("micrograd_cn"), "numpy": lambda: importing("numpy")},
        {"numpy": Bound(ratio=1.5)},
        rounds=15,
    ),
    Case(
        "peak memory, batch 1024",
        {who: lambda who=who: memory(who, False, "classifier", 1024) for who in LIBRARIES},
        {"PyTorch": Bound(ratio=1.0)},
        unit="B",
        rounds=3,
    ),
    Case(
        "growth of memory in training, batch 1024",
        {who: lambda who=who: memory(who, True, "classifier", 1024) for who in LIBRARIES},
        unit="B",
        rounds=3,
    ),
    Case(
        "peak memory of the CNN",
        {who: lambda who=who: memory(who, False, "cnn") for who in LIBRARIES},
        {"PyTorch": Bound(ratio=1.5)},
        unit="B",
        rounds=3,
    ),
    Case(
        "growth of memory in training the CNN",
        {who: lambda who=who: memory(who, True, "cnn") for who in LIBRARIES},
        {"PyTorch": Bound(ratio=1.5)},
        unit="B",
        rounds=3,
    ),
]
