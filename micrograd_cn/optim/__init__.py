"""``torch.optim``: what turns gradients into new parameters, one file an algorithm.

>>> optimizer = SGD(model.parameters(), lr=0.01)
>>> for inputs, targets in data:
...     optimizer.zero_grad()
...     loss(model(inputs), targets).backward()
...     optimizer.step()
"""

from micrograd_cn.optim import lr_scheduler
from micrograd_cn.optim.adagrad import Adadelta, Adagrad
from micrograd_cn.optim.adam import Adam, AdamW
from micrograd_cn.optim.adam_family import Adamax, NAdam, RAdam
from micrograd_cn.optim.asgd import ASGD
from micrograd_cn.optim.lbfgs import LBFGS
from micrograd_cn.optim.optimizer import Optimizer
from micrograd_cn.optim.rmsprop import RMSprop
from micrograd_cn.optim.rprop import Rprop
from micrograd_cn.optim.sgd import SGD

__all__ = [
    "ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "NAdam", "Optimizer", "RAdam", "RMSprop",
    "Rprop", "SGD", "lr_scheduler",
]  # fmt: skip
