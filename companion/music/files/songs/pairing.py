"""Notes from the events of a track: which note-off ends which note-on, and how long the sustain pedal lets a note sound.

While every note-on of a key has a note-off, the first note-off ends the first note-on. If note-offs are missing, a note ends at
its own note-off, at the next note of the same key or at the track's end, whichever comes first. A drum ends after a sixteenth.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from companion.music.files.events import FileTrack

SUSTAIN, RESET_CONTROLLERS, ALL_SOUND_OFF, ALL_NOTES_OFF = 64, 121, 120, 123
NO_EVENT = -1


@dataclass(frozen=True, slots=True)
class FileNote:
    """A note in file ticks. on, off: indices of its events in the track; off is NO_EVENT where the file has none."""

    start: int
    end: int
    channel: int
    pitch: int
    velocity: int
    on: int
    off: int = NO_EVENT


_KeyEvent = tuple[int, int, int]  # tick, index, velocity (0: a note-off)


def pair_notes(
    track: FileTrack, sixteenth: int, is_drum: Callable[[int, int, int], bool], keep_unended: bool = True
) -> list[FileNote]:
    """The notes of a track in order of their note-on.

    sixteenth: in file ticks. is_drum: whether a note of (channel, tick, index of its note-on) is one. keep_unended: otherwise a
    note-on without note-off is no note.
    """
    keys: dict[tuple[int, int], list[_KeyEvent]] = defaultdict(list)
    silences: dict[int, list[int]] = defaultdict(list)
    for index, (tick, data) in enumerate(track.events):
        kind = data[0] & 0xF0
        if kind == 0x90 and data[2]:
            keys[data[0] & 0x0F, data[1]].append((tick, index, data[2]))
        elif kind in (0x80, 0x90):
            keys[data[0] & 0x0F, data[1]].append((tick, index, 0))
        elif kind == 0xB0 and data[1] in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            silences[data[0] & 0x0F].append(tick)
    notes: list[FileNote] = []
    for (channel, pitch), events in keys.items():
        balanced, rest = _first_in_first_out(events, channel, pitch)
        notes += balanced
        if keep_unended:
            unended = _one_after_another(rest, channel, pitch, track.end_tick, silences[channel])
            for note in unended:
                if note.off == NO_EVENT and is_drum(channel, note.start, note.on):
                    # A drum may ring past the track's end.
                    end = note.start + sixteenth
                    notes.append(replace(note, end=min(note.end, end) if note.end < track.end_tick else end))
                else:
                    notes.append(note)
        else:
            notes += _first_in_first_out(rest, channel, pitch, whatever_is_open=True)[0]
    notes.sort(key=lambda note: note.on)
    return notes


def _first_in_first_out(
    events: Sequence[_KeyEvent], channel: int, pitch: int, whatever_is_open: bool = False
) -> tuple[list[FileNote], Sequence[_KeyEvent]]:
    """Notes of a key up to the last moment at which none is open, and the events from there on."""
    notes: list[FileNote] = []
    waiting: list[_KeyEvent] = []
    ended = 0
    settled_notes = settled_events = 0
    for number, (tick, index, velocity) in enumerate(events, 1):
        if velocity:
            waiting.append((tick, index, velocity))
        elif ended < len(waiting):
            start, on, loudness = waiting[ended]
            ended += 1
            notes.append(FileNote(start, tick, channel, pitch, loudness, on, index))
        if ended == len(waiting):
            settled_notes, settled_events = len(notes), number
    return (notes if whatever_is_open else notes[:settled_notes]), events[settled_events:]


def _one_after_another(
    events: Sequence[_KeyEvent], channel: int, pitch: int, last: int, silences: Sequence[int]
) -> list[FileNote]:
    """Notes of a key some of whose note-offs are missing."""
    notes: list[FileNote] = []
    for number, (tick, index, velocity) in enumerate(events):
        if not velocity:
            continue
        end, off = last, NO_EVENT
        if number + 1 < len(events):
            end, following, is_on = events[number + 1]
            off = NO_EVENT if is_on else following
        if off == NO_EVENT:
            silence = bisect_right(silences, tick)
            if silence < len(silences):
                end = min(end, silences[silence])
        notes.append(FileNote(tick, max(end, tick), channel, pitch, velocity, index, off))
    return notes


class Pedals:
    """The sustain pedals of all channels over the whole file, and the key strikes that end what they hold."""

    def __init__(self, tracks: Sequence[FileTrack]) -> None:
        moves: list[list[tuple[int, int, int, bool]]] = [[] for _ in range(16)]
        strikes: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, track in enumerate(tracks):
            for index, (tick, data) in enumerate(track.events):
                kind, channel = data[0] & 0xF0, data[0] & 0x0F
                if kind == 0x90 and data[2]:
                    strikes[channel, data[1]].append(tick)
                elif kind == 0xB0 and data[1] in (SUSTAIN, RESET_CONTROLLERS):
                    moves[channel].append((tick, number, index, data[1] == SUSTAIN and data[2] >= 64))
        self._moves = [sorted(found) for found in moves]
        self._strikes = {key: sorted(ticks) for key, ticks in strikes.items()}
        self._lifts = [[move[0] for move in found if not move[3]] for found in self._moves]

    def held(self, note: FileNote, track: int, last: int) -> FileNote:
        """The note with the end at which it falls silent. last: the end of the music, for a pedal that is never lifted."""
        moves = self._moves[note.channel]
        if note.off == NO_EVENT or not moves:
            return note
        before = bisect_left(moves, (note.end, track, note.off, False)) - 1
        if before < 0 or not moves[before][3]:
            return note
        lifts = self._lifts[note.channel]
        lift = bisect_left(lifts, note.end)
        end = lifts[lift] if lift < len(lifts) else max(last, note.end)
        strikes = self._strikes[note.channel, note.pitch]
        again = bisect_left(strikes, max(note.end, note.start + 1))
        if again < len(strikes):
            end = min(end, strikes[again])
        return replace(note, end=end) if end > note.end else note
