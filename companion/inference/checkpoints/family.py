"""The sizes of a shipped checkpoint: one name stands for a large file and a small one.

`yellow` is a family. Its files are `yellow.pt`, the large size, and `yellow_mini.pt`; `yellow_20m` and `yellow_mini` each name
one size. A path, the name of a size and a checkpoint without a sibling are families of one. This module knows files and names.
It loads nothing, so it needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from companion.inference.checkpoints import hub
from companion.inference.checkpoints.hashes import file_sha256

LARGE, MINI = "20m", "mini"
SUMS_NAME = "SHA256SUMS"  # the output of `sha256sum *.pt`; optional
LARGE_FILE_BYTES = 20_000_000  # the 2.4 M checkpoints take 5 MB and the 20 M ones 41 MB (fp16)
# A large CPU engine holds its graphs in float and in bytes, and a cache for each part: 380 MB measured for a 41 MB file.
MEMORY_PER_FILE_BYTE = 8
MEMORY_BASE_BYTES = 60_000_000


@dataclass(frozen=True, slots=True)
class Member:
    """One size. name: the name of exactly this size. path: its file."""

    name: str
    path: Path

    @property
    def memory_bytes(self) -> int:
        """The approximate memory that this size takes when loaded, in bytes."""
        return MEMORY_BASE_BYTES + MEMORY_PER_FILE_BYTE * _file_bytes(self.path)


@dataclass(frozen=True, slots=True)
class Family:
    """members: the sizes, largest first; there is at least one. remarks: notices for the player, one line each."""

    name: str
    members: tuple[Member, ...]
    remarks: tuple[str, ...] = ()


def find_family(name: str | Path) -> Family:
    """The sizes that `name` stands for. Raises CheckpointError as `hub.find_checkpoint` does when there is none."""
    path = hub.find_checkpoint(name)
    shipped = path.parent == hub.SHIPPED_FOLDER
    if not shipped or str(name) != path.stem or str(name).endswith(f"_{MINI}"):
        return Family(str(name), (Member(str(name), path),), _changed_remarks([path]))
    small = hub.shipped_checkpoint(f"{name}_{MINI}")
    if small is None:
        missing = _file_bytes(path) >= LARGE_FILE_BYTES
        remark = f"{path.stem}_{MINI}{path.suffix} is missing: a slow machine has no smaller size to turn to"
        remarks = ((remark,) if missing else ()) + _changed_remarks([path])
        return Family(str(name), (Member(str(name), path),), remarks)
    members = (Member(f"{name}_{LARGE}", path), Member(f"{name}_{MINI}", small))
    return Family(str(name), members, _changed_remarks([path, small]))


def affordable(family: Family, available_bytes: int) -> Family:
    """The family without the sizes that do not fit into memory. The smallest size always stays.

    available_bytes: the memory that may be used now. A remark names each size that is left out.
    """
    kept: list[Member] = []
    remarks = list(family.remarks)
    left_bytes = available_bytes
    smallest = family.members[-1]
    left_bytes -= smallest.memory_bytes
    for member in family.members[:-1]:
        if member.memory_bytes <= left_bytes:
            kept.append(member)
            left_bytes -= member.memory_bytes
        else:
            needed, free = member.memory_bytes // 1_000_000, max(0, available_bytes) // 1_000_000
            remarks.append(
                f"{member.name} needs about {needed} MB of memory and {free} MB are free: {smallest.name} plays"
            )
    return Family(family.name, (*kept, smallest), tuple(remarks))


def _changed_remarks(paths: list[Path]) -> tuple[str, ...]:
    """One line for each file whose content differs from the shipped one."""
    known = _shipped_sums()
    return tuple(
        f"{path.name} is not the file that was shipped (changed or damaged); it is used all the same"
        for path in paths
        if path.parent == hub.SHIPPED_FOLDER and path.name in known and known[path.name] != _sha256(path)
    )


def _shipped_sums() -> Mapping[str, str]:
    """The shipped list as file name → SHA-256 in hex; empty if there is no list."""
    try:
        lines = (hub.SHIPPED_FOLDER / SUMS_NAME).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.split(maxsplit=1) for line in lines)
    return {pair[1].lstrip("*").strip(): pair[0].lower() for pair in pairs if len(pair) == 2}


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError:
        return ""


def _file_bytes(path: Path) -> int:
    files = path.glob("*.*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
