"""sin(x) as a cubic: a module of our own, an optimizer and a learning rate schedule; and one whose order changes."""

import math
import random

import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(4)
random.seed(4)
x = torch.linspace(-math.pi, math.pi, 600)
y = torch.sin(x)


class Cubic(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d, self.e = (nn.Parameter(torch.randn(())) for _ in range(5))

    def forward(self, x):
        out = self.a + self.b * x + self.c * x**2 + self.d * x**3
        for power in range(4, random.randint(4, 6)):
            out = out + self.e * x**power
        return out

    def string(self):
        return f"y = {self.a.item():.4f} + {self.b.item():.4f} x + {self.c.item():.4f} x^2 + {self.d.item():.4f} x^3"


model = Cubic()
criterion = nn.MSELoss(reduction="mean")
optimizer = optim.RMSprop(model.parameters(), lr=5e-3)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=200, gamma=0.3)
for t in range(500):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if t % 100 == 99:
        print(t, f"{loss.item():.5f}", scheduler.get_last_lr())
print(model.string())
print({name: tuple(p.shape) for name, p in model.named_parameters()})
