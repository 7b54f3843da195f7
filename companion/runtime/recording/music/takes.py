"""Takes: stretches of a performance that the player marked while it went on, each as a MIDI file of its own beside the whole."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path

from companion.midi.file import write_midi
from companion.runtime.recording.folder import LOG_NAME
from companion.runtime.recording.music.moves import moved_by
from companion.runtime.recording.music.transcript import song_of
from companion.runtime.recording.recorder import Log, read_log
from companion.runtime.recording.records import EventReceived, MessageSent, MidiArrived, Record
from companion.session.api import setup_commands


def takes_of(log: Log) -> list[Log]:
    """The stretches between "record" on and off; the last may run to the end.

    A take begins with the pedals, volumes and programs of that moment.
    """
    takes: list[list[Record]] = []
    before: list[tuple[Record, ...]] = []
    state: dict[Hashable, Record] = {}
    recording = False
    for record in log.records:
        if (moved := moved_by(record)) is not None:
            state.pop(moved, None)
            state[moved] = record
        wish = record.event if isinstance(record, EventReceived) else None
        if isinstance(wish, setup_commands.Record):
            on = wish.on
            begins = not recording if on is None else on
            if begins and not recording:
                takes.append([])
                before.append(tuple(state.values()))
            recording = begins
        elif recording:
            takes[-1].append(record)
    return [
        replace(log, records=(*earlier, *take))
        for earlier, take in zip(before, takes, strict=True)
        if any(isinstance(record, (MidiArrived, MessageSent)) for record in take)
    ]


def write_takes(folder: Path) -> list[Path]:
    """Write take-1.mid, take-2.mid … of the performance in `folder`; returns their paths. Raises CompanionError."""
    paths = []
    for number, take in enumerate(takes_of(read_log(folder / LOG_NAME)), start=1):
        paths.append(folder / f"take-{number}.mid")
        write_midi(song_of(take), paths[-1])
    return paths
