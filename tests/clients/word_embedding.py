"""Word vectors: an n-gram model with an embedding, and skip-grams with negative samples."""

import collections

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler
from words import TEXT

torch.manual_seed(1)
words = TEXT.split()
vocab = sorted(set(words))
ids = {w: i for i, w in enumerate(vocab)}
print(len(words), "words,", len(vocab), "different")


class NGram(nn.Module):
    def __init__(self, size, width, context):
        super().__init__()
        self.embeddings = nn.Embedding(size, width)
        self.linear1 = nn.Linear(context * width, 32)
        self.linear2 = nn.Linear(32, size)

    def forward(self, inputs):
        e = self.embeddings(inputs).view((1, -1))
        return F.log_softmax(self.linear2(F.relu(self.linear1(e))), dim=1)


model = NGram(len(vocab), 10, 2)
optimizer = optim.SGD(model.parameters(), lr=0.02)
loss_function = nn.NLLLoss()
for epoch in range(3):
    total = torch.zeros(1)
    for i in range(2, len(words)):
        context = torch.tensor([ids[w] for w in words[i - 2 : i]], dtype=torch.long)
        model.zero_grad()
        loss = loss_function(model(context), torch.tensor([ids[words[i]]], dtype=torch.long))
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"n-gram {epoch}: {total.item():.4f}")

pairs = [(ids[words[i]], ids[words[j]]) for i in range(len(words)) for j in (i - 1, i + 1) if 0 <= j < len(words)]
counts = collections.Counter(words)
weights = torch.tensor([counts[w] ** 0.75 for w in vocab])
centers, contexts = torch.LongTensor(pairs).unbind(1)
inner, outer = nn.Embedding(len(vocab), 12), nn.Embedding(len(vocab), 12)
optimizer = optim.Adam([*inner.parameters(), *outer.parameters()], lr=0.02)
dataset = TensorDataset(centers, contexts)
sampler = WeightedRandomSampler(1 / weights[centers], len(dataset))
for epoch in range(3):
    for center, context in DataLoader(dataset, batch_size=32, sampler=sampler):
        negative = torch.multinomial(weights, len(center) * 3, replacement=True).view(-1, 3)
        both = torch.cat([context.unsqueeze(1), negative], dim=1)
        logits = torch.bmm(outer(both), inner(center).unsqueeze(2)).squeeze(-1)
        labels = torch.zeros_like(logits)
        labels[:, 0] = 1
        loss = F.binary_cross_entropy_with_logits(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"skip-gram {epoch}: {loss.item():.5f}")
v = inner.weight.data
near = torch.mv(v, v[ids["slope"]]) / torch.sqrt(torch.sum(v * v, dim=1) * torch.sum(v[ids["slope"]] ** 2) + 1e-9)
print("near slope:", near.topk(3).values)
