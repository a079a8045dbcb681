"""`check_module`: what a layer must keep to, as a property test in one line."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from micrograd_cn.autograd.differences import tensors_in
from micrograd_cn.creation import ones_like, tensor
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.ops.shape import cat, need
from micrograd_cn.random import get_rng_state, manual_seed, set_rng_state
from micrograd_cn.tensor import Tensor
from micrograd_cn.testing.gradients import check_gradients, for_all, leaf, strategy


def check_module(
    module: Module | Callable[[], Module], *inputs: Any, batch_dim: int | None = None,
    modes: Sequence[str] = ("train", "eval"), order: int = 2, max_examples: int | None = None, seed: int = 0,
) -> None:  # fmt: skip
    """Prove on random inputs that a layer or model keeps to what training, saving and loading rely on.

    In each mode: the derivatives by every parameter and floating input are right (`check_gradients`), the output is
    the same under the same seed and from the same `state_dict`, every parameter gets a gradient in some mode, and
    nothing that requires grad is left out of ``parameters()``. Another module that loads the `state_dict` gives
    the same output. All is computed in float64, on copies: the module itself is not touched.

    Args:
        module: a module, or a function without arguments that makes one; then the state is loaded into another
            that it makes under another seed.
        inputs: for each input a strategy (`tensors`), a shape, or a value to be passed as it is.
        batch_dim: if given, row i of each output along this dimension must depend on row i of the inputs alone.
        modes: of "train" and "eval", what the module is made for.
        order, max_examples, seed: those of `check_gradients`.

    Raises:
        GradcheckError: for a wrong derivative: the parameter or input, the mode, both numbers.
        AssertionError: for the rest: what is wrong, in which mode, and what to do; with the smallest input as code.
    """
    for mode in modes:
        need(mode in ("train", "eval"), f"check_module: a mode is 'train' or 'eval', but it is {mode!r}", ValueError)
    before = get_rng_state()

    try:
        proof = _Proof(module, modes, batch_dim, seed)
        drawn = st.tuples(*map(strategy, inputs))
        for_all(drawn, lambda inputs: proof.example([leaf(x) for x in inputs]), max_examples, seed)()
        parameters = [p.detach() for p in proof.trained.values()]
        for mode in modes if proof.differentiable else ():
            run = proof.function(mode, len(inputs))
            check_gradients(run, *inputs, *parameters, order=order, max_examples=max_examples, seed=seed)
    finally:
        set_rng_state(before)


def _loose(module: Module) -> dict[str, Tensor]:
    """The tensors that a module, its lists and dicts hold and its `state_dict` does not, by name."""
    seen = {id(x) for x in module.state_dict(keep_vars=True).values()}
    waiting: list[tuple[str, Any]] = [("", module)]
    found = {}
    for name, x in waiting:
        items = vars(x) if isinstance(x, Module) else dict(enumerate(x)) if isinstance(x, (list, tuple)) else x
        if isinstance(x, Tensor) and id(x) not in seen:
            found[name[1:]] = x
        elif isinstance(items, dict) and id(x) not in seen:
            waiting += [(f"{name}.{key}", part) for key, part in items.items()]
        seen.add(id(x))
    return found


def _close(a: Tensor, b: Tensor) -> Any:
    """Which elements are the same up to the rounding of sums taken in another order."""
    return np.isclose(a.detach().numpy(), b.detach().numpy(), 1e-9, 1e-12, equal_nan=True)


def _same(a: Sequence[Tensor], b: Sequence[Tensor]) -> bool:
    return [x.shape for x in a] == [x.shape for x in b] and all(map(np.all, map(_close, a, b)))


def _row_changed(x: Any, row: int, dim: int) -> Any:
    """A copy with other numbers in one row along a dimension."""
    if not isinstance(x, Tensor) or x.ndim <= dim:
        return x
    array = x.detach().numpy().copy()
    rows = np.moveaxis(array, dim, 0)
    noise = np.random.default_rng(row).uniform(0.5, 1.5, rows[row].shape)
    rows[row] = rows[row] + noise if x.is_floating_point() else rows[row - 1]
    return tensor(array)


class _Proof:
    """One run of `check_module`. Copies are what runs, so no call leaves a trace for the next."""

    def __init__(
        self, source: Module | Callable[[], Module], modes: Sequence[str], batch_dim: int | None, seed: int
    ) -> None:
        self.source, self.modes, self.batch_dim, self.seed = source, modes, batch_dim, seed
        self.module = self.made(seed)
        self.where = self.name = type(self.module).__name__
        self.trained = {name: p for name, p in self.module.named_parameters() if p.requires_grad}
        for name, x in _loose(self.module).items():
            self.must(not x.requires_grad, f"{name} of shape {tuple(x.shape)} requires grad, but is left out of "
                "parameters() and state_dict(). Make it an attribute that is an nn.Parameter, and hold lists in "
                "nn.ParameterList or nn.ModuleList")  # fmt: skip

    def must(self, holds: Any, what: str) -> None:
        need(holds, f"{self.where}: {what}", AssertionError)

    def made(self, seed: int) -> Module:
        manual_seed(seed)
        return copy.deepcopy(self.source if isinstance(self.source, Module) else self.source()).double()

    def run(self, module: Module, inputs: Sequence[Any], mode: str) -> list[Tensor]:
        """Its outputs, under the seed."""
        manual_seed(self.seed)
        self.where = f"{self.name} in {mode} mode"
        try:
            return tensors_in(module.train(mode == "train")(*inputs))
        except Exception as error:
            error.add_note(f"{self.where} was made float64 by .double().{_suspects(module)}")
            raise

    def load(self, module: Module, state: dict[str, Any]) -> None:
        try:
            module.load_state_dict(state)
        except (KeyError, RuntimeError) as error:
            raise AssertionError(f"{self.name} cannot load its own state_dict: {error}") from error

    def function(self, mode: str, count: int) -> Callable[..., list[Tensor]]:
        """The module as a function of its ``count`` inputs and its parameters."""

        def run(*args: Any) -> list[Tensor]:
            places = map(id, self.trained.values())
            memo = dict(zip(places, args[count:], strict=True))  # what the copy holds in their place, wherever it does
            return self.run(copy.deepcopy(self.module, memo), args[:count], mode)

        run.__name__ = f"{self.name} in {mode} mode"
        run.argument_names = [  # type: ignore[attr-defined]
            *(f"input {i}" for i in range(count)), *(f"parameter {name}" for name in self.trained)
        ]  # fmt: skip
        return run

    def example(self, inputs: Sequence[Any]) -> None:
        """Check everything but the derivatives; raises AssertionError."""
        idle = list(self.trained)
        self.differentiable = bool(idle) or any(isinstance(x, Tensor) and x.requires_grad for x in inputs)
        for mode in self.modes:
            module = copy.deepcopy(self.module)
            state = copy.deepcopy(module.state_dict())
            outputs = self.run(module, inputs, mode)
            self.must(outputs, "it returns no tensor")
            for y in outputs:
                if y.requires_grad:
                    y.backward(ones_like(y), retain_graph=True)
            idle = [name for name in idle if module.get_parameter(name).grad is None]
            self.load(module, state)
            self.must(_same(outputs, self.run(module, inputs, mode)), "a second call under the same seed and from the "
                "same state_dict gives another output. Draw random numbers by micrograd_cn (rand, dropout), not by "
                f"random or NumPy, and register_buffer() what forward() changes.{_suspects(module)}")  # fmt: skip
            if self.batch_dim is not None:
                self.independent(inputs, mode, outputs, self.batch_dim)
        self.where = self.name
        self.must(not idle, f"{', '.join(idle)} gets no gradient. Either forward() does not use it, or it leaves the "
            "graph (detach, .data, no_grad, NumPy?); if that is meant, set requires_grad to False")  # fmt: skip
        self.round_trip(inputs)

    def independent(self, inputs: Sequence[Any], mode: str, outputs: Sequence[Tensor], dim: int) -> None:
        """No row of an output changes with another row of the inputs."""
        count = inputs[0].shape[dim]
        if count == 1:  # there must be another row for it to depend on
            inputs = [cat([x, x], dim) if isinstance(x, Tensor) and x.ndim > dim else x for x in inputs]
            count, outputs = 2, self.run(copy.deepcopy(self.module), inputs, mode)
        for y in outputs:
            fits = y.ndim > dim and y.shape[dim] == count
            self.must(fits, f"batch_dim={dim} has {count} rows, but an output is of shape {tuple(y.shape)}")
        for row in range(count):
            others = self.run(copy.deepcopy(self.module), [_row_changed(x, row, dim) for x in inputs], mode)
            for close in map(_close, outputs, others):
                mixed = ~np.moveaxis(close, dim, 0).reshape(count, -1).all(1) & (np.arange(count) != row)
                if mixed.any():
                    self.steady(inputs, mode)
                self.must(not mixed.any(), f"row {mixed.argmax()} of the output depends on row {row} of the input, "
                    f"though batch_dim={dim} declares them independent. Something runs over the batch: a mean, a "
                    "norm, a reshape? If it is meant (batch norm in training), leave out batch_dim or the mode"
                )  # fmt: skip

    def steady(self, inputs: Sequence[Any], mode: str) -> None:
        """It is not chance, before something else is blamed."""
        first, *others = (self.run(copy.deepcopy(self.module), inputs, mode) for _ in range(8))
        self.must(all(_same(first, other) for other in others), "it is not deterministic: calls under the same seed "
            "differ. Draw random numbers by micrograd_cn (rand, dropout), not by random or NumPy")  # fmt: skip

    def round_trip(self, inputs: Sequence[Any]) -> None:
        """Another module that loads the state computes the same."""
        trained, fresh = copy.deepcopy(self.module), self.made(self.seed + 1)
        for name in self.trained:
            trained.get_parameter(name).data += 0.125
        self.run(trained, inputs, self.modes[0])
        self.load(fresh, copy.deepcopy(trained.state_dict()))
        for mode in self.modes:
            same = _same(self.run(trained, inputs, mode), self.run(fresh, inputs, mode))
            if not same:
                self.steady(inputs, mode)
            self.must(same, "another one that loads its state_dict gives another output. register_buffer() what "
                f"forward() reads and changes.{_suspects(trained)}")  # fmt: skip


def _suspects(module: Module) -> str:
    names = ", ".join(_loose(module))
    return f" The state_dict leaves out: {names}." if names else ""
