"""The data of the tutorials: small sets to learn from, the same for the same seed and apart from the random stream.

Each function returns ``(x, y)``: x float32 ``(n, features)`` and y float32 ``(n, 1)``; only `digits` has int64 labels
``(n,)``. What is drawn at random comes in random order, so that a slice of it is a fair sample.
"""

from __future__ import annotations

from itertools import product
from numbers import Integral
from typing import Any

import numpy as np

from micrograd_cn.creation import tensor
from micrograd_cn.dtypes import float32
from micrograd_cn.extras import need
from micrograd_cn.generator import Generator
from micrograd_cn.tensor import Tensor

# The answers of each gate, in the order of its inputs as binary numbers.
_GATES = {
    "not": (1, 0), "and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "nand": (1, 1, 1, 0), "nor": (1, 0, 0, 0),
    "xor": (0, 1, 1, 0), "xnor": (1, 0, 0, 1),
}  # fmt: skip
_BEANS = {
    "linear": lambda x, draw: 1.2 * x[:, 0] + 0.2 + draw.uniform(-0.1, 0.1),
    "binary": lambda x, _: x > 0.5,
    "hill": lambda x, _: (x > 0.3) & (x < 0.7),
    "two": lambda x, _: x @ [1.5, 1.2] > 1.35,
}
_RADIUS = 5.0  # the Playground's points lie in the square from -5 to 5, and its axes reach 6


def _pair(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Tensors of inputs and of labels, one row a sample."""
    return tensor(x, dtype=float32), tensor(np.reshape(y, (-1, 1)), dtype=float32)


def _chosen(name: str, table: dict[str, Any], what: str) -> Any:
    if not isinstance(name, str) or name.lower() not in table:
        raise ValueError(f"{what} is one of {', '.join(map(repr, table))}, got {name!r}")
    return table[name.lower()]


class _Draw:
    """A random stream from ``seed`` for ``count`` points, of which `half` are of the first class."""

    def __init__(self, count: Any, noise: Any, seed: int) -> None:
        if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
            raise ValueError(f"count is the number of samples, a whole number from 1 on, got {count!r}")
        if not isinstance(noise, (int, float, np.floating)) or not 0 <= noise < float("inf"):
            raise ValueError(f"noise is a finite number from 0 on, got {noise!r}")
        self.count = int(count)
        self.half, self.stream = (self.count + 1) // 2, Generator().manual_seed(seed)

    def uniform(self, low: Any, high: Any, *shape: int) -> Any:
        """Numbers drawn evenly from ``[low, high)``, one a sample unless ``shape`` says otherwise."""
        return low + (high - low) * self.stream.uniform(shape or (self.count,), np.float64)

    def normal(self, std: float) -> Any:
        """Normally distributed pairs, one a sample."""
        return self.stream.normal((self.count, 2), np.dtype(np.float64), 0.0, std)

    def shuffled(self, x: Any, y: Any) -> tuple[Tensor, Tensor]:
        """The samples in random order."""
        order = self.stream.permutation(self.count)
        return _pair(x[order], y[order])

    @property
    def first(self) -> Any:
        """Which samples are of the first class: the first half."""
        return np.arange(self.count) < self.half

    def along(self, end: bool) -> Any:
        """How far each sample stands along its class, from 0 to 1; the last one stands at 1 if ``end``."""
        sizes = (self.half, self.count - self.half)
        return np.concatenate([np.linspace(0, 1, size, endpoint=end) for size in sizes])


def gates(name: str) -> tuple[Tensor, Tensor]:
    """The truth table of a logic gate: x ``(4, 2)`` and y ``(4, 1)``; of NOT, ``(2, 1)`` and ``(2, 1)``.

    Args:
        name: "and", "or", "nand", "nor", "xor", "xnor" or "not", in capitals or not.

    Raises:
        ValueError: for another name.
    """
    answers = _chosen(name, _GATES, "a gate")
    return _pair(list(product((0, 1), repeat=len(answers) // 2)), answers)


def beans(kind: str, count: int = 100, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Beans by size, from 0 to 1, and how poisonous they are.

    ======== ================================================================== ==========
    kind     what y is                                                          x
    ======== ================================================================== ==========
    "linear" 1.2 x + 0.2, give or take 0.1: the bean of 0.4 has 0.68 on average ``(n, 1)``
    "binary" 1 for the large beans, x > 0.5                                     ``(n, 1)``
    "hill"   low, high, low: 1 for the middle ones, 0.3 < x < 0.7               ``(n, 1)``
    "two"    1 where 1.5 size + 1.2 depth of colour > 1.35; a line divides them ``(n, 2)``
    ======== ================================================================== ==========

    Raises:
        ValueError: for another kind, or a count below 1.
    """
    rule, draw = _chosen(kind, _BEANS, "a kind of beans"), _Draw(count, 0, seed)
    x = draw.uniform(0, 1, count, 2 if kind == "two" else 1)
    return _pair(x, rule(x, draw))


def people() -> tuple[Tensor, Tensor]:
    """Alice, Bob, Charlie and Diana: weight less 135 lb and height less 66 in, ``(4, 2)``; 1 for the women, ``(4, 1)``.

    Source: V. Zhou, "Machine Learning for Beginners: An Introduction to Neural Networks" (2019).
    """
    return _pair([(-2, -1), (25, 6), (17, 4), (-15, -6)], (1, 0, 0, 1))


def circle(count: int = 500, noise: float = 0.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A disc of radius 2.5 (y = 1) inside of a ring of radii 3.5 to 5 (y = 0), as the TensorFlow Playground makes it.

    Args:
        count: of samples, half of them in the disc.
        noise: any number from 0 on (the Playground goes to 0.5): the label is that of the point moved by up to
            ``5 * noise`` in x and in y.
        seed: of the stream that they are drawn from.

    Raises:
        ValueError: for a count that is no whole number from 1 on, or a noise that is negative or not finite.

    Source: https://github.com/tensorflow/playground (dataset.ts), as for `xor`, `gauss` and `spiral`.
    """
    draw = _Draw(count, noise, seed)
    radius = draw.uniform(np.where(draw.first, 0, 0.7 * _RADIUS), np.where(draw.first, 0.5 * _RADIUS, _RADIUS))
    angle = draw.uniform(0, 2 * np.pi)
    x = (radius * np.array([np.sin(angle), np.cos(angle)])).T
    moved = x + noise * draw.uniform(-_RADIUS, _RADIUS, count, 2)
    return draw.shuffled(x, np.linalg.norm(moved, axis=1) < 0.5 * _RADIUS)


def xor(count: int = 500, noise: float = 0.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Four squares around the axes, 0.3 away from them; y is 1 where x1 and x2 are of one sign, as in the Playground.

    Arguments and errors are those of `circle`. (The gate is the other way round: `gates` ("xor") says 1 where the
    inputs differ.)
    """
    draw = _Draw(count, noise, seed)
    x = draw.uniform(-_RADIUS, _RADIUS, count, 2)
    x += np.where(x > 0, 0.3, -0.3)
    moved = x + noise * draw.uniform(-_RADIUS, _RADIUS, count, 2)
    return draw.shuffled(x, moved.prod(axis=1) >= 0)


def gauss(count: int = 500, noise: float = 0.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two clouds of points around (2, 2) (y = 1) and (-2, -2) (y = 0), as the TensorFlow Playground makes them.

    Arguments and errors are those of `circle`, but ``noise`` widens the clouds: their variance is ``0.5 + 7 * noise``.
    """
    draw = _Draw(count, noise, seed)
    centre = np.where(draw.first, 2, -2)[:, None]
    return draw.shuffled(centre + draw.normal((0.5 + 7 * noise) ** 0.5), draw.first)


def spiral(count: int = 500, noise: float = 0.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two arms of 1.75 turns from the origin to radius 5, half a turn apart, as the TensorFlow Playground makes them.

    Arguments and errors are those of `circle`, but ``noise`` moves each point by up to so much in x and in y.
    """
    draw = _Draw(count, noise, seed)
    along = draw.along(end=False)
    angle = 1.75 * 2 * np.pi * along + np.where(draw.first, 0, np.pi)
    x = (_RADIUS * along * np.array([np.sin(angle), np.cos(angle)])).T
    return draw.shuffled(x + noise * draw.uniform(-1, 1, count, 2), draw.first)


def moons(count: int = 100, noise: float = 0.1, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two half circles of radius 1 that reach into one another: the upper one (y = 0), the lower one (y = 1).

    Arguments and errors are those of `circle`, but ``noise`` is the standard deviation of what is added to each
    coordinate. The shape is that of scikit-learn's ``make_moons``.
    """
    draw = _Draw(count, noise, seed)
    angle, sign = np.pi * draw.along(end=True), np.where(draw.first, 1, -1)
    x = np.array([np.cos(angle), np.sin(angle)]).T * sign[:, None] + np.where(draw.first[:, None], 0, (1, 0.5))
    return draw.shuffled(x + draw.normal(noise), ~draw.first)


def digits() -> tuple[Tensor, Tensor]:
    """Scikit-learn's handwritten digits: x ``(1797, 64)``, the 8 x 8 grey values over 16; y ``(1797,)``, int64.

    Raises:
        ImportError: if scikit-learn (the extra "digits") is not installed.

    Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository.
    """
    found = need("sklearn.datasets", "digits").load_digits()
    return tensor(found.data / 16, dtype=float32), tensor(found.target.astype(np.int64))
