"""Normalisation by the statistics of each channel over the batch (`BatchNorm1d`) or each sample (`InstanceNorm1d`).

The layers for one, two and three spatial dimensions differ only in the inputs that they accept.
"""

from __future__ import annotations

import warnings
from typing import Any

from micrograd_cn.creation import zeros
from micrograd_cn.dtypes import int64
from micrograd_cn.nn import functional as F
from micrograd_cn.nn.modules.lazy import Lazy, lazily
from micrograd_cn.nn.modules.normalization import _Affine
from micrograd_cn.nn.modules.optioned import in_dimensions
from micrograd_cn.nn.parameter import add_parameters
from micrograd_cn.tensor import Tensor


class _NormBase(_Affine):
    """Base of all layers here.

    Args:
        num_features: the channels of the input, C.
        eps: added to the variance.
        momentum: how far the running statistics move with each batch; None for the mean of all batches.
        affine: whether there is a weight ``(C,)``, at first 1, and, if ``bias``, a bias ``(C,)``, at first 0.
        track_running_stats: whether mean and variance of the batches are kept, to be used in eval mode.
        device: only the CPU.
        dtype: of parameters and buffers; the default floating type if None.
        bias: see ``affine``.

    Attributes:
        running_mean, running_var: ``(C,)``, at first 0 and 1; None if they are not tracked.
        num_batches_tracked: an int64 that counts the batches.
    """

    _version = 2
    _ranks: Any  # the numbers of dimensions that an input may have
    dims: int
    _shown = "{num_features}, eps={eps}, momentum={momentum}, affine={affine}, bias={bias}"
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        sizes: dict[str, Any] = {"running_mean": num_features, "running_var": num_features, "num_batches_tracked": ()}
        for name, size in sizes.items():
            made = zeros(size, device=device, dtype=int64 if size == () else dtype) if track_running_stats else None
            self.register_buffer(name, made)
        shape = num_features if affine else None
        add_parameters(self, device, dtype, weight=shape, bias=shape if bias else None)

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the running variance to 1 and the count to 0."""
        if self.running_mean is not None:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Start anew: running statistics, weight and bias."""
        self.reset_running_stats()
        super().reset_parameters()

    def extra_repr(self) -> str:
        """The options."""
        return f"{super().extra_repr()}, track_running_stats={self.track_running_stats}"

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self._ranks:
            accepted = " or ".join(f"{n}D" for n in self._ranks)
            raise ValueError(f"expected {accepted} input (got {input.ndim}D input)")

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        key = f"{prefix}num_batches_tracked"
        if local_metadata.get("version", 0) < 2 and self.num_batches_tracked is not None and key not in state_dict:
            state_dict[key] = self.num_batches_tracked  # version 2 came with it
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class _BatchNorm(_NormBase):
    """Normalises by the statistics of the batch in training mode, and by the running ones in eval mode.

    For inputs ``(N, C)`` or ``(N, C, L)``, ``(N, C, H, W)``, or ``(N, C, D, H, W)``; arguments as for `_NormBase`.

    Source: Ioffe and Szegedy, 2015; https://pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html
    """

    @property
    def _ranks(self) -> tuple[int, ...]:
        return (2, 3) if self.dims == 1 else (self.dims + 2,)

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, ...)``; returns the same shape."""
        self._check_input_dim(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1 / self.num_batches_tracked.item()
        ours = not self.training or self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if ours else (None, None)
        training = self.training or (self.running_mean is None and self.running_var is None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, training, factor, self.eps)


class _InstanceNorm(_NormBase):
    """Normalises by the statistics of each sample; in eval mode by the running ones, if they are tracked.

    For inputs ``(N, C, L)``, ``(N, C, H, W)``, or ``(N, C, D, H, W)``, or the same without N; arguments as for
    `_NormBase`.

    Source: Ulyanov et al., 2016; https://pytorch.org/docs/stable/generated/torch.nn.InstanceNorm1d.html
    """

    @property
    def _ranks(self) -> tuple[int, ...]:
        return (self.dims + 1, self.dims + 2)

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """``(N, C, ...)``, or ``(C, ...)`` for one sample; returns the same shape.

        Raises:
            ValueError: for another number of dimensions, or (if affine) of channels.
        """
        self._check_input_dim(input)
        batched = input.ndim - self._ranks[0]
        channels = input.shape[batched]
        if channels != self.num_features:
            text = f"input's size at dim={batched} is {channels} and does not match num_features ({self.num_features})"
            if self.affine:
                raise ValueError(text)
            warnings.warn(f"{text}, which is not used because affine=False", stacklevel=2)
        own = self.training or not self.track_running_stats
        options = self.running_mean, self.running_var, self.weight, self.bias, own, self.momentum or 0.0, self.eps
        return F.instance_norm(input, *options) if batched else F.instance_norm(input.unsqueeze(0), *options).squeeze(0)


class _LazyNorm(Lazy):
    missing = "num_features"

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True, track_running_stats: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _size(self, input: Tensor) -> int:
        return input.shape[1]

    def _shapes(self: Any) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (self.num_features,))


BatchNorm1d, BatchNorm2d, BatchNorm3d = in_dimensions(_BatchNorm)
InstanceNorm1d, InstanceNorm2d, InstanceNorm3d = in_dimensions(_InstanceNorm)
LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = (
    lazily(_LazyNorm, c) for c in (BatchNorm1d, BatchNorm2d, BatchNorm3d)
)
LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d = (
    lazily(_LazyNorm, c) for c in (InstanceNorm1d, InstanceNorm2d, InstanceNorm3d)
)
