"""Reading set lists: a TOML file of entries. A damaged entry is one line that names it; the other entries are read all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from companion.config.schema import ENTRY
from companion.config.toml_files import read_toml
from companion.errors import ConfigError
from companion.resources import configs_dir

MAX_ENTRIES = 1000
TABLES = ("title", "preset", "entries")


@dataclass(frozen=True, slots=True)
class EntryTable:
    """One entry as it is written. number: from 1. Texts are as typed; "" is not given.

    song: a file, a link or a shipped chart. intro: bars; None: as the preset says.
    tempo: "96" or "80%". me, fill: as of `companion practice`.
    """

    number: int
    title: str = ""
    song: str = ""
    progression: str = ""
    preset: str = ""
    tempo: str = ""
    transpose: int = 0
    intro: int | None = None
    me: str = ""
    fill: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the entry is called on screen and in messages."""
        return self.title or self.song or self.progression or self.preset or "no name"


@dataclass(frozen=True, slots=True)
class SetListFile:
    """A set list that was read. complaints: one line for each entry that could not be read."""

    path: Path
    title: str
    entries: tuple[EntryTable, ...]
    complaints: tuple[str, ...] = ()


def find_set_list(name: str) -> Path:
    """The file of a set list by its path, or by the name of a shipped one. Raises ConfigError."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    shipped = {file.stem: file for file in sorted((configs_dir() / "sets").glob("*.toml"))}
    if name in shipped:
        return shipped[name]
    raise ConfigError(f"{name}: no such file, and no shipped set list of that name ({', '.join(shipped)})")


def load_set_list(path: Path) -> SetListFile:
    """Read a set list. Raises ConfigError where the file as a whole cannot be read."""
    document = read_toml(path, "set list")
    if unknown := [key for key in document if key not in TABLES]:
        raise ConfigError(f"{path}: unknown key {unknown[0]!r} (allowed: {', '.join(TABLES)})")
    for name in ("title", "preset"):
        if not isinstance(document.get(name, ""), str):
            raise ConfigError(f"{path}: {name} = {document[name]!r} is not text")
    tables = document.get("entries")
    if not isinstance(tables, list) or not tables:
        raise ConfigError(f"{path}: at least one [[entries]] table is needed")
    if len(tables) > MAX_ENTRIES:
        raise ConfigError(f"{path}: no more than {MAX_ENTRIES} entries")
    found, complaints = [], []
    for number, table in enumerate(tables, start=1):
        try:
            entry = _entry(table, number, str(path))
        except ConfigError as error:
            complaints.append(f"{error}: this entry is skipped")
            continue
        found.append(entry if entry.preset else replace(entry, preset=document.get("preset", "")))
    return SetListFile(path, document.get("title", path.stem), tuple(found), tuple(complaints))


def _entry(table: Any, number: int, where: str) -> EntryTable:
    title = table.get("title") if isinstance(table, Mapping) else None
    here = f"{where}: entry {number}{f' ({title})' if isinstance(title, str) else ''}"
    fields = ENTRY.read(table, here)
    if fields.get("song") and fields.get("progression"):
        raise ConfigError(f"{here}: either song or progression, not both")
    return EntryTable(number=number, **fields)
