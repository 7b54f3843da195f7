"""Built graphs on disk, found again by the checkpoint's contents. Needs neither torch nor `onnx`.

This module knows nothing of what is inside a graph. An entry consists of graphs, `<key>-<n>.onnx`, and a manifest,
`<key>.json`, in the user's cache folder. The key hashes the checkpoint's bytes and everything else that the graphs depend on.
The manifest is written last and carries the hashes of the graphs. A half-written, damaged or foreign entry is therefore never
used: it counts as absent and is built again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.inference.checkpoints.hashes import file_sha256

FORMAT = 5  # raise whenever the graph or the manifest changes
MOST_ENTRIES = 12  # the least recently used go first
_CHUNK = 1 << 20
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Stored:
    """One usable entry: the graph files, and the description of the checkpoint that they were built from."""

    graphs: tuple[Path, ...]
    model_config: dict[str, Any]
    encoder_config: dict[str, Any]
    chord_guide: bool = False


def default_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("companion")) / "graphs"


def hash_checkpoint(path: Path) -> str:
    """Hex SHA-256 of a checkpoint's bytes, be it a file or a directory of files. Raises OSError."""
    if not path.is_dir():
        return file_sha256(path)
    digest = hashlib.sha256()
    for file in sorted(path.glob("*.*")):
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def entry_key(contents: str, scheme: str, runtime_version: str) -> str:
    """The entry's name: `contents` is the checkpoint's hash, `runtime_version` that of ONNX Runtime."""
    return hashlib.sha256(f"{FORMAT}|{contents}|{scheme}|{runtime_version}".encode()).hexdigest()[:32]


def find(folder: Path, key: str) -> Stored | None:
    """The entry of that key, or None when it is absent, incomplete or damaged."""
    try:
        manifest = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
        graphs = _paths(folder, key, len(manifest["graphs"]))
        if not graphs or list(manifest["graphs"]) != [hash_checkpoint(path) for path in graphs]:
            return None
        os.utime(folder / f"{key}.json")
        configs = dict(manifest["model_config"]), dict(manifest["encoder_config"])
        return Stored(graphs, *configs, manifest["chord_guide"] is True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(
    folder: Path,
    key: str,
    graphs: Sequence[bytes],
    model_config: Mapping[str, Any],
    encoder_config: Mapping[str, Any],
    chord_guide: bool = False,
) -> Stored | None:
    """Write an entry so that no reader ever sees half of it; None when the folder cannot be written."""
    manifest = {
        "graphs": [hashlib.sha256(graph).hexdigest() for graph in graphs],
        "model_config": dict(model_config),
        "encoder_config": dict(encoder_config),
        "chord_guide": chord_guide,
    }
    paths = _paths(folder, key, len(graphs))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, graph in zip(paths, graphs, strict=True):
            _write_whole(path, graph)
        _write_whole(folder / f"{key}.json", json.dumps(manifest).encode())
        _prune(folder)
    except OSError:
        return None
    return Stored(paths, dict(model_config), dict(encoder_config), chord_guide)


def _paths(folder: Path, key: str, count: int) -> tuple[Path, ...]:
    return tuple(folder / f"{key}-{number}.onnx" for number in range(count))


def _prune(folder: Path) -> None:
    manifests = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for manifest in manifests[MOST_ENTRIES:]:
        manifest.unlink(missing_ok=True)
        for graph in folder.glob(f"{manifest.stem}-*.onnx"):
            graph.unlink(missing_ok=True)


def _write_whole(path: Path, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        # In pieces: some systems let nobody else run, however urgent, while they take a large one.
        with os.fdopen(descriptor, "wb") as file, memoryview(data) as view:
            for start in range(0, len(view), _PIECE):
                file.write(view[start : start + _PIECE])
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
