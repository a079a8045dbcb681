"""Every PyTorch name that public learning code uses resolves here, in PyTorch's place."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from micrograd_cn import compat

LINES = (Path(__file__).parent / "pytorch_surface.tsv").read_text().splitlines()
NAMES = [line.split("\t")[0] for line in LINES if not line.startswith(("#", "name\t"))]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_there(name):
    with compat.installed():
        found = importlib.import_module("torch")
        for part in ("torch." + name if name.startswith("Tensor.") else name).split(".")[1:]:
            if not hasattr(found, part):
                importlib.import_module(f"{found.__name__}.{part}")
            found = getattr(found, part)


def test_the_list_is_whole():
    assert len(NAMES) == len(set(NAMES)) == 330
