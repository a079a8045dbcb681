"""autograd.Function: operations with a derivative of the user's own. On PyTorch too, where it is installed."""

from __future__ import annotations

import importlib

import pytest

from tests.conftest import raises


@pytest.fixture
def make(T):
    """A Function from its forward and backward."""

    def make(forward, backward=lambda ctx, *grads: grads[0], **more):
        more = {name: staticmethod(f) for name, f in {"forward": forward, "backward": backward, **more}.items()}
        return type("Made", (T.autograd.Function,), more).apply

    return make


def save(ctx, *tensors):
    ctx.save_for_backward(*tensors)
    return True


# --- forward and backward -----------------------------------------------------------------------------------------


def test_backward_is_the_users(T, x, make):
    y = make(lambda ctx, t: t * 2, lambda ctx, g: g * 100)(x)
    assert y.tolist() == [2, 4, 6] and y.requires_grad and not y.is_leaf
    (y * T.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [100, 200, 300]


def test_the_grad_fn_shows_what_is_in_ctx(T, x, make):
    function = importlib.import_module(f"{T.__name__}.autograd.function")
    assert function.Function is T.autograd.Function

    def forward(ctx, t):
        assert isinstance(ctx, function.FunctionCtx)
        ctx.note = "mine"
        return save(ctx, t) and t * 2

    y = make(forward)(x)
    node = y.grad_fn
    assert node.name() == "MadeBackward" and node.note == "mine" and "MadeBackward" in repr(y)
    assert node.saved_tensors[0].tolist() == [1, 2, 3] and node.needs_input_grad == (True,)
    assert [n.name() for n, _ in node.next_functions] == ["torch::autograd::AccumulateGrad"]
    with pytest.raises(AttributeError):
        _ = node.nothing


def test_any_name_can_be_attached_to_ctx(T, x, make):
    names = ["inputs", "saved", "kept", "shape", "plan", "row", "hooks", "number", "parents", "active", "run", "ctx"]

    def forward(ctx, t):
        for name in names:
            setattr(ctx, name, name.upper())
        return save(ctx, t) and t**2

    def backward(ctx, g):
        assert [getattr(ctx, name) for name in names] == [name.upper() for name in names]
        return 2 * ctx.saved_tensors[0] * g

    make(forward, backward)(x).sum().backward()
    assert x.grad.tolist() == [2, 4, 6]


def test_nothing_is_recorded_in_forward(T, x, make):
    seen = []
    mode = T.is_grad_enabled
    y = make(lambda ctx, t: seen.append(mode()) or t * 2, lambda ctx, g: seen.append(mode()) or g)(x)
    y.sum().backward()
    assert seen == [False, False]
    with T.no_grad():
        assert not make(lambda ctx, t: t * 2)(x).requires_grad
    assert not make(lambda ctx, t: t * 2)(T.ones(2)).requires_grad


def test_several_inputs_and_outputs(T, x, make):
    w = T.ones(3, dtype=T.float64, requires_grad=True)
    calls = []

    def backward(ctx, g, h):
        calls.append((g.tolist(), h.tolist()))
        return None, g * 2, None, h * 3, None

    both = make(lambda ctx, k, a, s, b, c: calls.append(ctx.needs_input_grad) or (a * k, b + 1), backward)
    y, z = both(5, x, "text", w, T.ones(1))
    assert calls.pop() == (False, True, False, True, False) and y.grad_fn is z.grad_fn
    (y.sum() + (z * 2).sum()).backward(retain_graph=True)
    assert calls == [([1, 1, 1], [2, 2, 2])]  # once, with both
    assert x.grad.tolist() == [2, 2, 2] and w.grad.tolist() == [6, 6, 6]
    y.sum().backward()  # what no gradient reached is filled with zeros
    assert calls[1] == ([1, 1, 1], [0, 0, 0]) and w.grad.tolist() == [6, 6, 6]


def test_gradients_of_unused_outputs_may_stay_none(T, x, make):
    seen = []

    def forward(ctx, t):
        ctx.set_materialize_grads(False)
        return t * 2, t * 3

    y, _ = make(forward, lambda ctx, g, h: seen.append(h) or g)(x)
    y.sum().backward()
    assert seen == [None]


def test_none_is_no_gradient_at_all(T, x, make):
    """Not zeros: the leaf keeps .grad = None, and grad() calls the input unused."""
    y = make(lambda ctx, t: t * 2, lambda ctx, g: None)(x.exp())
    y.sum().backward(retain_graph=True)
    assert x.grad is None and T.autograd.grad(y.sum(), x, allow_unused=True, retain_graph=True) == (None,)
    with raises("not have been used"):
        T.autograd.grad(y.sum(), x)


def test_what_is_no_tensor_passes_through(T, x, make):
    seen = []
    y, n, none, s = make(lambda ctx, t: (t * 2, 3, None, "a"), lambda ctx, *gs: seen.append(gs[1:]) or gs[0])(x)
    assert (n, none, s) == (3, None, "a")
    y.sum().backward()
    assert seen == [(None, None, None)]
    assert make(lambda ctx, t: 3)(x) == 3 and not make(lambda ctx, t: (t * 2).long())(x).requires_grad


def test_outputs_that_are_not_differentiable(T, x, make):
    def forward(ctx, t):
        values, places = t * 2, t.argmax()
        ctx.mark_non_differentiable(places, mask := t > 1, fixed := t * 0)
        return values, places, mask, fixed

    values, *others = make(forward, lambda ctx, g, *rest: g)(x)
    assert values.requires_grad and not any(t.requires_grad for t in others)
    values.sum().backward()
    assert x.grad.tolist() == [1, 1, 1]


def test_setup_context_can_stand_apart(T, x, make):
    def setup(ctx, inputs, output):
        t, ctx.k = inputs
        ctx.save_for_backward(t, output)

    def backward(ctx, g):
        t, out = ctx.saved_tensors
        assert out.tolist() == (t * ctx.k).tolist()
        return g * ctx.k, None

    times = make(lambda t, k=2: t * k, backward, setup_context=setup)
    times(x).sum().backward()
    times(x, k=5).sum().backward()
    assert x.grad.tolist() == [7, 7, 7]


def test_gradients_are_brought_into_shape(T, x, make):
    make(lambda ctx, t: t * 2, lambda ctx, g: T.ones(2, 3))(x).sum().backward()
    assert x.grad.tolist() == [2, 2, 2] and x.grad.dtype == T.float64


def test_gradients_share_no_memory_with_what_the_user_holds(T, x, make):
    w = T.ones(3, dtype=T.float64, requires_grad=True)
    kept = T.ones(3, dtype=T.float64)
    y = make(lambda ctx, a, b: save(ctx, a) and a + b, lambda ctx, g: (kept, kept))(x, w)
    y.sum().backward()
    x.grad.mul_(5)
    assert kept.tolist() == [1, 1, 1] and w.grad.tolist() == [1, 1, 1]
    u = T.ones(3, dtype=T.float64, requires_grad=True)
    make(lambda ctx, a: save(ctx, a) and a**2, lambda ctx, g: ctx.saved_tensors[0])(u).sum().backward()
    u.grad.mul_(7)
    assert u.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda g: (g, g, g), "incorrect number of gradients .expected 2, got 3"),
        (lambda g: g, "incorrect number of gradients .expected 2, got 1"),
        (lambda g: (g, g), "gradient different than None at position 2"),
        (lambda g: (g[:2], None), r"invalid gradient at index 0 - got \[2\] but expected shape compatible with \[3\]"),
        (lambda g: (1.0, None), "expected Variable or None"),
    ],
)
def test_wrong_answers_are_refused(x, make, answer, message):
    y = make(lambda ctx, t, k: t * k, lambda ctx, g: answer(g))(x, 2)
    with raises(message):
        y.sum().backward()


def test_surplus_nones_are_fine_and_methods_must_exist(T, x, make):
    make(lambda ctx, t: t * 2, lambda ctx, g: (g, None, None))(x).sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
    with raises("must implement the forward", NotImplementedError):
        type("Empty", (T.autograd.Function,), {}).apply(x)
    y = type("Half", (T.autograd.Function,), {"forward": staticmethod(lambda ctx, t: t * 2)}).apply(x)
    with raises("must implement", NotImplementedError):
        y.sum().backward()


# --- what is saved --------------------------------------------------------------------------------------------------


def test_saved_tensors(T, x, make):
    seen = []

    def forward(ctx, t):
        out = t.exp()
        save(ctx, t, None, out, t * 5)
        return out

    y = make(forward, lambda ctx, g: seen.append(ctx.saved_tensors) or g)(x)
    y.sum().backward()
    ((t, none, out, between),) = seen
    assert t.requires_grad and none is None and out.grad_fn is y.grad_fn and not between.requires_grad
    assert between.tolist() == [5, 10, 15] and out.tolist() == y.tolist()
    with raises("save_for_backward can only save variables", TypeError):
        make(lambda ctx, t: save(ctx, 3))(x)


def test_saved_tensors_are_freed(T, x, make):
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]

    y = make(lambda ctx, t: save(ctx, t) and t * 2, backward)(x)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    with raises("second time"):
        y.sum().backward()
    with raises("second time"):
        _ = y.grad_fn.saved_tensors
    z = make(lambda ctx, t: t * 2)(x)  # saves nothing
    z.sum().backward()
    z.sum().backward()


@pytest.mark.parametrize("saved", ["input", "output"])
def test_changes_of_saved_tensors_are_noticed(T, x, make, saved):
    a = x * 1

    def forward(ctx, t):
        out = t * 2
        return save(ctx, t if saved == "input" else out) and out

    y = make(forward, lambda ctx, g: g * ctx.saved_tensors[0])(a)
    (a if saved == "input" else y).mul_(2)
    with raises("modified by an inplace operation"):
        y.sum().backward()


# --- higher derivatives -----------------------------------------------------------------------------------------------


def test_a_backward_can_be_differentiated(T, x, make):
    def backward(ctx, g):
        t, out = ctx.saved_tensors
        return g * 3 * out / t  # d t³ = 3 t³ / t: through the input and through the output

    def forward(ctx, t):
        out = t**3
        return save(ctx, t, out) and out

    y = make(forward, backward)(x)
    (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = T.autograd.grad(g.sum(), x, create_graph=True)
    (k,) = T.autograd.grad(h.sum(), x)
    assert g.tolist() == pytest.approx([3, 12, 27]) and h.tolist() == pytest.approx([6, 12, 18])
    assert k.tolist() == pytest.approx([6, 6, 6])
    assert T.autograd.gradcheck(make(forward, backward), x) and T.autograd.gradgradcheck(make(forward, backward), x)


def test_once_differentiable(T, x, make):
    once = importlib.import_module(f"{T.__name__}.autograd.function").once_differentiable
    f = make(lambda ctx, t: save(ctx, t) and t**2, once(lambda ctx, g: 2 * ctx.saved_tensors[0] * g))
    f(x).sum().backward()
    assert x.grad.tolist() == [2, 4, 6]
    start = T.ones(3, dtype=T.float64, requires_grad=True)
    (g,) = T.autograd.grad(f(x), x, start, create_graph=True)
    with raises("once_differentiable"):
        g.sum().backward()


# --- inputs that are changed or handed back ---------------------------------------------------------------------------


def double_(ctx, t, *others):
    t.mul_(2)
    ctx.mark_dirty(t)
    return t


def test_a_dirty_input_becomes_the_output(T, x, make):
    a = x * 1
    v = a[1:]
    y = make(double_, lambda ctx, g: g * 10)(a)
    assert y is a and a.grad_fn.name() == "MadeBackward" and a._version > 0
    (a.sum() + v.sum()).backward()
    assert x.grad.tolist() == [10, 20, 20]


def test_a_dirty_view_changes_its_base(T, x, make):
    a = x * 1
    v = a[:2]
    assert make(double_, lambda ctx, g: g * 10)(v) is v and a.tolist() == [2, 4, 3]
    a.sum().backward()
    assert x.grad.tolist() == [10, 10, 1]


def test_a_dirty_constant_learns(T, x, make):
    a = T.ones(3, dtype=T.float64)
    y = make(double_, lambda ctx, g, *_: (None, g * 4))(a, x)
    assert y is a and a.requires_grad
    a.sum().backward()
    assert x.grad.tolist() == [4, 4, 4]
    b = T.ones(3)
    assert make(double_)(b) is b and b.tolist() == [2, 2, 2] and not b.requires_grad


def test_dirty_inputs_are_checked(T, x, make):
    with raises("leaf Variable that requires grad"):
        make(double_)(x)
    with raises("marked as dirty during the forward method were not returned"):
        make(lambda ctx, t: double_(ctx, t) * 1)(x * 1)


def test_an_input_handed_back_is_a_new_result(T, x, make):
    a = x * 1
    y = make(lambda ctx, t: t, lambda ctx, g: g * 10)(a)
    assert y is not a and y.data_ptr() == a.data_ptr() and y.grad_fn.name() == "MadeBackward"
    (y.sum() + a.sum()).backward()
    assert x.grad.tolist() == [11, 11, 11]
    for f in (lambda ctx, t: t, lambda ctx, t: t[:2]):
        with raises("custom Function"):  # the change could not be led around the user's backward
            make(f)(x * 1).mul_(2)


def test_changes_of_a_result_are_recorded(T, x, make):
    y = make(lambda ctx, t: t * 2, lambda ctx, g: g * 10)(x)
    y.mul_(3)
    y[0] = 0.0
    y.sum().backward()
    assert x.grad.tolist() == [0, 30, 30]


def test_hooks_on_results(T, x, make):
    y, z = make(lambda ctx, t: (t * 2, t * 3), lambda ctx, g, h: g + h)(x)
    seen = []
    y.register_hook(lambda g: g * 10)
    z.register_hook(lambda g: seen.append(g.tolist()))
    z.retain_grad()
    (y.sum() + (z * 2).sum()).backward()
    assert seen == [[2, 2, 2]] and z.grad.tolist() == [2, 2, 2] and x.grad.tolist() == [12, 12, 12]


def test_a_chain_of_functions_is_swept_once(T, make):
    f = make(lambda ctx, t: t * 1, lambda ctx, g: g * 1)
    y = t = T.ones((), requires_grad=True)
    for _ in range(40):
        y = f(y) + f(y)
    y.backward()
    assert t.grad.item() == 2.0**40
