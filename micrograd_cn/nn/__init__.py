"""``torch.nn``: layers, losses, containers, and what initialises them."""

from micrograd_cn.nn import functional, init
from micrograd_cn.nn.modules import *  # noqa: F403
from micrograd_cn.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from micrograd_cn.nn import utils
