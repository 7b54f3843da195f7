"""Entries on disk: whole or absent, the oldest given up."""

from __future__ import annotations

import json
import os
from pathlib import Path

from companion.inference.backends.onnx import store as onnx_store


def save(folder: Path, name: str) -> onnx_store.Stored | None:
    return onnx_store.save(
        folder, name, [name.encode(), b"second"], {"n_embd": 1}, {"resolution": 12}, chord_guide=name == "one"
    )


def test_what_was_saved_is_found(tmp_path: Path) -> None:
    assert save(tmp_path, "one") == onnx_store.find(tmp_path, "one")
    assert onnx_store.find(tmp_path, "two") is None


def test_an_entry_remembers_whether_the_checkpoint_was_trained_for_the_chord_guide(tmp_path: Path) -> None:
    for name in ("one", "other"):
        save(tmp_path, name)
        stored = onnx_store.find(tmp_path, name)
        assert stored is not None
        assert stored.chord_guide is (name == "one")


def test_an_entry_without_one_of_its_graphs_counts_as_absent(tmp_path: Path) -> None:
    save(tmp_path, "one")
    (tmp_path / "one-1.onnx").unlink()
    assert onnx_store.find(tmp_path, "one") is None


def test_a_foreign_manifest_counts_as_absent(tmp_path: Path) -> None:
    for content in ("[]", "{}", json.dumps({"graphs": 3}), json.dumps({"graphs": []}), "\x00"):
        (tmp_path / "one.json").write_text(content)
        assert onnx_store.find(tmp_path, "one") is None


def test_the_least_recently_used_entry_goes_first(tmp_path: Path) -> None:
    names = [f"entry{number:02}" for number in range(onnx_store.MOST_ENTRIES)]
    for age, name in enumerate(names):
        save(tmp_path, name)
        os.utime(tmp_path / f"{name}.json", (age, age))
    onnx_store.find(tmp_path, names[0])
    save(tmp_path, "newest")
    kept = {path.stem for path in tmp_path.glob("*.json")}
    assert kept == {*names, "newest"} - {names[1]}
    assert not list(tmp_path.glob(f"{names[1]}*"))


def test_the_key_depends_on_everything_the_graph_depends_on() -> None:
    keys = {
        onnx_store.entry_key(*parts)
        for parts in (("a", "q8", "1"), ("b", "q8", "1"), ("a", "q4", "1"), ("a", "q8", "2"))
    }
    assert len(keys) == 4
