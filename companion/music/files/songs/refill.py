"""Replaces the notes of some bars of a file and keeps every other event.

The new notes go into the track and onto the channel of their part. If the file changes that channel's program, so that it has another
sound at the time, they go onto an unused channel, which first gets the part's sound.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from companion.music.files.events import Event, FileTrack, MidiFile, is_channel_message
from companion.music.files.songs.channels import (
    BANK_SELECT,
    BANK_SELECT_LOW,
    ChannelSounds,
    Sound,
    channel_sounds,
)
from companion.music.files.songs.pairing import NO_EVENT
from companion.music.score import Note, Score
from companion.music.song import SongSource, SourcePart
from companion.music.units import DRUM_CHANNEL

# Volume, pan, expression, reverb and chorus: what makes a channel sound like the one whose notes it takes over.
_MIX = (7, 10, 11, 91, 93)
_OFF, _KEPT, _SETUP, _ON = range(4)


@dataclass(frozen=True, slots=True)
class _NewNote:
    tick: int
    end: int
    channel: int
    pitch: int
    velocity: int


def refilled(source: SongSource, score: Score) -> MidiFile | None:
    """The source's file with the notes of changed bars replaced; None when the score no longer has the file's parts and bars."""
    before = source.score
    if score.resolution != before.resolution or len(score.tracks) != len(before.tracks):
        return None
    if any(len(new.bars) != len(old.bars) for new, old in zip(score.tracks, before.tracks, strict=True)):
        return None
    return _Refill(source, score).file()


class _Refill:
    def __init__(self, source: SongSource, score: Score) -> None:
        self._source, self._score = source, score
        self._tracks = list(source.file.tracks)
        self._sounds: list[ChannelSounds] | None = None
        self._used: set[int] = set()
        self._borrowed: dict[tuple[int, int], int] = {}  # by part and its own channel (or -1)
        self._removed: dict[int, set[int]] = defaultdict(set)
        self._added: dict[int, list[tuple[int, int, bytes]]] = defaultdict(list)

    def file(self) -> MidiFile:
        """The new file."""
        for number, part in enumerate(self._source.parts):
            bars = self._changed_bars(number)
            if bars:
                self._replace(number, part, bars)
        for number in {*self._removed, *self._added}:
            self._tracks[number] = self._merged(number)
        return replace(self._source.file, tracks=tuple(self._tracks))

    def _changed_bars(self, number: int) -> list[int]:
        new, old = self._score.tracks[number].bars, self._source.score.tracks[number].bars
        return [bar for bar in range(len(new)) if new[bar].notes != old[bar].notes]

    def _replace(self, number: int, part: SourcePart, bars: Sequence[int]) -> None:
        changed = set(bars)
        for bar, on, off in part.notes:
            if bar in changed:
                self._removed[part.track].add(on)
                if off != NO_EVENT:
                    self._removed[part.track].add(off)
        notes: list[_NewNote] = []
        for bar in bars:
            written = self._score.tracks[number].bars[bar].notes
            if written:
                channel = self._channel(number, part, bar, written)
                notes += [self._new_note(bar, note, channel, part.track) for note in written]
        for note in _without_clashes(notes, self._kept_notes(part.track)):
            key = bytes((note.pitch,))
            self._added[part.track].append(
                (note.tick, _ON, bytes((0x90 | note.channel,)) + key + bytes((note.velocity,)))
            )
            self._added[part.track].append((note.end, _OFF, bytes((0x80 | note.channel,)) + key + b"\x40"))

    def _new_note(self, bar: int, note: Note, channel: int, track: int) -> _NewNote:
        resolution = self._score.resolution
        start = self._tick(bar, Fraction(note.delta, resolution) + note.onset_ticks, track)
        end = self._tick(bar, Fraction(note.onset_ticks + note.duration_ticks), track)
        pitch, velocity = min(max(note.pitch, 0), 127), min(max(note.velocity, 1), 127)
        return _NewNote(start, max(end, start + 1), channel, pitch, velocity)

    def _tick(self, bar: int, score_ticks: Fraction, track: int) -> int:
        """A place in a bar, as a tick of its track in the file."""
        line = Fraction(self._source.bar_lines[bar], self._source.units)
        exact = line + score_ticks * self._source.per_quarter / self._score.resolution
        return max(int(exact + Fraction(1, 2)) - self._source.offsets[track], 0)

    # -- channels -----------------------------------------------------------------------------------------------------

    def _channel(self, number: int, part: SourcePart, bar: int, notes: Sequence[Note]) -> int:
        """The channel for a bar's new notes; it has the part's sound when they begin."""
        sounds = self._all_sounds()
        track = self._source.score.tracks[number]
        ticks = [self._tick(bar, Fraction(note.onset_ticks), part.track) for note in notes]
        if part.channel is not None:
            heard = [sounds[part.channel].at(tick, part.track) for tick in ticks]
            if all(sound.program == track.program and sound.is_drum(part.channel) == track.is_drum for sound in heard):
                return part.channel
            if track.is_drum:
                return part.channel
        elif track.is_drum:
            return DRUM_CHANNEL
        channel = self._borrow(number, part.channel)
        if channel is None:
            return part.channel or 0
        self._set_up(number, part, channel, min(ticks))
        return channel

    def _all_sounds(self) -> list[ChannelSounds]:
        if self._sounds is None:
            self._sounds = channel_sounds(self._source.file.tracks)
            for track in self._source.file.tracks:
                self._used.update(data[0] & 0x0F for _, data in track.events if is_channel_message(data))
        return self._sounds

    def _borrow(self, number: int, own: int | None) -> int | None:
        """A channel that the file does not use, the same one for all bars of a part."""
        key = (number, -1 if own is None else own)
        if key not in self._borrowed:
            free = [channel for channel in range(16) if channel not in self._used and channel != DRUM_CHANNEL]
            if not free:
                return None
            self._used.add(free[0])
            self._borrowed[key] = free[0]
        return self._borrowed[key]

    def _set_up(self, number: int, part: SourcePart, channel: int, tick: int) -> None:
        """Give a borrowed channel the part's bank, program and mix."""
        sound = self._usual_sound(part)
        messages = [
            bytes((0xB0 | channel, controller, value))
            for controller, value in ((BANK_SELECT, sound.bank), (BANK_SELECT_LOW, sound.bank_low))
            if value is not None
        ]
        messages.append(bytes((0xC0 | channel, self._source.score.tracks[number].program)))
        if part.channel is not None:
            messages += [bytes((0xB0 | channel, *pair)) for pair in self._mix(part.channel, tick)]
        self._added[part.track] += [(tick, _SETUP, message) for message in messages]

    def _usual_sound(self, part: SourcePart) -> Sound:
        if part.channel is None or not part.notes:
            return Sound()
        first = part.notes[0][1]
        tick = self._source.file.tracks[part.track].events[first][0]
        return self._all_sounds()[part.channel].at(tick, part.track, first)

    def _mix(self, channel: int, tick: int) -> list[tuple[int, int]]:
        found: dict[int, tuple[int, int]] = {}
        for track in self._source.file.tracks:
            for at, data in track.events:
                if at > tick:
                    break
                if data[0] == 0xB0 | channel and data[1] in _MIX and at >= found.get(data[1], (0, 0))[0]:
                    found[data[1]] = (at, data[2])
        return [(controller, value) for controller, (_, value) in sorted(found.items())]

    # -- events -------------------------------------------------------------------------------------------------------

    def _kept_notes(self, track: int) -> dict[tuple[int, int], list[tuple[int, int]]]:
        """(start, end) of the notes of a track that stay, by channel and pitch."""
        events, removed = self._source.file.tracks[track].events, self._removed[track]
        kept: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for part in self._source.parts:
            if part.track != track or part.channel is None:
                continue
            for _, on, off in part.notes:
                if on not in removed:
                    start, data = events[on]
                    kept[part.channel, data[1]].append((start, events[off][0] if off != NO_EVENT else start))
        return {key: sorted(found) for key, found in kept.items()}

    def _merged(self, number: int) -> FileTrack:
        track, removed = self._tracks[number], self._removed[number]
        ranked: list[tuple[int, int, bytes]] = [
            (tick, _KEPT, data) for index, (tick, data) in enumerate(track.events) if index not in removed
        ]
        ranked += self._added[number]
        ranked.sort(key=lambda event: event[:2])
        events: tuple[Event, ...] = tuple((tick, data) for tick, _, data in ranked)
        return FileTrack(events, max(track.end_tick, events[-1][0] if events else 0))


def _without_clashes(notes: Sequence[_NewNote], kept: dict[tuple[int, int], list[tuple[int, int]]]) -> list[_NewNote]:
    """New notes that leave the pairing of the notes that stay alone.

    A note ends before the next one of its key. A note struck while its key already sounds ends no sooner than that sound.
    """
    following: dict[tuple[int, int], int] = {}
    free: list[_NewNote] = []
    for note in sorted(notes, key=lambda note: note.tick, reverse=True):
        key = (note.channel, note.pitch)
        staying = kept.get(key, [])
        place = bisect_left(staying, (note.tick + 1, 0))
        nexts = [staying[place][0]] if place < len(staying) else []
        if following.get(key, note.tick) > note.tick:
            nexts.append(following[key])
        end = max([min([note.end, *nexts]), *(end for _, end in staying[max(place - 4, 0) : place])])
        free.append(replace(note, end=end))
        following[key] = note.tick
    return free[::-1]
