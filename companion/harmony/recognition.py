"""Recognises chords in played music, half a bar at a time, and the key. Pure. It takes about half a millisecond a bar.

Each chord gets a score for how well it explains the notes and how usual it is in the key (`chord_scores`). A bar has one
chord, unless two chords explain its halves clearly better. A single line leaves much open; there the chords before decide as well
(`progression`). The chords of a finished bar are not revised. The figures below were chosen on the validation split
(`companion evaluate --recognition` measures on the test split).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from functools import cache
from operator import add
from typing import TypeVar

from companion.harmony.hearing.chord_scores import (
    QUALITY_COUNT,
    SEVERAL_VOICES,
    KeyTracker,
    Scores,
    softmax,
    sound_scores,
)
from companion.harmony.hearing.evidence import Evidence, gather, half_bars
from companion.harmony.hearing.progression import Progression
from companion.harmony.hearing.tables import QUALITIES
from companion.harmony.key import Key, spell_chord
from companion.harmony.spans import ChordSpan
from companion.harmony.symbols import ChordSymbol, parse_chord
from companion.music import Note, TimeSignature

# Where several voices sound:
_ONE_CHORD = 2.0  # in favour of one chord a bar
_SAME_AGAIN = 0.8  # in favour of the last chord at the next bar line
# A chord tone other than the root is written as a bass if it is the lowest note for at least this share of the time.
_SLASH_SHARE = 0.8
_SILENCE = 0.02
HELD_BEATS = 8
_NEVER = 1 << 40

Result = TypeVar("Result")


class Recogniser:
    """Names the chords of one bar after another. `hear` takes finished bars, `peek` a bar in progress."""

    def __init__(self) -> None:
        self._keys = KeyTracker()
        self._progression = Progression()
        self._last: int | None = None

    @property
    def key(self) -> Key | None:
        """The estimated key, None before anything was heard."""
        return self._keys.key

    @property
    def keys(self) -> KeyTracker:
        """How likely each key is now."""
        return self._keys

    def clear(self) -> None:
        """Forget everything, because other music begins."""
        self._keys = KeyTracker()
        self._progression = Progression()
        self._last = None

    def hear(self, notes: Iterable[Note], meter: TimeSignature, resolution: int = 480) -> tuple[ChordSpan, ...]:
        """Return the chords of a finished bar: one or two spans that fill it, () if nothing sounded.

        notes: at `resolution` ticks a quarter from the bar line. Notes held over from the bar before begin below 0.
        """
        return in_one_go(self.hear_slowly(notes, meter, resolution))

    def hear_slowly(
        self, notes: Iterable[Note], meter: TimeSignature, resolution: int = 480
    ) -> Generator[None, None, tuple[ChordSpan, ...]]:
        """Do what `hear` does in steps of about a tenth of a millisecond, each of which ends with a `yield`."""
        kept = tuple(notes)
        halves: list[Evidence] = []
        heard: list[tuple[Evidence, Scores]] = []
        for start, end in half_bars(meter):
            halves.append(gather(kept, start, end, resolution))
            yield
            heard += _sounding(halves[-1:])
            yield
        for half, sound in heard:
            self._keys.hear(half, sound)
            yield
        spans, last = yield from self._decide(halves, heard, float(meter.beats), remember=True)
        if last is not None:
            self._last = last
        return spans

    def peek(
        self, notes: Iterable[Note], meter: TimeSignature, until_beat: float, resolution: int = 480
    ) -> tuple[ChordSpan, ...]:
        """Return the chords of a bar in progress, from what sounded up to `until_beat` (quarter notes). Nothing is remembered."""
        kept = tuple(notes)
        halves = [
            gather(kept, start, min(end, until_beat), resolution)
            for start, end in half_bars(meter)
            if start < until_beat
        ]
        return in_one_go(self._decide(halves, _sounding(halves), float(meter.beats), remember=False))[0]

    def _decide(
        self,
        halves: Sequence[Evidence],
        sounding: Sequence[tuple[Evidence, Scores]],
        bar_beats: float,
        remember: bool,
    ) -> Generator[None, None, tuple[tuple[ChordSpan, ...], int | None]]:
        """Return the spans of the halves, and the last chord as an index, in small steps.

        A silent half takes the chord of its neighbour.
        """
        if not sounding:
            if remember:
                yield from self._progression.hear([None] * len(halves))
            return (), None
        heard = [half for half, _ in sounding]
        if max(half.voices for half in heard) <= SEVERAL_VOICES:
            return (yield from self._decide_line(halves, sounding, bar_beats, remember))
        scores = []
        for half, sound in sounding:
            scores.append(self._scores(half, sound, half is heard[0]))
            yield
        if remember:
            self._progression.is_told(scores[-1])
            yield
        one = scores[0] if len(scores) == 1 else [a + b for a, b in zip(*scores, strict=True)]
        best = _best(one)
        if len(scores) == 1 or one[best] + _ONE_CHORD >= sum(max(half_scores) for half_scores in scores):
            return (self._span(0.0, bar_beats, best, softmax(one)[best], heard),), best
        spans, chord = [], best
        for half, half_scores in zip(heard, scores, strict=True):
            chord = _best(half_scores)
            end = bar_beats if half is heard[-1] else heard[-1].beat
            spans.append(self._span(half.beat, end - half.beat, chord, softmax(half_scores)[chord], [half]))
        return tuple(spans), chord

    def _decide_line(
        self,
        halves: Sequence[Evidence],
        sounding: Sequence[tuple[Evidence, Scores]],
        bar_beats: float,
        remember: bool,
    ) -> Generator[None, None, tuple[tuple[ChordSpan, ...], int | None]]:
        """`_decide` for a bar in which one note at a time sounds."""
        own: dict[float, Scores] = {}
        for half, sound in sounding:
            own[half.beat] = self._scores(half, sound, False)
            yield
        found = yield from self._progression.hear([own.get(half.beat) for half in halves], remember)
        if len({half.root for half in found}) == 1:
            one = [sum(values) / len(found) for values in zip(*(half.scores for half in found), strict=True)]
            best = _best_of(one, found[0].root)
            return (self._span(0.0, bar_beats, best, math.exp(one[best]), halves),), best
        chords = [_best_of(half.scores, half.root) for half in found]
        spans = tuple(
            self._span(half.beat, half.beats, chord, math.exp(weighed.scores[chord]), [half])
            for half, weighed, chord in zip(halves, found, chords, strict=True)
        )
        return spans, chords[-1]

    def _scores(self, half: Evidence, sound: Scores, first: bool) -> Scores:
        scores = list(map(add, sound, self._keys.prior(half)))
        if first and self._last is not None:
            scores[self._last] += _SAME_AGAIN
        return scores

    def _span(self, beat: float, beats: float, chord: int, confidence: float, halves: Sequence[Evidence]) -> ChordSpan:
        root, quality = divmod(chord, QUALITY_COUNT)
        symbol = _symbol(root, QUALITIES[quality], _bass(root, quality, halves), self._keys.spelling)
        return ChordSpan(beat, beats, symbol, "heard", min(1.0, confidence))


def in_one_go(steps: Generator[None, None, Result]) -> Result:
    """Do all steps at once; returns what they return."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def recognise_song(
    bars: Sequence[tuple[Sequence[Note], TimeSignature]], resolution: int = 480
) -> tuple[tuple[ChordSpan, ...], ...]:
    """Return the chords of a whole song that is known beforehand, as a tuple of spans for each bar.

    The song is heard twice, so that even the first bars are named in its key. Notes held over a bar line also count
    in the bars that they sound into.
    """
    recogniser = Recogniser()
    heard = list(with_held_notes(bars, resolution))
    for notes, meter in heard:
        recogniser.hear(notes, meter, resolution)
    return tuple(recogniser.hear(notes, meter, resolution) for notes, meter in heard)


def with_held_notes(
    bars: Iterable[tuple[Sequence[Note], TimeSignature]], resolution: int = 480
) -> Iterable[tuple[tuple[Note, ...], TimeSignature]]:
    """Return the bars, each with the notes held over its bar line, which begin below 0 in that bar.

    A note is taken to end when its pitch is struck again, and after HELD_BEATS, because in some files no note ends.
    """
    held: list[Note] = []
    for notes, meter in bars:
        struck = {note.pitch: note.onset_ticks for note in sorted(notes, key=lambda note: -note.onset_ticks)}
        ending = (
            replace(note, duration_ticks=min(note.duration_ticks, struck.get(note.pitch, _NEVER) - note.onset_ticks))
            for note in held
        )
        sounding = (*(note for note in ending if note.onset_ticks + note.duration_ticks > 0), *notes)
        yield sounding, meter
        length = meter.bar_ticks(resolution)
        last = {note.pitch: note for note in sorted(sounding, key=lambda note: note.onset_ticks)}
        held = [
            replace(note, onset_ticks=note.onset_ticks - length)
            for note in last.values()
            if note.onset_ticks + note.duration_ticks > length and length - note.onset_ticks < HELD_BEATS * resolution
        ]


def _sounding(halves: Iterable[Evidence]) -> list[tuple[Evidence, Scores]]:
    """Return the stretches in which anything sounds, with each chord's score for them."""
    return [(half, sound_scores(half)) for half in halves if half.total > _SILENCE]


def _best(scores: Scores) -> int:
    return max(range(len(scores)), key=scores.__getitem__)


def _best_of(scores: Scores, root: int) -> int:
    """The likeliest chord on a root."""
    return max(range(root * QUALITY_COUNT, (root + 1) * QUALITY_COUNT), key=scores.__getitem__)


def _bass(root: int, quality: int, halves: Sequence[Evidence]) -> int:
    """Return the chord tone that is the lowest note nearly all the time, else the root. A single line has no bass of its own."""
    if max(half.voices for half in halves) <= SEVERAL_VOICES:
        return root
    beats = sum(half.beats for half in halves)
    for tone in _symbol(0, QUALITIES[quality], 0, None).pitch_classes:
        pitch_class = (root + tone) % 12
        if sum(half.bass[pitch_class] * half.beats for half in halves) >= _SLASH_SHARE * beats:
            return pitch_class
    return root


@cache
def _symbol(root: int, quality: str, bass: int, key: Key | None) -> ChordSymbol:
    return parse_chord(spell_chord(root, quality, key, bass))
