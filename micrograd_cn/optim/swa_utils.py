"""``torch.optim.swa_utils``: the average of a model's weights over training, which often does better than the last."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

from micrograd_cn.autograd import no_grad
from micrograd_cn.creation import tensor
from micrograd_cn.nn.modules.batchnorm import _BatchNorm
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.optim.lr_scheduler.base import Formula, for_each_group
from micrograd_cn.optim.optimizer import Optimizer
from micrograd_cn.tensor import Tensor


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Tensor]:
    """``avg_fn`` of an exponential moving average: ``decay · average + (1 - decay) · current``."""
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")
    return lambda average, current, count: decay * average + (1 - decay) * current


def get_swa_avg_fn() -> Callable[..., Tensor]:
    """``avg_fn`` of the mean of all weights so far."""
    return lambda average, current, count: average + (current - average) / (count + 1)


def _on_lists(avg_fn: Callable[..., Tensor]) -> Callable[..., None]:
    def update(averages: list[Tensor], currents: list[Tensor], count: Any) -> None:
        for average, current in zip(averages, currents, strict=True):
            average.detach().copy_(avg_fn(average.detach(), current.detach(), count))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """``multi_avg_fn`` of an exponential moving average: `get_ema_avg_fn` on lists of tensors, in place."""
    return _on_lists(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """``multi_avg_fn`` of the mean of all weights so far, in place."""
    return _on_lists(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of a model whose weights are averages of those that the model has had.

    Args:
        model: what to copy.
        device: accepted.
        avg_fn: ``avg_fn(average, current, number averaged)`` returns the new average; default: the mean.
        multi_avg_fn: the same for lists of tensors, in place.
        use_buffers: average buffers too, in place of copying them.

    Source: Izmailov et al., Averaging Weights Leads to Wider Optima, https://arxiv.org/abs/1803.05407;
    https://pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema
    """

    n_averaged: Tensor

    def __init__(
        self, model: Module, device: Any = None, avg_fn: Callable[..., Tensor] | None = None,
        multi_avg_fn: Callable[..., None] | None = None, use_buffers: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", tensor(0))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model returns."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the weights that ``model`` has now into the averages."""
        mine, theirs = ([*m.parameters(), *(m.buffers() if self.use_buffers else ())] for m in (self.module, model))
        mean = get_swa_avg_fn() if self.avg_fn is None else self.avg_fn
        update = (
            (self.multi_avg_fn or _on_lists(mean)) if self.n_averaged.item() else _on_lists(lambda _, new, count: new)
        )
        update([p.detach() for p in mine], [p.detach() for p in theirs], self.n_averaged)
        for kept, new in zip(self.module.buffers(), model.buffers(), strict=True) if not self.use_buffers else ():
            kept.detach().copy_(new.detach())
        self.n_averaged += 1


@no_grad
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of all batch normalizations anew, over the inputs that ``loader`` yields.

    Source: https://pytorch.org/docs/stable/optim.html#taking-care-of-batch-normalization
    """
    momenta = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    training = model.training
    for module in momenta:
        module.reset_running_stats()
        module.momentum = None
    model.train()
    for item in loader if momenta else ():
        model(item[0] if isinstance(item, (list, tuple)) else item)
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(training)


class SWALR(Formula):
    """From the learning rate there is to ``swa_lr`` in ``anneal_epochs`` steps, and then stay.

    Source: https://pytorch.org/docs/stable/optim.html#swa-learning-rate-schedules
    """

    def __init__(
        self, optimizer: Optimizer, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:  # fmt: skip
        for group, rate in zip(optimizer.param_groups, for_each_group("swa_lr", optimizer, swa_lr), strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _part(self, step: int) -> float:
        """How much of the way is done after ``step`` steps."""
        part = max(0, min(1, step / max(1, self.anneal_epochs)))
        return part if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * part)) / 2

    def _new(self) -> list[Any]:
        step = max(self._step_count - 1, self.anneal_epochs == 0)
        before, now = self._part(step - 1), self._part(step)
        groups = self.optimizer.param_groups
        goals = [group["swa_lr"] for group in groups]
        pairs = zip((group["lr"] for group in groups), goals, strict=True)
        starts = [goal if before == 1 else (rate - before * goal) / (1 - before) for rate, goal in pairs]
        return [goal * now + start * (1 - now) for goal, start in zip(goals, starts, strict=True)]
