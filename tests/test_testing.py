"""`testing.assert_close` says what PyTorch's says, and finds what differs."""

from __future__ import annotations

import re

import pytest

import micrograd_cn as mt

CASES = {
    "close": lambda T, A: A(T.ones(3), T.ones(3) + 1e-6),
    "numbers": lambda T, A: A(1.0, 1.1),
    "a tensor of one number": lambda T, A: A(T.tensor(1.0), T.tensor(2.0)),
    "all elements": lambda T, A: A(T.ones(3), T.ones(3) * 2),
    "one element": lambda T, A: A(T.tensor([[1.0, 2.0], [3.0, 5.0]]), T.tensor([[1.0, 2.0], [3.0, 4.0]])),
    "shapes": lambda T, A: A(T.ones(3), T.ones(2)),
    "types": lambda T, A: A(T.ones(3), T.ones(3).double()),
    "types that may differ": lambda T, A: A(T.ones(3), T.ones(3).double(), check_dtype=False),
    "integers": lambda T, A: A(T.tensor([1, 2]), T.tensor([1, 4])),
    "bools": lambda T, A: A(T.tensor([True, False]), T.tensor([True, True])),
    "lengths": lambda T, A: A([1, 2.0], [1]),
    "a list": lambda T, A: A([1, T.ones(2)], [1, T.zeros(2)]),
    "a dictionary": lambda T, A: A({"a": T.ones(2)}, {"a": T.zeros(2)}),
    "nan": lambda T, A: A(T.tensor([float("nan"), 1.0]), T.tensor([float("nan"), 1.0])),
    "nan that may be": lambda T, A: A(T.tensor(float("nan")), T.tensor(float("nan")), equal_nan=True),
    "infinity": lambda T, A: A(T.tensor([1e300, 1.0]).double(), T.tensor([float("inf"), 1.0]).double()),
    "tolerance": lambda T, A: A(T.ones(2), T.ones(2) * 1.05, rtol=0.1, atol=0),
    "an own message": lambda T, A: A(T.ones(2), T.zeros(2), msg=lambda said: f"<{len(said) > 9}>"),
    "half a tolerance": lambda T, A: A(T.ones(2), T.ones(2), rtol=1),
    "a number and a tensor": lambda T, A: A(T.ones(1), 1.0),
    "an integer and a float": lambda T, A: A(1, 1.0),
    "texts": lambda T, A: A("a", "a"),
}


def answer(T, case):
    try:
        case(T, T.testing.assert_close)
    except (AssertionError, TypeError, ValueError) as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize("name", CASES)
def test_the_answer_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    (mine, theirs) = (answer(T, CASES[name]) for T in (mt, torch))
    assert (mine is None) == (theirs is None)
    if mine and theirs:
        assert mine[0] is theirs[0]
        if name not in ("half a tolerance", "a number and a tensor", "texts", "an integer and a float"):
            numbers = [re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", said) for said in (mine[1], theirs[1])]
            same = [pytest.approx(float(n), rel=1e-3, abs=1e-9) for n in numbers[1]]
            assert [float(n) for n in numbers[0]] == same or "inf" in theirs[1] or "nan" in theirs[1]


def test_the_first_difference_is_located():
    with pytest.raises(AssertionError, match=r"(?s)1 / 4 \(25\.0%\).*index \(1, 1\).*\['w'\]\[0\]"):
        wrong = mt.tensor([[1.0, 2.0], [3.0, 5.0]])
        mt.testing.assert_close({"w": [wrong]}, {"w": [mt.tensor([[1.0, 2.0], [3.0, 4.0]])]})


def test_the_older_name():
    with pytest.warns(FutureWarning):
        mt.testing.assert_allclose(mt.ones(2), [1.0, 1.0])
    with pytest.warns(FutureWarning), pytest.raises(AssertionError):
        mt.testing.assert_allclose(mt.ones(2), [1.0, 2.0])
