"""Two networks against each other: one draws points of a bent line, the other tells them from true ones."""

import torch
import torch.nn as nn

torch.manual_seed(999)


def true_points(count):
    x = torch.randn(count, 1)
    return torch.cat([x, x**2 - 0.5 + 0.1 * torch.randn(count, 1)], dim=1)


generator = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(True), nn.Linear(16, 2))
critic = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2, inplace=True), nn.Linear(16, 1), nn.Sigmoid())


def weights_init(m):
    name = m.__class__.__name__
    if name.find("Linear") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.2)
    elif name.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


generator.apply(weights_init)
critic.apply(weights_init)
criterion = nn.BCELoss()
opt_d = torch.optim.Adam(critic.parameters(), lr=0.01, betas=(0.5, 0.999))
opt_g = torch.optim.Adam(generator.parameters(), lr=0.005, betas=(0.5, 0.999))
fixed = torch.randn(64, 2)
size = 32
for step in range(120):
    critic.zero_grad()
    label = torch.full((size,), 1.0)
    loss_real = criterion(critic(true_points(size)).view(-1), label)
    loss_real.backward()
    fake = generator(torch.randn(size, 2))
    label.fill_(0.0)
    loss_fake = criterion(critic(fake.detach()).view(-1), label)
    loss_fake.backward()
    opt_d.step()
    generator.zero_grad()
    label.fill_(1.0)
    loss_g = criterion(critic(fake).view(-1), label)
    loss_g.backward()
    opt_g.step()
    if step % 30 == 29:
        print(f"[{step}] critic {loss_real.item() + loss_fake.item():.4f}, generator {loss_g.item():.4f}")
with torch.no_grad():
    points = generator(fixed).detach().cpu()
print("mean", points.mean(0), "std", points.std(0))
