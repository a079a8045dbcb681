"""The pickles inside PyTorch's files: tensors as views of storages that lie beside the pickle.

Reading strictly builds tensors and plain containers and can do nothing else: every name that a pickle asks for is
looked up in one table, and the operations that call or fill an object work on what came from that table only.
"""

from __future__ import annotations

import collections
import functools
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable
from types import FunctionType
from typing import Any, ClassVar

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.device import device
from micrograd_cn.nn.parameter import Buffer, Parameter
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Size, Tensor

Array = np.ndarray[Any, Any]
# The versions in Python, whose steps can be refined; pickles of checkpoints are small.
_Pickler: Any = pickle._Pickler
_Unpickler: Any = pickle._Unpickler


class StorageType:
    """PyTorch's name for flat memory of one dtype: ``FloatStorage``."""

    def __init__(self, dtype: dtypes.dtype) -> None:
        self.dtype, self.name = dtype, dtypes.SCALAR_NAMES[dtype] + "Storage"

    def __reduce__(self) -> str:
        return self.name


class Storage:
    """Flat memory, and its name in the file. PyTorch may mark a tensor's numbers as conjugated or negated: that is
    computed once for all of them, so that no file can ask for more memory than that takes."""

    def __init__(self, flat: Array, key: str = "") -> None:
        self.flat, self.key = flat, key

    conj = functools.cached_property(lambda self: Storage(np.conjugate(self.flat)))
    neg = functools.cached_property(lambda self: Storage(np.negative(self.flat)))


def rebuild_tensor(storage: Storage, offset: int, size: Any, stride: Any, requires_grad: bool,
        hooks: Any = None, metadata: Any = None) -> Tensor:  # fmt: skip
    """A tensor that looks at ``storage``: ``offset`` and ``stride`` in elements.

    Raises:
        pickle.UnpicklingError: if it would look beyond.
    """
    tuples = isinstance(storage, Storage) and type(size) is type(stride) is tuple
    if not tuples or any(type(n) is not int or n < 0 for n in (offset, *size, *stride)):
        raise pickle.UnpicklingError("a tensor of such a size and stride cannot be read")
    for mark in ("conj", "neg") if type(metadata) is dict else ():
        storage = getattr(storage, mark) if metadata.get(mark) is True else storage
    flat = storage.flat
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if all(size) and last >= len(flat):
        raise pickle.UnpicklingError(f"a tensor of size {size} and stride {stride} exceeds its {len(flat)} numbers")
    step = flat.itemsize
    steps = [s * step for s in stride]
    view: Array = np.ndarray(size, flat.dtype, flat.view(np.uint8).data, min(offset, len(flat)) * step, steps)
    return wrap(view).requires_grad_(bool(requires_grad))


def rebuild_parameter(data: Tensor, requires_grad: bool, *_: Any) -> Parameter:
    """A parameter with the memory of ``data``."""
    return Parameter(data, bool(requires_grad))


def rebuild_from_type(rebuild: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """A tensor of the class ``kind``, which is one of PyTorch's own."""
    kinds = {c.__name__: c for c in (Tensor, Parameter, Buffer)}
    name = getattr(kind, "__name__", kind)
    if type(name) is not str or name not in kinds or type(arguments) is not tuple or rebuild not in _REBUILDS[:2]:
        raise pickle.UnpicklingError(f"a tensor of the type {name if type(name) is str else type(name)} cannot be read")
    return rebuild(*arguments)._as_subclass(kinds[name])


_REBUILDS = (rebuild_tensor, rebuild_parameter, rebuild_from_type)


def _encode(text: str, encoding: str) -> bytes:
    """Bytes, as pickles of protocol 2 hold them."""
    return text.encode("latin1")


_ = dtypes.bfloat16  # now it is among the types
STORAGES = {d: StorageType(d) for d in dtypes.TYPE_NAMES}
# The names in a pickle that tensors and plain containers are made of.
KNOWN: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): rebuild_parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): rebuild_from_type,
    ("torch", "Size"): Size,
    ("torch", "device"): device,
    **{("torch", d._name): d for d in STORAGES},
    **{("torch", s.name): s for s in STORAGES.values()},
    ("_codecs", "encode"): _encode,
    **{("collections", c.__name__): c for c in (OrderedDict, collections.Counter)},
    **{(module, c.__name__): c for module in ("builtins", "__builtin__") for c in (set, complex)},
}
_COPYING = (Size, device, _encode, OrderedDict, collections.Counter, set, complex)
_CLASSES = {("torch", "Tensor"), ("torch.nn.parameter", "Parameter"), ("torch.nn.parameter", "Buffer")}
_NAMES = {id(thing): name for name, thing in KNOWN.items() if name[0].startswith("torch")}


class Pickler(_Pickler):
    """Writes tensors and what PyTorch has names for under those names; the memory of tensors goes to ``storages``.

    Attributes:
        storages: for the key of each storage its flat array.
    """

    dispatch: ClassVar[dict[Any, Any]] = dict(_Pickler.dispatch)

    def __init__(self, file: io.BytesIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self.storages: dict[str, Array] = {}
        self._keys: dict[Any, str] = {}

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """A reference by name."""
        if id(obj) in _NAMES:
            self.write(pickle.GLOBAL + "\n".join([*_NAMES[id(obj)], ""]).encode())
            self.memoize(obj)
        else:
            super().save_global(obj, name)

    dispatch[FunctionType] = save_global

    def persistent_id(self, obj: Any) -> Any:
        """What stands for a storage."""
        if not isinstance(obj, Storage):
            return None
        return "storage", STORAGES[dtypes.FROM_NUMPY[obj.flat.dtype]], obj.key, "cpu", len(obj.flat)

    def reducer_override(self, obj: Any) -> Any:
        """How tensors and sizes are rebuilt; the rest as pickle does it."""
        if isinstance(obj, Parameter):
            return rebuild_parameter, (wrap(obj._array), obj.requires_grad, OrderedDict())
        if isinstance(obj, Tensor):
            storage, array = self._storage(obj._array)
            start = storage.flat.ctypes.data
            offset = (array.ctypes.data - start) // obj.itemsize if obj.numel() else 0
            stride = wrap(array).stride()
            return rebuild_tensor, (storage, offset, tuple(obj.shape), stride, obj.requires_grad, OrderedDict())
        return (type(obj), (tuple(obj),)) if isinstance(obj, Size) else NotImplemented

    def _storage(self, array: Array) -> tuple[Storage, Array]:
        """The memory that ``array`` looks at, once for all that share it, and the array; of a copy, if no storage can
        be seen that way."""
        owner = array
        while isinstance(owner.base, np.ndarray) and owner.base.dtype == array.dtype:
            owner = owner.base
        dense = owner.transpose(sorted(range(owner.ndim), key=lambda i: -owner.strides[i]))
        if not dense.flags.c_contiguous or any(s < 0 for s in array.strides):
            return self._storage(array.copy())
        key = self._keys.setdefault((owner.ctypes.data, owner.dtype, owner.nbytes), str(len(self._keys)))
        return Storage(self.storages.setdefault(key, dense.reshape(-1)), key), array


class Unpickler(_Unpickler):
    """Reads any pickle, with the code that it names: only for files that are trusted.

    Args:
        data: the pickle.
        storage: from PyTorch's description of a storage to its flat memory.
    """

    def __init__(self, data: bytes, storage: Callable[[Any], Storage], **options: Any) -> None:
        super().__init__(io.BytesIO(data), **options)
        self.persistent_load = storage

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the pickle means; PyTorch's modules are ours."""
        known = KNOWN.get((module, name))
        if known is not None:
            return known
        package, _, rest = module.partition(".")
        return super().find_class(f"micrograd_cn.{rest}".rstrip(".") if package == "torch" else module, name)


def _refused(why: str) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(f"Weights only load failed: the file {why}")


def _making(code: bytes) -> Callable[[Any], None]:
    """The operation ``code``, which makes a tuple."""
    load = _Unpickler.dispatch[code[0]]

    def run(self: Any) -> None:
        load(self)
        self._count()

    return run


def _filling(code: bytes, kind: type, at: int) -> Callable[[Any], None]:
    """The operation ``code``, on a ``kind`` only, which is at this place of the stack, or below the mark if that is 0.

    On other things it would call methods with these names: those of tensors may take any amount of memory.
    """

    def run(self: Any) -> None:
        thing = self.stack[at] if at else self.metastack[-1][-1]
        if not isinstance(thing, kind):
            raise _refused(f"fills a {type(thing).__name__}")
        _Unpickler.dispatch[code[0]](self)

    return run


class StrictUnpickler(Unpickler):
    """Reads tensors and plain containers and refuses everything else by name.

    Reading takes no more memory and time than the length of the file justifies: what calls copy must stand in the file,
    and tuples, which may be hashed and compared through and through, hold at most `NESTED` tuples.

    Args:
        allowed: further classes that may be made, by their full names; see `serialization.safe_globals`.
    """

    NESTED = 10_000
    dispatch: ClassVar[dict[Any, Any]] = dict(_Unpickler.dispatch)

    def __init__(self, data: bytes, storage: Callable[[Any], Storage], allowed: dict[str, Any]) -> None:
        super().__init__(data, storage)
        self.allowed = allowed
        self.left = len(data)  # that calls may copy
        self.nested: dict[int, int] = {}  # for each tuple, by its identity, how many it holds

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the pickle means, if it is one of the known or allowed."""
        # Classes of tensors are read as their names: called with sizes, they would reserve memory.
        plain = name if (module, name) in _CLASSES else None
        found = KNOWN.get((module, name), self.allowed.get(f"{module}.{name}", plain))
        if found is None:
            said = f"asks for {module}.{name}, which is no tensor and no plain container. If you trust its source, load"
            said += " it with weights_only=False, or allow just this class "
            raise _refused(said + "with torch.serialization.safe_globals([...]).")
        return found

    def _copies(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise _refused("copies more than it holds")

    def _count(self) -> None:
        made = self.stack[-1]
        if isinstance(made, tuple):
            held = sum(self.nested.get(id(x), 0) for x in made if isinstance(x, tuple)) + 1
            if held > self.NESTED:
                raise _refused(f"holds a tuple of more than {self.NESTED} tuples")
            self.nested[id(made)] = held

    def _load_reduce(self) -> None:
        function, arguments = self.stack[-2:]
        if type(arguments) is not tuple:
            raise _refused(f"calls with a {type(arguments).__name__}")
        if any(function is known for known in _COPYING):
            self._copies(sum(len(x) for x in arguments if hasattr(x, "__len__")))
        _Unpickler.load_reduce(self)
        self._count()

    def _load_build(self) -> None:
        state, thing = self.stack[-1], self.stack[-2]
        if type(thing) is OrderedDict and isinstance(state, dict) and all(type(name) is str for name in state):
            self._copies(len(state))
            self.stack.pop()
            thing.__dict__.update(state)
        elif type(thing) in self.allowed.values():
            _Unpickler.load_build(self)
        else:
            raise _refused(f"fills a {type(thing).__name__}")

    def _load_newobj(self) -> None:
        made = self.stack[-2]
        if not any(made is known for known in (OrderedDict, *self.allowed.values())):
            raise _refused(f"makes a {made.__name__ if isinstance(made, type) else type(made).__name__}")
        _Unpickler.load_newobj(self)

    def _refuse(self) -> None:
        raise _refused("holds an operation that PyTorch never writes")

    dispatch |= {pickle.REDUCE[0]: _load_reduce, pickle.BUILD[0]: _load_build, pickle.NEWOBJ[0]: _load_newobj}
    dispatch |= {code[0]: _making(code) for code in (pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)}
    dispatch |= {code[0]: _filling(code, kind, at) for code, kind, at in (
        (pickle.SETITEM, dict, -3), (pickle.SETITEMS, dict, 0), (pickle.APPEND, list, -2), (pickle.APPENDS, list, 0),
        (pickle.ADDITEMS, set, 0),
    )}  # fmt: skip
    # They make objects in other ways, reserve memory for what does not follow, or reach a cache of classes.
    for _code in (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.BYTEARRAY8):
        dispatch[_code[0]] = _refuse
