"""A recurrent network over characters: cells written out as linear layers, then nn.RNN and nn.GRU."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from words import TEXT

torch.manual_seed(5)
letters = sorted(set(TEXT))
index = {c: i for i, c in enumerate(letters)}
corpus = torch.tensor([index[c] for c in TEXT])


class Cell(nn.Module):
    def __init__(self, vocab, hidden):
        super().__init__()
        self.hidden = hidden
        self.i2h = nn.Linear(vocab + hidden, hidden)
        self.h2o = nn.Linear(hidden, vocab)

    def forward(self, x, h):
        h = torch.tanh(self.i2h(torch.cat((x, h), 1)))
        return self.h2o(h), h

    def init_hidden(self, n):
        return torch.zeros(n, self.hidden)


V, H = len(letters), 24
cell = Cell(V, H)
optimizer = torch.optim.Adagrad(cell.parameters(), lr=0.05)
one_hot = F.one_hot(corpus, V).float()
for epoch in range(4):
    h, loss = cell.init_hidden(1), 0
    start = int(torch.randint(0, 200, (1,)))
    for t in range(start, start + 30):
        out, h = cell(one_hot[t : t + 1], h)
        loss = loss + F.cross_entropy(out, corpus[t + 1 : t + 2])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(cell.parameters(), 1.0)
    optimizer.step()
    print(f"cell {epoch}: {loss.item() / 30:.5f}")

for kind in (nn.RNN, nn.GRU):
    rnn, head = kind(V, H, num_layers=2, dropout=0.1), nn.Linear(H, V)
    params = [*rnn.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(params, lr=1.0)
    state = None
    xs, ys = corpus[:280].reshape(7, 40).T, corpus[1:281].reshape(7, 40).T
    for epoch in range(4):
        state = None if state is None else state.detach()
        out, state = rnn(F.one_hot(xs, V).float(), state)
        loss = F.cross_entropy(head(out).reshape(-1, V), ys.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(params, 0.5)
        optimizer.step()
        print(f"{kind.__name__} {epoch}: perplexity {torch.exp(loss).item():.4f}, norm {norm.item():.4f}")
