"""Pushes a part away from a pitch that it has repeated for long.

A model that hears its own bars continues as before. At a low temperature this can become a trap: a bass that has played one C too
many plays C for ever. Pitches that sounded at more than half of a track's onsets in its last bars therefore become less likely,
and the more so the larger their share: the model's probability is divided by (share / HALF) to the power of PUSH × `strength`.
This module knows windows and vocabularies, but no model.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from companion.inference.requests.planner import Cell
from companion.music.score import Score
from companion.tokenizer import TokenType, Vocabulary

BARS = 4  # bars that are examined for repetition
PUSH = 2.0  # at strength 1: a note that is always repeated becomes four times less likely
HALF = 0.5  # share of the onsets: up to here a pitch is a root or a chord tone, not a habit
FEWEST_ONSETS = 8  # fewer onsets do not make a habit


def variety_bias(
    window: Score, target: Cell, vocabulary: Vocabulary, strength: float
) -> npt.NDArray[np.float32] | None:
    """The bias added to the logits [vocab] while `target` is written; None if no pitch has been repeated too often."""
    track = window.tracks[target[0]]
    if strength <= 0 or track.is_drum:
        return None
    onsets, counts = 0, Counter[int]()
    for bar in track.bars[max(target[1] - BARS, 0) : target[1]]:
        onsets += len({note.onset_ticks for note in bar.notes})
        counts.update(pitch for _, pitch in {(note.onset_ticks, note.pitch) for note in bar.notes})
    habits = {pitch: count / onsets for pitch, count in counts.items() if count > HALF * onsets}
    if onsets < FEWEST_ONSETS or not habits:
        return None
    bias = np.zeros(vocabulary.size, dtype=np.float32)
    first = vocabulary.first_id(TokenType.NOTE_ONSET)
    for pitch, share in habits.items():
        bias[first + pitch] = -strength * PUSH * np.log(share / HALF)
    return bias
