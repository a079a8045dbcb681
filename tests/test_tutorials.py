"""The numbers that the four tutorials print, from our engine: each one is a fact from outside."""

from __future__ import annotations

import numpy as np
import pytest

import micrograd_cn as mt
from micrograd_cn import Value, nn, optim

XS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
YS = [0.0, 1.0, 1.0, 0.0]

# Tutorial 000: its printed start and its nine numbers after 10,000 epochs, as w1 … w6, b1, b2, b3.
NAMES = ("w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3")
START = (
    0.9550195641305104, 0.14966699439564202, 0.3724530186688523, 0.2918470706407119, 0.9307877788007731,
    0.15420500041785823, 0.6885635070835702, 0.007327282692478065, 0.6720023468053917,
)  # fmt: skip
TRAINED = (
    0.9411855394820262, 1.081520036084144, 0.9411855383955807, 1.0815200346093992, 1.0624827954556706,
    -1.8492392682881917, 0.10083647508443963, -1.0815200439276933, -0.10713294170194569,
)  # fmt: skip
PREDICTED = (4.0782296658048445e-06, 0.999997520106653, 0.9999975212609825, 1.6602024642403679e-06)


def xor_network(numbers):
    """The 2-2-1 network of tutorial 000 in float64 with the nine numbers in it."""
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = numbers
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU()).double()
    net.load_state_dict(
        {
            "0.weight": mt.tensor([[w1, w3], [w2, w4]], dtype=mt.float64),
            "0.bias": mt.tensor([b1, b2], dtype=mt.float64),
            "2.weight": mt.tensor([[w5, w6]], dtype=mt.float64),
            "2.bias": mt.tensor([b3], dtype=mt.float64),
        }
    )
    return net


def nine_numbers(net):
    (w1, w3), (w2, w4) = net[0].weight.tolist()
    (w5, w6), (b1, b2), (b3,) = net[2].weight.tolist()[0], net[0].bias.tolist(), net[2].bias.tolist()
    return w1, w2, w3, w4, w5, w6, b1, b2, b3


def test_xor_by_hand_reaches_the_printed_weights_on_values():
    p = {name: Value(number, name) for name, number in zip(NAMES, START, strict=True)}

    def predict(x1, x2):
        y1 = (p["w1"] * x1 + p["w3"] * x2 + p["b1"]).relu()
        y2 = (p["w2"] * x1 + p["w4"] * x2 + p["b2"]).relu()
        return (p["w5"] * y1 + p["w6"] * y2 + p["b3"]).relu()

    for _ in range(10_000):
        loss = sum((predict(*x) - y) ** 2 for x, y in zip(XS, YS, strict=True)) / 4
        for w in p.values():
            w.zero_grad()
        loss.backward()
        for w in p.values():
            w.data -= 0.01 * w.grad
    assert [w.data for w in p.values()] == pytest.approx(TRAINED, rel=1e-12)
    assert [predict(*x).data for x in XS] == pytest.approx(PREDICTED, rel=1e-8)


def test_xor_by_hand_reaches_the_printed_weights_on_tensors():
    net = xor_network(START)
    x, y = mt.tensor(XS, dtype=mt.float64), mt.tensor(YS, dtype=mt.float64).reshape(4, 1)
    optimizer, loss_of = optim.SGD(net.parameters(), lr=0.01), nn.MSELoss()
    for _ in range(10_000):
        loss = loss_of(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert nine_numbers(net) == pytest.approx(TRAINED, rel=1e-12)
    assert net(x).flatten().tolist() == pytest.approx(PREDICTED, rel=1e-8)


def test_the_exact_solution_has_no_loss():
    net = xor_network((1, 1, 1, 1, 1, -2, 0, -1, 0))
    x = mt.tensor(XS, dtype=mt.float64)
    assert net(x).flatten().tolist() == YS
    assert nn.MSELoss()(net(x).flatten(), mt.tensor(YS, dtype=mt.float64)).item() == 0.0
    # The hidden layer folds the square into three points.
    assert net[1](net[0](x)).tolist() == [[0, 0], [1, 0], [1, 0], [2, 1]]


def test_the_pytorch_script_with_only_the_import_changed():
    import micrograd_cn as torch

    nn = torch.nn
    for seed in range(20):  # the tutorial: run it several times, some starts fall flat
        torch.manual_seed(seed)
        x = torch.tensor(XS)
        y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
        model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU())
        criterion = torch.nn.MSELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for _ in range(10_000):
            y_pred = model(x)
            loss = criterion(y_pred, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if loss.item() < 1e-3:
            break
    outputs = [model.forward(torch.tensor(point)) for point in XS]
    assert [repr(o).partition("grad_fn=")[2] for o in outputs] == ["<ReluBackward0>)"] * 4
    assert [o.item() for o in outputs] == pytest.approx(YS, abs=0.05)
    assert outputs[1].shape == (1,)


# --- tutorial 002 --------------------------------------------------------------------------------------------------


def test_weighted_sum_relu_and_mse_of_the_numpy_tutorial():
    inputs, weights = mt.tensor([1.0, 2.0, 3.0], dtype=mt.float64), mt.tensor([0.2, 0.8, -0.5], dtype=mt.float64)
    assert (inputs @ weights + 2.0).item() == pytest.approx(2.3, abs=1e-15)
    assert sum(Value(a) * w for a, w in ((1.0, 0.2), (2.0, 0.8), (3.0, -0.5))).data + 2.0 == pytest.approx(2.3)
    assert Value(2.3).relu().data == 2.3 and Value(-1.2).relu().data == 0.0
    y_true = mt.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=mt.float64)
    y_pred = mt.tensor([[0.1, 0.9], [0.8, 0.2]], dtype=mt.float64)
    assert nn.functional.mse_loss(y_pred, y_true).item() == pytest.approx(0.024999999999999994, rel=1e-15)


def test_broadcasting_of_the_bias():
    out = mt.tensor([[10, 20, 30, 40], [50, 60, 70, 80]]) + mt.tensor([[0.1, 0.2, 0.3, 0.4]])
    assert out.tolist() == [pytest.approx([10.1, 20.2, 30.3, 40.4]), pytest.approx([50.1, 60.2, 70.3, 80.4])]


def test_gradients_of_a_4_3_2_network_neuron_by_neuron():
    """The tutorial's rule for one neuron, dC/dw = aᵀ(dC/da · relu'(z)), applied by hand layer by layer."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    weights = [rng.normal(size=(4, 3)), rng.normal(size=(3, 2))]
    biases = [rng.normal(size=(1, 3)), rng.normal(size=(1, 2))]
    activations, sums = [x], []
    for w, b in zip(weights, biases, strict=True):
        sums.append(activations[-1] @ w + b)
        activations.append(np.maximum(sums[-1], 0))
    responsibility = 2 * (activations[-1] - y) / y.shape[0]
    by_hand = []
    for layer in (1, 0):
        columns, before = [], np.zeros_like(activations[layer])
        for i in range(weights[layer].shape[1]):  # one neuron after the other
            dz = responsibility[:, [i]] * (sums[layer][:, [i]] > 0)
            columns.append((activations[layer].T @ dz, dz.sum(axis=0, keepdims=True)))
            before += dz @ weights[layer][:, [i]].T
        responsibility = before
        by_hand.insert(0, (np.hstack([w for w, _ in columns]), np.hstack([b for _, b in columns])))

    ws = [mt.tensor(w, requires_grad=True) for w in weights]
    bs = [mt.tensor(b, requires_grad=True) for b in biases]
    a = mt.tensor(x)
    for w, b in zip(ws, bs, strict=True):
        a = (a @ w + b).relu()
    (((a - mt.tensor(y)) ** 2).sum() / y.shape[0]).backward()
    for (dw, db), w, b in zip(by_hand, ws, bs, strict=True):
        np.testing.assert_allclose(w.grad, dw, rtol=1e-12)
        np.testing.assert_allclose(b.grad, db, rtol=1e-12)


# --- tutorial 003 --------------------------------------------------------------------------------------------------


def sigmoid_neuron(w, x, b):
    return sum((wi * xi for wi, xi in zip(w, x, strict=True)), b).sigmoid()


def test_one_sigmoid_neuron_and_three():
    w, b = [Value(0.0), Value(1.0)], Value(4.0)
    assert sigmoid_neuron(w, [2, 3], b).data == pytest.approx(0.9990889488055994, rel=1e-15)
    zero = Value(0.0)
    h = sigmoid_neuron(w, [2, 3], zero)
    assert sigmoid_neuron(w, [h, h], zero).data == pytest.approx(0.7216325609518421, rel=1e-15)


def test_mse_of_answering_male_always():
    answers = mt.tensor([1.0, 0.0, 0.0, 1.0])
    assert nn.functional.mse_loss(mt.zeros(4), answers).item() == 0.5


def test_the_hand_derivation_for_alice():
    """All weights 1, biases 0, Alice (-2, -1): the factors -0.952, 0.249 and -0.0904 multiply to dL/dw1 = 0.0214."""
    w1, w2, w3, w4, w5, w6 = (Value(1.0) for _ in range(6))
    b1, b2, b3 = (Value(0.0) for _ in range(3))
    h1 = sigmoid_neuron([w1, w2], [-2, -1], b1)
    h2 = sigmoid_neuron([w3, w4], [-2, -1], b2)
    o1 = sigmoid_neuron([w5, w6], [h1, h2], b3)
    loss = (1 - o1) ** 2
    loss.backward(retain_graph=True)
    assert round(h1.data, 4) == 0.0474 and round(o1.data, 3) == 0.524
    dl_do1 = o1.grad
    (do1_dh1,) = mt.autograd.grad(o1, h1, retain_graph=True)
    (dh1_dw1,) = mt.autograd.grad(h1, w1, retain_graph=True)
    assert w1.grad == pytest.approx(dl_do1 * do1_dh1.data * dh1_dw1.data, rel=1e-14)
    # The tutorial goes on with numbers rounded to three digits, first of all the prediction 0.524.
    factors = (round(-2 * (1 - round(o1.data, 3)), 3), round(do1_dh1.data, 3), round(dh1_dw1.data, 4))
    assert factors == (-0.952, 0.249, -0.0904)
    assert round(factors[0] * factors[1] * factors[2], 4) == 0.0214 == pytest.approx(w1.grad, rel=5e-3)


@pytest.mark.parametrize("seed", range(3))
def test_training_on_the_four_people_knows_emily_and_frank(seed):
    rng = np.random.default_rng(seed)
    people = [((-2, -1), 1), ((25, 6), 0), ((17, 4), 0), ((-15, -6), 1)]
    w = [Value(x) for x in rng.normal(size=9)]

    def network(x):
        h1 = sigmoid_neuron(w[0:2], x, w[6])
        h2 = sigmoid_neuron(w[2:4], x, w[7])
        return sigmoid_neuron(w[4:6], [h1, h2], w[8])

    for _ in range(1000):
        for x, y in people:
            loss = (y - network(x)) ** 2
            for p in w:
                p.zero_grad()
            loss.backward()
            for p in w:
                p.data -= 0.1 * p.grad
    emily, frank = network((-7, -3)).data, network((20, 2)).data
    assert emily > 0.9 and frank < 0.1
