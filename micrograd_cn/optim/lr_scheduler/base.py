"""`LRScheduler`, what all schedules share, and the schedules that are no formula: made of others, or led by a loss."""

from __future__ import annotations

import functools
import math
import types
import warnings
import weakref
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from micrograd_cn.ops.shape import need
from micrograd_cn.optim.optimizer import Optimizer
from micrograd_cn.tensor import Tensor

_OVERRIDDEN = "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization."
_ORDER = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order: otherwise the "
    "first value of the learning rate schedule is skipped."
)
_EPOCH = "The epoch parameter in `scheduler.step()` is deprecated. Please use `scheduler.step()` to step the scheduler."
_NESTED = ("lr_lambdas", "_schedulers", "_scale_fn_custom")  # attributes that are saved by what is in them


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def rates(optimizer: Optimizer, key: str = "lr") -> list[Any]:
    """The learning rate of each group; tensors, which may be written, as copies."""
    return [_copied(group[key]) for group in optimizer.param_groups]


def set_rate(group: dict[str, Any], value: Any) -> None:
    """Set the learning rate of a group; one that is a tensor is written."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(value.reshape(()) if isinstance(value, Tensor) else value)
    else:
        group["lr"] = value


def for_each_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """``value`` once for each group, or its items if it is a list; ValueError for a list of another length."""
    groups = len(optimizer.param_groups)
    values = value if isinstance(value, (list, tuple)) else [value] * groups
    found = f"{len(values)}, not {groups}"
    need(len(values) == groups, f"{name} must have the same length as optimizer.param_groups: {found}.", ValueError)
    return [_copied(item) for item in values]


def _saved(part: Any) -> Any:
    """A part of a schedule as its state: of functions only those that are objects, by their attributes."""
    if isinstance(part, (list, tuple)):
        return [_saved(item) for item in part]
    if isinstance(part, LRScheduler):
        return part.state_dict()
    return None if part is None or isinstance(part, types.FunctionType) else vars(part).copy()


def _load(part: Any, saved: Any) -> None:
    """Bring a part of a schedule into the state that `_saved` returned."""
    if isinstance(part, (list, tuple)):
        for item, state in zip(part, saved, strict=True):
            _load(item, state)
    elif isinstance(part, LRScheduler):
        part.load_state_dict(saved)
    elif saved is not None:
        vars(part).update(saved)


class LRScheduler:
    """The base of all schedules: counts the steps in ``last_epoch`` and asks ``get_lr()`` for the learning rates.

    Args:
        optimizer: whose learning rates are set.
        last_epoch: the step to go on from; -1 to begin.

    Raises:
        TypeError: if ``optimizer`` is none.
        KeyError: when going on, if the groups of the optimizer do not know their ``initial_lr``.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LRScheduler.html
    """

    _get_lr_called_within_step = _is_initial = False

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self._attach(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _copied(group["lr"]))
            what = "when resuming scheduler with last_epoch >= 0: load the state of the optimizer first"
            need("initial_lr" in group, f"param 'initial_lr' is not specified in param_groups[{i}] {what}", KeyError)
        self.base_lrs, self.last_epoch = rates(optimizer, "initial_lr"), last_epoch
        _notice_steps(optimizer)
        self._initial_step()

    def _attach(self, optimizer: Optimizer) -> None:
        need(isinstance(optimizer, Optimizer), f"{type(optimizer).__name__} is not an Optimizer", TypeError)
        self.optimizer = optimizer

    def _initial_step(self) -> None:
        self._step_count, self._is_initial = 0, True
        self.step()
        self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """All that the schedule remembers, but for the optimizer."""
        kept = {name: value for name, value in vars(self).items() if name != "optimizer"}
        return {name: _saved(value) if name in _NESTED else value for name, value in kept.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a ``state_dict()``."""
        for name, value in state_dict.items():
            if name in _NESTED:
                _load(vars(self)[name], value)
            else:
                vars(self)[name] = value

    def get_last_lr(self) -> list[Any]:
        """The learning rates that the last step set, one for each group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The learning rates for ``last_epoch``, one for each group: what a subclass must define."""
        raise NotImplementedError

    def step(self, epoch: Any = None) -> None:
        """Set the next learning rates; call it after ``optimizer.step()``.

        Args:
            epoch: the step to go to, deprecated.

        Warns:
            UserWarning: if ``optimizer.step()`` has not been called before, and for ``epoch``.
        """
        if self._step_count == 1 and not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
            warnings.warn(_OVERRIDDEN, stacklevel=2)
        elif self._step_count == 1 and not getattr(self.optimizer, "_opt_called", False):
            warnings.warn(_ORDER, stacklevel=2)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(_EPOCH, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = epoch is not None and hasattr(self, "_get_closed_form_lr")  # some can say where they are at any step
        self._write(self._get_closed_form_lr if closed else self.get_lr)

    def _write(self, compute: Callable[[], list[Any]]) -> None:
        """Set the learning rates that ``compute()`` returns."""
        self._get_lr_called_within_step = True
        try:
            new = compute()
        finally:
            self._get_lr_called_within_step = False
        for group, rate in zip(self.optimizer.param_groups, new, strict=True):
            set_rate(group, rate)
        self._last_lr = rates(self.optimizer)


def _notice_steps(optimizer: Optimizer) -> None:
    """Have ``optimizer.step`` leave a note that it was called, as ``optimizer._opt_called``."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    me = weakref.ref(optimizer)  # so that the optimizer does not keep itself alive
    function = getattr(step, "__func__", lambda _, *args, **kwargs: step(*args, **kwargs))

    @functools.wraps(function)
    def noticed(*args: Any, **kwargs: Any) -> Any:
        optimizer: Any = me()
        optimizer._opt_called = True
        return function(optimizer, *args, **kwargs)

    noticed._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = noticed  # type: ignore[method-assign]


class Formula(LRScheduler):
    """A schedule with a formula: `_new`, the learning rates of all groups, or `_factor`, which multiplies them all."""

    def _begin(self, arguments: dict[str, Any]) -> None:
        """Keep the ``locals()`` of an ``__init__`` as attributes, and make the first step."""
        names = ("self", "optimizer", "last_epoch", "__class__")
        vars(self).update((name, value) for name, value in arguments.items() if name not in names)
        LRScheduler.__init__(self, arguments["optimizer"], arguments["last_epoch"])

    def get_lr(self) -> list[Any]:
        if not self._get_lr_called_within_step:
            what = "To get the last learning rate computed by the scheduler, please use `get_last_lr()`."
            warnings.warn(what, stacklevel=2)
        return self._new()

    def _new(self) -> list[Any]:
        factor = self._factor()
        return rates(self.optimizer) if factor is None else [g["lr"] * factor for g in self.optimizer.param_groups]

    def _factor(self) -> float | None:
        """The learning rate in terms of the one before; None: it stays."""
        raise NotImplementedError


class _Several(LRScheduler):
    """Schedules made of others for the same optimizer."""

    def _take(self, schedulers: Sequence[Any], optimizer: Any) -> None:
        name = type(self).__name__
        need(schedulers, f"{name} expects at least one scheduler, but got no scheduler.", ValueError)
        optimizer = optimizer or schedulers[0].optimizer
        for i, scheduler in enumerate(schedulers):
            kind = type(scheduler).__name__
            what = f"{name} at index {i} should have `optimizer` as its attribute, but got {kind}."
            need(hasattr(scheduler, "optimizer"), what, TypeError)
            what = f"{name} does not support `{kind}`, whose `step` needs a number, but got one at {i}."
            need(not isinstance(scheduler, ReduceLROnPlateau), what, ValueError)
            if scheduler.optimizer is not optimizer:
                what = f"{name} expects all schedulers to belong to the same optimizer"
                raise ValueError(f"{what}, but that of {kind} at index {i} is {scheduler.optimizer}, not {optimizer}.")
        self.optimizer, self._schedulers = optimizer, schedulers


class SequentialLR(_Several):
    """One schedule after the other: the next begins, at its step 0, at each of the ``milestones``.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self._take(schedulers, optimizer)
        what = f"Expected {len(schedulers) - 1} milestones, one less than schedulers: {milestones}"
        need(len(milestones) == len(schedulers) - 1, what, ValueError)
        self._milestones, self.last_epoch = milestones, last_epoch + 1
        for group in optimizer.param_groups:
            set_rate(group, group["initial_lr"])
        _undo(self)
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # type: ignore[override]
        """Set the next learning rates, by the schedule whose turn it is."""
        self.last_epoch += 1
        turn = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[turn]
        if turn > 0 and self._milestones[turn - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo(scheduler: Any) -> None:
    """Take back the step that schedules made when they were made."""
    if isinstance(scheduler, _Several):
        for part in scheduler._schedulers:
            _undo(part)
    else:
        scheduler.last_epoch -= 1


class ChainedScheduler(_Several):
    """All schedules in every step, each on what the one before it has made of the learning rates.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._take(schedulers, optimizer)
        self._last_lr = rates(self.optimizer)

    def step(self) -> None:  # type: ignore[override]
        """Let every schedule make its step."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = rates(self.optimizer)


class ReduceLROnPlateau(LRScheduler):
    """Times ``factor`` when a number, say the loss of a validation, has not got better for ``patience`` steps.

    Args:
        optimizer: whose learning rates are set.
        mode: "min" if less is better, or "max".
        factor: what to multiply by.
        patience: how many steps without progress are allowed.
        threshold: by how much better counts as better.
        threshold_mode: "rel" if that is in parts of the best so far, or "abs".
        cooldown: how many steps to wait after a change.
        min_lr: the least learning rate, or one for each group.
        eps: a change that is less is not made.

    Raises:
        ValueError: for a factor of 1 or more, an unknown mode, or a list of another length.

    Source: https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
    """

    def __init__(
        self, optimizer: Optimizer, mode: str = "min", factor: float = 0.1, patience: int = 10,
        threshold: float = 1e-4, threshold_mode: str = "rel", cooldown: int = 0, min_lr: list[float] | float = 0,
        eps: float = 1e-8,
    ) -> None:  # fmt: skip
        need(factor < 1.0, "Factor should be < 1.0.", ValueError)
        self._attach(optimizer)
        known = mode in ("min", "max") and threshold_mode in ("rel", "abs")
        need(known, f"mode {mode} or threshold mode {threshold_mode} is unknown!", ValueError)
        self.min_lrs = for_each_group("min_lr", optimizer, min_lr)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.mode, self.factor, self.patience, self.cooldown, self.eps = mode, factor, patience, cooldown, eps
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.last_epoch, self._last_lr = 0, rates(optimizer)
        self.best, self.cooldown_counter, self.num_bad_epochs = self.mode_worse, 0, 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Note the number ``metrics``, and lower the learning rates if it is time."""
        current = float(metrics)
        if epoch is not None:
            warnings.warn(_EPOCH, stacklevel=2)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self.num_bad_epochs += 1
        if self._is_better(current, self.best):
            self.best, self.num_bad_epochs = current, 0
        if self.in_cooldown:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = rates(self.optimizer)

    def _reduce_lr(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            counts = f"{len(groups)} param groups now, but {len(self.min_lrs)} `min_lrs`"
            need(self.default_min_lr is not None, f"There are {counts}.")
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                set_rate(group, new)

    @property
    def in_cooldown(self) -> bool:
        """Whether it waits after a change."""
        return self.cooldown_counter > 0

    def _is_better(self, a: float, best: float) -> bool:
        by = -self.threshold if self.mode == "min" else self.threshold
        wanted = best * (1.0 + by) if self.threshold_mode == "rel" else best + by
        return a < wanted if self.mode == "min" else a > wanted
