"""A variational autoencoder on pictures."""

import torch
import torch.nn.functional as F
from pictures import digits
from torch import nn, optim

torch.manual_seed(3)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 64)
        self.mean = nn.Linear(64, 4)
        self.logvar = nn.Linear(64, 4)
        self.fc3 = nn.Linear(4, 64)
        self.fc4 = nn.Linear(64, 784)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.mean(h), self.logvar(h)

    def sample(self, mean, logvar):
        std = torch.exp(0.5 * logvar)
        return mean + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mean, logvar = self.encode(x.view(-1, 784))
        return self.decode(self.sample(mean, logvar)), mean, logvar


def objective(back, x, mean, logvar):
    bce = F.binary_cross_entropy(back, x.view(-1, 784), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())
    return bce + kld


images, _ = digits(200, torch.Generator().manual_seed(1))
model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(4):
    total = 0.0
    for batch in images.clamp(0, 1).split(50):
        optimizer.zero_grad()
        back, mean, logvar = model(batch)
        loss = objective(back, batch, mean, logvar)
        loss.backward()
        total += loss.item()
        optimizer.step()
    print(f"epoch {epoch}: average loss {total / len(images):.4f}")
with torch.no_grad():
    drawn = model.decode(torch.randn(8, 4)).view(8, 1, 28, 28)
print("drawn:", drawn.mean().item(), drawn.std().item(), drawn[0, 0, 10, 8:14])
