"""Hypothesis strategies: tensors in every layout, shapes, dtypes, indices, axes, networks.

Each shrinks to the smallest example that fails, which is printed as code (`micrograd_cn.testing.as_code`).
https://hypothesis.readthedocs.io
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
from hypothesis import assume
from hypothesis.vendor import pretty

from micrograd_cn import dtypes as types, nn
from micrograd_cn.autograd.modes import no_grad
from micrograd_cn.creation import from_dlpack, tensor, zeros
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor
from micrograd_cn.testing.printing import as_code

Shape = tuple[int, ...]
Strategy = st.SearchStrategy[Any]

# What dtypes() draws from, by kind: the simplest first.
KINDS = {
    "float": (types.float64, types.float32, types.float16),
    "complex": (types.complex128, types.complex64),
    "integer": (types.int64, types.int32, types.int16, types.int8, types.uint8),
    "bool": (types.bool,),
}
_eighths = st.integers(-32, 32).map(lambda k: k / 8)
# What elements are by default, and the widest type that holds them, by the category of the dtype.
_ELEMENTS: tuple[tuple[Strategy, Any], ...] = (
    (st.booleans(), np.bool_),
    (st.integers(-8, 8), np.int64),  # from 0 where the dtype has no sign
    (_eighths, np.float64),
    (st.builds(complex, _eighths, _eighths), np.complex128),
)


def shapes(*, min_dims: int = 0, max_dims: int | None = None, min_side: int = 1,
        max_side: int | None = None) -> Strategy:  # fmt: skip
    """Shapes, tuples of int: by default of up to three dimensions of 1 to 4. ``min_side=0`` lets empty ones in."""
    max_dims = max(3, min_dims) if max_dims is None else max_dims
    max_side = max(4, min_side) if max_side is None else max_side
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


def broadcastable_shapes(shape: Shape | int = 2, **limits: Any) -> Strategy:
    """Shapes that broadcast with ``shape``; for a number, so many shapes, in a tuple, that broadcast with one another.

    ``limits`` are those of `shapes`: min_dims, max_dims, min_side, max_side.
    """
    if not isinstance(shape, int):
        return hnp.broadcastable_shapes(tuple(shape), **limits)
    return _mutually(hnp.mutually_broadcastable_shapes(num_shapes=shape, **{"max_dims": 3, "max_side": 4} | limits))


@st.composite
def _mutually(draw: Any, found: Strategy) -> tuple[Shape, ...]:
    return draw(found).input_shapes


def dtypes(*kinds: str) -> Strategy:
    """Dtypes of the given kinds (float, complex, integer, bool), in that order; of floats if none is given.

    Raises:
        ValueError: for another kind.
    """
    for kind in kinds:
        need(kind in KINDS, f"dtypes: a kind is one of {', '.join(KINDS)}, but got {kind!r}", ValueError)
    return st.sampled_from([d for kind in kinds or ("float",) for d in KINDS[kind]])


class _Layout(NamedTuple):
    """A way to lie in memory: which shapes can, a strategy of some, and how a tensor is brought to it."""

    fits: Callable[[Shape], bool]
    shapes: Strategy
    lay: Callable[[Tensor], Tensor]


def _longer(count: int) -> Callable[[Shape], bool]:
    return lambda shape: 0 not in shape and sum(n > 1 for n in shape) >= count


def _transposed(x: Tensor) -> Tensor:
    back = tuple(reversed(range(x.ndim)))
    return x.permute(back).contiguous().permute(back)


def _negative(x: Tensor) -> Tensor:
    back = (slice(None, None, -1),) * x.ndim
    return from_dlpack(x.numpy()[back].copy()[back])


def _broadcast(x: Tensor) -> Tensor:
    return x.narrow([n > 1 for n in x.shape].index(True), 0, 1).expand(x.shape)


_some, _side = shapes(min_dims=1, min_side=2), shapes(max_dims=1)
LAYOUTS = {
    "contiguous": _Layout(lambda shape: True, shapes(), lambda x: x),
    "transposed": _Layout(_longer(2), shapes(min_dims=2, min_side=2), _transposed),
    "strided": _Layout(_longer(1), _some, lambda x: x.repeat_interleave(2, -1)[..., ::2]),
    "negative": _Layout(_longer(1), _some, _negative),
    "broadcast": _Layout(_longer(1), _some, _broadcast),
    "0-d": _Layout(lambda shape: shape == (), st.just(()), lambda x: x),
    "empty": _Layout(lambda shape: 0 in shape, st.builds(lambda a, b: (*a, 0, *b), _side, _side), lambda x: x),
}


@st.composite
def tensors(draw: Any, shape: Any = None, dtype: Any = types.float64, elements: Any = None, requires_grad: Any = False,
        layout: Any = None) -> Tensor:  # fmt: skip
    """Tensors. Each argument is a value or a strategy of values.

    Args:
        shape: by default what `shapes` draws, or what the layout asks for.
        dtype: see `dtypes`.
        elements: numbers; by default multiples of 1/8 from -4 to 4 (exact in every type), integers from -8 (or 0) to 8.
        requires_grad: whether the tensor is a leaf that requires grad, where its dtype can.
        layout: how it lies in memory: contiguous; transposed (the first dimension varies fastest); strided (every
            second element in the last dimension); negative (backwards: a stride below 0, which only the memory of
            another library has); broadcast (stride 0 in one dimension); 0-d; empty (a side of 0). By default
            any that the shape allows.

    Raises:
        ValueError: for a layout that is unknown, or that ``shape`` does not allow.
    """
    given = (x if isinstance(x, st.SearchStrategy) else st.just(x) for x in (shape, dtype, requires_grad, layout))
    sides, of, requires, name = map(draw, given)
    need(name is None or name in LAYOUTS, f"tensors: layout must be one of {[*LAYOUTS]}, but got {name!r}", ValueError)
    sides = draw(LAYOUTS[name or "contiguous"].shapes) if sides is None else tuple(sides)
    name = name or draw(st.sampled_from([name for name, way in LAYOUTS.items() if way.fits(sides)]))
    fits = LAYOUTS[name].fits(sides)
    assume(fits or not any(isinstance(x, st.SearchStrategy) for x in (shape, layout)))  # others may be drawn
    need(fits, f"tensors: shape {sides} does not allow the layout {name!r}; leave one of them out", ValueError)
    usual, wide = _ELEMENTS[of.category]
    usual = usual if of.is_signed or of is types.bool else st.integers(0, 8)
    numbers = elements if isinstance(elements, st.SearchStrategy) else usual if elements is None else st.just(elements)
    x = tensor(draw(hnp.arrays(wide, sides, elements=numbers)), dtype=of)
    return LAYOUTS[name].lay(x).requires_grad_(requires and of.category > 1)


@st.composite
def _masks(draw: Any, shape: Shape, count: int) -> Tensor:
    """Of bool, ``count`` of them True."""
    return tensor(np.reshape(draw(st.permutations([i < count for i in range(math.prod(shape))])), shape))


@st.composite
def indices(draw: Any, shape: Shape, *, advanced: bool = True) -> Any:
    """What may stand in ``x[...]`` for an ``x`` of this shape: ints, slices, None, Ellipsis, or a tuple of them.

    With ``advanced`` also integer tensors (of negative numbers, too) and boolean masks over one or two dimensions,
    which broadcast with one another, and may stand apart.
    """
    parts: list[Any] = []
    left, open_end, picked = tuple(shape), True, draw(st.integers(1, 3))
    common = st.sampled_from([(), (picked,), (1,), (2, 1), (2, picked)])
    while True:
        size = left[0] if left else 0
        numbers, bound = st.integers(-size, size - 1), st.none() | st.integers(-size, size)
        options: dict[str, tuple[Any, int, Strategy]] = {  # whether it can stand here, for how many dimensions
            "int": (size, 1, numbers),
            "slice": (left, 1, st.builds(slice, bound, bound, st.none() | st.integers(1, 3))),
            "None": (True, 0, st.none()),
            "Ellipsis": (open_end, 0, st.just(...)),
            "integers": (advanced and size, 1, tensors(common, types.int64, numbers)),
            "mask": (advanced and size >= picked, 1, _masks(left[:1], picked)),
            "wide mask": (advanced and left[1:] and math.prod(left[:2]) >= picked, 2, _masks(left[:2], picked)),
        }
        fits, taken, strategy = options.get(draw(st.sampled_from(["end", *options])), (False, 0, st.nothing()))
        if not fits:
            parts += [] if open_end else [slice(None)] * len(left)
            return parts[0] if len(parts) == 1 else tuple(parts)
        parts.append(draw(strategy))
        if parts[-1] is ...:
            open_end, taken = False, len(left) - draw(st.integers(0, len(left)))
        left = left[taken:]


def axes(ndim: int, *, single: bool = False) -> Strategy:
    """What may stand in ``dim=`` for a tensor of ``ndim`` dimensions: an int, negative ones too; a tuple of them; None.

    ``single=True`` gives ints alone.
    """
    one = st.integers(-max(ndim, 1), max(ndim, 1) - 1)
    return one if single else one | st.none() | hnp.valid_tuple_axes(ndim, min_size=min(ndim, 1))


@dataclass(repr=False)
class Network:
    """A model and an input that it takes; its ``repr`` is code that builds both again.

    Every parameter is drawn uniformly from -1 to 1, by a generator of its own with the given ``seed``, and takes the
    dtype of the input.
    """

    model: nn.Sequential
    input: Tensor
    seed: int = 0

    def __post_init__(self) -> None:
        generator = np.random.default_rng(self.seed)
        for p in self.model.to(self.input.dtype).parameters():
            p.data = tensor(generator.uniform(-1, 1, p.shape), dtype=p.dtype)

    def __repr__(self) -> str:
        return f"micrograd_cn.testing.Network({as_code(self.model)}, {as_code(self.input)}, seed={self.seed})"


_SMOOTH = nn.Tanh, nn.Sigmoid, nn.SiLU, nn.GELU, nn.Softplus
_KINKED = nn.ReLU, nn.LeakyReLU, nn.Hardtanh


def _next(shape: Shape, smooth: bool) -> list[Strategy]:
    """The layers that may stand next, for an input of this shape ``(N, C, ...)``, as strategies."""
    channels, sides, width = st.just(shape[1]), shape[2:], st.integers(1, 3)
    of = {name: getattr(nn, f"{name}{max(1, len(sides))}d") for name in ("Conv", "BatchNorm", "AvgPool", "MaxPool")}
    activations = st.sampled_from(_SMOOTH + (() if smooth else _KINKED))
    layers = [st.builds(nn.Linear, st.just(shape[-1]), width), activations.flatmap(st.builds),
              st.builds(nn.LayerNorm, st.just(shape[-1])), st.builds(of["BatchNorm"], channels)]  # fmt: skip
    if sides:
        kernel, padding = st.integers(1, min(3, *sides)), st.integers(0, 1)
        layers += [st.builds(of["Conv"], channels, width, kernel, padding=padding), st.builds(nn.Flatten)]
        layers += [st.builds(nn.GroupNorm, st.just(1), channels)]
        if min(sides) > 1:
            layers += [st.builds(of[name], st.just(2)) for name in ("AvgPool", "MaxPool")[: 2 - smooth]]
    return layers


@st.composite
def networks(draw: Any, *, max_layers: int = 4, smooth: bool = False, dtype: Any = types.float64) -> Network:
    """A `Network`: a random Sequential, and an input of two or three rows for it.

    The layers are linear ones, convolutions, norms, activations, pooling and Flatten, over vectors, series or images;
    none of them is random in training. ``smooth=True`` leaves out those that have kinks (ReLU, MaxPool, ...).
    """
    sides = draw(st.sampled_from([(), (3,), (3, 3)]))
    shape = draw(st.integers(2, 3)), draw(st.integers(1, 3)), *sides
    model, y = nn.Sequential(), zeros(shape)
    for _ in range(draw(st.integers(1, max_layers))):
        model.append(draw(st.one_of(_next(tuple(y.shape), smooth))))
        with no_grad():
            y = model[-1].eval()(y)
    return Network(model.train(), draw(tensors(shape, dtype)), draw(st.integers(0, 1000)))


for _kind in (Tensor, types.dtype, nn.Module, Network):  # how hypothesis prints them in a falsifying example
    pretty.for_type_by_name(_kind.__module__, _kind.__name__, lambda x, printer, cycle: printer.text(as_code(x)))
