"""A chord as pitches: close voice leading in the middle of the keyboard.

Pure and deterministic: the same chord after the same voicing always gives the same pitches.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product

from companion.harmony.symbols import ChordSymbol

_LOWEST_VOICE, _HIGHEST_VOICE = 52, 76  # E3-E5: where a left hand comps


@lru_cache(maxsize=4096)
def voicing(chord: ChordSymbol, last: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return three or four pitches of the chord, ascending, that move least from the last voicing (or lie in the middle)."""
    wanted = voiced_tones(chord)
    places = [[pitch for pitch in range(_LOWEST_VOICE, _HIGHEST_VOICE + 1) if pitch % 12 == tone] for tone in wanted]
    candidates = {tuple(sorted(pitches)) for pitches in product(*places) if max(pitches) - min(pitches) <= 14}
    return min(candidates, key=lambda pitches: (_movement(last, pitches), pitches))


def voiced_tones(chord: ChordSymbol) -> tuple[int, ...]:
    """Return at most four pitch classes: third (or fourth), seventh or sixth, the most remote tension or fifth, then the rest."""
    above = chord.intervals[1:]
    third = [tone for tone in above if tone in (2, 3, 4, 5)][:1]
    seventh = [tone for tone in above if tone in (9, 10, 11)][-1:]
    fifth = [tone for tone in above if tone in (6, 7, 8)][:1]
    tensions = [tone for tone in above if tone > 11]
    altered = [tone for tone in tensions if tone not in (14, 17, 21)]
    order = [*third, *seventh, *altered[:2], *tensions[-1:], *fifth, 0]
    return tuple((chord.root + tone) % 12 for tone in dict.fromkeys(order))[:4]


def _movement(last: tuple[int, ...], pitches: tuple[int, ...]) -> float:
    if not last:
        return abs(sum(pitches) / len(pitches) - 62)
    nearest = sum(min(abs(pitch - before) for before in last) for pitch in pitches)
    drift = abs(sum(pitches) / len(pitches) - 63)  # Without this, long sequences would drift out of the middle.
    return nearest + max(0.0, drift - 4)
