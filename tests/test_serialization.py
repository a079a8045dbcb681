"""Files: what is read is what was written, PyTorch reads ours and we read PyTorch's, and a bad file does no harm."""

from __future__ import annotations

import io
import os
import pickle
import random
import zipfile
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import micrograd_cn as mt
from micrograd_cn import nn
from micrograd_cn.serialization import safe_globals


def checkpoint(library, layers) -> dict:
    base = library.arange(12.0).reshape(3, 4)
    library.manual_seed(0)
    return {
        "base": base,
        "view": base[1:, ::2],
        "transposed": base.T,
        "expanded": library.ones(1, 3).expand(4, 3),
        "empty": library.zeros(0, 3),
        "number": library.tensor(True),
        "leaf": library.ones(2, requires_grad=True),
        "parameter": layers.Parameter(library.ones(2)),
        "model": layers.Linear(3, 2).state_dict(),
        "plain": [1, 2.5, "x", None, (1,), {3}, b"zz", True, 1 << 70, library.Size([1, 2]), library.float64],
        "device": library.device("cpu"),
        **{d: library.ones(2).to(getattr(library, d)) for d in ("int8", "int64", "float16", "bfloat16", "complex64")},
    }


def same(a, b) -> bool:
    """Whether two checkpoints, of either library, say the same."""
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if hasattr(a, "requires_grad"):
        kind = type(a).__name__, a.stride(), a.requires_grad, str(a.dtype)
        return kind == (type(b).__name__, b.stride(), b.requires_grad, str(b.dtype)) and a.tolist() == b.tolist()
    return str(a) == str(b)


def written(save, obj) -> io.BytesIO:
    file = io.BytesIO()
    save(obj, file)
    file.seek(0)
    return file


def test_what_is_read_is_what_was_written():
    original = checkpoint(mt, nn)
    back = mt.load(written(mt.save, original))
    assert same(original, back)
    back["base"][1, 0] = 77
    assert back["view"][0, 0] == back["transposed"][0, 1] == 77  # memory is shared as before


def test_pytorch_reads_ours_and_we_read_pytorchs():
    torch = pytest.importorskip("torch")
    theirs = checkpoint(torch, torch.nn)
    assert same(theirs, torch.load(written(mt.save, checkpoint(mt, nn)), weights_only=True))
    assert same(checkpoint(mt, nn), mt.load(written(torch.save, theirs)))
    assert mt.load(written(torch.save, theirs))["model"]._metadata == theirs["model"]._metadata


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_memory_in_any_order(axes):
    # Results keep NumPy's order of memory, which may be neither that of C nor that of Fortran.
    x = mt.arange(24.0).reshape(2, 3, 4).permute(axes) * 1
    cut = mt.from_numpy(np.arange(24.0).reshape(4, 6)[::2, 1:5])
    back = mt.load(written(mt.save, [x, x[1:], cut]))
    assert [t.tolist() for t in back] == [x.tolist(), x[1:].tolist(), cut.tolist()]


def test_what_pytorch_marks_is_computed():
    torch = pytest.importorskip("torch")
    z = torch.tensor([1 + 2j])
    back = [mt.load(written(torch.save, x)) for x in (z.conj(), z.conj().imag, torch.nn.Buffer(torch.ones(2)))]
    assert back[0].tolist() == [1 - 2j] and back[1].tolist() == [-2] and back[2].tolist() == [1, 1]


def test_threads_that_save_to_one_file_leave_a_whole_one(tmp_path):
    def save(i: int) -> None:
        mt.save({"n": i, "x": mt.full((9000,), float(i))}, tmp_path / "x.pt")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(40)))
    back = mt.load(tmp_path / "x.pt")
    assert (back["x"] == back["n"]).all() and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int64", "float16", "bfloat16", "float32", "float64"])
def test_safetensors_of_every_type_and_shape(tmp_path, dtype):
    kept = {"number": mt.ones(()), "empty": mt.ones(0, 2), "turned": mt.ones(2, 3).T}
    kept = {name: t.to(getattr(mt, dtype)) for name, t in kept.items()}
    mt.save(kept, tmp_path / "x.safetensors")
    back = mt.load(tmp_path / "x.safetensors")
    assert all(back[n].shape == t.shape and back[n].dtype is t.dtype and mt.equal(back[n], t) for n, t in kept.items())


def test_safetensors(tmp_path):
    state = nn.Linear(3, 2).state_dict()
    mt.save(state, tmp_path / "m.safetensors")
    back = mt.load(tmp_path / "m.safetensors")
    assert {k: t.tolist() for k, t in back.items()} == {k: t.tolist() for k, t in state.items()}
    pytest.importorskip("torch")
    from safetensors.numpy import load_file

    assert load_file(tmp_path / "m.safetensors")["weight"].tolist() == state["weight"].tolist()
    with pytest.raises(TypeError, match="dictionary of tensors"):
        mt.save([1], tmp_path / "m.safetensors")
    (tmp_path / "m.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(RuntimeError, match="safetensors"):
        mt.load(tmp_path / "m.safetensors")


class Settings:
    def __init__(self) -> None:
        self.width = 3


def test_a_whole_module_needs_the_callers_word(tmp_path):
    mt.save(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), tmp_path / "m.pt")
    with pytest.raises(pickle.UnpicklingError, match=r"nn\.modules\.container\.Sequential.*weights_only=False"):
        mt.load(tmp_path / "m.pt")
    assert mt.load(tmp_path / "m.pt", weights_only=False)(mt.ones(1, 2)).shape == (1, 3)


def test_classes_can_be_allowed():
    file = written(mt.save, Settings())
    with safe_globals([Settings]):
        assert mt.load(file).width == 3
    with pytest.raises(pickle.UnpicklingError, match="Settings"):
        mt.load(file)


class Bad:
    """A pickle that calls ``function(*arguments)`` when it is read."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def archive(data: bytes, compression: int = zipfile.ZIP_STORED, **storages: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as z:
        z.writestr("a/data.pkl", data)
        z.writestr("a/version", "3\n")
        for key, content in storages.items():
            z.writestr(f"a/data/{key}", content)
    file.seek(0)
    return file


GLOBAL = b"\x80\x02c"
HOSTILE = {
    "a call": pickle.dumps(Bad(os.system, "touch hacked"), 2),
    "a built-in": pickle.dumps(Bad(eval, "open('hacked', 'w')"), 2),
    "a module's attribute": GLOBAL + b"micrograd_cn.serialization\nos\n.",
    "a nested name": GLOBAL + b"collections\nOrderedDict.__init__\n.",
    "filling a tensor": pickle.dumps(Bad(OrderedDict), 2)[:-1] + b"}X\x01\x00\x00\x00a(c_codecs\nencode\nbb.",
    "filling a class": GLOBAL + b"torch\nSize\n}X\x07\x00\x00\x00__len__K\x01sb.",
    "an instance by the old way": b"(S'touch hacked'\nios\nsystem\n.",
    "memory for nothing": b"\x80\x05\x96" + (1 << 60).to_bytes(8, "little") + b".",
    "text without end": b"\x80\x04\x8d" + (1 << 60).to_bytes(8, "little") + b".",
    "a class that reserves memory": GLOBAL + b"torch\nTensor\n" + b"J\xff\xff\xff\x7f\x85R.",
    "bytes that are not there": GLOBAL + b"builtins\nbytearray\n" + b"J\xff\xff\xff\x7f\x85R.",
    "a place in the memo": b"\x80\x02Kr\x01r\xff\xff\xff\x7f0",
    "nothing": b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_pickles_are_refused_and_do_nothing(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        mt.load(archive(HOSTILE[what]))
    assert not list(tmp_path.iterdir())


def tensor_pickle(count: int, offset: int, size: tuple, stride: tuple) -> bytes:
    """The pickle of a tensor that looks at a storage of ``count`` float32 in any way that is said."""
    from micrograd_cn import pickling

    class Loose(pickling.Pickler):
        def reducer_override(self, obj):
            flat = np.zeros(1, np.float32)
            storage = pickling.Storage(flat, "0")
            return (pickling.rebuild_tensor, (storage, offset, size, stride, False)) if obj == "x" else NotImplemented

        def persistent_id(self, obj):
            found = super().persistent_id(obj)
            return found and (*found[:-1], count)

    class Marker(str):
        __slots__ = ()

    file = io.BytesIO()
    Loose(file, 2).dump(Marker("x"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("count", "offset", "size", "stride"),
    [(2, 0, (3,), (1,)), (2, 1, (2,), (1,)), (2, -1, (1,), (1,)), (2, 0, (2,), (-1,)), (2, 0, (2, 2), (1, 1 << 60)),
     (3, 0, (1,), (1,)), (1 << 50, 0, (1,), (1,)), (2, 0, (1, 1), (1,)), (2, 0, (1.0,), (1,))],
)  # fmt: skip
def test_tensors_cannot_look_beyond_their_memory(count, offset, size, stride):
    with pytest.raises((pickle.UnpicklingError, RuntimeError)):
        mt.load(archive(tensor_pickle(count, offset, size, stride), **{"0": b"\0" * 8}))


def test_an_archive_cannot_claim_more_than_it_holds():
    fine = tensor_pickle(2, 0, (2,), (1,))
    assert mt.load(archive(fine, **{"0": b"\0" * 8})).tolist() == [0, 0]
    with pytest.raises(RuntimeError, match="compressed"):
        mt.load(archive(fine, zipfile.ZIP_DEFLATED, **{"0": b"\0" * 8}))


def test_damaged_files_raise():
    raw = written(mt.save, checkpoint(mt, nn)).getvalue()
    dice = random.Random(1)
    for _ in range(300):
        data = bytearray(raw)
        if dice.random() < 0.4:
            del data[dice.randrange(len(data)) :]
        else:
            for _ in range(dice.randint(1, 6)):
                data[dice.randrange(len(data))] = dice.randrange(256)
        try:
            mt.load(io.BytesIO(bytes(data)))
        except (pickle.UnpicklingError, RuntimeError):
            continue


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_archive_is_named(content, tmp_path):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(RuntimeError, match="archive"):
        mt.load(tmp_path / "x.pt")
    with pytest.raises(FileNotFoundError):
        mt.load(tmp_path / "y.pt")
    with pytest.raises(RuntimeError, match="does not exist"):
        mt.save(1, tmp_path / "no" / "y.pt")


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.pt"
    mt.save({"a": 1}, path)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        mt.save(lambda: 1, path)
    assert mt.load(path) == {"a": 1} and list(tmp_path.iterdir()) == [path]
