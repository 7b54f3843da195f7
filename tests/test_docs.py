"""What documentation and docstrings cite exists: files, folders and modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "configs").rglob("*.md"))
    if path.name != "CHANGELOG.md"
)
SOURCES = sorted((ROOT / "companion").rglob("*.py"))
FILE = re.compile(r"(?<![\w/.~-])((?:companion|tests|configs|docs|\.ci)/[\w./-]*\w/?)")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
MODULE = re.compile(r"`+(companion(?:\.\w+)+)")


def cited_files(text: str) -> set[str]:
    return {name for name in FILE.findall(text) if "NAME" not in name and "*" not in name}


def exists(name: str) -> bool:
    path = ROOT / name
    # An installed package carries its configs under this name; a checkout does not.
    return path.exists() or path.with_suffix(".py").exists() or name == "companion/_configs"


def is_module(name: str) -> bool:
    """Whether a dotted name is a module, a package, or something that a module defines."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        source = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
        if source.is_file():
            rest = parts[length:]
            return not rest or re.search(rf"\b{rest[0]}\b", source.read_text(encoding="utf-8")) is not None
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_cites_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [name for name in cited_files(text) if not exists(name)]
    missing += [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    missing += [name for name in MODULE.findall(text) if not is_module(name)]
    assert not missing


def test_what_the_code_cites_exists() -> None:
    missing = []
    for source in SOURCES:
        text = source.read_text(encoding="utf-8")
        missing += [f"{source.relative_to(ROOT)}: {name}" for name in cited_files(text) if not exists(name)]
        missing += [f"{source.relative_to(ROOT)}: {name}" for name in MODULE.findall(text) if not is_module(name)]
    assert not missing


def test_the_map_shows_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = page[page.index("## Rooms") : page.index("## How to add")]
    rooms = {path.parent.name for path in (ROOT / "companion").rglob("__init__.py")} - {"companion"}
    assert not [room for room in sorted(rooms) if f"{room}/" not in tree]
