"""Attention and transformers: truths about them, and PyTorch's numbers for every option."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_cn as mg
import micrograd_cn.nn.functional as F
from micrograd_cn import nn

RANDOM = np.random.default_rng(0)


def drawn(*shape, t=mg, grad=True):
    return t.tensor(RANDOM.normal(size=shape).tolist(), dtype=t.float64, requires_grad=grad)


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(a.detach()), np.asarray(b.detach()), rtol=tolerance, atol=tolerance)


# --- truths ----------------------------------------------------------------------------------------------------------


def test_causal_attention_does_not_depend_on_the_future():
    q, k, v = (drawn(2, 3, 5, 4) for _ in range(3))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    for i in range(5):
        dk, dv = mg.autograd.grad(out[:, :, i].sum(), (k, v), retain_graph=True)
        assert (dk[:, :, i + 1 :] == 0).all() and (dv[:, :, i + 1 :] == 0).all()
        assert (dv[:, :, : i + 1] > 0).all()


def test_the_order_of_keys_with_their_values_does_not_matter():
    q, k, v = drawn(2, 5, 4), drawn(2, 6, 4), drawn(2, 6, 3)
    order = mg.tensor([3, 1, 0, 5, 4, 2])
    close(F.scaled_dot_product_attention(q, k, v), F.scaled_dot_product_attention(q, k[:, order], v[:, order]))


def test_equal_values_come_out_as_they_are_since_weights_sum_to_one():
    q, k = drawn(2, 5, 4), drawn(2, 6, 4)
    ones = mg.ones(2, 6, 3, dtype=mg.float64)
    for options in ({}, {"is_causal": True}, {"scale": -3.0}, {"attn_mask": drawn(5, 6)}):
        close(F.scaled_dot_product_attention(q, k, ones, **options), ones[:, :5])
    _, weights = nn.MultiheadAttention(4, 2, batch_first=True, dtype=mg.float64)(q, k, k, average_attn_weights=False)
    close(weights.sum(-1), mg.ones(weights.shape[:-1], dtype=mg.float64))


def test_keys_of_zero_give_the_mean_of_the_values():
    v = drawn(2, 6, 3)
    out = F.scaled_dot_product_attention(drawn(2, 5, 4), mg.zeros(2, 6, 4, dtype=mg.float64), v)
    close(out, v.mean(1, keepdim=True).expand(2, 5, 3))


def test_a_hidden_key_counts_as_a_missing_one():
    q, k, v = drawn(2, 5, 4), drawn(2, 6, 4), drawn(2, 6, 3)
    mask = mg.ones(5, 6, dtype=mg.bool)
    mask[:, 4:] = False
    close(F.scaled_dot_product_attention(q, k, v, mask), F.scaled_dot_product_attention(q, k[:, :4], v[:, :4]))


def test_a_query_that_may_look_nowhere_gets_zeros_and_no_gradient():
    q, k, v = drawn(3, 4), drawn(5, 4), drawn(5, 2)
    mask = mg.tensor([[True] * 5, [False] * 5, [True] * 5])
    out = F.scaled_dot_product_attention(q, k, v, mask)
    out.sum().backward()
    assert (out[1] == 0).all() and (q.grad[1] == 0).all() and bool(q.grad.isfinite().all())


def test_derivatives_of_both_orders_equal_central_differences():
    q, k, v, mask = drawn(2, 3, 4), drawn(2, 5, 4), drawn(2, 5, 2), drawn(3, 5)
    for causal in (False, True):
        call = lambda *x, causal=causal: F.scaled_dot_product_attention(*x, is_causal=causal)  # noqa: E731
        assert mg.autograd.gradcheck(call, (q, k, v, mask))
        assert mg.autograd.gradgradcheck(call, (q, k, v, mask))


def test_copies_of_a_layer_start_equal_and_train_apart():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)
    first, second = (list(layer.parameters()) for layer in encoder.layers)
    assert all((a == b).all() and a is not b for a, b in zip(first, second, strict=True))
    with mg.no_grad():
        first[0].add_(1)
    assert not (first[0] == second[0]).any()


def test_a_causal_decoder_does_not_see_the_future():
    layer = nn.TransformerDecoderLayer(4, 2, 8, dtype=mg.float64).eval()
    decoder = nn.TransformerDecoder(layer, 2)
    tgt, memory = drawn(5, 1, 4), drawn(3, 1, 4)
    mask = nn.Transformer.generate_square_subsequent_mask(5, dtype=mg.float64)
    (slope,) = mg.autograd.grad(decoder(tgt, memory, tgt_mask=mask)[2].square().sum(), tgt)
    assert (slope[3:] == 0).all() and (slope[:3] != 0).any()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_gelu_in_a_narrow_type_is_the_wide_one_rounded(dtype):
    x = mg.linspace(-12, 12, 100_001, dtype=getattr(mg, dtype)).requires_grad_()
    wide = x.detach().double().requires_grad_()
    for y in (F.gelu(x), F.gelu(wide)):
        y.sum().backward()
    tolerance = {"float16": 1e-3, "float32": 3e-7}[dtype]
    for a, b in ((F.gelu(x), F.gelu(wide)), (x.grad, wide.grad)):
        assert ((a.double() - b).abs() <= tolerance * wide.abs().clamp(min=1)).all()
    ends = F.gelu(mg.tensor([float("inf"), 0.0, -0.0], dtype=getattr(mg, dtype))).tolist()
    assert ends == [float("inf"), 0.0, 0.0]


# --- PyTorch ---------------------------------------------------------------------------------------------------------


def both(run, *arrays, seed=3):
    """``run(library, *tensors)`` in both: the results and gradients of the inputs must agree."""
    torch = pytest.importorskip("torch")
    found = []
    for t in (mg, torch):
        leaves = [t.tensor(a.tolist(), dtype=t.float64).reshape(a.shape).requires_grad_() for a in arrays]
        t.manual_seed(seed)
        out = run(t, *leaves)
        out = [x for x in (out if isinstance(out, tuple) else (out,)) if x is not None]
        sum((x * x.detach().cos()).sum() for x in out).backward()
        found.append([np.array(x.tolist()) for x in (*out, *(leaf.grad for leaf in leaves if leaf.grad is not None))])
    assert len(found[0]) == len(found[1])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("options", [
    {}, {"is_causal": True}, {"scale": 0.3}, {"dropout_p": 0.4}, {"dropout_p": 1.0},
    {"is_causal": True, "dropout_p": 0.2},
])  # fmt: skip
@pytest.mark.parametrize("shapes", [
    ((5, 4), (6, 4), (6, 3)), ((2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 4)), ((3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 7)),
    ((2, 2, 5, 4), (2, 2, 3, 4), (2, 2, 3, 4)), ((2, 0, 4), (2, 3, 4), (2, 3, 4)),
])  # fmt: skip
def test_attention_is_pytorchs(shapes, options):
    arrays = [RANDOM.normal(size=shape) for shape in shapes]
    both(lambda t, *x: t.nn.functional.scaled_dot_product_attention(*x, **options), *arrays)


@pytest.mark.parametrize("shape", [(5, 6), (1, 6), (3, 5, 6), (2, 1, 5, 6)])
def test_masks_are_pytorchs(shape):
    arrays = [RANDOM.normal(size=s) for s in ((2, 3, 5, 4), (2, 3, 6, 4), (2, 3, 6, 4), shape)]
    both(lambda t, *x: t.nn.functional.scaled_dot_product_attention(*x), *arrays)
    both(lambda t, *x: t.nn.functional.scaled_dot_product_attention(*x[:3], x[3] > 0), *arrays)


def test_grouped_heads_are_pytorchs():
    arrays = [RANDOM.normal(size=(2, heads, 5, 4)) for heads in (6, 3, 2)]
    both(lambda t, *x: t.nn.functional.scaled_dot_product_attention(*x, enable_gqa=True), *arrays)


@pytest.mark.parametrize(("call", "kind"), [
    ("(x(4), x(4), x(4))", RuntimeError), ("(x(4, 3), x(5, 4), x(5, 3))", RuntimeError),
    ("(x(4, 3), x(5, 3).float(), x(5, 3))", RuntimeError), ("(x(4, 3), x(5, 3), x(6, 3))", RuntimeError),
    ("(x(4, 3), x(5, 3), x(5, 3), x(4, 4))", RuntimeError),
    ("(x(4, 3), x(5, 3), x(5, 3), x(4, 5).long())", RuntimeError),
    ("(x(4, 3), x(5, 3), x(5, 3), dropout_p=1.5)", RuntimeError), ("(*[x(4, 3).long()] * 3)", RuntimeError),
    ("(x(6, 4, 3), x(4, 5, 3), x(4, 5, 3), enable_gqa=True)", RuntimeError),
    ("(x(4, 3), x(5, 3), x(5, 3), enable_gqa=True)", IndexError), ("(x(4, 3), x(5, 3))", TypeError),
])  # fmt: skip
def test_bad_calls_fail_as_in_pytorch(T, call, kind):
    names = {"f": T.nn.functional.scaled_dot_product_attention, "x": lambda *shape: drawn(*shape, t=T, grad=False)}
    with pytest.raises(kind):
        eval("f" + call, names)


MODULES = [
    "MultiheadAttention(4, 2)", "MultiheadAttention(4, 2, 0.3)", "MultiheadAttention(4, 1, bias=False)",
    "MultiheadAttention(4, 2, add_bias_kv=True)", "MultiheadAttention(4, 2, add_zero_attn=True)",
    "MultiheadAttention(4, 2, 0.2, add_bias_kv=True, add_zero_attn=True, kdim=3, vdim=5)",
    "MultiheadAttention(4, 2, batch_first=True)",
]  # fmt: skip


@pytest.mark.parametrize("masks", ["", "mask", "causal mask", "padding", "mask padding"])
@pytest.mark.parametrize("weights", ["", "mean", "each"])
@pytest.mark.parametrize("batch", [0, 2])
@pytest.mark.parametrize("text", MODULES)
def test_multihead_attention_is_pytorchs(text, batch, weights, masks):
    causal = "causal" in masks
    sizes = (4, 3, 5) if "kdim" in text else (4, 4, 4)
    lengths = (5, 5, 5) if causal else (5, 6, 6)
    shapes = [(n, *[batch] * bool(batch), size) for n, size in zip(lengths, sizes, strict=True)]
    if batch and "batch_first" in text:
        shapes = [(b, n, size) for n, b, size in shapes]
    hidden = np.triu(np.ones((5, lengths[1]), bool), 1)

    def run(t, *x):
        t.manual_seed(1)
        module = eval(text.replace(")", ", dtype=t.float64)"), {"MultiheadAttention": t.nn.MultiheadAttention, "t": t})
        padding = t.tensor([[False] * (lengths[1] - 1) + [True]] * (batch or 1))
        return module(
            *x, key_padding_mask=(padding if batch else padding[0]) if "padding" in masks else None,
            attn_mask=t.tensor(hidden.tolist()) if "mask" in masks.split() else None, need_weights=bool(weights),
            average_attn_weights=weights == "mean", is_causal=causal,
        )  # fmt: skip

    both(run, *(RANDOM.normal(size=shape) for shape in shapes))


@pytest.mark.parametrize("options", [
    "", "dropout=0.0", "activation='gelu'", "activation=t.nn.functional.silu", "norm_first=True", "bias=False",
    "batch_first=True, layer_norm_eps=0.1",
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_transformers_are_pytorchs(options):
    torch = pytest.importorskip("torch")
    made = {}

    def run(t, src, tgt):
        t.manual_seed(1)
        kind = eval(f"dict(d_model=4, nhead=2, dim_feedforward=8, dtype=t.float64, {options})", {"t": t})
        model = made[t] = t.nn.Transformer(num_encoder_layers=2, num_decoder_layers=2, **kind)
        n = tgt.shape[1 if "batch_first" in options else 0]
        return model(src, tgt, tgt_mask=model.generate_square_subsequent_mask(n, dtype=t.float64))

    both(run, RANDOM.normal(size=(5, 3, 4)), RANDOM.normal(size=(5, 3, 4)))
    ours, theirs = made[mg], made[torch]
    assert repr(ours) == repr(theirs)
    assert {k: v.tolist() for k, v in ours.state_dict().items()} == {
        k: v.tolist() for k, v in theirs.state_dict().items()
    }


@pytest.mark.parametrize(("text", "kind"), [
    ("MultiheadAttention(4, 3)", AssertionError), ("MultiheadAttention(0, 1)", ValueError),
    ("MultiheadAttention(4, 2)(x(3, 4), x(2, 3, 4), x(2, 3, 4))", AssertionError),
    ("MultiheadAttention(4, 2)(x(4), x(4), x(4))", AssertionError),
    ("MultiheadAttention(4, 2)(x(3, 4), x(3, 4), x(3, 4), is_causal=True)", RuntimeError),
    ("MultiheadAttention(4, 2)(x(3, 4), x(3, 4), x(3, 4), attn_mask=x(2, 2))", RuntimeError),
    ("MultiheadAttention(4, 2)(x(3, 4), x(3, 4), x(3, 4), x(4))", AssertionError),
    ("MultiheadAttention(4, 2)(x(3, 4), x(3, 4), x(2, 4))", AssertionError),
    ("MultiheadAttention(4, 2)(x(3, 6), x(3, 6), x(3, 6))", AssertionError),
    ("TransformerEncoderLayer(4, 2, activation='tanh')", RuntimeError),
    ("Transformer(4, 2, 1, 1, 8)(x(3, 1, 4), x(3, 2, 4))", RuntimeError),
    ("Transformer(4, 2, 1, 1, 8)(x(3, 1, 3), x(3, 1, 3))", RuntimeError),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_bad_modules_fail_as_in_pytorch(T, text, kind):
    with pytest.raises(kind):
        eval(text, {**vars(T.nn), "x": lambda *shape: T.ones(shape)})
