"""The random stream: known numbers, properties, and agreement with PyTorch over whole histories of calls."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import micrograd_cn
from micrograd_cn import boxmuller, generator
from micrograd_cn.generator import Generator

FLOATS = (np.float16, np.float32, np.float64)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


# --- numbers that PyTorch's users know by heart


def test_rand_of_seed_0() -> None:
    assert seeded(0).uniform((3,), np.float32).round(4).tolist() == pytest.approx([0.4963, 0.7682, 0.0885])


def test_randn_of_seed_42() -> None:
    expected = [
        1.9269, 1.4873, 0.9007, -2.1055, -0.7581, 1.0783, 0.8008, 1.6806, 0.3559, -0.6866,
        -0.4934, 0.2415, -0.2316, 0.0418, -0.2516, 0.8599, -0.3097, -0.3957, 0.8034, -0.6216,
    ]  # fmt: skip
    np.testing.assert_allclose(seeded(42).normal((20,), np.float32), expected, atol=5e-5)


def test_calls_one_after_the_other() -> None:
    g = seeded(0)
    g.uniform((3,), np.float32)
    np.testing.assert_allclose(g.normal((3,), np.float32), [0.3643, 0.1344, 0.1642], atol=5e-5)
    assert g.integers(0, 10, (5,), np.int64).tolist() == [6, 6, 9, 8, 6]
    assert g.permutation(6).tolist() == [0, 4, 1, 3, 2, 5]


def test_dropout_mask_of_seed_1() -> None:
    assert seeded(1).bernoulli(0.5, (12,)).astype(int).tolist() == [1, 1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 1]


def test_mt19937_reference_output() -> None:
    """The first words of the reference implementation for its default seed, 5489."""
    first = seeded(5489).integers(0, 2**24, (3,), np.int64)
    assert first.tolist() == [w % 2**24 for w in (3499211612, 581869302, 3890346734)]


# --- seeds and states


def test_default_seeds() -> None:
    assert Generator().initial_seed() == 67280421310721
    assert (Generator().uniform((4,), np.float32) == seeded(67280421310721).uniform((4,), np.float32)).all()


def test_seed_is_fresh_each_time() -> None:
    g = Generator()
    first = g.seed()
    assert g.initial_seed() == first
    assert g.seed() != first


def test_negative_seeds_wrap_and_only_32_bits_count() -> None:
    assert seeded(-1).initial_seed() == 2**64 - 1
    same = seeded(7).uniform((5,), np.float64)
    assert (seeded(7 + 2**32).uniform((5,), np.float64) == same).all()
    assert (seeded(8).uniform((5,), np.float64) != same).any()


@pytest.mark.parametrize("seed", [1.0, "1", None, True])
def test_seeds_that_are_no_integers(seed: Any) -> None:
    with pytest.raises(RuntimeError, match="expected a long, but got " + type(seed).__name__):
        Generator().manual_seed(seed)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seeds_out_of_range(seed: int) -> None:
    with pytest.raises(ValueError, match=str(seed)):
        Generator().manual_seed(seed)


def test_only_the_cpu() -> None:
    assert str(Generator("cpu").device) == "cpu"
    with pytest.raises(RuntimeError, match="cuda"):
        Generator("cuda")


@given(before=st.integers(0, 40), seed=st.integers(0, 2**64 - 1))
def test_a_snapshot_brings_everything_back(before: int, seed: int) -> None:
    g = seeded(seed)
    g.normal((before,), np.float32)  # an odd number below 16 leaves the second normal behind
    state = g.get_state()
    ahead = [g.normal((3,), np.float64), g.uniform((700,), np.float32), g.permutation(9)]
    other = Generator()
    other.set_state(state)
    again = [other.normal((3,), np.float64), other.uniform((700,), np.float32), other.permutation(9)]
    assert other.initial_seed() == seed
    for a, b in zip(ahead, again, strict=True):
        assert (a == b).all()


def test_a_snapshot_does_not_move() -> None:
    g = seeded(3)
    state = g.get_state()
    copy = state.copy()
    g.uniform((1000,), np.float32)
    assert (state == copy).all()


def test_seeding_forgets_the_second_normal() -> None:
    g = seeded(5)
    first = g.normal((1,), np.float64)
    g.manual_seed(5)
    assert g.normal((1,), np.float64) == first


def test_bad_states() -> None:
    with pytest.raises(TypeError, match="uint8"):
        Generator().set_state(np.zeros(5056))
    with pytest.raises(RuntimeError, match="5056 bytes, got 3"):
        Generator().set_state(np.zeros(3, np.uint8))
    with pytest.raises(RuntimeError, match="Invalid"):
        Generator().set_state(np.zeros(5056, np.uint8))


# --- the distributions


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.25, 0.75), (3, 3), (-1e-3, 0)])
def test_uniform_stays_in_its_half_open_range(dtype: Any, low: float, high: float) -> None:
    values = seeded().uniform((200, 100), dtype, low, high)
    assert values.shape == (200, 100)
    assert values.dtype == dtype
    assert (values >= dtype(low)).all()
    assert (values < dtype(high)).all() or low == high
    assert float(values.astype(np.float64).mean()) == pytest.approx((low + high) / 2, abs=0.02 * (high - low) + 1e-9)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [(15,), (16,), (17,), (31, 3), (40_000,)])
def test_normal_moments(dtype: Any, size: tuple[int, ...]) -> None:
    values = np.concatenate([seeded(s).normal(size, dtype, 2.0, 0.5).ravel() for s in range(40)])
    assert values.dtype == dtype
    error = 5 * 0.5 / np.sqrt(values.size)
    assert values.astype(np.float64).mean() == pytest.approx(2.0, abs=error)
    assert values.astype(np.float64).std() == pytest.approx(0.5, abs=error)


def test_block_normals_are_box_muller() -> None:
    """float32 normals are the formula's values, up to float32 rounding, on the uniforms of the same seed."""
    u = seeded(9).uniform((64, 2, 8), np.float32).astype(np.float64)
    radius, angle = np.sqrt(-2 * np.log1p(-u[:, 0])), 2 * np.pi * u[:, 1]
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()
    np.testing.assert_allclose(seeded(9).normal((1024,), np.float32), expected, rtol=0, atol=4e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fused_rounds_once(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a = rng.random(20_000).astype(dtype)
    b, c = dtype(2 / 3), dtype(-1 / 3)
    if dtype is np.float64:
        exact = [float(Fraction(x) * Fraction(float(b)) + Fraction(float(c))) for x in a.tolist()]
    else:
        exact = (a.astype(np.float64) * float(b) + float(c)).astype(np.float32).tolist()
    assert boxmuller.fused(a, b, c).tolist() == exact
    assert (a * b + c).tolist() != exact


def test_exponential_is_the_inverse_of_its_distribution() -> None:
    u = seeded(4).uniform((1000,), np.float64)
    np.testing.assert_allclose(seeded(4).exponential((1000,), np.float64, 2.0), -np.log1p(-u) / 2, rtol=1e-14)


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [(0, 10, np.int64), (-128, 128, np.int8), (0, 2, np.bool_), (5, 2**40, np.int64), (0, 7, np.float32),
     (-(2**63), 2**63, np.int64)],
)  # fmt: skip
def test_integers_cover_their_range(low: int, high: int, dtype: Any) -> None:
    values = seeded().integers(low, high, (5000,), dtype)
    assert values.dtype == dtype
    assert low <= int(values.min())
    assert int(values.max()) < high
    assert float(values.astype(np.float64).mean()) == pytest.approx((low + high - 1) / 2, abs=0.03 * (high - low))
    if high - low <= 256:
        assert len(np.unique(values)) == high - low


@given(n=st.integers(0, 300), seed=st.integers(0, 1000))
def test_permutation_is_the_shuffle_of_fisher_and_yates(n: int, seed: int) -> None:
    g = seeded(seed)
    order = list(range(n))
    for i in range(n - 1):
        j = i + int(g.integers(0, n - i, (1,), np.int64)[0])
        order[i], order[j] = order[j], order[i]
    assert seeded(seed).permutation(n).tolist() == order


def test_long_permutation_is_a_permutation(monkeypatch: pytest.MonkeyPatch) -> None:
    short = seeded().permutation(500)
    monkeypatch.setattr(generator, "LONG_PERMUTATION", 500)
    long = seeded().permutation(500)
    assert sorted(long.tolist()) == list(range(500))
    assert (long != short).any()


def test_bernoulli_frequencies() -> None:
    assert seeded().bernoulli(0.3, (100, 200)).mean() == pytest.approx(0.3, abs=0.02)
    assert not seeded().bernoulli(0.0, (1000,)).any()
    assert seeded().bernoulli(1.0, (1000,)).all()
    p = np.tile(np.array([0.0, 0.25, 1.0], np.float32), (4000, 1))
    np.testing.assert_allclose(seeded().bernoulli_each(p).mean(axis=0), [0, 0.25, 1], atol=0.03)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("replacement", [False, True])
def test_multinomial_follows_the_weights(dtype: Any, replacement: bool) -> None:
    weights = np.tile(np.array([3, 0, 1, 4], dtype), (5000, 1))
    first = seeded().multinomial(weights, 2, replacement)[:, 0]
    np.testing.assert_allclose(np.bincount(first, minlength=4) / 5000, [3 / 8, 0, 1 / 8, 4 / 8], atol=0.03)


def test_multinomial_without_replacement_repeats_nothing() -> None:
    rows = seeded().multinomial(np.ones((50, 6), np.float32), 6)
    assert (np.sort(rows, axis=1) == np.arange(6)).all()


# --- errors


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda g: g.uniform((2,), np.float32, 2, 1), RuntimeError, "from=2 > to=1"),
        (lambda g: g.uniform((2,), np.float32, 0, 1e39), RuntimeError, "to is out of bounds for float"),
        (lambda g: g.uniform((2,), np.float64, 0, np.nan), RuntimeError, "to is out of bounds for double"),
        (lambda g: g.uniform((2,), np.float32, -3e38, 3e38), RuntimeError, "exceed the limit"),
        (lambda g: g.uniform((2,), np.int64), NotImplementedError, "not implemented for 'Long'"),
        (lambda g: g.normal((2,), np.float32, 0, -1), RuntimeError, "std >= 0.0, but found std -1"),
        (lambda g: g.normal((2,), np.int32), NotImplementedError, "\"normal_kernel_cpu\".*'Int'"),
        (lambda g: g.integers(3, 3, (2,), np.int64), RuntimeError, "from=3 >= to=3"),
        (lambda g: g.integers(0, 300, (2,), np.uint8), RuntimeError, "to - 1 .* unsigned char"),
        (lambda g: g.integers(-1, 3, (2,), np.bool_), RuntimeError, "from is out of bounds for bool"),
        (lambda g: g.integers(0, 3, (2,), np.complex64), RuntimeError, "handles only integral"),
        (lambda g: g.permutation(-1), RuntimeError, "negative dimension -1"),
        (lambda g: g.bernoulli(1.5, (2,)), RuntimeError, "got p=1.5"),
        (lambda g: g.bernoulli_each(np.array([np.nan])), RuntimeError, r"in \[0, 1\]"),
        (lambda g: g.bernoulli_each(np.array([1])), NotImplementedError, "'Long'"),
        (lambda g: g.exponential((2,), np.float32, 0), RuntimeError, "lambda=0"),
        (lambda g: g.exponential((2,), np.int64), RuntimeError, "you specified Long"),
        (lambda g: g.multinomial(np.ones((1, 2)), 3), RuntimeError, "without replacement"),
        (lambda g: g.multinomial(np.ones((1, 2)), 0), RuntimeError, "n_sample <= 0"),
        (lambda g: g.multinomial(np.array([[1.0, -1.0]]), 1), RuntimeError, "element < 0"),
        (lambda g: g.multinomial(np.zeros((1, 2)), 1), RuntimeError, "sum of probabilities <= 0"),
        (lambda g: g.multinomial(np.ones((1, 2), np.int64), 1), RuntimeError, "got: Long"),
    ],
)
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call(Generator())


# --- the same calls, in any order, against PyTorch


def _matches(ours: np.ndarray, theirs: Any, ulps: int = 0) -> None:
    theirs = theirs.numpy()
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    if ulps:
        np.testing.assert_array_max_ulp(ours, theirs, ulps)
    else:
        np.testing.assert_array_equal(ours, theirs)


def _close(ours: np.ndarray, theirs: Any) -> None:
    """Equal but for rounding, in the units of the numbers at hand (they are of order one)."""
    assert ours.dtype == theirs.numpy().dtype
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=32 * np.finfo(ours.dtype).eps)


def _vectorised(torch: Any) -> bool:
    """Whether PyTorch runs the code with fused multiply-adds, as on nearly every x86 processor."""
    return torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")


def _same_stream(torch: Any) -> bool:
    """False on Intel processors, where PyTorch draws some distributions from MKL's generator."""
    g = torch.Generator().manual_seed(0)
    torch.empty(8).bernoulli_(0.5, generator=g)
    spent = torch.Generator().manual_seed(0)
    torch.rand(8, dtype=torch.float64, generator=spent)
    return torch.equal(g.get_state(), spent.get_state())


steps = st.tuples(st.integers(0, 13), st.integers(0, 70) | st.just(1000), st.sampled_from(FLOATS))


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(-(2**63), 2**64 - 1), history=st.lists(steps, min_size=1, max_size=12))
def test_any_history_of_calls_agrees_with_pytorch(seed: int, history: list[tuple[int, int, Any]]) -> None:
    torch = pytest.importorskip("torch")
    portable = _same_stream(torch)
    fused = _matches if _vectorised(torch) else _close
    g, t = seeded(seed), torch.Generator().manual_seed(seed)
    for kind, n, dtype in history:
        kw = {"dtype": getattr(torch, np.dtype(dtype).name), "generator": t}
        empty = torch.empty(n, dtype=kw["dtype"])
        if kind == 0:
            _matches(g.uniform((n,), dtype), torch.rand(n, **kw))
        elif kind == 1:
            fused(g.uniform((n,), dtype, -1 / 3, 1 / 3), empty.uniform_(-1 / 3, 1 / 3, generator=t))
        elif kind in (2, 3):
            mean, std = (0, 1) if kind == 2 else (0.5, 0.02)
            ours, theirs = g.normal((n,), dtype, mean, std), empty.normal_(mean, std, generator=t)
            (_close if dtype is np.float64 else fused)(ours, theirs)
        elif kind == 4:
            _matches(g.integers(-5, 1000, (n,), np.int64), torch.randint(-5, 1000, (n,), generator=t))
        elif kind == 5:
            high = 2**28 - n % 2  # where the draws become 64 bits wide
            _matches(g.integers(0, high, (n,), np.int64), torch.randint(0, high, (n,), generator=t))
        elif kind == 6:
            _matches(g.permutation(n), torch.randperm(n, generator=t))
        elif kind == 7:
            p = np.linspace(0, 1, n).astype(dtype)
            _matches(g.bernoulli_each(p), torch.bernoulli(torch.from_numpy(p), generator=t).bool())
        elif kind == 8:
            whole = (np.int8, np.int16, np.int32, np.int64, np.bool_, dtype)[n % 6]
            theirs = torch.from_numpy(np.empty(n, whole)).random_(generator=t)
            _matches(g.any_integers((n,), whole), theirs)
        elif kind == 9:
            weights = np.random.RandomState(n).rand(3, n + 1).astype(dtype) + dtype(0.1)
            _matches(g.multinomial(weights, 4, True),
                     torch.multinomial(torch.from_numpy(weights), 4, True, generator=t))  # fmt: skip
        elif kind == 10:
            g.set_state(t.get_state().numpy())  # a state crosses over
        elif kind == 11 and portable:
            _matches(g.bernoulli(0.3, (n,)), torch.empty(n, dtype=torch.bool).bernoulli_(0.3, generator=t))
        elif kind == 12 and portable:
            theirs = empty.exponential_(0.7, generator=t)
            _matches(g.exponential((n,), dtype, 0.7), theirs, ulps=4 if dtype is np.float64 else 0)
        elif kind == 13 and portable and dtype is np.float64:  # narrower keys may tie, and ties are undecided
            weights = np.random.RandomState(n).rand(2, n + 1).astype(dtype) + dtype(0.1)
            _matches(g.multinomial(weights, n // 2 + 1),
                     torch.multinomial(torch.from_numpy(weights), n // 2 + 1, generator=t))  # fmt: skip


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("n", [0, 3, 8, 20])
def test_complex_numbers_agree_with_pytorch(dtype: Any, n: int) -> None:
    torch = pytest.importorskip("torch")
    kw = {"dtype": getattr(torch, np.dtype(dtype).name), "generator": torch.Generator().manual_seed(2)}
    g = seeded(2)
    _matches(g.uniform((n, 2), dtype), torch.rand(n, 2, **kw))
    _close(g.normal((n,), dtype), torch.randn(n, **kw))


@pytest.mark.parametrize("n", [16, 17, 10_007, 100_000])
def test_long_normals_agree_with_pytorch(n: int) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.randn(n, generator=torch.Generator().manual_seed(n))
    (_matches if _vectorised(torch) else _close)(seeded(n).normal((n,), np.float32), theirs)


@pytest.mark.parametrize(
    "expression",
    [
        "T.rand_like(T.ones(3, 5).t())", "T.randn_like(T.ones(8, 5).t())", "T.empty(3, 5).t().uniform_()",
        "T.empty(8, 5).t().normal_()", "T.zeros(7, 31)[:, ::2].normal_()", "T.empty(3, 5).t().exponential_()",
        "T.empty(3, 5).t().random_(9)", "T.empty(3, 5, 2).permute(1, 2, 0).bernoulli_()",
        "T.nn.init.xavier_normal_(T.empty(4, 6).t())",
    ],
)  # fmt: skip
def test_numbers_are_drawn_in_the_order_of_memory(expression):
    torch = pytest.importorskip("torch")
    answers = []
    for T in (micrograd_cn, torch):
        T.manual_seed(0)
        answers.append(eval(expression, {"T": T}).tolist())
    assert np.allclose(*answers, rtol=1e-6)
