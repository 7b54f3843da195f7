"""Makes the bars of an intro by rule: a drum beat, the roots in the bass, chords. Pure. Ticks at 480 a quarter from the bar line.

It is used where the model has not written the bar in time, because an intro must always have an effect.
"""

from __future__ import annotations

from collections.abc import Sequence

from companion.harmony.spans import ChordSpan
from companion.harmony.voicing import voicing
from companion.music import Note, TimeSignature
from companion.music.units import RESOLUTION
from companion.session.leading.endings import BASS_PROGRAMS, LOWEST_BASS
from companion.session.leading.fills import CLOSED_HAT, KICK, SNARE, STROKE_TICKS, Notes, fill_start_ticks, filled_bar

BASS_VELOCITY, CHORD_VELOCITY, HAT_VELOCITY = 92, 70, 62
DETACHED = 0.9  # share of its length that a note sounds


def beat(meter: TimeSignature, is_last: bool) -> Notes:
    """Return a bar of drums: kick and snare by turns on the beats, hats on the eighths. The last bar ends in a fill."""
    bar_ticks = meter.bar_ticks(RESOLUTION)
    notes = [Note(onset, STROKE_TICKS, CLOSED_HAT, HAT_VELOCITY) for onset in range(0, bar_ticks, RESOLUTION // 2)]
    for number, onset in enumerate(range(0, bar_ticks, RESOLUTION)):
        notes.append(Note(onset, STROKE_TICKS, SNARE if number % 2 else KICK, 92))
    played = tuple(sorted(notes, key=lambda note: (note.onset_ticks, note.pitch)))
    return filled_bar(played, meter, fill_start_ticks(meter)) if is_last else played


def part(program: int, spans: Sequence[ChordSpan]) -> Notes:
    """Return a bar for an instrument: the bass strikes each chord's root and again two beats later, others strike the chord."""
    notes: list[Note] = []
    last: tuple[int, ...] = ()
    for span in spans:
        if span.chord is None:
            continue
        if program in BASS_PROGRAMS:
            pitches: tuple[int, ...] = (LOWEST_BASS + (span.chord.bass - LOWEST_BASS) % 12,)
            step, velocity = 2.0, BASS_VELOCITY
        else:
            pitches = last = voicing(span.chord, last)
            step, velocity = span.beats, CHORD_VELOCITY
        place = 0.0
        while place < span.beats - 1e-6:
            length = round(DETACHED * min(step, span.beats - place) * RESOLUTION)
            onset = round((span.beat + place) * RESOLUTION)
            notes += [Note(onset, max(1, length), pitch, velocity) for pitch in pitches]
            place += step
    return tuple(notes)
