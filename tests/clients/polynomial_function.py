"""sin(x) in Legendre polynomials, P3 being a function of our own with its own backward."""

import math

import torch


class Legendre3(torch.autograd.Function):
    """(5 x^3 - 3 x) / 2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * (5 * x**3 - 3 * x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * x**2 - 1)


x = torch.linspace(-math.pi, math.pi, 1000)
y = torch.sin(x)
a, b, c, d = (torch.full((), v, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3))

rate = 5e-6
p3 = Legendre3.apply
for t in range(800):
    guess = a + b * p3(c + d * x)
    loss = (guess - y).pow(2).sum()
    if t % 200 == 199:
        print(t, loss.item())
    loss.backward()
    with torch.no_grad():
        for w in (a, b, c, d):
            w -= rate * w.grad
            w.grad.zero_()

print(f"y = {a.item():.5f} + {b.item():.5f} * P3({c.item():.5f} + {d.item():.5f} x)")
double = torch.linspace(-1, 1, 7, dtype=torch.float64, requires_grad=True)
print("the derivative is right:", torch.autograd.gradcheck(p3, (double,)))
