"""Where PyTorch's databases have no sample: ties, zeros, empty shapes, options at their bounds, and what is refused.

Each line of parity_edges.txt is an expression that runs here and on PyTorch: same results and same first and second
gradients by every `leaf`, or an exception of the same kind.
"""

from __future__ import annotations

import math
import re
import traceback
import warnings
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import micrograd_cn as mt  # noqa: E402
from tests.parity import attempt, first_and_second, outcome, tensors  # noqa: E402

# Blocks of lines, each under a comment.
DERIVATIVES, FIRST_DERIVATIVES, RESULTS, REFUSED = (
    [line for line in block.splitlines() if line and not line.startswith("#")]
    for block in Path(__file__).with_name("parity_edges.txt").read_text(encoding="utf-8").split("\n\n")
)


def named(lines):
    return [pytest.param(line, id=line.replace("[", "(").replace("]", ")")) for line in lines]


def run(T, text, second):
    """The result of an expression, with the gradients by its leaves."""
    leaves = []

    def leaf(values):
        leaves.append(T.tensor(values, dtype=T.float64, requires_grad=True))
        return leaves[-1]

    names = {"T": T, "leaf": leaf, "inf": math.inf, "nan": math.nan}
    names |= {"t": lambda v: T.tensor(v, dtype=T.float64), "i": lambda v: T.tensor(v, dtype=T.int64)}
    found = tensors([eval(text, names)], T.Tensor)
    smooth = [y.requires_grad for y in found]
    return [*found, smooth, *(first_and_second(T, found, leaves, second=second) if any(smooth) else ())]


def both(text, second):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return attempt(run, torch, text, second), attempt(run, mt, text, second)


@pytest.mark.parametrize("text", named(DERIVATIVES))
def test_second_derivatives(text):
    assert outcome(*both(text, True), 1e-9, 1e-9) is None


@pytest.mark.parametrize("text", named(FIRST_DERIVATIVES + RESULTS))
def test_results(text):
    theirs, mine = both(text, False)
    assert theirs[1] is None
    assert outcome(theirs, mine, 1e-9, 1e-9) is None


@pytest.mark.parametrize("text", named(REFUSED))
def test_refused(text):
    theirs, mine = both(text, False)
    wanted, error = theirs[1], mine[1]
    assert wanted is not None
    assert outcome(theirs, mine) is None
    assert isinstance(error, mt.linalg.LinAlgError) == isinstance(wanted, torch.linalg.LinAlgError)
    # It is refused here, not by what is called next, and for the same function, index and dimension.
    assert Path(traceback.extract_tb(error.__traceback__)[-1].filename).is_relative_to(Path(mt.__file__).parent)
    phrases = ("to be equal size", "Expected reduction dim to be specified", r"^linalg\.\w+:")
    for said in (*phrases, r"index -?\d+ is out of bounds for dimension \d+ with size \d+"):
        if found := re.search(said, str(wanted)):
            assert found[0] in str(error)
