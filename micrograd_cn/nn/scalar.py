"""Networks of single numbers: neurons, layers and perceptrons on `Value`, small enough to draw every node.

The interface is that of micrograd's ``nn`` (https://github.com/karpathy/micrograd).

>>> model = MLP(2, [3, 1])
>>> model
MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]
>>> loss = (model([1.0, -2.0]) - 1.0) ** 2
>>> model.zero_grad()
>>> loss.backward()
>>> for p in model.parameters():
...     p.data -= 0.1 * p.grad
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from micrograd_cn.value import Value


class Module:
    """What neurons, layers and networks have in common: parameters whose gradients can be reset."""

    def parameters(self) -> list[Value]:
        """All weights and biases."""
        return []

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to zero; `Value.backward` adds to what is there."""
        for p in self.parameters():
            p.grad = 0


class Neuron(Module):
    """``relu(w · x + b)``, or ``w · x + b`` if not ``nonlin``.

    Args:
        nin: number of inputs.
        nonlin: whether to apply ReLU.

    Attributes:
        w: ``nin`` weights, drawn one by one with Python's ``random.uniform(-1, 1)``, so that ``random.seed``
            decides them. They are labelled ``w1``, ``w2``, ... in drawings.
        b: the bias, at first 0, labelled ``b``.
    """

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w = [Value(random.uniform(-1, 1), label=f"w{i + 1}") for i in range(nin)]
        self.b = Value(0, label="b")
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Any]) -> Value:
        activation = self.b
        for wi, xi in zip(self.w, x, strict=False):
            activation = activation + wi * xi
        return activation.relu() if self.nonlin else activation

    def parameters(self) -> list[Value]:
        """The weights and then the bias."""
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """``nout`` neurons side by side on the same ``nin`` inputs.

    Args:
        nin: number of inputs.
        nout: number of neurons.
        **kwargs: for every `Neuron`.

    Calling it returns a list of ``nout`` values, or the value itself if there is one neuron.
    """

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        self.neurons = [Neuron(nin, **kwargs) for _ in range(nout)]

    def __call__(self, x: Sequence[Any]) -> Any:
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        """The parameters of the neurons, neuron by neuron."""
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """A multilayer perceptron: layers one after the other, all with ReLU but the last, which is linear.

    Args:
        nin: number of inputs.
        nouts: number of neurons of each layer.
    """

    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        sizes = [nin, *nouts]
        last = len(nouts) - 1
        self.layers = [Layer(sizes[i], sizes[i + 1], nonlin=i != last) for i in range(len(nouts))]

    def __call__(self, x: Sequence[Any]) -> Any:
        out: Any = x
        for i, layer in enumerate(self.layers):
            # a layer of one neuron gives a value, and the next takes a list
            out = layer([out] if i and not isinstance(out, list) else out)
        return out

    def parameters(self) -> list[Value]:
        """The parameters of the layers, first layer first."""
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"
