# ruff: noqa: F403
"""The modules, one file a family."""

from typing import TYPE_CHECKING

from micrograd_cn.nn.functional.class_loss import LinearCrossEntropyOptions
from micrograd_cn.nn.modules.activation import *
from micrograd_cn.nn.modules.adaptive import *
from micrograd_cn.nn.modules.attention import *
from micrograd_cn.nn.modules.batchnorm import *
from micrograd_cn.nn.modules.container import *
from micrograd_cn.nn.modules.conv import *
from micrograd_cn.nn.modules.distance import *
from micrograd_cn.nn.modules.dropout import *
from micrograd_cn.nn.modules.flatten import *
from micrograd_cn.nn.modules.lazy import *
from micrograd_cn.nn.modules.linear import *
from micrograd_cn.nn.modules.loss import *
from micrograd_cn.nn.modules.module import Module
from micrograd_cn.nn.modules.normalization import *
from micrograd_cn.nn.modules.padding import *
from micrograd_cn.nn.modules.pooling import *
from micrograd_cn.nn.modules.rnn import *
from micrograd_cn.nn.modules.sparse import *
from micrograd_cn.nn.modules.transformer import *
from micrograd_cn.nn.modules.vision import *

if not TYPE_CHECKING:  # type checkers see all that is imported; they could not compute this
    _internal = ("Lazy", "NonDynamicallyQuantizableLinear", "Optioned")
    __all__ = ["LinearCrossEntropyOptions"]
    for name, x in list(globals().items()):
        if isinstance(x, type) and issubclass(x, Module) and name[0] != "_" and name not in _internal:
            __all__.append(name)
