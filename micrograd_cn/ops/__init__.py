"""The table of primitives: all that the project knows of calculus, one file a family."""

from micrograd_cn.ops import comparison, elementwise, extremes, indexing, linalg, neural, reduction, shape, table

__all__ = ["comparison", "elementwise", "extremes", "indexing", "linalg", "neural", "reduction", "shape", "table"]
