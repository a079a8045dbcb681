"""Make the pictures of the README again: ``python examples/readme_pictures.py`` (needs matplotlib).

They show the tutorial's XOR network after training: its computation graph for the sample (0, 1), and its surface.
"""

from __future__ import annotations

from pathlib import Path

from micrograd_cn import demo

FOLDER = Path(__file__).parent / "images"
SEED = 56  # learns it

if __name__ == "__main__":
    trained = demo.train(SEED, epochs=10_000, lr=0.01)
    picture = demo.graph(trained.model, "zh", samples=slice(1, 2), rankdir="TB", digits=3)
    print(picture.save(FOLDER / "xor_graph.svg"))
    demo.surface(trained.model, FOLDER / "xor_surface.png", "zh")
    print(FOLDER / "xor_surface.png")
