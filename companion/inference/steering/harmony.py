"""Pushes a generated bar towards the pitch classes that the other parts sound.

A small model knows rhythm and register well, and harmony less well. The pitch classes that the trusted tracks (the player's, a
song's) sound in the bar and in the two bars before it are therefore counted, weighted by duration. Notes outside them become
less likely: the model's probability is multiplied by the share of the pitch class to the power of `strength` (a product of
experts). The push is soft on purpose, so passing notes stay possible. This module knows windows and vocabularies, but no model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from companion.inference.requests.planner import Cell
from companion.music.score import Score
from companion.tokenizer import TokenType, Vocabulary

BAR_WEIGHTS = (4.0, 2.0, 1.0)  # the bar to be written (if it is known), the bar before, and the one before that
FLOOR = 0.1  # × the strongest pitch class: the weight of one that was never heard
MOST_BEATS = 4.0  # cap on the weight of one note, so that a drone does not outweigh everything else
FEWEST_NOTES = 3  # fewer notes say nothing about harmony


def pitch_bias(
    window: Score,
    target: Cell,
    trusted: Collection[int],
    vocabulary: Vocabulary,
    strength: float,
    expected: Sequence[float] = (),
) -> npt.NDArray[np.float32] | None:
    """The bias added to the logits [vocab] while `target` is written; None if too little is known of the harmony.

    trusted: window tracks that define the harmony. strength: 0 = off, 1 = the plain product. expected: [12] beats for which
    these tracks will probably sound each pitch class in a hidden target bar (see `companion.session.input.form`).
    """
    if strength <= 0 or window.tracks[target[0]].is_drum:
        return None
    heard, notes = np.zeros(12), 0
    if any(expected):
        heard += BAR_WEIGHTS[0] * np.asarray(expected)
        notes = FEWEST_NOTES
    for track in trusted:
        if window.tracks[track].is_drum or track == target[0]:
            continue
        for back, weight in enumerate(BAR_WEIGHTS):
            if target[1] - back < 0:
                break
            for note in window.tracks[track].bars[target[1] - back].notes:
                heard[note.pitch % 12] += weight * min(note.duration_ticks / window.resolution, MOST_BEATS)
                notes += 1
    if notes < FEWEST_NOTES:
        return None
    share = heard / heard.max()
    bias = np.zeros(vocabulary.size, dtype=np.float32)
    first, size = vocabulary.domains[TokenType.NOTE_ONSET]
    bias[first : first + size] = (strength * np.log((share + FLOOR) / (1 + FLOOR)))[np.arange(size) % 12]
    return bias
