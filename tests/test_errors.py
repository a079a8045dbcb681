"""Bad input: PyTorch's exception type, and a message that names what is at fault. Never NumPy's alone."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_cn
from micrograd_cn import Value


def saved_then_changed(t):
    x = t.ones(3, requires_grad=True)
    y = x * 2
    z = y * y
    y += 1
    z.sum().backward()


def second_backward(t):
    y = (t.ones(3, requires_grad=True) ** 2).sum()
    y.backward()
    y.backward()


def surplus_key(t):
    t.nn.Linear(2, 3).load_state_dict({**t.nn.Linear(2, 3).state_dict(), "extra": t.ones(1)})


def missing_key(t):
    t.nn.Linear(2, 3).load_state_dict({"weight": t.ones(3, 2)})


def wrong_size(t):
    t.nn.Linear(2, 3).load_state_dict(t.nn.Linear(2, 4).state_dict())


def leaf_changed(t):
    x = t.ones(3, requires_grad=True)
    x += 1


def view_of_leaf_changed(t):
    t.ones(3, requires_grad=True)[0] = 2.0


# What is done, the exception PyTorch raises, and what the message must name.
CASES = {
    "shapes that do not broadcast": (lambda t: t.ones(2, 3) + t.ones(4), RuntimeError, ["3", "4", "[2, 3]"]),
    "matrices that do not fit": (lambda t: t.ones(2, 3) @ t.ones(4, 5), RuntimeError, ["2x3", "4x5"]),
    "a layer's wrong input": (lambda t: t.nn.Linear(4, 2)(t.ones(5, 3)), RuntimeError, ["5x3", "4x2"]),
    "types that do not fit": (lambda t: t.ones(2, 2) @ t.ones(2, 2, dtype=t.float64), RuntimeError,
                              ["float", "double|float64"]),
    "reshape": (lambda t: t.ones(6).reshape(4), RuntimeError, ["[4]", "6"]),
    "a view that memory forbids": (lambda t: t.ones(2, 3).t().view(6), RuntimeError, ["view", "reshape"]),
    "cat": (lambda t: t.cat([t.ones(2, 3), t.ones(2, 4)]), RuntimeError, ["3", "4"]),
    "stack": (lambda t: t.stack([t.ones(2), t.ones(3)]), RuntimeError, ["[2]", "[3]"]),
    "expand": (lambda t: t.ones(3).expand(2, 4), RuntimeError, ["3", "4"]),
    "index out of range": (lambda t: t.ones(3)[5], IndexError, ["5", "3"]),
    "indices out of range": (lambda t: t.ones(3)[t.tensor([0, 7])], IndexError, ["7", "3"]),
    "too many indices": (lambda t: t.ones(3)[0, 0], IndexError, ["dimension 1"]),
    "a float as an index": (lambda t: t.ones(3)[1.0], IndexError, ["float"]),
    "a dimension out of range": (lambda t: t.ones(2, 3).sum(2), IndexError, ["[-2, 1]", "2"]),
    "gather out of range": (lambda t: t.ones(3).gather(0, t.tensor([4])), (RuntimeError, IndexError), ["4", "3"]),
    "mean of integers": (lambda t: t.tensor([1, 2]).mean(), RuntimeError, ["mean"]),
    "integers that require grad": (lambda t: t.tensor([1, 2], requires_grad=True), RuntimeError, ["floating"]),
    "the truth of many": (lambda t: bool(t.ones(3)), RuntimeError, ["ambiguous"]),
    "item of many": (lambda t: t.ones(3).item(), RuntimeError, ["3"]),
    "numpy of what requires grad": (lambda t: t.ones(2, requires_grad=True).numpy(), RuntimeError, ["detach"]),
    "a ragged list": (lambda t: t.tensor([[1.0], [1.0, 2.0]]), ValueError, []),
    "a string in a tensor": (lambda t: t.tensor(["a"]), (TypeError, ValueError), []),
    "a tensor and a string": (lambda t: t.ones(2) + "a", TypeError, ["str"]),
    "a negative size": (lambda t: t.ones(-1), RuntimeError, ["-1"]),
    "backward without a graph": (lambda t: t.ones(1).backward(), RuntimeError, ["does not require grad"]),
    "backward of a vector": (lambda t: (t.ones(3, requires_grad=True) * 2).backward(), RuntimeError, ["scalar"]),
    "a gradient of another shape": (
        lambda t: (t.ones(3, requires_grad=True) * 2).backward(t.ones(2)), RuntimeError, ["[2]", "[3]"]),
    "a second backward": (second_backward, RuntimeError, ["second time", "retain_graph=True"]),
    "a saved tensor changed": (saved_then_changed, RuntimeError, ["modified by an inplace operation", "MulBackward0"]),
    "a leaf changed": (leaf_changed, RuntimeError, ["leaf"]),
    "a view of a leaf changed": (view_of_leaf_changed, RuntimeError, ["view of a leaf"]),
    "in place with another shape": (lambda t: t.ones(2).add_(t.ones(3, 2)), RuntimeError, ["[2]", "[3, 2]"]),
    "in place with another category": (lambda t: t.ones(2, dtype=t.int64).add_(1.5), RuntimeError, ["Float", "Long"]),
    "grad of what was not used": (
        lambda t: t.autograd.grad(t.ones(1, requires_grad=True) * 2, t.ones(1, requires_grad=True)), RuntimeError,
        ["unused"]),
    "a grad of another shape": (
        lambda t: setattr(t.ones(3, requires_grad=True), "grad", t.ones(2)), RuntimeError, ["size"]),
    "a missing key": (missing_key, RuntimeError, ["Missing key", "bias"]),
    "a surplus key": (surplus_key, RuntimeError, ["Unexpected key", "extra"]),
    "a weight of another shape": (wrong_size, RuntimeError, ["size mismatch", "[4, 2]", "[3, 2]"]),
    "a class out of range": (
        lambda t: t.nn.CrossEntropyLoss()(t.ones(2, 3), t.tensor([0, 3])), IndexError, ["3"]),
    "as many targets as samples": (
        lambda t: t.nn.CrossEntropyLoss()(t.ones(2, 3), t.tensor([0])), ValueError, ["2", "1"]),
    "an unknown reduction": (
        lambda t: t.nn.functional.mse_loss(t.ones(2), t.ones(2), reduction="median"), ValueError, ["median"]),
    "BCE of another size": (lambda t: t.nn.BCELoss()(t.ones(2), t.ones(3)), ValueError, ["[2]", "[3]"]),
    "a negative learning rate": (lambda t: t.optim.SGD([t.ones(1, requires_grad=True)], lr=-1), ValueError, ["-1"]),
    "no parameters": (lambda t: t.optim.SGD([], lr=0.1), ValueError, ["empty"]),
    "no such attribute": (lambda t: t.nn.Linear(1, 1).wieght, AttributeError, ["wieght", "Linear"]),
    "a probability out of range": (lambda t: t.nn.Dropout(1.5), ValueError, ["1.5"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_exception_and_what_it_names(name):
    act, kind, fragments = CASES[name]
    with pytest.raises(kind) as caught:
        act(micrograd_cn)
    for fragment in fragments:
        assert any(part in str(caught.value) for part in fragment.split("|")), f"{fragment!r} is not in: {caught.value}"
    # NumPy's own error is not shown as the cause of ours.
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("name", CASES)
def test_pytorch_raises_that_too(name):
    torch = pytest.importorskip("torch", reason="the reference of these comparisons is PyTorch")
    act, kind, _ = CASES[name]
    with pytest.raises(kind):
        act(torch)


@pytest.mark.parametrize("act", [lambda v: v + "a", lambda v: "a" * v, lambda v: v**None, lambda v: v < "a", Value])
def test_a_value_and_a_string(act):
    with pytest.raises(TypeError, match=r"str|NoneType"):
        act("a" if act is Value else Value(1.0))


def test_nan_and_infinity_flow_through():
    x = micrograd_cn.tensor([0.0, -1.0, float("inf"), float("nan")])
    with np.errstate(all="warn"):
        assert repr(x.log()) == "tensor([-inf, nan, inf, nan])"
        assert repr(1 / x) == "tensor([inf, -1.,  0., nan])"
        assert repr(x - x) == "tensor([0., 0., nan, nan])"
    assert (Value(1.0) / 0.0).data == float("inf")
