"""What sounds, as another process reads it after the one that played has died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from companion.runtime.ports.sounding import PLACES, SoundingTable, sounding_memory

ON, OFF = bytes((0x91, 40, 80)), bytes((0x81, 40, 0))


@pytest.fixture
def memory() -> Iterator[int]:
    descriptor = sounding_memory()
    yield descriptor
    os.close(descriptor)


def send(table: SoundingTable, place: int, data: bytes) -> None:
    table.before_sending(place, data)
    table.after_sending(place, data)


def test_a_note_sounds_from_before_its_note_on_until_after_its_note_off(memory: int) -> None:
    table = SoundingTable(memory)
    place = table.place_of("out")
    assert place is not None
    table.before_sending(place, ON)
    assert SoundingTable(memory).sounding() == {"out": ((1, 40),)}
    table.after_sending(place, ON)
    table.before_sending(place, OFF)
    assert table.sounding() == {"out": ((1, 40),)}
    table.after_sending(place, OFF)
    assert table.sounding() == {}


def test_note_on_without_velocity_and_all_notes_off_end_notes_too(memory: int) -> None:
    table = SoundingTable(memory)
    place = table.place_of("out") or 0
    for key in (40, 41, 42):
        send(table, place, bytes((0x91, key, 80)))
    send(table, place, bytes((0x92, 40, 80)))
    send(table, place, bytes((0x91, 40, 0)))
    assert table.sounding() == {"out": ((1, 41), (1, 42), (2, 40))}
    send(table, place, bytes((0xB1, 123, 0)))
    assert table.sounding() == {"out": ((2, 40),)}
    table.clear()
    assert table.sounding() == {}


def test_outputs_keep_apart_and_keep_their_places(memory: int) -> None:
    table = SoundingTable(memory)
    first, second = table.place_of("Größer 1"), table.place_of("other")
    assert first is not None
    assert second is not None
    assert first != second
    send(table, second, ON)
    assert table.sounding() == {"other": ((1, 40),)}
    assert SoundingTable(memory).place_of("Größer 1") == first
    places = [table.place_of(f"port {number}") for number in range(PLACES)]
    assert places[-1] is None, "all places are taken"


def test_what_a_killed_process_played_is_still_there(memory: int) -> None:
    script = (
        "import os, signal, sys; from companion.runtime.ports.sounding import SoundingTable; "
        "table = SoundingTable(int(sys.argv[1])); table.before_sending(table.place_of('out'), bytes((0x91, 40, 80))); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(memory)], pass_fds=[memory], check=False)
    assert done.returncode == -signal.SIGKILL
    assert SoundingTable(memory).sounding() == {"out": ((1, 40),)}
