"""The option ``--micrograd-budget`` of pytest: how many examples `micrograd_cn.testing.examples` allows.

pytest loads its plugins in every run of an environment, so the wheel carries this file as the top-level module
``pytest_micrograd_cn``, which does not import `micrograd_cn`; an environment variable joins the two.
"""

from __future__ import annotations

import pytest

BUDGETS = {"quick": 20, "thorough": 200, "exhaustive": 2000}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option."""
    said = ", ".join(f"{name} ({count})" for name, count in BUDGETS.items())
    help = f"examples that each proof of micrograd_cn.testing draws: {said}"
    parser.getgroup("micrograd_cn").addoption("--micrograd-budget", choices=list(BUDGETS), help=help)


def pytest_configure(config: pytest.Config) -> None:
    """Sets the budget until the run ends."""
    if budget := config.getoption("micrograd_budget"):
        patch = pytest.MonkeyPatch()
        patch.setenv("MICROGRAD_EXAMPLES", str(BUDGETS[budget]))
        config.add_cleanup(patch.undo)
