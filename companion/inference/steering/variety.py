"""Leaving a note that a part has stayed on for long.

A model that hears its own bars goes on as it did before, and a cool draw makes that a trap: a bass that has played one C too
many plays C for ever. So pitches that sounded at more than half of a track's onsets in its last bars become less likely, the
more the longer they stay: the model's probability divided by (share / HALF) to the power of PUSH ×
`strength`. Knows windows and vocabularies, no model.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from companion.inference.requests.planner import Cell
from companion.music.score import Score
from companion.tokenizer import TokenType, Vocabulary

BARS = 4  # how far back a part is known to have stayed
PUSH = 2.0  # at strength 1: one note for ever becomes four times less likely
HALF = 0.5  # of the onsets: up to there a pitch is a root or a chord's tone, not a habit
FEWEST_ONSETS = 8  # before, nothing can be called a habit


def variety_bias(
    window: Score, target: Cell, vocabulary: Vocabulary, strength: float
) -> npt.NDArray[np.float32] | None:
    """What is added to the logits [vocab] while `target` is written; None where there is no habit to leave."""
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
