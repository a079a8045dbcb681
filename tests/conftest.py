"""What several test modules share: a test that takes ``T`` runs here and, where it is installed, on PyTorch itself."""

from __future__ import annotations

import pytest


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
