"""What several test modules share: a test that takes ``T`` runs here and, where it is installed, on PyTorch itself."""

from __future__ import annotations

import pytest

from tests import accuracy, parity_table


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
    """Ends the session with the tables of what agrees with PyTorch's databases, and of errors in ulp."""
    reports = [r for found in terminalreporter.stats.values() for r in found if getattr(r, "when", None) == "call"]
    tables = {"samples of PyTorch's databases": parity_table, "largest errors in ulp, ours / PyTorch's": accuracy}
    for title, of in tables.items():
        if table := of.lines(p for r in reports for p in r.user_properties):
            terminalreporter.write_sep("-", title)
            terminalreporter.write("\n".join(table) + "\n")
