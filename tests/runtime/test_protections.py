"""What the doctor says of the protections."""

from __future__ import annotations

from pathlib import Path

from companion.privacy import NO_TELEMETRY
from companion.runtime.machine.protections import ENOUGH_BYTES, _room_for_recordings, protections


def found(drivers: tuple[str, ...], environment: dict[str, str]) -> dict[str, tuple[bool, str]]:
    return {each.name: (each.works, each.detail) for each in protections(drivers, environment)}


def test_what_can_be_reached_for_the_last_note_offs_depends_on_the_driver() -> None:
    name = "notes ended when the realtime process is killed"
    assert found(("jack",), NO_TELEMETRY)[name] == (True, "at every port that ours are connected to")
    assert "not at programs" in found(("alsa",), NO_TELEMETRY)[name][1]
    assert not found((), NO_TELEMETRY)[name][0]


def test_telemetry_that_was_switched_on_again_is_seen() -> None:
    name = "nothing phones home"
    assert found((), NO_TELEMETRY)[name][0]
    assert not found((), {**NO_TELEMETRY, "ORT_DISABLE_TELEMETRY": "0"})[name][0]


def test_a_nearly_full_disk_is_said_also_for_a_folder_that_is_not_made_yet(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    assert _room_for_recordings(folder, lambda path: 2 * ENOUGH_BYTES).works
    full = _room_for_recordings(folder, lambda path: 5 << 20)
    assert not full.works
    assert full.detail == f"only 5 MB are free at {tmp_path}"
