"""Differentiation: `backward`, `grad`, `Function`, proofs by numerical differences, Jacobians and Hessians."""

from micrograd_cn.autograd import functional
from micrograd_cn.autograd.function import Function
from micrograd_cn.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from micrograd_cn.autograd.modes import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from micrograd_cn.autograd.sweeps import backward, grad
from micrograd_cn.autograd.variable import Variable

__all__ = [
    "Function", "GradcheckError", "Variable", "backward", "enable_grad", "functional", "grad", "gradcheck",
    "gradgradcheck", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled",
]  # fmt: skip
