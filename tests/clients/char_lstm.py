"""An LSTM language model over characters with embedding, packed sequences of different lengths, and sampling."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from words import TEXT

torch.manual_seed(6)
chars = ["<pad>", *sorted(set(TEXT))]
to_id = {c: i for i, c in enumerate(chars)}
lines = [torch.tensor([to_id[c] for c in line]) for line in TEXT.splitlines()]


class Model(nn.Module):
    def __init__(self, vocab, width=16, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(vocab, width, padding_idx=0)
        self.lstm = nn.LSTM(width, hidden, num_layers=1, batch_first=True)
        self.head = nn.Linear(hidden, vocab)

    def forward(self, x, lengths, state=None):
        packed = pack_padded_sequence(self.embedding(x), lengths, batch_first=True, enforce_sorted=False)
        out, state = self.lstm(packed, state)
        out, _ = pad_packed_sequence(out, batch_first=True)
        return self.head(out), state


model = Model(len(chars))
padded = pad_sequence(lines, batch_first=True)
lengths = torch.tensor([len(line) - 1 for line in lines])
criterion = nn.CrossEntropyLoss(ignore_index=0)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
for epoch in range(12):
    model.train()
    logits, (h, c) = model(padded[:, :-1], lengths)
    loss = criterion(logits.transpose(1, 2), padded[:, 1 : 1 + logits.size(1)])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if epoch % 3 == 2:
        print(f"{epoch}: loss {loss.item():.5f}, cell {c.abs().mean().item():.5f}, hidden {h.norm():.5f}")

model.eval()
text, state, current = "t", None, torch.tensor([[to_id["t"]]])
with torch.no_grad():
    for _ in range(30):
        logits, state = model(current, torch.tensor([1]), state)
        current = torch.multinomial(torch.softmax(logits[0] / 0.8, dim=-1), 1)
        text += chars[current.item()]
print(repr(text))
