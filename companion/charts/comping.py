"""Makes notes from chords by rule: a voice-led comping track, and a walking bass line that serves as a reference for measurements.

Pure and deterministic: the same chart always gives the same notes. The module does not know what the model plays over them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from companion.charts.chart import Chart, ChartBar
from companion.charts.spans import chart_spans
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import ChordSymbol
from companion.harmony.voicing import voicing
from companion.music import Bar, Note, Track
from companion.music.units import RESOLUTION

COMPING_NAME = "Chords"
BASS_NAME = "Written bass"
_COMPING_PROGRAM = 4  # electric piano
_BASS_PROGRAM = 32
_LOWEST_BASS, _HIGHEST_BASS = 28, 48
_SWUNG_OFFBEAT = 2 / 3


def comping_track(chart: Chart) -> Track:
    """Return chords in close voice leading, in a rhythm that suits the feel and the meter."""
    bars: list[Bar] = []
    last: tuple[int, ...] = ()
    for bar, bar_spans in zip(chart.bars, chart_spans(chart), strict=True):
        notes: list[Note] = []
        for span in bar_spans:
            if span.chord is None:
                continue
            last = voicing(span.chord, last)
            for onset, length in _comping_rhythm(span, bar, chart.feel):
                notes.extend(_note(onset, length, pitch, 72) for pitch in last)
        bars.append(Bar(tuple(notes), bar.time_signature))
    return Track(tuple(bars), _COMPING_PROGRAM, False, COMPING_NAME)


def _comping_rhythm(span: ChordSpan, bar: ChartBar, feel: str) -> Iterator[tuple[float, float]]:
    """Return (onset, length) for each time the chord is struck, in quarter notes from the bar line."""
    if bar.time_signature.beats == 3 and span.beats == 3 and bar.time_signature.denominator == 4:
        yield from ((0, 1), (1, 0.5), (2, 0.5))
    elif span.beats < 2:
        yield span.beat, span.beats * 0.75
    elif feel == "swing":  # the Charleston figure: on the beat, and after the second
        yield span.beat, 1
        yield span.beat + 1 + _SWUNG_OFFBEAT, 1 / 3
        if span.beats > 3:
            yield span.beat + 3, 0.5
    else:
        for start in range(0, int(span.beats), 2):
            yield span.beat + start, min(1.75, span.beats - start)


def bass_line(chart: Chart) -> Track:
    """Return a bass line by rule: a walking bass in swing, otherwise roots and fifths. Generated bars are measured against it."""
    heads = [(index, span) for index, bar in enumerate(chart_spans(chart)) for span in bar]
    notes: list[list[Note]] = [[] for _ in chart.bars]
    last = 38
    for place, (bar_index, span) in enumerate(heads):
        following = next((later.chord for _, later in heads[place + 1 :] if later.chord), span.chord)
        if span.chord is None or following is None:
            continue
        for onset, length, pitch in _bass_notes(span, following, last, chart.feel):
            notes[bar_index].append(_note(onset, length, pitch, 90))
            last = pitch
    bars = tuple(Bar(tuple(bar_notes), bar.time_signature) for bar_notes, bar in zip(notes, chart.bars, strict=True))
    return Track(bars, _BASS_PROGRAM, False, BASS_NAME)


def _bass_notes(span: ChordSpan, following: ChordSymbol, last: int, feel: str) -> Iterator[tuple[float, float, int]]:
    """Return the bass notes of one chord, with the root on the first beat.

    A walking bass continues with chord tones and reaches the next root by a half step. Otherwise the fifth follows halfway.
    """
    chord = span.chord
    assert chord is not None
    root = _near(chord.bass, last)
    fifth = next((tone for tone in chord.intervals if tone in (6, 7, 8)), 7)
    if feel != "swing":
        halfway = 2.0 if span.beats >= 4 else None
        yield span.beat, halfway or span.beats, root
        if halfway:
            yield span.beat + halfway, span.beats - halfway, _near((chord.root + fifth) % 12, root)
        return
    third = next((tone for tone in chord.intervals if tone in (2, 3, 4, 5)), fifth)
    steps = math.ceil(span.beats)
    line = [root]
    for tone in (third, fifth, 12, fifth, third)[: steps - 1]:
        line.append(_near((chord.root + tone) % 12, line[-1]))
    if steps > 2 or (steps == 2 and following.root != chord.root):
        target = _near(following.bass, line[-2])
        line[-1] = target + (1 if line[-2] > target else -1)
    for step, pitch in enumerate(line):
        yield span.beat + step, min(1.0, span.beats - step), pitch


def _near(tone: int, last: int) -> int:
    """Return the pitch of this pitch class in the bass register that is nearest to the last one."""
    pitches = [pitch for pitch in range(_LOWEST_BASS, _HIGHEST_BASS + 1) if pitch % 12 == tone]
    return min(pitches, key=lambda pitch: (abs(pitch - last), pitch))


def _note(onset: float, length: float, pitch: int, velocity: int) -> Note:
    return Note(round(onset * RESOLUTION), max(1, round(length * RESOLUTION * 9 / 10)), pitch, velocity)
