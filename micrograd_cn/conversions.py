"""From tensors to other types, to Python numbers, to NumPy and to text."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from micrograd_cn import dtypes, recording
from micrograd_cn.device import NO_CUDA, device, require_cpu
from micrograd_cn.engine import mode
from micrograd_cn.memory import Memory, cast, clone
from micrograd_cn.ops.shape import need
from micrograd_cn.recording import Leaf, wrap

if TYPE_CHECKING:
    from micrograd_cn.tensor import Tensor


class Conversions(Memory):
    """What `Tensor` can become."""

    __slots__ = ()

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The tensor in another dtype: ``to(dtype)``, ``to(device)``, ``to(device, dtype)``, ``to(other)``.

        It is the tensor itself where nothing changes, unless ``copy=True``.
        """
        wanted = kwargs.pop("dtype", None)
        place = kwargs.pop("device", None)
        for a in args:
            if isinstance(a, Conversions):
                wanted = a.dtype
            elif isinstance(a, (dtypes.dtype, type)):
                wanted = a
            elif isinstance(a, (str, device)):
                place = a
        require_cpu(place)
        if wanted is None or dtypes.to_numpy(wanted) == self._array.dtype:
            return self.clone() if kwargs.get("copy") else self
        kind = dtypes.to_numpy(wanted)
        return cast(self if kind.kind in "fcV" else self.detach(), kind)  # whole numbers have no derivative

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of the tensor's type, ``torch.FloatTensor``; or the tensor in another dtype."""
        if dtype is None:
            return f"torch.{dtypes.TYPE_NAMES[self.dtype]}"
        if isinstance(dtype, str):
            dtype = dtypes.of_type_name(dtype)
        return self.to(getattr(dtype, "dtype", dtype))

    def type_as(self, other: Tensor) -> Self:
        """The tensor in the dtype of ``other``."""
        return self.to(other.dtype)

    def bfloat16(self) -> Self:
        """The tensor in bfloat16."""
        return self.to(dtypes.bfloat16)

    def cpu(self) -> Self:
        """The tensor itself: it is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Raise: there is no GPU here."""
        raise AssertionError(NO_CUDA)

    def __dlpack__(self, **options: Any) -> Any:
        what = "Can't export tensors that require gradient, use tensor.detach()"
        need(not self.requires_grad, what, BufferError)
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()

    def resize(self, *sizes: Any) -> Self:
        """`reshape`, PyTorch's deprecated name for it; the number of elements stays."""
        warnings.warn("non-inplace resize is deprecated; use reshape", UserWarning, stacklevel=2)
        return self.reshape(*sizes)

    def resize_(self, *sizes: Any, memory_format: Any = None) -> Self:
        """Give this tensor another shape, with the elements that it has in order; more are uninitialized.

        Raises:
            RuntimeError: if it requires grad.
        """
        shape = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
        need(not self.requires_grad, "cannot resize variables that require grad")
        grown: Any = np.empty(tuple(shape), self._array.dtype)
        count = min(grown.size, self._array.size)
        grown.reshape(-1)[:count] = self._array.reshape(-1)[:count]
        self._array = grown
        return self

    def clone(self) -> Self:
        """A copy that passes its gradient on."""
        return clone(self)

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The array itself, sharing memory. ``force=True`` detaches first.

        Raises:
            RuntimeError: if the tensor requires grad, since NumPy would lose it.
        """
        what = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        need(force or not (mode.grad and self.requires_grad), what)
        what = "Got unsupported ScalarType BFloat16: NumPy has no such type; convert with .float()"
        need(self._array.dtype.kind != "V", what, TypeError)
        return self._array

    def item(self) -> Any:
        """The single element as a Python number."""
        if self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        return self._plain().item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self._plain().tolist()

    def _plain(self) -> np.ndarray[Any, Any]:
        """The elements in a type that Python has numbers for."""
        return self._array.astype(np.float32) if self._array.dtype.kind == "V" else self._array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __bool__(self) -> bool:
        if self._array.size != 1:
            what = "no values" if not self._array.size else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return bool(self._array.item())

    def _number(self) -> Any:
        if self._array.size != 1:
            raise ValueError(f"only one element tensors can be converted to Python scalars, not {self.shape}")
        return self._plain().item()

    def __int__(self) -> int:
        return int(self._number())

    def __float__(self) -> float:
        return float(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __index__(self) -> int:
        whole = self._array.size == 1 and self._array.dtype.kind in "biu"
        need(whole, "only integer tensors of a single element can be converted to an index", TypeError)
        return int(self._array.item())

    def __len__(self) -> int:
        need(self._array.ndim, "len() of a 0-d tensor", TypeError)
        return len(self._array)

    def __iter__(self) -> Iterator[Self]:
        need(self._array.ndim, "iteration over a 0-d tensor", TypeError)
        return (self[i] for i in range(len(self._array)))

    def __contains__(self, element: Any) -> bool:
        return bool((self._array == (element._array if isinstance(element, Conversions) else element)).any())

    def __reversed__(self) -> Self:
        return self.flip(0) if self.ndim else self

    def __format__(self, spec: str) -> str:
        return format(self.item() if not self._array.ndim and type(self) is recording._Tensor else str(self), spec)

    def __repr__(self) -> str:
        from micrograd_cn.printing import tensor_repr

        node, suffixes = self._current(), []
        if node is not None:
            suffixes.append("requires_grad=True" if isinstance(node, Leaf) else f"grad_fn={self.grad_fn!r}")
        return tensor_repr(self._plain(), dtype=self.dtype, suffixes=suffixes)

    _copies_grad = True  # a deep copy has the gradient, too

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        what = "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol"
        need(self.is_leaf, f"{what} at the moment. Use clone() or detach().clone().")
        out = wrap(self._array.copy())._as_subclass(type(self))
        out.requires_grad_(self.requires_grad)
        memo[id(self)] = out
        out._grad = copy.deepcopy(self._grad, memo) if self._copies_grad else None
        out.__dict__.update(copy.deepcopy(self._attributes(), memo))
        return out

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuilt, (type(self), self._array, self.requires_grad), self._attributes() or None

    def _attributes(self) -> dict[str, Any]:
        """What the user has attached."""
        return {k: x for k, x in self.__dict__.items() if k != "_keep"}


def _refusing(said: str) -> Callable[..., NoReturn]:
    def refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(said)

    refuse.__doc__ = f"Raise RuntimeError: {said}."
    return refuse


# Methods that PyTorch has for other layouts and devices, or has given up; each with what it says of a tensor like ours.
for _name, _said in {
    "values": "values expected sparse tensor layout but got Strided",
    "indices": "indices expected sparse coordinate tensor layout but got Strided",
    "index": "tensor.index binds first-class dimensions, which micrograd_cn has not; write tensor[...]",
    "pin_memory": "Cannot access accelerator device when none is available: micrograd_cn computes on the CPU",
    "lstsq": "Tensor.lstsq is removed from PyTorch; use torch.linalg.lstsq",
}.items():
    setattr(Conversions, _name, _refusing(_said))


def _rebuilt(cls: type, array: np.ndarray[Any, Any], requires_grad: bool) -> Any:
    """What unpickling a tensor calls."""
    return wrap(array)._as_subclass(cls).requires_grad_(requires_grad)
