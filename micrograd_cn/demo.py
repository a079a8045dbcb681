"""The tutorial's XOR network from start to end: train, restart where it lies flat, predict, draw.

The network is 2-2-1 with ReLU after both layers. Most starting points lead it to a flat place (all outputs 0.5, say, or
all 0) where the gradient vanishes, so training tries one seed after another.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import micrograd_cn as torch
from micrograd_cn import nn, optim
from micrograd_cn.viz import Drawing, draw

X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
Y = [[0.0], [1.0], [1.0], [0.0]]
LEARNT = 0.01  # a loss below this rounds every prediction to its target
TRIES = 30
WINDOW = 1000  # so many epochs in which the loss falls by less than 1 % are a flat place

SAID = {
    "start": ("XOR（异或）：网络 2-2-1，ReLU，均方误差，SGD，学习率 {lr:g}，最多 {epochs} 轮，四个样本一批。",
              "XOR: 2-2-1 network, ReLU, mean squared error, SGD, lr {lr:g}, up to {epochs} epochs of four samples."),
    "bar": ("种子 {seed}", "seed {seed}"),
    "flat": ("种子 {seed} 没有学会：它停在平坦处（损失 {loss:.4f}），换下一个种子。",
             "Seed {seed} did not learn it: it lies in a flat place (loss {loss:.4f}). Trying the next seed."),
    "slow": ("种子 {seed} 在 {epochs} 轮内没有学会（损失 {loss:.4f}），换下一个种子。",
             "Seed {seed} did not learn it in {epochs} epochs (loss {loss:.4f}). Trying the next seed."),
    "learnt": ("种子 {seed} 学会了：损失 {loss:.2g}。", "Seed {seed} learnt it: loss {loss:.2g}."),
    "failed": ("试了 {tries} 个种子都没有学会；下面是其中最好的种子 {seed}（损失 {loss:.4f}）。"
               "请增大 --epochs、减小 --lr 或更换 --seed。",
               "None of {tries} seeds learnt it; this is the best, seed {seed} (loss {loss:.4f}). "
               "Raise --epochs, lower --lr or change --seed."),
    "table": ("  x1  x2   目标     预测", "  x1  x2  target  prediction"),
    "graph": ("计算图：  {path}", "Graph:   {path}"),
    "surface": ("拟合曲面：{path}", "Surface: {path}"),
    "no_plot": ("没有画拟合曲面，因为缺少 matplotlib：pip install 'micrograd-cn[plot]'",
                "The fitted surface was not drawn, for lack of matplotlib: pip install 'micrograd-cn[plot]'"),
    "title": ("网络学到的曲面 $y(x_1, x_2)$", "What the network learnt: $y(x_1, x_2)$"),
}  # fmt: skip
TEXTS = {lang: {key: both[i] for key, both in SAID.items()} for i, lang in enumerate(("zh", "en"))}
NAMES = {
    "zh": ["输入 x1, x2", "h1, h2", "隐藏层 y1, y2", "h3", "预测 y", "目标", "损失"],
    "en": ["input x1, x2", "h1, h2", "hidden y1, y2", "h3", "prediction y", "target", "loss"],
}


@dataclass
class Try:
    """A network trained from one seed, the loss that it ended with, and whether it stopped early in a flat place."""

    seed: int
    model: nn.Sequential
    loss: float
    flat: bool

    @property
    def learnt(self) -> bool:
        """Whether all four predictions round to their targets; not so for a loss that is NaN."""
        return self.loss < LEARNT


def train(seed: int, epochs: int, lr: float, lang: str = "en", quiet: bool = False) -> Try:
    """Train from one seed with a progress bar, and stop early in a flat place.

    Args:
        seed: for `micrograd_cn.manual_seed`.
        epochs: the most steps of full-batch gradient descent.
        lr: the learning rate.
        lang: of the progress bar: "zh" or "en".
        quiet: show no progress bar.
    """
    from tqdm import tqdm

    torch.manual_seed(seed)
    x, y = torch.tensor(X), torch.tensor(Y)
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU())
    criterion = nn.MSELoss()
    optimizer = optim.SGD(model.parameters(), lr=lr)
    before, flat = float("inf"), False
    with tqdm(total=epochs, desc=TEXTS[lang]["bar"].format(seed=seed), disable=quiet, leave=False) as bar:
        for epoch in range(1, epochs + 1):
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if epoch % 100 == 0 or epoch == epochs:
                bar.set_postfix(loss=f"{loss.item():.2g}", refresh=False)
                bar.update(epoch - bar.n)
            if epoch % WINDOW == 0:
                now = loss.item()
                flat = now >= 0.99 * before and now >= LEARNT
                if flat or math.isnan(now):
                    break
                before = now
    with torch.no_grad():
        return Try(seed, model, criterion(model(x), y).item(), flat)


def graph(model: nn.Sequential, lang: str = "en", samples: slice = slice(None), **options: Any) -> Drawing:
    """The picture of one forward pass to the loss and its gradients.

    Args:
        model: the four layers that `train` makes.
        lang: of the names: "zh" or "en".
        samples: which of the four samples go in.
        **options: for `draw`.
    """
    x, y = torch.tensor(X[samples]), torch.tensor(Y[samples])
    steps = [x]
    for layer in model:
        steps.append(layer(steps[-1]))
        steps[-1].retain_grad()
    loss = nn.MSELoss()(steps[-1], y)
    model.zero_grad()
    loss.backward(retain_graph=True)  # the picture shows what the graph keeps
    names = dict(zip(NAMES[lang], [*steps, y, loss], strict=True))
    return draw(loss, params={**dict(model.named_parameters()), **names}, **options)


def surface(model: nn.Sequential, path: Path, lang: str = "en") -> None:
    """Plot what the network answers on the unit square, with the four samples, to a PNG file. Needs matplotlib."""
    from matplotlib.figure import Figure

    from micrograd_cn.viz import plots

    figure = Figure(figsize=(6, 4.8), dpi=160)
    axes = plots.surface(model, X, Y, ax=figure.add_subplot(projection="3d"))
    title = TEXTS["en"]["title"]
    plots.dress(axes, title=plots.label(TEXTS["zh"]["title"], title) if lang == "zh" else title)
    axes.set_position((0, 0.05, 0.95, 0.88))
    figure.savefig(path)


def run(seed: int, epochs: int, lr: float, out: Path, lang: str) -> int:
    """Do all of it and say so on the standard output.

    Args:
        seed: the first seed; the next ones follow.
        epochs: the most epochs of one try.
        lr: the learning rate.
        out: the folder for the pictures; it is made.
        lang: "zh" or "en".

    Returns:
        0, or 1 if no seed learnt the function.

    Raises:
        OSError: if ``out`` cannot be written.
    """
    text = TEXTS[lang]
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "xor_graph.svg").touch()  # better to learn now than after the training that it cannot be written

    print(text["start"].format(lr=lr, epochs=epochs), flush=True)
    best = train(seed, epochs, lr, lang)
    last = best
    while not last.learnt and last.seed < seed + TRIES - 1:
        sentence = text["flat" if last.flat else "slow"]
        print(sentence.format(seed=last.seed, loss=last.loss, epochs=epochs), flush=True)
        last = train(last.seed + 1, epochs, lr, lang)
        best = last if last.loss < best.loss else best
    print(text["learnt" if best.learnt else "failed"].format(tries=TRIES, seed=best.seed, loss=best.loss))
    with torch.no_grad():
        predictions = best.model(torch.tensor(X)).tolist()
    print(f"\n{text['table']}")
    for (a, b), (target,), (prediction,) in zip(X, Y, predictions, strict=True):
        print(f"{a:4g}{b:4g}{target:8g}{prediction:12.6f}")
    print()

    print(text["graph"].format(path=graph(best.model, lang).save(out / "xor_graph.svg")))
    if importlib.util.find_spec("matplotlib"):
        surface(best.model, out / "xor_surface.png", lang)
        print(text["surface"].format(path=out / "xor_surface.png"))
    else:
        print(text["no_plot"])
    return 0 if best.learnt else 1
