"""Derivatives measured by differences beside those that a sweep gives: what `gradcheck` and `check_gradients` share.

Richardson's extrapolation: https://en.wikipedia.org/wiki/Richardson_extrapolation; the complex step: Squire and Trapp,
"Using complex variables to estimate derivatives of real functions", SIAM Review 40 (1998).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from micrograd_cn.autograd.modes import enable_grad, is_grad_enabled, no_grad
from micrograd_cn.autograd.sweeps import grad
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor

Array = np.ndarray[Any, Any]


class Library(NamedTuple):
    """What a framework must offer for its derivatives to be measured."""

    tensor: Any
    wrap: Callable[[Array], Any]
    array: Callable[[Any], Array]
    grad: Callable[..., Any]
    no_grad: Callable[[], Any]
    enable_grad: Callable[[], Any]
    is_grad_enabled: Callable[[], bool]


OURS = Library(Tensor, wrap, attrgetter("_array"), grad, no_grad, enable_grad, is_grad_enabled)


def many(x: Any) -> tuple[Any, ...]:
    """A tuple or list as a tuple, anything else alone in one."""
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def tensors_in(result: Any, kind: Any = Tensor) -> list[Any]:
    """The tensors in what a function returns, however nested in tuples, lists and dicts."""
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, (tuple, list)) else ()
    return [result] if isinstance(result, kind) else [y for part in parts for y in tensors_in(part, kind)]


def flat(arrays: Sequence[Array]) -> Array:
    """All elements in one vector, of float64 (or complex128)."""
    parts = [a.astype(np.complex128 if a.dtype.kind == "c" else np.float64).ravel() for a in arrays]
    return parts[0] if len(parts) == 1 else np.concatenate(parts or [np.zeros(0)])


class FlatFunction:
    """A function of tensors near one point, as a map from one vector to another.

    The vector of the inputs holds all elements of those that require grad; that of the outputs all of the floating
    tensors that the function returns.

    Args:
        func: takes the inputs, returns a tensor or several.
        inputs: its arguments; those that are tensors and require grad are the variables.
        library: whose tensors they are.
        in_place: move the inputs themselves, for a function that reads them from elsewhere than its arguments too.

    Attributes:
        x: the point; scale: what a step is relative to there. checked: which inputs are variables; arrays: theirs.
        outputs: what the function returns at the point, recorded.
        overwritten: whether the last sweep has written to the gradient that it started from.
    """

    overwritten = False

    def __init__(
        self, func: Callable[..., Any], inputs: Sequence[Any], library: Library = OURS, in_place: bool = False
    ) -> None:
        self.func, self.inputs, self.library, self.in_place = func, tuple(inputs), library, in_place
        self.checked = variables(inputs, library)
        self.arrays = [library.array(inputs[i]) for i in self.checked]
        self.x = flat(self.arrays)
        self.scale = np.where(np.isfinite(self.x), np.maximum(np.abs(self.x), 1), 1)

    @cached_property
    def outputs(self) -> list[Any]:
        return self._floating(self.func(*self.inputs))

    def _floating(self, result: Any) -> list[Any]:
        tensors = tensors_in(result, self.library.tensor)
        need(tensors, f"derivatives are those of a tensor, but {self.func!r} returns none: {result!r:.80}", TypeError)
        return [y for y in tensors if y.is_floating_point() or y.is_complex()]

    def __call__(self, x: Array) -> Array:
        """The outputs at another point."""
        args = list(self.inputs)
        for i, a, part in zip(self.checked, self.arrays, split(x, self.arrays), strict=True):
            if self.in_place:
                a[...] = part
            else:
                args[i] = self.library.wrap(part)
        with self.library.no_grad():
            return flat([self.library.array(y) for y in self._floating(self.func(*args))])

    @cached_property
    def y(self) -> Array:
        """The outputs at the point, as one vector."""
        return flat([self.library.array(y) for y in self.outputs])

    def sweep(self, start: Array, strided: bool = False) -> Array:
        """The gradient at the point that a sweep from the outputs' gradient ``start`` gives.

        ``strided`` lays the same numbers out with gaps between them.
        """
        parts = split(start, self.outputs)
        ys = [(y, part) for y, part in zip(self.outputs, parts, strict=True) if y.requires_grad and part.any()]
        if not ys:
            return np.zeros(len(self.x))
        arrays = [part.astype(self.library.array(y).dtype) for y, part in ys]
        starts = [self.library.wrap(np.stack([a, a], -1)[..., 0] if strided else a) for a in arrays]
        xs = [self.inputs[i] for i in self.checked]
        found = self.library.grad([y for y, _ in ys], xs, starts, retain_graph=True, allow_unused=True)
        self.overwritten = not all(map(np.array_equal, arrays, (part for _, part in ys)))
        zeros = [np.zeros(a.shape) for a in self.arrays]
        return flat([z if g is None else self.library.array(g) for g, z in zip(found, zeros, strict=True)])

    def analytical(self) -> Array:
        """The matrix ``d outputs / d inputs``, ``(inputs, outputs)``: a sweep for each output element."""
        rows = [self.sweep(one) for one in np.eye(len(self.y))]
        return np.array(rows).reshape(len(self.y), len(self.x)).T

    def numerical(self, eps: float) -> Array:
        """The same matrix by central differences ``(f(x + eps) - f(x - eps)) / (2 eps)``."""
        try:
            rows = [(self(self.x + d) - self(self.x - d)) / (2 * eps) for d in eps * np.eye(len(self.x))]
            return np.array(rows).reshape(len(self.x), len(self.y))
        finally:
            if self.in_place:
                self(self.x)


def variables(inputs: Sequence[Any], library: Library = OURS) -> list[int]:
    """Which inputs require grad; one that is passed twice is one variable."""
    found = {id(x): i for i, x in reversed([*enumerate(inputs)]) if isinstance(x, library.tensor) and x.requires_grad}
    return sorted(found.values())


def signed(rng: np.random.Generator, shape: Any) -> Array:
    """Random numbers of either sign, none of them small."""
    return np.asarray(rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape))


def split(x: Array, like: Sequence[Any]) -> list[Array]:
    """A vector cut into arrays of the shapes of ``like``."""
    shapes = [tuple(a.shape) for a in like]
    if len(shapes) == 1:
        return [x.reshape(shapes[0])]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(x, ends)[: len(shapes)], shapes, strict=True)]


def gradient_of(func: Callable[..., Any], inputs: Sequence[Any], library: Library = OURS) -> Callable[..., Any]:
    """The function ``(*inputs, *grad_outputs) -> gradients`` of those ``inputs`` that require grad.

    Its derivatives are the second ones of ``func``; in `no_grad` it computes without a graph of its own.
    """
    checked, count = variables(inputs, library), len(inputs)

    def gradient(*args: Any) -> tuple[Any, ...]:
        create, xs = library.is_grad_enabled(), list(args[:count])
        with library.enable_grad():
            for i in checked:
                xs[i] = xs[i] if xs[i].requires_grad else xs[i].detach().requires_grad_()
            ys = [y for y in tensors_in(func(*xs), library.tensor) if y.requires_grad]
            wanted = [xs[i] for i in checked]
            return tuple(
                library.grad(ys, wanted, args[count:], create_graph=create, allow_unused=True, materialize_grads=True)
            )

    return gradient


class Slope(NamedTuple):
    """A measured derivative of each output: its value, how far it may be off, and where there is a kink or a jump."""

    value: Array
    error: Array
    kink: Array

    @property
    def settled(self) -> Array:
        """Where the value can be relied on."""
        return ~self.kink & (self.error <= 1e-4 * (1 + np.abs(self.value)))


def central(f: FlatFunction, v: Array, eps: float = 1e-3) -> Slope:
    """``d f(x + t v) / dt`` by central differences at three steps, extrapolated twice, with the error's estimate.

    It takes the steps ``eps``, ``eps/2`` and ``eps/4`` and, where the estimate is poor, much smaller ones.
    At a kink the two one-sided differences do not draw together as the step shrinks; at a jump they part.
    """
    y = f.y
    best = Slope(np.full(len(y), np.nan), np.full(len(y), np.inf), np.ones(len(y), bool))
    with np.errstate(all="ignore"):
        for scale in (eps, eps / 10000, eps / 100):
            slopes, bends, reach = [], [], np.abs(y)
            for step in (scale / 4, scale / 2, scale):
                a, b = f(f.x + step * v), f(f.x - step * v)
                slopes.append((a - b) / (2 * step))
                bends.append(np.abs((a - y) - (y - b)) / step)
                reach = np.maximum(reach, np.maximum(np.abs(a), np.abs(b)))
            fine, coarse = (4 * slopes[0] - slopes[1]) / 3, (4 * slopes[1] - slopes[2]) / 3
            value = (16 * fine - coarse) / 15
            noise = 2.0**-50 * (reach + np.abs(value)) / (scale / 4)
            error = np.nan_to_num(np.abs(fine - coarse) + noise, nan=np.inf)
            kink = bends[0] > np.maximum(bends[2] / 2, 4 * noise)
            better = np.where(best.kink == kink, error < best.error, best.kink & np.isfinite(error))
            best = Slope(*(np.where(better, new, old) for new, old in zip((value, error, kink), best, strict=True)))
            if (best.kink & (scale < eps) | (best.error <= 1e-9 * (1 + np.abs(best.value))) & ~best.kink).all():
                break
    return best


def complex_step(f: FlatFunction, v: Array, eps: float = 1e-3) -> Slope:
    """``Im f(x + i h v) / h``, which subtracts nothing and so is exact; `central` says where the kinks are.

    Raises:
        NotImplementedError: if an operation in the function does not take complex numbers as it takes real ones.
    """
    rough, h = central(f, v, eps), 1e-20
    what = "the complex step needs a function that is analytic and takes complex numbers; use method='central': "
    try:
        z = f(f.x + 1j * h * v)
    except (NotImplementedError, TypeError, RuntimeError, ValueError) as error:
        raise NotImplementedError(f"{what}{error}") from error
    value = z.imag / h
    off = rough.settled & ~(np.abs(value - rough.value) <= 1e-4 * (1 + np.abs(value)) + 10 * rough.error)
    if z.dtype.kind != "c" or off.any():
        raise NotImplementedError(f"{what}its result for complex numbers is not the same function (abs, a comparison?)")
    return Slope(value, np.where(rough.settled, 2.0**-48 * np.abs(value), rough.error), rough.kink)
