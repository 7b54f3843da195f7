"""Hashes of files: right, and new when the file is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from companion.inference.checkpoints.hashes import file_sha256


def test_a_changed_file_has_another_hash(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"one", b"two", b"x" * (3 << 20)):
        path.write_bytes(content)
        assert file_sha256(path) == hashlib.sha256(content).hexdigest()


def test_a_file_that_stays_the_same_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    first = file_sha256(path)
    monkeypatch.setattr("builtins.open", lambda *args: pytest.fail("read again"))
    assert file_sha256(path) == first


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        file_sha256(tmp_path / "none")
