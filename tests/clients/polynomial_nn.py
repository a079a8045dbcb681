"""sin(x) as a cubic, as a linear layer on powers of x."""

import math

import torch
from torch import nn

torch.manual_seed(3)
x = torch.linspace(-math.pi, math.pi, 600)
y = torch.sin(x)
powers = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))

model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1))
loss_fn = nn.MSELoss(reduction="sum")
rate = 1e-6
for t in range(800):
    loss = loss_fn(model(powers), y)
    if t % 200 == 199:
        print(t, loss.item())
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for param in model.parameters():
            param -= rate * param.grad

layer = model[0]
print(model)
print(f"y = {layer.bias.item():.5f} + {layer.weight[0, 0].item():.5f} x + {layer.weight[0, 1].item():.5f} x^2")
