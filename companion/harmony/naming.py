"""Names the chord that held keys form, and transposes chords. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cache

from companion.harmony.hearing.chord_scores import QUALITY_COUNT, sound_scores
from companion.harmony.hearing.evidence import gather
from companion.harmony.hearing.tables import QUALITIES
from companion.harmony.key import Key, spell_chord
from companion.harmony.spans import ChordSpan
from companion.harmony.spelling import transpose_symbol
from companion.harmony.symbols import ChordSymbol, parse_chord
from companion.music import Note

_POWER = "5"


def name_chord(pitches: Collection[int], key: Key | None = None) -> ChordSymbol | None:
    """Return the chord of these pitches (0-127), spelled in a key, or None if there are no pitches.

    A chord with exactly these tones is preferred, in root position first. Otherwise the most similar chord is taken.
    A single key is the power chord on it, so that major and minor stay open.
    """
    if not pitches:
        return None
    tones = frozenset(pitch % 12 for pitch in pitches)
    bass = min(pitches) % 12
    if len(tones) == 1:
        return parse_chord(spell_chord(bass, _POWER, key))
    exact = [(root, quality) for root in tones for quality in QUALITIES if _tones(root, quality) == tones]
    if exact:
        root, quality = min(exact, key=lambda chord: ((chord[0] - bass) % 12 != 0, QUALITIES.index(chord[1])))
    else:
        scores = sound_scores(gather([Note(0, 1920, pitch) for pitch in pitches], 0.0, 4.0))
        best = max(range(len(scores)), key=scores.__getitem__)
        root, quality = best // QUALITY_COUNT, QUALITIES[best % QUALITY_COUNT]
    return parse_chord(spell_chord(root, quality, key, bass))


@cache
def _tones(root: int, quality: str) -> frozenset[int]:
    return frozenset((root + interval) % 12 for interval in parse_chord(f"C{quality}").intervals)


def transposed(chord: ChordSymbol, semitones: int) -> ChordSymbol:
    """Return the chord this many semitones higher (lower if negative)."""
    if semitones % 12 == 0:
        return chord
    text = transpose_symbol(chord.text, semitones)
    return ChordSymbol(text, (chord.root + semitones) % 12, (chord.bass + semitones) % 12, chord.intervals)


def transposed_spans(spans: tuple[ChordSpan, ...], semitones: int) -> tuple[ChordSpan, ...]:
    """Transpose all chords of a bar."""
    return tuple(
        replace(span, chord=transposed(span.chord, semitones)) if span.chord and semitones % 12 else span
        for span in spans
    )
