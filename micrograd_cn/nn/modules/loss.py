"""Losses as modules: they hold the options, and `micrograd_cn.nn.functional` computes.

Common options: ``reduction`` is "mean", "sum" or "none", and anything else is refused when the loss is called;
``size_average`` and ``reduce`` are its deprecated forms; ``weight`` is a buffer, a factor for each class or element.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from micrograd_cn.nn import functional as F
from micrograd_cn.nn.functional.class_loss import LinearCrossEntropyOptions
from micrograd_cn.nn.functional.loss import legacy_reduction
from micrograd_cn.nn.modules.distance import PairwiseDistance
from micrograd_cn.nn.modules.linear import Linear
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.modules.optioned import Optioned
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor


class _Loss(Optioned):
    """Base of the losses: turns the deprecated options into ``reduction``, and weights into buffers."""

    extra_repr = Module.extra_repr

    def __post_init__(self) -> None:
        size_average, reduce = (self.__dict__.pop(name, None) for name in ("size_average", "reduce"))
        if size_average is not None or reduce is not None:
            self.reduction = legacy_reduction(size_average, reduce, stacklevel=3)
        for name in ("weight", "pos_weight"):
            if name in self.__dict__:
                self.register_buffer(name, self.__dict__.pop(name))


_REDUCTION = "size_average reduce reduction"


class MSELoss(_Loss, function=F.mse_loss, options=_REDUCTION):
    """Mean (or sum) of the squared errors ``(input - target)²``; see `functional.mse_loss`."""


class L1Loss(_Loss, function=F.l1_loss, options=_REDUCTION):
    """Mean (or sum) of the absolute errors ``|input - target|``."""


class SmoothL1Loss(_Loss, function=F.smooth_l1_loss, options=f"{_REDUCTION} beta"):
    """Squared near 0 and absolute farther than ``beta``; see `functional.smooth_l1_loss`. Girshick, 2015."""


class HuberLoss(_Loss, function=F.huber_loss, options="reduction delta"):
    """Squared up to an error of ``delta`` and linear beyond; see `functional.huber_loss`. Huber, 1964.

    Raises:
        TypeError: if ``delta`` is no number.
    """

    def __post_init__(self) -> None:
        need(isinstance(self.delta, (float, int)), f"delta must be a float or int, got: {type(self.delta)}", TypeError)


class BCELoss(_Loss, function=F.binary_cross_entropy, options=f"weight {_REDUCTION}"):
    """Cross entropy between probabilities and targets in [0, 1]; see `functional.binary_cross_entropy`."""


class BCEWithLogitsLoss(_Loss, function=F.binary_cross_entropy_with_logits, options=f"weight {_REDUCTION} pos_weight"):
    """`Sigmoid` and `BCELoss` in one, without overflow.

    ``pos_weight`` is a factor for the positive part of the loss, such as negatives per positive.
    """


class KLDivLoss(_Loss, function=F.kl_div, options=f"{_REDUCTION} log_target"):
    """Kullback-Leibler divergence of log-probabilities from targets; see `functional.kl_div`.

    ``reduction`` may be "batchmean", too. ``log_target`` is whether the targets are logarithms, too.
    """


class PoissonNLLLoss(_Loss, function=F.poisson_nll_loss, options="log_input full size_average eps reduce reduction"):
    """Negative log-likelihood of counts under a Poisson distribution; see `functional.poisson_nll_loss`."""


class GaussianNLLLoss(_Loss, function=F.gaussian_nll_loss, options="full eps reduction", kw_only=True):
    """Negative log-likelihood under normal distributions of given variances; see `functional.gaussian_nll_loss`."""


class NLLLoss(_Loss, function=F.nll_loss, options="weight size_average ignore_index reduce reduction"):
    """Negative log-likelihood of the target classes; its input comes from `LogSoftmax`.

    ``weight`` is ``(C,)``, a factor for each class. Samples of the class number ``ignore_index`` do not count.
    """


class NLLLoss2d(NLLLoss):
    """The old name of `NLLLoss` for ``(N, C, H, W)``; warns that it is deprecated."""

    def __post_init__(self) -> None:
        warnings.warn("`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead", FutureWarning, stacklevel=3)
        super().__post_init__()


class CrossEntropyLoss(
    _Loss, function=F.cross_entropy, options="weight size_average ignore_index reduce reduction label_smoothing"
):
    """Negative log-likelihood of the target classes under the softmax of scores; see `functional.cross_entropy`.

    ``weight`` is ``(C,)``, a factor for each class. Samples of the class number ``ignore_index`` do not count.
    ``label_smoothing`` is the part of the target that is spread evenly over all classes.

    Source: https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
    """


class LinearCrossEntropyLoss(_Loss):
    """`Linear` and `CrossEntropyLoss` in one.

    Args:
        in_features: size of the last dimension of the input.
        num_classes: ``C``.
        out_features: ``(d1, ...)``, for a loss at each of these places.
        bias: whether the linear map adds one.
        device: only the CPU.
        dtype: of the linear map.
        reduction, weight, ignore_index, label_smoothing, options: as for `functional.linear_cross_entropy`.

    Raises:
        RuntimeError: if ``weight`` or ``label_smoothing`` does not fit.
    """

    def __init__(self, in_features: int, num_classes: int, *, out_features: tuple[int, ...] = (), bias: bool = False,
            device: Any = None, dtype: Any = None, reduction: str = "mean", weight: Tensor | None = None,
            ignore_index: int | None = None, label_smoothing: float = 0.0,
            options: LinearCrossEntropyOptions | None = None) -> None:  # fmt: skip
        super().__init__()
        found = (num_classes,) if weight is None else tuple(weight.shape)
        need(found == (num_classes,), f"expected weight shape to be {(num_classes,)}, got {found}")
        need(0 <= label_smoothing <= 1, f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        self.reduction = reduction
        self.register_buffer("weight", weight)
        self.num_classes, self.out_features, self.ignore_index = num_classes, out_features, ignore_index
        self.label_smoothing, self.options = label_smoothing, options
        count = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, count, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """``(N, in_features)`` and targets as for `functional.cross_entropy` of scores ``(N, C, d1, ...)``."""
        shape, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input, self.linear.weight.reshape(*shape, -1), target,
            linear_bias=None if bias is None else bias.reshape(shape), weight=self.weight, reduction=self.reduction,
            ignore_index=self.ignore_index, label_smoothing=self.label_smoothing, options=self.options,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """``in_features=..., num_classes=..., ...``."""
        own = ("num_classes", "out_features", "bias", "reduction", "ignore_index", "label_smoothing", "options")
        values = {**vars(self), "bias": self.linear.bias is not None}
        return ", ".join([f"in_features={self.linear.in_features}", *(f"{name}={values[name]}" for name in own)])


class CTCLoss(_Loss, function=F.ctc_loss, options="blank reduction zero_infinity"):
    """Connectionist temporal classification; see `functional.ctc_loss`. Graves et al., 2006."""


class SoftMarginLoss(_Loss, function=F.soft_margin_loss, options=_REDUCTION):
    """``log(1 + exp(-target * input))`` for targets 1 and -1."""


class MultiLabelSoftMarginLoss(_Loss, function=F.multilabel_soft_margin_loss, options=f"weight {_REDUCTION}"):
    """Binary cross entropy for each class, their mean; see `functional.multilabel_soft_margin_loss`."""


class MultiLabelMarginLoss(_Loss, function=F.multilabel_margin_loss, options=_REDUCTION):
    """Margin of each target class above each other class; see `functional.multilabel_margin_loss`."""


class MultiMarginLoss(_Loss, function=F.multi_margin_loss, options=f"p margin weight {_REDUCTION}"):
    """Margin of the target class above the others; see `functional.multi_margin_loss`.

    Raises:
        ValueError: if ``p`` is neither 1 nor 2 or ``weight`` has not one dimension.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        need(self.p in (1, 2), "only p == 1 and p == 2 supported", ValueError)
        n = 1 if self.weight is None else self.weight.ndim
        need(n == 1, f"MultiMarginLoss: expected weight to be None or 1D, got {n}D instead", ValueError)


class MarginRankingLoss(_Loss, function=F.margin_ranking_loss, options=f"margin {_REDUCTION}", margin=0.0):
    """Which of two scores should be the higher; see `functional.margin_ranking_loss`."""


class HingeEmbeddingLoss(_Loss, function=F.hinge_embedding_loss, options=f"margin {_REDUCTION}"):
    """Distances: small where the target is 1, wide where it is -1; see `functional.hinge_embedding_loss`."""


class CosineEmbeddingLoss(_Loss, function=F.cosine_embedding_loss, options=f"margin {_REDUCTION}", margin=0.0):
    """Angles: small where the target is 1, wide where it is -1; see `functional.cosine_embedding_loss`."""


class _TripletLoss(_Loss):
    def __post_init__(self) -> None:
        super().__post_init__()
        found = f"{type(self).__name__}: expected margin to be greater than 0, got {self.margin} instead"
        need(self.margin > 0, found, ValueError)


class TripletMarginLoss(_TripletLoss, function=F.triplet_margin_loss, options=f"margin p eps swap {_REDUCTION}", p=2.0):
    """An anchor should be nearer to the positive than to the negative one; see `functional.triplet_margin_loss`.

    Raises:
        ValueError: if ``margin`` is not positive.
    """


class TripletMarginWithDistanceLoss(
    _TripletLoss,
    function=F.triplet_margin_with_distance_loss,
    options="distance_function margin swap reduction",
    kw_only=True,
):
    """`TripletMarginLoss` with a distance function of one's own.

    Raises:
        ValueError: if ``margin`` is not positive.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.distance_function is None:
            self.distance_function: Any = PairwiseDistance()
