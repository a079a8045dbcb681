"""``torch.utils.data``: datasets, the order in which they are read, and batches of them."""

from micrograd_cn.utils.data import distributed
from micrograd_cn.utils.data.collate import default_collate, default_convert
from micrograd_cn.utils.data.dataloader import DataLoader, get_worker_info
from micrograd_cn.utils.data.dataset import (
    ChainDataset, ConcatDataset, Dataset, IterableDataset, StackDataset, Subset, TensorDataset, random_split,
)  # fmt: skip
from micrograd_cn.utils.data.distributed import DistributedSampler
from micrograd_cn.utils.data.sampler import (
    BatchSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler,
)  # fmt: skip

__all__ = ["distributed", *(name for name, thing in globals().items() if callable(thing))]
