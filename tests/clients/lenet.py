"""LeNet on pictures, with weights from Xavier's rule and SGD."""

import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from pictures import digits
from torch.optim.lr_scheduler import StepLR

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--lr", type=float, default=0.1)
args = parser.parse_args()
torch.manual_seed(11)
device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.drop = nn.Dropout2d(0.1)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.avg_pool2d(torch.sigmoid(self.drop(self.conv2(x))), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = torch.tanh(self.fc2(x))
        return F.log_softmax(self.fc3(x), dim=1)


model = LeNet().to(device)
for layer in model.modules():
    if isinstance(layer, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(layer.weight)
x = torch.rand(size=(1, 1, 28, 28))
for name, layer in model.named_children():
    if name.startswith("conv"):
        x = layer(x)
        print(name, "output shape:", x.shape)
images, labels = digits(256, torch.Generator().manual_seed(5))
optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
scheduler = StepLR(optimizer, step_size=1, gamma=0.7)
for epoch in range(1, args.epochs + 1):
    model.train()
    for i in range(0, len(images), 32):
        data, target = images[i : i + 32].to(device), labels[i : i + 32].to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
    scheduler.step()
    model.eval()
    with torch.no_grad():
        output = model(images)
        loss = F.nll_loss(output, labels, reduction="sum").item() / len(images)
        hits = output.argmax(dim=1, keepdim=True).eq(labels.view_as(output.argmax(dim=1, keepdim=True))).sum().item()
    print(f"epoch {epoch}: average loss {loss:.4f}, accuracy {hits}/{len(images)}")
