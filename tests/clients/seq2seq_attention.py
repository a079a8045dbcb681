"""A sequence to sequence model: a GRU encoder, a decoder with additive attention, teacher forcing; a Transformer."""

import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim

random.seed(8)
torch.manual_seed(8)
SOS, EOS, VOCAB, H, LENGTH = 0, 1, 10, 24, 6


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, H)
        self.gru = nn.GRU(H, H, batch_first=True)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        return self.gru(self.dropout(self.embedding(x)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.Wa, self.Ua, self.Va = nn.Linear(H, H), nn.Linear(H, H), nn.Linear(H, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys))).squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        return torch.bmm(weights, keys), weights


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, H)
        self.attention = Attention()
        self.gru = nn.GRU(2 * H, H, batch_first=True)
        self.out = nn.Linear(H, VOCAB)

    def forward(self, encoded, hidden, target=None):
        x = torch.empty(encoded.size(0), 1, dtype=torch.long).fill_(SOS)
        outputs, attentions = [], []
        for i in range(LENGTH):
            context, weights = self.attention(hidden.permute(1, 0, 2), encoded)
            out, hidden = self.gru(torch.cat((self.embedding(x), context), dim=2), hidden)
            out = self.out(out)
            outputs.append(out)
            attentions.append(weights)
            if target is not None:
                x = target[:, i].unsqueeze(1)
            else:
                _, top = out.topk(1)
                x = top.squeeze(-1).detach()
        return F.log_softmax(torch.cat(outputs, dim=1), dim=-1), hidden, torch.cat(attentions, dim=1)


def batch(n):
    x = torch.tensor([[random.randrange(2, VOCAB) for _ in range(LENGTH - 1)] + [EOS] for _ in range(n)])
    return x, torch.cat([x[:, :-1].flip(1), x[:, -1:]], dim=1)


encoder, decoder = Encoder(), Decoder()
optimizers = [optim.Adam(m.parameters(), lr=0.01) for m in (encoder, decoder)]
criterion = nn.NLLLoss()
for step in range(40):
    x, y = batch(16)
    encoded, hidden = encoder(x)
    out, _, _ = decoder(encoded, hidden, y if random.random() < 0.8 else None)
    loss = criterion(out.view(-1, out.size(-1)), y.view(-1))
    for o in optimizers:
        o.zero_grad()
    loss.backward()
    for o in optimizers:
        o.step()
    if step % 10 == 9:
        print(f"{step}: {loss.item():.4f}")
encoder.eval()
with torch.no_grad():
    x, y = batch(4)
    out, _, attention = decoder(*encoder(x))
print("right:", (out.argmax(-1) == y).float().mean().item(), "attention:", attention[0, 0])

model = nn.Transformer(
    d_model=16, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=32, batch_first=True
)
embed, head = nn.Embedding(VOCAB, 16), nn.Linear(16, VOCAB)
params = [p for m in (model, embed, head) for p in m.parameters()]
optimizer = optim.Adam(params, lr=0.005)
mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
for step in range(12):
    x, y = batch(16)
    shifted = torch.cat([torch.full((16, 1), SOS), y[:, :-1]], dim=1)
    logits = head(model(embed(x), embed(shifted), tgt_mask=mask))
    loss = F.cross_entropy(logits.reshape(-1, VOCAB), y.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 4 == 3:
        print(f"transformer {step}: {loss.item():.4f}")
