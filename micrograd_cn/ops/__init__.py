"""The table of primitives: all that the project knows of calculus, one file a family. To import it fills the table."""

from micrograd_cn.ops import (
    arithmetic, comparison, elementwise, embedding, extremes, indexing, layout, linalg, matrices, measures, neural,
    normalization, pooling, reduction, scattering, shape, shorthand, sorting, special, statistics, strided, table,
)  # fmt: skip
