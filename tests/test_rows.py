"""How rows are called: by place and by name alike, with PyTorch's names and NumPy's."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import micrograd_cn as mt
from micrograd_cn.ops.shape import overlapping
from micrograd_cn.ops.table import _REQUIRED, FUNCTIONS, NUMPY_NAMES, TABLE
from micrograd_cn.tensor import Tensor
from tests.samples import samples

assert mt.nn  # its rows are among those that are tested
ROWS = {
    n: found
    for n, call in TABLE.items()
    if (call.primitive.differentiable or call.primitive.elementwise)
    and not call.primitive.variadic
    and (found := samples(call.primitive, np.random.default_rng(0)))
}


def called(row, *args, **named):
    return np.asarray(row.call(*args, **named).detach())


@pytest.mark.parametrize("name", ROWS)
def test_a_call_is_the_same_by_place_and_by_name(name):
    row = TABLE[name].primitive
    for inputs, options in ROWS[name]:
        xs = [Tensor._wrap(x) if isinstance(x, np.ndarray) else x for x in inputs]
        wanted = called(row, *xs, *options)
        settings = dict(zip(row.settings, options, strict=True))
        theirs = {ours: numpys for numpys, ours in NUMPY_NAMES.items()}
        forms = [
            called(row, *xs, **settings),
            called(row, *xs[:1], **dict(zip(row.inputs[1:], xs[1:], strict=True)), **settings),
            called(row, **dict(zip(row.inputs, xs, strict=True)), **settings),
            called(row, *xs, *options[:1], **dict(list(settings.items())[1:])),
            called(row, *xs, **{theirs.get(n, n): x for n, x in settings.items()}),
            called(row, **dict(zip(("input", "other", *row.inputs[2:]), xs, strict=False)), **settings),
        ]  # fmt: skip
        if all(a is b for a, b in zip(row.defaults, options, strict=True)):
            forms.append(called(row, *xs))
        for found in forms:
            assert found.dtype == wanted.dtype and np.array_equal(found, wanted, equal_nan=True)
        wrong = [((*xs, *options, 0), {}), (xs, {**settings, "nonsense": 1}), (xs, {**settings, row.inputs[0]: xs[0]})]
        wrong += [((*xs, *options), {row.settings[0]: options[0]})] if options else []
        wrong += [(xs, {})] if any(d is _REQUIRED for d in row.defaults) else []
        for args, named in wrong:
            with pytest.raises(TypeError, match=name):
                row.call(*args, **named)


@pytest.mark.parametrize("name", ROWS)
def test_what_shares_memory_shares_its_version(name):
    row = TABLE[name].primitive
    for inputs, options in ROWS[name]:
        xs = [Tensor._wrap(np.array(x)) if isinstance(x, np.ndarray) else x for x in inputs]
        y = row.call(*xs, *options)
        for x in xs:
            if isinstance(x, Tensor) and np.shares_memory(x._raw, y._raw):
                part = y[(0,) * y.ndim] if y.ndim else y  # not all of it: an expanded element stands there repeatedly
                part.zero_()
                assert x._version == y._version == 1


@given(lengths=st.lists(st.integers(0, 2), max_size=3), wide=st.lists(st.integers(1, 3), min_size=3, max_size=3))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_memory_overlaps_where_one_place_stands_for_several_elements(lengths, wide):
    x = np.arange(np.prod(lengths, dtype=int)).reshape(lengths)
    y = np.broadcast_to(x, [m if n == 1 else n for n, m in zip(lengths, wide, strict=False)])
    for view in (x, y, y.T, y[..., ::-1] if lengths else y):
        assert overlapping(view) == (len(np.unique(view)) < view.size)


def test_links_are_a_sparse_matrix():
    for (x,), (links, dim) in ROWS["linked"]:
        dense = np.zeros(links.shape)
        np.add.at(dense, (links.rows, links.columns), 1.0 if links.weights is None else links.weights)
        wanted = np.moveaxis(np.tensordot(dense, x, (1, dim)), 0, dim)
        found = TABLE["linked"](x, links, dim)
        assert found.shape == wanted.shape and np.allclose(found, wanted)


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if "dim" in inspect.signature(f).parameters])
def test_composed_functions_take_numpys_name_of_a_dimension(name):
    try:
        FUNCTIONS[name](mt.ones(2, 2), axis=0)
    except TypeError as error:  # some need more arguments
        assert "axis" not in str(error)
    except RuntimeError:
        pass
