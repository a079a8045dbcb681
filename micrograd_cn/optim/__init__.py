"""``torch.optim``: what turns gradients into new parameters, one file an algorithm.

>>> optimizer = SGD(model.parameters(), lr=0.01)
>>> for inputs, targets in data:
...     optimizer.zero_grad()
...     loss(model(inputs), targets).backward()
...     optimizer.step()
"""

from micrograd_cn.optim.adam import Adam, AdamW
from micrograd_cn.optim.optimizer import Optimizer
from micrograd_cn.optim.rmsprop import RMSprop
from micrograd_cn.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop"]
