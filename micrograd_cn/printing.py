"""How a tensor prints: the text of ``repr(tensor)``, character for character as PyTorch writes it.

All elements shown get one format, chosen from those that are finite and not zero:

* whole numbers end in a bare point (``3.``), others have ``precision`` decimals;
* scientific notation is taken if the largest is over 1e8 or over 1000 times the smallest, or the smallest
  under 1e-4;
* each is padded on the left to the widest of them.

Of a tensor with more than ``threshold`` elements only ``edgeitems`` at each end of each dimension are shown,
and only those are looked at, so that a large tensor prints as fast as a small one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from micrograd_cn import dtypes


@dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES: dict[str | None, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}

_options = _Options()


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """Change how tensors print (https://pytorch.org/docs/stable/generated/torch.set_printoptions.html).

    What is None stays as it is, but for ``sci_mode``.

    Args:
        precision: digits after the point (4 at first).
        threshold: from more elements than this on, only the edges are shown (1000).
        edgeitems: how many elements an edge has (3).
        linewidth: the column where lines break (80).
        profile: "default", "short" or "full", a set of the four above; they override it.
        sci_mode: whether to use scientific notation; None decides for each tensor.
    """
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen = PROFILES.get(profile, {}) | {name: value for name, value in given.items() if value is not None}
    for name, value in chosen.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options in force, as keyword arguments for `set_printoptions`."""
    return asdict(_options)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """`set_printoptions` for the length of a ``with`` block."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_repr(
    array: NDArray[Any], *, dtype: dtypes.dtype, suffixes: list[str] | None = None, name: str = "tensor"
) -> str:
    """The text ``tensor([...], dtype=..., ...)``.

    Args:
        array: the elements.
        dtype: the tensor's type; named in the text where the elements do not tell it.
        suffixes: what follows, such as ``"requires_grad=True"`` or ``"grad_fn=<MulBackward0>"``. Each goes
            on a new line if it does not fit on the last.
        name: what stands before the bracket.
    """
    prefix = name + "("
    indent = len(prefix)
    default = dtypes.get_default_dtype()
    plain = (dtypes.scalar_dtype(1j), dtypes.int64, dtypes.bool)
    notes = []
    # Without elements neither the shape nor the kind of number can be seen.
    if (array.size == 0 and array.ndim != 1) or (array.size and not _options.edgeitems):
        notes.append(f"size={tuple(array.shape)}")
    if dtype is not default and (array.size == 0 or dtype not in plain):
        notes.append(f"dtype={dtype}")
    text = prefix + _elements(array, indent)
    column = len(text) - text.rfind("\n") + 1
    for note in notes + (suffixes or []):
        if column + len(note) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + note
            column = indent + len(note)
        else:
            text += ", " + note
            column += len(note) + 2
    return text + ")"


def _elements(array: NDArray[Any], indent: int) -> str:
    """The nested brackets, each line after the first indented."""
    if array.size == 0:
        return "[]"
    edge = _options.edgeitems
    cut = [array.size > _options.threshold and length > 2 * edge for length in array.shape]
    kept = [
        np.r_[:edge, length - edge : length] if short else np.arange(length)
        for length, short in zip(array.shape, cut, strict=True)
    ]
    shown = np.asarray(array[np.ix_(*kept)])
    write, width = (_complex_format if array.dtype.kind == "c" else _format)(shown)

    def nested(items: Any, axis: int) -> str:
        left = array.ndim - axis  # dimensions
        column = indent + axis + 1
        if left == 0:
            return write(items)
        parts = [nested(item, axis + 1) for item in items]
        if cut[axis]:
            parts.insert(edge, " ..." if left == 1 and edge else "...")
        if left > 1:
            return "[" + ("," + "\n" * (left - 1) + " " * column).join(parts) + "]"
        per_line = max(1, (_options.linewidth - column + 1) // (width + 2))
        lines = [", ".join(parts[i : i + per_line]) for i in range(0, len(parts), per_line)]
        return "[" + (",\n" + " " * column).join(lines) + "]"

    return nested(shown.tolist(), 0)


def _format(shown: NDArray[Any]) -> tuple[Callable[[Any], str], int]:
    """How to write one of these numbers, and the width that takes."""
    values = shown.ravel().tolist()
    if shown.dtype.kind != "f":
        spell: Callable[[Any], str] = str
    else:
        values = [value for value in values if value and math.isfinite(value)]
        digits = _options.precision
        if values and _scientific(values):
            spell = f"{{:.{digits}e}}".format
        elif all(value.is_integer() for value in values):
            spell = _whole
        else:
            spell = f"{{:.{digits}f}}".format
    width = max([1, *(len(spell(value)) for value in values)])
    return lambda value: spell(value).rjust(width), width


def _complex_format(shown: NDArray[Any]) -> tuple[Callable[[Any], str], int]:
    """Real and imaginary parts have each their own format."""
    real, real_width = _format(shown.real)
    imag, imag_width = _format(shown.imag)

    def write(value: complex) -> str:
        part = imag(value.imag).lstrip() + "j"
        return real(value.real) + (part if part[0] in "+-" else "+" + part)

    return write, real_width + imag_width + 1


def _scientific(values: list[float]) -> bool:
    if _options.sci_mode is not None:
        return _options.sci_mode
    sizes = [abs(value) for value in values]
    smallest, largest = min(sizes), max(sizes)
    return largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4


def _whole(value: float) -> str:
    return f"{value:.0f}." if math.isfinite(value) else str(value)
