"""The text of a tensor: known examples, properties, and agreement with PyTorch on any array."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from micrograd_cn import dtypes, printing
from micrograd_cn.printing import set_printoptions, tensor_repr


@pytest.fixture(autouse=True)
def _options_and_default_dtype_restored() -> Iterator[None]:
    before = dtypes.get_default_dtype()
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")
    dtypes.set_default_dtype(before)


def text(values: Any, dtype: Any = np.float32, *suffixes: str) -> str:
    array = np.asarray(values, dtype)
    return tensor_repr(array, dtype=dtypes.from_numpy(array.dtype), suffixes=list(suffixes))


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (1.0, np.float32, "tensor(1.)"),
        (3.14159, np.float32, "tensor(3.1416)"),
        (True, np.bool_, "tensor(True)"),
        (-0.0, np.float32, "tensor(-0.)"),
        ([1, 2, 3], np.int64, "tensor([1, 2, 3])"),
        ([1, -20, 300], np.int64, "tensor([  1, -20, 300])"),
        ([1, 2], np.int32, "tensor([1, 2], dtype=torch.int32)"),
        ([[1.0, -1.0], [1.0, -1.0]], np.float32, "tensor([[ 1., -1.],\n        [ 1., -1.]])"),
        ([True, False], np.bool_, "tensor([ True, False])"),
        ([0.1, 2.0], np.float64, "tensor([0.1000, 2.0000], dtype=torch.float64)"),
        ([1e-5, 1.0], np.float32, "tensor([1.0000e-05, 1.0000e+00])"),
        ([1e5, 1.5], np.float32, "tensor([1.0000e+05, 1.5000e+00])"),
        ([1.0, np.nan, np.inf], np.float32, "tensor([1., nan, inf])"),
        ([1.5, np.nan, -np.inf], np.float32, "tensor([1.5000,    nan,   -inf])"),
        ([1 + 2j, 3 - 4j], np.complex64, "tensor([1.+2.j, 3.-4.j])"),
        ([0.5j], np.complex128, "tensor([0.+0.5000j], dtype=torch.complex128)"),
        ([], np.float32, "tensor([])"),
        ([], np.int64, "tensor([], dtype=torch.int64)"),
        (np.zeros((0, 3)), np.float32, "tensor([], size=(0, 3))"),
        (np.zeros((2, 0)), np.bool_, "tensor([], size=(2, 0), dtype=torch.bool)"),
        (np.zeros((2, 1, 2)), np.float32, "tensor([[[0., 0.]],\n\n        [[0., 0.]]])"),
    ],
)
def test_known_texts(values: Any, dtype: Any, expected: str) -> None:
    assert text(values, dtype) == expected


def test_lines_break_at_80_columns() -> None:
    assert text(np.arange(30), np.int64) == (
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])"
    )


def test_more_than_1000_elements_are_summarised() -> None:
    assert text(np.arange(1001), np.int64) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    assert "..." not in text(np.arange(1000), np.int64)
    assert text(np.zeros((2, 3, 400))) == (
        "tensor([[[0., 0., 0.,  ..., 0., 0., 0.],\n"
        "         [0., 0., 0.,  ..., 0., 0., 0.],\n"
        "         [0., 0., 0.,  ..., 0., 0., 0.]],\n\n"
        "        [[0., 0., 0.,  ..., 0., 0., 0.],\n"
        "         [0., 0., 0.,  ..., 0., 0., 0.],\n"
        "         [0., 0., 0.,  ..., 0., 0., 0.]]])"
    )
    rows = text(np.zeros((400, 3))).splitlines()
    assert rows[3] == "        ...,"
    assert len(rows) == 7


def test_what_is_not_shown_decides_nothing() -> None:
    values = np.ones(5000)
    values[2500] = 1e30
    assert text(values) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"


def test_suffixes() -> None:
    assert text(2.0, np.float32, "requires_grad=True") == "tensor(2., requires_grad=True)"
    assert text([1.0], np.float64, "grad_fn=<MulBackward0>") == (
        "tensor([1.], dtype=torch.float64, grad_fn=<MulBackward0>)"
    )


def test_a_suffix_that_does_not_fit_takes_a_new_line() -> None:
    row = "tensor([0.1000, 0.2000, 0.3000, 0.4000, 0.5000, 0.6000, 0.7000, 0.8000]"
    values = np.arange(1, 9) / 10
    assert text(values, np.float32, "grad_fn=<AddBackward0>") == row + ",\n       grad_fn=<AddBackward0>)"
    assert text(values, np.float32) == row + ")"


def test_the_default_dtype_is_not_named() -> None:
    dtypes.set_default_dtype(dtypes.float64)
    assert text([1.0], np.float64) == "tensor([1.])"
    assert text([1.0], np.float32) == "tensor([1.], dtype=torch.float32)"
    assert text([1j], np.complex128) == "tensor([0.+1.j])"


def test_options() -> None:
    set_printoptions(precision=2)
    assert text([1.12345]) == "tensor([1.12])"
    set_printoptions(threshold=5)
    assert text(np.arange(10), np.int64) == "tensor([0, 1, 2,  ..., 7, 8, 9])"
    set_printoptions(profile="default")
    assert text([1.12345]) == "tensor([1.1235])"
    assert text(np.arange(10), np.int64) == "tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])"
    set_printoptions(profile="short", sci_mode=True)
    assert text([1.12345]) == "tensor([1.12e+00])"
    set_printoptions(profile="full")
    assert "..." not in text(np.arange(3000), np.int64)


def test_options_of_a_block_end_with_it() -> None:
    before = printing.get_printoptions()
    with printing.printoptions(precision=1, edgeitems=1, sci_mode=False):
        assert text(np.full(2000, 1e-5)) == "tensor([0.0,  ..., 0.0])"
    assert printing.get_printoptions() == before


@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=8)))
def test_integers_can_be_read_back(values: np.ndarray) -> None:
    assert (np.array(ast.literal_eval(text(values, np.int64)[7:-1])) == values).all()


@given(hnp.arrays(np.int64, hnp.array_shapes(max_dims=2, max_side=60)))
def test_lines_are_no_longer_than_80_columns(values: np.ndarray) -> None:
    assert max(len(line.rstrip("]),")) for line in text(values, np.int64).splitlines()) <= 80


def test_a_large_array_costs_no_more_than_a_small_one() -> None:
    """Only what is shown is formatted: 10,000 times the elements may not take 100 times as long."""

    def duration(array: np.ndarray) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            text(array)
            times.append(time.perf_counter() - start)
        return min(times)

    assert duration(np.zeros((3000, 3000), np.float32)) < 100 * duration(np.zeros((30, 30), np.float32))


ODD = [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-45, 1e-5, 1e-4, 0.5, 1.0, -3.0, 1000.0, 1e8, 2e8, 3e38, 99999.5]
numbers = st.one_of(
    st.sampled_from(ODD),
    st.floats(-10, 10, width=16),
    st.integers(-2000, 2000).map(float),
    st.floats(width=32),
)


@st.composite
def arrays(draw: Any) -> np.ndarray:
    dtype = draw(st.sampled_from(dtypes.ALL)).numpy
    shape = draw(st.one_of(
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
        st.tuples(st.integers(0, 60)), st.tuples(st.integers(0, 5), st.integers(0, 30)),
        st.sampled_from([(1001,), (7, 200), (200, 7), (2, 8, 80), (3, 3, 3, 50)]),
    ))  # fmt: skip
    count = int(np.prod(shape))
    if dtype.kind not in "fc":
        pool = draw(st.lists(hnp.from_dtype(dtype), min_size=1, max_size=8))
    else:
        pool = draw(st.lists(numbers, min_size=1, max_size=8))
        if dtype.kind == "c":
            pool = [complex(a, b) for a, b in zip(pool, reversed(pool), strict=True)]
    with np.errstate(over="ignore"):
        return np.resize(np.array(pool).astype(dtype), count).reshape(shape)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    array=arrays(),
    options=st.fixed_dictionaries({}, optional={
        "precision": st.integers(0, 9), "threshold": st.sampled_from([0, 6, 50, 1000]),
        "edgeitems": st.integers(0, 4), "linewidth": st.sampled_from([10, 40, 80, 120]),
        "sci_mode": st.sampled_from([None, True, False]),
        "profile": st.sampled_from([None, "default", "short", "full"]),
    }),
    grad=st.sampled_from([None, "leaf", "result"]),
    default=st.sampled_from(["float32", "float32", "float64"]),
)  # fmt: skip
def test_any_array_prints_as_in_pytorch(array: np.ndarray, options: dict, grad: Any, default: str) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.from_numpy(array)
    suffixes = []
    if grad and array.dtype.kind in "fc":
        theirs = theirs.clone().requires_grad_()
        suffixes = ["requires_grad=True"]
        if grad == "result":
            theirs = theirs * 1
            suffixes = ["grad_fn=<MulBackward0>"]
    array = theirs.detach().numpy()
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(getattr(torch, default))
        torch.set_printoptions(**{"profile": "default"} | options)
        expected = repr(theirs)
    finally:
        torch.set_default_dtype(before)
        torch.set_printoptions(profile="default")
    dtypes.set_default_dtype(getattr(dtypes, default))
    with printing.printoptions(**options):
        ours = tensor_repr(array, dtype=dtypes.from_numpy(array.dtype), suffixes=suffixes)
    dtypes.set_default_dtype(dtypes.float32)
    assert ours == expected
