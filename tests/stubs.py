"""``python -m tests.stubs`` writes methods.pyi: each method that the table gives tensors, for type checkers.

What stands in a class of the package can be read there; the stub holds what is attached to them from the table.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import micrograd_cn as mt
from micrograd_cn import methods

PATH = Path(methods.__file__).with_suffix(".pyi")
HEAD = '''"""The methods that tensors get from the table of operations. Written by ``python -m tests.stubs``."""

import builtins
from typing import Any, Self

from micrograd_cn import dtypes
from micrograd_cn.numpy_protocol import NumpyProtocol
from micrograd_cn.recording import ArrayNode
from micrograd_cn.tensor import Size, Tensor

def second_names(names: dict[str, Any]) -> None: ...

class TableMethods(NumpyProtocol):
    # What `Tensor` defines and the classes between here and there use.
    @property
    def shape(self) -> Size: ...
    @property
    def dtype(self) -> dtypes.dtype: ...
    @property
    def ndim(self) -> builtins.int: ...
    @property
    def requires_grad(self) -> builtins.bool: ...
    @property
    def is_leaf(self) -> builtins.bool: ...
    @property
    def grad_fn(self) -> ArrayNode | None: ...
    def detach(self) -> Any: ...
    def _current(self) -> ArrayNode | None: ...
    def _move(self, node: ArrayNode | None) -> None: ...
    # What the table gives.
'''
SIMPLE = (int, float, bool, str, type(None))


def written(cls: type) -> set[str]:
    """The names that the text of a class defines."""
    tree = ast.parse(Path(inspect.getfile(cls)).read_text())
    (body,) = (n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == cls.__name__)
    names = set()
    for statement in body:
        if isinstance(statement, ast.FunctionDef):
            names.add(statement.name)
        targets = statement.targets if isinstance(statement, ast.Assign) else ()
        names |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return names


def attached() -> dict[str, object]:
    """What `Tensor` has beyond what its classes' texts say, by name; all that `TableMethods` has."""
    bases = [c for c in mt.Tensor.__mro__ if c.__module__.startswith("micrograd_cn.") and c is not methods.TableMethods]
    seen = set().union(*(written(c) for c in bases))
    public = (n for n in dir(mt.Tensor) if not n.startswith("_") or n.endswith("__"))
    found = {n: getattr(mt.Tensor, n) for n in public if n not in seen}
    return {n: f for n, f in found.items() if inspect.isfunction(f)}


def parameter(p: inspect.Parameter) -> str:
    """A parameter as a stub writes it."""
    plain = isinstance(p.annotation, str) and p.annotation in ("int", "float", "bool", "str")
    kind = f"builtins.{p.annotation}" if plain else "Any"  # a tensor has methods of these names
    prefix = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
    text = f"{prefix}{p.name}: {kind}"
    return text if p.default is p.empty else f"{text} = {p.default!r}" if type(p.default) in SIMPLE else f"{text} = ..."


def definition(name: str, function: object) -> str:
    """One method. What changes in place returns itself, a row of the table a tensor, anything else what it says."""
    given = list(inspect.signature(function).parameters.values())  # type: ignore[arg-type]
    shown, starred = ["self"], False
    if given and given[0].kind is inspect.Parameter.VAR_POSITIONAL:
        shown.append(parameter(given[0]))
        starred = True
    for p in given[1:]:
        if p.kind is p.KEYWORD_ONLY and not starred:
            shown.append("*")
        starred = starred or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        shown.append(parameter(p))
    row = getattr(function, "primitive", None)
    result = "Self" if name.endswith("_") and not name.endswith("__") else "Tensor" if row is not None else "Any"
    if name in ("__eq__", "__ne__"):
        shown[1] = "other: object"
    return f"    def {name}({', '.join(shown)}) -> {result}: ...\n"


def text() -> str:
    """The whole stub."""
    return HEAD + "".join(definition(name, function) for name, function in sorted(attached().items()))


if __name__ == "__main__":
    PATH.write_text(text())
