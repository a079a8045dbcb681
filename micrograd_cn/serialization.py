"""`save` and `load`: PyTorch's own file format, and safetensors for names that end so.

A file is a ZIP archive without compression: a pickle that says what is kept, and beside it the memory of each tensor.
https://pytorch.org/docs/stable/notes/serialization.html
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import pickle
import shutil
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from micrograd_cn import dtypes
from micrograd_cn.device import device
from micrograd_cn.ops.shape import need
from micrograd_cn.pickling import Pickler, Storage, StorageType, StrictUnpickler, Unpickler
from micrograd_cn.recording import wrap
from micrograd_cn.tensor import Tensor

_allowed: dict[str, Any] = {}
_numbers = itertools.count()  # of files being written


def add_safe_globals(safe_globals: Sequence[Any]) -> None:
    """Let ``load(weights_only=True)`` make these classes; they must be harmless whatever they are filled with."""
    _allowed.update({f"{c.__module__}.{c.__qualname__}": c for c in safe_globals})


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` has allowed."""
    return list(_allowed.values())


def clear_safe_globals() -> None:
    """Allow nothing but tensors and plain containers again."""
    _allowed.clear()


class safe_globals:
    """``with safe_globals([C]): load(...)``: allow these classes, only there."""

    def __init__(self, safe_globals: Sequence[Any]) -> None:
        self.classes = safe_globals

    def __enter__(self) -> None:
        self._before = dict(_allowed)
        add_safe_globals(self.classes)

    def __exit__(self, *_: object) -> None:
        _allowed.clear()
        _allowed.update(self._before)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Any]:
    """A file to write that takes the place of ``path`` when it is complete: a kill leaves the old file or the new."""
    path = path.resolve()
    if path.exists() and not path.is_file():  # a device or a pipe
        with path.open("wb") as file:
            yield file
        return
    part = path.with_name(f".{os.getpid()}-{next(_numbers)}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def save(obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: int = 2,
        _use_new_zipfile_serialization: bool = True) -> None:  # fmt: skip
    """Write ``obj`` to a file.

    Args:
        obj: tensors, parameters, dictionaries, lists, numbers, text, ``state_dict``s; a whole module too, which
            `load` reads with ``weights_only=False`` only.
        f: a name or an open binary file. Tensors in a dictionary go to a name that ends in ``.safetensors`` in the
            format of that name; all else is written so that PyTorch reads it.
        pickle_module, _use_new_zipfile_serialization: accepted.
        pickle_protocol: the version of the pickle inside.

    Raises:
        OSError: if the file cannot be written; the old one is then still there.
        TypeError: if ``obj`` cannot be kept in a safetensors file.
        pickle.PicklingError: if ``obj`` cannot be pickled.

    Source: https://pytorch.org/docs/stable/generated/torch.save.html
    """
    if isinstance(f, (str, os.PathLike)):
        path = Path(f)
        need(path.resolve().parent.is_dir(), f"Parent directory {path.parent} does not exist.")
        content = _safetensors(obj) if path.suffix == ".safetensors" else None
        with _replacing(path) as file:
            file.write(content) if content is not None else _write(obj, file, path.stem, pickle_protocol)
    elif hasattr(f, "write"):
        _write(obj, f, "archive", pickle_protocol)
    else:
        raise AttributeError(f"expected 'f' to be string, path, or a file-like object with a 'write', got {type(f)}")


def _write(obj: Any, file: Any, name: str, protocol: int) -> None:
    text = io.BytesIO()
    pickler = Pickler(text, protocol)
    pickler.dump(obj)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{name}/data.pkl"), text.getvalue())
        archive.writestr(zipfile.ZipInfo(f"{name}/byteorder"), sys.byteorder)
        for key, flat in pickler.storages.items():
            archive.writestr(zipfile.ZipInfo(f"{name}/data/{key}"), flat.view(np.uint8).data)
        archive.writestr(zipfile.ZipInfo(f"{name}/version"), "3\n")


def _safetensors(obj: Any) -> bytes:
    from safetensors.numpy import save as packed

    if not isinstance(obj, dict) or not all(isinstance(k, str) and isinstance(t, Tensor) for k, t in obj.items()):
        raise TypeError("a safetensors file holds a dictionary of tensors with names, such as a state_dict")
    return packed({name: np.array(t._array, order="C") for name, t in obj.items()})


def load(f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = None,
        mmap: bool | None = None, **pickle_load_args: Any) -> Any:  # fmt: skip
    """Read what `save` or PyTorch wrote.

    Args:
        f: a name or an open, seekable binary file; a name that ends in ``.safetensors`` is read as such.
        map_location: where tensors of other devices go; "cpu" reads a file that was written on a GPU.
        weights_only: build tensors and plain containers only, and refuse everything else by name; the default. False
            runs whatever code the file names: for trusted files.
        pickle_module, mmap: accepted.

    Raises:
        FileNotFoundError, OSError: if it cannot be opened.
        pickle.UnpicklingError: if it holds something else than tensors and plain containers, or makes no sense.
        RuntimeError: if it is no such archive or is cut off, or holds tensors of a GPU and ``map_location`` is None.

    Source: https://pytorch.org/docs/stable/generated/torch.load.html
    """
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            if Path(f).suffix == ".safetensors":
                return _unpacked(file.read())
            return load(file, map_location, weights_only=weights_only, **pickle_load_args)
    try:
        with zipfile.ZipFile(f) as archive:
            reading = _Archive(archive, map_location)
            if weights_only is False:
                return Unpickler(reading.pickle, reading.storage, **pickle_load_args).load()
            try:
                return StrictUnpickler(reading.pickle, reading.storage, _allowed).load()
            except (pickle.UnpicklingError, zipfile.BadZipFile, _Refused):
                raise
            except Exception as error:
                raise pickle.UnpicklingError(f"the file is damaged: {type(error).__name__}: {error}") from error
    except (zipfile.BadZipFile, KeyError, NotImplementedError, EOFError, ValueError, OverflowError, OSError) as error:
        if weights_only is False and not isinstance(error, zipfile.BadZipFile):
            raise
        raise RuntimeError(f"failed reading zip archive: {error}. The file is cut off, damaged or too old") from error


class _Refused(RuntimeError):
    """A file that is sound but not for this machine, or not sound."""


class _Archive:
    """The records of a file: the pickle, and storages that are read when the pickle names them."""

    def __init__(self, archive: zipfile.ZipFile, map_location: Any) -> None:
        self.archive, self.map_location = archive, map_location
        self.records = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        self.read: dict[str, Storage] = {}
        archive.fp.seek(0, os.SEEK_END)  # type: ignore[union-attr]
        # No more is reserved than the file holds, whatever it says of itself.
        self.left = archive.fp.tell()  # type: ignore[union-attr]
        self.pickle = self._content("data.pkl")
        self.swapped = "byteorder" in self.records and self._content("byteorder").decode() != sys.byteorder

    def _content(self, name: str) -> bytes:
        record = self.records[name]
        self.left -= record.file_size
        if record.compress_type != zipfile.ZIP_STORED or record.compress_size != record.file_size or self.left < 0:
            raise _Refused(f"{record.filename} is compressed or longer than the file: PyTorch writes no such archive")
        return self.archive.read(record)

    def storage(self, description: Any) -> Storage:
        """The memory that ``("storage", type, key, location, count)`` describes, once for all that ask for it."""
        kind, of, key, location, count = description
        if [type(x) for x in description] != [str, StorageType, str, str, int] or kind != "storage":
            raise pickle.UnpicklingError("expected a storage")
        if self.map_location is None and device(location).type != "cpu":
            raise _Refused(f"the file was written on {location}, which is not here; load it with map_location='cpu'")
        if key not in self.read:
            content, dtype = self._content(f"data/{key}"), of.dtype.numpy
            if len(content) != count * dtype.itemsize:
                raise pickle.UnpicklingError(f"storage {key} has {len(content)} bytes for {count} of {of.dtype}")
            flat = np.frombuffer(bytearray(content), np.uint8).view(dtype)
            self.read[key] = Storage(flat.byteswap() if self.swapped else flat)
        return self.read[key]


# How a safetensors file calls the types.
_TYPES = {"BOOL": "bool", "BF16": "bfloat16", "C64": "complex64", "U8": "uint8"}
_TYPES |= {
    f"{letter}{bits}": f"{word}{bits}" for letter, word in (("I", "int"), ("F", "float")) for bits in (8, 16, 32, 64)
}


def _unpacked(data: bytes) -> dict[str, Tensor]:
    from safetensors import SafetensorError, deserialize

    try:
        found = deserialize(data)
    except SafetensorError as error:
        raise RuntimeError(f"failed reading safetensors: {error}") from error
    kept = {}
    for name, entry in found:
        dtype = getattr(dtypes, _TYPES.get(entry["dtype"], ""), None)
        if dtype is None:
            raise RuntimeError(
                f"failed reading safetensors: {name} is of the type {entry['dtype']}, which tensors have not"
            )
        kept[name] = wrap(np.frombuffer(bytearray(entry["data"]), np.uint8).view(dtype.numpy).reshape(entry["shape"]))
    return kept
