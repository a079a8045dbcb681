"""bfloat16, computed as PyTorch does on a CPU: in float32, and each result rounded."""

from __future__ import annotations

import pytest

import micrograd_cn as mt

X = "T.randn(3, 4).bfloat16()"
EXPRESSIONS = f"""
T.bfloat16 | T.bfloat16.itemsize | T.finfo(T.bfloat16) | {X} | {X} + 1 | {X} * {X} | {X} @ T.ones(4, 2).bfloat16()
{X}.sum() | {X}.mean(0) | {X}.exp() | {X}.float() | ({X} + T.ones(4)).dtype | ({X} + T.ones(4).half()).dtype
({X} + T.ones(4).long()).dtype | {X}[0] | {X}.T | {X} > 0 | {X}.argmax() | {X}.softmax(-1) | {X}[0, 0].item()
{X}.tolist() | {X}.is_floating_point() | {X}.type() | {X}.max(1) | T.zeros(3).bfloat16().copy_(T.ones(3))
T.ones(1000).bfloat16().sum() | T.tensor([1.5, 2], dtype=T.bfloat16).add_(1) | {X}.sum(dtype=T.float32)
T.where({X} > 0, {X}, 0) | {X}.cumsum(0) | {X}.sort()[0] | T.randn(20, dtype=T.bfloat16)
T.rand(3, dtype=T.bfloat16) | T.nn.Linear(4, 2, dtype=T.bfloat16).weight | T.promote_types(T.bfloat16, T.float16)
T.nn.Linear(4, 2).to(T.bfloat16)({X}).detach() | T.nn.functional.layer_norm({X}, (4,)) | {X}.norm() | {X}.std()
"""


@pytest.mark.parametrize("expression", [e.strip() for line in EXPRESSIONS.split("\n") for e in line.split("|") if e])
def test_expressions_are_pytorchs(expression):
    torch = pytest.importorskip("torch")
    answers = []
    for T in (mt, torch):
        T.manual_seed(0)
        answers.append(repr(eval(expression, {"T": T})))
    assert answers[0] == answers[1]


def test_gradients_pass_through():
    x = mt.tensor([1.0, 2.0, 3.0], dtype=mt.bfloat16, requires_grad=True)
    w = mt.tensor([4.0, 5.0, 6.0], requires_grad=True)
    (x * w.bfloat16()).sum().backward()
    assert x.grad.dtype is mt.bfloat16 and x.grad.tolist() == [4, 5, 6]
    assert w.grad.dtype is mt.float32 and w.grad.tolist() == [1, 2, 3]


def test_numpy_has_no_such_type():
    with pytest.raises(TypeError, match="BFloat16"):
        mt.ones(2, dtype=mt.bfloat16).numpy()
