"""One name, several sizes: files and names only."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from companion.errors import CheckpointError
from companion.inference.checkpoints import hub
from companion.inference.checkpoints.family import LARGE_FILE_BYTES, affordable, find_family


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(hub, "SHIPPED_FOLDER", tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    # The hub's client reads its settings once, on import, and another test may have imported it.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return tmp_path


def test_a_name_stands_for_both_sizes_and_each_size_has_its_own_name(shipped):
    (shipped / "yellow.pt").write_bytes(b"large")
    (shipped / "yellow_mini.pt").write_bytes(b"small")
    family = find_family("yellow")
    assert [(member.name, member.path.name) for member in family.members] == [
        ("yellow_20m", "yellow.pt"),
        ("yellow_mini", "yellow_mini.pt"),
    ]
    assert family.remarks == ()
    for name, file in (("yellow_20m", "yellow.pt"), ("yellow_mini", "yellow_mini.pt")):
        (member,) = find_family(name).members
        assert (member.name, member.path.name) == (name, file)


def test_a_file_is_itself_and_nothing_more(shipped):
    (shipped / "yellow.pt").write_bytes(b"large")
    (shipped / "yellow_mini.pt").write_bytes(b"small")
    (member,) = find_family(shipped / "yellow.pt").members
    assert member.path == shipped / "yellow.pt"


def test_a_small_checkpoint_without_a_sibling_is_complete(shipped):
    (shipped / "yellow.pt").write_bytes(b"all there is")
    family = find_family("yellow")
    assert [member.name for member in family.members] == ["yellow"]
    assert family.remarks == ()
    with pytest.raises(CheckpointError, match="yellow_20m"):
        find_family("yellow_20m")


def test_a_large_checkpoint_that_lost_its_mini_plays_on_with_a_remark(shipped):
    with (shipped / "yellow.pt").open("wb") as file:
        file.truncate(LARGE_FILE_BYTES)
    family = find_family("yellow")
    assert [member.name for member in family.members] == ["yellow"]
    assert family.remarks == ("yellow_mini.pt is missing: a slow machine has no smaller size to turn to",)


def test_a_changed_file_is_named(shipped):
    (shipped / "yellow.pt").write_bytes(b"as shipped")
    sums = f"{hashlib.sha256(b'as shipped').hexdigest()}  yellow.pt\n"
    (shipped / "SHA256SUMS").write_text(sums)
    assert find_family("yellow").remarks == ()
    (shipped / "yellow.pt").write_bytes(b"as edited!")
    (remark,) = find_family("yellow").remarks
    assert remark.startswith("yellow.pt is not the file that was shipped")


def test_the_size_that_memory_does_not_allow_is_left_out_and_named(shipped):
    with (shipped / "yellow.pt").open("wb") as file:
        file.truncate(41_000_000)
    with (shipped / "yellow_mini.pt").open("wb") as file:
        file.truncate(5_000_000)
    family = find_family("yellow")
    assert affordable(family, 2_000_000_000).members == family.members
    small = affordable(family, 300_000_000)
    assert [member.name for member in small.members] == ["yellow_mini"]
    assert small.remarks == ("yellow_20m needs about 388 MB of memory and 300 MB are free: yellow_mini plays",)
    assert [member.name for member in affordable(family, 0).members] == ["yellow_mini"]
