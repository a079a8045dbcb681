"""Functions of users' own, for the tests that want one in a graph."""

from __future__ import annotations

from micrograd_cn import autograd


class Cube(autograd.Function):
    """x³, with a derivative that keeps its input."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return 3 * ctx.saved_tensors[0] ** 2 * g


class SumAndDifference(autograd.Function):
    """a + b and a - b."""

    @staticmethod
    def forward(ctx, a, b):
        return a + b, a - b

    @staticmethod
    def backward(ctx, g, h):
        return g + h, g - h
