"""``torch.testing``: say that two results are the same, up to rounding; prove gradients and modules.

The proofs draw their examples with hypothesis, which is loaded when the first of them is asked for.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any as _Any

from micrograd_cn.extras import need as _need
from micrograd_cn.testing.budget import examples
from micrograd_cn.testing.comparison import assert_allclose, assert_close

if TYPE_CHECKING:
    from micrograd_cn.testing.gradients import check_gradients
    from micrograd_cn.testing.modules import check_module
    from micrograd_cn.testing.printing import as_code
    from micrograd_cn.testing.strategies import (
        Network, axes, broadcastable_shapes, dtypes, indices, networks, shapes, tensors,
    )  # fmt: skip

_LAZY = {"as_code": "printing", "check_gradients": "gradients", "check_module": "modules"} | dict.fromkeys(
    ("Network", "axes", "broadcastable_shapes", "dtypes", "indices", "networks", "shapes", "tensors"), "strategies"
)
__all__ = ["assert_allclose", "assert_close", "examples", *_LAZY]


def __getattr__(name: str) -> _Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'micrograd_cn.testing' has no attribute {name!r}")
    _need("hypothesis", "test")
    return getattr(_import_module(f"micrograd_cn.testing.{_LAZY[name]}"), name)
