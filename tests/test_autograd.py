"""The semantics of backward and grad. Every test runs here and, where it is installed, on PyTorch itself."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref

import pytest

import micrograd_cn as mt
from tests.conftest import raises

# --- backward and grad --------------------------------------------------------------------------------------------


def test_backward_adds_up_in_place(T, x):
    (x**2).sum().backward()
    assert x.grad.tolist() == [2, 4, 6]
    grad = x.grad
    (x * 3).sum().backward()
    assert x.grad is grad and grad.tolist() == [5, 7, 9]


def test_second_backward_needs_retain_graph(T, x):
    y = (x**2).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4, 8, 12]
    with raises("backward through the graph a second time"):
        y.backward()
    with raises("second time"):
        T.autograd.grad(y, x)


def test_a_graph_that_keeps_no_data_can_be_swept_again(T, x):
    y = (x + 1).reshape(3, 1)[1:].sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [0, 2, 2]


def test_only_the_part_that_runs_is_freed(T, x):
    w = T.ones(3, dtype=T.float64, requires_grad=True)
    a, b = x**2, w**3
    y = (a + b).sum()
    T.autograd.grad(y, x, retain_graph=False)  # runs and frees the branch of x alone
    assert T.autograd.grad(y, w)[0].tolist() == [3, 3, 3]
    with raises("second time"):
        T.autograd.grad(y, x)


def test_an_interior_input_ends_the_sweep(T, x):
    calls = []
    a = x * 2
    x.register_hook(calls.append)
    y = (a**2).sum()
    (g,) = T.autograd.grad(y, a)
    assert g.tolist() == [4, 8, 12] and calls == [] and x.grad is None


@pytest.mark.parametrize("shared", [1.0, 2.0])
def test_leaves_never_share_the_memory_of_their_gradients(T, x, shared):
    w = T.zeros(3, dtype=T.float64, requires_grad=True)
    start = T.ones(3, dtype=T.float64)
    (x + w).backward(start)
    start.mul_(5), x.grad.mul_(shared), w.grad.add_(1)
    assert x.grad.tolist() == [shared] * 3 and w.grad.tolist() == [2] * 3


def test_backward_with_inputs_shares_no_memory_either(T, x):
    w = T.zeros(3, dtype=T.float64, requires_grad=True)
    (x + w).sum().backward(inputs=[x, w])
    x.grad.mul_(5)
    assert w.grad.tolist() == [1, 1, 1]


def test_gradient_seen_by_a_hook_is_not_the_one_that_backward_adds_to(T, x):
    seen = []
    x.register_hook(seen.append)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    assert [g.tolist() for g in seen] == [[2, 2, 2], [2, 2, 2]] and x.grad.tolist() == [4, 4, 4]


def test_inputs_of_backward(T, x):
    w = T.ones(3, dtype=T.float64, requires_grad=True)
    a = x * w
    a.pow(2).sum().backward(inputs=[x, a])
    assert w.grad is None and x.grad.tolist() == [2, 4, 6] and a.grad.tolist() == [2, 4, 6]
    with raises("cannot be empty"):
        x.sum().backward(inputs=[])


def test_non_scalar_backward(T, x):
    with raises("grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    with raises("Mismatch in shape"):
        (x * 2).backward(T.ones(2, dtype=T.float64))
    with raises("", TypeError):
        (x * 2).backward(2.0)
    (x * 2).backward(T.tensor([1, 0, -1]))  # of another type: cast
    assert x.grad.tolist() == [2, 0, -2] and x.grad.dtype == T.float64


def test_several_outputs(T, x):
    T.autograd.backward([x.sum(), x * 2], [None, T.ones(3, dtype=T.float64)])
    assert x.grad.tolist() == [3, 3, 3]
    assert T.autograd.grad([x.sum(), x.sum()], [x, x])[1].tolist() == [2, 2, 2]
    y = x * 2
    assert T.autograd.grad([y, y], [y, x], [T.ones(3, dtype=T.float64)] * 2)[0].tolist() == [2, 2, 2]
    with raises("got 2 tensors and 1 gradients"):
        T.autograd.backward([x * 1, x * 1], [x.detach()])


def test_unused_inputs(T, x):
    w = T.ones(2, requires_grad=True)
    y = x.sum()
    with raises("appears to not have been used in the graph"):
        T.autograd.grad(y, [x, w], retain_graph=True)
    assert T.autograd.grad(y, [x, w], retain_graph=True, allow_unused=True)[1] is None
    with T.no_grad():
        w.fill_(float("nan"))
    zeros = T.autograd.grad(y, [w], retain_graph=True, materialize_grads=True)[0]
    assert zeros.tolist() == [0, 0] and zeros.dtype == T.float32
    with raises("Expected allow_unused", ValueError):
        T.autograd.grad(y, w, allow_unused=False, materialize_grads=True)


def test_constants_have_no_gradient(T, x):
    with raises("does not require grad and does not have a grad_fn"):
        T.ones(()).backward()
    with raises("does not require grad"):
        T.autograd.grad(x.sum(), T.ones(2))
    with raises("does not require grad"):
        T.autograd.grad(x.detach().sum(), x)


def test_batched_gradients(T, x):
    y = x**2
    eye = T.eye(3, dtype=T.float64)
    (rows,) = T.autograd.grad(y, x, eye, is_grads_batched=True)
    assert rows.tolist() == [[2, 0, 0], [0, 4, 0], [0, 0, 6]]


def test_higher_derivatives(T):
    t = T.tensor(0.5, dtype=T.float64, requires_grad=True)
    y, found = t.sin() * t**4, []
    for _ in range(3):
        (y,) = T.autograd.grad(y, t, create_graph=True)
        found.append(y.item())
    import math

    s, c, u = math.sin(0.5), math.cos(0.5), 0.5
    known = [
        c * u**4 + 4 * s * u**3,
        -s * u**4 + 8 * c * u**3 + 12 * s * u**2,
        -c * u**4 - 12 * s * u**3 + 36 * c * u**2 + 24 * s * u,
    ]
    assert found == pytest.approx(known, rel=1e-13)


def test_create_graph_makes_gradients_that_can_be_trained_through(T, x):
    (x**3).sum().backward(create_graph=True)
    penalty = (x.grad**2).sum()
    assert penalty.requires_grad
    (g,) = T.autograd.grad(penalty, x)  # d (3x²)² = 36 x³
    assert g.tolist() == pytest.approx([36, 288, 972])
    x.grad = None


def test_second_derivative_notices_what_was_written_since(T, x):
    a, w = x * 1, T.ones(3, dtype=T.float64)
    (g,) = T.autograd.grad(((a * w) ** 3).sum(), a, create_graph=True)
    w.mul_(2)
    with raises("modified by an inplace operation"):
        T.autograd.grad(g.sum(), a)
    (g,) = T.autograd.grad((a**3).sum(), a, create_graph=True)
    with T.no_grad():
        a.mul_(2)
    with raises("modified by an inplace operation"):
        T.autograd.grad(g.sum(), a)


def test_gradients_that_are_not_finite_flow(T):
    t = T.tensor([0.0, 1.0], requires_grad=True)
    (t.sqrt() + T.tensor([0.0, float("nan")]) * t).sum().backward()
    assert t.grad[0].item() == float("inf") and t.grad[1].isnan().item()


# --- modes --------------------------------------------------------------------------------------------------------


def test_modes_nest_and_decorate(T, x):
    with T.no_grad():
        assert not T.is_grad_enabled() and not (x * 2).requires_grad
        with T.enable_grad():
            assert (x * 2).requires_grad
        assert not T.is_grad_enabled()
    for off in (T.no_grad, T.no_grad(), T.inference_mode(), lambda f: T.set_grad_enabled(False)(f)):
        assert off(T.is_grad_enabled)() is False and T.is_grad_enabled()
    with raises("gone", KeyError), T.no_grad():
        raise KeyError("gone")
    assert T.is_grad_enabled()
    T.set_grad_enabled(False)
    assert not T.is_grad_enabled()
    T.set_grad_enabled(True)
    with T.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert T.is_grad_enabled()
    with raises("bool", TypeError):
        T.set_grad_enabled("no")


def test_a_mode_holds_in_the_generator_not_around_it(T):
    seen = []

    @T.no_grad()
    def steps():
        try:
            got = yield T.is_grad_enabled()
            while True:
                try:
                    got = yield T.is_grad_enabled(), got
                except ValueError as error:
                    got = str(error)
        finally:
            seen.append(T.is_grad_enabled())

    g = steps()
    assert next(g) is False and T.is_grad_enabled()
    assert g.send(5) == (False, 5) and T.is_grad_enabled()
    assert g.throw(ValueError("oops")) == (False, "oops") and T.is_grad_enabled()
    g.close()
    assert seen == [False] and T.is_grad_enabled()

    @T.no_grad()
    def returns():
        yield 1
        return 2

    def outer():
        return (yield from returns())

    g = outer()
    next(g)
    with pytest.raises(StopIteration) as stop:
        next(g)
    assert stop.value.value == 2


def test_modes_belong_to_their_thread(T):
    """Eight threads switch and record at once; each sees its own switch, and all get the right gradient."""
    together, wrong = threading.Barrier(8), []

    def work(i):
        together.wait()
        for _ in range(30):
            t = T.tensor([float(i)], requires_grad=True)
            with T.set_grad_enabled(i % 2 == 0):
                y = (t * t).sum()
            if y.requires_grad != (i % 2 == 0) or not T.is_grad_enabled():
                wrong.append(i)
            if y.requires_grad:
                y.backward()
                if t.grad.item() != 2 * i:
                    wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    with T.no_grad():
        [t.start() for t in threads]
        [t.join() for t in threads]
    assert wrong == []


def test_inference_mode(T, x):
    y = x * 1
    with T.inference_mode():
        a = T.ones(3, dtype=T.float64)
        v = y[:1]
        a.mul_(2), y.mul_(1)
        with T.enable_grad():
            assert not (x * 2).requires_grad
        with T.inference_mode(False):
            assert (x * 2).requires_grad
    assert a.is_inference() and a[0].is_inference() and not v.is_inference() and not (a * 2).is_inference()
    assert a.tolist() == [2, 2, 2] and a.clone().requires_grad_().requires_grad
    (x + a).sum().backward()
    with raises("Inplace update to inference tensor outside InferenceMode"):
        a.add_(1)
    with raises("requires_grad=True on inference tensor"):
        a.requires_grad_()
    with raises("do not track version"):
        _ = a._version
    with raises("Inference tensors cannot be saved for backward"):
        z = (x * a).sum()
        with T.inference_mode():
            a.mul_(2)
        z.backward()


# --- hooks --------------------------------------------------------------------------------------------------------


def test_hooks_run_in_order_and_can_be_removed(T, x):
    y = x * 2
    first = y.register_hook(lambda g: g + 1)
    y.register_hook(lambda g: g * 10)
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [40, 40, 40]
    first.remove()
    first.remove()
    x.grad = None
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [20, 20, 20]
    x.grad = None
    with y.register_hook(lambda g: g * 0):
        y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [0, 0, 0]


def test_a_hook_on_a_leaf_runs_once_with_the_total(T, x):
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x.exp() * 0 + x).sum().backward()
    assert seen == [[3, 3, 3]]
    assert T.autograd.grad((x * 4).sum(), x)[0].tolist() == [4, 4, 4] and len(seen) == 2


def test_hooks_are_checked(T, x):
    for answer, kind in [(T.ones(7), RuntimeError), (1.0, TypeError), (T.ones(3), RuntimeError)]:
        y = x * 1
        y.register_hook(lambda g, answer=answer: answer)
        with raises("hook", kind):
            y.sum().backward()
    with raises("doesn't require grad"):
        T.ones(2).register_hook(print)


def test_post_accumulate_hooks(T, x):
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.tolist()))
    (x * 2 + x).sum().backward()
    (x * 2).sum().backward(inputs=[x])
    T.autograd.grad((x * 2).sum(), x)
    handle.remove()
    (x * 2).sum().backward()
    assert seen == [[3, 3, 3], [5, 5, 5]]
    with raises("hook"):
        (x * 1).register_post_accumulate_grad_hook(print)


def test_an_optimizer_may_live_in_post_accumulate_hooks(T, x):
    def step(p):
        with T.no_grad():
            p.sub_(p.grad)
        p.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * x).sum().backward()
    assert x.tolist() == [-1, -2, -3] and x.grad is None


def test_retain_grad(T, x):
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    y.register_hook(lambda g: g * 3)  # retain_grad comes last wherever it was asked for
    (y**2).sum().backward(retain_graph=True)
    assert y.retains_grad and y.grad.tolist() == [12, 24, 36]
    (y**2).sum().backward(inputs=[y])
    assert y.grad.tolist() == [24, 48, 72]
    x.retain_grad()
    assert not x.retains_grad
    with raises("requires_grad=False"):
        T.ones(2).retain_grad()


def test_retain_grad_follows_a_change_in_place(T, x):
    y = x * 2
    v = y[:2]
    y.retain_grad(), v.retain_grad()
    hooked = []
    y.register_hook(lambda g: hooked.append(g.tolist()))
    y.mul_(5)
    (y.sum() + v.sum()).backward()
    assert y.grad.tolist() == [2, 2, 1] and v.grad.tolist() == [1, 1] and x.grad.tolist() == [20, 20, 10]
    assert hooked == [[10, 10, 5]]  # a hook stays with what it was put on


# --- leaves, flags, copies ----------------------------------------------------------------------------------------


def test_flags_and_names(T, x):
    y = (x * 2).exp()
    assert x.is_leaf and x.grad_fn is None and not y.is_leaf and y.requires_grad
    assert [f and f.name() for f, _ in y.grad_fn.next_functions] == ["MulBackward0"]
    (leaf, _), (constant, _) = y.grad_fn.next_functions[0][0].next_functions
    assert leaf.name() == "torch::autograd::AccumulateGrad" and constant is None and leaf.variable is x
    assert leaf.next_functions == () and y.grad_fn.name() == "ExpBackward0"
    with pytest.warns(UserWarning, match="not a leaf Tensor"):
        assert y.grad is None


def test_requires_grad_rules(T, x):
    with raises("can require gradients"):
        T.ones(2, dtype=T.int64).requires_grad_()
    y = x * 1
    with raises("leaf variables"):
        y.requires_grad = False
    assert y.requires_grad_() is y
    with raises("", TypeError):
        x.requires_grad_("yes")
    a = T.ones(2)
    a.requires_grad = True
    assert a.requires_grad_(False) is a and not a.requires_grad


def test_a_leaf_that_no_longer_requires_grad_gets_none(T, x):
    y = (x * 2).sum()
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None


def test_detach_and_data(T, x):
    y = x * 2
    d = y.detach()
    assert not d.requires_grad and d.is_leaf
    d.zero_()
    assert y.tolist() == [0, 0, 0] and y._version == 1 and d._version == 1
    y.data.add_(3)
    assert y.tolist() == [3, 3, 3] and y._version == 1  # .data goes unnoticed
    assert y.detach_() is y and y.is_leaf and not y.requires_grad
    with raises("Can't detach views in-place"):
        (x * 1)[0].detach_()
    x.data = T.ones(3, dtype=T.float64)
    assert x.requires_grad and x.tolist() == [1, 1, 1]
    with raises("has to be a tensor", TypeError):
        x.data = 3


def test_grad_can_be_set(T, x):
    x.grad = T.ones(3, dtype=T.float64)
    for wrong, kind in [(T.ones(2), RuntimeError), (T.ones(3), RuntimeError), (3, TypeError), (x, RuntimeError)]:
        with raises("", kind):
            x.grad = wrong
    (x * 1).sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


def test_deepcopy_and_pickle(T, x):
    x.note = "mine"
    (x * 2).sum().backward()
    tied = copy.deepcopy({"a": x, "b": x})
    c = tied["a"]
    assert tied["b"] is c and c is not x and c.requires_grad and c.note == "mine"
    assert c.grad.tolist() == [2, 2, 2] and c.grad.data_ptr() != x.grad.data_ptr() and c.data_ptr() != x.data_ptr()
    (c * 5).sum().backward()
    assert c.grad.tolist() == [7, 7, 7] and x.grad.tolist() == [2, 2, 2]
    p = pickle.loads(pickle.dumps(x))
    assert p.tolist() == x.tolist() and p.requires_grad and p.grad is None and p.note == "mine"
    with raises("deepcopy protocol"):
        copy.deepcopy(x * 2)


def test_numpy_is_refused_where_a_gradient_would_be_lost(T, x):
    with raises("requires grad"):
        x.numpy()
    with T.no_grad():
        assert x.numpy().tolist() == [1, 2, 3]


# --- size ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step, depth", [(lambda y: y * 1.0, 100_000), (lambda y: y.add_(1), 30_000), (lambda y: y.view(1).view(()), 500)]
)
def test_deep_graphs(T, step, depth):
    """Neither backward nor destruction recurses; 10^6 steps have been tried, too."""
    t = T.zeros((), requires_grad=True)
    y = t * 1
    for _ in range(depth):
        y = step(y)
    y.backward(retain_graph=True)  # so that destruction finds it whole
    assert t.grad.item() == 1
    del y


def test_paths_are_not_counted_one_by_one(T):
    y = t = T.ones((), requires_grad=True)
    for _ in range(100):
        y = y + y
    y.backward()
    assert t.grad.item() == 2.0**100


def test_a_graph_goes_when_its_result_goes(T, x):
    """Reference counting alone frees a graph: there are no cycles in it."""
    gc.collect()
    gc.disable()
    try:
        y = (x * 2).exp()
        y.retain_grad()
        y = y * 1
        y[0].mul_(2)
        z = y.sum()
        z.backward(retain_graph=True)
        left = [weakref.ref(t) for t in (y, z)]
        del y, z
        assert [r() for r in left] == [None, None]
    finally:
        gc.enable()


def test_complex_numbers(T):
    z = T.tensor([[1 + 2j, 3 - 1j]])
    assert z.conj().tolist() == [[1 - 2j, 3 + 1j]] and z.real.tolist() == [[1, 3]] and z.imag.tolist() == [[2, -1]]
    assert (z @ z.H).item() == 15 and T.equal(z.mH, z.T.conj())


def test_complex_numbers_have_no_derivatives():
    x = mt.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match="complex"):
        x * 1j
    with pytest.raises(NotImplementedError, match="complex"):
        mt.ones(2, dtype=mt.complex64, requires_grad=True).exp()
    with mt.no_grad():
        assert (x * 1j).imag.tolist() == [1, 1]


def test_variables_are_tensors(T):
    x = T.autograd.Variable(T.ones(2), requires_grad=True)
    assert x.requires_grad and isinstance(x, T.Tensor) and isinstance(T.ones(1), T.autograd.Variable)
    assert not T.autograd.Variable(x).requires_grad
