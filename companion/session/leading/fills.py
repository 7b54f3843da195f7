"""Makes drum fills and changes of feel by rule. Pure: it takes the notes of a bar and returns the notes of a bar.

It uses rules because a call must always have an effect. A model may be late, or may write a bar without an audible fill.
Ticks at 480 a quarter from the bar line.
"""

from __future__ import annotations

from collections.abc import Iterable

from companion.music import Note, TimeSignature
from companion.music.units import RESOLUTION

# General MIDI percussion keys.
KICK, SNARE, CRASH, CLOSED_HAT = 36, 38, 49, 42
TOMS = (48, 47, 45, 43)  # from high to low
SIXTEENTH = RESOLUTION // 4
LONGEST_FILL_BEATS = 2
STROKE_TICKS = 100

Notes = tuple[Note, ...]


def fill_start_ticks(meter: TimeSignature, from_ticks: int = 0) -> int:
    """Return where a fill begins: two beats before the end, or at half the bar if that is later, but not before `from_ticks`."""
    bar_ticks = meter.bar_ticks(RESOLUTION)
    length = min(LONGEST_FILL_BEATS * RESOLUTION, bar_ticks // 2)
    length -= length % SIXTEENTH
    return max(bar_ticks - length, -(-from_ticks // SIXTEENTH) * SIXTEENTH)


def fill(meter: TimeSignature, start_ticks: int) -> Notes:
    """Return a crescendo in sixteenths over snare and toms from `start_ticks` to the end of the bar, with a kick on each beat."""
    bar_ticks = meter.bar_ticks(RESOLUTION)
    strokes = range(start_ticks, bar_ticks, SIXTEENTH)
    drums = (SNARE, *TOMS)
    notes = []
    for number, onset in enumerate(strokes):
        key = drums[min(len(drums) - 1, number * len(drums) // max(1, len(strokes)))]
        velocity = 70 + 45 * number // max(1, len(strokes) - 1) - (0 if number % 2 == 0 else 12)
        notes.append(Note(onset, STROKE_TICKS, key, velocity))
        if onset % RESOLUTION == 0:
            notes.append(Note(onset, STROKE_TICKS, KICK, 90))
    return tuple(sorted(notes, key=lambda note: (note.onset_ticks, note.pitch)))


def filled_bar(played: Iterable[Note], meter: TimeSignature, start_ticks: int) -> Notes:
    """Return a bar as planned up to `start_ticks`, then the fill."""
    before = [note for note in played if note.onset_ticks < start_ticks]
    return (*before, *fill(meter, start_ticks))


def arrival(velocity: int = 112) -> Notes:
    """Return the crash and kick on the first beat after a fill."""
    return Note(0, STROKE_TICKS, KICK, velocity), Note(0, 4 * STROKE_TICKS, CRASH, velocity)


def half_time(played: Iterable[Note], meter: TimeSignature) -> Notes:
    """Return the first half of a bar at half speed; a backbeat on two falls on three."""
    bar_ticks = meter.bar_ticks(RESOLUTION)
    return tuple(
        Note(2 * note.onset_ticks, 2 * note.duration_ticks, note.pitch, note.velocity)
        for note in played
        if 0 <= 2 * note.onset_ticks < bar_ticks
    )


def double_time(played: Iterable[Note], meter: TimeSignature) -> Notes:
    """Return the bar at double speed, played twice."""
    half = meter.bar_ticks(RESOLUTION) // 2
    notes = [
        Note(note.onset_ticks // 2 + shift, max(1, note.duration_ticks // 2), note.pitch, note.velocity)
        for shift in (0, half)
        for note in played
        if 0 <= note.onset_ticks // 2 < half
    ]
    return tuple(sorted(notes, key=lambda note: (note.onset_ticks, note.pitch)))
