"""Scripts for PyTorch print the same under ``micrograd-cn run``: all text, and all numbers to 4 significant digits."""

from __future__ import annotations

import contextlib
import io
import math
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "clients"
HELPERS = {"__init__", "pictures", "words"}  # what the scripts import
SCRIPTS = sorted(p.stem for p in FOLDER.glob("*.py") if p.stem not in HELPERS)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def ours(name: str) -> str:
    """What the script prints here."""
    command = [sys.executable, "-W", "ignore", "-m", "micrograd_cn", "run", str(FOLDER / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def theirs(name: str) -> str:
    """What it prints with PyTorch."""
    torch = pytest.importorskip("torch")
    printed, argv = io.StringIO(), sys.argv
    sys.path.insert(0, str(FOLDER))
    sys.argv = [f"{name}.py"]
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    finally:
        sys.path.remove(str(FOLDER))
        sys.argv = argv
        for helper in HELPERS:
            sys.modules.pop(helper, None)
        torch.set_default_dtype(torch.float32)
    return printed.getvalue()


def apart(a: str, b: str) -> bool:
    """Whether two numbers as printed differ by more than the last digit of the shorter, or of four."""
    x, y = float(a), float(b)
    shown = 10.0 ** -max((len(n.partition(".")[2].partition("e")[0]) for n in (a, b)), default=0)
    step = shown if "e" not in a else 0
    return not math.isclose(x, y, rel_tol=2e-4, abs_tol=1.01 * step)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_prints_the_same(name):
    mine, reference = ours(name), theirs(name)
    assert NUMBER.sub("#", mine).split() == NUMBER.sub("#", reference).split()
    pairs = list(zip(NUMBER.findall(mine), NUMBER.findall(reference), strict=True))
    assert pairs, "a client prints numbers"
    assert not [pair for pair in pairs if apart(*pair)], mine


def test_there_is_a_client_of_every_kind():
    kinds = ["linear_regression", "softmax_regression", "mlp", "lenet", "vae", "gan", "char_rnn", "char_lstm"]
    kinds += ["sine_lbfgs", "word_embedding"]
    kinds += ["seq2seq_attention", "gpt", "reinforce"]
    kinds += [f"polynomial_{form}" for form in ("numpy", "tensors", "autograd", "function", "nn", "optim")]
    assert set(kinds) <= set(SCRIPTS)
