"""Scripts for PyTorch in the style of its usual tutorials; test_clients.py runs each on both libraries."""
