"""Captures what the humans play: pairs note-ons with note-offs and keeps them as notes of bars.

Onsets and ends are positions on the session's axis, taken from the arrival times through the clock; nothing is quantized here.
A note within half a grid step (1/24 beat) before a bar line belongs to the bar behind it, with onset 0 and a negative delta.
The sustain pedal lengthens notes until it is lifted or the key is struck again. Knows no clock: callers pass positions.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from companion.music import Note
from companion.music.units import RESOLUTION
from companion.session.timing.timeline import Timeline

EARLY_BEATS = 1 / 24
SUSTAIN_CONTROLLER = 64
DOUBLED_ONS_KEPT = 8  # note-ons of one key that wait for their note-off
_MAX_DELTA = RESOLUTION * RESOLUTION // 24

KeyId = tuple[str, int, int]  # port, channel, key


@dataclass(slots=True, eq=False)
class CapturedNote:
    """One note of a human. bar: None when it was played while nothing ran. end_beats: None while it sounds."""

    lane: int
    bar: int | None
    pitch: int
    velocity: int
    onset_beats: float
    end_beats: float | None = None
    released: bool = False  # the key is up; only the pedal holds it


@dataclass(slots=True)
class _Cell:
    notes: list[CapturedNote] = field(default_factory=list)
    frozen: tuple[Note, ...] | None = None


class Capture:
    """Every human lane's bars. Counts note-ons and note-offs that do not pair."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._cells: dict[tuple[int, int], _Cell] = {}
        self._down: dict[KeyId, deque[CapturedNote]] = {}
        self._pedal: dict[tuple[str, int], list[CapturedNote]] = {}
        self._oldest = 0
        self.notes_in = 0
        self.doubled_ons = 0
        self.unpaired_offs = 0

    def is_down(self, where: KeyId) -> bool:
        """Whether a key is down."""
        return where in self._down

    def note_on(
        self, lane: int, where: KeyId, velocity: int, position: float | None, pitch: int | None = None
    ) -> CapturedNote:
        """A key goes down; position is None while nothing runs. pitch: what it sounds, None = the key's own."""
        pitch = where[2] if pitch is None else pitch
        self.notes_in += 1
        queue = self._down.setdefault(where, deque())
        if queue:
            self.doubled_ons += 1
            if len(queue) >= DOUBLED_ONS_KEPT:
                self._end(queue.popleft(), position)
        for held in self._pedal.get(where[:2], ()):
            if (held.lane, held.pitch) == (lane, pitch) and held.released:
                self._end(held, position)
        onset = 0.0 if position is None else position
        note = CapturedNote(lane, self._bar_of(position), pitch, velocity, onset)
        queue.append(note)
        if note.bar is not None:
            self._cells.setdefault((lane, note.bar), _Cell()).notes.append(note)
        return note

    def note_off(self, where: KeyId, position: float | None) -> CapturedNote | None:
        """A key comes up: the oldest note of that key ends, unless the pedal holds it. Returns None if there was no such note."""
        queue = self._down.get(where)
        if not queue:
            self.unpaired_offs += 1
            return None
        note = queue.popleft()
        if not queue:
            del self._down[where]
        note.released = True
        pedal = self._pedal.get(where[:2])
        if pedal is None:
            self._end(note, position)
        elif note.end_beats is None:
            pedal.append(note)
        return note

    def pedal(self, port: str, channel: int, down: bool, position: float | None) -> None:
        """The sustain pedal moves."""
        where = (port, channel)
        if down:
            self._pedal.setdefault(where, [])
            return
        for note in self._pedal.pop(where, ()):
            self._end(note, position)

    def notes_off(self, port: str, channel: int, position: float | None) -> list[CapturedNote]:
        """All keys of a channel come up. Returns their notes. Notes held by the pedal go on."""
        ended = []
        for where in [where for where in self._down if where[:2] == (port, channel)]:
            while where in self._down and (note := self.note_off(where, position)) is not None:
                ended.append(note)
        return ended

    def port_lost(self, port: str, position: float | None) -> None:
        """The port was lost: its held notes end now."""
        for where in [where for where in self._down if where[0] == port]:
            for note in self._down.pop(where):
                self._end(note, position)
        for pedal in [pedal for pedal in self._pedal if pedal[0] == port]:
            for note in self._pedal.pop(pedal):
                self._end(note, position)

    def end_all(self, position: float | None) -> None:
        """The music stops or jumps: held notes end here in the history. Their keys may still be down."""
        for queue in self._down.values():
            for note in queue:
                self._end(note, position)
        for notes in self._pedal.values():
            for note in notes:
                self._end(note, position)
            notes.clear()

    def notes(self, lane: int, bar: int, position: float) -> tuple[Note, ...]:
        """A bar's notes at 480 ticks a quarter; those still held last until `position`."""
        cell = self._cells.get((lane, bar))
        if cell is None:
            return ()
        if cell.frozen is not None:
            return cell.frozen
        start = self._timeline.start(bar)
        notes = tuple(sorted((_to_note(note, start, position) for note in cell.notes), key=_order))
        if position >= self._timeline.end(bar) and all(note.end_beats is not None for note in cell.notes):
            cell.frozen = notes
        return notes

    def any_played(self, bar: int) -> bool:
        """Whether any human played in a bar."""
        return any(key[1] == bar and cell.notes for key, cell in self._cells.items())

    def forget_before(self, bar: int) -> None:
        """Drop bars too old to matter."""
        if bar <= self._oldest:
            return
        self._oldest = bar
        for key in [key for key in self._cells if key[1] < bar]:
            del self._cells[key]

    def forget_from(self, bar: int) -> None:
        """The music jumped: forget the bars from here on."""
        for key in [key for key in self._cells if key[1] >= bar]:
            del self._cells[key]

    def _bar_of(self, position: float | None) -> int | None:
        if position is None:
            return None
        place = self._timeline.locate(position)
        bar = place.bar
        if self._timeline.end(bar) - position <= EARLY_BEATS:
            bar += 1
        return bar if bar >= self._timeline.segment_bar else None

    def _end(self, note: CapturedNote, position: float | None) -> None:
        if note.end_beats is None:
            note.end_beats = note.onset_beats if position is None else max(position, note.onset_beats)
            if note.bar is not None and (cell := self._cells.get((note.lane, note.bar))):
                cell.frozen = None


def _order(note: Note) -> tuple[int, int, int]:
    return note.onset_ticks, note.pitch, note.delta


def _to_note(played: CapturedNote, start: float, position: float) -> Note:
    exact = (played.onset_beats - start) * RESOLUTION
    onset = max(0, round(exact))
    delta = max(-_MAX_DELTA, min(_MAX_DELTA, round((exact - onset) * RESOLUTION)))
    end = position if played.end_beats is None else played.end_beats
    duration = max(1, round((end - start) * RESOLUTION) - onset)
    return Note(onset, duration, played.pitch, played.velocity, delta)
