"""Judges whether the notes played fit the expected chord. If they do not, the rest of the bar is rewritten. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache

from companion.harmony.hearing.chord_scores import QUALITY_COUNT, KeyTracker, softmax, sound_scores
from companion.harmony.hearing.evidence import gather
from companion.harmony.hearing.tables import QUALITIES
from companion.harmony.symbols import ChordSymbol, parse_chord
from companion.music import Note

CONTRADICTS = 0.13
"""The score from which a chord is contradicted, chosen on the validation split: from comping and bass it is reached by 1 % of
the bars that keep to their chord, and by 84 % (after the first beat) to 90 % (after half a bar) of those with another chord.
`companion evaluate --recognition` measures it again on the test split."""

_SILENCE = 0.02
_TRUST = 0.9  # the probability, before anything is heard, that an agreed chord is played
_ENOUGH_BEATS = 2.0  # beats of all notes together from which evidence counts in full: one passing note proves little


def contradiction(
    notes: Iterable[Note],
    chord: ChordSymbol | None,
    start_beat: float,
    until_beat: float,
    keys: KeyTracker | None = None,
    resolution: int = 480,
) -> float:
    """Return how surely the notes contradict `chord`, from 0 (they fit, or nothing sounded) to 1.

    notes: the notes of one bar, at `resolution` ticks a quarter; notes that still sound have their length so far.
    start_beat, until_beat: the stretch to judge, within the chord's span, in quarter notes from the bar line.
    keys: `Recogniser.keys`, if there is a recogniser.

    The score is the total probability of the chords that do not agree with `chord`. A chord agrees if it has the same root and
    third, contains `chord`, or is contained in it. If `chord` is None (N.C.), the score is the share of the stretch filled with sound.
    """
    evidence = gather(notes, start_beat, until_beat, resolution)
    if evidence.total <= _SILENCE:
        return 0.0
    if chord is None:
        return min(1.0, evidence.total)
    scores = sound_scores(evidence)
    if keys is not None:
        scores = [score + usual for score, usual in zip(scores, keys.prior(evidence), strict=True)]
    weight = min(1.0, evidence.total * evidence.beats / _ENOUGH_BEATS)
    agreeing = _agreeing(chord.root, chord.intervals)
    count = sum(agreeing)
    before = (math.log((1 - _TRUST) / (len(agreeing) - count)), math.log(_TRUST / count))
    trusted = [weight * score + before[agrees] for score, agrees in zip(scores, agreeing, strict=True)]
    return 1.0 - sum(share for share, agrees in zip(softmax(trusted), agreeing, strict=True) if agrees)


@cache
def _agreeing(root: int, intervals: tuple[int, ...]) -> tuple[bool, ...]:
    """Return [192]: for each chord that can be recognised, whether playing it counts as playing the given chord."""
    given = {(root + interval) % 12 for interval in intervals}
    third = next((interval for interval in intervals if interval in (3, 4)), None)
    agreeing: list[bool] = []
    for index in range(12 * QUALITY_COUNT):
        other_root, quality = divmod(index, QUALITY_COUNT)
        tones = parse_chord(f"C{QUALITIES[quality]}").intervals
        pitch_classes = {(other_root + tone) % 12 for tone in tones}
        same_third = other_root == root and (third is None or third in tones or not {3, 4} & set(tones))
        agreeing.append(same_third or pitch_classes <= given or given <= pitch_classes)
    return tuple(agreeing)
