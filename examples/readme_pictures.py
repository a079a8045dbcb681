"""Make the pictures of the README again: ``python examples/readme_pictures.py``.

They need matplotlib, and the animation's need Chromium on the PATH. Graphs are SVGs that are dark on a dark page by
themselves; of all others there are two, light and dark. What is written in them is the same in every language.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.ticker import NullLocator

import micrograd_cn as torch
from micrograd_cn import Value, datasets, nn, viz
from micrograd_cn.viz import plots

FOLDER = Path(__file__).parent / "images"


def neuron() -> tuple[Value, dict[str, Value]]:
    """What one neuron answers, and its parameters."""
    x, w, b = Value(2.0, "x"), Value(-0.5, "w"), Value(1.5, "b")
    a = (w * x + b).tanh()
    a.label = "a"
    return a, {"w": w, "b": b}


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int, lr: float) -> nn.Module:
    """Train on all samples at once with Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        loss = nn.functional.binary_cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def graphs() -> None:
    """The graph of the neuron with the chain rule on its edges, of a network, and the network as circles."""
    a, params = neuron()
    viz.draw(a, params=params, show="data local flow op").save(FOLDER / "neuron.svg")
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1), nn.Sigmoid())
    x = torch.tensor([0.5, -1.0])
    viz.draw(model, x, show="data op", digits=2).save(FOLDER / "modules.svg")
    viz.draw_network(model, x, digits=2).save(FOLDER / "network.svg")


def networks() -> None:
    """What networks answer, and how they fold the plane, on a light and on a dark page."""
    gates, spiral, (beans, _) = datasets.gates("xor"), datasets.spiral(), datasets.beans("two", 80)
    corner = beans, (beans > 0.4).all(dim=1, keepdim=True).float()
    torch.manual_seed(2)
    xor = train(nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1), nn.Sigmoid()), *gates, 300, 0.05)
    bent = train(nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1), nn.Sigmoid()), *corner, 600, 0.02)
    torch.manual_seed(0)
    layers = [nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)]
    deep = train(nn.Sequential(*layers, nn.Sigmoid()), *spiral, 2000, 0.01)
    for theme, style, page in (("light", "default", "white"), ("dark", "dark_background", "#0d1117")):
        with plt.style.context([style, {f"{part}.facecolor": page for part in ("figure", "axes", "savefig")}]):
            figure = plt.figure(figsize=(8, 3.6), layout="constrained")
            drawn = [plots.surface(xor, *gates, ax=figure.add_subplot(1, 2, 1, projection="3d"))]
            drawn += [plots.decision(deep, *spiral, ax=figure.add_subplot(1, 2, 2))]
            for ax in drawn:
                ax.set_title("")
            figure.savefig(FOLDER / f"answers_{theme}.png", dpi=100)
            figure, panels = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
            said = ("$x$", "$Wx + b$", r"$h = \tanh(Wx + b)$", r"$v \cdot h + c$")
            for ax, title in zip(plots.folding(bent[:3], *corner, ax=panels), said, strict=True):
                ax.set_title(title, fontsize=10)
                ax.xaxis.set_major_locator(NullLocator())
                ax.yaxis.set_major_locator(NullLocator())
            figure.savefig(FOLDER / f"folding_{theme}.png", dpi=100)


def animation() -> None:
    """A step back through the sigmoid, as Chromium shows it."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise SystemExit("the pictures of the animation need Chromium on the PATH: apt install chromium")
    a, _ = neuron()
    for lang in ("zh", "en"):
        page = viz.animate(a, lang=lang).html
        for theme, answer in (("light", "not all"), ("dark", "all")):
            shown = page.replace("(prefers-color-scheme: dark)", answer)
            shown = shown.replace("</body>", "<script>for (let i = 0; i < 5; i++) $('next').click();</script></body>")
            with tempfile.TemporaryDirectory() as folder:
                Path(folder, "page.html").write_text(shown, encoding="utf-8")
                flags = ["--headless=new", "--no-sandbox", "--hide-scrollbars", "--window-size=860,560"]
                target = FOLDER / f"animation_{lang}_{theme}.png"
                flags += [f"--screenshot={target}", "--virtual-time-budget=2000", f"--user-data-dir={folder}/profile"]
                subprocess.run([browser, *flags, Path(folder, "page.html").as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    graphs()
    networks()
    animation()
    for made in sorted(FOLDER.iterdir()):
        print(f"{made.stat().st_size / 1024:6.0f} KB  {made}")
