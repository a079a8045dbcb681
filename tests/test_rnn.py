"""Recurrent layers and packed sequences: truths that need no reference, and every option against PyTorch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import micrograd_cn as mg
from micrograd_cn import nn
from micrograd_cn.autograd import gradcheck, gradgradcheck
from micrograd_cn.nn.utils import rnn as utils

KINDS = ["LSTM", "GRU", "RNN", "relu"]
LENGTHS = [3, 5, 1, 4]


def layer(t, kind, *args, **options):
    """A layer of the framework ``t`` in float64."""
    if kind == "relu":
        kind, options = "RNN", {"nonlinearity": "relu", **options}
    t.manual_seed(0)
    return getattr(t.nn, kind)(*args, **options, dtype=t.float64)


def draw(*shape, seed=0):
    return mg.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def pair(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_equals_its_cell_looped(kind):
    run = layer(mg, kind, 3, 4)
    options = {"nonlinearity": "relu"} if kind == "relu" else {}
    cell = getattr(nn, {"relu": "RNN"}.get(kind, kind) + "Cell")(3, 4, dtype=mg.float64, **options)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in run.state_dict().items()})
    x, state, outputs = draw(6, 2, 3), None, []
    for t in range(6):
        state = cell(x[t], state)
        outputs.append(pair(state)[0])
    output, last = run(x)
    assert np.allclose(output.detach(), mg.stack(outputs).detach(), rtol=1e-12, atol=1e-14)
    for mine, theirs in zip(pair(last), pair(state), strict=True):
        assert np.allclose(mine[0].detach(), theirs.detach(), rtol=1e-12, atol=1e-14)
    weight = draw(6, 2, 4, seed=1).detach()
    found = mg.autograd.grad((output * weight).sum(), [x, *run.parameters()])
    wanted = mg.autograd.grad((mg.stack(outputs) * weight).sum(), [x, *cell.parameters()])
    for a, b in zip(found, wanted, strict=True):
        assert np.allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_sequences_give_what_each_gives_alone(kind, enforce_sorted):
    run = layer(mg, kind, 3, 4, 2, bidirectional=True)
    alone = [draw(n, 3, seed=n) for n in (sorted(LENGTHS, reverse=True) if enforce_sorted else LENGTHS)]
    packed, last = run(utils.pack_sequence(alone, enforce_sorted))
    results = utils.unpack_sequence(packed)
    for i, x in enumerate(alone):
        output, state = run(x)
        assert np.allclose(results[i].detach(), output.detach(), atol=1e-14)
        for mine, theirs in zip(pair(last), pair(state), strict=True):
            assert np.allclose(mine[:, i].detach(), theirs.detach(), atol=1e-14)
    total = sum((r * r).sum() for r in results) + sum((s * s).sum() for s in pair(last))
    singles = [run(x) for x in alone]
    single = sum((y * y).sum() + sum((s * s).sum() for s in pair(state)) for y, state in singles)
    leaves = [*alone, *run.parameters()]
    for a, b in zip(mg.autograd.grad(total, leaves), mg.autograd.grad(single, leaves), strict=True):
        assert np.allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_both_derivatives_equal_differences(kind):
    run = layer(mg, kind, 2, 2, bidirectional=True, **({"proj_size": 1} if kind == "LSTM" else {}))
    shapes = [(2, 2, 1), (2, 2, 2)] if kind == "LSTM" else [(2, 2, 2)]
    states = [draw(*s, seed=5) for s in shapes]
    x, weights = draw(2, 2, 2), list(run.parameters())

    def outputs(x, *others):
        hx = others[: len(states)]
        y, last = run(x, hx if kind == "LSTM" else hx[0])
        return y, *pair(last)

    assert gradcheck(outputs, (x, *states, *weights))
    assert gradgradcheck(outputs, (x, *states, *weights[:4]))


def test_one_tensor_as_both_states_gets_both_gradients():
    """In the first derivative and where that has a graph, which takes another way."""
    run, x, s = layer(mg, "LSTM", 2, 3), draw(4, 2, 2), draw(1, 2, 3)
    apart = [s.detach().requires_grad_(), s.detach().requires_grad_()]
    wanted = sum(mg.autograd.grad(run(x, tuple(apart))[0].sum(), apart))
    for graph in (False, True):
        (found,) = mg.autograd.grad(run(x, (s, s))[0].sum(), s, create_graph=graph)
        assert np.allclose(found.detach(), wanted.detach(), rtol=1e-12)


def test_padding_and_packing_undo_each_other():
    sequences = [draw(n, 2, seed=n) for n in LENGTHS]
    padded = utils.pad_sequence(sequences, batch_first=True, padding_value=7)
    assert padded.shape == (4, 5, 2) and (padded[2, 1:] == 7).all()
    left = utils.pad_sequence(sequences, padding_side="left")
    assert left.shape == (5, 4, 2) and (left[:4, 2] == 0).all() and (left[4, 2] == sequences[2][0]).all()
    packed = utils.pack_padded_sequence(padded, LENGTHS, batch_first=True, enforce_sorted=False)
    assert packed.batch_sizes.tolist() == [4, 3, 3, 2, 1] and packed.sorted_indices.tolist() == [1, 3, 0, 2]
    assert packed.to(mg.float32).data.dtype is mg.float32 and packed.double() is packed
    again, lengths = utils.pad_packed_sequence(packed, True, 7, total_length=6)
    assert lengths.tolist() == LENGTHS and (again[:, :5] == padded).all() and (again[:, 5] == 7).all()
    for mine, s in zip(utils.unpad_sequence(again, lengths, True), sequences, strict=True):
        assert (mine == s).all()
    (again * again).sum().backward()
    assert all((s.grad == 2 * s.detach()).all() for s in sequences)


def test_what_cannot_run_is_refused():
    run, x = nn.LSTM(3, 4), mg.zeros(5, 2, 3)
    for wrong, kind in (
        (lambda: run(x.double()), ValueError), (lambda: run(mg.zeros(3)), ValueError),
        (lambda: run(mg.zeros(5, 2, 4)), RuntimeError), (lambda: run(mg.zeros(0, 2, 3)), RuntimeError),
        (lambda: run(x, (mg.zeros(1, 3, 4), mg.zeros(1, 2, 4))), RuntimeError),
        (lambda: run(x, (mg.zeros(1, 4), mg.zeros(1, 4))), RuntimeError),
        (lambda: nn.LSTM(3, 4, dropout=2), ValueError), (lambda: nn.LSTM(3, 4, proj_size=4), ValueError),
        (lambda: nn.GRU(3, 4, proj_size=2), ValueError), (lambda: nn.RNN(3, 4, nonlinearity="x"), ValueError),
        (lambda: nn.LSTM(3, 4, bias=1), TypeError), (lambda: nn.LSTM(0, 4), ValueError),
        (lambda: nn.GRUCell(3, 4)(mg.zeros(2, 3), mg.zeros(1, 4)), RuntimeError),
        (lambda: nn.RNNCell(3, 4, nonlinearity="x")(mg.zeros(2, 3)), RuntimeError),
        (lambda: utils.pack_padded_sequence(x, [1, 2]), RuntimeError),
        (lambda: utils.pack_padded_sequence(x, [2, 0]), RuntimeError),
        (lambda: utils.pack_padded_sequence(x, [6, 2]), RuntimeError),
        (lambda: utils.pad_sequence(3), RuntimeError),
        (lambda: utils.pad_packed_sequence(utils.pack_padded_sequence(x, [4, 2]), total_length=3), ValueError),
    ):  # fmt: skip
        with pytest.raises(kind, match=r"."):
            wrong()


OPTIONS = [
    {}, {"num_layers": 3}, {"bias": False}, {"batch_first": True}, {"bidirectional": True},
    {"num_layers": 2, "dropout": 0.5}, {"num_layers": 2, "dropout": 0.3, "batch_first": True, "bidirectional": True},
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["plain", "state", "unbatched", "packed", "eval"])
def test_every_option_as_in_pytorch(kind, form):
    torch = pytest.importorskip("torch")
    for options in OPTIONS + ([{"proj_size": 2}, {"proj_size": 3, "num_layers": 2}] if kind == "LSTM" else []):
        results = []
        for t in (mg, torch):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                run = layer(t, kind, 3, 4, **options)
            run.train(form != "eval").flatten_parameters()
            x = t.tensor(draw(5, 4, 3).tolist(), dtype=t.float64, requires_grad=True)
            states, wide = [], 1 + run.bidirectional
            for width in (run.proj_size or 4, 4)[: 1 + (kind == "LSTM")]:
                batch = () if form == "unbatched" else (5 if run.batch_first and form != "packed" else 4,)
                shape = (run.num_layers * wide, *batch, width)
                states.append(t.tensor(draw(*shape, seed=3).tolist(), dtype=t.float64, requires_grad=True))
            hx = tuple(states) if kind == "LSTM" else states[0]
            t.manual_seed(7)
            if form == "packed":
                packed = t.nn.utils.rnn.pack_padded_sequence(x, t.tensor(LENGTHS), enforce_sorted=False)
                output, last = run(packed, hx)
                output = t.nn.utils.rnn.pad_packed_sequence(output, run.batch_first)[0]
            elif form == "unbatched":
                output, last = run(x[:, 0], hx)
            else:
                output, last = run(x, hx) if form == "state" else run(x)
            outputs = [output, *pair(last)]
            sum((y * t.cos(y)).sum() for y in outputs).backward()
            leaves = [x, *(s for s in states if s.grad is not None), *run.parameters()]
            numbers = [np.array(y.tolist()) for y in (*outputs, *run.parameters(), *(v.grad for v in leaves))]
            names = [[tuple(w.shape) for w in group] for group in run.all_weights]
            results.append(([repr(run), list(run.state_dict()), names, output.is_contiguous()], numbers))
        (mine, a), (theirs, b) = results
        assert mine == theirs
        for y, z in zip(a, b, strict=True):
            assert y.shape == z.shape and np.allclose(y, z, rtol=1e-9, atol=1e-11)


CELLS = ["RNNCell(3, 4)", "RNNCell(3, 4, False, 'relu')", "LSTMCell(3, 4)", "GRUCell(3, 4, bias=False)"]


@pytest.mark.parametrize("text", CELLS)
def test_cells_as_in_pytorch(text):
    torch = pytest.importorskip("torch")
    for shape in ((2, 3), (3,)):
        results = []
        for t in (mg, torch):
            t.manual_seed(0)
            cell = eval(f"nn.{text}", {"nn": t.nn})
            x = t.tensor(draw(*shape).tolist(), requires_grad=True)
            state = pair(cell(x, cell(x)))
            sum((s * s).sum() for s in state).backward()
            numbers = [np.array(y.tolist()) for y in (*state, x.grad, *(p.grad for p in cell.parameters()))]
            results.append(([repr(cell), list(cell.state_dict())], numbers))
        (mine, a), (theirs, b) = results
        assert mine == theirs
        for y, z in zip(a, b, strict=True):
            assert np.allclose(y, z, rtol=1e-5, atol=1e-6)
