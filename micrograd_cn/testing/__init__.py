"""``torch.testing``: say that two results are the same, up to rounding."""

from micrograd_cn.testing.comparison import assert_allclose, assert_close

__all__ = ["assert_allclose", "assert_close"]
