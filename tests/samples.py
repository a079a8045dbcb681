"""Inputs and settings for every row of the table, away from kinks, for the tests that differentiate numerically.

Element-wise rows get theirs from their ``domain``; the others stand in a dictionary by name. A new row that is not
element-wise therefore needs one line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn.ops import indexing, pooling, shape
from micrograd_cn.ops.convolution import Geometry
from micrograd_cn.ops.table import Primitive

Sample = tuple[list[np.ndarray], tuple[Any, ...]]

# The shapes of the inputs of an element-wise row: 0-d, equal, broadcast both ways, empty.
SHAPES = (((),), ((2, 3),), ((3, 1), (4,), (2, 1, 1)), ((3,), ()), ((0, 3), (3,)))
# Settings of element-wise rows worth a sample besides the defaults.
SETTINGS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "quotient": (("trunc",),),
    "derived_digamma": ((2,),),
    "round": ((1,),),
    "leaky_relu": ((0.3,),),
    "elu": ((2.0, 1.5, 0.5),),
    "softplus": ((2.0, 1.0),),
    "gelu": (("tanh", None),),
}


def numbers(rng: np.random.Generator, shape: tuple[int, ...], low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """float64 numbers from ``[low, high)``, none closer to 0 than 0.1 where 0 lies between."""
    x = rng.uniform(low, high, shape)
    return np.asarray(np.where(np.abs(x) < 0.1, x + np.copysign(0.1, x), x) if low < 0 < high else x)


def distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers that are at least 0.1 apart and away from 0, in random order."""
    n = int(np.prod(shape))
    return np.asarray((rng.permutation(n).reshape(shape) - n // 2) * 0.2 + rng.uniform(0.05, 0.1, shape))


def samples(row: Primitive, rng: np.random.Generator) -> list[Sample]:
    """For a row a list of ``(inputs, settings)``, with which ``row.forward(*inputs, *settings)`` can be called.

    Inputs are float64 arrays, save those that no derivative exists for (conditions, operands of bit operations).

    Raises:
        KeyError: for a row that is not element-wise and has no entry in `STRUCTURAL`.
    """
    if row.name in STRUCTURAL:
        return STRUCTURAL[row.name](rng)
    if not row.elementwise:
        raise KeyError(f"add samples for {row.name}")
    domain = row.domain or ((-2.0, 2.0),) * row.arity
    found: list[Sample] = []
    for settings in (tuple(row.defaults), *SETTINGS.get(row.name, ())):
        for shapes in SHAPES:
            found.append(
                ([numbers(rng, shapes[i % len(shapes)], *bounds) for i, bounds in enumerate(domain)], settings)
            )
    # The last one again with its elements in another order in memory.
    found.append(([numbers(rng, (2, 3), *bounds).T for bounds in domain], tuple(row.defaults)))
    return found


def _plain(*cases: tuple[Any, ...], draw: Callable[..., np.ndarray] = numbers) -> Callable[..., list[Sample]]:
    """Samples from cases ``(shape of the input, *settings)`` of a row with one input."""
    return lambda rng: [([draw(rng, case[0])], tuple(case[1:])) for case in cases]


def _several(*cases: tuple[Any, ...], low: float = -2.0, high: float = 2.0) -> Callable[..., list[Sample]]:
    """Samples from cases ``(shapes of the inputs, *settings)`` of a row with several inputs."""
    return lambda rng: [
        ([None if s is None else numbers(rng, s, low, high) for s in case[0]], tuple(case[1:])) for case in cases
    ]


def _regular(*shapes: tuple[int, ...]) -> Callable[..., list[Sample]]:
    """Samples of matrices far from singular."""
    return lambda rng: [([numbers(rng, s) + 3 * np.eye(*s[-2:])], ()) for s in shapes]


_SQUARE, _TALL = ((3, 3), (2, 2, 2)), ((3, 3), (4, 2), (2, 3, 2))


def _conditional(rng: np.random.Generator) -> list[Sample]:
    shapes = [((), (), ()), ((2, 3),) * 3, ((2, 1), (3,), ()), ((0, 3), (3,), (1, 3))]
    return [([rng.random(c) < 0.5, numbers(rng, x), numbers(rng, y)], ()) for c, x, y in shapes]


def _whole(inputs: int) -> Callable[..., list[Sample]]:
    """Samples of a row that works on whole numbers."""
    return lambda rng: [([rng.integers(-9, 9, s) for _ in range(inputs)], ()) for s in ((), (2, 3), (0, 3))]


def _losses(*cases: tuple[tuple[int, ...], Any]) -> Callable[..., list[Sample]]:
    """Samples of class losses from cases ``(shape of the scores, settings after the target)``."""

    def make(rng: np.random.Generator) -> list[Sample]:
        return [([numbers(rng, s)], (rng.integers(0, s[1], s[0]), *rest)) for s, rest in cases]

    return make


def _factors(rng: np.random.Generator) -> list[Sample]:
    """For products: some factors are zero, one along a dimension, or several."""
    cases = ((), 0, False), ((4,), None, False), ((2, 3), 1, True), ((3, 2, 2), -2, False), ((0, 3), 0, False)
    found = _plain(*cases)(rng)
    for zeros in (1, 2):
        x = numbers(rng, (2, 4))
        x[0, :zeros] = 0
        found.append(([x], (1, False)))
    return [(x, (*settings, None)) for x, settings in found]


def _running_factors(rng: np.random.Generator) -> list[Sample]:
    x = numbers(rng, (2, 4))
    x[0, 1] = x[1, 1] = x[1, 2] = 0
    return [([x], (1, None)), *_plain(((), 0, None), ((3, 2), 0, None), ((2, 3), -1, None), ((0, 2), 0, None))(rng)]


_REDUCED = (((), None, False), ((3,), 0, False), ((2, 3), None, False), ((2, 3), 1, True), ((2, 3, 2), (0, -1), False))
_ROWS, _COLUMNS = np.array([0, 2, 0, 1]), np.array([1, 1, 1, 0])
_MASK = np.array([[True, False], [False, False], [True, True]])
_LAST = (Ellipsis, slice(None, None, 2))
_PICKED = (((3, 2), (_ROWS, Ellipsis)), ((3, 2), (_ROWS, _COLUMNS)), ((3, 2), (_MASK,)), ((3, 4), (slice(1, 3), _ROWS)))
_ONE_LEFT = (Ellipsis, slice(0, 1))
_DIAGONAL_VIEW = ((shape.transpose, (0, 1)), (indexing.slice_, (_ONE_LEFT,)))
# Windows apart and overlapping, with padding and dilation, and some that reach over the end.
_WINDOWS = (
    pooling.Window((2, 2), (2, 2), (0, 0), (1, 1), (4, 6), (2, 3)),
    pooling.Window((3,), (2,), (1,), (1,), (6,), (4,)),
    pooling.Window((2, 3), (1, 2), (0, 1), (2, 1), (4, 4), (2, 2)),
    pooling.Window((2,), (3,), (0,), (1,), (7,), (2,)),
    pooling.Window((9,), (2,), (4,), (1,), (4,), (2,)),  # wider than the input
)
_NONE = np.zeros(0, np.int64)
# A row of the matrix is empty, a column is used twice.
_LINKS = pooling.Links(np.array([2, 0, 2, 3]), np.array([1, 1, 0, 2]), (4, 3), np.array([0.5, 2.0, -1.0, 3.0]))


def _pooled(choose: bool) -> Callable[..., list[Sample]]:
    """Samples of the rows that take the outputs of windows, with codes of places in them if ``choose``."""

    def make(rng: np.random.Generator) -> list[Sample]:
        found: list[Sample] = []
        for w in _WINDOWS:
            x = numbers(rng, (2, *w.out))
            code = pooling.winners(y := distinct(rng, (2, *w.sizes)), pooling.window_max(y, w), w)
            found.append(([x, code], (w,)) if choose else ([x], (w, 3)))
        return found

    return make


# Convolutions: the shapes of images, kernel and results, and how windows move.
_CONVOLUTIONS = (
    ((2, 2, 4), (3, 2, 2), (2, 3, 3), Geometry((1,), (0,), (1,), 1)),
    ((1, 2, 5), (4, 1, 2), (1, 4, 3), Geometry((2,), (1,), (2,), 2)),
    ((2, 1, 4, 5), (2, 1, 3, 2), (2, 2, 4, 5), Geometry((1, 1), (1, 0), (1, 1), 1)),
    ((1, 2, 3, 4), (2, 1, 2, 2), (1, 2, 2, 2), Geometry((2, 1), (1, 0), (1, 3), 2)),
    ((1, 1, 3, 2, 3), (1, 1, 2, 2, 1), (1, 1, 2, 1, 3), Geometry((1, 1, 1), (0, 0, 0), (1, 1, 1), 1)),
)


def _convolutions(first: int, second: int, result: int, bias: bool = True) -> Callable[..., list[Sample]]:
    """Samples of a row that makes the ``result`` of the three shapes above from the two others."""

    def make(rng: np.random.Generator) -> list[Sample]:
        found: list[Sample] = []
        for *shapes, geometry in _CONVOLUTIONS:
            inputs: list[Any] = [numbers(rng, shapes[first]), numbers(rng, shapes[second])]
            channels = shapes[result][1]
            inputs += [numbers(rng, (channels,)) if len(found) % 2 == 0 else None] if bias else []
            found.append((inputs, (shapes[result][2:], geometry)))
        return found

    return make


STRUCTURAL: dict[str, Callable[[np.random.Generator], list[Sample]]] = {
    "gated": lambda rng: [
        ([numbers(rng, n), np.asarray(rng.uniform(0.2, 1, n))], ()) for n in ((), (2, 3), (0, 3))
    ],
    "where": _conditional,
    "bitwise_and": _whole(2), "bitwise_or": _whole(2), "bitwise_xor": _whole(2), "bitwise_not": _whole(1),
    # reductions
    "sum": _plain(*((*case, None) for case in _REDUCED), ((0, 3), 0, False, None)),
    "mean": _plain(*((*case, None) for case in _REDUCED)),
    "variance": _plain(((4,), None, 1, False), ((2, 3), 1, 0, True), ((2, 3, 2), (0, 2), 1.5, False)),
    "deviation": _plain(((4,), None, 1, False), ((2, 3), 1, 0, True), ((2, 3, 2), (0, 2), 1.5, False)),
    "prod": _factors,
    "amax": _plain(*_REDUCED, draw=distinct),
    "amin": _plain(*_REDUCED, draw=distinct),
    **dict.fromkeys(("largest", "smallest"), _plain(((),), ((2, 3),), draw=distinct)),
    "argmax": _plain(((), None, False), ((2, 3), 1, True), ((2, 3), None, False), draw=distinct),
    "argmin": _plain(((), None, False), ((2, 3), 1, True), ((2, 3), None, False), draw=distinct),
    "all": _plain(*_REDUCED),
    "any": _plain(*_REDUCED),
    "logsumexp": _plain(*(case for case in _REDUCED if case[1] is not None), ((), 0, False)),
    "vector_norm": _plain(
        *(((2, 3), p, *to) for p in (0, 1, 2, 3, 0.5, -1, np.inf, -np.inf) for to in ((None, False), (1, True))),
        ((), 2, None, False), draw=distinct,
    ),
    "cumsum": _plain(((), 0, None), ((3,), 0, None), ((2, 3), -1, None), ((0, 2), 0, None)),
    "cumprod": _running_factors,
    "logcumsumexp": _plain(((), 0), ((4,), 0), ((2, 3), -1)),
    # picking and putting
    "put": _plain(
        ((4, 2), (_ROWS, Ellipsis), (3, 2)), ((4,), (_ROWS, _COLUMNS), (3, 2)), ((3, 2), _LAST, (3, 4)),
        ((3,), (_MASK,), (3, 2)),
    ),
    "slice": _plain(((3, 4), _LAST), ((4,), (slice(1, 3), Ellipsis)), ((2, 3), (None, Ellipsis, slice(0, 0)))),
    "pick": _plain(((3, 4), (1, Ellipsis)), ((3, 4), (-1, 2, Ellipsis)), ((2, 3, 2), (slice(None), 1, None, Ellipsis))),
    "index": _plain(*_PICKED),
    "pick_along": _plain(((3, 2), (_ROWS[:, None], np.arange(2)))),
    "sorted_along": _plain(((3, 2), (np.array([[2, 0], [0, 1], [1, 2]]), np.arange(2)))),
    "top_along": _plain(((3, 2), (np.array([[2, 0], [0, 1]]), np.arange(2)))),
    "max_along": _plain(((3, 2), (np.array([0, 2]), np.arange(2)))),
    "min_along": _plain(((3, 2), (np.array([0, 2]), np.arange(2)))),
    "replaced": _several(
        (((3, 2), (2, 2)), (np.array([0, 2]), Ellipsis)), (((3, 2), ()), (_MASK,)), (((3, 2), (3,)), (_MASK,)),
    ),
    "overwritten": _several(
        (((3, 2), (3, 1)), ((indexing.slice_, (_ONE_LEFT,)),)), (((3, 2), (2, 1)), _DIAGONAL_VIEW)
    ),
    "copied": _several((((2, 3), (2, 3)),), (((2, 3), (3,)),), (((), ()),)),
    "zero": _plain(((),), ((2, 3),)),
    "filled": _several((((2, 3), ()),), (((), ()),)),
    "clone": _plain(((),), ((2, 3),)),
    "cast": _plain(((), np.dtype(np.float64)), ((2, 3), np.dtype(np.float64))),
    "output": lambda rng: [],  # the engine's own way out of a Function with several results; test_function covers it
    # computed elsewhere: that the gradient is another than that of the values is their purpose
    **dict.fromkeys(("corrected", "underivable", "flat"), lambda rng: []),
    "halted": lambda rng: [([numbers(rng, n), np.asarray(rng.random(n) < 0.5), 0.7], ()) for n in ((), (2, 3), (0, 3))],
    # matrices; those read from one triangle are differentiated in test_linalg
    **dict.fromkeys(("linalg_inv", "linalg_det", "linalg_cofactors", "linalg_logabsdet"), _regular(*_SQUARE)),
    **dict.fromkeys(("linalg_qr", "linalg_svd", "linalg_svdvals"), _regular(*_TALL)),
    **dict.fromkeys(("linalg_cholesky", "linalg_eigh", "linalg_eigvalsh"), lambda rng: []),
    "linalg_matrix_exp": _plain(((2, 2),), ((2, 3, 3),)),
    "linalg_pinv": lambda rng: [(x, (1e-15, False)) for x, _ in _regular((3, 2), (2, 3))(rng)],
    "linalg_solve": lambda rng: [
        ([a[0], numbers(rng, (*a[0].shape[:-2], 3, 2))], ()) for a, _ in _regular((3, 3), (2, 3, 3))(rng)
    ],
    # shapes
    "unfold": _plain(((5,), 0, 3, 1), ((2, 5), 1, 2, 2), ((), 0, 1, 1)),
    "restrided": _plain(((3, 4), (2, 2), (4, 1), 1), ((4,), (2, 2), (1, 1), 0)),
    "view": _plain(((2, 3), (3, 2)), ((), (1, 1)), ((2, 3), (-1,)), ((0, 2), (0, 4))),
    "permute": _plain(((), ()), ((2, 3), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (-1, 0, -2))),
    "transpose": _plain(((2, 3), 0, 1), ((2, 3, 4), -1, 0)),
    "squeeze": _plain(((1, 3, 1), None), ((1, 3, 1), 0), ((1, 3, 1), (0, -1)), ((2, 3), 1)),
    "unsqueeze": _plain(((), 0), ((2, 3), 1), ((2, 3), -1)),
    "expand": _plain(((3,), (2, 3)), ((2, 1, 1), (-1, 3, 4)), ((), (2,))),
    "flip": _plain(((3,), (0,)), ((2, 3), (0, -1)), ((2, 3), (1,))),
    "roll": _plain(((4,), 1, 0), ((2, 3), (1, -1), (0, 1)), ((2, 3), 2, None)),
    "tril": _plain(((3, 3), 0), ((2, 3, 4), 1), ((3, 2), -1)),
    "triu": _plain(((3, 3), 0), ((2, 3, 4), 1), ((3, 2), -1)),
    "diagonal": _plain(((3, 3), 0, 0, 1), ((3, 4), 1, 0, 1), ((2, 4, 3), -1, -2, -1), ((2, 2, 3), 0, 2, 0)),
    "on_diagonal": _plain(((3,), (3, 3), 0, 0, 1), ((2, 3), (2, 4, 4), -1, -2, -1), ((2, 2), (2, 2, 3), 1, 0, 2)),
    "concat": _several((((2, 3), (1, 3)), 0, (2, 3)), (((2, 1), (2, 0), (2, 2)), -1, (1, 1, 3)), (((3,),), 0, (3,))),
    "join": _several((((2, 3),) * 3, 1), (((), ()), 0), (((2,), (2,)), -1)),
    # products
    "mm": _several((((2, 3), (3, 4)),), (((0, 3), (3, 2)),)),
    "mv": _several((((2, 3), (3,)),)),
    "dot": _several((((3,), (3,)),), (((0,), (0,)),)),
    "batched": _several((((2, 2, 3), (2, 3, 4)),), (((4, 1, 2, 3), (2, 3, 2)),)),
    "contract": _several(
        (((2, 3), (3, 4)), ("ij", "jk"), "ik"), (((2, 3), (3, 4)), ("ij", "jk"), "k"), (((3, 3),), ("ii",), "i"),
        (((3, 3),), ("ii",), ""), (((2, 3), (3,), (2, 4)), ("ij", "j", "ik"), "kj"), (((2, 2, 3),), ("iij",), "j"),
    ),
    "attention_weights": _several(
        (((2, 3), (4, 3), (2, 4)), 0.7, False), (((2, 3, 2), (1, 3, 2), (3, 3)), 1.0, True),
        (((1, 2), (3, 2), (3,)), 1.0, False), (((0, 2), (3, 2), (0, 3)), 0.5, True),
    ),
    "linear": _several((((2, 3), (4, 3), (4,)),), (((3,), (2, 3), (2,)),), (((2, 2, 3), (1, 3), (1,)),)),
    "convolve": _convolutions(0, 1, 2), "spread": _convolutions(2, 1, 0),
    "correlate": _convolutions(0, 2, 1, bias=False),
    # networks and losses
    "softmax": _plain(((4,), 0), ((2, 3), -1), ((2, 3, 2), 1), ((), 0)),
    "log_softmax": _plain(((4,), 0), ((2, 3), -1), ((2, 3, 2), 1), ((), 0)),
    "mse_loss": _several(*(((s, s), r) for s in ((), (2, 3)) for r in ("mean", "sum", "none"))),
    "binary_cross_entropy": _several(
        *((((2, 3), (2, 3)), r) for r in ("mean", "sum", "none")), low=0.1, high=0.9
    ),
    "binary_cross_entropy_with_logits": _several(
        *((((2, 3), (2, 3)), r, w) for r in ("mean", "sum", "none") for w in (None, np.array([0.5, 1.0, 2.0])))
    ),
    "batch_norm": _several(
        (((3, 2), (2,), (2,)), (0,), (2,), 1e-5, True, None),
        (((2, 3, 2, 2), (3,), (3,)), (0, 2, 3), (3, 1, 1), 0.1, True, None),
        (((2, 2, 3), None, (2,)), (2,), (2, 1), 1e-5, True, None),
        (((2, 2, 3), (2,), None), (0, 2), (2, 1), 1e-5, True, None),
    ),
    "layer_norm": _several(
        (((3, 4), (4,), (4,)), (1,), (4,), 1e-5, True, None),
        (((2, 2, 3), (2, 3), None), (1, 2), (2, 3), 0.1, True, None),
        (((4,), (4,), (4,)), (0,), (4,), 1e-5, True, None), (((0, 4), (4,), (4,)), (1,), (4,), 1e-5, True, None),
    ),
    "group_norm": _several((((2, 2, 3, 2), (6,), (6,)), (2, 3), (2, 3, 1), 1e-5, True, None)),
    "rms_norm": _several(
        (((3, 4), (4,), None), (1,), (4,), 1e-5, False, None), (((2, 3), None, None), (1,), (3,), 0.1, False, None)
    ),
    "embedding": _plain(((4, 3), np.array([[1, 3], [1, 0]]), -1, False), ((4, 3), np.array(2), -1, False)),
    "nll_loss": _losses(
        ((4, 3), (None, 4, "mean")), ((4, 3), (np.array([0.5, 0, 2.0, 1]), 1, "sum")), ((4, 3), (None, 1, "none")),
    ),
    # windows
    "linked": _plain(
        ((3,), _LINKS, 0), ((2, 3, 2), _LINKS, 1), ((2, 4), _LINKS.T, 1),
        ((3, 2), pooling.Links(np.arange(4), np.array([2, 0, 0, 1]), (4, 3)), 0),
        ((2, 3), pooling.Links(_NONE, _NONE, (4, 3)), 1), ((2, 0), pooling.Links(_NONE, _NONE, (4, 0)), 1),
    ),
    "padded": _plain(((2, 3), (slice(0, 2), slice(1, 4)), (2, 6), 1.5), ((), (), (), 0)),
    "window_mean": _plain(*(((2, *w.sizes), w, 2 + np.arange(w.out[-1])) for w in _WINDOWS)),
    "window_spread": _pooled(False),
    "window_max": _plain(*(((2, *w.sizes), w, None) for w in _WINDOWS), draw=distinct),
    "max_spread": _pooled(True),
    "max_pick": lambda rng: [
        ([numbers(rng, (2, *w.sizes)), code], (w,)) for (_, code), (w,) in _pooled(True)(rng)
    ],
}  # fmt: skip
