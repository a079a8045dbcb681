"""`check_gradients`: a function of tensors becomes a property test of its derivatives, in one line."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import hypothesis
import numpy as np
from hypothesis import strategies as st

from micrograd_cn import dtypes
from micrograd_cn.autograd import differences
from micrograd_cn.autograd.differences import FlatFunction, Slope, flat, gradient_of, many, signed, split
from micrograd_cn.autograd.function import Function
from micrograd_cn.autograd.gradcheck import GradcheckError
from micrograd_cn.autograd.modes import no_grad
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor
from micrograd_cn.testing.budget import examples
from micrograd_cn.testing.diagnosis import Mismatch, described, pasted, rounded
from micrograd_cn.testing.strategies import broadcastable_shapes, tensors
from micrograd_cn.testing.translation import theirs, translated

Array = np.ndarray[Any, Any]
METHODS = ("central", "complex-step", "torch")
Measure = Callable[[FlatFunction, Array], Slope]


@dataclass
class GradientReport:
    """What a proof has covered: the examples drawn and, of their elements (in each order), how many were compared,
    stood at a kink or a jump, where any finite gradient is let pass, or moved too wildly to be measured; of the last
    two, how many have a gradient that is not finite, as that of sqrt at 0 is."""

    examples: int = 0
    elements: int = 0
    kinks: int = 0
    unsettled: int = 0
    undefined: int = 0


def check_gradients(
    fn: Callable[..., Any], *strategies: Any, order: int = 2, method: str = "central", eps: float = 1e-3,
    atol: float = 1e-8, rtol: float = 1e-6, max_examples: int | None = None, seed: int = 0,
) -> GradientReport:  # fmt: skip
    """Prove the first and second derivatives of a function on random examples, here and now.

    Of each example a random direction is compared, and element by element only what does not agree or has a kink.
    Every floating input is checked, in float64. The same seed draws the same examples.

    Args:
        fn: takes tensors, returns a tensor or several.
        strategies: for each argument a hypothesis strategy (`micrograd_cn.testing.tensors`), a shape, or a value to
            be passed as it is; without any, tensors of small shapes that broadcast.
        order: 2, or 1 for the first derivative alone.
        method: what the derivatives are compared with. "central": differences, extrapolated. "complex-step":
            ``Im f(x + ih) / h`` for the first derivative, which is exact; the function must be analytic. "torch": what
            PyTorch gives for the same code, with its names in place of ours.
        eps: the largest step, relative to ``max(|x|, 1)``.
        atol, rtol: how much may differ, besides the differences' own error.
        max_examples: by default what ``--micrograd-budget`` says.

    Raises:
        GradcheckError: for a wrong derivative, in one sentence: what it is recognised as, and then the element, both
            numbers and the smallest input that fails, as code; also for a function that is not deterministic, returns
            no floating tensor, changes its input, leaves the graph, or is smooth at no example.
        NotImplementedError: where the method cannot be used. What ``fn`` itself raises is passed on, with its input.
    """
    need(order in (1, 2), f"check_gradients: order must be 1 or 2, but it is {order!r}", ValueError)
    need(method in METHODS, f"check_gradients: method must be one of {METHODS}, but it is {method!r}", ValueError)
    drawn = st.tuples(*map(strategy, strategies)) if strategies else _any(fn)
    proof = _Proof(fn, order, method, eps, atol, rtol, seed)

    prove = for_all(drawn, lambda inputs: proof.example(inputs), max_examples, seed, hypothesis.Verbosity.quiet)
    try:
        smallest = proof.smallest(prove)
    except hypothesis.errors.Flaky:
        raise GradcheckError(f"{proof.name} is not deterministic: {_AGAIN}") from None
    except Exception as error:
        error.add_note(f"{proof.name} was given\n{pasted(proof.names, proof.inputs)}")
        raise
    if smallest:
        raise GradcheckError(described(proof.name, smallest, proof.evidence, proof.seen))
    for what, (compared, passed) in zip((proof.name, f"The gradient of {proof.name}"), proof.counts, strict=True):
        why = "it has a kink or a jump at each, or computes with less than double precision"
        said = f"{what} could not be measured at any of {proof.report.examples} examples: {why}"
        need(compared or not passed, said, GradcheckError)
    return proof.report


def for_all(
    drawn: st.SearchStrategy[Any], check: Callable[[Any], None], max_examples: int | None, seed: int,
    verbosity: Any = hypothesis.Verbosity.normal,
) -> Callable[[], None]:  # fmt: skip
    """The test that ``check(inputs)`` raises for nothing that is drawn; if it does, it does last for the smallest."""
    tried = hypothesis.given(inputs=drawn)(lambda inputs: check(inputs))
    return hypothesis.seed(seed)(hypothesis.settings(
        max_examples=max_examples or examples(), database=None, deadline=None, report_multiple_bugs=False,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink), verbosity=verbosity,
        suppress_health_check=list(hypothesis.HealthCheck),
    )(tried))  # fmt: skip


_AGAIN = "the same input gives another result the second time"


class _Wrong(GradcheckError):
    """The last of the evidence says what."""


def strategy(given: Any) -> st.SearchStrategy[Any]:
    """What to draw an argument from: a strategy itself, tensors of a shape, or nothing but the value given."""
    if isinstance(given, st.SearchStrategy):
        return given
    is_shape = isinstance(given, tuple) and all(isinstance(n, int) for n in given)
    return tensors(given, dtypes.float64) if is_shape else st.just(given)


def _signature(fn: Callable[..., Any]) -> inspect.Signature:
    """The signature; of ``apply`` that of ``forward``, without its ctx."""
    owner = getattr(fn, "__self__", None)
    if not (isinstance(owner, type) and issubclass(owner, Function)):
        return inspect.signature(fn)
    signature = inspect.signature(owner.forward)
    skip = owner.setup_context is Function.setup_context
    return signature.replace(parameters=list(signature.parameters.values())[skip:])


def _any(fn: Callable[..., Any]) -> st.SearchStrategy[Any]:
    """Tensors of small shapes that broadcast, for all parameters of ``fn`` that have no default."""
    parameters = _signature(fn).parameters.values()
    named = ", ".join(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty)
    need(not named, f"check_gradients passes no arguments by keyword, but {fn!r} needs {named}: wrap it in "
         f"functools.partial or a lambda that gives them", ValueError)  # fmt: skip
    count = sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    what = f"check_gradients: the parameters of {fn!r} do not say how many tensors it takes; give a strategy for each"
    need(count, what, ValueError)
    shapes = broadcastable_shapes(count)
    return shapes.flatmap(lambda found: st.tuples(*(tensors(tuple(s), dtypes.float64) for s in found)))


def _names(fn: Callable[..., Any], count: int) -> list[str]:
    """The names of the first ``count`` arguments; a function may say them itself in ``argument_names``."""
    if said := getattr(fn, "argument_names", None):
        return list(said)
    try:
        bound = _signature(fn).bind(*range(count)).arguments
    except (TypeError, ValueError):
        return [f"arguments[{i}]" for i in range(count)]
    several = [(name, many(at)) for name, at in bound.items()]
    return [name if at == (bound[name],) else f"{name}[{i}]" for name, at in several for i in range(len(at))]


@dataclass
class _Proof:
    """One run of `check_gradients`: its options, and what it has found."""

    fn: Callable[..., Any]
    order: int
    method: str
    eps: float
    atol: float
    rtol: float
    seed: int
    report: GradientReport = field(default_factory=GradientReport)
    evidence: list[Mismatch] = field(default_factory=list)
    seen: dict[str, FlatFunction] = field(default_factory=dict)
    inputs: Sequence[Any] = ()
    names: Sequence[str] = ()
    counts: Array = field(default_factory=lambda: np.zeros((2, 2), int))  # for each order: compared, let pass
    gathering: bool = False  # evidence, instead of stopping at it
    bent: set[int] = field(default_factory=set)  # the elements of the example with no first derivative

    def __post_init__(self) -> None:
        owner = getattr(self.fn, "__self__", None)
        self.name = getattr(owner if isinstance(owner, type) else self.fn, "__name__", type(self.fn).__name__)
        self.twin = translated(self.fn) if self.method == "torch" and theirs() else None

    def smallest(self, prove: Callable[[], None]) -> Mismatch | None:
        """The smallest example that fails, if any does; gathers evidence of more."""
        try:
            prove()
        except _Wrong:
            if self.evidence[-1].order == 2:  # the first derivative may be wrong at another example
                self.order = 1
                with suppress(_Wrong):
                    prove()
            smallest = self.evidence[-1]
            self.order, self.gathering = smallest.order, True
            prove()
            return smallest
        return None

    def example(self, inputs: Sequence[Any]) -> None:
        """Check one example; raises GradcheckError."""
        self.inputs, self.names = inputs, _names(self.fn, len(inputs))
        leaves = [leaf(x) for x in inputs]
        f = FlatFunction(self.fn, leaves)
        what = f"{self.name} was given no floating tensor, and nothing else has a derivative"
        need(f.checked, what, GradcheckError)
        self._sound(f)
        self.report.examples += 1
        shapes = str([a.shape for a in f.arrays]).encode()
        self.rng = np.random.default_rng([self.seed, zlib.crc32(shapes + f.x.tobytes())])  # a replay draws the same
        self.bent = set()
        self._compare(1, f, self._measure(self.twin, f))
        if self.order == 2:
            starts = [y for y in f.outputs if y.requires_grad]
            starts = [wrap(signed(self.rng, y.shape)).requires_grad_() for y in starts]
            g = FlatFunction(gradient_of(self.fn, leaves), (*leaves, *starts))
            self._recorded(g)
            second = self.twin and gradient_of(self.twin, translated(leaves), theirs())
            self._compare(2, g, self._measure(second, g))
        self.seen.setdefault(str([a.shape for a in f.arrays]), f)

    def _measure(self, twin: Any, f: FlatFunction) -> Measure:
        if not twin:
            exact = self.method == "complex-step" and f.func is self.fn  # rules are not run on complex numbers
            return partial(differences.complex_step if exact else differences.central, eps=self.eps)
        t = FlatFunction(twin, translated(f.inputs), theirs())
        if t.y.shape != f.y.shape or not np.allclose(t.y, f.y, self.rtol, self.atol, equal_nan=True):
            what = "values" if f.func is self.fn else "gradients"
            raise GradcheckError(f"{self.name} is another function on PyTorch: its {what} are {t.y} there, {f.y} here")
        matrix, zeros = t.analytical(), np.zeros(len(f.y))
        return lambda f, v: Slope(v @ matrix, zeros, zeros > 0)

    def _sound(self, f: FlatFunction) -> None:
        """Raises GradcheckError if this is no function that has derivatives, or one that hides them."""
        name = self.name
        try:
            returned = self.fn(*f.inputs)
        except Exception as error:
            plain = [wrap(x._array.copy()) if i in f.checked else x for i, x in enumerate(f.inputs)]
            with no_grad():
                self.fn(*plain)  # raises again, unless it is the graph that it cannot live with
            self._unchanged(f, plain)
            what = "runs on plain tensors only, so it leaves the graph (NumPy, .item()?)"
            raise GradcheckError(f"{name} {what}: {type(error).__name__}: {error}") from error
        self._unchanged(f, f.inputs)
        found = differences.tensors_in(returned)
        kinds = ", ".join(dict.fromkeys(type(y).__name__ for y in many(returned))) or "an empty tuple"
        need(found, f"{name} returns no tensor: {kinds}{' (no return?)' * (kinds == 'NoneType')}", GradcheckError)
        floating = [y for y in found if y.is_floating_point()]
        what = f"{name} returns {found[0].dtype}: whole numbers and bools have no derivative"
        need(floating, what, GradcheckError)
        narrow = [y.dtype for y in floating if y.dtype is not dtypes.float64]
        need(not narrow, f"{name} returns {narrow} for float64 inputs: the dtype is lost on the way", GradcheckError)
        again = np.array_equal(f.y, flat([y._array for y in floating]), equal_nan=True)
        need(again, f"{name} is not deterministic: {_AGAIN}", GradcheckError)
        if not any(y.requires_grad for y in floating):
            constant = np.array_equal(f(f.x + signed(np.random.default_rng(0), f.x.shape)), f.y, equal_nan=True)
            why = "and is constant" if constant else "though it depends on the input: it breaks the graph"
            raise GradcheckError(f"{name} returns what requires no grad, {why} (detach(), .item(), NumPy?)")

    def _recorded(self, g: FlatFunction) -> None:
        """Raises GradcheckError if the gradient is not the same with a graph of its own as without."""
        plain = g(g.x)
        try:
            found = g.y
        except Exception as error:
            what = "runs on plain tensors only (NumPy, .item()?), so there is no second derivative; pass order=1"
            raise GradcheckError(f"backward of {self.name} {what}: {type(error).__name__}: {error}") from error
        same = found.shape == plain.shape and np.allclose(found, plain, self.rtol, self.atol, equal_nan=True)
        steady = same or all(np.array_equal(g(g.x), plain, equal_nan=True) for _ in range(20))
        need(steady, f"{self.name} is not deterministic: {_AGAIN}", GradcheckError)
        what = f"The gradient of {self.name} under create_graph=True is {found}, but {plain} without"
        need(same, what, GradcheckError)

    def _unchanged(self, f: FlatFunction, inputs: Sequence[Any]) -> None:
        for i, before in zip(f.checked, split(f.x, f.arrays), strict=True):
            same = not inputs[i]._version and np.array_equal(inputs[i]._array, before, equal_nan=True)
            need(same, f"{self.name} changes its input {self.names[i]} in place; work on a clone()", GradcheckError)

    def _compare(self, order: int, f: FlatFunction, measure: Measure) -> None:
        """Raises _Wrong if a derivative differs."""
        scale, finite = f.scale, np.isfinite(f.y)
        u = signed(self.rng, finite.shape) * finite
        f(f.x + self.eps * signed(self.rng, scale.shape) * scale)  # another call must not change what is swept
        swept = f.sweep(u)
        what = f"backward of {self.name} changes its gradient in place; work on a clone()"
        need(not f.overwritten, what, GradcheckError)

        def wrong(part: Array) -> bool:
            """Whether these elements of the input differ in a random direction and, if so, whether one alone does."""
            v = np.zeros(len(scale))
            v[part] = signed(self.rng, part.shape) * scale[part]
            slope = Slope(*(a[finite] for a in measure(f, v)))
            settled, start = slope.settled.all(), u[finite]
            allowed = self.atol + np.abs(start) @ (self.rtol * np.abs(slope.value) + 10 * slope.error)
            if settled and abs(swept[part] @ v[part] - start @ slope.value) <= allowed:
                self.report.elements += len(part)
                self.counts[order - 1, 0] += len(part)
                return False
            if len(part) > 1:
                return any(map(wrong, np.array_split(part, 2)))
            nan = np.isnan(swept[part]).any()
            hidden = nan and not finite.all()  # 0 · NaN of another output is no fault
            vague = nan and not self.bent.isdisjoint(part)  # nor is the derivative of a first one that does not exist
            if settled and hidden:
                return False
            if settled and not vague:
                smooth = self._smooth(f, measure)[finite]
                rest = np.zeros(len(u))
                rest[finite] = start * smooth
                allowed = self.atol + np.abs(start * smooth) @ (self.rtol * np.abs(slope.value) + 10 * slope.error)
                off = f.sweep(rest)[part] @ v[part] - (start * smooth) @ slope.value
                if smooth.all() or not abs(off) <= allowed:
                    return True
            elif not np.isfinite(swept[part]).all() and not hidden:
                what = f"The gradient of {self.name} is {swept[part]} at a kink with finite slopes on both sides"
                need(vague or not _corner(f, v, self.eps), what, GradcheckError)
                self.report.undefined += 1
            bent = bool(settled or slope.kink.any())
            self.bent.update(part if order == 1 else ())
            self.report.kinks, self.report.unsettled = self.report.kinks + bent, self.report.unsettled + (not bent)
            self.counts[order - 1, 1] += 1
            return False

        if wrong(np.arange(len(scale))) or rounded(swept, self.atol):
            names = [*self.names, *["grad_output"] * (len(f.inputs) - len(self.names))]
            self.evidence.append(Mismatch(order, f, names, partial(measure, f), u, swept, self.rtol, self.atol))
            if not self.gathering:
                raise _Wrong
        else:
            self._repeatable(f, u, swept)

    def _repeatable(self, f: FlatFunction, u: Array, swept: Array) -> None:
        """Raises GradcheckError if another sweep of the same graph, or one from numbers with gaps, differs."""
        for strided, why in ((False, "at the second sweep of the same graph: backward keeps something between sweeps"),
                             (True, "from a grad_output that is not contiguous")):  # fmt: skip
            again = f.sweep(u, strided)
            same = np.allclose(again, swept, self.rtol, self.atol, equal_nan=True)
            need(same, f"The gradient of {self.name} is {again} and not {swept} {why}", GradcheckError)

    def _smooth(self, f: FlatFunction, measure: Measure) -> Array:
        """Which outputs have a derivative: the slopes along the axes add up to that in a random direction.

        Where three numbers tie, the median has a slope in every direction and yet no derivative.
        """
        v = signed(self.rng, f.scale.shape) * f.scale
        whole, axes = measure(f, v), [measure(f, e) for e in np.diag(v)]
        error = whole.error + sum(a.error for a in axes)
        off = np.abs(whole.value - sum(a.value for a in axes))
        return np.asarray(off <= self.atol + self.rtol * np.abs(whole.value) + 10 * error) & ~whole.kink


def leaf(x: Any) -> Any:
    """A floating tensor as a leaf of float64, laid out as it was; anything else as it is."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        return x
    return wrap(x._array if x.dtype is dtypes.float64 else x._array.astype(np.float64)).requires_grad_()


def _corner(f: FlatFunction, v: Array, eps: float) -> bool:
    """Whether the outputs have finite slopes on both sides: they stay the same as the step shrinks."""
    with np.errstate(all="ignore"):
        near, far = (np.array([f(f.x + h * v) - f.y, f(f.x - h * v) - f.y]) / h for h in (eps / 100, eps))
    return bool(np.allclose(near, far, 0.1, 10 * eps))
