"""``torch.backends``: switches of libraries that are not here. They keep what is written to them and change nothing.

https://pytorch.org/docs/stable/backends.html
"""

from __future__ import annotations

from types import SimpleNamespace


def _absent() -> bool:
    """False: it is not here."""
    return False


cuda = SimpleNamespace(
    matmul=SimpleNamespace(allow_tf32=False, allow_fp16_reduced_precision_reduction=True), is_built=_absent
)
cudnn = SimpleNamespace(
    allow_tf32=True, benchmark=False, deterministic=False, enabled=True, is_available=_absent, version=lambda: None
)
mps = SimpleNamespace(is_available=_absent, is_built=_absent)
mkl = mkldnn = openmp = SimpleNamespace(is_available=_absent)
