"""`assert_close`, with PyTorch's tolerances. https://pytorch.org/docs/stable/testing.html"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.creation import as_tensor
from micrograd_cn.ops.shape import need
from micrograd_cn.tensor import Tensor

Message = str | Callable[[str], str] | None
# How far floats of a type may differ: relative, absolute.
TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5), dtypes.float32: (1.3e-6, 1e-5), dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5), dtypes.complex128: (1e-7, 1e-7),
}  # fmt: skip


def _difference(actual: Tensor, expected: Tensor, rtol: float, atol: float, equal_nan: bool) -> str | None:
    """What to say of the elements that are not close; None if all are."""
    wide = np.complex128 if actual.is_complex() else np.float64 if actual.is_floating_point() else None
    a, e = (t.detach().numpy() if wide is None else t.detach().numpy().astype(wide) for t in (actual, expected))
    close = np.isclose(a, e, rtol, atol, equal_nan) if wide or rtol or atol else a == e
    if close.all():
        return None
    count, total = close.size - np.count_nonzero(close), close.size
    with np.errstate(all="ignore"):
        off = np.abs(a.astype(float) - e.astype(float)) if a.dtype.kind in "biu" else np.abs(a - e)
        off = np.where(close, 0, np.where(np.isnan(off), np.inf, off))
        relative = np.where(off == 0, 0, off / np.abs(e))
    what, up_to = ("close", " (up to {} allowed)") if rtol or atol else ("equal", "")
    if not a.ndim:
        return (
            f"Scalars are not {what}!\n\nExpected {e.item()} but got {a.item()}.\n"
            f"Absolute difference: {off.item()}{up_to.format(atol)}\n"
            f"Relative difference: {relative.item()}{up_to.format(rtol)}"
        )
    worst = [tuple(int(i) for i in np.unravel_index(np.argmax(d), d.shape)) for d in (off, relative)]
    return (
        f"Tensor-likes are not {what}!\n\nMismatched elements: {count} / {total} ({count / total:.1%})\n"
        f"Greatest absolute difference: {off[worst[0]]} at index {worst[0]}{up_to.format(atol)}\n"
        f"Greatest relative difference: {relative[worst[1]]} at index {worst[1]}{up_to.format(rtol)}"
    )


def assert_close(actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None,
        atol: float | None = None, equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True,
        check_layout: bool = True, check_stride: bool = False, msg: Message = None) -> None:  # fmt: skip
    """Raise unless ``|actual - expected| <= atol + rtol · |expected|`` for every element.

    Args:
        actual, expected: tensors, arrays, numbers, or equally built sequences and mappings of them.
        allow_subclasses: if False, both must be of the same type.
        rtol, atol: both or none; without them those of the wider of the two floating types, 0 for integers.
        equal_nan: NaN is close to NaN.
        check_dtype, check_stride: these must agree too.
        check_device, check_layout: accepted; there is one of each.
        msg: what to say instead, or a function from what would be said.

    Raises:
        AssertionError: if something differs; it says what and where.
        ValueError: if only one of ``rtol`` and ``atol`` is given.
        TypeError: if the two cannot be compared.

    Source: https://pytorch.org/docs/stable/testing.html#torch.testing.assert_close
    """
    said = f"Both 'rtol' and 'atol' must be either specified or omitted, but got rtol={rtol}, atol={atol}"
    need((rtol is None) == (atol is None), said, ValueError)

    def check(same: Any, said: str, where: str) -> None:
        said += f"\n\nThe failure occurred for item {where}" if where else ""
        if not same:
            raise AssertionError(said if msg is None else msg(said) if callable(msg) else msg)

    def compare(a: Any, e: Any, where: str) -> None:
        if isinstance(a, Mapping) and isinstance(e, Mapping):
            check(a.keys() == e.keys(), f"The keys of the mappings do not match: {list(a)} and {list(e)}", where)
            for key in a:
                compare(a[key], e[key], f"{where}[{key!r}]")
            return
        if isinstance(a, Sequence) and isinstance(e, Sequence) and not isinstance(a, str):
            check(len(a) == len(e), f"The length of the sequences mismatch: {len(a)} != {len(e)}", where)
            for i, pair in enumerate(zip(a, e, strict=True)):
                compare(*pair, f"{where}[{i}]")
            return
        if a is None and e is None:
            return
        types = f"{type(a)} and {type(e)}"
        need(allow_subclasses or type(a) is type(e), f"expected two objects of the same type, got {types}", TypeError)
        numbers = [isinstance(x, (int, float, complex)) for x in (a, e)]
        try:
            # A Python number is a float64.
            a, e = (as_tensor(np.asarray(x) if number else x) for x, number in zip((a, e), numbers, strict=True))
        except (TypeError, RuntimeError, ValueError):
            numbers = [True, False]
        need(numbers[0] == numbers[1], f"No comparison pair was able to handle inputs of type {types}.", TypeError)
        facts = [("shape", a.shape, e.shape)]
        facts += [("dtype", a.dtype, e.dtype)] if check_dtype else []
        facts += [("stride()", a.stride(), e.stride())] if check_stride else []
        for name, x, y in facts:
            check(x == y, f"The values for attribute {name!r} do not match: {x} != {y}.", where)
        both = [TOLERANCES.get(x.dtype, (0, 0)) for x in (a, e)]
        r, t = (max(b[i] for b in both) if given is None else given for i, given in enumerate((rtol, atol)))
        common = dtypes.promote_types(a.dtype, e.dtype)
        said = _difference(a.to(common), e.to(common), r, t, equal_nan)
        check(not said, said or "", where)

    compare(actual, expected, "")


def assert_allclose(actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None,
        equal_nan: bool = True, msg: str = "") -> None:  # fmt: skip
    """`assert_close` by its older, deprecated name: dtypes may differ, and NaN equals NaN."""
    warnings.warn("assert_allclose() is deprecated; use assert_close()", FutureWarning, stacklevel=2)
    a, e = as_tensor(actual), as_tensor(expected, dtype=as_tensor(actual).dtype)
    assert_close(a, e, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)
