"""Softmax regression on pictures: probabilities and cross-entropy written out, then with the layers for them."""

import torch
from pictures import digits
from torch import nn
from torch.nn import functional as F

g = torch.Generator().manual_seed(0)
images, labels = digits(400, g)
test_images, test_labels = digits(200, g)
torch.manual_seed(0)

W = torch.normal(0, 0.01, size=(784, 10), requires_grad=True)
b = torch.zeros(10, requires_grad=True)


def softmax(x):
    e = torch.exp(x)
    return e / e.sum(1, keepdim=True)


def net(x):
    return softmax(torch.matmul(x.reshape((-1, W.shape[0])), W) + b)


def accuracy(guess, y):
    if len(guess.shape) > 1 and guess.shape[1] > 1:
        guess = guess.argmax(axis=1)
    hits = guess.type(y.dtype) == y
    return float(hits.type(y.dtype).sum()) / len(y)


for epoch in range(5):
    for x, y in zip(images.split(50), labels.split(50)):
        guess = net(x)
        loss = -torch.log(guess[range(len(guess)), y])
        loss.mean().backward()
        with torch.no_grad():
            for p in (W, b):
                p -= 0.1 * p.grad
                p.grad.zero_()
    print(f"epoch {epoch}: loss {loss.mean().item():.5f}, test accuracy {accuracy(net(test_images), test_labels):.3f}")


def init_weights(m):
    if type(m) is nn.Linear:
        nn.init.normal_(m.weight, std=0.01)


model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
model.apply(init_weights)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(5):
    for x, y in zip(images.split(50), labels.split(50)):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"with layers: loss {loss.item():.5f}, test accuracy {accuracy(model(test_images), test_labels):.3f}")
print(torch.softmax(model(test_images[:1]), dim=-1))
