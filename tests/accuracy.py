"""Functions and their derivatives as formulas in NumPy's longest float, independent of the library's own code.

A formula returns each result with its *scale*: the sum of the sizes of the terms that the result is made of. Where
nothing cancels the scale is the result's own size. Where terms do cancel (``x - mean`` of numbers that are nearly
equal), or an exponential multiplies the rounding of its argument, an algorithm that rounds its intermediate results
to float32 errs by some ulp of the scale. So errors are given in ulp, distances between neighbouring float32 numbers,
at the scale; see Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 1.6 and chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from scipy import special

KEY = "accuracy"
LIMIT = 4.0
Long = np.longdouble
Result = tuple[Any, Any]
"""What is right, and its scale."""

# --- where the inputs lie ---------------------------------------------------------------------------------------------

SIZES = (1e-30, 1e-15, 1.0, 10.0, 100.0, 1e15, 1e30)
REGIMES = (*(f"{size:.0e}" if size not in (1, 10, 100) else f"{size:.0f}" for size in SIZES), "mixed", "1e5 ± 1")


def draw(regime: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """float32 numbers of both signs, of a size up to that of the regime; "mixed": of all sizes side by side.

    "1e5 ± 1": of nearly the same size, so that differences lose 5 digits.
    """
    sign = rng.choice([-1.0, 1.0], shape)
    if regime == "1e5 ± 1":
        return np.float32(1e5 + sign * rng.uniform(0, 1, shape))
    if regime == "mixed":
        return np.float32(sign * 10 ** rng.uniform(-30, 30, shape))
    return np.float32(sign * float(regime) * rng.uniform(0.01, 1, shape))


def ulps(found: Any, right: Any, scale: Any) -> float:
    """The largest error in ulp of float32 at the scale; infinite if one of both is not finite and the other is."""
    found, right = np.asarray(found), np.asarray(right)
    assert found.dtype == np.float32 and found.shape == right.shape, (found.dtype, found.shape, right.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = right.astype(np.float32)
        size = np.minimum(np.maximum(np.abs(right), scale), np.finfo(np.float32).max).astype(np.float32)
        error = np.abs(found - right) / np.spacing(size).astype(Long)
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    error = np.where(same, np.where(np.isfinite(rounded), error, 0), np.where(np.isfinite(error), error, np.inf))
    return float(error.max(initial=0))


# --- formulas of one number -------------------------------------------------------------------------------------------


def _wide(f: Callable[..., Any], x: Any) -> Any:
    """SciPy's function in float64."""
    return Long(f(np.float64(x)))


def _sigmoid(x: Any) -> Any:
    return np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x)))


def _log1pexp(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _plain(f: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Callable[[Any], tuple[Result, Result]]:
    """A function and its slope, of which nothing cancels."""

    def truth(x: Any) -> tuple[Result, Result]:
        return (f(x), 0), (slope(x), 0)

    return truth


def sigmoid(x: Any) -> tuple[Result, Result]:
    s = _sigmoid(x)
    return (s, 0), (s * _sigmoid(-x), s)  # s (1 - s)


# A factor below 2**-126, the smallest normal number, may be lost: that is 2 ulp of this.
_FLUSHED = 2.0**-104


def silu(x: Any) -> tuple[Result, Result]:
    s, lost = _sigmoid(x), np.abs(x) * _FLUSHED
    with_slope = x * s * _sigmoid(-x)
    return (x * s, lost), (s + with_slope, s + np.abs(x) * s + lost)  # s (1 + x (1 - s))


def _times_distribution(x: Any, p: Any, d: Any, far: Any, cancels: Any = 0) -> tuple[Result, Result]:
    """``x p(x)``, where ``d`` is the slope of p, of terms that cancel, and ``far`` the condition of its exponential."""
    d, lost = np.where(d == 0, 0, x * d), np.abs(x) * _FLUSHED
    below = np.where(x < 0, 1 + far, 1)
    return (x * p, np.abs(x) * p * below + lost), (p + d, p * below + np.abs(d) * (1 + far) + cancels + lost)


def gelu(x: Any) -> tuple[Result, Result]:
    return _times_distribution(x, _wide(special.ndtr, x), np.exp(-x * x / 2) / np.sqrt(2 * Long(np.pi)), x * x)


def gelu_tanh(x: Any) -> tuple[Result, Result]:
    # (1 + tanh(u)) / 2 is the sigmoid of 2u
    c = 2 * np.sqrt(2 / Long(np.pi))
    u, du = c * (x + Long(0.044715) * x**3), c * (1 + 3 * Long(0.044715) * x * x)
    p, other = _sigmoid(u), _sigmoid(-u)
    # Of p (1 - p), unless one of both is rounded to 0.
    cancels = np.abs(x) * du * np.where(other > 2.0**-27, np.maximum(p * (p > 0.5), _FLUSHED * (u > -200)), 0)
    return _times_distribution(x, p, p * other * du, np.abs(u), cancels)


def erf(x: Any) -> tuple[Result, Result]:
    d = 2 / np.sqrt(Long(np.pi)) * np.exp(-x * x)
    return (_wide(special.erf, x), 0), (d, d * (1 + x * x))


def erfc(x: Any) -> tuple[Result, Result]:
    d = 2 / np.sqrt(Long(np.pi)) * np.exp(-x * x)
    return (_wide(special.erfc, x), 0), (-d, d * (1 + x * x))


# --- formulas of rows -------------------------------------------------------------------------------------------------


def _total(x: Any) -> Any:
    return x.sum(-1, keepdims=True)


def _soft(x: Any) -> tuple[Any, Any, Any, Any]:
    """Softmax along the rows with its scale, log-softmax with its own."""
    z = x - x.max(-1, keepdims=True)
    e = np.exp(z)
    p, log = e / _total(e), np.log(_total(e))
    # Rounding z changes exp(z) by z of its ulp; the sum is at least 1, so is the number whose logarithm is taken.
    return p, p * (1 + np.abs(z)), z - log, np.abs(z) + 1


def softmax(x: Any, g: Any) -> tuple[Result, Result]:
    p, scale, *_ = _soft(x)
    return (p, scale), (p * (g - _total(g * p)), scale * (np.abs(g) + _total(np.abs(g) * scale)))


def log_softmax(x: Any, g: Any) -> tuple[Result, Result]:
    p, _, log, scale = _soft(x)
    each = p * (1 + np.abs(log))
    return (log, scale), (g - p * _total(g), np.abs(g) + each * _total(np.abs(g)))


def logsumexp(x: Any, g: Any) -> tuple[Result, Result]:
    top = x.max(-1)
    p, *_ = _soft(x)
    out = top + np.log(np.exp(x - top[:, None]).sum(-1))
    return (out, np.abs(top) + 1), (g[:, None] * p, np.abs(g[:, None]) * p * (1 + np.abs(x) + np.abs(out[:, None])))


def _classes(x: Any) -> Any:
    return np.arange(len(x)) * 7 % x.shape[1]


def cross_entropy(x: Any, g: Any) -> tuple[Result, Result]:
    p, _, log, scale = _soft(x)
    here = np.arange(len(x)), _classes(x)
    hot = np.zeros_like(x)
    hot[here] = 1
    each = p * (1 + np.abs(log))
    return (-log[here], scale[here]), (g[:, None] * (p - hot), np.abs(g[:, None]) * (each + hot))


def _targets(x: Any) -> Any:
    return np.resize(np.float32([0, 1e-3, 0.3, 0.5, 0.999, 1]), x.shape)


def bce_with_logits(x: Any, g: Any) -> tuple[Result, Result]:
    t = Long(_targets(x))
    return (t * _log1pexp(-x) + (1 - t) * _log1pexp(x), 0), (g * (_sigmoid(x) - t), np.abs(g) * (_sigmoid(x) + t))


def norm(order: float) -> Callable[[Any, Any], tuple[Result, Result]]:
    """``(sum |x|^p)^(1/p)``, and its derivative ``sign(x) (|x| / norm)^(p - 1)``."""

    def truth(x: Any, g: Any) -> tuple[Result, Result]:
        size, g = np.abs(x), g[:, None]
        if order == np.inf:
            out = size.max(-1, keepdims=True)
            return (out[:, 0], 0), (g * np.where(size == out, np.sign(x) / _total(size == out), 0), 0)
        out = _total(size ** Long(order)) ** (1 / Long(order))
        return (out[:, 0], 0), (g * np.sign(x) * (size / out) ** Long(order - 1), 0)

    return truth


def normalize(x: Any, g: Any) -> tuple[Result, Result]:
    n = np.sqrt(_total(x * x))
    m = np.maximum(n, Long(1e-12))
    y, along = x / m, n >= 1e-12
    inner, size = _total(g * y), _total(np.abs(g * y))
    return (y, 0), ((g - along * y * inner) / m, (np.abs(g) + along * np.abs(y) * size) / m)


def _centred(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """``x - mean``, its scale, and how much larger the scale of a sum of its squares is than the sum."""
    d = x - x.mean(axes, keepdims=True)
    scale = np.abs(x) + np.abs(x).mean(axes, keepdims=True)
    squares = (d * d).sum(axes, keepdims=True)
    return d, scale, (np.abs(d) * scale).sum(axes, keepdims=True) / np.where(squares == 0, 1, squares)


def variance(x: Any, g: Any) -> tuple[Result, Result]:
    d, scale, worse = _centred(x, (-1,))
    out, n = _total(d * d)[:, 0], x.shape[-1] - 1
    return (out / n, 2 * worse[:, 0] * out / n), (2 * g[:, None] * d / n, 2 * np.abs(g[:, None]) * scale / n)


def deviation(x: Any, g: Any) -> tuple[Result, Result]:
    d, scale, worse = _centred(x, (-1,))
    n = x.shape[-1] - 1
    out = np.sqrt(_total(d * d) / n)
    slope = g[:, None] / out / n
    return (out[:, 0], (worse * out)[:, 0]), (slope * d, np.abs(slope) * (scale + worse * np.abs(d)))


def standardised(axes: tuple[int, ...], form: tuple[int, ...], eps: float, centred: bool = True) -> Any:
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` over ``axes``, the last two having the shape ``form``."""

    def truth(x: Any, weight: Any, bias: Any, g: Any) -> tuple[Result, ...]:
        d, scale, worse = _centred(x, axes) if centred else (x, np.abs(x), Long(1))
        square = (d * d).mean(axes, keepdims=True)
        factor = 1 / np.sqrt(square + Long(eps))
        worse = worse * square / (square + Long(eps))
        hat, size = d * factor, (scale + np.abs(d) * worse) * factor
        w, b = weight.reshape(form), 0 if bias is None else bias.reshape(form)
        gw, own = g * w, centred * np.ones(1)
        inner = hat * (gw * hat).mean(axes, keepdims=True)
        most = size * (np.abs(gw) * size).mean(axes, keepdims=True)
        slope = factor * (gw - own * gw.mean(axes, keepdims=True) - inner)
        slope_size = factor * (1 + worse) * (np.abs(gw) + own * np.abs(gw).mean(axes, keepdims=True) + most)
        shared = tuple(i for i in range(x.ndim) if ((1,) * x.ndim + form)[i + len(form)] == 1)
        found = [(hat * w + b, size * np.abs(w) + np.abs(b)), (slope, slope_size)]
        for part, part_size in ((g * hat, np.abs(g) * size), (g, np.abs(g)))[: 2 - (bias is None)]:
            found.append((part.sum(shared).reshape(weight.shape), part_size.sum(shared).reshape(weight.shape)))
        return tuple(found)

    return truth


# --- the table --------------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """A function: as a library ``T`` computes it, as a formula computes it, and the shape of its input.

    ``truth(x)`` gives the value and the slope of a function of one number, ``truth(*inputs, g)`` the value and the
    gradients of another; ``parameters`` is the shape of its weight and bias, and how many of both it has; ``reduces``
    says that it makes one number of each row.
    """

    run: Callable[..., Any]
    truth: Callable[..., tuple[Result, ...]]
    shape: tuple[int, ...] = (4096,)
    parameters: tuple[tuple[int, ...], int] = ((), 0)
    reduces: bool = False


_ROWS, _IMAGES = (48, 32), (6, 4, 12)


def _group(x: Any, weight: Any, bias: Any, g: Any) -> tuple[Result, ...]:
    split = (6, 2, 2, 12)
    truth = standardised((2, 3), (1, 2, 2, 1), 1e-5)
    value, slope, *rest = truth(x.reshape(split), weight, bias, g.reshape(split))
    return *(tuple(np.reshape(part, x.shape) for part in pair) for pair in (value, slope)), *rest


CASES: dict[str, Case] = {
    "sigmoid": Case(lambda T, x: T.sigmoid(x), sigmoid),
    "logsigmoid": Case(
        lambda T, x: T.nn.functional.logsigmoid(x), _plain(lambda x: -_log1pexp(-x), lambda x: _sigmoid(-x))
    ),
    "softplus": Case(lambda T, x: T.nn.functional.softplus(x), _plain(_log1pexp, _sigmoid)),
    "silu": Case(lambda T, x: T.nn.functional.silu(x), silu),
    "gelu": Case(lambda T, x: T.nn.functional.gelu(x), gelu),
    "gelu, tanh": Case(lambda T, x: T.nn.functional.gelu(x, approximate="tanh"), gelu_tanh),
    "erf": Case(lambda T, x: T.erf(x), erf),
    "erfc": Case(lambda T, x: T.erfc(x), erfc),
    "softmax": Case(lambda T, x: T.softmax(x, -1), softmax, _ROWS),
    "log_softmax": Case(lambda T, x: T.log_softmax(x, -1), log_softmax, _ROWS),
    "logsumexp": Case(lambda T, x: T.logsumexp(x, -1), logsumexp, _ROWS, reduces=True),
    "cross_entropy": Case(
        lambda T, x: T.nn.functional.cross_entropy(x, T.from_numpy(_classes(x)), reduction="none"),
        cross_entropy, _ROWS, reduces=True,
    ),
    "bce_with_logits": Case(
        lambda T, x: T.nn.functional.binary_cross_entropy_with_logits(
            x, T.from_numpy(_targets(x.detach().numpy())), reduction="none"
        ),
        bce_with_logits,
        _ROWS,
    ),
    **{
        f"norm, p={p:g}": Case(lambda T, x, p=p: T.linalg.vector_norm(x, p, dim=-1), norm(p), _ROWS, reduces=True)
        for p in (1, 2, 3, np.inf)
    },
    "normalize": Case(lambda T, x: T.nn.functional.normalize(x, dim=-1), normalize, _ROWS),
    "var": Case(lambda T, x: T.var(x, -1), variance, _ROWS, reduces=True),
    "std": Case(lambda T, x: T.std(x, -1), deviation, _ROWS, reduces=True),
    "layer_norm": Case(
        lambda T, x, w, b: T.nn.functional.layer_norm(x, (32,), w, b),
        standardised((1,), (32,), 1e-5), _ROWS, ((32,), 2),
    ),
    "rms_norm": Case(
        lambda T, x, w: T.nn.functional.rms_norm(x, (32,), w),
        lambda x, w, g: standardised((1,), (32,), 2.0**-23, False)(x, w, None, g), _ROWS, ((32,), 1),
    ),
    "batch_norm": Case(
        lambda T, x, w, b: T.nn.functional.batch_norm(x, None, None, w, b, True),
        standardised((0, 2), (1, 4, 1), 1e-5), _IMAGES, ((4,), 2),
    ),
    "group_norm": Case(
        lambda T, x, w, b: T.nn.functional.group_norm(x, 2, w, b), _group, _IMAGES, ((4,), 2)
    ),
    "instance_norm": Case(
        lambda T, x, w, b: T.nn.functional.instance_norm(x, None, None, w, b),
        standardised((2,), (1, 4, 1), 1e-5), _IMAGES, ((4,), 2),
    ),
}  # fmt: skip


def results(T: Any, case: Case, inputs: list[np.ndarray], g: np.ndarray) -> list[np.ndarray]:
    """The value and the gradients that a library computes, for the gradient ``g`` of the value."""
    leaves = [T.from_numpy(x.copy()).requires_grad_() for x in inputs]
    out = case.run(T, *leaves)
    out.backward(T.from_numpy(g.copy()))
    return [t.detach().numpy() for t in (out, *(leaf.grad for leaf in leaves))]


def errors(case: Case, regime: str, libraries: Iterable[Any]) -> list[list[float]]:
    """For each library the largest errors in ulp: of the value and of each gradient."""
    rng = np.random.default_rng(REGIMES.index(regime))
    inputs = [draw(regime, case.shape, rng)]
    inputs += [np.float32(rng.uniform(0.5, 1.5, case.parameters[0])) for _ in range(case.parameters[1])]
    shape = case.shape[:1] if case.reduces else case.shape
    g = np.float32(rng.choice([-1, 1], shape) * rng.uniform(0.5, 1.5, shape)) if len(case.shape) > 1 else np.ones(shape)
    wide = [Long(x) for x in (*inputs, g)]
    with np.errstate(all="ignore"):
        right = case.truth(*(wide if len(case.shape) > 1 else wide[:1]))
    return [
        [ulps(y, *pair) for y, pair in zip(results(T, case, inputs, np.float32(g)), right, strict=True)]
        for T in libraries
    ]


# --- what ends the session --------------------------------------------------------------------------------------------


def _cell(pair: Iterable[float]) -> str:
    return " / ".join(f"{e:.1f}" if e < 99.95 else f"{e:.0e}".replace("e+0", "e").replace("e+", "e") for e in pair)


def lines(properties: Iterable[tuple[str, Any]]) -> list[str]:
    """The table of the largest errors, a row for each result of a function and a column for each regime."""
    found = {name: columns for key, (name, columns) in (p for p in properties if p[0] == KEY)}
    rows = []
    for name in (name for name in CASES if name in found):
        for result, _ in enumerate(found[name][0][0]):
            cells = [_cell(library[result] for library in column) for column in found[name]]
            rows.append((f"{name}: {('value', 'd input', 'd weight', 'd bias')[result]}", *cells))
    titles = ("inputs up to", *REGIMES)
    return [f"{r[0]:<26}" + "".join(f"{c:>13}" for c in r[1:]) for r in (titles, *rows)] if rows else []
