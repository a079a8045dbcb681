"""What the README shows: its pictures are there and small, and what it prints is what comes out."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from micrograd_cn import Value, viz

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURES = sorted((ROOT / "examples" / "images").iterdir())


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_every_picture_is_shown_and_small(picture):
    assert f"examples/images/{picture.name}" in README
    assert picture.stat().st_size < 150_000
    if picture.suffix == ".svg":
        assert "prefers-color-scheme: dark" in "".join(ET.parse(picture).getroot().itertext())
    else:  # those that are not dark by themselves come in two
        assert picture.name.endswith(("_light.png", "_dark.png"))


def test_every_picture_that_is_shown_is_there():
    shown = {*re.findall(r'(?:src|srcset)="([^"]*)"', README)}
    assert shown == {f"examples/images/{picture.name}" for picture in PICTURES}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_derivation_is_what_explain_says(lang):
    """Tutorial 003's network with all weights 1 and all biases 0, for Alice: (-2, -1), whose answer is 1."""
    names = ("w1", "w2", "w3", "w4", "w5", "w6", "b1", "b2", "b3")
    w1, w2, w3, w4, w5, w6, b1, b2, b3 = (Value(float(name[0] == "w"), name) for name in names)
    h1, h2 = (w1 * -2 + w2 * -1 + b1).sigmoid(), (w3 * -2 + w4 * -1 + b2).sigmoid()
    o1 = (w5 * h1 + w6 * h2 + b3).sigmoid()
    loss = (1 - o1) ** 2
    h1.label, h2.label, o1.label, loss.label = "h1", "h2", "o1", "L"
    assert f"```text\n{viz.explain(loss, w1, lang=lang)}\n```" in README


def test_the_figures_in_the_table_of_the_tutorials_are_made_by_their_chapters():
    examples = ROOT / "examples"
    table = {*re.findall(r"`(\d\d_\w+\.(?:png|svg|html))`", (examples / "README.md").read_text(encoding="utf-8"))}
    chapters = {path.name[:2]: path.read_text(encoding="utf-8") for path in examples.glob("[0-9][0-9]_*.py")}
    assert len(table) > 25
    for name in table:
        assert name in chapters[name[:2]] or name in ("11_tensor.svg", "11_module.svg", "11_scalar.svg")
