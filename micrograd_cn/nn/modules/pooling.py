"""Pooling layers for one, two and three dimensions; `micrograd_cn.nn.functional` computes.

Inputs are ``(N, C, *lengths)`` or ``(C, *lengths)``. A setting is one number for all dimensions or one for each.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from micrograd_cn.nn.functional import pooling
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class FunctionLayer(Module):
    """Base of layers that are a function of `micrograd_cn.nn.functional` with its settings kept as attributes.

    Attributes:
        run: the function.
        settings: which of its parameters the constructor takes, in this order, with their defaults; those that follow
            ``input`` unless a class says otherwise.
        shown: which of them the representation shows.
        dims: the number of dimensions, in classes that `in_dimensions` made.

    Raises:
        TypeError: for a missing, surplus or unknown argument.
    """

    run: ClassVar[Callable[..., Any]]
    settings: ClassVar[tuple[str, ...]] = ()
    shown: ClassVar[tuple[str, ...]] = ()
    dims: ClassVar[int]
    __signature__: ClassVar[inspect.Signature]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "run"):
            known = inspect.signature(cls.run).parameters
            cls.settings = cls.settings or tuple(known)[list(known).index("input") + 1 :]
            cls.__signature__ = inspect.Signature([known[name] for name in cls.settings])

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__()
        given = self.__signature__.bind(*args, **named)
        given.apply_defaults()
        for name, value in given.arguments.items():
            setattr(self, name, value)

    def forward(self, *args: Any, **named: Any) -> Any:
        """The function of the input with the settings of the layer."""
        return self.run(*args, **named, **{name: getattr(self, name) for name in self.settings})

    def extra_repr(self) -> str:
        """``setting=..., ...``."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in self.shown)


def in_dimensions(base: Any) -> tuple[Any, ...]:
    """The classes ``Name1d`` to ``Name3d`` of a class ``_Name``; its function, if there is one, takes the number."""
    made = []
    for n in (1, 2, 3):
        facts = {"dims": n, "__doc__": base.__doc__, "__module__": base.__module__}
        if hasattr(base, "run"):
            facts["run"] = staticmethod(functools.partial(base.run, n))
        made.append(type(f"{base.__name__.strip('_')}{n}d", (base,), facts))
    return tuple(made)


def in_tuple(x: Any, n: int) -> Any:
    """A sequence as a tuple, a number as ``n`` of them, None as it is."""
    return x if x is None else tuple(x) if hasattr(x, "__iter__") else (x,) * n


class _Sliding(FunctionLayer):
    """Base of layers whose window moves by its own size unless told."""

    shown: ClassVar[tuple[str, ...]] = ("kernel_size", "stride", "padding")
    stride: Any

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.stride = self.kernel_size if self.stride is None else self.stride


class _MaxPool(_Sliding):
    """The largest element of each window, with the positions if ``return_indices``; see `functional.max_pool2d`.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
    """

    run = staticmethod(pooling.max_pool)
    settings = ("kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode")
    shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")


class _AvgPool(_Sliding):
    """The average of each window; for the arguments see `functional.avg_pool2d`.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
    """

    run = staticmethod(pooling.avg_pool)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        for name in self.shown if self.dims == 1 else ():
            setattr(self, name, in_tuple(getattr(self, name), 1))


class _LPPool(FunctionLayer):
    """``(sum of x**p) ** (1 / p)`` of each window, ``p = norm_type``; see `functional.lp_pool2d`."""

    run = staticmethod(pooling.lp_pool)
    shown = ("norm_type", "kernel_size", "stride", "ceil_mode")


class _AdaptiveAvgPool(FunctionLayer):
    """The averages of as many even parts as ``output_size`` says, None for the input's length.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html
    """

    run = staticmethod(pooling.adaptive_avg_pool)
    shown = ("output_size",)


class _AdaptiveMaxPool(FunctionLayer):
    """The largest elements of such parts as in `AdaptiveAvgPool2d`, with the positions if ``return_indices``.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.AdaptiveMaxPool2d.html
    """

    run = staticmethod(pooling.adaptive_max_pool)
    shown = ("output_size",)


class _MaxUnpool(_Sliding):
    """Puts elements back where a `MaxPool2d` with the same settings found them, among zeros.

    It is called with the elements, the positions and, where the settings leave a choice, ``output_size``.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.MaxUnpool2d.html
    """

    run = staticmethod(pooling.max_unpool)
    settings = ("kernel_size", "stride", "padding")

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        for name in self.shown:
            setattr(self, name, in_tuple(getattr(self, name), self.dims))

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """The larger tensor."""
        return super().forward(input, indices, output_size=output_size)


class _FractionalMaxPool(FunctionLayer):
    """The largest elements of windows at random distances; for the arguments see `functional.fractional_max_pool2d`.

    Raises:
        ValueError: unless one of ``output_size`` and ``output_ratio`` is given, the latter between 0 and 1.

    Source: Graham, 2014.
    """

    run = staticmethod(pooling.fractional_max_pool)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        for name in ("kernel_size", "output_size", "output_ratio"):
            setattr(self, name, in_tuple(getattr(self, name), self.dims))
        ratio = self.output_ratio
        need((self.output_size is None) != (ratio is None), "give output_size or output_ratio, not both", ValueError)
        need(
            not ratio or 0 < min(ratio) <= max(ratio) < 1,
            f"output_ratio must be between 0 and 1, got {ratio}",
            ValueError,
        )
        samples = vars(self).pop("_random_samples")
        self.register_buffer("_random_samples", samples)


MaxPool1d, MaxPool2d, MaxPool3d = in_dimensions(_MaxPool)
AvgPool1d, AvgPool2d, AvgPool3d = in_dimensions(_AvgPool)
LPPool1d, LPPool2d, LPPool3d = in_dimensions(_LPPool)
AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = in_dimensions(_AdaptiveAvgPool)
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = in_dimensions(_AdaptiveMaxPool)
MaxUnpool1d, MaxUnpool2d, MaxUnpool3d = in_dimensions(_MaxUnpool)
_, FractionalMaxPool2d, FractionalMaxPool3d = in_dimensions(_FractionalMaxPool)
