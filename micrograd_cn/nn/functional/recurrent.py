"""Recurrent layers: one step, composed of rows of the table, and a whole sequence with one backward of its own.

What is written ``mode`` is "LSTM", "GRU", "RNN_TANH" or "RNN_RELU". Sequences are packed: all steps' inputs stand in
one matrix ``(R, F)``, those of the first step above those of the second, and ``sizes[t]`` says how many sequences
take part in step ``t``: the first so many of the batch. A batch of equal lengths is packed by a reshape.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from micrograd_cn.autograd import Function, grad, is_grad_enabled
from micrograd_cn.ops.neural import _column_sums as column_sums, linear
from micrograd_cn.ops.shape import cat
from micrograd_cn.tensor import Tensor

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def step(mode: str, p: Any, h: Any, c: Any, w_hh: Any, b_hh: Any = None, w_hr: Any = None) -> tuple[Any, Any]:
    """The state after one step.

    Args:
        mode: see above.
        p: ``(N, G * H)``, what the input adds: ``x @ w_ih.T + b_ih``. G is the number of gates.
        h, c: ``(N, H)``, the state before; ``c`` is for LSTM only.
        w_hh, b_hh: ``(G * H, H)`` and ``(G * H,)``.
        w_hr: ``(P, H)``, the projection of an LSTM's output, or None. With it ``h`` has P numbers.

    Returns:
        ``(h, c)``. Hochreiter and Schmidhuber, 1997 (LSTM); Cho et al., 2014 (GRU); Elman, 1990.
    """
    q = linear(h, w_hh, b_hh)
    if mode == "LSTM":
        i, f, g, o = (p + q).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return (h if w_hr is None else linear(h, w_hr)), c
    if mode == "GRU":
        (p_r, p_z, p_n), (q_r, q_z, q_n) = p.chunk(3, -1), q.chunk(3, -1)
        n = (p_n + (p_r + q_r).sigmoid() * q_n).tanh()
        return n + (p_z + q_z).sigmoid() * (h - n), c
    return ((p + q).tanh() if mode == "RNN_TANH" else (p + q).relu()), c


def _steps(sizes: list[int], reverse: bool) -> list[tuple[int, slice]]:
    """For each step in the order of running how many sequences it has, and where its rows stand."""
    ends = np.cumsum(sizes).tolist()
    found = [(n, slice(end - n, end)) for n, end in zip(sizes, ends, strict=True)]
    return found[::-1] if reverse else found


def by_steps(mode: str, sizes: list[int], reverse: bool, x: Any, h: Any, c: Any, *weights: Any) -> tuple[Any, Any, Any]:
    """What `Sequence` computes, step by step, and so with derivatives of every order."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    p, outputs = linear(x, w_ih, b_ih), []
    for n, rows in _steps(sizes, reverse):
        h_new, c_new = step(mode, p[rows], h[:n], None if c is None else c[:n], w_hh, b_hh, w_hr)
        outputs.append(h_new)
        h = cat([h_new, h[n:]])
        c = None if c is None else cat([c_new, c[n:]])
    return cat(outputs[::-1] if reverse else outputs), h, c


def _sigmoid(x: Any, half: Any, rest: Any) -> None:
    """``tanh(x / 2) / 2 + 1 / 2`` in place; where ``half`` is 1 and ``rest`` 0, the tanh of x."""
    x *= half
    np.tanh(x, out=x)
    x *= half
    x += rest


def _slopes(mode: str, a: Any, m: Any, cells: Any, before: Any) -> Any:
    """The derivatives of a layer's state by its gates, ``(R, G, H)``, but for factors that are known a step later.

    In an LSTM all but the last are those of ``c``. GRU has a fourth, the one before ``r * q_n`` goes into n.
    """
    if not mode.startswith("RNN"):
        s = np.empty((len(a), 4, a.shape[2]), a.dtype)
    if mode == "LSTM":
        np.subtract(1, a, out=s)
        s *= a
        np.subtract(1, np.square(a[:, 2]), out=s[:, 2])
        for k, factor in enumerate((a[:, 2], cells, a[:, 0], m)):
            s[:, k] *= factor
        return s
    if mode == "GRU":
        r, z, n = (a[:, k] for k in range(3))
        s[:, 1], s[:, 3] = (before - n) * z * (1 - z), (1 - z) * (1 - n * n)
        np.multiply(s[:, 3], r, out=s[:, 2])
        s[:, 0] = s[:, 2] * m * (1 - r)
        return s
    return 1 - a * a if mode == "RNN_TANH" else (a > 0).astype(a.dtype)


class Sequence(Function):
    """A layer in one direction over whole sequences.

    ``apply(mode, sizes, reverse, x, h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr)`` returns the outputs ``(R, H)``, the last
    ``h`` and the last ``c`` ``(N, H)``. The biases, ``w_hr`` and, but for LSTM, ``c0`` may be None, and then ``c`` is.

    The products with ``w_ih``, and those that give the gradients of weights, are done for all steps at once.
    """

    @staticmethod
    def forward(ctx: Any, mode: str, sizes: list[int], reverse: bool, *tensors: Any) -> tuple[Any, Any, Any]:
        """Runs the steps on arrays, and keeps of each the gates and the states before it."""
        raw: list[Any] = [None if t is None else t._raw for t in tensors]
        x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr = raw
        gru, size = mode == "GRU", len(w_hh) // GATES[mode]
        gates = linear(x, w_ih, b_ih if gru or b_ih is None else b_ih + b_hh)
        w, h, c = np.ascontiguousarray(w_hh.T), h.copy(), None if c is None else c.copy()
        before, outputs = np.empty((2, len(x), h.shape[1]), x.dtype)
        cells, inner = np.empty((2, len(x), size), x.dtype)  # c before a step; its tanh after it, or GRU's q_n
        half = np.full((len(h), 4, size), 0.5, x.dtype)
        half[:, 2] = 1
        half = half.reshape(len(h), 4 * size)
        rest = 1 - half
        for n, rows in _steps(sizes, reverse):
            state, m, a = h[:n], inner[rows], gates[rows]
            before[rows] = state
            q = np.dot(state, w)
            if gru:
                r, z, new = a[:, :size], a[:, size : 2 * size], a[:, 2 * size :]
                if b_hh is not None:
                    q += b_hh
                m[...] = q[:, 2 * size :]
                a[:, : 2 * size] += q[:, : 2 * size]
                _sigmoid(a[:, : 2 * size], 0.5, 0.5)
                new += r * m
                np.tanh(new, out=new)
                state += (1 - z) * (new - state)
            elif c is not None:
                a += q
                _sigmoid(a, half[:n], rest[:n])
                i, f, g, o = (a[:, k : k + size] for k in range(0, 4 * size, size))
                cell = c[:n]
                cells[rows] = cell
                cell *= f
                cell += i * g
                np.tanh(cell, out=m)
                if w_hr is None:
                    np.multiply(o, m, out=state)
                else:
                    np.dot(o * m, w_hr.T, out=state)
            else:
                a += q
                state[...] = np.tanh(a, out=a) if mode == "RNN_TANH" else np.maximum(a, 0, out=a)
            outputs[rows] = state
        ctx.save_for_backward(*tensors, *map(Tensor._wrap, (gates, inner, cells, before)))
        ctx.set_materialize_grads(False)
        ctx.settings = mode, sizes, reverse
        return Tensor._wrap(outputs), Tensor._wrap(h), None if c is None else Tensor._wrap(c)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        """From the last step to the first; that of `by_steps`, where the gradient is to be differentiated itself."""
        saved, (mode, sizes, reverse) = ctx.saved_tensors, ctx.settings
        if is_grad_enabled():
            return None, None, None, *_differentiated(ctx.settings, saved[:8], grads)
        raw: list[Any] = [None if t is None else t._raw for t in saved]
        x, h, c, w_ih, w_hh, _, _, w_hr, *kept = raw
        given: list[Any] = [None if g is None else g._raw for g in grads]
        by_output, by_h, by_c = given
        count = GATES[mode]
        size = len(w_hh) // count
        kept[0] = a = kept[0].reshape(len(x), count, size)
        s = _slopes(mode, *kept)
        through: Any = None
        onward: Any = None  # what of a state stays in the next
        if c is not None:
            through, onward = a[:, 3] * (1 - np.square(kept[1])), a[:, 1]
        elif mode == "GRU":
            onward = a[:, 1]
        gh = np.zeros_like(h) if by_h is None else by_h.copy()
        gc: Any = by_c.copy() if by_c is not None else None if c is None else np.zeros_like(c)
        projected = np.empty((len(x), h.shape[1]), x.dtype)
        for n, rows in reversed(_steps(sizes, reverse)):
            d, g = s[rows], gh[:n]
            if by_output is not None:
                g += by_output[rows]
            if w_hr is not None:
                projected[rows] = g
                g = np.dot(g, w_hr)
            if c is not None:
                cell = gc[:n]
                cell += g * through[rows]
                d[:, :3] *= cell[:, None]
                d[:, 3] *= g
                cell *= onward[rows]
            else:
                d *= g[:, None]
            back = np.dot(d[:, :count].reshape(n, count * size), w_hh)
            if mode == "GRU":
                back += g * onward[rows]
            gh[:n] = back
        hidden = s[:, :count].reshape(len(x), count * size)
        inputs = s[:, [0, 1, 3]].reshape(len(x), 3 * size) if mode == "GRU" else hidden
        by_x = np.dot(inputs, w_ih) if ctx.needs_input_grad[3] else None
        by_weights = [np.dot(inputs.T, x), np.dot(hidden.T, kept[3]), *map(column_sums, (inputs, hidden))]
        by_projection = None if w_hr is None else np.dot(projected.T, a[:, 3] * kept[1])
        found = zip(ctx.needs_input_grad[3:], (by_x, gh, gc, *by_weights, by_projection), strict=True)
        return None, None, None, *(Tensor._wrap(g) if needed else None for needed, g in found)


def _differentiated(settings: tuple[Any, ...], tensors: list[Any], grads: tuple[Any, ...]) -> list[Any]:
    """The gradients of `by_steps` with a graph of their own."""
    # Copies, so that what one input owes to another is not counted here.
    inputs = [None if t is None else t.clone() for t in tensors]
    wanted = [t for t in inputs if t is not None and t.requires_grad]
    pairs = [(y, g) for y, g in zip(by_steps(*settings, *inputs), grads, strict=True) if g is not None]
    outputs, grads = zip(*pairs, strict=True)
    found = iter(grad(outputs, wanted, grads, create_graph=True, allow_unused=True))
    return [next(found) if t is not None and t.requires_grad else None for t in inputs]
