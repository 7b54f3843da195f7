"""The compact golden vectors are what the full ones are."""

from __future__ import annotations

import json
import lzma

import pytest

from tests import golden

PACKED = sorted(golden.COMPACT.glob("*.json.xz"))


@pytest.mark.golden
@pytest.mark.skipif(not golden.FULL.is_dir(), reason="the full golden vectors are not beside the project")
@pytest.mark.parametrize("path", PACKED, ids=lambda path: path.name)
def test_the_compact_set_equals_the_full_one(path):
    compact = json.loads(lzma.decompress(path.read_bytes()))["data"]
    full = json.loads((golden.FULL / path.stem).read_bytes())["data"]
    if path.stem == "greedy.json":
        full = [record for record in full if record["config"] in ("yellow", "ghost")]
    assert compact == full


def test_the_compact_set_is_small():
    size = sum(path.stat().st_size for path in golden.COMPACT.rglob("*") if path.is_file())
    assert len(PACKED) == 16
    assert size <= 3_000_000
