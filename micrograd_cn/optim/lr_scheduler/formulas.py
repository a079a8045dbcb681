"""Schedules that are a formula of the number of the step."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import Any

from micrograd_cn.ops.shape import need
from micrograd_cn.optim.lr_scheduler.base import Formula, rates
from micrograd_cn.optim.optimizer import Optimizer


class _Lambdas(Formula):
    """Schedules by a function of the number of the step, or one for each group."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Any, last_epoch: int = -1) -> None:
        groups = len(optimizer.param_groups)
        lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        need(len(lr_lambdas) == groups, f"Expected {groups} lr_lambdas, but got {len(lr_lambdas)}", ValueError)
        self._begin({"lr_lambdas": lr_lambdas, "optimizer": optimizer, "last_epoch": last_epoch})


class LambdaLR(_Lambdas):
    """The first learning rate times ``lr_lambda(step)``.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html
    """

    def _new(self) -> list[Any]:
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs, strict=True)]


class MultiplicativeLR(_Lambdas):
    """The learning rate before times ``lr_lambda(step)``; TypeError if that cannot be called.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html
    """

    def _new(self) -> list[Any]:
        for f in self.lr_lambdas if self._is_initial else ():
            need(callable(f), f"lr_lambda should be a function, but got {type(f).__name__}", TypeError)
        pairs = zip(rates(self.optimizer), self.lr_lambdas, strict=True)
        return [rate if self._is_initial else rate * f(self.last_epoch) for rate, f in pairs]


class _Closed(Formula):
    """A formula that also gives each learning rate in terms of the first, by `_total`."""

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * self._total() for base in self.base_lrs]

    def _total(self) -> float:
        """The learning rate in terms of the first."""
        raise NotImplementedError


class StepLR(_Closed):
    """Times ``gamma`` every ``step_size`` steps.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self._begin(locals())

    def _factor(self) -> float | None:
        return self.gamma if self.last_epoch and self.last_epoch % self.step_size == 0 else None

    def _total(self) -> float:
        return self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(_Closed):
    """Times ``gamma`` at each of the ``milestones``.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html
    """

    def __init__(
        self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        milestones = Counter(milestones)
        self._begin(locals())

    def _factor(self) -> float | None:
        return self.gamma ** self.milestones[self.last_epoch] if self.last_epoch in self.milestones else None

    def _total(self) -> float:
        return self.gamma ** bisect_right(sorted(self.milestones.elements()), self.last_epoch)


class ConstantLR(_Closed):
    """Times ``factor`` for the first ``total_iters`` steps.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html
    """

    def __init__(
        self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        need(0 <= factor <= 1.0, "Constant multiplicative factor expected to be between 0 and 1.", ValueError)
        self._begin(locals())

    def _factor(self) -> float | None:
        if self.last_epoch == 0:
            return self.factor
        return 1.0 / self.factor if self.last_epoch == self.total_iters else None

    def _total(self) -> float:
        return self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)


class LinearLR(_Closed):
    """Times a factor that goes in a straight line from ``start_factor`` to ``end_factor`` in ``total_iters`` steps.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        need(0 < start_factor <= 1.0, "Starting multiplicative factor expected to be in (0, 1].", ValueError)
        need(0 <= end_factor <= 1.0, "Ending multiplicative factor expected to be between 0 and 1.", ValueError)
        self._begin(locals())

    def _factor(self) -> float | None:
        rise, before = self.end_factor - self.start_factor, self.last_epoch - 1
        if before < 0:
            return self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        return 1.0 + rise / (self.total_iters * self.start_factor + before * rise)

    def _total(self) -> float:
        rise = self.end_factor - self.start_factor
        return self.start_factor + rise * min(self.total_iters, self.last_epoch) / self.total_iters


class ExponentialLR(_Closed):
    """Times ``gamma`` in every step.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self._begin(locals())

    def _factor(self) -> float | None:
        return None if self._is_initial else self.gamma

    def _total(self) -> float:
        return self.gamma**self.last_epoch


class PolynomialLR(_Closed):
    """Times ``(1 - step / total_iters) ** power``, down to 0.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html
    """

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self._begin(locals())

    def _factor(self) -> float | None:
        if self._is_initial or self.last_epoch > self.total_iters:
            return None
        left, before = (1.0 - step / self.total_iters for step in (self.last_epoch, self.last_epoch - 1))
        return (left / before) ** self.power

    def _total(self) -> float:
        return (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power


class CosineAnnealingLR(Formula):
    """Along half a cosine down to ``eta_min`` in ``T_max`` steps, and up again.

    Source: Loshchilov and Hutter, SGDR, https://arxiv.org/abs/1608.03983;
    https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self._begin(locals())

    def _new(self) -> list[Any]:
        old, least, period = rates(self.optimizer), self.eta_min, self.T_max
        if self._is_initial:
            return old
        if self._step_count == 1 and self.last_epoch > 0:
            return self._get_closed_form_lr()
        if (self.last_epoch - 1 - period) % (2 * period) == 0:
            rise = 1 - math.cos(math.pi / period)
            return [rate + (base - least) * rise / 2 for base, rate in zip(self.base_lrs, old, strict=True)]
        now, before = (1 + math.cos(math.pi * step / period) for step in (self.last_epoch, self.last_epoch - 1))
        return [now / before * (rate - least) + least for rate in old]

    def _get_closed_form_lr(self) -> list[Any]:
        height = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (base - self.eta_min) * height / 2 for base in self.base_lrs]
