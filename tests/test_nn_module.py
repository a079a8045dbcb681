"""`nn.Module` and the containers: attributes, walks, state dicts, text. PyTorch is the specification."""

from __future__ import annotations

import copy
import pickle
import random
import warnings
from collections import OrderedDict

import numpy as np
import pytest

import micrograd_cn as mg
from micrograd_cn.nn import scalar


def block(t):
    """One module with every kind of member, in the framework ``t``."""

    class Net(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = t.nn.Parameter(t.ones(2))
            self.fc = t.nn.Linear(2, 3)
            self.register_buffer("mean", t.zeros(3))
            self.register_buffer("scratch", t.ones(1), persistent=False)
            self.layers = t.nn.ModuleList([t.nn.Linear(3, 3) for _ in range(3)] + [t.nn.ReLU()])
            self.again = self.fc
            self.nothing = None
            self.register_parameter("empty", None)
            self.seq = t.nn.Sequential(OrderedDict(a=t.nn.Tanh(), b=t.nn.Linear(3, 1, bias=False)))
            self.named = t.nn.ModuleDict({"x": t.nn.Dropout(0.2), "y": t.nn.Identity()})

        def forward(self, x):
            return self.seq(self.layers[0](self.fc(x * self.scale)))

    return Net()


def outcome(function, t):
    """What a call gives: its ``repr``, or the type and text of its error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(t)
        except Exception as error:
            return type(error).__name__, str(error)
    return repr(result).replace("micrograd_cn", "torch"), [str(w.message) for w in caught]


def attempt(setup, action):
    return lambda t: action(t, setup(t))


# --- attributes ---------------------------------------------------------------------------------------------------


def test_members_are_plain_attributes_and_listed():
    net = block(mg)
    assert net.__dict__["fc"] is net._modules["fc"] is net.fc
    assert list(net._parameters) == ["scale", "empty"]
    assert list(net._buffers) == ["mean", "scratch"]
    assert list(net._modules) == ["fc", "layers", "again", "seq", "named"]
    assert len(net._modules) == 5 and "fc" in net._modules and "scale" not in net._modules


def test_writing_through_the_views_is_seen_everywhere():
    net = mg.nn.Linear(2, 2)
    p = mg.nn.Parameter(mg.zeros(2, 2))
    net._parameters["weight"] = p
    assert net.weight is p and dict(net.named_parameters())["weight"] is p
    del net._parameters["bias"]
    assert not hasattr(net, "bias") and list(net.state_dict()) == ["weight"]
    with pytest.raises(KeyError):
        net._buffers["weight"]


@pytest.mark.parametrize("old", ["parameter", "buffer", "module", "plain"])
@pytest.mark.parametrize("new", ["parameter", "module"])
def test_a_name_has_one_kind(old, new):
    def value(kind):
        return {
            "parameter": mg.nn.Parameter(mg.ones(1)), "module": mg.nn.Tanh(), "plain": 3, "buffer": mg.ones(1)
        }[kind]  # fmt: skip

    net = mg.nn.Module()
    if old == "buffer":
        net.register_buffer("a", value(old))
    else:
        net.a = value(old)
    if (old, new) == ("parameter", "module"):
        with pytest.raises(TypeError, match="as parameter 'a'"):
            net.a = value(new)
        return
    net.a = value(new)
    assert (len(net._parameters), len(net._buffers), len(net._modules)) == {
        "parameter": (1, 0, 0), "module": (0, 0, 1)
    }[new]  # fmt: skip
    del net.a
    assert not hasattr(net, "a") and not net._parameters and not net._modules


ERRORS = {
    "module before init": lambda t: type("M", (t.nn.Module,), {"__init__": lambda s: setattr(s, "a", t.nn.ReLU())})(),
    "parameter before init": lambda t: type(
        "M", (t.nn.Module,), {"__init__": lambda s: setattr(s, "a", t.nn.Parameter(t.ones(1)))}
    )(),
    "buffer before init": lambda t: type(
        "M", (t.nn.Module,), {"__init__": lambda s: s.register_buffer("a", t.ones(1))}
    )(),
    "int as parameter": lambda t: setattr(t.nn.Linear(1, 1), "weight", 3),
    "tensor as parameter": lambda t: setattr(t.nn.Linear(1, 1), "weight", t.ones(1)),
    "module as parameter": lambda t: setattr(t.nn.Linear(1, 1), "weight", t.nn.ReLU()),
    "int as module": lambda t: setattr(block(t), "fc", 3),
    "int as buffer": lambda t: setattr(block(t), "mean", 3),
    "missing attribute": lambda t: block(t).missing,
    "deleting what is not there": lambda t: delattr(block(t), "missing"),
    "tensor registered as parameter": lambda t: block(t).register_parameter("w", t.ones(1)),
    "int registered as buffer": lambda t: block(t).register_buffer("w", 3),
    "int added as module": lambda t: block(t).add_module("w", 3),
    "dot in parameter": lambda t: block(t).register_parameter("a.b", None),
    "dot in buffer": lambda t: block(t).register_buffer("a.b", None),
    "dot in module": lambda t: block(t).add_module("a.b", None),
    "no name": lambda t: block(t).register_parameter("", None),
    "no module name": lambda t: block(t).add_module("", None),
    "number as name": lambda t: block(t).register_buffer(3, None),
    "name taken": lambda t: block(t).register_parameter("fc", None),
    "name of a method": lambda t: block(t).add_module("forward", None),
    "no forward": lambda t: t.nn.Module()(1),
    "init argument": lambda t: t.nn.Module(3),
    "init keyword": lambda t: t.nn.Module(a=3),
    "train(1)": lambda t: block(t).train(1),
    "to(int64)": lambda t: block(t).to(t.int64),
    "to(int tensor)": lambda t: block(t).to(t.ones(1).long()),
    "submodule": lambda t: block(t).get_submodule("layers.0"),
    "whole": lambda t: block(t).get_submodule(""),
    "submodule missing": lambda t: block(t).get_submodule("layers.9.x"),
    "submodule of parameter": lambda t: block(t).get_submodule("fc.weight"),
    "parameter missing": lambda t: block(t).get_parameter("fc.x"),
    "parameter is module": lambda t: block(t).get_parameter("layers.1"),
    "buffer": lambda t: block(t).get_buffer("mean"),
    "buffer is parameter": lambda t: block(t).get_buffer("fc.weight"),
    "set_submodule": attempt(block, lambda t, net: [net.set_submodule("layers.0", t.nn.Tanh()), net]),
    "set_submodule strict": lambda t: block(t).set_submodule("layers.9", t.nn.Tanh(), strict=True),
    "set_submodule nowhere": lambda t: block(t).set_submodule("", t.nn.Tanh()),
    "set_submodule no module": lambda t: block(t).set_submodule("a", 3),
    "state dict of a list": lambda t: block(t).load_state_dict([]),
    "list as parameter": lambda t: t.nn.Parameter([1.0]),
    "list index": lambda t: block(t).layers[7],
    "list of int": lambda t: t.nn.ModuleList([3]),
    "list from int": lambda t: t.nn.ModuleList(3),
    "sequential of int": lambda t: t.nn.Sequential(3),
    "sequential plus list": lambda t: t.nn.Sequential().__add__([t.nn.ReLU()]),
    "sequential times zero": lambda t: t.nn.Sequential(t.nn.ReLU()) * 0,
    "sequential times float": lambda t: t.nn.Sequential(t.nn.ReLU()) * 1.5,
    "sequential insert far": lambda t: t.nn.Sequential(t.nn.ReLU()).insert(5, t.nn.ReLU()),
    "dict key": lambda t: t.nn.ModuleDict()["a"],
    "dict method as key": lambda t: t.nn.ModuleDict({"keys": t.nn.ReLU()}),
    "dict from int": lambda t: t.nn.ModuleDict(3),
    "dict from triples": lambda t: t.nn.ModuleDict([("a", 1, 2)]),
    "parameter list from int": lambda t: t.nn.ParameterList(3),
    "parameter list called": lambda t: t.nn.ParameterList()(3),
    "parameter dict called": lambda t: t.nn.ParameterDict()(3),
    "parameter dict number": lambda t: t.nn.ParameterDict()[3],
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    theirs, ours = outcome(ERRORS[name], torch), outcome(ERRORS[name], mg)
    assert ours[0] == theirs[0]
    assert str(ours[1]).replace("micrograd_cn", "torch") == str(theirs[1])


# --- walks --------------------------------------------------------------------------------------------------------

WALKS = {
    "modules": lambda net: [type(m).__name__ for m in net.modules()],
    "named_modules": lambda net: [n for n, _ in net.named_modules(prefix="p")],
    "named_modules, all": lambda net: [n for n, _ in net.named_modules(remove_duplicate=False)],
    "named_children": lambda net: [n for n, _ in net.named_children()],
    "named_parameters": lambda net: [(n, tuple(p.shape)) for n, p in net.named_parameters()],
    "named_parameters, own": lambda net: [n for n, _ in net.named_parameters(recurse=False)],
    "named_parameters, all": lambda net: [n for n, _ in net.named_parameters("q", remove_duplicate=False)],
    "parameters": lambda net: len(list(net.parameters())),
    "named_buffers": lambda net: [n for n, _ in net.named_buffers()],
    "state_dict": lambda net: list(net.state_dict(prefix="r.")),
    "dir": lambda net: [n for n in ("fc", "scale", "mean", "layers", "0") if n in dir(net)],
    "repr": repr,
    "training": lambda net: [m.training for m in net.eval().modules()],
    "applied": lambda net: (seen := [], net.apply(lambda m: seen.append(type(m).__name__)))[0],
}


@pytest.mark.parametrize("name", WALKS)
def test_walks_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    assert WALKS[name](block(mg)) == WALKS[name](block(torch))


def test_repr_nests():
    net = mg.nn.Sequential(mg.nn.Linear(2, 3), mg.nn.ModuleList([mg.nn.Linear(3, 3), mg.nn.Linear(3, 3)]))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): ModuleList(\n"
        "    (0-1): 2 x Linear(in_features=3, out_features=3, bias=True)\n"
        "  )\n"
        ")"
    )


# --- containers ---------------------------------------------------------------------------------------------------


def numbered(kind):
    def make(t):
        modules = [t.nn.Linear(1, 2), t.nn.ReLU(), t.nn.Linear(2, 3), t.nn.Tanh()]
        return t.nn.ModuleList(modules) if kind == "ModuleList" else t.nn.Sequential(*modules)

    return make


ROWS = {
    "index": lambda t, row: row[-2],
    "slice": lambda t, row: row[1:3],
    "replace": lambda t, row: (row.__setitem__(1, t.nn.GELU()), row)[1],
    "delete": lambda t, row: (row.__delitem__(1), row, list(row.state_dict())),
    "delete slice": lambda t, row: (row.__delitem__(slice(0, 4, 2)), row)[1],
    "append": lambda t, row: row.append(t.nn.ELU()),
    "extend": lambda t, row: row.extend([t.nn.ELU(), t.nn.SELU()]),
    "insert": lambda t, row: (row.insert(1, t.nn.ELU()), row)[1],
    "insert at the end": lambda t, row: (row.insert(4, t.nn.ELU()), row)[1],
    "pop": lambda t, row: (row.pop(-1), row, len(row)),
    "add": lambda t, row: (row + row[:1], len(row)),
    "add in place": lambda t, row: row.__iadd__(row[2:]),
    "iterate": lambda t, row: [type(m).__name__ for m in row],
    "out of range": lambda t, row: row.pop(9),
}


@pytest.mark.parametrize("kind", ["Sequential", "ModuleList"])
@pytest.mark.parametrize("name", ROWS)
def test_rows_of_modules_are_pytorchs(kind, name):
    torch = pytest.importorskip("torch")
    action = attempt(numbered(kind), ROWS[name])
    assert outcome(action, mg) == outcome(action, torch)


CONTAINERS = {
    "sequential times": lambda t: 2 * t.nn.Sequential(t.nn.Tanh(), t.nn.ReLU()),
    "empty": lambda t: [t.nn.Sequential(), t.nn.ModuleList(), t.nn.ModuleDict(), t.nn.ParameterList()],
    "dict": attempt(
        lambda t: t.nn.ModuleDict([["b", t.nn.Tanh()], ["a", t.nn.ReLU()]]),
        lambda t, d: (list(d), d["a"], "a" in d, d.pop("b"), d.update({"c": t.nn.GELU()}), d, len(d), d.clear(), d),
    ),
    "parameter list": attempt(
        lambda t: t.nn.ParameterList([t.ones(2), t.nn.Parameter(t.ones(2, 3).double()), 3]),
        lambda t, p: (p, len(p), p.append(t.zeros(())), list(p.state_dict()), p[1:3], len(list(p.parameters()))),
    ),
    "parameter dict": attempt(
        lambda t: t.nn.ParameterDict({"b": t.ones(2), "a": t.nn.Parameter(t.ones(2, 3).double()), "c": 3}),
        lambda t, p: (p, list(p.keys()), p.pop("a"), p.setdefault("z"), p | {"y": t.ones(1)}, p.popitem(), p.get("q")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    assert outcome(CONTAINERS[name], mg) == outcome(CONTAINERS[name], torch)


def test_sequential_is_composition():
    a, b = mg.nn.Linear(2, 3), mg.nn.Linear(3, 1)
    x = mg.randn(4, 2)
    assert mg.nn.Sequential(a, mg.nn.ReLU(), b)(x).equal(b(a(x).relu()))
    assert mg.nn.Sequential()(x) is x


# --- state --------------------------------------------------------------------------------------------------------


def test_state_dict_shares_memory_and_loads_back():
    a, b = block(mg), block(mg)
    state = a.state_dict()
    assert type(state) is OrderedDict and "scratch" not in state and "mean" in state
    assert not state["fc.weight"].requires_grad and a.state_dict(keep_vars=True)["fc.weight"] is a.fc.weight
    assert repr(b.load_state_dict(state)) == "<All keys matched successfully>"
    with mg.no_grad():
        a.fc.weight.fill_(7.0)
    assert state["fc.weight"].tolist() == [[7.0, 7.0]] * 3 and b.fc.weight.tolist() != [[7.0, 7.0]] * 3


def broken(t):
    state = block(t).state_dict()
    del state["fc.bias"]
    state["extra"], state["seq.c.weight"], state["what.ever"] = t.ones(1), t.ones(1), t.ones(1)
    return state


STATES = {
    "strict": lambda t: block(t).load_state_dict(broken(t)),
    "lenient": lambda t: block(t).load_state_dict(broken(t), strict=False),
    "shape": lambda t: block(t).load_state_dict({**block(t).state_dict(), "mean": t.ones(4)}),
    "shape, lenient": lambda t: block(t).load_state_dict({"fc.weight": t.ones(4), "x": t.ones(1)}, strict=False),
    "no tensor": lambda t: block(t).load_state_dict({**block(t).state_dict(), "mean": [1, 2, 3]}),
    "empty": lambda t: t.nn.Linear(1, 1).load_state_dict({}),
}  # fmt: skip


@pytest.mark.parametrize("name", STATES)
def test_loading_errors_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    assert outcome(STATES[name], mg) == outcome(STATES[name], torch)


def test_loading_casts_and_assign_does_not():
    state = {"weight": mg.ones(1, 2).double(), "bias": mg.zeros(1).double()}
    net = mg.nn.Linear(2, 1)
    weight = net.weight
    net.load_state_dict(state)
    assert net.weight is weight and net.weight.dtype is mg.float32 and net.weight.requires_grad
    net.load_state_dict(state, assign=True)
    assert net.weight.dtype is mg.float64 and isinstance(net.weight, mg.nn.Parameter) and net.weight.requires_grad


def test_pytorchs_own_tensors_load():
    torch = pytest.importorskip("torch")
    theirs, ours = torch.nn.Linear(3, 2), mg.nn.Linear(3, 2)
    ours.load_state_dict(theirs.state_dict())
    assert ours.weight.tolist() == theirs.weight.tolist()


def test_extra_state_and_state_hooks():
    class Counter(mg.nn.Module):
        n = 0

        def get_extra_state(self):
            return {"n": self.n}

        def set_extra_state(self, state):
            self.n = state["n"]

    a = mg.nn.Sequential(Counter(), mg.nn.Linear(1, 1))
    a[0].n = 5
    a.register_state_dict_post_hook(lambda m, state, prefix, meta: state.update(version=3))
    state = a.state_dict()
    assert list(state) == ["0._extra_state", "1.weight", "1.bias", "version"]
    b = mg.nn.Sequential(Counter(), mg.nn.Linear(1, 1))
    b.register_load_state_dict_post_hook(lambda m, keys: keys.unexpected_keys.clear())
    b.load_state_dict(state)
    assert b[0].n == 5
    del state["0._extra_state"]
    with pytest.raises(RuntimeError, match=r'Missing key.*"0\._extra_state"'):
        b.load_state_dict(state)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent(duplicate):
    net = mg.nn.Sequential(mg.nn.Linear(2, 3), mg.nn.ReLU())
    net.tied = net[0]
    twin = duplicate(net)
    assert repr(twin) == repr(net) and twin.tied is twin[0]
    assert twin[0].weight.equal(net[0].weight) and twin[0].weight.requires_grad
    twin[0]._parameters["bias"].data.fill_(9.0)
    twin[0].added = mg.nn.Tanh()
    assert twin[0].bias.tolist() == [9.0] * 3 and 9.0 not in net[0].bias.tolist()
    assert "added" not in net[0]._modules and not hasattr(net[0], "added")


def test_shallow_copies_share_tensors_but_not_structure():
    net = mg.nn.Linear(2, 2)
    twin = copy.copy(net)
    twin.extra = mg.nn.Parameter(mg.ones(1))
    assert twin.weight is net.weight and list(net.state_dict()) == ["weight", "bias"] and len(twin.state_dict()) == 3


def test_modules_that_forward_attributes_can_be_copied():
    class Wrapper(mg.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = mg.nn.Linear(2, 3)

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.module, name)

    assert copy.deepcopy(Wrapper()).in_features == 2


# --- modes and types ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert", [lambda m: m.double(), lambda m: m.to(mg.float64), lambda m: m.to(mg.ones(1).double())]
)
def test_conversion_keeps_the_parameter_objects(convert):
    net = mg.nn.Linear(2, 1)
    net.register_buffer("steps", mg.tensor(3))
    weight = net.weight
    net(mg.ones(1, 2)).sum().backward()
    assert convert(net) is net and net.weight is weight
    assert weight.dtype is weight.grad.dtype is mg.float64 and net.steps.dtype is mg.int64
    net(mg.ones(1, 2).double()).sum().backward()
    assert weight.grad.tolist() == [[2.0, 2.0]]
    assert net.half().weight.dtype is mg.float16 and net.float().weight.dtype is mg.float32


def test_zero_grad_and_freezing():
    net = mg.nn.Linear(2, 1)
    net(mg.ones(1, 2)).sum().backward()
    grad = net.weight.grad
    net.zero_grad(set_to_none=False)
    assert net.weight.grad is grad and grad.tolist() == [[0.0, 0.0]]
    net.zero_grad()
    assert net.weight.grad is None
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_parameter():
    data = mg.ones(2)
    p = mg.nn.Parameter(data)
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert p.is_leaf and type(p * 2) is mg.Tensor and not mg.nn.Parameter(data, requires_grad=False).requires_grad
    with mg.no_grad():
        p[0] = 5.0
    assert data.tolist() == [5.0, 1.0]
    assert isinstance(copy.deepcopy(p), mg.nn.Parameter) and isinstance(pickle.loads(pickle.dumps(p)), mg.nn.Parameter)


def test_buffer():
    net = mg.nn.Module()
    net.a, net.b = mg.nn.Buffer(mg.ones(1)), mg.nn.Buffer(mg.ones(1), persistent=False)
    net.a = mg.zeros(1)
    assert [n for n, _ in net.named_buffers()] == ["a", "b"] and list(net.state_dict()) == ["a"]
    assert net.a.tolist() == [0.0]


# --- networks of single numbers -----------------------------------------------------------------------------------


def test_scalar_mlp_is_micrograds():
    random.seed(1337)
    model = scalar.MLP(2, [2, 1])
    random.seed(1337)
    drawn = [random.uniform(-1, 1) for _ in range(2 * 2 + 2)]
    assert [p.data for p in model.parameters()] == [*drawn[:2], 0, *drawn[2:4], 0, *drawn[4:], 0]
    assert repr(model) == "MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]"
    assert [p.label for p in model.parameters()[:3]] == ["w1", "w2", "b"]


def test_scalar_neuron_value_and_gradient():
    neuron = scalar.Neuron(2)
    for p, v in zip(neuron.parameters(), (2.0, -3.0, 0.5), strict=True):
        p.data = v
    y = neuron([4.0, 1.0])
    assert y.data == 2 * 4 - 3 + 0.5
    y.backward()
    assert [p.grad for p in neuron.parameters()] == [4.0, 1.0, 1.0]
    neuron.zero_grad()
    assert [p.grad for p in neuron.parameters()] == [0, 0, 0]
    neuron.b.data = -100.0
    assert neuron([4.0, 1.0]).data == 0 and len(scalar.Layer(2, 3)([1.0, 2.0])) == 3


def test_scalar_mlp_agrees_with_the_tensor_one():
    random.seed(3)
    model = scalar.MLP(3, [4, 1, 2])
    x = [0.5, -1.0, 2.0]
    out = np.array(x)
    for i, layer in enumerate(model.layers):
        w = np.array([[w.data for w in n.w] for n in layer.neurons])
        out = w @ out + np.array([n.b.data for n in layer.neurons])
        out = np.maximum(out, 0) if i < 2 else out
    assert np.allclose([v.data for v in model(x)], out)
