"""What several test modules share: a test that takes ``T`` runs here and, where it is installed, on PyTorch itself."""

from __future__ import annotations

import pytest

from tests import parity_table


@pytest.fixture(params=["micrograd_cn", "torch"])
def T(request):
    """The library under test."""
    return pytest.importorskip(request.param)


@pytest.fixture
def x(T):
    """A leaf of three float64 numbers."""
    return T.tensor([1.0, 2.0, 3.0], dtype=T.float64, requires_grad=True)


def raises(match, kind=RuntimeError):
    """Expect an error whose message matches; an empty ``match`` takes any."""
    return pytest.raises(kind, match=match or None)


def pytest_terminal_summary(terminalreporter):
    """Ends the session with the table of what agrees with PyTorch's databases."""
    reports = [r for found in terminalreporter.stats.values() for r in found if getattr(r, "when", None) == "call"]
    if table := parity_table.lines(p for r in reports for p in r.user_properties):
        terminalreporter.write_sep("-", "samples of PyTorch's databases")
        terminalreporter.write("\n".join(table) + "\n")
