"""A kill leaves a whole file; a bad file raises, does nothing and takes no memory; and the judge of both can fail."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import random
import re
from collections import OrderedDict

import numpy as np
import pytest

import micrograd_cn as mt
from micrograd_cn import pickling, serialization
from tests import faults
from tests.hostile import KINDS, again, called, kept, name, packed, plain

pytestmark = pytest.mark.skipif(faults.FORK is None, reason="this system cannot fork")
on_linux = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's account of memory")


@pytest.mark.parametrize("ending", faults.ENDINGS)
def test_a_kill_leaves_the_old_file_or_the_new(ending):
    with contextlib.closing(faults.kills(ending, random.Random(0))) as kills:
        several = list(itertools.islice(kills, 12))
        assert any(several) or any(itertools.islice(kills, 200))  # some in the middle of a file


def test_kills_would_find_a_file_that_is_written_in_place(monkeypatch):
    monkeypatch.setattr(serialization, "_replacing", lambda path: contextlib.closing(path.open("wb")))
    with pytest.raises((RuntimeError, AssertionError)):
        for _ in itertools.islice(faults.kills(".pt", random.Random(0)), 200):
            pass


@on_linux
def test_bad_files_raise_and_do_nothing():
    found = list(faults.files(6 * len(KINDS)))
    assert not [f for f in found if f.outcome.wrong]
    assert sum(f.outcome.said == "raised" for f in found) > 0.7 * len(found)


TOO_MUCH = "took|still reading|ended the process"


@on_linux
@pytest.mark.parametrize(
    ("place", "careless", "kind", "what"),
    [
        ("find_class", pickling.Unpickler.find_class, None, "did"),
        ("_copies", lambda self, count: None, "copies of copies", TOO_MUCH),
        ("NESTED", 1 << 80, "nested without end", TOO_MUCH),
    ],
)
def test_the_judge_sees_what_a_careless_reader_does(place, careless, kind, what, monkeypatch):
    monkeypatch.setattr(pickling.StrictUnpickler, place, careless)
    monkeypatch.setattr(faults, "SECONDS", 3)
    harm = packed(called(name("os", "mkdir"), plain("x")))
    with faults.Judge() as judge:
        for seed in range(60):
            ending, content = KINDS[kind](random.Random(seed)) if kind else (".pt", harm)
            outcome = judge(kind, ending, content)
            if outcome.wrong:
                break
    assert re.match(what, outcome.said)


def test_what_is_marked_is_computed_once():
    storage = pickling.Storage(np.array([1 + 2j, 3 - 1j]))
    views = [pickling.rebuild_tensor(storage, k, (1,), (1,), False, None, {"conj": True, "neg": True}) for k in (0, 1)]
    assert [v.item() for v in views] == [-1 + 2j, -3 - 1j]
    assert np.shares_memory(views[0]._array, storage.conj.neg.flat)


def test_a_checkpoint_may_share_what_it_holds(tmp_path):
    # What is refused must be more than any true checkpoint does.
    shape, text = mt.Size([3, 4]), b"\xff\x00" * 50
    rows = [(shape, text, (1, (2, (3,)))) for _ in range(100)]
    state = OrderedDict((f"k{i}", {shape, (i, (i,))}) for i in range(100))
    state._metadata = OrderedDict(a={"version": 1})
    mt.save([rows, state, mt.device("cpu"), 1 + 2j], tmp_path / "x.pt")
    back = mt.load(tmp_path / "x.pt")
    assert back == [rows, state, mt.device("cpu"), 1 + 2j] and back[1]._metadata == state._metadata


def test_limits_are_said():
    def loading(code: bytes) -> str:
        with pytest.raises(pickle.UnpicklingError) as raised:
            pickling.StrictUnpickler(b"\x80\x02" + code + b".", lambda _: None, {}).load()
        return str(raised.value)

    assert "copies more than it holds" in loading(kept(plain([1] * 500)) + called(name("torch", "Size"), again()) * 9)
    metadata = called(name("collections", "OrderedDict")) + again() + pickle.BUILD
    assert "copies more than it holds" in loading(kept(plain(dict.fromkeys(map(str, range(50))))) + metadata * 99)
    assert "a tuple of more than 10000 tuples" in loading(plain(()) + pickle.TUPLE1 * 10_001)
    assert "calls with a list" in loading(name("torch", "Size") + plain([1]) + pickle.REDUCE)
    assert "fills a tuple" in loading(plain((1,)) + plain(0) + plain(1) + pickle.SETITEM)


@pytest.mark.parametrize("size", [[1], mt.ones(1), {1: 1}, range(1), "1", 1, (1.0,), (True,)])
def test_sizes_are_tuples_of_integers(size):
    # What is unpacked could have any length: a tensor may be expanded without end.
    for size_and_stride in ((size, (1,)), ((1,), size)):
        with pytest.raises(pickle.UnpicklingError, match="such a size and stride"):
            pickling.rebuild_tensor(pickling.Storage(np.zeros(3)), 0, *size_and_stride, False)


def test_an_archive_may_not_say_more_than_follows(tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(packed(plain(1), byteorder=b"little"))
    assert mt.load(path) == 1
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 20  # the length of the first record as it is stored
    data[at : at + 4] = (0xFFFFFFF0).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(RuntimeError, match="longer than the file"):
        mt.load(path)
