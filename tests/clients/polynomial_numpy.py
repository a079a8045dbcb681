"""sin(x) as a cubic, the gradients by hand in NumPy; only the comparison at the end is a tensor's."""

import math

import numpy as np
import torch

rng = np.random.RandomState(0)
x = np.linspace(-math.pi, math.pi, 400)
y = np.sin(x)
a, b, c, d = rng.randn(4)
rate = 2e-6

for step in range(800):
    guess = a + b * x + c * x**2 + d * x**3
    slope = 2.0 * (guess - y)
    if step % 200 == 0:
        print(step, np.square(guess - y).sum())
    a -= rate * slope.sum()
    b -= rate * (slope * x).sum()
    c -= rate * (slope * x**2).sum()
    d -= rate * (slope * x**3).sum()

print(f"y = {a:.6f} + {b:.6f} x + {c:.6f} x^2 + {d:.6f} x^3")
left = torch.from_numpy(guess) - torch.from_numpy(y)
print("largest error", left.abs().max().item())
