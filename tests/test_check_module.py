"""`check_module`: sound layers pass, and each way to build a wrong one is caught and described; the pytest option."""

import random
import subprocess
import sys
import textwrap

import hypothesis.strategies as st
import numpy as np
import pytest

import micrograd_cn as torch
from micrograd_cn import nn
from micrograd_cn.autograd.gradcheck import GradcheckError
from micrograd_cn.testing import check_module, examples, tensors
from tests.conftest import raises

ROWS = tensors((3, 2))
few = {"max_examples": 4}


class Scale(nn.Module):
    """``x * weight``, and what the wrong ones below are made of."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0]))

    def forward(self, x):
        return x * self.weight


# --- what is right


@pytest.mark.parametrize(
    "make, inputs, batch_dim",
    [
        (lambda: nn.Linear(2, 3), [ROWS], 0),
        (lambda: nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 1)), [ROWS], 0),
        (lambda: nn.BatchNorm1d(2), [ROWS], None),
        (lambda: nn.Conv2d(1, 2, 2, padding=1), [(2, 1, 3, 3)], 0),
        (lambda: nn.Embedding(5, 2), [tensors((2, 3), torch.int64, st.integers(0, 4))], 0),
        (lambda: nn.LSTM(2, 2), [(3, 2, 2)], 1),
        (lambda: nn.Bilinear(2, 2, 1), [ROWS, ROWS], 0),
        (lambda: nn.MultiheadAttention(2, 1, batch_first=True), [(2, 3, 2)] * 3, 0),
        (lambda: nn.Tanh(), [tensors()], None),
        (lambda: nn.CrossEntropyLoss(), [ROWS, torch.tensor([0, 1, 1])], None),
    ],
)  # fmt: skip
def test_sound_layers_pass(make, inputs, batch_dim):
    check_module(make, *inputs, batch_dim=batch_dim, order=1, **few)


def test_batch_norm_keeps_rows_apart_in_evaluation_only():
    check_module(nn.BatchNorm1d(2), ROWS, batch_dim=0, modes=("eval",), **few)
    with raises("BatchNorm1d in train mode: row 1 of the output depends on row 0 of the input", AssertionError):
        check_module(nn.BatchNorm1d(2), ROWS, batch_dim=0, **few)


def test_module_and_random_stream_are_left_as_they_were():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout()).eval()
    torch.manual_seed(1)
    before = {name: x.clone() for name, x in model.state_dict().items()}
    check_module(model, ROWS, **few)
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
    assert all(p.grad is None and p.dtype is torch.float32 for p in model.parameters()) and not model.training
    drawn = torch.rand(3).tolist()
    torch.manual_seed(1)
    assert torch.rand(3).tolist() == drawn


def test_shared_and_listed_parameters_count_as_registered():
    class Tied(Scale):
        def __init__(self):
            super().__init__()
            self.again = self.weight
            self.listed = [self.weight]

        def forward(self, x):
            return (x * self.weight + self.again.square()) * self.listed[0]

    check_module(Tied, ROWS, **few)


def test_frozen_parameters_need_no_gradient():
    layer = nn.Linear(2, 2)
    layer.bias.requires_grad_(False)
    check_module(layer, ROWS, **few)


def test_what_has_no_derivative_is_checked_for_the_rest():
    table = nn.Embedding.from_pretrained(torch.eye(3))
    check_module(table, tensors((2,), torch.int64, st.integers(0, 2)), batch_dim=0, **few)
    noisy = type("Noisy", (nn.Module,), {"forward": lambda self, i: i + random.randrange(10**9)})
    with raises("a second call under the same seed", AssertionError):
        check_module(noisy, tensors((2,), torch.int64))


# --- what is wrong


class Listed(Scale):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 2)]

    def forward(self, x):
        return self.layers[0](x * self.weight)


class Unregistered(Scale):
    def __init__(self):
        super().__init__()
        self.shift = torch.zeros(2, requires_grad=True)

    def forward(self, x):
        return x * self.weight + self.shift


class RandomConstant(Scale):
    """A constant that every instance draws anew, and that is not saved."""

    def __init__(self):
        super().__init__()
        self.mask = torch.rand(2)

    def forward(self, x):
        return x * self.weight * self.mask


class LostMean(Scale):
    """A running mean that is no buffer; it is used in evaluation alone, as batch norm does."""

    mean = torch.zeros(2)

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
            return x * self.weight
        return (x - self.mean) * self.weight


class NotPersistent(Scale):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(2), persistent=False)

    forward = LostMean.forward


class Counting(Scale):
    """The output depends on how often it was called."""

    calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.weight / self.calls


class PythonNoise(Scale):
    def forward(self, x):
        return x * self.weight * random.random()


class OwnGenerator(Scale):
    def __init__(self):
        super().__init__()
        self.noise = np.random.default_rng(0)

    def forward(self, x):
        return x * self.weight * self.noise.random()


class Unused(Scale):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2))


class Detached(Unused):
    def forward(self, x):
        return x * self.weight + self.bias.detach()


class Float32Constant(Scale):
    def __init__(self):
        super().__init__()
        self.table = torch.eye(2)

    def forward(self, x):
        return (x * self.weight) @ self.table


class OtherKeys(Scale):
    """Saves under another name than it loads."""

    def state_dict(self, *args, **options):
        return {f"{name}_": x for name, x in super().state_dict(*args, **options).items()}


class LoadsNothing(Scale):
    def load_state_dict(self, state_dict, strict=True, assign=False):
        pass


class Nothing(Scale):
    def forward(self, x):
        pass


CAUGHT = {
    Listed: r"Listed: layers\.0\.weight of shape .* requires grad, but is left out of parameters\(\).*ModuleList",
    Unregistered: r"shift of shape \(2,\) requires grad, but is left out of .* nn\.Parameter",
    RandomConstant: r"in train mode: another one that loads .* register_buffer\(\) .* leaves out: mask\.",
    LostMean: r"LostMean in eval mode: another one that loads .* leaves out: mean\.",
    NotPersistent: r"in eval mode: another one that loads .* leaves out: mean\.",
    Counting: r"in train mode: a second call under the same seed and from the same state_dict gives another output",
    PythonNoise: r"a second call under the same seed .* not by random or NumPy",
    OwnGenerator: r"a second call under the same seed .* not by random or NumPy",
    Unused: r"Unused: bias gets no gradient\. Either forward\(\) does not use it",
    Detached: r"Detached: bias gets no gradient\. .* leaves the graph \(detach",
    OtherKeys: r"OtherKeys cannot load its own state_dict: .*Missing key",
    LoadsNothing: r"LoadsNothing in train mode: another one that loads its state_dict gives another output",
    Nothing: r"Nothing in train mode: it returns no tensor",
}


@pytest.mark.parametrize("wrong", CAUGHT)
def test_wrong_module_is_caught_and_described(wrong):
    with pytest.raises(AssertionError, match=f"(?s){CAUGHT[wrong]}"):
        check_module(wrong, ROWS)


def test_gradients_from_before_do_not_hide_an_unused_parameter():
    module = Unused()
    module.bias.grad = torch.ones(2)
    with raises("bias gets no gradient", AssertionError):
        check_module(module, ROWS)
    assert module.bias.grad.tolist() == [1, 1]


def test_the_smallest_input_is_printed_as_code():
    with pytest.raises(AssertionError) as caught:
        check_module(LostMean, ROWS)
    notes = "\n".join(caught.value.__notes__)
    code = notes[notes.index("inputs=") + 7 : notes.index("\n)")]
    (x,) = eval(code.split("#")[0].rstrip().rstrip(","), {"micrograd_cn": torch})
    assert x.shape == (3, 2) and np.count_nonzero(x.numpy()) == 1


def test_state_that_stays_in_single_precision_is_named_where_the_module_fails():
    with pytest.raises(RuntimeError) as caught:
        check_module(Float32Constant, ROWS)
    assert any("made float64 by .double(). The state_dict leaves out: table." in n for n in caught.value.__notes__)


@pytest.mark.parametrize(
    "forward, batch_dim, said",
    [
        (lambda self, x: x * self.weight - x.mean(0), 0, "in train mode: row 1 of the output depends on row 0"),
        (lambda self, x: (x * self.weight).softmax(0), 0, "in train mode: row 1 of the output depends on row 0"),
        (lambda self, x: (x * self.weight).cumsum(1), 1, "row 1 of the output depends on row 0 of the input"),
        (lambda self, x: (x * self.weight).roll(1, 0), 0, "row 1 of the output depends on row 0"),
        (lambda self, x: (x * self.weight).sum(), 0, r"batch_dim=0 has 3 rows, but an output is of shape \(\)"),
        (lambda self, x: (x * self.weight).t(), 0, r"has 3 rows, but an output is of shape \(2, 3\)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", ["drawn", "constant"])
def test_rows_that_mix_are_caught(forward, batch_dim, said, source):
    mixing = type("Mixing", (Scale,), {"forward": forward})
    with raises(f"Mixing .*{said}", AssertionError):
        check_module(mixing, ROWS if source == "drawn" else torch.ones(3, 2), batch_dim=batch_dim)
    if "depends" in said:
        check_module(mixing, ROWS, order=1, **few)  # nothing else is wrong with it


@pytest.mark.parametrize("rows", [torch.ones(1, 2), (1, 2)])
def test_rows_that_mix_are_caught_in_a_batch_of_one(rows):
    mixing = type("Mixing", (Scale,), {"forward": lambda self, x: x * self.weight - x.mean(0)})
    with raises("row 1 of the output depends on row 0", AssertionError):
        check_module(mixing, rows, batch_dim=0, **few)
    check_module(Scale, rows, batch_dim=0, **few)


def test_rows_of_integers_that_mix_are_caught():
    mixing = type("Mixing", (nn.Embedding,), {"forward": lambda self, x: nn.Embedding.forward(self, x.flip(0))})
    with raises("row 2 of the output depends on row 0|row 0 of the output depends on row", AssertionError):
        check_module(lambda: mixing(5, 2), tensors((3,), torch.int64, st.integers(0, 4)), batch_dim=0)


class Doubled(torch.autograd.Function):
    """``x * w`` whose rule for ``w`` is twice too large."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g * w, (2 * g * x).sum(0)


def test_wrong_gradient_names_the_parameter_and_the_mode():
    wrong = type("Wrong", (Scale,), {"forward": lambda self, x: Doubled.apply(x, self.weight)})
    with raises(r"(?s)Wrong in train mode.*parameter weight.* 2 times", GradcheckError):
        check_module(wrong, ROWS)
    inside = nn.Sequential(nn.Tanh(), wrong())
    with raises(r"(?s)Sequential in eval mode.*parameter 1\.weight", GradcheckError):
        check_module(inside, ROWS, modes=("eval",))


def test_wrong_gradient_in_one_mode_names_the_input_and_that_mode():
    def forward(self, x):
        return x * self.weight if self.training else Doubled.apply(self.weight.expand_as(x), x.mean(0))

    wrong = type("Wrong", (Scale,), {"forward": forward})
    with raises("(?s)Wrong in eval mode.*input 0", GradcheckError):
        check_module(wrong, ROWS)


def test_unknown_mode():
    with raises("a mode is 'train' or 'eval', but it is 'test'", ValueError):
        check_module(nn.Linear(2, 2), ROWS, modes=("test",))


# --- how many examples


def test_the_environment_sets_the_number_of_examples(monkeypatch):
    monkeypatch.setenv("MICROGRAD_EXAMPLES", "7")
    assert examples() == 7
    monkeypatch.delenv("MICROGRAD_EXAMPLES")
    assert examples() == 20


def test_budget_is_the_number_of_examples_that_check_module_draws(monkeypatch):
    calls = []

    class Counted(Scale):
        def forward(self, x):
            calls.append(x)
            return super().forward(x)

    def count():
        calls.clear()
        check_module(Counted, ROWS, order=1, modes=("eval",))
        return len(calls)

    monkeypatch.setenv("MICROGRAD_EXAMPLES", "4")
    few = count()
    monkeypatch.setenv("MICROGRAD_EXAMPLES", "40")
    assert 5 * few < count() < 20 * few


def pytest_in(folder, *options, code):
    """Run pytest in a process of its own, with the plugins that are installed."""
    (folder / "test_it.py").write_text(textwrap.dedent(code))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


SHOWS = """
    def test_it():
        from micrograd_cn.testing import examples
        assert examples() == {}
"""


@pytest.mark.parametrize(
    "options, count",
    [((), 20), (("--micrograd-budget=thorough",), 200), (("--micrograd-budget=exhaustive", "-n1"), 2000)],
)
def test_the_option_reaches_the_tests(tmp_path, monkeypatch, options, count):
    monkeypatch.delenv("MICROGRAD_EXAMPLES", raising=False)
    done = pytest_in(tmp_path, *options, code=SHOWS.format(count))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_option_names_its_choices(tmp_path):
    done = pytest_in(tmp_path, "--micrograd-budget=huge", code="")
    assert done.returncode != 0 and all(name in done.stderr for name in ("quick", "thorough", "exhaustive"))


def test_the_plugin_does_not_load_the_package(tmp_path):
    code = """
        import sys

        def test_it(pytestconfig):
            assert pytestconfig.getoption("micrograd_budget") is None
            assert "pytest_micrograd_cn" in sys.modules
            assert "micrograd_cn" not in sys.modules and "numpy" not in sys.modules
    """
    # Other plugins may load NumPy themselves.
    done = pytest_in(tmp_path, "-p", "no:hypothesispytest", "-p", "no:benchmark", code=code)
    assert done.returncode == 0, done.stdout + done.stderr


def test_chance_is_named_before_anything_else_is_blamed():
    class Chancy(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 2)

        def forward(self, x):
            return self.linear(x) * (random.random() > 0.5)

    for seed in range(5):
        random.seed(seed)
        with pytest.raises(AssertionError, match=r"not deterministic|a second call under the same seed"):
            check_module(Chancy, tensors((4, 3)), batch_dim=0)
