"""sin(x) as a cubic, the gradients by autograd."""

import math

import torch

torch.manual_seed(2)
dtype = torch.float64
torch.set_default_dtype(dtype)

x = torch.linspace(-math.pi, math.pi, 300)
y = torch.sin(x)
weights = [torch.randn((), requires_grad=True) for _ in range(4)]

rate = 4e-6
first = 1.0
for t in range(600):
    guess = sum(w * x**k for k, w in enumerate(weights))
    loss = (guess - y).pow(2).sum()
    if t == 0:
        first = loss.item()
    if t % 150 == 149:
        print(f"step {t:4d}  loss/first {loss.item() / first:.8f}")
    loss.backward()
    with torch.no_grad():
        for w in weights:
            w -= rate * w.grad
            w.grad = None

print("coefficients:", [round(w.item(), 6) for w in weights])
