"""`Tensor`: an array that remembers how it was computed. The array face of the engine, with PyTorch's interface.

What is here is what makes a tensor a tensor: its data, its place in the graph, in-place changes and views,
conversions. Its mathematics stands in the table and is attached in `micrograd_cn.methods`.
"""

from __future__ import annotations

import copy
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from micrograd_cn import dtypes, recording
from micrograd_cn.device import CPU, device, require_cpu
from micrograd_cn.engine import Clock, Face, mode, next_number, sweep, written
from micrograd_cn.methods import TableMethods
from micrograd_cn.ops import indexing
from micrograd_cn.ops.table import primitive
from micrograd_cn.recording import ArrayNode, Handle, Leaf, wrap


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple that prints as PyTorch prints it and counts its elements."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return int(np.prod(self, dtype=np.int64))

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def __getitem__(self, i: Any) -> Any:
        part = super().__getitem__(i)
        return Size(part) if isinstance(i, slice) else part

    def __add__(self, other: Any) -> Size:
        return Size(tuple(self) + tuple(other))


@primitive(lambda g: g, backward_name="ToCopyBackward0")
def cast(x: Any, to: Any) -> Any:
    """``x`` in the NumPy type ``to``; the engine casts the gradient back."""
    return x.astype(to)


@primitive(lambda g: g)
def clone(x: Any) -> Any:
    """A copy of ``x`` that passes its gradient on."""
    return np.array(x, order="K", copy=True)


@primitive(lambda g: np.zeros_like(g), lambda g: g, backward_name="CopyBackwards")
def copied(x: Any, source: Any) -> Any:
    """``source`` broadcast to the shape and cast to the type of ``x``, whose old content plays no part."""
    try:
        return np.broadcast_to(source, x.shape).astype(x.dtype)
    except ValueError:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(source.shape)} cannot be broadcast to indexing result of "
            f"shape {list(x.shape)}"
        ) from None


@primitive(lambda g: np.zeros_like(g), lambda g: np.sum(g), backward_name="FillBackward0")
def filled(x: Any, value: Any) -> Any:
    """``value`` everywhere in the shape and type of ``x``."""
    return np.full_like(x, value)


@primitive(lambda g: np.zeros_like(g), symbol="0")
def zero(x: Any) -> Any:
    """Zeros in the shape of ``x``."""
    return np.zeros_like(x)


def _retrace(steps: tuple[tuple[Callable[..., Any], Any], ...], x: Any) -> Any:
    """The view of ``x`` that ``steps`` describe: view operations with their settings."""
    for call, settings in steps:
        x = call(x, *settings)
    return x


def _outside(shape: tuple[int, ...], steps: Any) -> Any:
    mask = np.ones(shape, dtype=bool)
    _retrace(steps, mask)[...] = False
    return mask


@primitive(
    lambda g, steps: np.where(_outside(g.shape, steps), g, 0),
    lambda g, steps: _retrace(steps, g),
    backward_name="CopySlices",
)
def overwritten(x: Any, value: Any, steps: Any) -> Any:
    """``x`` after the view of it that ``steps`` describe has become ``value``."""
    out = x.copy()
    _retrace(steps, out)[...] = value
    return out


class View:
    """How a tensor is a view of another: the base that owns the memory, and the operations from there to here.

    ``origin`` names the place that made it if nothing was recorded there: then no gradient can be led around a recorded
    change in place, and the change is refused.
    """

    __slots__ = ("base", "origin", "seen", "steps")

    def __init__(self, base: Tensor, steps: tuple[Any, ...], origin: str | None = None) -> None:
        self.base, self.steps, self.origin = base, steps, origin
        self.seen = next_number()

    def refresh(self, view: Tensor) -> None:
        """Give ``view`` its place in the graph again if its base has got a new one by an in-place change.

        Raises:
            RuntimeError: for a view whose making was not recorded.
        """
        cell = self.base._cell
        if cell is not None and cell[2] > self.seen:
            if self.origin is not None:
                raise self.refusal("and its base or another view of its base has been")
            self.seen = cell[2]
            before, mode.grad = mode.grad, True
            try:
                view._move(_retrace(self.steps, self.base)._node)
            finally:
                mode.grad = before

    def refusal(self, what: str) -> RuntimeError:
        """The error for a recorded change that cannot be followed."""
        return RuntimeError(
            f"A view was created in {self.origin} {what} modified inplace with grad mode enabled. Make view and change "
            "both under no_grad(), or both outside, or clone() the view first."
        )


_RETAIN = 0  # the key of retain_grad's hook, which runs after all others


class Tensor(TableMethods, Face):
    """An n-dimensional array of one dtype that records what is computed from it.

    Make one with `micrograd_cn.tensor`, `zeros`, `randn` and so on; ``Tensor(2, 3)`` makes an uninitialised one and
    ``Tensor([1, 2])`` one of float32. https://pytorch.org/docs/stable/tensors.html
    """

    __slots__ = ("__dict__", "__weakref__", "_array", "_cell", "_grad", "_node", "_view")

    _array: np.ndarray[Any, Any]
    _node: ArrayNode | None  # None for a constant, a Leaf for a leaf that requires grad
    _cell: Any  # [last write, number of writes, last rebase], shared by all views; None for an inference tensor
    _view: View | None
    _grad: Tensor | None

    __hash__ = object.__hash__
    __array_priority__ = 1000

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        array: np.ndarray[Any, Any]
        if len(args) == 1 and not isinstance(args[0], (int, Size)):
            array = np.array(args[0]._array if isinstance(args[0], Tensor) else args[0], dtypes._default.numpy)
        else:
            array = np.empty(args[0] if args and isinstance(args[0], Size) else args, dtypes._default.numpy)
        return wrap(array) if cls is Tensor else wrap(array)._as_subclass(cls)

    def _as_subclass(self, cls: type) -> Any:
        other = object.__new__(cls)
        other._array, other._node, other._cell, other._view, other._grad = self._array, None, self._cell, None, None
        return other

    @staticmethod
    def _wrap(array: np.ndarray[Any, Any]) -> Tensor:
        """A constant tensor around an array, without a copy."""
        return wrap(array)

    @property
    def _raw(self) -> np.ndarray[Any, Any]:
        return self._array

    def _constant(self, data: Any) -> Tensor:
        return wrap(np.asarray(data))

    _apply = recording.apply

    # --- what it is ------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The lengths of the dimensions."""
        return Size(self._array.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.FROM_NUMPY[self._array.dtype]

    @property
    def device(self) -> device:
        """Always the CPU."""
        return CPU

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    @property
    def T(self) -> Tensor:
        """The tensor with its dimensions in reverse order."""
        return self.permute(tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> Tensor:
        """The tensor with its last two dimensions exchanged."""
        if self.ndim < 2:
            raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor.")
        return self.transpose(-2, -1)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of the dimension ``dim``."""
        if dim is None:
            return self.shape
        if not -self.ndim <= dim < self.ndim:
            n = max(self.ndim, 1)
            raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
        return self._array.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    def stride(self, dim: int | None = None) -> Any:
        """How many elements of memory lie between neighbours along each dimension, or along ``dim``."""
        strides = tuple(s // self._array.itemsize for s in self._array.strides)
        return strides if dim is None else strides[dim]

    def element_size(self) -> int:
        """Bytes an element takes."""
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes all elements take."""
        return self._array.nbytes

    @property
    def itemsize(self) -> int:
        """Bytes an element takes."""
        return self._array.itemsize

    def is_floating_point(self) -> bool:
        """True for float16, float32 and float64."""
        return self._array.dtype.kind == "f"

    def is_complex(self) -> bool:
        """True for complex64 and complex128."""
        return self._array.dtype.kind == "c"

    def is_contiguous(self) -> bool:
        """True if the elements lie in memory in the order of the indices."""
        return self._array.flags.c_contiguous

    def contiguous(self) -> Tensor:
        """The tensor itself if it is contiguous, else a contiguous copy."""
        return self if self._array.flags.c_contiguous else self.clone()._in_c_order()

    def _in_c_order(self) -> Tensor:
        self._array = np.ascontiguousarray(self._array)
        return self

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._array.ctypes.data

    is_cuda = is_sparse = is_quantized = is_meta = False

    # --- its place in the graph --------------------------------------------------------------------------------------

    def _current(self) -> ArrayNode | None:
        """The node, up to date also where this is a view of something changed in place."""
        if self._view is not None:
            self._view.refresh(self)
        return self._node

    @property
    def requires_grad(self) -> bool:
        """True if gradients flow here."""
        return self._current() is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this leaf take part in differentiation, or not; returns itself.

        Raises:
            RuntimeError: for integers, and for a tensor that was computed from others.
        """
        if not isinstance(requires_grad, bool):
            raise TypeError(f"requires_grad must be bool, not {type(requires_grad).__name__}")
        node = self._current()
        if requires_grad and self._array.dtype.kind not in "fc":
            raise RuntimeError(f"only Tensors of floating point and complex dtype can require gradients, got {self.dtype}")
        if node is not None and not isinstance(node, Leaf):
            if not requires_grad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            return self
        if requires_grad and node is None:
            if self._cell is None and not mode.inference:
                raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
            self._node = Leaf(self)
        elif not requires_grad:
            self._node = None
        return self

    @property
    def grad_fn(self) -> ArrayNode | None:
        """The node of the operation that made this tensor; None for a leaf."""
        node = self._current()
        if node is None or isinstance(node, Leaf):
            return None
        return node.parents[0] if node.plan.row.name == "output" else node  # an output shows the user's function

    @property
    def is_leaf(self) -> bool:
        """True unless it was computed from something that requires grad."""
        node = self._current()
        return node is None or isinstance(node, Leaf)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward() has added up here, in the shape and dtype of the tensor, or None."""
        if self._grad is None and not self.is_leaf and not self.retains_grad:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't "
                "be populated during autograd.backward(). Call .retain_grad() on it if you want it to be.",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value.shape != self.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                    f"'{list(self.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
            if value._array.dtype != self._array.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{value.dtype}' to a tensor with dtype '{self.dtype}'"
                )
        self._grad = value

    @property
    def data(self) -> Tensor:
        """The same memory as a constant; the graph does not notice what is written through it."""
        return wrap(self._array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._array = value._array
        if isinstance(self._node, Leaf):
            self._node.shape, self._node.dtype = self._array.shape, self._array.dtype

    @property
    def _version(self) -> int:
        if self._cell is None:
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._cell[1]

    @property
    def _base(self) -> Tensor | None:
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    def is_inference(self) -> bool:
        """True if it was made in `inference_mode`."""
        return self._cell is None

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add to the ``.grad`` of every leaf how this tensor changes with it: the chain rule, from here back.

        Args:
            gradient: where to start, in the shape of this tensor; may be left out where that is one number.
            retain_graph: keep what backward needs, to run it again; default: ``create_graph``.
            create_graph: give the gradients a graph of their own, for higher derivatives.
            inputs: only these tensors get their gradient.

        Raises:
            RuntimeError: if nothing here requires grad, the gradient does not fit, or the graph has been freed.

        https://pytorch.org/docs/stable/generated/torch.Tensor.backward.html
        """
        if inputs is None and not create_graph:
            sweep([self._root(gradient, False)], bool(retain_graph))
        else:
            from micrograd_cn.autograd import backward

            backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def _root(self, gradient: Any, create_graph: bool) -> tuple[ArrayNode, Any]:
        """Where a sweep starts: this tensor's node, with its gradient as raw data or, for a graph, as a tensor."""
        node = self._current()
        if node is None:
            raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
        if gradient is None:
            if self._array.size != 1:
                raise RuntimeError(
                    f"grad can be implicitly created only for scalar outputs, not for shape {list(self.shape)}: "
                    "reduce it first, for instance with .sum(), or pass gradient="
                )
            gradient = _ONE.get(self._array.dtype) if not self._array.ndim else np.ones_like(self._array)
            return node, wrap(np.asarray(gradient)) if create_graph else gradient
        if not isinstance(gradient, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
        if gradient.shape != self.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[0] has a shape of {gradient.shape} and output[0] has a shape of {self.shape}."
            )
        return node, node.fit(gradient if create_graph else gradient._array)

    def detach(self) -> Tensor:
        """The same memory as a constant."""
        out = wrap(self._array)
        out._cell = self._cell
        return out

    def detach_(self) -> Tensor:
        """Forget how this tensor was computed; returns itself.

        Raises:
            RuntimeError: for a view, whose history its base shares.
        """
        if self._view is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._node = None
        self.__dict__.pop("_keep", None)
        return self

    def retain_grad(self) -> None:
        """Let backward() keep the gradient of this computed tensor in ``.grad`` too.

        Raises:
            RuntimeError: if this tensor does not require grad.
        """
        node = self._current()
        if node is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if isinstance(node, Leaf) or self.retains_grad:
            return
        me = weakref.ref(self)

        def keep(gradient: Tensor) -> None:
            tensor = me()
            if tensor is not None:
                tensor._grad = gradient.clone() if tensor._grad is None else tensor._grad + gradient

        self.__dict__["_keep"] = keep
        self._move(node)

    @property
    def retains_grad(self) -> bool:
        """True for a computed tensor on which `retain_grad` was called."""
        return "_keep" in self.__dict__

    def _move(self, node: ArrayNode | None) -> None:
        """Stand at ``node`` from now on. Hooks stay with the node they were put on; `retain_grad` comes along."""
        keep = self.__dict__.get("_keep")
        if keep is not None:
            if self._node is not None and self._node.hooks is not None:
                self._node.hooks.pop(_RETAIN, None)
            if node is not None:
                node.hooks = node.hooks or {}
                node.hooks[_RETAIN] = keep
        self._node = node

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Handle:
        """Call ``hook(gradient)`` whenever this tensor's gradient is complete; what it returns replaces the gradient.

        Raises:
            RuntimeError: if this tensor does not require grad.
        """
        node = self._current()
        if node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")

        def checked(gradient: Tensor) -> Tensor | None:
            answer = hook(gradient)
            name = getattr(hook, "__name__", repr(hook))
            if not (answer is None or isinstance(answer, Tensor)):
                raise TypeError(f"expected Variable, but hook {name!r} returned '{type(answer).__name__}'")
            if answer is not None and answer.shape != gradient.shape:
                raise RuntimeError(f"hook {name!r} has changed the size of value: {gradient.shape} to {answer.shape}")
            if answer is not None and answer.dtype is not gradient.dtype:
                raise RuntimeError(f"hook {name!r} has changed the type of value: {gradient.dtype} to {answer.dtype}")
            return answer

        handle = Handle.add(node, checked)
        if _RETAIN in node.hooks:  # type: ignore[operator]
            node.hooks[_RETAIN] = node.hooks.pop(_RETAIN)  # type: ignore[index,union-attr]
        return handle

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Handle:
        """Call ``hook(tensor)`` after backward() has added to the ``.grad`` of this leaf."""
        node = self._current()
        if not isinstance(node, Leaf):
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        if node.after is None:
            node.after = {}
            node.hooks = node.hooks or {}  # a leaf with hooks waits for its total
        return Handle(node.after, hook)

    # --- views and in-place changes ------------------------------------------------------------------------------------

    def _share(self, view: Tensor, call: Callable[..., Any], settings: Any) -> None:
        """Make ``view``, which ``call(self, *settings)`` has just made, known as a view of the same memory."""
        mine = self._view
        view._cell = self._cell
        origin = None if mode.grad else "inference mode" if mode.inference else "no_grad mode"
        if mine is None:
            view._view = View(self, ((call, settings),), origin)
        else:
            view._view = View(mine.base, (*mine.steps, (call, settings)), mine.origin or origin)
        if not mode.grad and self._current() is not None:
            view._node = Leaf(view)  # PyTorch calls such a view a leaf of its own, and so prints it

    def _wrote(self) -> None:
        """Note that the array has been written outside any recorded operation."""
        if self._cell is not None:
            written(self._cell)
        else:
            Clock.last_write = next_number()  # let whoever saved an inference tensor look

    def _become(self, change: Callable[..., Any], *args: Any, **named: Any) -> Tensor:
        """Change in place: become ``change(self, ...)``, in this memory and at the same shape and dtype; return itself.

        Raises:
            RuntimeError: for a leaf that requires grad, a result of another shape or category, or memory in
                which one place stands for several elements.
        """
        node = self._current()
        tensors = [x for x in (*args, *named.values()) if isinstance(x, Tensor)]
        base = self if self._view is None else self._view.base
        recorded = mode.grad and any(x.requires_grad for x in (self, base, *tensors))
        self._check_change(change, recorded)
        # The rules of the change may ask for what was here before it. What overwrites a view does not depend on that.
        before = wrap(self._array.copy() if recorded else self._array)
        before._node = None if base is not self and change in _OVERWRITING else node
        after = change(before, *args, **named)
        if after._array.shape != self._array.shape:
            raise RuntimeError(
                f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(after.shape)}"
            )
        if after._array.dtype != self._array.dtype:
            if after.dtype.category > self.dtype.category:
                names = [dtypes.SCALAR_NAMES[d] for d in (after.dtype, self.dtype)]
                raise RuntimeError(f"result type {names[0]} can't be cast to the desired output type {names[1]}")
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
            if view is not None and view.base.is_leaf and not (self._node is view.base._node is None):
                raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
            if isinstance(self._node, Leaf):
                raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        if self._cell is None and not mode.inference:
            raise RuntimeError(
                "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone() to get "
                "a normal tensor before doing inplace update."
            )
        strides = zip(self._array.strides, self._array.shape, strict=True)
        if change not in _OVERWRITING[:2] and self._array.size and any(s == 0 and n > 1 for s, n in strides):
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                "location. Please clone() the tensor before performing the operation."
            )

    def _stand_where(self, after: Tensor) -> Tensor:
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
            mask = sum(1 << i for i, t in enumerate(operands) if t._node is not None)
            after = wrap(base._array)
            recording.record(
                overwritten.primitive.plan(mask, 2),
                operands,
                [t._node for t in operands],
                (base._array, self._array, steps, base._array),
                after,
            )
        base._move(after._node)
        self._cell[2] = next_number()
        return self

    def copy_(self, src: Any, non_blocking: bool = False) -> Tensor:
        """Take over the elements of ``src``, which broadcasts and is cast; returns itself."""
        return self._become(copied, src if isinstance(src, Tensor) else wrap(_data(src)))

    def fill_(self, value: Any) -> Tensor:
        """Set every element to ``value``, a number or a tensor of one; returns itself.

        Raises:
            RuntimeError: for a tensor with dimensions.
        """
        value = value if isinstance(value, Tensor) else wrap(_data(value))
        if value.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
            )
        return self._become(filled, value)

    def zero_(self) -> Tensor:
        """Set every element to zero; returns itself."""
        return self._become(zero)

    def __getitem__(self, index: Any) -> Tensor:
        index = self._index(index)
        if not indexing.is_basic(index):
            return indexing.index(self, index)
        kinds = [i for i in index if i is not None and i is not Ellipsis]
        return (indexing.pick if kinds and isinstance(kinds[-1], int) else indexing.slice_)(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        index = self._index(index)
        number = not isinstance(value, Tensor)
        if number:
            value = wrap(_data(value))
        if indexing.is_basic(index):
            target = self[index]
            target.copy_(_without_leading_ones(value, target.ndim))
        else:
            masked = value.numel() == 1 and any(isinstance(i, np.ndarray) and i.dtype == bool for i in index)
            if value.dtype is not self.dtype and not number and not masked:
                raise RuntimeError(
                    "Index put requires the source and destination dtypes match, got "
                    f"{dtypes.SCALAR_NAMES[self.dtype]} for the destination and "
                    f"{dtypes.SCALAR_NAMES[value.dtype]} for the source; convert with .to()"
                )
            if value.ndim > 1:
                value = _without_leading_ones(value, self._array[index].ndim)
            self._become(indexing.replaced, value.to(self.dtype), index)

    def _index(self, index: Any) -> tuple[Any, ...]:
        """An index as NumPy takes it: tensors and lists as arrays, and ``...`` at the end of a basic one.

        Raises:
            IndexError: for an index of a wrong type, as PyTorch does; ValueError: for a negative step.
        """
        items = index if isinstance(index, tuple) else (index,)
        out: list[Any] = []
        for i in items:
            if isinstance(i, (Tensor, np.ndarray, list, range)):
                array = np.array(i._array if isinstance(i, Tensor) else i)  # a copy, which the graph may keep
                if array.dtype.kind not in "biu" and array.size:
                    raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, got {array.dtype}")
                if not array.size and array.dtype.kind == "f":
                    array = array.astype(np.int64)
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
                raise IndexError(
                    "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                    f"(got {type(i).__name__})"
                )
            out.append(i)
        used = sum(1 if not isinstance(i, np.ndarray) or i.dtype != bool else i.ndim for i in out if i is not None and i is not Ellipsis)
        if used > self.ndim:
            raise IndexError(f"too many indices for tensor of dimension {self.ndim}")
        if not any(i is Ellipsis for i in out):
            out.append(Ellipsis)  # so that NumPy returns an array, not a number
        return tuple(out)

    # --- conversions -----------------------------------------------------------------------------------------------------

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """The tensor in another dtype: ``to(dtype)``, ``to(device)``, ``to(device, dtype)``, ``to(other)``, ``copy=True``."""
        wanted = kwargs.pop("dtype", None)
        place = kwargs.pop("device", None)
        for a in args:
            if isinstance(a, Tensor):
                wanted = a.dtype
            elif isinstance(a, dtypes.dtype) or isinstance(a, type):
                wanted = a
            elif isinstance(a, (str, device)):
                place = a
        require_cpu(place)
        if wanted is None or dtypes.to_numpy(wanted) == self._array.dtype:
            return self.clone() if kwargs.get("copy") else self
        return cast(self, dtypes.to_numpy(wanted))

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of the tensor's type, ``torch.FloatTensor``; or the tensor in another dtype."""
        if dtype is None:
            return f"torch.{dtypes.TYPE_NAMES[self.dtype]}"
        if isinstance(dtype, str):
            names = {f"torch.{name}": d for d, name in dtypes.TYPE_NAMES.items()}
            if dtype not in names:
                raise ValueError(f"invalid type: {dtype!r}; expected one of {', '.join(names)}")
            dtype = names[dtype]
        return self.to(getattr(dtype, "dtype", dtype))

    def type_as(self, other: Tensor) -> Tensor:
        """The tensor in the dtype of ``other``."""
        return self.to(other.dtype)

    def cpu(self) -> Tensor:
        """The tensor itself: it is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Tensor:
        """Raise: there is no GPU here."""
        raise AssertionError("Torch not compiled with CUDA enabled: micrograd_cn computes on the CPU")

    def clone(self) -> Tensor:
        """A copy that passes its gradient on."""
        return clone(self)

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The array itself, sharing memory. ``force=True`` detaches first.

        Raises:
            RuntimeError: if the tensor requires grad, since NumPy would lose it.
        """
        if not force and mode.grad and self.requires_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return self._array

    def item(self) -> Any:
        """The single element as a Python number."""
        if self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        return self._array.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self._array.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __bool__(self) -> bool:
        if self._array.size != 1:
            what = "no values" if not self._array.size else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self._array.item())

    def __int__(self) -> int:
        return int(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self._array.size != 1 or self._array.dtype.kind not in "biu":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._array.item())

    def __len__(self) -> int:
        if not self._array.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._array.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self._array)))

    def __contains__(self, element: Any) -> bool:
        return bool((self._array == (element._array if isinstance(element, Tensor) else element)).any())

    def __reversed__(self) -> Tensor:
        return self.flip(0) if self.ndim else self

    def __format__(self, spec: str) -> str:
        return format(self.item() if not self._array.ndim and type(self) is Tensor else str(self), spec)

    def __repr__(self) -> str:
        from micrograd_cn.printing import tensor_repr

        node, suffixes = self._current(), []
        if node is not None:
            suffixes.append("requires_grad=True" if isinstance(node, Leaf) else f"grad_fn={self.grad_fn!r}")
        return tensor_repr(self._array, dtype=self.dtype, suffixes=suffixes)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
                "Use clone() or detach().clone()."
            )
        out = wrap(self._array.copy())._as_subclass(type(self))
        out.requires_grad_(self.requires_grad)
        memo[id(self)] = out
        out._grad = copy.deepcopy(self._grad, memo)
        out.__dict__.update(copy.deepcopy(self._attributes(), memo))
        return out

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuilt, (type(self), self._array, self.requires_grad), self._attributes() or None

    def _attributes(self) -> dict[str, Any]:
        """What the user has attached."""
        return {k: x for k, x in self.__dict__.items() if k != "_keep"}


def _rebuilt(cls: type, array: np.ndarray[Any, Any], requires_grad: bool) -> Any:
    """What unpickling a tensor calls."""
    return wrap(array)._as_subclass(cls).requires_grad_(requires_grad)


def _without_leading_ones(x: Tensor, ndim: int) -> Tensor:
    """``x`` with no more than ``ndim`` dimensions, if those in front have length 1: so far a written value may exceed."""
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
_ONE = {d.numpy: d.numpy.type(1) for d in dtypes.ALL}
recording._Tensor = Tensor
