"""The messages of a song other than notes, sorted by part: controllers, programs, bends, pressure."""

from __future__ import annotations

from collections import defaultdict

from companion.music.files.events import is_channel_message
from companion.music.song import FileSong, SongSource
from companion.music.units import DRUM_CHANNEL

# Channel mode messages silence or reset a synthesizer. Files have them as a precaution, and our own note-offs replace them.
FIRST_MODE_CONTROLLER = 120
_NOTE_OFF, _NOTE_ON, _CONTROLLER = 0x80, 0x90, 0xB0
# (quarter notes from the beginning, status without its channel, first data byte, second or 0)
Written = tuple[float, int, int, int]


def written_controls(song: FileSong) -> dict[tuple[int, ...], list[Written]]:
    """Messages in order of time, by the indices of their tracks.

    A message belongs to the parts of its own track on its channel. If the track has none, it belongs to all parts on the channel.
    """
    if song.source is not None:
        return _of_file(song.source)
    resolution = song.score.resolution
    return {
        (number,): [
            (tick / resolution, data[0] & 0xF0, data[1], data[2] if len(data) > 2 else 0) for tick, data in controls
        ]
        for number, controls in enumerate(song.controls)
        if controls
    }


def _of_file(source: SongSource) -> dict[tuple[int, ...], list[Written]]:
    found: dict[tuple[int, ...], list[Written]] = defaultdict(list)
    owners = _Owners(source)
    ordered = sorted(
        (tick + source.offsets[number], number, index, data)
        for number, track in enumerate(source.file.tracks)
        for index, (tick, data) in enumerate(track.events)
        if is_channel_message(data) and data[0] & 0xF0 not in (_NOTE_OFF, _NOTE_ON)
    )
    for tick, number, _, data in ordered:
        kind, channel = data[0] & 0xF0, data[0] & 0x0F
        if kind == _CONTROLLER and data[1] >= FIRST_MODE_CONTROLLER:
            continue
        if parts := owners.of(number, channel):
            found[parts].append((float(tick / source.per_quarter), kind, data[1], data[2] if len(data) > 2 else 0))
    return found


class _Owners:
    """The parts to which a message of a track and channel belongs.

    Drums are played on one channel, whatever theirs are in the file; only the messages of the first drum channel go there.
    """

    def __init__(self, source: SongSource) -> None:
        self._own: dict[tuple[int, int], tuple[int, ...]] = {}
        self._shared: dict[int, tuple[int, ...]] = {}
        tracks = source.score.tracks
        drums = {part.channel for part, track in zip(source.parts, tracks, strict=True) if track.is_drum}
        first = DRUM_CHANNEL if DRUM_CHANNEL in drums else min((c for c in drums if c is not None), default=None)
        for number, (part, track) in enumerate(zip(source.parts, tracks, strict=True)):
            if part.channel is not None and (not track.is_drum or part.channel == first):
                key = (part.track, part.channel)
                self._own[key] = (*self._own.get(key, ()), number)
                self._shared[part.channel] = (*self._shared.get(part.channel, ()), number)

    def of(self, track: int, channel: int) -> tuple[int, ...]:
        """Indices of parts; none for a message on a channel without notes."""
        return self._own.get((track, channel)) or self._shared.get(channel, ())
