"""What a wrong derivative is recognised as, and the report that says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations
from typing import Any

import numpy as np

from micrograd_cn.autograd.differences import Array, FlatFunction, Slope, split
from micrograd_cn.testing.printing import as_code


@dataclass
class Mismatch:
    """An example whose derivative is wrong.

    Attributes:
        order: of the derivative. f: the function, or its gradient for the second order; names: of its inputs.
        measure: the derivative in a direction. start, swept: a random gradient of the outputs, and what it gave.
        expected, found, allowed (once `measured`): the Jacobians ``(inputs, outputs)`` by ``measure`` and by sweeps,
            and how much they may differ; counts: which of their elements can be compared.
        worst: the element that differs most; key: the input and the output it belongs to.
    """

    order: int
    f: FlatFunction
    names: list[str]
    measure: Callable[[Array], Slope]
    start: Array
    swept: Array
    rtol: float
    atol: float

    def measured(self) -> Mismatch:
        """This, with its Jacobians; they take a while."""
        f, finite = self.f, np.isfinite(self.f.y)
        rows = [self.measure(e) for e in np.diag(f.scale)]
        value, error = (np.array([row[i] for row in rows]) / f.scale[:, None] for i in (0, 1))
        self.counts = finite & np.array([row.settled[finite].all() for row in rows])[:, None]
        self.expected, self.found = np.where(self.counts, value, 0), f.analytical()
        self.allowed = self.atol + self.rtol * np.abs(self.expected) + np.where(self.expected == 0, 0, 10 * error)
        off = np.where(self.counts, np.nan_to_num(np.abs(self.found - self.expected) / self.allowed, nan=1e300), 0)
        self.in_jacobian = off.max() > 1
        if not self.in_jacobian:
            off = np.nan_to_num(np.abs(self.swept - self.expected @ self.start), nan=1e300)[:, None]
        self.worst = np.unravel_index(off.argmax(), off.shape)
        ins, outs = (np.repeat(np.arange(len(a)), [t.size for t in a]) for a in (f.arrays, self._outs()))
        self.key = int(ins[self.worst[0]]), int(outs[self.worst[1]])
        self.rows, self.columns = np.flatnonzero(ins == self.key[0]), np.flatnonzero(outs == self.key[1])
        self.x, self.y = f.arrays[self.key[0]], self._outs()[self.key[1]]
        self.name = self.names[f.checked[self.key[0]]]
        return self

    def _outs(self) -> list[Array]:
        return split(self.f.y, self.f.outputs)

    def block(self, matrix: Array, rows: Array | None = None) -> Array:
        """The part that belongs to the input and the output at fault, in the shape ``(*input, *output)``."""
        return matrix[np.ix_(self.rows if rows is None else rows, self.columns)].reshape(self.x.shape + self.y.shape)

    def fits(self, candidate: Array) -> bool:
        """Whether a sweep has given just this block."""
        found, allowed = self.block(self.found), self.block(self.allowed)
        if candidate.shape != found.shape:
            return False
        counts = self.block(self.counts)
        return bool((np.abs(candidate - found) <= allowed + 1e-7 * np.abs(candidate))[counts].all())


def rounded(swept: Array, atol: float) -> bool:
    """Whether a gradient consists of float32 numbers; what is left of a gradient of 0 by rounding does not count."""
    used = swept[np.isfinite(swept) & (np.abs(swept) > atol)]
    return len(used) > 0 and bool((used == used.astype(np.float32)).all())  # never by chance: the start is random


_ADDED = "off by a constant: a term is added that should not be, or is missing"


def _guesses(case: Mismatch, seen: dict[str, FlatFunction]) -> Iterator[tuple[str, Array]]:
    """What may have gone wrong, the likeliest first, each with the Jacobian that it would give."""
    right, found, x, y = case.block(case.expected), case.block(case.found), case.x, case.y
    first = x.reshape(x.shape + (1,) * y.ndim)
    missing = "a term of the second derivative is missing: backward computes with numbers that are not in the graph"
    cut = "its path to the output is cut (detach(), .item(), NumPy, or a rule that gives nothing)"
    yield f"zero: {missing if case.order == 2 else cut}", 0 * right
    if not found.any():
        return
    yield "of the wrong sign", -right
    for i, a in enumerate(case.f.arrays):
        if i != case.key[0] and a.shape == x.shape:
            rows = np.arange(a.size) + sum(b.size for b in case.f.arrays[:i])
            yield f"the one of {case.names[case.f.checked[i]]}: the two are swapped", case.block(case.expected, rows)
    if right.any():
        at = np.unravel_index(np.abs(right).argmax(), right.shape)
        ratio = found[at] / right[at]
        if np.isfinite(ratio) and ratio != -1:
            near = Fraction(float(ratio)).limit_denominator(64)
            exact = abs(near - ratio) <= 1e-6 * abs(ratio)
            yield f"{near if exact else f'{ratio:.4g}'} times the right one: a constant factor", ratio * right
    for n in sorted({*x.shape, *y.shape, x.size, y.size, max(1, y.size // max(1, x.size))} - {0, 1}):
        yield "divided by a number of elements: a mean where a sum is right", right / n
        yield "multiplied by a number of elements: a sum where a mean is right", right * n
    if right.ndim <= 5:
        for order in permutations(range(right.ndim)):
            lower = y.ndim < x.ndim and order[x.ndim :] == tuple(range(x.ndim, right.ndim))
            yield "along the wrong axis" if lower else "transposed", right.transpose(order)
    for axis in range(x.ndim):
        for step in (1, -1):
            moved = np.roll(right, step, axis)
            yield f"shifted by one along axis {axis}: an index is off by one", moved
            end = [slice(None)] * right.ndim
            end[axis] = slice(0, 1) if step > 0 else slice(-1, None)
            moved[tuple(end)] = 0  # np.roll has copied
            yield f"shifted by one along axis {axis}: an index is off by one", moved
        yield f"reversed along axis {axis}", np.flip(right, axis)
    with np.errstate(all="ignore"):
        others = [(case.name, first)] + [("the output", y)] * (case.order == 1)
        others += [(case.names[i], a) for i, a in zip(case.f.checked, case.f.arrays, strict=True) if a.shape == y.shape]
        for what, factor in others:
            for power in (1, -1, 2, -2):
                excess = "too often" if power > 0 else "too seldom"
                yield f"wrong by a power: multiplied {excess} by {what}", right * factor ** float(power)
        yield "inverted: 1 over the right one", np.where(right == 0, 0, 1 / right)
    yield "rounded to whole numbers: an integer dtype on the way", np.trunc(right)
    yield "without its sign: an absolute value", np.abs(right)
    for sign, chosen in (("<", first < 0), (">", first > 0)):
        said = f"right except where {case.name} {sign} 0: a branch of the function is not chained"
        yield said, np.where(chosen, found, right)
    part = np.where(found == 0, 0, right)
    several = (right.reshape(x.size, y.size) != 0).sum(1) > 1
    if several.any() and found.any():
        said = "without some of the outputs that an input element is used in: a sum over broadcast dimensions, "
        yield f"{said}duplicate indices or cross terms is missing", part
    off = np.where(np.abs(found - right) <= case.block(case.allowed), 0, found - right)
    yield _ADDED, right + off.flat[np.abs(off).argmax()] * (off != 0)
    axes = [_coupled(j, x, y) for j in (right, found)]
    if x.shape == y.shape and axes[0] != axes[1]:
        yield f"along the wrong axis: elements depend on each other along {axes[1]}, and should along {axes[0]}", found
    first_alike = seen.get(str([a.shape for a in case.f.arrays]))
    points = [("that of an earlier call: a saved value is stale", first_alike.x)] if first_alike else []
    if x.shape == y.shape:
        moved = case.f.x.copy()
        moved[case.rows] = y.ravel()
        points.append(("that at the output: a rule takes the output for the input", moved))
    for said, point in points if case.order == 1 else ():
        other = FlatFunction(case.f.func, case.f.inputs)
        other.x = point
        yield said, case.block(other.numerical(1e-5))


def _coupled(jacobian: Array, x: Array, y: Array) -> str:
    """Along which axes an input element acts upon outputs at another place."""
    if x.shape != y.shape:
        return ""
    places = np.argwhere(np.abs(jacobian) > 1e-9)
    differ = (places[:, : x.ndim] != places[:, x.ndim :]).any(0)
    return f"axis {', '.join(map(str, np.flatnonzero(differ)))}" if differ.any() else "none"


def _cause(last: Mismatch, evidence: Sequence[Mismatch], seen: dict[str, FlatFunction]) -> str:
    """What the gradient is: what fits most of the cases that have the most numbers in them."""
    f, start, swept = last.f, last.start, last.swept
    if not np.isfinite(swept[last.counts.any(1)]).all():
        return "not finite where the function is smooth"
    fresh = [FlatFunction(f.func, f.inputs).sweep(start) for _ in range(3)]
    if not np.array_equal(fresh[1], fresh[2], equal_nan=True):
        return "another one each time: backward is not deterministic"
    if not np.array_equal(fresh[2], swept, equal_nan=True):
        return "stale: backward uses what a later call has overwritten, so keep values in ctx.save_for_backward()"
    if swept.any() and np.allclose(f.sweep(2 * start), swept, 1e-9, 0):
        return "not multiplied by grad_output: it stays the same when that doubles"
    if rounded(swept, last.atol):
        return "rounded to float32: a dtype is lost on the way"
    small = [c for c in evidence if c.order == last.order and c.start.size * c.swept.size <= 400] or [last]
    small = [c for c in small if len(np.unique(c.f.x)) > 1] or small  # a single number looks like many a mistake
    rich = sorted(small, key=lambda case: -len(np.unique(case.f.x)))[:12]
    cases = [case for case in (case.measured() for case in rich) if case.key == last.key]
    votes: dict[str, int] = {}
    for case in cases:
        for said in dict.fromkeys(said for said, guess in _guesses(case, seen) if case.fits(guess)):
            votes[said] = votes.get(said, 0) + 1
    best = [said for said, count in votes.items() if count == max(votes.values()) > len(cases) / 2]
    best = [said for said in best if said != _ADDED] or best
    if best:
        return " or ".join(best[:2])
    return "like nothing known: " + ("a term of the second derivative is wrong" if last.order == 2 else "a wrong rule")


def described(name: str, case: Mismatch, evidence: Sequence[Mismatch], seen: dict[str, FlatFunction]) -> str:
    """The report of a wrong derivative: a sentence, the numbers, and the smallest input."""
    row, column = case.measured().worst
    k, i = case.key[1], int(np.flatnonzero(case.rows == row)[0])
    output = name if case.order == 1 else f"(grad_output · d {name} / d {case.names[case.f.checked[k]]})"
    expected, found, error = (m[row, column] for m in (case.expected, case.found, case.allowed))
    if case.order == 1 and len(case.f.outputs) > 1:
        output += f" (output {case.key[1]})"
    above = output + _index(int(np.flatnonzero(case.columns == column)[0]), case.y.shape)
    if not case.in_jacobian:
        expected, found, error = case.expected[row] @ case.start, case.swept[row], case.allowed[row] @ abs(case.start)
        above = f"({output} · {case.start.tolist()})"
    kind = "gradient" if case.order == 1 else "second derivative (the first is right)"
    with np.errstate(all="ignore"):
        ratio = found / expected + 0.0  # no -0
    return f"""The {kind} of {name} with respect to {case.name} is {_cause(case, evidence, seen)}.

d {above} / d {case.name}{_index(i, case.x.shape)}
numerical   {expected:.12g} (within {error:.1g})
analytical  {found:.12g}
ratio       {ratio:.6g}

The smallest input that fails:
{pasted(case.names, case.f.inputs)}"""


def _index(place: int, shape: tuple[int, ...]) -> str:
    """``[1, 2]``: the index of the element at a place in C order; nothing for a number."""
    return str([int(i) for i in np.unravel_index(place, shape)]) if shape else ""


def pasted(names: Sequence[str], inputs: Sequence[Any]) -> str:
    """Code that makes the inputs again."""
    names = [re.sub(r"\W+", "_", name).rstrip("_") for name in names]
    return "\n".join(["import micrograd_cn", *(f"{n} = {as_code(x)}" for n, x in zip(names, inputs, strict=True))])
