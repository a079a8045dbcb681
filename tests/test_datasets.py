"""The tutorials' data: counts, ranges, labels that follow from the points, and what a line can and cannot divide."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import linprog

import micrograd_cn as mt
from micrograd_cn import datasets

DRAWN = {
    **{f"beans {kind}": lambda kind=kind, **how: datasets.beans(kind, **how) for kind in ("linear", "binary", "two")},
    "beans hill": lambda **how: datasets.beans("hill", **how),
    **{name: getattr(datasets, name) for name in ("circle", "xor", "gauss", "spiral", "moons")},
}


def arrays(pair):
    """Inputs ``(n, features)`` and labels ``(n,)`` in float64."""
    x, y = pair
    return x.numpy().astype(np.float64), y.numpy().astype(np.float64).ravel()


def a_line_divides(x, y):
    """Whether some w and b have w · x + b >= 1 for y = 1 and <= -1 for y = 0: a linear programme answers exactly."""
    sign = np.where(y > 0.5, -1.0, 1.0)[:, None]
    rows = sign * np.column_stack([x, np.ones(len(x))])
    found = linprog(np.zeros(rows.shape[1]), A_ub=rows, b_ub=-np.ones(len(x)), bounds=(None, None))
    return found.status == 0


def test_the_room_is_entered_from_the_package():
    assert mt.datasets is datasets


# --- sets without chance ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, gate, divided",
    [
        ("and", np.logical_and, True),
        ("or", np.logical_or, True),
        ("nand", lambda a, b: ~np.logical_and(a, b), True),
        ("nor", lambda a, b: ~np.logical_or(a, b), True),
        ("xor", np.logical_xor, False),
        ("xnor", lambda a, b: ~np.logical_xor(a, b), False),
    ],
)
def test_gates(name, gate, divided):
    x, y = datasets.gates(name.upper())
    assert x.shape == (4, 2) and y.shape == (4, 1) and x.dtype is y.dtype is mt.float32
    assert x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]  # in the order of tutorial 000
    x, y = arrays((x, y))
    assert np.array_equal(y, gate(*x.T.astype(bool)))
    assert a_line_divides(x, y) is divided


def test_not_has_one_input():
    assert [t.tolist() for t in datasets.gates("not")] == [[[0], [1]], [[1], [0]]]


def test_people_are_those_of_tutorial_003():
    x, y = datasets.people()
    known = {(133, 65): 1, (160, 72): 0, (152, 70): 0, (120, 60): 1}  # weight and height; 1 is a woman
    assert {(a + 135, b + 66): c for (a, b), (c,) in zip(x.tolist(), y.tolist(), strict=True)} == known
    assert x.dtype is y.dtype is mt.float32


def test_digits():
    sklearn = pytest.importorskip("sklearn.datasets")
    x, y = datasets.digits()
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((1797, 64), mt.float32, (1797,), mt.int64)
    assert x.min() == 0 and x.max() == 1
    known = sklearn.load_digits()
    assert np.array_equal(x.numpy() * 16, known.data) and np.array_equal(y.numpy(), known.target)


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "sklearn.datasets", raising=False)
    with pytest.raises(ImportError, match=r"needs sklearn.*pip install 'micrograd-cn\[digits\]'"):
        datasets.digits()


# --- sets drawn at random --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAWN)
@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 200), seed=st.integers(0, 2**32))
def test_shapes_and_seeds(name, count, seed):
    make = DRAWN[name]
    x, y = make(count=count, seed=seed)
    assert x.shape == (count, 2 if name not in ("beans linear", "beans binary", "beans hill") else 1)
    assert y.shape == (count, 1) and x.dtype is y.dtype is mt.float32 and not x.requires_grad
    again = make(count=count, seed=seed)
    assert mt.equal(x, again[0]) and mt.equal(y, again[1])
    if name != "beans linear":
        assert set(y.ravel().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("name", DRAWN)
def test_numbers_of_numpy_are_numbers(name):
    assert mt.equal(DRAWN[name](count=np.int64(5))[0], DRAWN[name](count=5)[0])


def test_noise_may_be_a_number_of_numpy():
    assert mt.equal(datasets.moons(5, np.float64(0.5))[0], datasets.moons(5, 0.5)[0])


@pytest.mark.parametrize("name", DRAWN)
def test_another_seed_draws_other_points(name):
    assert not mt.equal(DRAWN[name](seed=1)[0], DRAWN[name](seed=2)[0])


@pytest.mark.parametrize("name", DRAWN)
def test_the_random_stream_is_left_alone(name):
    before = mt.manual_seed(5).get_state().copy()
    DRAWN[name]()
    assert np.array_equal(mt.get_rng_state().numpy(), before)


@pytest.mark.parametrize("name", ["circle", "gauss", "spiral", "moons"])
@pytest.mark.parametrize("count", [10, 11])
def test_half_of_the_samples_are_of_each_class(name, count):
    _, y = arrays(DRAWN[name](count=count))
    assert sorted([y.sum(), count - y.sum()]) == [count // 2, (count + 1) // 2]


@pytest.mark.parametrize("name", ["circle", "gauss", "spiral", "moons"])
def test_a_slice_is_a_fair_sample(name):
    _, y = arrays(DRAWN[name](count=1000))
    # The number of ones in 500 of 1000 is hypergeometric: its deviation is 7.9, and 5 deviations are not chance.
    assert abs(y[:500].sum() - 250) < 40


def test_linear_beans_lie_around_the_bean_of_tutorial_001():
    x, y = arrays(datasets.beans("linear", 2000))
    assert x.min() >= 0 and x.max() < 1
    off = y - (1.2 * x[:, 0] + 0.2)
    assert np.abs(off).max() <= 0.1 + 1e-6 and off.std() == pytest.approx(0.2 / 12**0.5, rel=0.1)
    assert np.polyval(np.polyfit(x[:, 0], y, 1), 0.4) == pytest.approx(0.68, abs=0.01)
    assert np.abs(y - x[:, 0] * (x[:, 0] @ y) / (x[:, 0] @ x[:, 0])).max() > 0.15  # a line through 0 cannot


def test_which_beans_are_poisonous():
    x, y = arrays(datasets.beans("binary", 500))
    assert x[y == 0].max() <= 0.5 < x[y == 1].min()
    assert a_line_divides(x, y)
    x, y = arrays(datasets.beans("hill", 500))
    assert x[y == 1].min() > 0.3 and x[y == 1].max() < 0.7
    assert (x[y == 0] <= 0.3).any() and (x[y == 0] >= 0.7).any()  # low, high, low
    assert not a_line_divides(x, y)
    x, y = arrays(datasets.beans("two", 500))
    assert a_line_divides(x, y) and 0.4 < y.mean() < 0.6
    assert x.min() >= 0 and x.max() < 1


def test_circle_is_the_playgrounds():
    x, y = arrays(datasets.circle(2000))
    radius = np.linalg.norm(x, axis=1)
    assert radius[y == 1].max() < 2.5 and radius[y == 0].min() > 3.5 - 1e-6 and radius.max() <= 5 + 1e-6
    # Even in the radius, not in the area: half of the disc's points lie inside of half its radius.
    assert np.median(radius[y == 1]) == pytest.approx(1.25, abs=0.1)
    assert np.median(radius[y == 0]) == pytest.approx(4.25, abs=0.1)
    assert np.abs(x.mean(axis=0)).max() < 0.2
    assert not a_line_divides(x, y)


def test_xor_is_the_playgrounds():
    x, y = arrays(datasets.xor(2000))
    assert np.array_equal(y, x.prod(axis=1) >= 0)  # the Playground's orange is where the signs agree
    assert np.abs(x).min() >= 0.3 - 1e-6 and np.abs(x).max() <= 5.3 + 1e-6
    assert all(400 < n < 600 for n in np.unique(np.sign(x), axis=0, return_counts=True)[1])
    assert not a_line_divides(x, y)


@pytest.mark.parametrize("noise, variance", [(0.0, 0.5), (0.25, 2.25), (0.5, 4.0)])
def test_gauss_is_the_playgrounds(noise, variance):
    x, y = arrays(datasets.gauss(4000, noise))
    for one, centre in ((1, 2), (0, -2)):
        assert x[y == one].mean(axis=0) == pytest.approx([centre, centre], abs=5 * (variance / 2000) ** 0.5)
        assert x[y == one].var(axis=0) == pytest.approx([variance, variance], rel=0.15)


def test_spiral_is_the_playgrounds():
    x, y = arrays(datasets.spiral(400))
    radius = np.linalg.norm(x, axis=1)
    for one, turn in ((1, 0.0), (0, np.pi)):
        order = np.argsort(radius[y == one])
        arm = x[y == one][order]
        assert np.sort(radius[y == one]) == pytest.approx(5 * np.arange(200) / 200, abs=1e-5)
        angle = np.arctan2(*arm.T)  # from x2 towards x1, as there
        assert np.exp(1j * angle[1:]) == pytest.approx(np.exp(1j * (3.5 * np.pi * np.arange(1, 200) / 200 + turn)))
    assert np.array_equal(np.sort(x[y == 1], axis=0), np.sort(x[y == 0] * -1, axis=0))  # half a turn apart
    assert not a_line_divides(x, y)


def test_moons_are_half_circles():
    x, y = arrays(datasets.moons(101, noise=0.0))
    upper, lower = x[y == 0], x[y == 1]
    assert np.linalg.norm(upper, axis=1) == pytest.approx(1) and upper[:, 1].min() >= -1e-6
    assert np.linalg.norm(lower - [1, 0.5], axis=1) == pytest.approx(1) and lower[:, 1].max() <= 0.5 + 1e-6
    assert not a_line_divides(x, y)
    sklearn = pytest.importorskip("sklearn.datasets")
    known, labels = sklearn.make_moons(100, shuffle=False)
    x, y = arrays(datasets.moons(100, noise=0.0))
    for one in (0, 1):
        ours, theirs = x[y == one], known[labels == one]
        assert ours[np.lexsort(ours.round(4).T)] == pytest.approx(theirs[np.lexsort(theirs.round(4).T)], abs=1e-6)


def test_noise():
    """What it moves: the points of spiral and moons, the labels of circle and xor; always as much as it says."""
    for name, limit in (("spiral", 0.3), ("moons", None)):
        off = arrays(DRAWN[name](count=4000, noise=0.3))[0] - arrays(DRAWN[name](count=4000, noise=0.0))[0]
        if limit:
            assert 0.95 * limit < np.abs(off).max() <= limit + 1e-6
        else:
            assert off.std() == pytest.approx(0.3, rel=0.05)
    for name in ("circle", "xor"):
        (calm, y), (moved, other) = (arrays(DRAWN[name](count=1000, noise=noise)) for noise in (0.0, 0.2))
        assert np.array_equal(calm, moved)
        assert 0 < (y != other).mean() < 0.5
    x, y = arrays(datasets.circle(1000, 0.1))
    wrong = y != (np.linalg.norm(x, axis=1) < 2.5)
    assert wrong.any() and np.abs(np.linalg.norm(x[wrong], axis=1) - 2.5).max() <= 0.5 * 2**0.5


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: datasets.gates("xnand"), "a gate is one of 'not', 'and', .*, got 'xnand'"),
        (lambda: datasets.beans("round"), "a kind of beans is one of 'linear', .*, got 'round'"),
        (lambda: datasets.beans("two", 0), "count is .* from 1 on, got 0"),
        (lambda: datasets.circle(2.5), "count is .* whole number .*, got 2.5"),
        (lambda: datasets.gates(5), "a gate is one of 'not', .*, got 5"),
        (lambda: datasets.beans(["two"]), "a kind of beans is one of .*, got .'two'"),
        (lambda: datasets.moons(True), "count is .* whole number .*, got True"),
        (lambda: datasets.moons("5"), "count is .* whole number .*, got '5'"),
        (lambda: datasets.moons(5, "a"), "noise is .*, got 'a'"),
        (lambda: datasets.moons(5, None), "noise is .*, got None"),
        (lambda: datasets.moons(5, float("inf")), "noise is .*, got inf"),
        (lambda: datasets.spiral(10, -0.1), "noise is a finite number from 0 on, got -0.1"),
        (lambda: datasets.xor(10, float("nan")), "noise is .*, got nan"),
    ],
)
def test_bad_input_costs_one_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()
