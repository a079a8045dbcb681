"""A tensor's memory: views that share it, and changes in place that the graph follows.

A view remembers the operations that lead to it from the tensor that owns the memory, its base. When either is changed
in place, the base gets a node that says so, and each view finds its own place in the graph again by taking the same
steps from there. PyTorch does so too: https://pytorch.org/docs/stable/notes/autograd.html#in-place-operations-with-autograd
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from micrograd_cn import dtypes, recording
from micrograd_cn.engine import Face, mode, next_number, written
from micrograd_cn.methods import TableMethods
from micrograd_cn.ops import indexing
from micrograd_cn.ops.shape import memory_order, need, overlapping
from micrograd_cn.ops.table import primitive
from micrograd_cn.recording import ArrayNode, Leaf, Nowhere, wrap

if TYPE_CHECKING:
    from micrograd_cn.tensor import Tensor

# The C library gives blocks above a size back to the system at once, and fetching them anew costs a training step up to
# a fifth of its time. The GNU library raises that size to the largest block ever freed, up to 32 MiB: free one, unused.
np.empty(31 << 20, np.uint8)


@primitive(lambda g: g, exact=True, backward_name="ToCopyBackward0")
def cast(x: Any, to: Any) -> Any:
    """``x`` in the NumPy type ``to``; the engine casts the gradient back."""
    return x.astype(to, memory_order(x))


@primitive(lambda g: g, exact=True)
def clone(x: Any) -> Any:
    """A copy of ``x`` that passes its gradient on."""
    return np.array(x, order=memory_order(x), copy=True)


@primitive(lambda g: np.zeros_like(g), lambda g: g, exact=True, backward_name="CopyBackwards")
def copied(x: Any, source: Any) -> Any:
    """``source`` broadcast to the shape and cast to the type of ``x``, whose old content plays no part."""
    try:
        return np.broadcast_to(source, x.shape).astype(x.dtype)
    except ValueError:
        what = f"cannot be broadcast to indexing result of shape {list(x.shape)}"
        raise RuntimeError(f"shape mismatch: value tensor of shape {list(source.shape)} {what}") from None


@primitive(lambda g: np.zeros_like(g), lambda g: np.sum(g), exact=True, backward_name="FillBackward0")
def filled(x: Any, value: Any) -> Any:
    """``value`` everywhere in the shape and type of ``x``."""
    return np.full_like(x, value)


@primitive(lambda g: np.zeros_like(g), exact=True, symbol="0")
def zero(x: Any) -> Any:
    """Zeros in the shape of ``x``."""
    return np.zeros_like(x)


def _retrace(steps: tuple[tuple[Callable[..., Any], Any], ...], x: Any) -> Any:
    """The view of ``x`` that ``steps`` describe: view operations with their settings."""
    for call, settings in steps:
        x = call(x, *settings)
    return x


def _put(x: Any, steps: Any, value: Any) -> Any:
    """A copy of ``x`` in which the view that ``steps`` describe is ``value``; in another layout it may show a copy."""
    out = x.copy()
    np.put(out, _retrace(steps, np.arange(x.size).reshape(x.shape)), value)
    return out


@primitive(
    lambda g, steps: np.where(_put(np.ones(g.shape, bool), steps, False), g, 0),
    lambda g, steps: g.contiguous() if isinstance(g := _retrace(steps, g), recording._Tensor) else g,
    backward_name="CopySlices",
)
def overwritten(x: Any, value: Any, steps: Any) -> Any:
    """``x`` after the view of it that ``steps`` describe has become ``value``."""
    return _put(x, steps, value)


class View:
    """How a tensor is a view of another: the base that owns the memory, and the operations from there to here.

    ``origin`` names the place that made it if nothing was recorded there: then no gradient can be led around a recorded
    change in place, and the change is refused.
    """

    __slots__ = ("base", "origin", "seen", "steps")

    def __init__(self, base: Any, steps: tuple[Any, ...], origin: str | None = None) -> None:
        self.base, self.steps, self.origin = base, steps, origin
        self.seen = next_number()

    def refresh(self, view: Tensor) -> None:
        """Give ``view`` its place in the graph again if its base has got a new one by an in-place change.

        Raises:
            RuntimeError: for a view whose making was not recorded.
        """
        base, cell = self.base, self.base._cell
        if cell is None:
            return
        learns = base._node is not None or not (view._node is None or isinstance(view._node, Leaf))
        if self.origin is not None and learns and cell[0] > self.seen:
            raise self.refusal("and its base or another view of its base has been")
        lost = view._node is None or isinstance(view._node, Nowhere)
        if self.origin is None and base._node is not None and cell[0] > self.seen:
            self.seen = cell[0]
            before, mode.grad = mode.grad, True
            try:
                view._move(_retrace(self.steps, base)._node)
            finally:
                mode.grad = before
        elif lost:
            view._node = Nowhere(view) if base._node is not None else None

    def refusal(self, what: str) -> RuntimeError:
        """The error for a recorded change that cannot be followed."""
        return RuntimeError(
            f"A view was created in {self.origin} {what} modified inplace with grad mode enabled. Make view and change "
            "both under no_grad(), or both outside, or clone() the view first."
        )


class Memory(TableMethods, Face):
    """What `Tensor` can do with its memory: share it, be written, be indexed."""

    __slots__ = ()

    _array: np.ndarray[Any, Any]
    _node: ArrayNode | None  # None for a constant, a Leaf for a leaf that requires grad
    _cell: Any  # [last write, number of writes, last rebase], shared by all views; None for an inference tensor
    _view: View | None
    _grad: Tensor | None

    def _share(self, view: Tensor, call: Callable[..., Any], settings: Any) -> None:
        """Make ``view``, which ``call(self, *settings)`` has just made, known as a view of the same memory."""
        mine = self._view
        view._cell = self._cell
        origin = None if mode.grad else "inference mode" if mode.inference else "no_grad mode"
        if mine is None:
            view._view = View(self, ((call, settings),), origin)
        else:
            view._view = View(mine.base, (*mine.steps, (call, settings)), mine.origin or origin)

    def _wrote(self) -> None:
        """Note that the array has been written outside any recorded operation."""
        written(self._cell or [0, 0, 0])  # an inference tensor has none, but let whoever saved it look

    def _become(self, change: Callable[..., Any], *args: Any, **named: Any) -> Self:
        """Change in place: become ``change(self, ...)``, in this memory and at the same shape and dtype; return itself.

        Raises:
            RuntimeError: for a leaf that requires grad, a result of another shape or category, or memory in
                which one place stands for several elements.
        """
        node = self._current() if mode.grad else self._node
        base = self if self._view is None else self._view.base
        learns = self._array.dtype.kind in "fcV"  # whole numbers are cast, and end the graph
        recorded = (
            mode.grad
            and learns
            and (
                node is not None
                or base._node is not None
                or any(isinstance(x, Memory) and x.requires_grad for x in (*args, *named.values()))
            )
        )
        self._check_change(change, recorded)
        # The rules of the change may ask for what was here before it. What overwrites a view does not depend on that.
        before = wrap(self._array.copy() if recorded else self._array)
        before._node = None if base is not self and change in _OVERWRITING else node
        after = change(before, *args, **named)
        if after._array.shape != self._array.shape:
            shapes = list(self.shape), list(after.shape)
            raise RuntimeError(f"output with shape {shapes[0]} doesn't match the broadcast shape {shapes[1]}")
        if after._array.dtype != self._array.dtype:
            names = [dtypes.SCALAR_NAMES[d] for d in (after.dtype, self.dtype)]
            what = f"result type {names[0]} can't be cast to the desired output type {names[1]}"
            need(after.dtype.category <= self.dtype.category, what)
            after = cast(after, self._array.dtype)
        np.copyto(self._array, after._array)
        self._wrote()
        if recorded:
            self._stand_where(after)
        return self

    def _check_change(self, change: Callable[..., Any], recorded: bool) -> None:
        """Raise RuntimeError if this tensor must not be changed in place."""
        view = self._view
        if recorded:
            if view is not None and view.origin is not None:
                raise view.refusal("and is being")
            of_leaf = view is not None and view.base.is_leaf and not (self._node is view.base._node is None)
            what = f"a {'view of a ' if of_leaf else ''}leaf Variable that requires grad"
            leaf = of_leaf or isinstance(self._node, Leaf)
            need(not leaf, f"{what} is being used in an in-place operation.")
        need(self._cell is not None or mode.inference, _INFERENCE)
        need(change in _OVERWRITING[:2] or not overlapping(self._array), _SHARED)

    def _stand_where(self, after: Tensor) -> Self:
        """Take the place in the graph of ``after``, a new result whose data has just been written here."""
        node: Any = after._node
        if node is not None:
            if node.plan.keeps_out:
                node.kept = (*node.kept[:-1], self._cell)
                node.saved = tuple(self._array if x is after._array else x for x in node.saved)
            if all(getattr(owner, "_cell", None) is not self._cell for owner in node.kept):
                node.number = next_number()  # nothing that it kept was changed by the change itself
        base, steps = (self, ()) if self._view is None else (self._view.base, self._view.steps)
        operands = (base, after)
        if steps or (node is None and self._node is not None):
            nodes, values = [t._node for t in operands], (base._array, self._array, steps, base._array)
            plan = overwritten.primitive.plan(sum(1 << i for i, node in enumerate(nodes) if node is not None), 2)
            after = wrap(base._array)
            recording.record(plan, operands, nodes, values, after)
        base._move(after._node)
        self._cell[2] = next_number()
        return self

    def copy_(self, src: Any, non_blocking: bool = False) -> Self:
        """Take over the elements of ``src``, which broadcasts and is cast; returns itself."""
        return self._become(copied, src if isinstance(src, Memory) else wrap(_data(src)))

    def fill_(self, value: Any) -> Self:
        """Set every element to ``value``, a number or a tensor of one; returns itself.

        Raises:
            RuntimeError: for a tensor with dimensions, and for a number that does not fit an integer type.
        """
        value = value if isinstance(value, Memory) else wrap(dtypes.converted(_data(value), self._array.dtype))
        what = f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
        need(not value.ndim, what)
        return self._become(filled, value)

    def zero_(self) -> Self:
        """Set every element to zero; returns itself."""
        return self._become(zero)

    def __getitem__(self, index: Any) -> Self:
        index = self._index(index)
        if not indexing.is_basic(index):
            return indexing.index(self, index)
        kinds = [i for i in index if i is not None and i is not Ellipsis]
        return (indexing.pick if kinds and isinstance(kinds[-1], int) else indexing.slice_)(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        index = self._index(index)
        number = not isinstance(value, Memory)
        if number:
            value = wrap(_data(value))
        if indexing.is_basic(index):
            target = self[index]
            plain = all(i is Ellipsis or (isinstance(i, slice) and not i.start and i.step in (None, 1)) for i in index)
            target = self if plain and target._array.shape == self._array.shape else target  # no view of all
            target.copy_(_without_leading_ones(value, target.ndim))
        elif any(isinstance(i, int) for i in index):
            first, then = indexing.apart(index)
            self[first][then] = value if not number else value.to(self.dtype)
        else:
            masked = value.numel() == 1 and any(isinstance(i, np.ndarray) and i.dtype == bool for i in index)
            if value.dtype is not self.dtype and not number and not masked:
                names = [dtypes.SCALAR_NAMES[d] for d in (self.dtype, value.dtype)]
                what = f"got {names[0]} for the destination and {names[1]} for the source; convert with .to()"
                raise RuntimeError(f"Index put requires the source and destination dtypes match, {what}")
            with contextlib.suppress(IndexError):  # raised below, where it is this tensor's turn
                value = _without_leading_ones(value, self._array[index].ndim if value.ndim > 1 else 1)
            self._become(indexing.replaced, value.to(self.dtype), index)

    def _index(self, index: Any) -> tuple[Any, ...]:
        """An index as NumPy takes it: tensors and lists as arrays, and ``...`` at the end of a basic one.

        Raises:
            IndexError: for an index of a wrong type, as PyTorch does; ValueError: for a negative step.
        """
        items = index if isinstance(index, tuple) else (index,)
        out: list[Any] = []
        for i in items:
            if isinstance(i, (Memory, np.ndarray, list, range)):
                array = np.array(i._array if isinstance(i, Memory) else i)  # a copy, which the graph may keep
                if array.dtype == np.uint8:
                    array = array.astype(bool)  # what PyTorch's masks once were
                if not array.size and array.dtype != bool:
                    array = array.astype(np.int64)
                if array.dtype not in (np.bool_, np.int32, np.int64):
                    what = "tensors used as indices must be long, int, byte or bool tensors"
                    raise IndexError(f"{what}, got {array.dtype}")
                i = int(array) if array.ndim == 0 and array.dtype.kind in "iu" else array
            elif isinstance(i, slice):
                i = slice(*(None if v is None else int(v) for v in (i.start, i.stop, i.step)))
                if i.step is not None and i.step <= 0:
                    raise ValueError(f"step must be greater than zero, got {i.step}; use flip() for the reverse order")
            elif isinstance(i, (bool, np.bool_)):
                i = np.asarray(i)
            elif hasattr(i, "__index__"):
                i = int(i)
            elif i is not None and i is not Ellipsis:
                what = (
                    "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices"
                )
                raise IndexError(f"{what} (got {type(i).__name__})")
            out.append(i)
        while out and out[-1] is Ellipsis and any(i is Ellipsis for i in out[:-1]):
            out.pop()  # a further one at the end stands for nothing
        picking = [i for i in out if i is not None and i is not Ellipsis]
        used = sum(i.ndim if isinstance(i, np.ndarray) and i.dtype == bool else 1 for i in picking)
        if used > self.ndim:
            raise IndexError(f"too many indices for tensor of dimension {self.ndim}")
        if not any(i is Ellipsis for i in out):
            out.append(Ellipsis)  # so that NumPy returns an array, not a number
        return tuple(out)


def _without_leading_ones(x: Tensor, ndim: int) -> Tensor:
    """``x`` with at most ``ndim`` dimensions if those in front have length 1: so far a written value may exceed."""
    while x.ndim > ndim and x.shape[0] == 1:
        x = x[0]
    return x


def _data(x: Any) -> np.ndarray[Any, Any]:
    """What is to be written into a tensor, as an array.

    Raises:
        TypeError: if it is neither a number nor an array.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"can't assign a {type(x).__name__} to a tensor: {x!r}")
    return array


_OVERWRITING = (zero, filled, copied)
_INFERENCE = (
    "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone() to get a normal "
    "tensor before doing inplace update."
)
_SHARED = (
    "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
    "clone() the tensor before performing the operation."
)
