"""Reads checkpoint files of the usual form without torch, which takes seconds and hundreds of megabytes to import.

The weights stay in the file, which is mapped, and become float32 one at a time when they are used. Packed files and safetensors
are understood, with plain containers and contiguous tensors. Whatever deviates from that, or from what `files.load_checkpoint`
would accept, gives None: `load_checkpoint` is then the one that reads the file or names its fault. Nothing in a file is executed.
"""

from __future__ import annotations

import io
import json
import math
import pickle
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from companion.errors import CheckpointError
from companion.inference.checkpoints.files import Checkpoint, ModelConfig, checked_encoder
from companion.inference.checkpoints.known import known_checkpoint

MAX_PICKLE_BYTES = 1 << 20
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, length of the name, length of the extra field
_TYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2"}
_SAFE_TYPES = {"F32": "<f4", "F16": "<f2"}
MAX_HEADER_BYTES = 1 << 24
_KNOWN_OPERATIONS = (
    "PROTO EMPTY_DICT EMPTY_LIST EMPTY_TUPLE MARK TUPLE TUPLE1 TUPLE2 TUPLE3 SETITEM SETITEMS APPEND APPENDS NEWTRUE NEWFALSE NONE "
    "BININT BININT1 BININT2 BINFLOAT BINUNICODE BINPUT LONG_BINPUT BINGET LONG_BINGET GLOBAL REDUCE BINPERSID STOP"
).split()
_KNOWN_CODES = {getattr(pickle, name)[0] for name in _KNOWN_OPERATIONS}


class Unusual(Exception):
    """The file is not of the usual form."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A tensor in the file: where its numbers lie."""

    offset_bytes: int
    dtype: np.dtype
    shape: tuple[int, ...]


class MappedWeights(Mapping[str, npt.NDArray[np.float32]]):
    """The weights by name. Each access reads the file and makes a new float32 array."""

    def __init__(self, path: Path, stored: Mapping[str, _Stored]) -> None:
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
        self._stored = stored

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        found = self._stored[name]
        size = math.prod(found.shape) * found.dtype.itemsize
        raw = np.asarray(self._bytes[found.offset_bytes : found.offset_bytes + size])
        return raw.view(found.dtype).reshape(found.shape).astype(np.float32)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def read_quickly(path: Path) -> tuple[Checkpoint, MappedWeights] | None:
    """The checkpoint, whose state dict is read only where it is asked for, and its weights; None if `load_checkpoint` is needed."""
    try:
        data = _read_safetensors(path) if path.suffix == ".safetensors" else _read(path)
        config = ModelConfig.from_dict(data["config"])
        encoder = checked_encoder(config, data["encoder_config"])
        stored = {str(name): value for name, value in data["state_dict"].items()}
        shapes = config.shapes()
        if set(stored) != set(shapes) or any(stored[name].shape != shape for name, shape in shapes.items()):
            return None
        weights = MappedWeights(path, stored)
        if not all(np.isfinite(weights[name]).all() for name in weights):
            return None
    except (Unusual, CheckpointError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    guided = data.get("chord_guide") is True
    known = known_checkpoint(
        path, {name: getattr(config, name) for name in config.__slots__}, encoder.to_dict(), guided
    )
    return known, weights


def read_dimensions(path: Path) -> ModelConfig | None:
    """The model's dimensions from the file's header; None if only `load_checkpoint` can tell them."""
    try:
        data = _read_safetensors(path) if path.suffix == ".safetensors" else _read(path)
        return ModelConfig.from_dict(data["config"])
    except (Unusual, CheckpointError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _read_safetensors(path: Path) -> dict[str, Any]:
    """The content of a file of format 2: the length of a JSON header, the header, the numbers. Raises as `_read` does."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER_BYTES, path.stat().st_size - 8):
            raise Unusual
        header = json.loads(file.read(length))
    metadata = header.pop("__metadata__")
    if metadata.get("format_version") != "2" or metadata.get("arch") not in (None, "", "gpt2"):
        raise Unusual
    stored = {}
    for name, tensor in header.items():
        start, end = tensor["data_offsets"]
        found = _Stored(8 + length + start, np.dtype(_SAFE_TYPES[tensor["dtype"]]), tuple(tensor["shape"]))
        size = math.prod(found.shape) * found.dtype.itemsize
        if start < 0 or end - start != size or found.offset_bytes + size > path.stat().st_size:
            raise Unusual
        stored[name] = found
    return {
        "config": json.loads(metadata["config"]),
        "encoder_config": json.loads(metadata["encoder_config"]),
        "state_dict": stored,
        "chord_guide": metadata.get("chord_guide") == "true",
    }


def _read(path: Path) -> dict[str, Any]:
    """The pickled content, with `_Stored` in place of tensors. Raises Unusual and the errors of broken files."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            pickles = [name for name in infos if name.endswith("/data.pkl")]
            plain = all(info.compress_type == zipfile.ZIP_STORED for info in infos.values())
            if len(pickles) != 1 or not plain or infos[pickles[0]].file_size > MAX_PICKLE_BYTES:
                raise Unusual
            root = pickles[0].removesuffix("/data.pkl")
            if f"{root}/byteorder" in infos and archive.read(f"{root}/byteorder") != b"little":
                raise Unusual
            data = _Unpickler(archive.read(pickles[0]), _places(path, infos, root)).load()
    except (zipfile.BadZipFile, NotImplementedError, pickle.UnpicklingError, EOFError, IndexError) as error:
        raise Unusual from error
    if not isinstance(data, dict) or data.get("format_version") != 1 or data.get("arch") not in (None, "", "gpt2"):
        raise Unusual
    return data


def _places(path: Path, infos: Mapping[str, zipfile.ZipInfo], root: str) -> dict[str, tuple[int, int]]:
    """(first byte in the file, number of bytes) of each storage, by its key."""
    places = {}
    size = path.stat().st_size
    with path.open("rb") as file:
        for name, info in infos.items():
            if name.startswith(f"{root}/data/"):
                file.seek(info.header_offset)
                signature, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
                start = info.header_offset + _LOCAL_HEADER.size + name_length + extra_length
                if signature != b"PK\x03\x04" or start + info.file_size > size:
                    raise Unusual
                places[name.removeprefix(f"{root}/data/")] = (start, info.file_size)
    return places


class _Unpickler(pickle._Unpickler):  # type: ignore[name-defined]  # the Python one: its memo is a dict, not sized by the file
    """Knows containers, numbers, texts and tensors; any other operation is a KeyError."""

    dispatch: ClassVar = {code: does for code, does in pickle._Unpickler.dispatch.items() if code in _KNOWN_CODES}  # type: ignore[attr-defined]

    def __init__(self, data: bytes, places: Mapping[str, tuple[int, int]]) -> None:
        super().__init__(io.BytesIO(data))
        self._places = places

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _rebuild
        if module == "collections" and name == "OrderedDict":
            return dict
        raise Unusual

    def persistent_load(self, pid: Any) -> tuple[int, int, np.dtype]:
        kind, type_name, key = pid[:3]
        if kind != "storage" or type_name not in _TYPES.values():
            raise Unusual
        return (*self._places[str(key)], np.dtype(type_name))


def _rebuild(
    storage: tuple[int, int, np.dtype], offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> _Stored:
    start, size, dtype = storage
    contiguous = tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    end = (offset + math.prod(shape)) * dtype.itemsize
    if offset < 0 or min(shape, default=1) < 1 or tuple(stride) != contiguous or end > size:
        raise Unusual
    return _Stored(start + offset * dtype.itemsize, dtype, tuple(shape))
