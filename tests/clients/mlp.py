"""A multilayer perceptron on pictures with dropout, batch norm, Adam, checkpoints and evaluation."""

import copy
import os
import tempfile

import torch
from pictures import digits
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split

torch.manual_seed(7)


class Pictures(Dataset):
    def __init__(self, count, seed):
        self.images, self.labels = digits(count, torch.Generator().manual_seed(seed))

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i].item()


class MLP(nn.Module):
    def __init__(self, hidden=64, p=0.2):
        super().__init__()
        self.flatten = nn.Flatten()
        self.stack = nn.Sequential(
            nn.Linear(28 * 28, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(p),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10),
        )  # fmt: skip

    def forward(self, x):
        return self.stack(self.flatten(x))


train, valid = random_split(Pictures(500, 1), [400, 100])
loaders = {"train": DataLoader(train, batch_size=40, shuffle=True), "valid": DataLoader(valid, batch_size=50)}
model = MLP()
print(model)
print("parameters:", sum(p.numel() for p in model.parameters() if p.requires_grad))
criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
best, best_weights = float("inf"), None
for epoch in range(4):
    for phase, loader in loaders.items():
        model.train(phase == "train")
        total, correct = 0.0, 0
        for x, y in loader:
            optimizer.zero_grad()
            with torch.set_grad_enabled(phase == "train"):
                out = model(x)
                loss = criterion(out, y)
                if phase == "train":
                    loss.backward()
                    optimizer.step()
            total += loss.item() * x.size(0)
            correct += (out.argmax(1) == y).type(torch.float).sum().item()
        size = len(loader.dataset)
        print(f"{epoch} {phase}: loss {total / size:.5f}, accuracy {100 * correct / size:.1f}%")
    scheduler.step(total / size)
    if total / size < best:
        best, best_weights = total / size, copy.deepcopy(model.state_dict())

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "checkpoint.pth")
    torch.save({"model": best_weights, "optimizer": optimizer.state_dict(), "loss": best}, path)
    checkpoint = torch.load(path, map_location="cpu")
again = MLP()
print(again.load_state_dict(checkpoint["model"]))
again.eval()
with torch.inference_mode():
    x, y = Pictures(50, 9)[3]
    print("guess", again(x.unsqueeze(0)).argmax().item(), "label", y, f"loss {checkpoint['loss']:.5f}")
print("steps", checkpoint["optimizer"]["state"][0]["step"])
