"""The messages of a file other than notes, as a session plays them: controllers, programs, bends, pressure, system exclusive."""

from __future__ import annotations

from collections.abc import Sequence

from companion.music.files.events import SYSEX, meta_body
from companion.music.files.songs.controls import written_controls
from companion.music.song import FileSong, SongSource
from companion.session.api.settings import PartControls

LONGEST_SYSEX = 512  # bytes; longer ones delay the notes after them on a MIDI cable


def part_controls(song: FileSong) -> tuple[PartControls, ...]:
    """The channel messages except notes, by the parts to which they belong."""
    return tuple(PartControls(parts, tuple(events)) for parts, events in sorted(written_controls(song).items()))


def song_sysex(source: SongSource) -> tuple[tuple[float, tuple[int, ...]], ...]:
    """Complete system exclusive messages that are short enough to be sent between notes."""
    found = [
        (float((tick + source.offsets[number]) / source.per_quarter), (SYSEX, *meta_body(b"\xff" + data)))
        for number, track in enumerate(source.file.tracks)
        for tick, data in track.events
        if data[0] == SYSEX
    ]
    return tuple(sorted(item for item in found if _is_whole(item[1]) and len(item[1]) <= LONGEST_SYSEX))


def _is_whole(data: Sequence[int]) -> bool:
    return len(data) > 2 and data[-1] == 0xF7 and max(data[1:-1]) < 0x80
