"""sin(x) as a cubic, the gradients by hand on tensors."""

import math

import torch

dtype = torch.float
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(1)

x = torch.linspace(-math.pi, math.pi, 500, device=device, dtype=dtype)
y = torch.sin(x)
a, b, c, d = (torch.randn((), device=device, dtype=dtype) for _ in range(4))

rate = 2e-6
for t in range(600):
    guess = a + b * x + c * x**2 + d * x**3
    loss = (guess - y).pow(2).sum().item()
    if t % 150 == 149:
        print(t, loss)
    slope = 2.0 * (guess - y)
    a -= rate * slope.sum()
    b -= rate * (slope * x).sum()
    c -= rate * (slope * x**2).sum()
    d -= rate * (slope * x**3).sum()

print(f"y = {a.item()} + {b.item()} x + {c.item()} x^2 + {d.item()} x^3")
