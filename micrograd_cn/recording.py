"""How an operation on tensors runs: bring the types together, compute, and leave a node in the graph."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.engine import Face, Node, mode, next_number
from micrograd_cn.ops.reduction import sum as _sum
from micrograd_cn.ops.table import Plan, Primitive

if TYPE_CHECKING:
    from micrograd_cn.tensor import Tensor

# Types in which NumPy and PyTorch agree as long as all arrays have the same one and the rest are Python numbers.
_PLAIN = frozenset(np.dtype(t) for t in (np.float16, np.float32, np.float64))
_NUMBERS = frozenset((int, float, bool, type(None)))
_FLOAT32 = np.dtype(np.float32)
_ndarray = np.ndarray


class ArrayNode(Node):
    """A node whose data is an array of ``shape`` and NumPy ``dtype``."""

    __slots__ = ("dtype", "shape")

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def face(self, data: Any, owner: Any = None) -> Tensor:
        tensor = wrap(np.asarray(data), self)
        if owner is not None:
            tensor._cell = owner if isinstance(owner, list) else owner._cell
        return tensor

    def constant(self, data: Any, owner: Any = None) -> Tensor:
        array = np.asarray(data)
        tensor = self.face(array if array.flags.writeable else array.copy(), owner)
        tensor._node = None
        return tensor

    def raw(self, face: Any) -> Any:
        return face._array

    def fit(self, gradient: Any) -> Any:
        if gradient.shape == self.shape and gradient.dtype is self.dtype:
            return gradient
        if gradient.shape != self.shape:
            gradient = _sum_to(gradient, self)
        return _cast(gradient, self.dtype)

    # What PyTorch's ``grad_fn`` answers.

    def name(self) -> str:
        """PyTorch's name of the operation: ``MulBackward0``."""
        return self.plan.row.backward_name if self.plan is not None else "torch::autograd::AccumulateGrad"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes of the inputs (None for a constant), each with the output number 0; empty for a leaf."""
        if self.plan is None:
            return ()
        found = dict(zip(self.plan.active, self.parents, strict=True))
        row = self.plan.row
        places = range(max(found) + 1) if row.variadic else [i for i, rule in enumerate(row.rules) if rule is not None]
        return tuple((found.get(i), 0) for i in places)

    def register_hook(self, hook: Any) -> Handle:
        """Call ``hook(gradient)`` when the gradient of this node's result is complete; see `Tensor.register_hook`."""
        return Handle.add(self, hook)

    def __repr__(self) -> str:
        return f"<{self.name().rpartition('::')[2]}>"


def _cast(gradient: Any, dtype: np.dtype[Any]) -> Any:
    if isinstance(gradient, _Tensor):
        return gradient.to(dtypes.FROM_NUMPY[dtype])
    return gradient if gradient.dtype == dtype else np.asarray(gradient).astype(dtype)


def _sum_to(gradient: Any, node: ArrayNode) -> Any:
    """``gradient`` summed over the dimensions along which the input was broadcast."""
    shape, wanted = gradient.shape, node.shape
    lead = len(shape) - len(wanted)
    if lead < 0 or any(w not in (1, n) for n, w in zip(shape[lead:], wanted, strict=True)):
        raise RuntimeError(
            f"a derivative rule returned an invalid gradient: got shape {list(shape)} but expected a shape compatible "
            f"with {list(wanted)}, that of the input"
        )
    dims = (*range(lead), *(i for i, w in enumerate(wanted, lead) if w == 1 and shape[i] != 1))
    return _sum(gradient, dims).reshape(wanted) if dims else gradient.reshape(wanted)


class Leaf(ArrayNode):
    """Where gradients end: it adds what arrives to the ``.grad`` of the tensor that it stands for.

    It holds that tensor weakly, so that neither keeps the other alive; hooks stay with the graph.
    """

    __slots__ = ("after", "tensor")

    retains = True

    def __init__(self, tensor: Tensor) -> None:
        self.number = next_number()
        self.plan, self.parents, self.saved, self.kept, self.hooks = None, (), None, (), None
        self.shape, self.dtype = tensor._array.shape, tensor._array.dtype
        self.tensor = weakref.ref(tensor)
        self.after: dict[int, Any] | None = None

    def accumulate(self, gradient: Any, shared: bool) -> None:
        tensor: Any = self.tensor()
        if tensor is None or tensor._node is None:  # gone, or no longer requires grad
            return
        before = tensor._grad
        if isinstance(gradient, Face):
            face: Any = gradient
            tensor._grad = face.clone() if before is None else before + face
        elif before is None:
            array = gradient if gradient.__class__ is _ndarray else np.asarray(gradient)
            # A view, or an array that another tensor's gradient may be too, must not be written by either.
            tensor._grad = wrap(array.copy() if shared or array.base is not None else array)
        else:
            if before._cell is None:
                before._check_change(None, False)
            before._array += gradient
            before._wrote()
        if self.after:
            for hook in list(self.after.values()):
                if (answer := hook(tensor)) is not None and answer is not tensor:
                    raise RuntimeError("Tensor post accumulate grad hooks should return None.")

    @property
    def variable(self) -> Any:
        """The tensor that this leaf stands for; None if it is gone."""
        return self.tensor()


class Nowhere(Leaf):
    """Where a view stands that was made before its base learned, or unrecorded: PyTorch shows it as learning, too, but
    its gradient goes nowhere."""

    __slots__ = ()

    def accumulate(self, gradient: Any, shared: bool) -> None:
        """The gradient is lost."""


class Handle:
    """What registering a hook returns: ``remove()`` takes the hook away, and so does leaving a ``with`` block."""

    _ids = 0

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        Handle._ids += 1
        self.id = Handle._ids
        self._hooks = hooks
        hooks[self.id] = hook

    @classmethod
    def add(cls, node: Node, hook: Any) -> Handle:
        """Add a gradient hook to a node."""
        if node.hooks is None:
            node.hooks = {}
        return cls(node.hooks, hook)

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def wrap(array: np.ndarray[Any, Any], node: ArrayNode | None = None) -> Tensor:
    """A tensor around an array, without a copy, standing at ``node`` in the graph."""
    tensor = _new(_Tensor)
    tensor._array = array
    tensor._node = node
    tensor._cell = [0, 0, 0]
    tensor._view = None
    tensor._grad = None
    return tensor


observers: tuple[Any, ...] = ()
"""Called with the number of each new node and what its operation was given: by `viz.watch`, else there are none."""

_new = object.__new__
_Tensor: Any = None  # set by micrograd_cn.tensor, which stands on this module


def apply(self: Any, row: Primitive, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Run a primitive on arguments of which at least one is a tensor, and record it: `Tensor._apply`.

    Every operation comes through here, so it is written for speed: 1.5 µs over NumPy's own call.

    Raises:
        RuntimeError, TypeError, IndexError: what PyTorch raises, naming the shapes and types at fault.
    """
    if named or len(args) != row.quick_arity:
        args, settings = row.bind(args, named)
    else:
        settings = row.defaults
    arrays, nodes = [], []
    dtype, alike = None, True
    mask, bit = 0, 1
    for x in args:
        if isinstance(x, _Tensor):
            if x._view is not None and mode.grad:
                x._view.refresh(x)
            array = x._array
            arrays.append(array)
            node = x._node
            nodes.append(node)
            if node is not None:
                mask += bit
            if dtype is None:
                dtype = array.dtype
            elif array.dtype is not dtype:
                alike = False
        else:
            arrays.append(x)
            nodes.append(None)
            if x.__class__ not in _NUMBERS:
                alike = False
        bit += bit
    if not alike or (dtype is not _FLOAT32 and dtype not in _PLAIN):
        prepared = _prepared(row, args, arrays)
        kinds = "" if row.exact else {x.dtype.kind for x in prepared if x.__class__ is _ndarray}
        if "V" in kinds:
            return _in_float32(row, args, arrays, settings)
        if mask and mode.grad and ("c" in kinds or complex in map(type, prepared)):
            raise NotImplementedError(f"{row.name}: complex numbers have no derivatives here; use torch.no_grad()")
        arrays = prepared
    try:
        out = row.forward(*arrays, *settings)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise _explained(row, arrays, error) from None
    if out.__class__ is not _ndarray:
        out = np.asarray(out)
    elif row.packed and not out.flags.c_contiguous:
        out = np.ascontiguousarray(out)

    result = _new(_Tensor)
    result._array = out
    result._node = None
    result._cell = [0, 0, 0]
    result._view = None
    result._grad = None
    if row.view and (not out.size or np.may_share_memory(out, arrays[0])):
        args[0]._share(result, row.call, settings)
    if mask and mode.grad:
        plan = row.plans.get(mask) or row.plan(mask, len(arrays))
        if plan.pulls:
            record(plan, args, nodes, (*arrays, *settings, out), result)
    elif mode.inference and result._view is None:
        result._cell = None
    return result


def _in_float32(row: Primitive, args: tuple[Any, ...], arrays: list[Any], settings: tuple[Any, ...]) -> Any:
    """Run a row on bfloat16 as PyTorch does: computed in float32, and the result rounded."""
    wide = [x.to(dtypes.float32) if isinstance(x, _Tensor) and x._array.dtype.kind == "V" else x for x in args]
    wide = [x.astype(np.float32) if x.__class__ is _ndarray and x.dtype.kind == "V" else x for x in wide]
    out = row.call(*wide, **dict(zip(row.settings, settings, strict=True)))
    asked = row.dtype_at is not None and settings[row.dtype_at - len(args)] is not None
    narrow = common_dtype([x for x in arrays if x is not None])
    return out.to(narrow) if narrow.numpy.kind == "V" and out.dtype is dtypes.float32 and not asked else out


def record(plan: Plan, args: Any, nodes: Any, frame: tuple[Any, ...], result: Tensor) -> None:
    """Leave a node for ``result``, with what its rules ask for from the frame ``(*inputs, *settings, out)``."""
    out = frame[-1]
    node = _new(ArrayNode)
    node.number = next_number()
    node.plan = plan
    node.parents = plan.parents(nodes)
    node.saved = plan.keep(frame)
    # The tensors whose memory is kept; the result by its version cell only, since it points back to this node.
    node.kept = (*plan.kept(args), result._cell) if plan.keeps_out else plan.kept(args)
    node.shape = out.shape
    node.dtype = out.dtype
    node.hooks = None
    result._node = node
    for observe in observers:
        observe(node.number, args)


def _prepared(row: Primitive, args: tuple[Any, ...], arrays: list[Any]) -> list[Any]:
    """The inputs as arrays of the types that the row asks for; Python numbers stay numbers where they do no harm."""
    arrays = [_as_array(x) for x in arrays]
    if row.dtypes == "keep":
        return arrays
    first = 1 if row.name == "where" else 0
    operands = [x for x in arrays[first:] if x is not None]
    if row.dtypes == "same":
        found = list(dict.fromkeys(x.dtype for x in operands if isinstance(x, np.ndarray)))
        if len(found) > 1:
            a, b = (str(dtypes.FROM_NUMPY[d]).removeprefix("torch.") for d in found[:2])
            raise RuntimeError(f"{row.name}: expected all tensors to have the same dtype, but got: {a} != {b}")
        return arrays
    common = common_dtype(operands)
    if common.category < _LOWEST.get(row.dtypes, 0):
        raise _not_implemented(row, common)
    if row.dtypes == "float" and common.category < 2:
        common = dtypes.get_default_dtype()
    target = common.numpy
    return [x if i < first or x is None else _brought(x, target) for i, x in enumerate(arrays)]


# The lowest category of types that a row computes with: see `Primitive`.
_LOWEST = {"number": 1, "float_only": 2}


def _not_implemented(row: Primitive, found: dtypes.dtype) -> NotImplementedError:
    hint = "convert with .float()" if found.category < 2 else "convert with .long() or .bool()"
    return NotImplementedError(f"\"{row.name}\" not implemented for '{dtypes.SCALAR_NAMES[found]}'; {hint}")


def _brought(x: Any, target: np.dtype[Any]) -> Any:
    if isinstance(x, np.ndarray):
        return x if x.dtype == target else x.astype(target)
    return np.asarray(x).astype(target)


def common_dtype(operands: list[Any]) -> dtypes.dtype:
    """PyTorch's type for an operation on arrays and Python numbers: see `dtypes.result_type`."""
    found = [dtypes.FROM_NUMPY[x.dtype] for x in operands if isinstance(x, np.ndarray) and x.ndim]
    zero_dim = [dtypes.FROM_NUMPY[x.dtype] for x in operands if isinstance(x, np.ndarray) and not x.ndim]
    return dtypes.result_type(
        found, zero_dim, [dtypes.scalar_dtype(x) for x in operands if not isinstance(x, np.ndarray)]
    )


def _as_array(x: Any) -> Any:
    """An operand as NumPy computes with it: an array, a Python number, or None."""
    if x is None or (isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic)):
        return x
    if isinstance(x, np.generic):
        return x.item()
    if isinstance(x, np.ndarray):
        dtypes.from_numpy(x.dtype)
        return x
    raise TypeError(f"unsupported operand type: '{type(x).__name__}' ({x!r}); expected a tensor, an array or a number")


def _explained(row: Primitive, arrays: list[Any], error: Exception) -> Exception:
    """NumPy's error as PyTorch words it."""
    shapes = [x.shape for x in arrays if isinstance(x, np.ndarray)]
    if isinstance(error, np.exceptions.AxisError):
        n = max(error.ndim or 0, 1)
        return IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {error.axis}) in "
            f"{row.name}() of a tensor of shape {list(shapes[0])}"
        )
    if isinstance(error, IndexError):
        return IndexError(str(error).replace("axis", "dimension").replace("array", "tensor"))
    if row.elementwise and isinstance(error, TypeError) and shapes and not any(x is None for x in arrays):
        return _not_implemented(row, dtypes.FROM_NUMPY[next(x.dtype for x in arrays if isinstance(x, np.ndarray))])
    if row.elementwise and len(shapes) > 1:
        width = max(map(len, shapes))
        padded = [(1,) * (width - len(s)) + s for s in shapes]
        for dim in reversed(range(width)):
            sizes = [s[dim] for s in padded if s[dim] != 1]
            if len(set(sizes)) > 1:
                return RuntimeError(
                    f"The size of tensor a ({sizes[0]}) must match the size of tensor b ({sizes[1]}) at non-singleton "
                    f"dimension {dim}: {row.name}() of shapes {' and '.join(str(list(s)) for s in shapes)}"
                )
    types = [str(dtypes.FROM_NUMPY.get(x.dtype, x.dtype)) for x in arrays if isinstance(x, np.ndarray)]
    kind = (
        TypeError if isinstance(error, TypeError) and (not shapes or any(x is None for x in arrays)) else RuntimeError
    )
    described = ", ".join(f"{list(s)} {t}" for s, t in zip(shapes, types, strict=True))
    return kind(f"{row.name}() cannot compute with {described}: {error}")
