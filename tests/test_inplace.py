"""Views and changes in place: what autograd makes of shared memory. On PyTorch too, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import raises

MODIFIED = "modified by an inplace operation"
LEAF = "leaf Variable that requires grad is being used in an in-place operation"


# --- changes ------------------------------------------------------------------------------------------------------


def test_a_change_returns_the_tensor_itself_and_counts(T, x):
    y = x * 1
    assert y.mul_(2) is y and y._version == 1 and y.grad_fn.name() == "MulBackward0"
    z = y
    y += 1
    y -= 0.5
    y *= 2
    y /= 4
    y **= 2
    assert z is y and y._version == 6
    y.sum().backward()
    np.testing.assert_allclose(x.grad.tolist(), [2 * (2 * v + 0.5) / 2 for v in (1, 2, 3)])


def test_the_other_operand_gets_the_content_before_the_change(T, x):
    w = T.tensor([2.0, 3.0, 4.0], dtype=T.float64, requires_grad=True)
    y = x * 1
    y *= w
    y /= w
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1] and w.grad.tolist() == pytest.approx([0, 0, 0])


def test_a_constant_becomes_part_of_the_graph(T, x):
    a, b = T.zeros(3, dtype=T.float64), T.zeros(2, 3, dtype=T.float64)
    a.add_(x)
    b[1] = x * 2
    assert a.requires_grad and b.requires_grad and b.grad_fn.name().endswith("CopySlices")
    (a.sum() + b.sum()).backward()
    assert x.grad.tolist() == [3, 3, 3]


@pytest.mark.parametrize("change", ["zero_", "fill_", "copy_"])
def test_overwriting_cuts_the_gradient_but_stays_in_the_graph(T, x, change):
    y = x * 2
    {"zero_": y.zero_, "fill_": lambda: y.fill_(7), "copy_": lambda: y.copy_(T.ones(3))}[change]()
    assert y.requires_grad
    (y * 3).sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_a_tensor_can_be_filled_with_one_that_learns(T):
    w = T.tensor(3.0, requires_grad=True)
    y = T.zeros(4).fill_(w)
    y.sum().backward()
    assert y.tolist() == [3] * 4 and w.grad.item() == 4
    with raises("0-dimension value tensor"):
        T.zeros(4).fill_(T.ones(1))


def test_leaves_are_protected(T, x):
    for change in (lambda: x.add_(1), lambda: x.zero_(), lambda: x.__setitem__(T.tensor([0]), 1.0), lambda: x.exp_()):
        with raises(f"^a {LEAF}"):
            change()
    for change in (lambda: x[0].add_(1), lambda: x.__setitem__(0, 1), lambda: x.view(3, 1).t().mul_(2)):
        with raises(f"a view of a {LEAF}"):
            change()
    v = x[1:]
    with T.no_grad():
        x.add_(1)
        x[0] = 9
        v.mul_(2)
    assert x.tolist() == [9, 6, 8] and x.is_leaf and x.requires_grad
    (x**2).sum().backward()
    assert x.grad.tolist() == [18, 12, 16]


def test_types_in_place(T):
    i, f = T.tensor([1, 2]), T.tensor([1.0, 2.0])
    for change in (lambda: i.add_(1.5), lambda: i.div_(2), lambda: i.mul_(f), lambda: (i > 0).add_(1)):
        with raises("can't be cast to the desired output type"):
            change()
    assert f.add_(T.ones(2, dtype=T.float64)).dtype == T.float32 and i.add_(T.tensor([True, False])).tolist() == [2, 2]
    assert i.copy_(T.tensor([1.9, -1.9])).tolist() == [1, -1]  # copying casts
    i[0] = 2.9
    assert i.tolist() == [2, -1]
    with raises("source and destination dtypes match"):
        i[T.tensor([0])] = T.tensor([1.5])
    h = T.ones(2, dtype=T.float32)
    g = T.ones(2, dtype=T.float64, requires_grad=True)
    h.mul_(g * 2)
    h.sum().backward()
    assert g.grad.tolist() == [2, 2] and g.grad.dtype == T.float64


def test_shapes_in_place(T):
    with raises("doesn't match the broadcast shape"):
        T.ones(3).add_(T.ones(2, 3))
    for index in (slice(2), T.tensor([0, 1])):
        with raises("shape mismatch|must match the existing size"):
            T.ones(3)[index] = T.ones(3)
    y = T.ones(3)
    y[:2] = T.full((1, 1, 2), 5.0)
    y[T.tensor([2])] = T.full((1, 1), 7.0)
    assert y.tolist() == [5, 5, 7]
    with raises("", IndexError):
        y[3] = 1.0
    with raises("can't assign", TypeError):
        y[0] = "one"


def test_expanded_memory_is_not_written_element_by_element(T):
    e = T.ones(1).expand(3)
    for change in (lambda: e.add_(1), lambda: e.copy_(T.ones(3)), lambda: e.__setitem__(slice(2), 1.0)):
        with raises("more than one element of the written-to tensor refers to a single memory location"):
            change()
    assert e.fill_(4).tolist() == [4, 4, 4]
    e[0] = 5.0
    assert e.tolist() == [5, 5, 5]


# --- what has been saved ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["self", "view", "detach", "base", "no_grad", "result"])
def test_a_change_of_what_was_saved_is_noticed(T, x, change):
    base = x * 1
    y = base[:]
    z = (y * y).sum() if change != "result" else y.exp()
    if change == "self":
        y.add_(1)
    elif change == "view":
        y[0].add_(1)
    elif change == "detach":
        y.detach().zero_()
    elif change == "base":
        base[1:] = 0.0
    elif change == "no_grad":
        with T.no_grad():
            y.add_(1)
    else:
        z.add_(1)
    with raises(MODIFIED):
        z.sum().backward()


def test_a_change_that_reads_what_it_overwrites_is_noticed(T, x):
    y = x * 1
    y.mul_(y)
    with raises(MODIFIED):
        y.sum().backward()


def test_the_result_of_a_change_is_saved_and_noticed(T, x):
    y = x * 1
    y.exp_()
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == pytest.approx(np.exp([1, 2, 3]))
    y.mul_(2)
    with raises(MODIFIED):
        y.sum().backward()


def test_what_is_not_needed_may_change(T, x):
    a, b = x * 1, x * 2
    y = a + b  # a sum keeps nothing
    a.zero_(), b.zero_()
    y.sum().backward()
    assert x.grad.tolist() == [3, 3, 3]


def test_data_changes_unnoticed(T, x):
    a = x * 1
    y = (a * a).sum()
    a.data.mul_(10)
    y.backward()
    assert x.grad.tolist() == [20, 40, 60]


def test_an_index_that_changes_later_gives_no_wrong_gradient(T, x):
    i, m = T.tensor([0, 1]), T.tensor([True, False, False])
    y = x[i].sum() + (x * 5)[m].sum()
    i.fill_(2), m.fill_(True)
    try:
        y.backward()
    except RuntimeError as error:  # PyTorch refuses; a copy of the index is as good
        assert MODIFIED in str(error)
    else:
        assert x.grad.tolist() == [6, 1, 0]


def test_a_step_between_forward_and_backward_is_noticed(T, x):
    loss = (x * x).sum()
    with T.no_grad():
        x -= 0.1
    with raises(MODIFIED):
        loss.backward()


# --- views --------------------------------------------------------------------------------------------------------


def test_a_view_follows_its_base(T, x):
    y = x * 1
    v = y.view(3, 1)[1:]
    w = v.t()
    y *= 4
    assert w.tolist() == [[8, 12]] and w.grad_fn is not None
    (w.sum() + v.sum()).backward()
    assert x.grad.tolist() == [0, 8, 8]


def test_a_base_follows_its_views(T, x):
    y = x * 1
    v = y[:2]
    w = y[1:]
    v *= 3
    w *= 5
    assert y.tolist() == [3, 30, 15] and y.grad_fn.name().endswith("CopySlices") and v._base is y
    y.sum().backward()
    assert x.grad.tolist() == [3, 15, 5]


def test_a_view_made_before_the_base_learns_learns_too(T, x):
    b = T.zeros(3, dtype=T.float64)
    v = b[1:]
    assert not v.requires_grad
    b += x
    assert v.requires_grad
    v.sum().backward()
    assert x.grad.tolist() == [0, 1, 1]


INDICES = {
    "number": lambda T, y: 0,
    "negative": lambda T, y: -1,
    "slice": lambda T, y: slice(1, None),
    "step": lambda T, y: slice(None, None, 2),
    "ellipsis": lambda T, y: ...,
    "none": lambda T, y: None,
    "tensor": lambda T, y: T.tensor([2, -3]),
    "list": lambda T, y: [1],
    "mask": lambda T, y: y.detach() > 3,
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_setitem(T, x, index):
    """The written places take the gradient of the value, the others keep theirs."""
    y = x * 2
    place = np.zeros(3, dtype=bool)
    place[np.asarray(index(T, y)) if hasattr(index(T, y), "tolist") else index(T, y)] = True
    w = T.tensor(10.0, dtype=T.float64, requires_grad=True)
    y[index(T, y)] = w * 3
    assert y.tolist() == np.where(place, 30, [2, 4, 6]).tolist()
    y.sum().backward()
    assert x.grad.tolist() == np.where(place, 0, 2).tolist() and w.grad.item() == 3 * place.sum()


def test_augmented_assignment_of_an_item(T, x):
    y = x * 1
    y[0] += 5
    y[1:] *= x.detach()[1:]
    y[T.tensor([0])] *= 2
    assert y.tolist() == [12, 4, 9]
    y.sum().backward()
    assert x.grad.tolist() == [2, 2, 3]


def test_views_made_where_nothing_was_recorded(T, x):
    y = x * 1
    with T.no_grad():
        v = y[:2]
    with raises("A view was created in no_grad mode"):
        v.mul_(2)
    y.add_(1)
    with raises("A view was created in no_grad mode"):
        _ = v.grad_fn
    with T.no_grad():
        leafs = x[:2]
    assert leafs.requires_grad and leafs.is_leaf  # PyTorch prints it so


def test_detached_memory_has_a_graph_of_its_own(T, x):
    y = x * 1
    d = y.detach()
    d.mul_(x)
    assert d.requires_grad and y.grad_fn.name() == "MulBackward0" and y.tolist() == [1, 4, 9]
    (d.sum() + y.sum()).backward()
    assert x.grad.tolist() == [1 + 1, 2 + 1, 3 + 1]


def test_second_derivatives_through_changes(T, x):
    y = x * 1
    y[0] *= x[1]
    y.mul_(x)
    (g,) = T.autograd.grad(y.sum(), x, create_graph=True)  # y = (x0² x1, x1², x2²)
    assert g.tolist() == [4, 5, 6]
    assert T.autograd.grad(g.sum(), x)[0].tolist() == [2 * 2 + 2 * 1, 2 * 1 + 2, 2]


# --- memory of its own -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copy",
    [
        lambda T, x: x.repeat(1, 1), lambda T, x: x.tile(1), lambda T, x: x[:, ::2].ravel(),
        lambda T, x: T.nn.functional.pixel_shuffle(x[None], 1),
    ],
)  # fmt: skip
def test_a_copy_shares_no_memory(T, copy):
    x = T.arange(16.0).reshape(4, 4)
    copy(T, x).zero_()
    assert x.tolist() == T.arange(16.0).reshape(4, 4).tolist()


def test_as_strided_sees_the_memory_behind_a_view(T):
    x = T.arange(16.0)
    assert x.reshape(4, 4).t().as_strided((4,), (4,)).tolist() == [0, 4, 8, 12]
    assert x[8:].as_strided((2,), (1,), 2).tolist() == [2, 3]
    assert x[8:].as_strided((2,), (1,)).tolist() == [8, 9] and x[8:].storage_offset() == 8
    x[8:].as_strided((2,), (1,), 0).zero_()
    assert x[:3].tolist() == [0, 0, 2]


def test_what_a_pool_gave_may_be_changed_in_place(T):
    x = T.arange(16.0).reshape(1, 1, 4, 4).requires_grad_()
    T.nn.functional.max_pool2d(x * 1, 2).mul_(2).relu_().sum().backward()
    assert x.grad.flatten().nonzero().flatten().tolist() == [5, 7, 13, 15] and x.grad.sum() == 8


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_relu_lets_no_gradient_through_at_negative_zero_and_all_at_nan(T, dtype):
    x = T.tensor([-0.0, 0.0, float("nan"), 1.0, -1.0], dtype=getattr(T, dtype))
    x[2] = T.tensor(float("inf")) - T.tensor(float("inf"))  # a NaN with the sign bit set
    x.requires_grad_().relu().backward(T.full((5,), 5.0, dtype=getattr(T, dtype)))
    assert x.grad.tolist() == [0, 0, 5, 5, 0]


@pytest.mark.parametrize(
    ("dtype", "value"), [("uint8", 300), ("int8", -200), ("int32", float("nan")), ("int64", float("inf"))]
)
def test_a_number_that_does_not_fit_is_refused(T, dtype, value):
    with pytest.raises(RuntimeError, match="overflow"):
        T.ones(2, dtype=getattr(T, dtype)).fill_(value)
    assert T.ones(2, dtype=T.uint8).fill_(-3).tolist() == [253, 253]
