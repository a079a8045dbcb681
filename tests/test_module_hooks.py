"""Hooks of `nn.Module`. PyTorch is the specification."""

from __future__ import annotations

import pytest

import micrograd_cn as mg


def hook_story(t):
    """What hooks of every kind see and change, as a list."""
    story = []
    net = t.nn.Sequential(t.nn.Linear(2, 2, bias=False), t.nn.ReLU())
    with t.no_grad():
        net[0].weight.copy_(t.tensor([[1.0, 2.0], [3.0, 4.0]]))

    def note(name, answer=None):
        def hook(module, *seen):
            story.append((name, type(module).__name__, [as_list(s) for s in seen]))
            return None if answer is None else answer(*seen)

        return hook

    def as_list(s):
        if isinstance(s, (tuple, list)):
            return [as_list(e) for e in s]
        return s if s is None or isinstance(s, dict) else s.detach().tolist()

    net[0].register_forward_pre_hook(note("pre", lambda args: args[0] * 2))
    net[0].register_forward_pre_hook(note("first"), prepend=True)
    net[1].register_forward_hook(note("post", lambda args, out: out + 1))
    net[1].register_forward_hook(note("kwargs"), with_kwargs=True)
    net[0].register_full_backward_hook(note("backward", lambda gi, go: (gi[0] * 10,)))
    net[1].register_full_backward_pre_hook(note("backward pre", lambda go: (go[0] * 3,)))
    removed = net.register_forward_hook(note("removed"))
    x = t.tensor([[1.0, 1.0]], requires_grad=True)
    removed.remove()
    with net.register_forward_hook(note("within")):
        net(x).sum().backward()
    story.append((x.grad.tolist(), net[0].weight.grad.tolist()))
    net(x)
    return story


def test_hooks_by_hand():
    story = hook_story(mg)
    names = [entry[0] for entry in story if isinstance(entry[0], str)]
    forward = ["first", "pre", "post", "kwargs"]
    assert names == [*forward, "within", "backward pre", "backward", *forward]
    # y = relu(W 2x) + 1, the output's gradient tripled, the gradient of 2x multiplied by 10
    assert story[7] == ([[3 * 10 * 2 * 4.0, 3 * 10 * 2 * 6.0]], [[6.0, 6.0], [6.0, 6.0]])


def test_hooks_are_pytorchs():
    torch = pytest.importorskip("torch")
    assert hook_story(mg) == hook_story(torch)


def two_in_two_out(t, register="register_full_backward_hook"):
    class Two(t.nn.Module):
        def forward(self, a, n, b):
            return a * b, a + n

    seen = []
    two = Two()
    getattr(two, register)(lambda m, gi, go: seen.append([None if g is None else g.tolist() for g in (*gi, *go)]))
    a, b = t.tensor([2.0], requires_grad=True), t.tensor([5.0], requires_grad=True)
    p, q = two(a, 7, b)
    (p + 3 * q).sum().backward()
    return seen, a.grad.tolist(), b.grad.tolist()


def test_backward_hook_with_several_inputs_and_outputs():
    expected = ([[[8.0], None, [2.0], [1.0], [3.0]]], [8.0], [2.0])
    assert two_in_two_out(mg) == two_in_two_out(mg, "register_backward_hook") == expected


def test_backward_hook_without_input_gradients_warns():
    net = mg.nn.Linear(2, 1)
    seen = []
    net.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    with pytest.warns(UserWarning, match="no inputs require gradients"):
        net(mg.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])]


def test_failing_forward_still_runs_always_called_hooks():
    net = mg.nn.Module()
    seen = []
    net.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    net.register_forward_hook(lambda m, args, out: seen.append("never"))
    with pytest.raises(NotImplementedError):
        net(1)
    assert seen == [None]
