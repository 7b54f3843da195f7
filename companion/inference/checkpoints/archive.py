"""Reads tensors from untrusted torch files without running anything from the file.

`load_plain` reads files of plain containers and tensors with torch's own weights_only unpickler. `load_torchscript_parameters`
reads TorchScript archives. It rebuilds the pickled object tree with inert stand-ins for every class and function that the file
names, and never opens the archive's code folder. Both raise CheckpointError that names the fault.
"""

from __future__ import annotations

import io
import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from companion.errors import CheckpointError

MAX_PICKLE_BYTES = 64 << 20
MAX_DEPTH = 32
_NAMED_CODE = re.compile(r"GLOBAL ([\w.]+)")  # how torch's reader names what it refuses to call
_STORAGE_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def archive_names(path: Path) -> list[str]:
    """The names in a torch zip archive. Raises CheckpointError if it is no zip file, is broken, or is a zip bomb.

    torch never compresses tensor data. An archive whose data claims to be larger than the file is therefore refused unread.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CheckpointError(f"{path}: not a torch archive, or cut short ({error})") from None
    data = [info for info in infos if not info.filename.endswith(".pkl") and "/code/" not in info.filename]
    if sum(info.file_size for info in data) > path.stat().st_size:
        raise CheckpointError(f"{path}: the archive claims more data than the file holds")
    for info in infos:
        if info.filename.endswith(".pkl") and info.file_size > MAX_PICKLE_BYTES:
            raise CheckpointError(f"{path}: {info.filename} is too large ({info.file_size} bytes)")
    return [info.filename for info in infos]


def is_torchscript(names: list[str]) -> bool:
    """Whether an archive's names are those of a saved TorchScript module."""
    return any(
        name.partition("/")[2] == "constants.pkl" or name.partition("/")[2].startswith("code/") for name in names
    )


def load_plain(path: Path) -> Any:
    """The containers and tensors of a torch file. Code in the file is refused and never run."""
    archive_names(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about unusual pickles; the user should see only our one line
            return torch.load(path, map_location="cpu", weights_only=True, mmap=False)
    except pickle.UnpicklingError as error:
        named = _NAMED_CODE.search(str(error))
        found = f": it names {named.group(1)}" if named else ""
        raise CheckpointError(f"{path}: refused, it holds more than plain weights{found}") from None
    except Exception as error:  # a broken file can fail anywhere inside torch
        raise CheckpointError(f"{path}: cannot be read ({type(error).__name__}{_reason(error)})") from None


def _reason(error: Exception) -> str:
    """The message of torch's error, unless it advises how to load the file anyway."""
    text = _first_line(str(error))
    return "" if "load" in text and "trust" in str(error) else f": {text}"


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0][:200]


class _Inert:
    """Stands in for every class or function that the archive names. It accepts anything and does nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update({key: value for key, value in state.items() if isinstance(key, str)})


class _StorageType:
    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype


class _ParameterUnpickler(pickle._Unpickler):  # type: ignore[name-defined]  # the Python one: its memo is a dict, not sized by the file
    def __init__(self, data: bytes, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(data))
        self._archive = archive
        self._root = root
        self._storages: dict[str, torch.Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGE_DTYPES:
            return _StorageType(_STORAGE_DTYPES[name])
        if module == "torch._utils" and name == "_rebuild_tensor_v2":
            return _rebuild_tensor
        if module == "torch._utils" and name == "_rebuild_parameter":
            return lambda data, *_: data
        if module == "collections" and name == "OrderedDict":
            return dict
        if module == "torch.jit._pickle":  # typed lists: the list itself
            return lambda value=None, *_: value
        return type("Inert", (_Inert,), {})

    def persistent_load(self, pid: Any) -> torch.Tensor:
        kind, storage_type, key = pid[0], pid[1], str(pid[2])
        if kind != "storage" or not isinstance(storage_type, _StorageType):
            raise CheckpointError(f"unknown storage {kind!r}")
        if key not in self._storages:
            data = bytearray(self._archive.read(f"{self._root}/data/{key}"))
            self._storages[key] = torch.frombuffer(data, dtype=storage_type.dtype) if data else torch.empty(0)
        return self._storages[key]


def _rebuild_tensor(
    storage: torch.Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> torch.Tensor:
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if offset < 0 or min((*size, *stride, 0)) < 0 or last >= max(storage.numel(), 1):
        raise CheckpointError("a tensor reaches past its data")
    return torch.as_strided(storage, tuple(size), tuple(stride), offset)


def load_torchscript_parameters(path: Path) -> dict[str, torch.Tensor]:
    """Every tensor in the module tree of a TorchScript archive, by dotted attribute path. Code is never read."""
    names = archive_names(path)
    pickles = [name for name in names if name.partition("/")[2] == "data.pkl"]
    if len(pickles) != 1:
        raise CheckpointError(f"{path}: not a TorchScript archive (no data.pkl)")
    try:
        with zipfile.ZipFile(path) as archive:
            module = _ParameterUnpickler(archive.read(pickles[0]), archive, pickles[0].partition("/")[0]).load()
        tensors: dict[str, torch.Tensor] = {}
        _collect(module, "", tensors, 0)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except Exception as error:  # a hostile pickle can fail anywhere
        raise CheckpointError(f"{path}: cannot be read ({type(error).__name__}: {_first_line(str(error))})") from None
    return tensors


def _collect(value: Any, prefix: str, into: dict[str, torch.Tensor], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise CheckpointError("modules are nested too deep")
    if isinstance(value, torch.Tensor):
        into[prefix] = value
    elif isinstance(value, (_Inert, dict)):
        items = vars(value) if isinstance(value, _Inert) else value
        for key, item in items.items():
            if isinstance(key, str):
                _collect(item, f"{prefix}.{key}" if prefix else key, into, depth + 1)
