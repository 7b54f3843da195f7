"""Built graphs on disk, found again by the checkpoint's contents. Needs neither torch nor `onnx`.

Knows nothing of what is inside a graph. An entry is two files in the user's cache folder, `<key>.onnx` and `<key>.json`; the
key hashes the checkpoint's bytes with everything else the graph depends on. The manifest is written last and carries the graph's
own hash, so a half-written, damaged or foreign entry is never used: it counts as absent and is built again.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1  # raise whenever the graph or the manifest changes
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """One usable entry: the graph's file and the two configs of the checkpoint it was built from."""

    graph_path: Path
    model_config: dict[str, Any]
    encoder_config: dict[str, Any]
    scheme: str


def default_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("companion")) / "graphs"


def hash_checkpoint(path: Path) -> str:
    """Hex SHA-256 of a checkpoint's bytes, be it a file or a directory of files. Raises OSError."""
    digest = hashlib.sha256()
    for file in sorted(path.glob("*.*")) if path.is_dir() else [path]:
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
        graph_path = folder / f"{key}.onnx"
        if manifest["graph_sha256"] != hash_checkpoint(graph_path):
            return None
        return Stored(
            graph_path, dict(manifest["model_config"]), dict(manifest["encoder_config"]), str(manifest["scheme"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(
    folder: Path,
    key: str,
    graph: bytes,
    model_config: Mapping[str, Any],
    encoder_config: Mapping[str, Any],
    scheme: str,
) -> Stored | None:
    """Write an entry so that no reader ever sees half of it; None when the folder cannot be written."""
    manifest = {
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        "model_config": dict(model_config),
        "encoder_config": dict(encoder_config),
        "scheme": scheme,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(folder / f"{key}.onnx", graph)
        _write_whole(folder / f"{key}.json", json.dumps(manifest).encode())
    except OSError:
        return None
    return Stored(folder / f"{key}.onnx", dict(model_config), dict(encoder_config), scheme)


def _write_whole(path: Path, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
