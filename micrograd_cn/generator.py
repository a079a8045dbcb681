"""Random numbers: PyTorch's CPU stream, draw for draw, in NumPy.

The engine is the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), seeded with the low 32 bits
of the seed as NumPy's legacy `RandomState` is. Everything else is how its 32-bit words become numbers:

========================  =====================================================================
a draw                    made of
========================  =====================================================================
float32 in [0, 1)         the low 24 bits of one word, over 2**24
float64 in [0, 1)         the low 53 bits of two words (the first is the high half), over 2**53
integer                   one word modulo the range; two words where the range reaches 2**28
normal, below 16 numbers  Box-Muller in float64, two at a time; the odd one is kept for the next call
normal, from 16 on        Box-Muller in blocks of 16, in the result's own precision (see `boxmuller`)
========================  =====================================================================

Where PyTorch's compiled code fuses ``a * b + c`` into one rounding, so does this module (`fused`), which is
why the numbers agree to the last bit and not merely to the sixth digit.

On Intel processors PyTorch's MKL build takes ``bernoulli_(p)``, dropout, ``exponential_`` and
``multinomial`` without replacement from another generator; here they always give the numbers PyTorch gives
on every other processor.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from micrograd_cn import dtypes
from micrograd_cn.boxmuller import F32, F64, boxmuller, fused
from micrograd_cn.ops.shape import need

if TYPE_CHECKING:
    from numpy.random import MT19937

DEFAULT_SEED = 67280421310721

# A snapshot is laid out as PyTorch's own, so that a saved generator state can cross over.
STATE = np.dtype({
    "names": ["seed", "left", "seeded", "next", "key", "spare", "has_spare"],
    "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", 624), "<f8", "<i4"],
    "offsets": [0, 8, 12, 16, 24, 5024, 5040],
    "itemsize": 5056,
})  # fmt: skip

# From this many numbers on a permutation takes 64-bit draws: 32 bits would favour the low ones.
LONG_PERMUTATION = (2**32 - 1) // 20

C_NAMES = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int",
    "int64": "long int", "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float",
    "float64": "double",
}  # fmt: skip


class Generator:
    """A source of random numbers with its own state (https://pytorch.org/docs/stable/generated/torch.Generator.html).

    The drawing methods take a shape and a NumPy dtype and return a new array. The same seed and the same
    calls give the numbers that PyTorch gives on the CPU.

    Args:
        device: "cpu", the only device there is.

    Raises:
        RuntimeError: for any other device.
    """

    def __init__(self, device: Any = "cpu") -> None:
        cpu = str(device).partition(":")[0] == "cpu"
        need(cpu, f"Generator: the only device is 'cpu', got {str(device)!r}")
        self.device = device
        self._start(DEFAULT_SEED)

    def _start(self, seed: int) -> None:
        self._seed = seed
        self._twister: MT19937 | None = None  # made at the first draw, so that seeding costs nothing
        self._spare: float | None = None  # the second normal of a pair, not yet handed out

    # --- the seed and the state

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that belongs to ``seed``, and return the generator.

        Negative seeds count down from 2**64, as in PyTorch. Streams differ by the low 32 bits only.

        Raises:
            RuntimeError: if ``seed`` is not an int.
            ValueError: if it is outside [-2**63, 2**64).
        """
        need(type(seed) is int, f"manual_seed expected a long, but got {type(seed).__name__}")
        what = f"Overflow when unpacking long long: the seed {seed} is outside [-2**63, 2**64)"
        need(-(2**63) <= seed < 2**64, what, ValueError)
        self._start(seed % 2**64)
        return self

    def seed(self) -> int:
        """Start anew from a 64-bit seed that the operating system picks, and return that seed."""
        self._start(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream began with."""
        return self._seed

    def get_state(self) -> NDArray[np.uint8]:
        """A snapshot of the generator, 5056 bytes in the layout of ``torch.get_rng_state()``."""
        twister = self._engine().state["state"]
        state = np.zeros(1, STATE)
        state["seed"], state["seeded"] = self._seed, 1
        state["key"], state["next"], state["left"] = twister["key"], twister["pos"], 625 - twister["pos"]
        if self._spare is not None:
            state["spare"], state["has_spare"] = self._spare, 1
        return state.view(np.uint8)

    def set_state(self, state: NDArray[np.uint8]) -> None:
        """Go back to a snapshot of `get_state` (ours or PyTorch's).

        Raises:
            TypeError: if ``state`` is not a uint8 array.
            RuntimeError: if it has another size, or holds no valid state.
        """
        if not isinstance(state, np.ndarray) or state.dtype != np.uint8:
            raise TypeError(f"RNG state must be a uint8 array, got {getattr(state, 'dtype', type(state))}")
        need(state.size == STATE.itemsize, f"RNG state must have {STATE.itemsize} bytes, got {state.size}")
        record = np.ascontiguousarray(state).reshape(-1).view(STATE)[0]
        valid = record["seeded"] and 0 < record["left"] <= 624
        need(valid, "Invalid mt19937 state: take it from get_state()")
        self._start(int(record["seed"]))
        self._engine().state = {
            "bit_generator": "MT19937",
            "state": {"key": record["key"].astype(np.uint32), "pos": 625 - int(record["left"])},
        }
        self._spare = float(record["spare"]) if record["has_spare"] else None

    # --- raw draws

    def _engine(self) -> MT19937:
        if self._twister is None:
            from numpy.random import MT19937, RandomState  # NumPy itself imports it only when asked

            self._twister = MT19937(0)
            RandomState(self._twister).seed(self._seed % 2**32)
        return self._twister

    def _words(self, count: int) -> NDArray[np.uint64]:
        """``count`` draws of 32 bits."""
        return self._engine().random_raw(count)

    def _long_words(self, count: int) -> NDArray[np.uint64]:
        """``count`` draws of 64 bits, each from two words, high half first."""
        words = self._words(2 * count)
        return words[0::2] << np.uint64(32) | words[1::2]

    def _unit(self, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """``count`` numbers in [0, 1) of float32 or float64."""
        if dtype == F64:
            return (self._long_words(count) & np.uint64(2**53 - 1)).view(np.int64) * 2.0**-53
        return (self._words(count) & np.uint64(2**24 - 1)).astype(F32) * np.float32(2.0**-24)

    # --- continuous distributions

    def uniform(self, shape: tuple[int, ...], dtype: DTypeLike, low: float = 0.0, high: float = 1.0) -> NDArray[Any]:
        """Numbers spread evenly over [low, high): ``u * (high - low) + low``.

        Args:
            shape: of the result.
            dtype: a floating type; for a complex one, both parts are drawn.
            low, high: the bounds, finite in ``dtype``.

        Raises:
            NotImplementedError: for integer types.
            RuntimeError: if ``low > high``, or a bound or their distance is too large for ``dtype``.
        """
        dtype = np.dtype(dtype)
        if dtype.kind == "c":
            return self.uniform((*shape, 2), _real(dtype), low, high).view(dtype)[..., 0]
        _need_float(dtype, "check_uniform_bounds")
        largest = dtypes.finfo(dtypes.from_numpy(dtype)).max
        _need_bounds(dtype, -largest, largest, {"from": low, "to": high})
        if not 0 <= high - low <= largest:
            found = f"from={low:g} {'>' if low > high else 'and'} to={high:g}"
            need(low <= high, f"uniform_ expects to return a [from, to) range, but found {found}")
            limit = f"std::numeric_limits<{_scalar_name(dtype)}>::max()"
            raise RuntimeError(f"uniform_ expects to-from <= {limit}, but found {found}, which exceed the limit")
        work = F64 if dtype == F64 else F32
        values = self._unit(math.prod(shape), work)
        if (low, high) != (0, 1):
            start, stop = np.array([low, high], work)
            values = fused(values, stop - start, start)
        values = values.astype(dtype, copy=False)
        values[values == np.array(high, dtype)] = low  # rounding may reach the open end
        return values.reshape(shape)

    def normal(self, shape: tuple[int, ...], dtype: DTypeLike, mean: float = 0.0, std: float = 1.0,
            blocks: bool = True) -> NDArray[Any]:  # fmt: skip
        """Normally distributed numbers by the method of Box and Muller (1958).

        Two uniform numbers give two normal ones, ``sqrt(-2 log u1) * (cos, sin)(2 pi u2)``.
        float16 and float32 agree with PyTorch (on a processor with AVX2) to the last bit, float64 too below
        16 numbers; from 16 on it may be off by the last bit, where NumPy's cos or log is.

        Args:
            shape: of the result.
            dtype: a floating type; for a complex one, each part has that mean and half of the variance.
            mean, std: of the distribution.
            blocks: draw 16 at a time where there are so many, as PyTorch does for contiguous memory.

        Raises:
            NotImplementedError: for integer types.
            RuntimeError: if ``std`` is negative or nan.
        """
        dtype = np.dtype(dtype)
        need(std >= 0, f"normal expects std >= 0.0, but found std {std:g}")
        if dtype.kind == "c":
            return self.normal((*shape, 2), _real(dtype), mean, std / math.sqrt(2), blocks).view(dtype)[..., 0]
        _need_float(dtype, "normal_kernel_cpu")
        count = math.prod(shape)
        blocks = blocks and count >= 16
        work = F32 if dtype != F64 and blocks else F64
        values = self._block_normals(count, dtype) if blocks else self._few_normals(count)
        if (mean, std) != (0, 1):
            values = fused(values, work.type(std), work.type(mean))
        if dtype.itemsize == 2:
            values = values.astype(F32, copy=False)
        return values.astype(dtype, copy=False).reshape(shape)

    def _few_normals(self, count: int) -> NDArray[np.float64]:
        values = [] if self._spare is None else [self._spare]
        uniforms = self._unit((count - len(values) + 1) // 2 * 2, F64).tolist()
        for turn, u in zip(uniforms[0::2], uniforms[1::2], strict=True):
            radius, angle = math.sqrt(-2 * math.log1p(-u)), 2 * math.pi * turn
            values += [radius * math.cos(angle), radius * math.sin(angle)]
        self._spare = values.pop() if len(values) > count else None
        return np.array(values, F64)

    def _block_normals(self, count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
        """At least 16 normals. If a rest remains after whole blocks, the last 16 are drawn once more."""
        work = F64 if dtype == F64 else F32
        rest = count % 16
        whole = count - rest
        # PyTorch draws for the rest too, in vain; but not in float16, which goes through a buffer.
        uniforms = self._unit(whole if dtype.itemsize == 2 else count, work)[:whole]
        if not rest:
            return boxmuller(uniforms)
        normals = boxmuller(np.concatenate([uniforms, self._unit(16, work)]))
        return np.concatenate([normals[: count - 16], normals[whole:]])

    def exponential(self, shape: tuple[int, ...], dtype: DTypeLike, lambd: float = 1.0) -> NDArray[Any]:
        """Waiting times at the rate ``lambd``: ``-log(1 - u) / lambd`` with a float64 ``u``.

        Raises:
            RuntimeError: unless ``lambd > 0`` and ``dtype`` is a floating type.
        """
        dtype = np.dtype(dtype)
        need(lambd > 0, f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
        if dtype.kind not in "fV":
            what = f"dtype must be a floating point but you specified {_scalar_name(dtype)}"
            raise RuntimeError(f"Exponential distribution is a continuous probability distribution. {what}")
        values: NDArray[Any] = -1.0 / lambd * np.log1p(-self._unit(math.prod(shape), F64))
        if dtype.itemsize == 2:
            values = values.astype(F32)
        return values.astype(dtype, copy=False).reshape(shape)

    # --- discrete distributions

    def integers(self, low: int, high: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Whole numbers from ``low`` to ``high - 1``: ``draw % (high - low) + low``.

        Args:
            low, high: the range; ``high`` may be one above the largest number of ``dtype``.
            shape: of the result.
            dtype: any type but a complex one.

        Raises:
            RuntimeError: if the range is empty or reaches beyond ``dtype``.
        """
        dtype = np.dtype(dtype)
        need(dtype.kind != "c", "check_random_bounds handles only integral, floating-point and boolean types")
        need(low < high, f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        _need_bounds(dtype, *_range(dtype), {"from": low, "to - 1": high - 1})
        count, span = math.prod(shape), high - low
        draws = self._long_words(count) if span >= 2**28 else self._words(count)
        if span < 2**64:
            draws %= np.uint64(span)
        return (draws.view(np.int64) + np.int64(low)).astype(dtype, copy=False).reshape(shape)

    def any_integers(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Whole numbers from 0 to the largest that ``dtype`` holds exactly: ``Tensor.random_()``."""
        dtype = np.dtype(dtype)
        if dtype == np.int32:  # one word a number here, though the range is wide
            return (self._words(math.prod(shape)) % np.uint64(2**31)).astype(dtype).reshape(shape)
        largest = 2 ** (np.finfo(dtype).nmant + 1) if dtype.kind == "f" else int(_range(dtype)[1])
        return self.integers(0, largest + 1, shape, dtype)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """The numbers 0 to n - 1 in random order, an int64 array of shape (n,): ``torch.randperm``.

        The shuffle of Fisher and Yates. From 214,748,364 numbers on it runs inside out, on 64-bit draws.

        Raises:
            RuntimeError: if ``n`` is negative.
        """
        need(n >= 0, f"Trying to create tensor with negative dimension {n}: [{n}]")
        if n >= LONG_PERMUTATION:
            return self._long_permutation(n)
        steps = np.arange(n)
        partners = steps.copy()
        partners[:-1] += self._words(max(n - 1, 0)).view(np.int64) % (n - steps[:-1])
        return _swap_forward(partners)

    def _long_permutation(self, n: int) -> NDArray[np.int64]:
        result = np.zeros(n, np.int64)
        order = memoryview(result)  # type: ignore[arg-type]
        for start in range(0, n, 2**16):
            steps = np.arange(start, min(start + 2**16, n), dtype=np.uint64)
            partners = self._long_words(len(steps)) % (steps + np.uint64(1))
            for i, j in enumerate(partners.tolist(), start):
                order[i] = order[j]
                order[j] = i
        return result

    def bernoulli(self, p: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """True with probability ``p``: ``u < p`` with a float64 ``u``, the stream of ``Tensor.bernoulli_(p)``
        and of dropout.

        Raises:
            RuntimeError: if ``p`` is outside [0, 1].
        """
        need(0 <= p <= 1, f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        return (self._unit(math.prod(shape), F64) < p).reshape(shape)

    def bernoulli_each(self, p: NDArray[Any]) -> NDArray[np.bool_]:
        """True with the probability that stands in its place in ``p``: ``torch.bernoulli(p)``.

        Args:
            p: floating array; its precision is that of the draws (float32 ones for float16).

        Raises:
            NotImplementedError: if ``p`` is not floating.
            RuntimeError: if a probability is outside [0, 1].
        """
        _need_float(p.dtype, "bernoulli_tensor_cpu_p_")
        need(np.all((p >= 0) & (p <= 1)), "bernoulli expects every probability to be in [0, 1]")
        return self._unit(p.size, F64 if p.dtype == F64 else F32).reshape(p.shape) < p

    def multinomial(self, weights: NDArray[Any], k: int, replacement: bool = False) -> NDArray[np.int64]:
        """Draw ``k`` column numbers from each row, with chances in proportion to the row's weights.

        Without replacement, the ``k`` largest of ``weight / exponential`` are a sample (Efraimidis and
        Spirakis, 2006); so is the largest alone, for a single draw of either kind. With replacement, a
        float64 ``u`` is looked up in the running sum of the weights.

        Args:
            weights: floating array of shape (rows, columns).
            k: how many from each row.
            replacement: whether a column may be drawn twice.

        Returns:
            int64 array of shape (rows, k).

        Raises:
            RuntimeError: if ``weights`` is not floating, ``k`` is not positive or, without replacement,
                larger than the columns, a weight is negative, inf or nan, or a row has no positive weight.
        """
        columns = weights.shape[-1]
        what = "multinomial only supports floating-point dtypes for input"
        need(weights.dtype.kind == "f", f"{what}, got: {_scalar_name(weights.dtype)}")
        need(k > 0, "cannot sample n_sample <= 0 samples")
        enough = replacement or k <= columns
        need(enough, "cannot sample n_sample > prob_dist.size(-1) samples without replacement")
        valid = np.isfinite(weights).all() and (weights >= 0).all()
        need(valid, "probability tensor contains either `inf`, `nan` or element < 0")
        work = weights.astype(F32) if weights.dtype.itemsize == 2 else weights
        running = np.cumsum(work, axis=1)
        positive = columns and (running[:, -1] > 0).all()
        need(positive, "invalid multinomial distribution (sum of probabilities <= 0)")
        if not replacement or k == 1:
            with np.errstate(divide="ignore", over="ignore"):
                keys = weights / self.exponential(weights.shape, weights.dtype)
            return np.argsort(-keys, axis=1, kind="stable")[:, :k].astype(np.int64, copy=False)
        running /= running[:, -1:]
        running[:, -1] = 1
        draws = self._unit(len(weights) * k, F64).reshape(len(weights), k)
        rows = [np.searchsorted(row, u) for row, u in zip(running.astype(F64), draws, strict=True)]
        return np.array(rows, np.int64).reshape(len(weights), k)


def _swap_forward(partners: NDArray[np.int64]) -> NDArray[np.int64]:
    """What ``range(n)`` becomes when place i trades with place ``partners[i] >= i``, i = 0, 1, ... in turn.

    After its turn a place is final, so each turn matters for what it puts into its partner's place. Place i
    holds, when its turn comes, what the latest earlier turn with that partner put there; that turn put what
    it held itself, and so on down to a place nobody wrote to, the ``root``. Turn i takes what its partner's
    place holds: the root of the previous turn that had the same partner.
    """
    n = len(partners)
    steps = np.arange(n)
    root = steps.copy()
    away = partners > steps
    root[partners[away]] = steps[away]  # of several turns with one partner the last is kept
    while not np.array_equal(further := root[root], root):
        root = further
    keys = np.sort(partners << 32 | steps)  # turns grouped by partner
    turn, partner = keys & 0xFFFFFFFF, keys >> 32
    again = np.flatnonzero(partner[1:] == partner[:-1])
    result = partners.copy()
    result[turn[again + 1]] = root[turn[again]]
    return result


def _need_bounds(dtype: np.dtype[Any], least: float, largest: float, bounds: dict[str, float]) -> None:
    for name, bound in bounds.items():
        if not least <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {C_NAMES[dtype.name]}: {bound}")


def _need_float(dtype: np.dtype[Any], what: str) -> None:
    if dtype.kind not in "fV":
        raise NotImplementedError(f"\"{what}\" not implemented for '{_scalar_name(dtype)}'")


def _scalar_name(dtype: np.dtype[Any]) -> str:
    return dtypes.SCALAR_NAMES[dtypes.from_numpy(dtype)]


def _range(dtype: np.dtype[Any]) -> tuple[float, float]:
    if dtype.kind == "b":
        return 0, 1
    info: Any = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    return info.min, info.max


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return F32 if dtype == np.complex64 else F64


# As in PyTorch, only a generator that one makes oneself begins with the default seed.
default_generator = Generator()
default_generator.seed()
