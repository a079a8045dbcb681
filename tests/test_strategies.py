"""The strategies of `micrograd_cn.testing`: what they draw, the smallest they shrink to, and the code they print."""

import subprocess
import sys

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.vendor.pretty import pretty

import micrograd_cn
from micrograd_cn import nn
from micrograd_cn.testing import as_code, axes, broadcastable_shapes, dtypes, indices, networks, shapes, tensors
from micrograd_cn.testing.strategies import KINDS, LAYOUTS, Network

ANY_DTYPE = dtypes(*KINDS)
same_each_time = settings(database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck),
                          phases=(Phase.generate, Phase.shrink))  # fmt: skip
quick = settings(same_each_time, max_examples=60)
patient = settings(same_each_time, max_examples=1000)
torch_like = {"micrograd_cn": micrograd_cn}


def simplest(strategy, condition=lambda x: True):
    return find(strategy, condition, settings=patient)


def same(a, b):
    """All that a tensor shows of itself."""
    told = [(x.dtype, tuple(x.shape), x.stride(), x.requires_grad) for x in (a, b)]
    return told[0] == told[1] and np.array_equal(a.detach().numpy(), b.detach().numpy(), equal_nan=True)


def printed(strategy, condition=lambda x: False):
    """The argument in the falsifying example that hypothesis prints when ``condition`` does not hold, run as code."""

    @patient
    @given(x=strategy)
    def fails(x):
        assert condition(x)

    with pytest.raises(AssertionError) as caught:
        fails()
    text = "\n".join(caught.value.__notes__)
    call = text[text.index("fails(") : text.index("\n)") + 2]
    return eval(call, {**torch_like, "fails": lambda x: x})


# --- tensors


@settings(same_each_time, max_examples=300)
@given(tensors(dtype=ANY_DTYPE, requires_grad=st.booleans(), layout=st.sampled_from([None, *LAYOUTS])))
def test_printed_tensor_comes_back_with_values_dtype_strides_and_requires_grad(x):
    assert same(eval(as_code(x), torch_like), x)


X = micrograd_cn.arange(24.0, dtype=micrograd_cn.float64).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "x",
    [
        X[:, ::2], X[..., 1:3], X.permute(2, 0, 1), X[0, 1:, 1].requires_grad_(), X.unfold(2, 3, 1), X > 3,
        X[:, :1].expand(2, 3, 4), X.as_strided((2, 2), (0, 0), 5), X[:0].transpose(0, 1), X[0].flip(0).t(),
        X.diagonal(dim1=0, dim2=1),
        micrograd_cn.from_dlpack(X.numpy()[::-1, :, ::-2]).permute(1, 2, 0), micrograd_cn.tensor(1.5),
        micrograd_cn.tensor([[float("nan")], [-float("inf")]]), micrograd_cn.tensor(-0.0), X[0].half().t(),
        micrograd_cn.tensor([complex(0, float("nan")), complex(-float("inf"), 1), 2j]), micrograd_cn.empty(0, 3),
        micrograd_cn.tensor([], dtype=micrograd_cn.int8), micrograd_cn.tensor(0.1), micrograd_cn.tensor(1e-45),
    ],
)  # fmt: skip
def test_any_tensor_can_be_printed_as_code(x):
    again = eval(as_code(x), torch_like)
    assert same(again, x)
    assert np.array_equal(np.signbit(again.detach().numpy().real), np.signbit(x.detach().numpy().real))


def test_simple_layouts_print_as_people_write_them():
    x = micrograd_cn.tensor([[0.0, 1.0], [2.0, 3.0]], dtype=micrograd_cn.float64)
    plain = "micrograd_cn.tensor([[0.0, 1.0], [2.0, 3.0]], dtype=micrograd_cn.float64)"
    assert as_code(x) == plain
    assert as_code(x.t().clone().t().requires_grad_()) == plain + ".requires_grad_()"
    assert as_code(micrograd_cn.arange(3)) == "micrograd_cn.tensor([0, 1, 2])"
    assert as_code(x.T) == plain + ".t()"
    assert as_code(x[:1].expand(3, 2)).endswith("tensor([[0.0, 1.0]], dtype=micrograd_cn.float64).expand(3, 2)")
    assert as_code([1, "a"]) == "[1, 'a']"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_falsifying_example_of_each_layout_is_code(layout):
    x = printed(tensors(dtype=micrograd_cn.float32, layout=layout, requires_grad=True))
    assert same(x, simplest(tensors(dtype=micrograd_cn.float32, layout=layout, requires_grad=True)))


def test_falsifying_example_is_code_inside_containers_and_draws():
    @quick
    @given(st.data())
    def fails(data):
        data.draw(tensors((2,), micrograd_cn.float32))
        data.draw(st.lists(tensors((), micrograd_cn.int64), min_size=1))
        data.draw(dtypes())
        raise AssertionError

    with pytest.raises(AssertionError) as caught:
        fails()
    notes = "\n".join(caught.value.__notes__)
    assert "Draw 1: micrograd_cn.tensor([0.0, 0.0])" in notes
    assert "Draw 2: [micrograd_cn.tensor(0)]" in notes
    assert "Draw 3: micrograd_cn.float64" in notes


LAYOUT_FACTS = {
    "contiguous": lambda x: x.is_contiguous(),
    "transposed": lambda x: not x.is_contiguous() and x.permute(*reversed(range(x.ndim))).is_contiguous(),
    "strided": lambda x: not x.is_contiguous() and x.stride(-1) == 2,
    "negative": lambda x: all(s < 0 for s in x.stride()),
    "broadcast": lambda x: any(s == 0 and n > 1 for s, n in zip(x.stride(), x.shape, strict=True)),
    "0-d": lambda x: x.shape == (),
    "empty": lambda x: x.numel() == 0,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_is_what_it_says(layout):
    @quick
    @given(tensors(layout=layout, dtype=ANY_DTYPE))
    def holds(x):
        assert LAYOUT_FACTS[layout](x)

    holds()


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in ("0-d", "empty")])
def test_layouts_come_by_themselves_and_shrink_to_contiguous(layout):
    wide = tensors(shape=shapes(min_dims=2, min_side=2))
    assert LAYOUT_FACTS[layout](simplest(wide, LAYOUT_FACTS[layout]))
    assert simplest(wide).is_contiguous()


def test_smallest_tensor():
    x = simplest(tensors(), lambda x: (x > 1).any())
    assert x.shape == () and x.item() == 1.125 and x.dtype is micrograd_cn.float64
    assert simplest(tensors((2, 2)), lambda x: (x.sum() >= 1).item()).tolist() in ([[0, 0], [0, 1]], [[1, 0], [0, 0]])
    assert not simplest(tensors(requires_grad=st.booleans())).requires_grad


@quick
@given(tensors((2, 3), dtype=st.sampled_from(KINDS["integer"]), elements=st.integers(1, 5)), tensors(elements=1.5))
def test_arguments_are_values_or_strategies(x, y):
    assert x.shape == (2, 3) and not x.is_floating_point() and ((x >= 1) & (x <= 5)).all()
    assert (y == 1.5).all() and y.dtype is micrograd_cn.float64


@quick
@given(tensors(dtype=ANY_DTYPE, requires_grad=True))
def test_only_floating_tensors_require_grad_and_are_leaves(x):
    assert x.requires_grad == (x.is_floating_point() or x.is_complex()) and x.is_leaf
    assert x.dtype is not micrograd_cn.uint8 or (x <= 8).all()


@pytest.mark.parametrize(
    "arguments, said",
    [
        ({"layout": "diagonal"}, r"layout must be one of .*'contiguous'.*, but got 'diagonal'"),
        ({"shape": (3,), "layout": "transposed"}, r"shape \(3,\) does not allow the layout 'transposed'"),
        ({"shape": [3], "layout": "0-d"}, "does not allow"),
        ({"shape": (1, 1), "layout": "broadcast"}, "does not allow"),
    ],
)
def test_a_layout_that_cannot_be(arguments, said):
    with pytest.raises(ValueError, match=said):
        simplest(tensors(**arguments))


def test_drawn_shapes_and_layouts_meet_where_they_can():
    drawn = tensors(shape=shapes(max_dims=2), layout=st.sampled_from(["transposed", "0-d"]))
    assert simplest(drawn, lambda x: x.ndim == 2).stride() == (1, 2)


# --- shapes, dtypes, axes


@quick
@given(shapes(min_dims=1, max_dims=2, min_side=0, max_side=2), shapes(min_dims=5), shapes(min_side=7))
def test_shapes_keep_their_limits(a, b, c):
    assert 1 <= len(a) <= 2 and all(0 <= n <= 2 for n in a)
    assert len(b) == 5 and all(n >= 7 for n in c)


@quick
@given(st.data(), shapes(), st.integers(1, 4))
def test_broadcastable_shapes_broadcast(data, shape, count):
    micrograd_cn.broadcast_shapes(shape, data.draw(broadcastable_shapes(shape)))
    found = data.draw(broadcastable_shapes(count))
    assert len(found) == count
    micrograd_cn.broadcast_shapes(*found)


def test_broadcastable_shapes_print_as_tuples():
    assert printed(broadcastable_shapes(2)) == ((), ())
    shape = printed(broadcastable_shapes(2), lambda pair: pair[0] == pair[1])
    assert sorted(shape) == [(), (1,)]


def test_dtypes_by_kind():
    for kind, expected in KINDS.items():
        for d in expected:
            assert simplest(dtypes(kind), lambda x, d=d: x is d) is d
        assert simplest(dtypes(kind)) is expected[0]
    assert printed(dtypes("bool", "integer"), lambda d: d is micrograd_cn.bool) is micrograd_cn.int64
    with pytest.raises(ValueError, match="a kind is one of float, complex, integer, bool, but got 'floats'"):
        dtypes("floats")


@quick
@given(st.data(), shapes(min_side=0))
def test_axes_are_accepted_and_mean_the_same_to_numpy(data, shape):
    x = micrograd_cn.ones(shape)
    dim = data.draw(axes(len(shape)))
    axis = None if dim is None or not shape else dim
    assert x.sum(dim=dim).shape == np.sum(x.numpy(), axis=axis).shape
    assert -max(1, x.ndim) <= data.draw(axes(len(shape), single=True)) < max(1, x.ndim)


def test_axes_of_each_kind_are_drawn():
    assert simplest(axes(3)) == 0
    assert simplest(axes(3), lambda dim: dim is None) is None
    assert simplest(axes(3), lambda dim: isinstance(dim, tuple) and len(dim) == 2) == (0, 1)
    assert simplest(axes(3, single=True), lambda dim: dim < -2) == -3


# --- indices


def as_torch(index, torch):
    """The same index for PyTorch, which knows no stride below 0."""
    if isinstance(index, tuple):
        return tuple(as_torch(i, torch) for i in index)
    if not isinstance(index, micrograd_cn.Tensor):
        return index
    return torch.from_numpy(np.ascontiguousarray(index.numpy()).reshape(index.shape))


@settings(same_each_time, max_examples=200)
@given(st.data(), shapes(min_side=0), st.booleans())
def test_indices_fit_print_and_pick_what_pytorch_picks(data, shape, advanced):
    torch = pytest.importorskip("torch")
    index = data.draw(indices(shape, advanced=advanced))
    x = micrograd_cn.arange(int(np.prod(shape)), dtype=micrograd_cn.float64).reshape(shape)
    picked = x[index]
    assert picked.tolist() == torch.from_numpy(x.numpy())[as_torch(index, torch)].tolist()
    assert same(x[eval(pretty(index), torch_like)], picked)
    assert advanced or not any(isinstance(p, micrograd_cn.Tensor) for p in parts(index))


@settings(same_each_time, max_examples=300)
@given(indices((5, 1), advanced=False))
def test_what_follows_an_ellipsis_fits_its_own_dimension(index):
    assert micrograd_cn.zeros(5, 1)[index].numel() <= 5


def parts(index):
    return index if isinstance(index, tuple) else (index,)


def is_tensor(part, boolean):
    return isinstance(part, micrograd_cn.Tensor) and (part.dtype is micrograd_cn.bool) == boolean


INDEX_KINDS = {
    "int": lambda p: isinstance(p, int) and p < 0,
    "slice": lambda p: isinstance(p, slice) and p.step == 2,
    "None": lambda p: p is None,
    "Ellipsis": lambda p: p is ...,
    "mask": lambda p: is_tensor(p, True) and p.ndim == 1,
    "mask over two dimensions": lambda p: is_tensor(p, True) and p.ndim == 2,
    "integers": lambda p: is_tensor(p, False) and p.ndim == 1 and p.numel() > 1,
    "a grid of integers": lambda p: is_tensor(p, False) and p.ndim == 2,
}


@pytest.mark.parametrize("kind", INDEX_KINDS)
def test_indices_of_each_kind_are_drawn_and_printed(kind):
    index = printed(indices((2, 3)), lambda index: not any(INDEX_KINDS[kind](p) for p in parts(index)))
    assert any(INDEX_KINDS[kind](p) for p in parts(index))
    assert len(parts(index)) == 1  # shrunk to that part alone


# --- networks


@quick
@given(networks(dtype=st.sampled_from(KINDS["float"][:2])))
def test_networks_take_their_input_and_print_as_code(network):
    output = network.model(network.input)
    assert output.isfinite().all() and output.dtype is network.input.dtype
    again = eval(repr(network), torch_like)
    again.model(again.input)
    for (name, x), (_, y) in zip(again.model.state_dict().items(), network.model.state_dict().items(), strict=True):
        assert same(x, y), name
    assert again.model(again.input).tolist() == output.tolist() == network.model(network.input).tolist()
    assert repr(again) == repr(network)


def test_smallest_network_is_one_layer_and_its_falsifying_example_is_code():
    network = printed(networks())
    assert repr(network.model) == repr(nn.Sequential(nn.Linear(1, 1)))
    assert network.input.tolist() == [[0.0], [0.0]] and network.seed == 0


def test_networks_hold_every_kind_of_layer_over_vectors_series_and_images():
    met = set()

    @settings(same_each_time, max_examples=800)
    @given(networks())
    def meet(network):
        met.update(type(layer).__name__ for layer in network.model)

    meet()
    per_dimension = {f"{kind}{d}d" for kind in ("Conv", "BatchNorm", "MaxPool", "AvgPool") for d in (1, 2)}
    assert met >= per_dimension | {"Linear", "LayerNorm", "GroupNorm", "Flatten"}
    assert met & {"ReLU", "LeakyReLU", "Hardtanh"} and met & {"Tanh", "Sigmoid", "SiLU", "GELU", "Softplus"}


def test_networks_shrink_to_the_layer_that_fails():
    network = printed(networks(), lambda n: not any(isinstance(layer, nn.Conv1d) for layer in n.model))
    assert repr(network.model) == repr(nn.Sequential(nn.Conv1d(1, 1, 1)))


@quick
@given(networks(smooth=True, max_layers=2))
def test_smooth_networks_have_no_kink(network):
    assert len(network.model) <= 2
    names = {type(layer).__name__ for layer in network.model}
    assert not names & {"ReLU", "LeakyReLU", "Hardtanh", "MaxPool1d", "MaxPool2d"}


def test_parameters_of_a_network_come_from_its_seed_alone():
    model = nn.Sequential(nn.Linear(2, 2))
    a = Network(model, micrograd_cn.zeros(1, 2), seed=3).model[0].weight.tolist()
    micrograd_cn.manual_seed(0)
    b = Network(nn.Sequential(nn.Linear(2, 2)), micrograd_cn.zeros(1, 2), seed=3).model[0].weight.tolist()
    assert a == b != Network(nn.Sequential(nn.Linear(2, 2)), micrograd_cn.zeros(1, 2), seed=4).model[0].weight.tolist()


# --- without hypothesis


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_assert_close_needs_no_hypothesis_and_the_rest_says_how_to_get_it():
    done = run(
        "import sys; sys.modules['hypothesis'] = None\n"
        "import micrograd_cn as torch; torch.testing.assert_close(torch.ones(2), torch.ones(2))\n"
        "torch.testing.tensors"
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith("this needs hypothesis, which is missing: pip install 'micrograd-cn[test]'")


def test_importing_the_room_does_not_load_hypothesis():
    done = run("import sys, micrograd_cn.testing as t; t.assert_close(1, 1); print('hypothesis' in sys.modules)")
    assert done.stdout == "False\n", done.stderr


def test_unknown_name():
    with pytest.raises(AttributeError, match=r"'micrograd_cn\.testing' has no attribute 'nothing'"):
        micrograd_cn.testing.nothing  # noqa: B018
