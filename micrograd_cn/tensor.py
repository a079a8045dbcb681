"""`Tensor`: an array that remembers how it was computed. The array face of the engine, with PyTorch's interface.

What a tensor is and where it stands in the graph is here; what it does with its memory stands in `micrograd_cn.memory`,
what it can become in `micrograd_cn.conversions`, and its mathematics in the table (`micrograd_cn.methods`).
"""

from __future__ import annotations

import math
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from micrograd_cn import dtypes, recording
from micrograd_cn.conversions import Conversions
from micrograd_cn.device import CPU, device
from micrograd_cn.engine import mode, sweep
from micrograd_cn.ops import arithmetic
from micrograd_cn.ops.shape import axis_index, need
from micrograd_cn.recording import ArrayNode, Handle, Leaf, Nowhere, wrap


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


_RETAIN = 0  # the key of retain_grad's hook, which runs after all others


class Tensor(Conversions):
    """An n-dimensional array of one dtype that records what is computed from it.

    Make one with `micrograd_cn.tensor`, `zeros`, `randn` and so on; ``Tensor(2, 3)`` makes an uninitialised one and
    ``Tensor([1, 2])`` one of float32. https://pytorch.org/docs/stable/tensors.html
    """

    __slots__ = ("__dict__", "__weakref__", "_array", "_cell", "_grad", "_node", "_view")

    __hash__ = object.__hash__
    __array_priority__ = 1000

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        array = legacy_array(args, dtypes._default)
        return wrap(array) if cls is Tensor else wrap(array)._as_subclass(cls)

    def _as_subclass(self, cls: type) -> Any:
        other: Any = object.__new__(cls)
        other._array, other._node, other._cell, other._view, other._grad = self._array, None, self._cell, None, None
        return other

    @staticmethod
    def _wrap(array: np.ndarray[Any, Any]) -> Tensor:
        """A constant tensor around an array, without a copy."""
        return wrap(array)

    _raw = property(lambda self: self._array)

    def _constant(self, data: Any) -> Tensor:
        return wrap(np.asarray(data))

    _apply = recording.apply

    # --- what it is --------------------------------------------------------------------------------------------------

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

    ndim = property(lambda self: self._array.ndim, doc="The number of dimensions.")
    nbytes = property(lambda self: self._array.nbytes, doc="Bytes all elements take.")
    itemsize = property(lambda self: self._array.itemsize, doc="Bytes an element takes.")

    @property
    def T(self) -> Tensor:
        """The tensor with its dimensions in reverse order."""
        return self.permute(tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> Tensor:
        """The tensor with its last two dimensions exchanged."""
        what = "tensor.mT is only supported on matrices or batches of matrices"
        need(self.ndim != 1, f"{what}. Got {self.ndim}-D tensor.")
        return self.transpose(-2, -1) if self.ndim else self

    @property
    def H(self) -> Tensor:
        """The adjoint of a matrix: its transpose with conjugate numbers."""
        what = f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor."
        need(self.ndim in (0, 2), what)
        return self.T.conj()

    mH = property(lambda self: self.mT.conj(), doc="``mT`` with conjugate numbers.")
    real = property(arithmetic.real, doc="The real part: a copy, or real numbers themselves.")
    imag = property(arithmetic.imag, doc="The imaginary part of complex numbers, a copy.")

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of the dimension ``dim``."""
        return self.shape if dim is None else self._array.shape[axis_index(dim, self.ndim)]

    def dim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self._array.size

    nelement = numel

    def stride(self, dim: int | None = None) -> Any:
        """How many elements of memory lie between neighbours along each dimension, or along ``dim``."""
        a = self._array
        strides = tuple(s // a.itemsize for s in a.strides)
        if not a.size:  # NumPy says 0
            strides = tuple(math.prod(max(n, 1) for n in a.shape[i + 1 :]) for i in range(a.ndim))
        return strides if dim is None else strides[dim]

    def storage_offset(self) -> int:
        """How many elements of memory lie before the first, since a view may begin later than its base."""
        base = self._base
        return 0 if base is None else (self.data_ptr() - base.data_ptr()) // self._array.itemsize

    def element_size(self) -> int:
        """Bytes an element takes."""
        return self._array.itemsize

    def is_floating_point(self) -> bool:
        """True for float16, bfloat16, float32 and float64."""
        return self._array.dtype.kind in "fV"

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

    def _unfollowed(self) -> ArrayNode | None:
        """The node as `_current`, without a refusal of a view that was made unrecorded: that is a leaf anyway."""
        return self._node if self._view is not None and self._view.origin is not None else self._current()

    @property
    def requires_grad(self) -> bool:
        """True if gradients flow here."""
        learns = self._node is not None and not isinstance(self._node, Nowhere)
        return learns or (self._view is not None and self._view.base.requires_grad)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        need(self.is_leaf, "you can only change requires_grad flags of leaf variables.")
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Make this leaf take part in differentiation, or not; returns itself.

        Raises:
            RuntimeError: for integers, and for a tensor that was computed from others.
        """
        kind = type(requires_grad).__name__
        need(isinstance(requires_grad, bool), f"requires_grad must be bool, not {kind}", TypeError)
        node = self._unfollowed()
        if requires_grad and self._array.dtype.kind not in "fcV":
            raise RuntimeError(f"only Tensors of floating point dtype can require gradients, got {self.dtype}")
        if node is not None and not isinstance(node, Leaf):
            need(requires_grad, "you can only change requires_grad flags of leaf variables; use var.detach() instead")
        elif not requires_grad:
            self._node = None
        elif node is None or isinstance(node, Nowhere):
            what = "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
            need(self._cell is not None or mode.inference, what)
            self._node = Leaf(self)
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
        if self._grad is None and not (self._node is None or isinstance(self._node, Leaf) or self.retains_grad):
            warnings.warn(_NO_GRAD, UserWarning, stacklevel=2)
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                kind = type(value).__name__
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {kind}")
            need(value is not self, "can't assign Variable as its own grad")
            what = "attempting to assign a gradient"
            sizes, kinds = (list(value.shape), list(self.shape)), (value.dtype, self.dtype)
            need(sizes[0] == sizes[1], f"{what} of size '{sizes[0]}' to a tensor of size '{sizes[1]}'")
            need(kinds[0] is kinds[1], f"{what} with dtype '{kinds[0]}' to a tensor with dtype '{kinds[1]}'")
        self._grad = value

    @property
    def data(self) -> Tensor:
        """The same memory as a constant; the graph does not notice what is written through it."""
        return wrap(self._array)

    @data.setter
    def data(self, value: Tensor) -> None:
        need(isinstance(value, Tensor), f"Variable data has to be a tensor, but got {type(value).__name__}", TypeError)
        self._array = value._array
        if isinstance(self._node, Leaf):
            self._node.shape, self._node.dtype = self._array.shape, self._array.dtype

    @property
    def _version(self) -> int:
        need(self._cell is not None, "Inference tensors do not track version counter.")
        return self._cell[1]

    _base = property(lambda self: None if self._view is None else self._view.base)

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
        if node is None or isinstance(node, Nowhere):
            raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
        if gradient is None:
            if self._array.size != 1:
                what = "reduce it first, for instance with .sum(), or pass gradient="
                raise RuntimeError(f"grad can be implicitly created only for scalar outputs, not {self.shape}: {what}")
            one = _ONE.get(self._array.dtype) if not self._array.ndim else None
            gradient = np.ones_like(self._array) if one is None else one
            return node, wrap(np.asarray(gradient)) if create_graph else gradient
        if not isinstance(gradient, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
        if gradient.shape != self.shape:
            shapes = f"grad_output[0] has a shape of {gradient.shape} and output[0] has a shape of {self.shape}."
            raise RuntimeError(f"Mismatch in shape: {shapes}")
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
        need(self._view is None, "Can't detach views in-place. Use detach() instead.")
        self._node = None
        self.__dict__.pop("_keep", None)
        return self

    def retain_grad(self) -> None:
        """Let backward() keep the gradient of this computed tensor in ``.grad`` too.

        Raises:
            RuntimeError: if this tensor does not require grad.
        """
        need(self.requires_grad, "can't retain_grad on Tensor that has requires_grad=False")
        node = self._unfollowed()
        if node is None or isinstance(node, Leaf) or self.retains_grad:
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
        node: Any = self._current()
        need(node is not None, "cannot register a hook on a tensor that doesn't require gradient")

        def checked(gradient: Tensor) -> Tensor | None:
            answer = hook(gradient)
            if answer is not None:
                who = f"hook {getattr(hook, '__name__', repr(hook))!r}"
                if not isinstance(answer, Tensor):
                    raise TypeError(f"expected Variable, but {who} returned '{type(answer).__name__}'")
                for what, a, b in ("size", gradient.shape, answer.shape), ("type", gradient.dtype, answer.dtype):
                    need(a == b, f"{who} has changed the {what} of value: {a} to {b}")
            return answer

        handle = Handle.add(node, checked)
        if _RETAIN in node.hooks:
            node.hooks[_RETAIN] = node.hooks.pop(_RETAIN)
        return handle

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> Handle:
        """Call ``hook(tensor)`` after backward() has added to the ``.grad`` of this leaf."""
        node: Any = self._current()
        need(isinstance(node, Leaf), "post accumulate grad hooks cannot be registered on non-leaf tensors")
        if node.after is None:
            node.after = {}
            node.hooks = node.hooks or {}  # a leaf with hooks waits for its total
        return Handle(node.after, hook)


def legacy_array(args: tuple[Any, ...], dtype: dtypes.dtype) -> np.ndarray[Any, Any]:
    """What PyTorch's oldest constructors make: of sizes an empty array, of a sequence or tensor one of its numbers.

    Raises:
        TypeError: for a number that is no size, and for a tensor of another type.
    """
    if len(args) != 1 or isinstance(args[0], (int, Size)):
        return np.empty((args[0] if isinstance(args[0], Size) else args) if args else 0, dtype.numpy)
    data = args[0]
    if isinstance(data, Tensor):
        if data.dtype is not dtype:
            raise TypeError(f"expected a tensor of {dtype}, got {data.dtype}; convert it with .to({dtype})")
        return data._array
    need(hasattr(data, "__len__"), f"new(): data must be a sequence (got {type(data).__name__})", TypeError)
    return np.array(data).astype(dtype.numpy)


_NO_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
    "populated during autograd.backward(). Call .retain_grad() on it if you want it to be."
)
_ONE = {d.numpy: d.numpy.type(1) for d in dtypes.ALL}
recording._Tensor = Tensor
