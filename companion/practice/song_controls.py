"""What a file says beside its notes, as a session plays it: controllers, programs, bends, pressure, system exclusive messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from companion.music.files.events import SYSEX, is_channel_message, meta_body
from companion.music.song import SongSource
from companion.music.units import DRUM_CHANNEL
from companion.session.api.settings import PartControls

# Channel mode messages silence or rearrange a synthesizer; a file has them for tidiness, and our own note-offs do their work.
FIRST_MODE_CONTROLLER = 120
LONGEST_SYSEX = 512  # bytes; longer ones hold up the notes behind them on a MIDI cable
_NOTE_OFF, _NOTE_ON, _CONTROLLER = 0x80, 0x90, 0xB0


def part_controls(source: SongSource) -> tuple[PartControls, ...]:
    """The channel messages but notes, for the parts that they are meant for.

    A message is for the parts of its own track on its channel, where that track has any, else for all parts on the channel.
    """
    found: dict[tuple[int, ...], list[tuple[float, int, int, int]]] = defaultdict(list)
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
            second = data[2] if len(data) > 2 else 0
            found[parts].append((float(tick / source.per_quarter), kind, data[1], second))
    return tuple(PartControls(parts, tuple(events)) for parts, events in sorted(found.items()))


def song_sysex(source: SongSource) -> tuple[tuple[float, tuple[int, ...]], ...]:
    """Whole system exclusive messages of a length that can be sent between notes."""
    found = [
        (float((tick + source.offsets[number]) / source.per_quarter), (SYSEX, *meta_body(b"\xff" + data)))
        for number, track in enumerate(source.file.tracks)
        for tick, data in track.events
        if data[0] == SYSEX
    ]
    return tuple(
        sorted((beats, data) for beats, data in found if _is_whole(data) and len(data) <= LONGEST_SYSEX)
    )  # fmt: skip


def _is_whole(data: Sequence[int]) -> bool:
    return len(data) > 2 and data[-1] == 0xF7 and max(data[1:-1]) < 0x80


class _Owners:
    """Which parts a message of a track and channel is for.

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
