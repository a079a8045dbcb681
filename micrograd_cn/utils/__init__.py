"""``torch.utils``: `data` feeds a training loop, `dlpack` shares tensors with other libraries."""

from micrograd_cn.utils import data, dlpack

__all__ = ["data", "dlpack"]
