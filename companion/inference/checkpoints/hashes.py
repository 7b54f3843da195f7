"""SHA-256 of files, each of which is read once as long as it stays the same. A start asks for the same hash several times."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_REMEMBERED = 64


def file_sha256(path: Path) -> str:
    """Hex digest of a file's bytes. A file of the same inode, size and time of change counts as the same. Raises OSError."""
    found = path.stat()
    return _digest(str(path.resolve()), found.st_ino, found.st_size, found.st_mtime_ns)


@lru_cache(_REMEMBERED)
def _digest(path: str, inode: int, size: int, changed_ns: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
