"""Differentiation: `backward`, `grad`, `Function`, proofs by numerical differences, Jacobians and Hessians."""

from micrograd_cn.autograd import functional
from micrograd_cn.autograd.anomaly_mode import detect_anomaly, set_detect_anomaly
from micrograd_cn.autograd.function import Function
from micrograd_cn.autograd.gradcheck import GradcheckError, gradcheck, gradgradcheck
from micrograd_cn.autograd.modes import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from micrograd_cn.autograd.sweeps import backward, grad
from micrograd_cn.autograd.variable import Variable

__all__ = [
    "Function", "GradcheckError", "Variable", "backward", "detect_anomaly", "enable_grad", "functional", "grad",
    "gradcheck", "gradgradcheck", "inference_mode", "is_grad_enabled", "no_grad", "set_detect_anomaly",
    "set_grad_enabled",
]  # fmt: skip
