"""Leaning towards what the others sound: a small push on the pitches of a generated bar.

A small model knows rhythm and register well and harmony less well. So the pitch classes that the trusted tracks (the player's,
a song's) sound in the bar itself and the two before it are counted, weighted by how long they last, and notes outside them
are made less likely: the model's probability times the share of that pitch class to the power of `strength` (a product of
experts). Soft on purpose: a passing note stays possible. Knows windows and vocabularies, no model.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from companion.inference.requests.planner import Cell
from companion.music.score import Score
from companion.tokenizer import TokenType, Vocabulary

BAR_WEIGHTS = (4.0, 2.0, 1.0)  # the bar to be written (where it is known), the one before, the one before that
FLOOR = 0.1  # of the strongest pitch class: what one that was never heard counts as
MOST_BEATS = 4.0  # of one note: a drone does not drown everything else
FEWEST_NOTES = 3  # less than this says nothing about harmony


def pitch_bias(
    window: Score,
    target: Cell,
    trusted: Collection[int],
    vocabulary: Vocabulary,
    strength: float,
    expected: Sequence[float] = (),
) -> npt.NDArray[np.float32] | None:
    """What is added to the logits [vocab] while `target` is written; None where there is nothing to lean on.

    trusted: window tracks that say what the harmony is. strength: 0 = off, 1 = the plain product. expected: [12] beats of each
    pitch class that they will probably sound in a target bar that is hidden (see `companion.session.input.form`).
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
