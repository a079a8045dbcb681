"""Files that are damaged or made to do harm, at random: each kind takes dice and returns ``(ending, content)``."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import micrograd_cn as mt
from micrograd_cn import nn

Made = tuple[str, bytes]
BIG = 1 << 40


def originals() -> dict[str, Any]:
    """What the damaged files held, by the ending of their names."""
    mt.manual_seed(0)
    state = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)).state_dict()
    base = mt.arange(24.0).reshape(4, 6)
    more = {"base": base, "view": base[1:, ::2], "plain": [1, 2.5, "x", (1, {3}), b"zz", mt.float64], "model": state}
    return {".pt": more, ".safetensors": {name: t.clone() for name, t in state.items()}}


def intact(ending: str) -> bytes:
    """The undamaged file."""
    from safetensors.numpy import save as packed

    if ending == ".safetensors":
        return packed({name: t.numpy() for name, t in originals()[ending].items()})
    file = io.BytesIO()
    mt.save(originals()[ending], file)
    return file.getvalue()


INTACT = {ending: intact(ending) for ending in (".pt", ".safetensors")}

# --- damaged files ---------------------------------------------------------------------------------------------------


def flipped(dice: random.Random) -> Made:
    """One to eight bits."""
    ending, data = dice.choice([*INTACT.items()])
    changed = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        changed[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return ending, bytes(changed)


def cut_off(dice: random.Random) -> Made:
    """The first part of a file."""
    ending, data = dice.choice([*INTACT.items()])
    return ending, data[: dice.randrange(len(data))]


def spliced(dice: random.Random) -> Made:
    """A part taken out, put in elsewhere, repeated, or overwritten by noise."""
    ending, data = dice.choice([*INTACT.items()])
    a, b, c = sorted(dice.randrange(len(data)) for _ in range(3))
    noise = dice.randbytes(b - a)
    return ending, dice.choice([
        data[:a] + data[b:], data[:c] + data[a:b] + data[c:], data[:b] + data[a:], data[:a] + noise + data[b:],
    ])  # fmt: skip


# --- hostile pickles -------------------------------------------------------------------------------------------------


def packed(data: bytes, compression: int = zipfile.ZIP_STORED, **records: bytes) -> bytes:
    """An archive around a pickle; records besides are named with ``_`` for ``/``."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + data + b".")
        for name, content in records.items():
            archive.writestr("a/" + name.replace("_", "/"), content)
    return file.getvalue()


def plain(x: Any) -> bytes:
    """The code that puts ``x`` on the stack."""
    return pickletools.optimize(pickle.dumps(x, 2))[2:-1]


def name(module: str, member: str) -> bytes:
    """The code that asks for a name."""
    return pickle.GLOBAL + f"{module}\n{member}\n".encode()


def called(function: bytes, *arguments: bytes) -> bytes:
    """The code that calls a function."""
    return function + pickle.MARK + b"".join(arguments) + pickle.TUPLE + pickle.REDUCE


def kept(code: bytes, place: int = 0) -> bytes:
    """The code, and a note of what it makes; `again` puts that on the stack."""
    return code + pickle.LONG_BINPUT + struct.pack("<I", place)


def again(place: int = 0) -> bytes:
    """The code that fetches what was noted."""
    return pickle.LONG_BINGET + struct.pack("<I", place)


ORDERED, SIZE, SET = name("collections", "OrderedDict"), name("torch", "Size"), name("builtins", "set")
COUNTER, ENCODE = name("collections", "Counter"), name("_codecs", "encode")
DEVICE, TENSOR = name("torch", "device"), name("torch._utils", "_rebuild_tensor_v2")


WORD, KEY, CPU = plain("storage"), plain("0"), plain("cpu")


def storage(count: int, *, word: bytes = WORD, key: bytes = KEY, place: bytes = CPU) -> bytes:
    """The code that asks for a storage of float32."""
    described = word + name("torch", "FloatStorage") + key + place + plain(count)
    return pickle.MARK + described + pickle.TUPLE + pickle.BINPERSID


def tensor(count: int, size: bytes, stride: bytes, offset: int = 0, metadata: bytes = b"", flat: bytes = b"") -> bytes:
    """The code that makes a tensor."""
    rest = pickle.NEWFALSE, called(ORDERED), metadata
    return called(TENSOR, flat or storage(count), plain(offset), size, stride, *rest)


ENDLESS = tensor(1, plain((BIG,)), plain((0,)))  # one number, 2**40 times: a view, which takes no memory

HARMFUL = [
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "exec"), ("builtins", "open"),
    ("builtins", "getattr"), ("builtins", "__import__"), ("builtins", "bytearray"), ("subprocess", "Popen"),
    ("operator", "attrgetter"), ("functools", "partial"), ("pickle", "loads"), ("copyreg", "_reconstructor"),
    ("numpy", "load"), ("numpy", "zeros"), ("torch", "load"), ("torch", "ones"), ("torch", "Tensor"),
    ("torch.hub", "load"), ("torch.nn", "Linear"), ("micrograd_cn.serialization", "os"), ("micrograd_cn", "load"),
    ("collections", "OrderedDict.__init__"), ("torch", "Size.__class__"), ("torch.nn.parameter", "Parameter"),
    ("importlib", "import_module"), ("runpy", "run_path"), ("shutil", "rmtree"), ("site", "main"), ("this", "s"),
]  # fmt: skip


def forbidden(dice: random.Random) -> Made:
    """A name that is no part of a checkpoint, called in one of all the ways that pickles know."""
    module, member = dice.choice(HARMFUL)
    argument = dice.choice([plain("touch hacked"), plain(BIG), plain(["touch", "hacked"]), ENDLESS])
    found = dice.choice([name(module, member), plain(module) + plain(member) + pickle.STACK_GLOBAL])
    way = dice.choice([
        called(found, argument),
        found + argument + pickle.TUPLE1 + pickle.NEWOBJ,
        found + argument + pickle.TUPLE1 + plain({}) + pickle.NEWOBJ_EX,
        found + plain({"x": 1}) + pickle.BUILD,
        pickle.MARK + found + argument + pickle.OBJ,
        pickle.MARK + argument + pickle.INST + f"{module}\n{member}\n".encode(),
        called(name("torch._utils", "_rebuild_from_type_v2"), found, found, argument + pickle.TUPLE1, pickle.NONE),
        called(ORDERED) + plain({"__reduce__": 1, "__class__": member}) + pickle.BUILD + found + pickle.BUILD,
        pickle.EXT1 + b"\x01" + argument + pickle.TUPLE1 + pickle.REDUCE,
    ])  # fmt: skip
    return ".pt", packed(way, data_0=bytes(4))


def soup(dice: random.Random) -> Made:
    """Operations in random order, on things that pickles of tensors are made of."""
    bits = [
        ORDERED, SIZE, SET, COUNTER, ENCODE, DEVICE, TENSOR, ENDLESS, storage(1), kept(b""), again(), plain((1, 2)),
        plain("x"), plain([1]), plain({"a": 1}), plain(3), plain(BIG), name("torch", "float32"), called(ORDERED),
        name("torch", "Tensor"), name("torch._utils", "_rebuild_parameter"), name("builtins", "complex"),
        *(op.code.encode("latin1") for op in pickletools.opcodes if op.arg is None and op.code != "."),
    ]  # fmt: skip
    return ".pt", packed(b"".join(dice.choice(bits) for _ in range(dice.randint(2, 40))), data_0=bytes(4))


def unfounded(dice: random.Random) -> Made:
    """Operations that announce more than follows."""
    n = dice.choice([1 << 31, 1 << 33, BIG, 1 << 62])
    op, width = dice.choice([
        (pickle.BINUNICODE, 4), (pickle.BINUNICODE8, 8), (pickle.BINBYTES, 4), (pickle.BINBYTES8, 8),
        (pickle.BYTEARRAY8, 8), (pickle.LONG4, 4), (pickle.FRAME, 8), (pickle.LONG_BINPUT, 4), (pickle.BINSTRING, 4),
    ])  # fmt: skip
    announced = min(n, (1 << 8 * width - 1) - 1).to_bytes(width, "little")
    return ".pt", packed(plain(1) + op + announced + dice.randbytes(dice.randrange(100)))


def copying(dice: random.Random) -> Made:
    """A large object, copied again and again by a few bytes each."""
    size, times = dice.randint(2000, 20_000), dice.randint(200, 2000)
    text, numbers = kept(plain("x" * size)), kept(plain(list(range(size))))
    mapping, pairs = kept(plain({str(i): i for i in range(size // 4)})), kept(plain([(i, i) for i in range(size // 4)]))
    whole = kept(storage(size))
    marks = plain({dice.choice(["neg", "conj"]): True})
    large, copy = dice.choice([
        (text, kept(ENCODE, 1) + again(0) + plain("latin1") + pickle.TUPLE2 + pickle.REDUCE),
        *((numbers, called(function, again(0))) for function in (SIZE, SET, COUNTER)),
        *((found, called(function, again(0))) for function in (ORDERED, COUNTER) for found in (mapping, pairs)),
        (mapping, called(ORDERED) + again(0) + pickle.BUILD),
        (whole, tensor(size, plain((size,)), plain((1,)), 0, marks, again(0))),
    ])  # fmt: skip
    return ".pt", packed(large + pickle.MARK + copy * times + pickle.LIST, data_0=bytes(4 * size))


def swarm(dice: random.Random) -> Made:
    """As many objects as a file can make with a byte or a few for each."""
    one = dice.choice([
        *(b"\x8f", b"}", b"]", b"(", b"0)", b"2", b"N", plain(1), plain(1 << 40)),
        *(b"h%c)R" % k for k in range(3)), b"(\x91", b"]\x85", b"((t\x91",
    ])  # fmt: skip
    classes = b"".join(kept(code, k) for k, code in enumerate([ORDERED, COUNTER, SET]))
    return ".pt", packed(classes + one * (dice.randint(20_000, 200_000) // len(one)))


def beyond(dice: random.Random) -> Made:
    """A tensor of any size, stride and offset, on a few numbers."""
    count, dims = dice.choice([0, 1, 5, 1000]), dice.randint(0, 5)

    def numbers() -> tuple[Any, ...]:
        return tuple(dice.choice([0, 0, 1, 1, 2, 5, -1, 1000, BIG, 1 << 62, 1 << 63, 1.0, True]) for _ in range(dims))

    size, stride = numbers(), numbers() + (1,) * dice.choice([0, 0, 0, 1])
    marks = dice.choice([b"", b"", plain({"neg": True}), plain({"conj": True, "neg": True}), plain([1]), ENDLESS])
    claimed = dice.choice([count, count, count, BIG, -1])
    code = tensor(claimed, plain(size), plain(stride), dice.choice([0, 0, 1, -1, BIG]), marks)
    return ".pt", packed(code, data_0=bytes(4 * count))


def misplaced(dice: random.Random) -> Made:
    """A tensor without end, or its storage, where a container or a number is expected."""
    x = dice.choice([ENDLESS, ENDLESS, storage(1), plain("cpu"), called(ORDERED), pickle.NONE])
    use = dice.choice([
        *(called(function, x) for function in (SET, SIZE, ORDERED, COUNTER, DEVICE, name("builtins", "complex"))),
        ORDERED + x + pickle.REDUCE, TENSOR + x + pickle.REDUCE, ORDERED + x + pickle.NEWOBJ, x + x + pickle.NEWOBJ,
        x + plain(1) + pickle.APPEND, x + pickle.MARK + plain(1) + plain(2) + pickle.APPENDS,
        x + pickle.MARK + plain(1) + pickle.ADDITEMS, x + plain(0) + plain(1) + pickle.SETITEM,
        x + pickle.MARK + pickle.NONE + plain(1) + pickle.SETITEMS, x + plain({"_array": 1}) + pickle.BUILD,
        x + x + pickle.BUILD, called(ORDERED) + pickle.EMPTY_DICT + x + plain(1) + pickle.SETITEM + pickle.BUILD,
        tensor(1, x, x), tensor(1, plain(()), plain(()), 0, x), called(TENSOR, x, plain(0), plain(()), plain(())),
        storage(1, key=x), storage(1, word=x), storage(1, place=x), x + pickle.BINPERSID, pickle.PERSID + b"abcde\n",
        called(name("torch._utils", "_rebuild_parameter"), x, x, x),
        called(name("torch._utils", "_rebuild_from_type_v2"), x, x, x, x),
        called(name("torch._utils", "_rebuild_from_type_v2"), TENSOR, name("torch", "Tensor"), x, x),
        called(ENCODE, x, x), x + pickle.STACK_GLOBAL, pickle.EMPTY_DICT + x + x + pickle.SETITEM,
    ])  # fmt: skip
    return ".pt", packed(use, data_0=bytes(4))


def nested(dice: random.Random) -> Made:
    """An object that holds the one before twice, and so on, or once but very deep: endless to print or to hash."""
    twice = {
        "(x, x)": b"2" + pickle.TUPLE2,
        "[x, x]": kept(b"") + b"0(" + again() + again() + pickle.LIST,
        "Size((x, x))": kept(b"") + b"0" + SIZE + again() + again() + pickle.TUPLE2 + pickle.TUPLE1 + pickle.REDUCE,
        "{x, (x,)}": kept(b"") + b"0(" + again() + again() + pickle.TUPLE1 + pickle.FROZENSET,
    }
    step, times = dice.choice([*((code, 60) for code in twice.values()), (pickle.TUPLE1, 200_000)])
    x = plain(()) + step * times
    use = dice.choice([
        x, pickle.EMPTY_DICT + x + plain(1) + pickle.SETITEM, pickle.MARK + x + plain(1) + pickle.DICT,
        pickle.EMPTY_SET + pickle.MARK + x + pickle.ADDITEMS, pickle.MARK + x + pickle.FROZENSET, x + x + pickle.NEWOBJ,
        *(called(function, x) for function in (SET, COUNTER, ORDERED, DEVICE, SIZE)), called(ENCODE, x, x),
        called(ORDERED) + pickle.EMPTY_DICT + x + plain(1) + pickle.SETITEM + pickle.BUILD,
        x + plain({}) + pickle.BUILD, storage(1, word=x), storage(1, key=x), storage(1, place=x),
        tensor(1, x, x), tensor(1, plain(()), plain(()), 0, x),
        called(name("torch._utils", "_rebuild_from_type_v2"), TENSOR, x, plain(()), x),
    ])  # fmt: skip
    return ".pt", packed(use, data_0=bytes(4))


# --- hostile archives ------------------------------------------------------------------------------------------------

_ENTRY, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def compressed(dice: random.Random) -> Made:
    """Records that are a thousand times longer than the file, as DEFLATE, BZIP2 or LZMA."""
    way = dice.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    record = dice.choice(["data_0", "byteorder", "version", "x"])
    file = io.BytesIO(packed(tensor(1 << 20, plain((1,)), plain((1,)))))
    zeros = bytes(dice.choice([1 << 20, 1 << 22, 1 << 24]))
    with zipfile.ZipFile(file, "a", way) as archive:
        archive.writestr("a/" + record.replace("_", "/"), zeros)
    return ".pt", file.getvalue()


def lying(dice: random.Random) -> Made:
    """Sizes, places and flags in the headers of an archive that are not what follows."""
    data = bytearray(INTACT[".pt"])
    for _ in range(dice.randint(1, 3)):
        mark, places = dice.choice([
            (_ENTRY, [(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4)]),
            (_LOCAL, [(6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)]),
            (b"PK\x05\x06", [(8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]),
        ])  # fmt: skip
        starts = [i for i in range(len(data)) if data.startswith(mark, i)]
        (offset, width), start = dice.choice(places), dice.choice(starts)
        end = 1 << 8 * width
        n = dice.choice([0, 1, 8, len(data) % end, end - 1, end // 2, dice.randrange(end)])
        data[start + offset : start + offset + width] = n.to_bytes(width, "little")
    return ".pt", bytes(data)


def swollen(dice: random.Random) -> Made:
    """A record whose two sizes are both said to be gigabytes, or just one of them."""
    data = bytearray(packed(tensor(1000, plain((1,)), plain((1,))), data_0=bytes(4000)))
    n = dice.choice([1 << 30, 0xFFFFFFF0])
    starts = [i for i in range(len(data)) if data.startswith(_ENTRY, i)]
    for offset in dice.choice([(20,), (24,), (20, 24)]):
        for start in dice.sample(starts, dice.randint(1, len(starts))):
            struct.pack_into("<I", data, start + offset, n)
    return ".pt", bytes(data)


def overlapping(dice: random.Random) -> Made:
    """Many entries that all stand for the same bytes."""
    count, times = dice.randint(1000, 5000), dice.randint(10, 500)
    flat, code = bytes(4 * count), b""
    for key in range(times):
        code += tensor(count, plain((count,)), plain((1,)), flat=storage(count, key=plain(str(key))))
    data = packed(pickle.MARK + code + pickle.LIST, data_0=flat)
    start, end = data.index(_ENTRY), data.index(b"PK\x05\x06")
    first = next(i for i in range(start, end) if data.startswith(_ENTRY, i) and b"a/data/0" in data[i : i + 60])
    entries = [data[start:first]]
    for key in range(times):
        label, entry = f"a/data/{key}".encode(), bytearray(data[first : first + 46])
        struct.pack_into("<H", entry, 28, len(label))
        entries.append(bytes(entry) + label)
    directory = b"".join(entries)
    ending = bytearray(data[end:])
    struct.pack_into("<HHII", ending, 8, times + 1, times + 1, len(directory), start)
    return ".pt", data[:start] + directory + bytes(ending)


def crowded(dice: random.Random) -> Made:
    """Thousands of empty records."""
    records = {f"x{i}": b"" for i in range(dice.randint(100, 2000))}
    return ".pt", packed(plain(1), **records)


# --- hostile safetensors ---------------------------------------------------------------------------------------------


def lying_header(dice: random.Random) -> Made:
    """A header whose shapes, places, types or length are not those of the data."""
    flat = bytes(4 * dice.choice([0, 1, 4, 100]))

    def entry() -> Any:
        shape = [dice.choice([0, 1, 2, 4, 100, -1, BIG, 1 << 62, 1 << 64, 1.5]) for _ in range(dice.randint(0, 4))]
        ends = [dice.choice([0, 0, 4, len(flat), len(flat), BIG, -1]) for _ in range(2)]
        kind = dice.choice(["F32", "F32", "F64", "BOOL", "F8_E4M3", "F4", "I64", "X", ""])
        return dice.choice([{"dtype": kind, "shape": shape, "data_offsets": ends}] * 5 + [{}, [], 1, {"dtype": kind}])

    header = {dice.choice(["w", "", "__metadata__", "a\0b", "é" * 99]): entry() for _ in range(dice.randint(0, 3))}
    text = dice.choice([json.dumps(header)] * 6 + ["[" * 5000, '{"a":' * 5000, "", "null", '{"w":1,"w":2}']).encode()
    length = dice.choice([len(text)] * 5 + [0, len(text) + 1, 1 << 27, 1 << 62, (1 << 64) - 1])
    return ".safetensors", length.to_bytes(8, "little") + text + flat


DAMAGED = {"flipped bits": flipped, "cut off": cut_off, "spliced": spliced}
KINDS: dict[str, Callable[[random.Random], Made]] = {
    **DAMAGED, "forbidden names": forbidden, "operations at random": soup, "lengths without content": unfounded,
    "copies of copies": copying, "swarms of objects": swarm,
    "tensors beyond their memory": beyond, "tensors out of place": misplaced,
    "nested without end": nested, "compressed records": compressed, "lying headers": lying,
    "swollen sizes": swollen, "overlapping records": overlapping, "crowds of records": crowded,
    "lying safetensors": lying_header,
}  # fmt: skip
"""Every kind of bad file by name; of the first three it is known what the file held before."""
