"""The chapters run, and what they tell the reader is so."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_prove_your_gradient(capsys):
    found = runpy.run_path(str(EXAMPLES / "12_prove_your_gradient.py"))
    assert found["report"].examples == 20 and found["report"].kinks == 0
    for name, said in {
        "forgetful": "gradient of ForgetfulSwish",
        "factor": "2/3 times the right one",
        "sign": "of the wrong sign",
        "unsummed": "a sum over broadcast dimensions",
        "second": "second derivative (the first is right)",
        "mixing": "row 1 of the output depends on row 0 of the input",
    }.items():
        assert said in found[name]
    assert found["kinks"].kinks > 0
    # At 0, where the report's smallest input stands, the derivative of Swish is σ(0) = 1/2.
    numerical = next(line for line in found["forgetful"].splitlines() if line.startswith("numerical"))
    assert float(numerical.split()[1]) == pytest.approx(0.5, abs=1e-6)
    assert "检验通过" in capsys.readouterr().out
