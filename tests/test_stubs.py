"""Editors and type checkers see every method of a tensor, also those that come from the table."""

from __future__ import annotations

import ast

import pytest

import micrograd_cn as mt
from tests import stubs


def test_the_stub_is_what_the_table_says():
    assert stubs.PATH.read_text() == stubs.text(), "run: python -m tests.stubs"


def test_every_method_stands_in_the_stub_or_in_a_class():
    tree = ast.parse(stubs.PATH.read_text())
    shown = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    written = set().union(*(stubs.written(c) for c in mt.Tensor.__mro__ if c.__module__.startswith("micrograd_cn.")))
    public = {n for n in dir(mt.Tensor) if not n.startswith("_") and callable(getattr(mt.Tensor, n))}
    assert public <= shown | written
    assert {"exp", "add_", "softmax", "matmul", "sum", "uniform_"} <= shown


def test_a_type_checker_knows_them(tmp_path):
    api = pytest.importorskip("mypy.api")
    script = tmp_path / "script.py"
    script.write_text(
        "import micrograd_cn as torch\n"
        "x = torch.ones(2)\n"
        "reveal_type(x.exp())\n"
        "reveal_type(x.add_(1))\n"
        "x.no_such_method()\n"
    )
    said, _, _ = api.run([str(script), "--no-error-summary", "--cache-dir", str(tmp_path)])
    lines = said.splitlines()
    assert sum("micrograd_cn.tensor.Tensor" in line for line in lines) == 2, said
    assert '"Tensor" has no attribute "no_such_method"' in lines[-1]
