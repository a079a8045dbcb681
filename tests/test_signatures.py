"""Parameters and their defaults are PyTorch's, as its stubs and the first lines of its docstrings declare them."""

from __future__ import annotations

import ast
import collections
import importlib
import inspect
from pathlib import Path

import pytest

import micrograd_cn as mt
from micrograd_cn.ops.table import _REQUIRED, FUNCTIONS, METHODS, TABLE

torch = pytest.importorskip("torch")
REQUIRED, BY_PLACE = inspect.Parameter.empty, inspect.Parameter.POSITIONAL_ONLY
# What PyTorch's C++ spells as a number, leaves to an overload, or declares as the type it falls back to.
SPELLED = {"reduction", "mode", "unbiased", "compute_mode", "indexing", "padding_idx"}
OTHERS = {("tril_indices", "dtype"), ("triu_indices", "dtype"), ("asarray", "requires_grad")}
OTHERS |= {("linspace", "steps"), ("logspace", "steps")}  # which PyTorch declares optional and then demands
# They change what a tensor says of its memory, in place; here memory and its shape are one.
SHAPES_IN_PLACE = {"as_strided", "squeeze", "swapaxes", "t", "transpose", "unsqueeze"}


def value(node):
    try:
        return eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}})
    except (NameError, AttributeError):
        return ast.unparse(node)


def declared(tree):
    """What the overloads of each function say of parameters that have a name: ``{name: {parameter: [default, …]}}``."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for d in ast.walk(tree):
        if isinstance(d, ast.FunctionDef):
            positional = [*d.args.posonlyargs, *d.args.args]
            defaults = dict(zip(reversed(positional), reversed(d.args.defaults), strict=False))
            defaults |= dict(zip(d.args.kwonlyargs, d.args.kw_defaults, strict=True))
            for arg in (*d.args.args, *d.args.kwonlyargs):
                default = defaults.get(arg)
                found[d.name][arg.arg].append(REQUIRED if default is None else value(default))
    return found


def from_stub(path):
    return declared(ast.parse((Path(torch.__file__).parent / path).read_text(encoding="utf-8")))


def from_docstrings(module):
    """The same for functions without a stub, from the first line of docstrings: ``linalg.norm(A, ord=None) -> …``."""
    lines = []
    for name, function in vars(module).items():
        if callable(function) and (function.__doc__ or "").strip():
            line = function.__doc__.strip().split("\n")[0].partition(" -> ")[0]
            call = f"def {name}({line.partition('(')[2]}: pass"
            try:
                ast.parse(call)
            except SyntaxError:
                continue
            lines.append(call)
    return declared(ast.parse("\n".join(lines)))


def alike(name, parameter, default):
    """Whether a parameter here is what an overload declares."""
    if default == parameter.default or (parameter.default, default) == (None, ()):  # both: all dimensions
        return True
    return parameter.name in SPELLED or (name, parameter.name) in OTHERS


@pytest.mark.parametrize("room, source", [
    ("", "_C/_VariableFunctions.pyi"), ("", "functional.py"), ("Tensor", "_C/__init__.pyi"), ("Tensor", "_tensor.py"),
    ("nn.functional", "nn/functional.py"), ("nn.functional", "torch.nn.functional"), ("linalg", "torch.linalg"),
    ("special", "torch.special"),
])  # fmt: skip
def test_parameters_and_defaults(room, source):
    theirs = from_docstrings(importlib.import_module(source)) if source.startswith("torch.") else from_stub(source)
    home = mt
    for part in filter(None, room.split(".")):
        home = getattr(home, part)
    problems, compared = [], 0
    for name, parameters in theirs.items():
        function = getattr(home, name, None)
        if not inspect.isroutine(function) or name.startswith("_"):
            continue
        for mine in inspect.signature(function).parameters.values():
            if mine.name in parameters and mine.name != "self":
                compared += 1
                defaults = [d for d in parameters[mine.name] if d is not REQUIRED]
                right = not defaults or any(alike(name, mine, default) for default in defaults)
                if mine.kind is BY_PLACE or not right:
                    problems.append(f"{name}({mine}), {mine.kind.description}: PyTorch has {parameters[mine.name]}")
    assert not problems, "\n".join(problems)
    assert compared > 5


def test_rows_have_the_defaults_of_the_functions_of_their_name():
    found = {}
    for name, call in TABLE.items():
        row, function = call.primitive, getattr(mt.nn.functional, name, None)
        theirs = inspect.signature(function).parameters if function else {}
        for setting, default in zip(row.settings, row.defaults, strict=True):
            if default is not _REQUIRED and setting in theirs:
                found[name, setting] = default, theirs[setting].default
    assert {"leaky_relu", "elu", "softplus", "gelu"} <= {name for name, _ in found}
    assert [at for at, (ours, theirs) in found.items() if ours != theirs] == []


def test_methods_can_be_called():
    for name in METHODS:
        assert callable(getattr(mt.Tensor, name, len)), name


def test_methods_are_pytorchs():
    public = [name for name in dir(mt.Tensor) if not name.startswith("_") and not name.endswith("_")]
    assert [name for name in public if not hasattr(torch.Tensor, name)] == []
    for name in TABLE | FUNCTIONS:
        if hasattr(torch, name) or hasattr(torch.nn.functional, name):
            assert hasattr(mt.Tensor, name) == hasattr(torch.Tensor, name), name
            if hasattr(torch.Tensor, f"{name}_") and name not in SHAPES_IN_PLACE | {"polygamma"}:
                assert hasattr(mt.Tensor, f"{name}_"), f"{name}_"
