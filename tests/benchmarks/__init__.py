"""How fast and how large, beside PyTorch, NumPy by hand and micrograd.

``python -m tests.benchmarks`` prints a table of ratios; ``pytest tests/benchmarks --benchmark-only`` runs the same
cases under pytest-benchmark. Times are only ever compared within one run: no test asserts one.
"""
