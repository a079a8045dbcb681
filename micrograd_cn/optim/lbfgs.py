"""L-BFGS, with a line search if wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from micrograd_cn.autograd import enable_grad
from micrograd_cn.optim.algorithm import as_real, number
from micrograd_cn.optim.optimizer import Optimizer, ParamsT
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor


class LBFGS(Optimizer):
    r"""L-BFGS: Newton's method with an inverse Hessian that is put together from the last steps.

    One ``step(closure)`` makes up to ``max_iter`` steps along ``-H g``. The differences ``y`` of the gradient ``g`` and
    ``s`` of the parameters in the last ``history_size`` steps stand for ``H``.

    Args:
        params: what to optimize, in one group; see `Optimizer`.
        lr: the length of a step, in parts of ``-H g``; with a line search, where it begins.
        max_iter: the most steps in a call of ``step``.
        max_eval: the most times to call ``closure`` there; 1.25 times ``max_iter`` if None.
        tolerance_grad: stop where no element of the gradient is larger.
        tolerance_change: stop where neither the loss nor a parameter changes by more.
        history_size: how many steps to remember.
        line_search_fn: None, or "strong_wolfe" for step lengths that fulfil the strong Wolfe conditions.

    Raises:
        ValueError: for a negative ``lr``, and for more than one group.
        RuntimeError: in ``step``, for an unknown line search.

    Source: Nocedal and Wright, Numerical Optimization, algorithms 7.4, 3.5 and 3.6;
    https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html
    """

    def __init__(
        self, params: ParamsT, lr: float | Tensor = 1, max_iter: int = 20, max_eval: int | None = None,
        tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9, history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        max_eval = max_iter * 5 // 4 if max_eval is None else max_eval
        self._prepare(locals())
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Go to a minimum of the loss, or as far as is allowed.

        Args:
            closure: computes the loss and its gradients anew and returns the loss.

        Returns:
            The loss where it began.
        """
        group = {name: number(value) for name, value in self.param_groups[0].items()}
        params, small, lr = group["params"], group["tolerance_change"], group["lr"]
        memory = {name: _raw(value) for name, value in self.state[params[0]].items()}
        evaluations, first = 0, None

        def evaluate() -> tuple[float, np.ndarray[Any, Any]]:
            nonlocal evaluations, first
            with enable_grad():
                loss = closure()
            evaluations, first = evaluations + 1, loss if first is None else first
            return float(loss), np.concatenate([_flat(p) for p in params])

        def probe(t: Any) -> _Point:
            """The loss and its gradient at ``t · d`` from here."""
            here = [p._array.copy() for p in params]
            _move(params, t * d)
            loss, gradient = evaluate()
            for p, values in zip(params, here, strict=True):
                np.copyto(p._array, values)
            return _Point(t, loss, gradient, gradient.dot(d))

        steps = memory.setdefault("n_iter", 0)
        total = memory.setdefault("func_evals", 0)
        loss, g = evaluate()
        d: Any = memory.get("d")
        t: Any = memory.get("t")
        for n in range(1, group["max_iter"] + 1):
            if n == 1 and np.abs(g).max() <= group["tolerance_grad"]:
                break
            steps += 1
            if steps == 1:
                d, memory = -g, {**memory, "old_dirs": [], "old_stps": [], "ro": [], "H_diag": 1}
            else:
                d = _direction(memory, g, g - memory["prev_flat_grad"], d * t, group["history_size"])
            memory["prev_flat_grad"], memory["prev_loss"] = g.copy(), loss
            t = min(1.0, 1.0 / np.abs(g).sum()) * lr if steps == 1 else lr
            slope = g.dot(d)
            if slope > -small:
                break
            if group["line_search_fn"] is None:
                _move(params, t * d)
                if n != group["max_iter"]:
                    loss, g = evaluate()
            elif group["line_search_fn"] == "strong_wolfe":
                here = _Point(0, loss, g, slope)
                t, loss, g, _ = _strong_wolfe(probe, here, t, np.abs(d).max(), group["max_eval"] - evaluations)
                _move(params, t * d)
            else:
                raise RuntimeError("only 'strong_wolfe' is supported")
            if (
                evaluations >= group["max_eval"]
                or np.abs(g).max() <= group["tolerance_grad"]
                or np.abs(d * t).max() <= small
                or abs(loss - memory["prev_loss"]) < small
            ):
                break
        memory |= {"d": d, "t": t} if steps else {}
        memory |= {"n_iter": steps, "func_evals": total + evaluations}
        self.state[params[0]].update((name, _wrapped(value)) for name, value in memory.items())
        return first


class _Point(NamedTuple):
    """A point on the line: how far it is, the loss there, its gradient, and how fast the loss grows along the line."""

    t: Any
    loss: float
    gradient: Any
    slope: Any


def _raw(value: Any) -> Any:
    """A part of the state with arrays in place of tensors; NumPy numbers in place of those without dimensions."""
    if isinstance(value, list):
        return [_raw(item) for item in value]
    return value._array[()] if isinstance(value, Tensor) else value


def _wrapped(value: Any) -> Any:
    if isinstance(value, list):
        return [_wrapped(item) for item in value]
    return wrap(np.asarray(value)) if isinstance(value, (np.ndarray, np.generic)) else value


def _flat(p: Tensor) -> np.ndarray[Any, Any]:
    return as_real(np.zeros_like(p._array) if p._grad is None else p._grad._array).reshape(-1)


def _move(params: list[Tensor], change: np.ndarray[Any, Any]) -> None:
    """Add a part of ``change`` to each parameter."""
    for p in params:
        w = as_real(p._array)
        part, change = change[: w.size], change[w.size :]
        w += part.reshape(w.shape)
        p._wrote()


def _direction(memory: dict[str, Any], g: Any, y: Any, s: Any, size: int) -> Any:
    """``-H g``, after noting that the step ``s`` has changed the gradient by ``y``: the two loops of L-BFGS."""
    ys, steps, inverse = memory["old_dirs"], memory["old_stps"], memory["ro"]
    curvature = y.dot(s)
    if curvature > 1e-10:
        if len(ys) == size:
            del ys[0], steps[0], inverse[0]
        ys.append(y)
        steps.append(s)
        inverse.append(1.0 / curvature)
        memory["H_diag"] = curvature / y.dot(y)
    kept = memory.setdefault("al", [None] * size)
    q = -g
    for i in reversed(range(len(ys))):
        kept[i] = steps[i].dot(q) * inverse[i]
        q -= kept[i] * ys[i]
    q *= memory["H_diag"]
    for i, step in enumerate(steps):
        q += (kept[i] - ys[i].dot(q) * inverse[i]) * step
    return q


def _minimum(a: _Point, b: _Point, least: Any, most: Any) -> Any:
    """Where, between two limits, the cubic through two points with these slopes is least."""
    a, b = (a, b) if a.t <= b.t else (b, a)
    u = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = u**2 - a.slope * b.slope
    if square < 0:
        return (least + most) / 2.0
    root = np.sqrt(square)
    t = b.t - (b.t - a.t) * ((b.slope + root - u) / (b.slope - a.slope + 2 * root))
    return min(max(t, least), most)


def _strong_wolfe(probe: Callable[[Any], _Point], here: _Point, t: Any, size: Any, most: int) -> _Point:
    """A point with ``loss <= loss here + 1e-4 t slope`` and a slope of at most 0.9 times that here.

    The first loop goes on until two points have such a one between them, the second closes in on it.
    """

    def too_high(point: _Point) -> bool:
        return bool(point.loss > here.loss + 1e-4 * point.t * here.slope)

    def flat(point: _Point) -> bool:
        return bool(abs(point.slope) <= -0.9 * here.slope)

    before, now, tries = here, probe(t), 0
    while tries < most:
        if too_high(now) or (tries > 1 and now.loss >= before.loss):
            break
        if flat(now):
            return now
        if now.slope >= 0:
            break
        t = _minimum(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10)
        before, now, tries = now, probe(t), tries + 1
    else:
        before = here
    low, high = (before, now) if before.loss <= now.loss else (now, before)
    stuck = False
    while tries < most and abs(high.t - low.t) * size >= 1e-9:
        left, right = min(low.t, high.t), max(low.t, high.t)
        t, margin = _minimum(low, high, left, right), 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        if near and (stuck or t >= right or t <= left):
            t, near = right - margin if abs(t - right) < abs(t - left) else left + margin, False
        stuck = near
        now, tries = probe(t), tries + 1
        if too_high(now) or now.loss >= low.loss:
            high = now
            low, high = (low, high) if low.loss <= high.loss else (high, low)
        elif flat(now):
            return now
        else:
            low, high = now, low if now.slope * (high.t - low.t) >= 0 else high
    return low
