"""Properties of the sweep: what it shares with users, what it leaves alone, in which order it runs."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_cn as mt


def as_root(T, x):
    held = T.ones(3, dtype=T.float64)
    x.backward(held)
    return held


def seen_by_a_hook(T, x):
    held = []
    handle = x.register_hook(held.append)
    (x * 2).sum().backward()
    handle.remove()
    return held[0]


def answered_by_a_hook(T, x):
    held = T.ones(3, dtype=T.float64)
    handle = x.register_hook(lambda g: held)
    (x * 2).sum().backward()
    handle.remove()
    return held


def asked_for(T, x):
    (held,) = T.autograd.grad((x * 2).sum(), x)
    x.backward(held)
    return held


@pytest.mark.parametrize("way", [as_root, seen_by_a_hook, answered_by_a_hook, asked_for])
def test_no_gradient_is_memory_that_the_user_holds(T, x, way):
    held = way(T, x)
    before = held.tolist()
    x.grad.mul_(7)
    (x * 3).sum().backward()
    assert held.tolist() == before


def test_a_root_that_is_named_twice_starts_from_the_sum(T, x):
    a, b = (T.tensor(v, dtype=T.float64) for v in ([1.0, -2.0, 0.5], [4.0, 3.0, 2.0]))
    y = x * x
    (twice,) = T.autograd.grad((y, y), x, (a, b), retain_graph=True)
    (once,) = T.autograd.grad(y, x, a + b)
    assert twice.tolist() == once.tolist()


@pytest.mark.parametrize(("shapes", "name"), [(((2, 3), (3, 2)), "Mm"), (((3,), (3,)), "Dot"), (((2, 3), (3,)), "Mv")])
def test_a_product_is_recorded_as_the_smallest_kind_that_it_is(T, shapes, name):
    product = T.matmul(*(T.ones(s, requires_grad=True) for s in shapes))
    assert product.grad_fn.name() == f"{name}Backward0"


def test_joining_many_is_no_more_than_joining_few(T):
    """What is recorded for two inputs is not taken for what is recorded for others of more."""
    few = [T.ones(1, requires_grad=i in (0,)) for i in range(2)]
    many = [T.ones(1, requires_grad=i in (1, 32)) for i in range(40)]
    for xs in (few, many):
        (T.cat(xs) * T.arange(float(len(xs)))).sum().backward()
    assert [i for i, t in enumerate(many) if t.grad is not None] == [1, 32]
    assert (many[1].grad.item(), many[32].grad.item()) == (1.0, 32.0)


def test_zero_to_a_positive_power_is_flat(T):
    y = T.tensor([0.5, 1.0, 3.0], dtype=T.float64, requires_grad=True)
    (slope,) = T.autograd.grad(T.pow(T.zeros(3, dtype=T.float64), y).sum(), y, create_graph=True)
    assert slope.tolist() == [0.0, 0.0, 0.0]
    if T is mt:  # PyTorch's second derivative is NaN
        (bend,) = T.autograd.grad(slope.sum(), y)
        assert bend.tolist() == [0.0, 0.0, 0.0]


def test_no_correlation_is_above_one(T):
    x = T.tensor(np.random.default_rng(0).standard_normal((1, 7)))
    found = T.corrcoef(x * T.arange(-20.0, 20.0, dtype=T.float64).add(0.5).reshape(-1, 1))
    assert found.abs().max().item() == 1.0


@pytest.mark.parametrize("name", ["hsplit", "vsplit", "dsplit"])
@pytest.mark.parametrize("shape", [(), (4,), (4, 6), (4, 6, 2), (2, 4, 2, 3)])
@pytest.mark.parametrize("sections", [2, [1], [1, 3]])
def test_pieces_are_numpys(name, shape, sections):
    x = np.arange(float(np.prod(shape))).reshape(shape)
    cut = getattr(mt, name)
    try:
        wanted = getattr(np, name)(x, sections)
    except (ValueError, IndexError):
        with pytest.raises(RuntimeError, match=name):
            cut(mt.tensor(x), sections)
        return
    found = cut(mt.tensor(x), sections)
    assert [t.tolist() for t in found] == [a.tolist() for a in wanted]
