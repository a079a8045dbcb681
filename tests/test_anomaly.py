"""Anomaly mode: what fails in backward, or makes the first NaN there, is led back to the line that recorded it."""

from __future__ import annotations

import threading
import warnings

import pytest

import micrograd_cn as mt
from micrograd_cn import Value, engine, nn


@pytest.fixture(autouse=True)
def quiet():
    """Each test starts and ends with the mode off; what it warns of is looked at in the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    mt.autograd.set_detect_anomaly(False)


def nan_of_a_root(x):
    return (x - x).sqrt() * 0  # the recording line: found by its text


def nan_of_a_quotient(x):
    return (x * float("inf")) / (x * float("inf"))  # finite / inf is 0: the first share is none


def failing(T, forward, *, check_nan=True, error=RuntimeError):
    """The error of ``forward(x).sum().backward()`` in anomaly mode and the warnings before it."""
    x = T.tensor([1.0, 2.0], requires_grad=True)
    with T.autograd.set_detect_anomaly(True, check_nan), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", UserWarning)
        with pytest.raises(error) as raised:
            forward(x).sum().backward()
    return str(raised.value), [str(w.message) for w in seen if w.category is UserWarning]


def test_the_first_nan_is_named_with_its_line(T):
    said, warned = failing(T, nan_of_a_root)
    assert "Function 'SqrtBackward0' returned nan values in its 0th output." in said
    assert "Error detected in SqrtBackward0. Traceback of forward call that caused the error:" in warned[-1]
    frames = warned[-1].split("File ")
    assert "(x - x).sqrt() * 0" in frames[-1] and "in nan_of_a_root" in frames[-1] and "test_anomaly.py" in frames[-1]
    assert "forward(x).sum().backward()" in frames[-2]  # its caller stands above it


def test_the_error_itself_names_the_line():
    said, warned = failing(mt, nan_of_a_root)
    line = nan_of_a_root.__code__.co_firstlineno + 1
    assert f"test_anomaly.py:{line}: return (x - x).sqrt() * 0" in said
    assert "micrograd_cn/" not in warned[-1]  # nobody needs the lines of this package


def test_the_output_is_counted_as_in_the_forward(T):
    assert "'DivBackward0' returned nan values in its 1th output" in failing(T, nan_of_a_quotient)[0]
    x = T.tensor([1.0], requires_grad=True)
    with T.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match=r"DivBackward0.*1th"):
        (T.tensor([float("inf")]) / (x * float("inf"))).sum().backward()  # the first input takes no part
    with T.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match=r"WhereBackward0.*0th"):
        T.where(T.tensor([True]), x, 2 * x).backward(T.tensor([float("nan")]))  # a condition has no derivative


def test_an_error_of_any_kind_shows_where_its_operation_was_recorded(T):
    def changed(x):
        y = (x * 1).exp()  # what is changed afterwards
        y += 1
        return y

    def hooked(x):
        y = (x * 1).tanh()  # what the hook hangs on
        y.register_hook(lambda g: [][1])
        return y * 2

    said, warned = failing(T, changed)
    assert "modified by an inplace operation" in said
    assert "ExpBackward0" in warned[-1] and "y = (x * 1).exp()" in warned[-1].split("File ")[-1]
    said, warned = failing(T, hooked, error=IndexError)
    assert "TanhBackward0" in warned[-1] and "y = (x * 1).tanh()" in warned[-1].split("File ")[-1]


def test_a_users_function(T):
    class Odd(T.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            return None, g * float("nan")

    class Broken(Odd):
        @staticmethod
        def backward(ctx, g):
            raise KeyError("broken")

    def odd(x):
        return Odd.apply(x * 1, x * 2)

    assert "Function 'OddBackward' returned nan values in its 1th output." in failing(T, odd)[0]
    _, warned = failing(T, lambda x: Broken.apply(x, x), error=KeyError)
    assert "Error detected in BrokenBackward" in warned[0] and "Broken.apply(x, x)" in warned[0]


def test_a_derivative_leads_back_to_what_it_is_the_derivative_of(T):
    def slope(x):
        z = (x - x).detach().requires_grad_()
        y = z.pow(1.5)
        (g,) = T.autograd.grad(y.sum(), z, create_graph=True)  # here the first derivative is recorded
        return g * 0

    said, warned = failing(T, slope)
    assert "PowBackward0" in said and len(warned) == 2
    if T is mt:
        assert said.splitlines()[-1].startswith("That is the derivative of PowBackward0, which was recorded at ")
        assert said.endswith(": y = z.pow(1.5)")
    assert "T.autograd.grad(y.sum(), z, create_graph=True)" in warned[0]
    assert "Previous calculation was induced by PowBackward0. Traceback of forward call that induced" in warned[1]
    assert warned[1].split("File ")[-1].split("\n")[1].strip() == "y = z.pow(1.5)"


def test_what_was_recorded_before_is_said_to_be_unknown(T):
    x = T.tensor([1.0], requires_grad=True)
    y = nan_of_a_root(x)
    unknown = pytest.warns(UserWarning, match="No forward pass information available")
    with T.autograd.set_detect_anomaly(True), unknown, pytest.raises(RuntimeError, match="SqrtBackward0"):
        y.backward()


def test_nan_may_pass(T):
    x = T.tensor([1.0], requires_grad=True)
    with T.autograd.set_detect_anomaly(True, check_nan=False):
        nan_of_a_root(x).backward()
    assert x.grad.isnan().all()
    x.grad = None
    nan_of_a_root(x).backward()
    assert x.grad.isnan().all()


def test_the_switches(T):
    def state():
        return T.is_anomaly_enabled(), T.is_anomaly_check_nan_enabled()

    assert state() == (False, True)
    with pytest.warns(UserWarning, match="only be enabled for debugging"):
        outer = T.autograd.detect_anomaly(check_nan=False)
    with outer:
        assert state() == (True, False)
        with T.autograd.set_detect_anomaly(False):
            assert state() == (False, True)
        assert state() == (True, False)
        T.autograd.set_detect_anomaly(True)
        assert state() == (True, True)
    assert state() == (False, True)
    with pytest.raises(TypeError, match="must be bool"):
        T.autograd.set_detect_anomaly(1)
    assert T.autograd.anomaly_mode.set_detect_anomaly is T.autograd.set_detect_anomaly


def test_values():
    with mt.autograd.set_detect_anomaly(True), pytest.warns(UserWarning, match=r"y = \(x - 3\)\.sqrt\(\)"):
        x = Value(3.0)
        y = (x - 3).sqrt()
        with pytest.raises(RuntimeError, match=r"'SqrtBackward0' returned nan.*\n.*y = \(x - 3\)\.sqrt\(\)"):
            (y * 0.0).backward()
    with mt.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match="SqrtBackward0"):
        ((x - 3).sqrt() * 0).backward(create_graph=True)


def test_a_change_in_place_is_recorded_where_it_stands(T):
    def forward(x):
        y = x * 1
        y[0].sub_(1)
        y.sqrt_()  # the derivative at 0 is infinite
        return y * 0

    said, warned = failing(T, forward)
    assert "SqrtBackward0" in said and warned[-1].split("File ")[-1].split("\n")[1].strip().startswith("y.sqrt_()")


def test_what_is_off_leaves_nothing():
    slot = engine.Node.__dict__["number"]
    with mt.autograd.set_detect_anomaly(True):
        traced = mt.ones(1, requires_grad=True) * 2
        assert engine.Node.__dict__["number"] is not slot
    after = mt.ones(1, requires_grad=True) * 2
    assert engine.Node.__dict__["number"] is slot and engine.Anomaly.watch is None
    assert hasattr(traced.grad_fn, "trace") and not hasattr(after.grad_fn, "trace")


def test_training_is_the_same():
    def trained():
        mt.manual_seed(0)
        model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        optimizer = mt.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            loss = model(mt.ones(3, 2)).square().mean()
            (g,) = mt.autograd.grad(loss, model[0].weight, create_graph=True)
            (loss + g.square().sum()).backward()
            optimizer.step()
        return [p.tolist() for p in model.parameters()]

    plain = trained()
    with mt.autograd.set_detect_anomaly(True):
        assert trained() == plain


def test_it_is_on_in_all_threads():
    found = []

    def run():
        x = mt.zeros(1, requires_grad=True)
        try:
            (x.sqrt() * 0).backward()
        except RuntimeError as error:
            found.append(str(error))

    with mt.autograd.set_detect_anomaly(True):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert "SqrtBackward0" in found[0]
