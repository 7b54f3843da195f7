"""The chord guide: the chords of a bar as notes, in the form that checkpoints are trained to read.

A block chord of three or four voices is struck at each chord of the bar and again at each bar line. The root or the slash bass
lies below it. The guide is the last track of a prompt and has notes only in the bars that are to be written.
It is never heard. Pure: the same chords after the same voicing give the same notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from companion.harmony.spans import ChordSpan
from companion.harmony.voicing import voicing
from companion.music import Note

GUIDE_RESOLUTION = 480  # ticks a quarter
GUIDE_PROGRAM = 124  # no song of the training data has it, so it marks a guide and nothing else
_BLOCK_VELOCITY, _BASS_VELOCITY = 72, 76
_GAP_TICKS = 10  # between the end of a chord and the next, so that repeated pitches stay apart
_LOWEST_BASS = 40  # E2: the bass lies in the octave from here up

Voicing = tuple[int, ...]


def guide_bar(spans: Sequence[ChordSpan], last: Voicing = ()) -> tuple[tuple[Note, ...], Voicing]:
    """Return the guide of one bar, and the voicing that leads into the next bar.

    last: the voicing that the bar before returned, () at the beginning. Notes are in order of onset and pitch, at
    GUIDE_RESOLUTION ticks a quarter. A bar of N.C. has no notes and returns `last` unchanged.
    """
    notes: list[Note] = []
    for span in spans:
        if span.chord is None or span.beats <= 0:
            continue
        last = voicing(span.chord, last)
        onset_ticks = round(span.beat * GUIDE_RESOLUTION)
        duration_ticks = max(1, round(span.beats * GUIDE_RESOLUTION) - _GAP_TICKS)
        notes.append(Note(onset_ticks, duration_ticks, bass_pitch(span.chord.bass), _BASS_VELOCITY))
        notes.extend(Note(onset_ticks, duration_ticks, pitch, _BLOCK_VELOCITY) for pitch in last)
    return tuple(sorted(notes, key=lambda note: (note.onset_ticks, note.pitch))), last


def guide_bars(bars: Iterable[Sequence[ChordSpan]]) -> tuple[tuple[Note, ...], ...]:
    """Return the guides of consecutive bars. Each voicing is led from the one before."""
    guides: list[tuple[Note, ...]] = []
    last: Voicing = ()
    for spans in bars:
        notes, last = guide_bar(spans, last)
        guides.append(notes)
    return tuple(guides)


def bass_pitch(pitch_class: int) -> int:
    """Return the bass note of a guide for a pitch class 0-11: E2 (40) to Eb3 (51)."""
    return _LOWEST_BASS + (pitch_class - _LOWEST_BASS) % 12
