"""Linear regression: data made from known weights, mini-batches by hand, then the same with layers."""

import torch
from torch import nn
from torch.utils import data

torch.manual_seed(42)


def synthetic(w, b, count):
    x = torch.normal(0, 1, (count, len(w)))
    y = torch.matmul(x, w) + b
    y += torch.normal(0, 0.01, y.shape)
    return x, y.reshape((-1, 1))


true_w, true_b = torch.tensor([2, -3.4]), 4.2
features, labels = synthetic(true_w, true_b, 600)
print("features:", features[0], "\nlabel:", labels[0])


def batches(size):
    order = torch.randperm(len(features))
    for i in range(0, len(features), size):
        rows = order[i : min(i + size, len(features))]
        yield features[rows], labels[rows]


w = torch.normal(0, 0.01, size=(2, 1), requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for epoch in range(3):
    for x, y in batches(10):
        loss = (torch.mm(x, w) + b - y.reshape(-1, 1)) ** 2 / 2
        loss.sum().backward()
        with torch.no_grad():
            for p in (w, b):
                p -= 0.03 * p.grad / 10
                p.grad.zero_()
    with torch.no_grad():
        print(f"epoch {epoch + 1}, loss {float(((torch.mm(features, w) + b - labels) ** 2 / 2).mean()):f}")
print("error of w:", true_w - w.detach().reshape(true_w.shape))

net = nn.Sequential(nn.Linear(2, 1))
net[0].weight.data.normal_(0, 0.01)
net[0].bias.data.fill_(0)
loader = data.DataLoader(data.TensorDataset(features, labels), 10, shuffle=True)
loss_fn = nn.MSELoss()
trainer = torch.optim.SGD(net.parameters(), lr=0.03, weight_decay=1e-4)
for epoch in range(3):
    for x, y in loader:
        loss = loss_fn(net(x), y)
        trainer.zero_grad()
        loss.backward()
        trainer.step()
    print(f"epoch {epoch + 1}, loss {loss_fn(net(features), labels):f}")
print("w, b:", net[0].weight.data, net[0].bias.data)
