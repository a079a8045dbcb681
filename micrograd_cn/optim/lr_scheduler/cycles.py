"""Schedules that go up and down: cyclic learning rates, the one-cycle policy, and warm restarts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from micrograd_cn.ops.shape import need
from micrograd_cn.optim.lr_scheduler.base import Formula, for_each_group, set_rate
from micrograd_cn.optim.optimizer import Optimizer


def _need_counts(**counts: Any) -> None:
    for name, count in counts.items():
        need(isinstance(count, int) and count > 0, f"Expected positive integer {name}, but got {count}", ValueError)


class _Cycle(Formula):
    """Schedules that also move the momentum, against the learning rate."""

    def _begin_momentum(self, base: Any, most: Any, last_epoch: int) -> tuple[list[float], list[float]]:
        """Find out which momentum the optimizer has, and start it from its greatest value; what goes for each group."""
        defaults = self.optimizer.defaults
        what = "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
        need("momentum" in defaults or "betas" in defaults, what, ValueError)
        self.use_beta1 = "betas" in defaults
        lows = for_each_group("base_momentum", self.optimizer, base)
        highs = for_each_group("max_momentum", self.optimizer, most)
        triples = zip(self.optimizer.param_groups, lows, highs, strict=True)
        for group, low, high in triples if last_epoch == -1 else ():
            self._set_momentum(group, high)
            group["max_momentum"], group["base_momentum"] = high, low
        return lows, highs

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_Cycle):
    """Up from ``base_lr`` to ``max_lr`` in ``step_size_up`` steps and down in ``step_size_down``, again and again.

    Args:
        optimizer: whose learning rates are set.
        base_lr, max_lr: the least and the greatest learning rate, or lists of one for each group.
        step_size_up, step_size_down: the steps of each half of a cycle.
        mode: "triangular", "triangular2" (half as high in each cycle) or "exp_range" (times ``gamma ** step``).
        gamma: for "exp_range".
        scale_fn: a height of its own in place of a mode, a function of the number of the cycle or of the step.
        scale_mode: of which of these: "cycle" or "iterations".
        cycle_momentum: let the momentum (or β1) go from ``max_momentum`` to ``base_momentum`` and back.
        base_momentum, max_momentum: between what.
        last_epoch: the step to go on from.

    Raises:
        ValueError: for an unknown mode, and if the optimizer has no momentum to cycle.

    Source: Smith, Cyclical Learning Rates, https://arxiv.org/abs/1506.01186;
    https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html
    """

    def __init__(
        self, optimizer: Optimizer, base_lr: float | list[float], max_lr: float | list[float],
        step_size_up: int = 2000, step_size_down: int | None = None, mode: str = "triangular", gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle", cycle_momentum: bool = True,
        base_momentum: float = 0.8, max_momentum: float = 0.9, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        self._attach(optimizer)
        base_lrs = for_each_group("base_lr", optimizer, base_lr)
        for rate, group in zip(base_lrs, optimizer.param_groups, strict=True) if last_epoch == -1 else ():
            set_rate(group, rate)
        self.max_lrs = for_each_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        known = mode in ("triangular", "triangular2", "exp_range")
        need(known or scale_fn is not None, "mode is invalid and scale_fn is None", ValueError)
        self.mode, self.gamma, self._scale_fn_custom, self.cycle_momentum = mode, gamma, scale_fn, cycle_momentum
        self.scale_mode = scale_mode if scale_fn else "iterations" if mode == "exp_range" else "cycle"
        if cycle_momentum:
            momenta = self._begin_momentum(base_momentum, max_momentum, last_epoch)
            self.base_momentums, self.max_momentums = momenta
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The height of a cycle, in parts of the first."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return {"triangular": 1.0, "triangular2": 1 / 2.0 ** (x - 1)}.get(self.mode) or self.gamma**x

    def _new(self) -> list[Any]:
        done = self.last_epoch / self.total_size
        cycle = math.floor(1 + done)
        x = 1.0 + done - cycle
        part = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            triples = zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums, strict=True)
            for group, least, most in triples:
                self._set_momentum(group, most - (most - least) * part * scale)
        return [low + (high - low) * part * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]


class OneCycleLR(_Cycle):
    """Up to ``max_lr`` for a part of all steps, then down to far below where it began.

    Args:
        optimizer: whose learning rates are set.
        max_lr: the greatest learning rate, or one for each group.
        total_steps: how many steps there will be; or give ``epochs`` and ``steps_per_epoch``.
        pct_start: the part of them that goes up.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: let the momentum (or β1) go from ``max_momentum`` to ``base_momentum`` and back.
        base_momentum, max_momentum: between what.
        div_factor: the first learning rate is ``max_lr / div_factor``.
        final_div_factor: the last is the first over this.
        three_phase: go down to where it began first, and to the end then.
        last_epoch: the step to go on from.

    Raises:
        ValueError: for numbers of steps that are not positive, and when there are more steps than were planned.

    Source: Smith and Topin, Super-Convergence, https://arxiv.org/abs/1708.07120;
    https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: float | list[float], total_steps: int | None = None,
        epochs: int | None = None, steps_per_epoch: int | None = None, pct_start: float = 0.3,
        anneal_strategy: str = "cos", cycle_momentum: bool = True, base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4,
        three_phase: bool = False, last_epoch: int = -1,
    ) -> None:  # fmt: skip
        self._attach(optimizer)
        counts = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
        if total_steps is not None:
            counts = {"total_steps": total_steps}
        elif None in counts.values():
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        _need_counts(**counts)
        self.total_steps = math.prod(counts.values())  # type: ignore[arg-type]
        part = isinstance(pct_start, float) and 0 <= pct_start <= 1
        need(part, f"Expected float between 0 and 1 pct_start, but got {pct_start}", ValueError)
        what = f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
        need(anneal_strategy in ("cos", "linear"), what, ValueError)
        self._anneal_func_type, self.cycle_momentum = anneal_strategy, cycle_momentum
        up, last = float(pct_start * self.total_steps) - 1, self.total_steps - 1
        phases = [(up, "initial_lr", "max_lr", "max", "base"), (last, "max_lr", "min_lr", "base", "max")]
        if three_phase:
            down = float(2 * pct_start * self.total_steps) - 2
            phases[1:] = [
                (down, "max_lr", "initial_lr", "base", "max"), (last, "initial_lr", "min_lr", "max", "max"),
            ]  # fmt: skip
        self._schedule_phases: list[dict[str, Any]] = [
            {"end_step": end, "start_lr": start, "end_lr": goal, "start_momentum": f"{first}_momentum",
             "end_momentum": f"{then}_momentum"} for end, start, goal, first, then in phases
        ]  # fmt: skip
        rates = for_each_group("max_lr", optimizer, max_lr)
        for group, rate in zip(optimizer.param_groups, rates, strict=True) if last_epoch == -1 else ():
            group["initial_lr"], group["max_lr"] = rate / div_factor, rate
            group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self._begin_momentum(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def _between(self, start: Any, end: Any, part: float) -> Any:
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def _new(self) -> list[Any]:
        step, begin = self.last_epoch, 0.0
        what = f"Tried to step {step} times. The specified number of total steps is {self.total_steps}"
        need(step <= self.total_steps, what, ValueError)
        for phase in self._schedule_phases:
            if step <= phase["end_step"] or phase is self._schedule_phases[-1]:
                break
            begin = phase["end_step"]
        part, groups = (step - begin) / (phase["end_step"] - begin), self.optimizer.param_groups
        for group in groups if self.cycle_momentum else ():
            first, then = group[phase["start_momentum"]], group[phase["end_momentum"]]
            self._set_momentum(group, self._between(first, then, part))
        return [self._between(group[phase["start_lr"]], group[phase["end_lr"]], part) for group in groups]


class CosineAnnealingWarmRestarts(Formula):
    """Along half a cosine down to ``eta_min``, then up at once and again, in ``T_mult`` times as many steps each time.

    Args:
        optimizer: whose learning rates are set.
        T_0: the steps of the first time.
        T_mult: how many times as many steps the next takes.
        eta_min: the least learning rate.
        last_epoch: the step to go on from.

    Raises:
        ValueError: unless ``T_0`` and ``T_mult`` are positive integers and ``eta_min`` is a number.

    Source: Loshchilov and Hutter, SGDR, https://arxiv.org/abs/1608.03983;
    https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        _need_counts(T_0=T_0, T_mult=T_mult)
        what = f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
        need(isinstance(eta_min, (float, int)), what, ValueError)
        self.T_0 = self.T_i = T_0
        self.T_mult, self.eta_min, self.T_cur = T_mult, eta_min, last_epoch
        super().__init__(optimizer, last_epoch)

    def _new(self) -> list[Any]:
        height = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return [self.eta_min + (base - self.eta_min) * height / 2 for base in self.base_lrs]

    def step(self, epoch: Any = None) -> None:
        """Set the next learning rates, or those at ``epoch``, which may be a fraction.

        Raises:
            ValueError: for a negative ``epoch``.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch, self.T_cur = self.last_epoch + 1, self.T_cur + 1
            if self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur % self.T_i, self.T_i * self.T_mult
        elif epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        elif epoch < self.T_0:
            self.T_cur, self.T_i = epoch, self.T_0
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            power = self.T_mult ** int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur, self.T_i = epoch - self.T_0 * (power - 1) / (self.T_mult - 1), self.T_0 * power
        self.last_epoch = math.floor(epoch)
        self._write(self.get_lr)
