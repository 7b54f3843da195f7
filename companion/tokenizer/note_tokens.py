"""The tokens of the notes of a bar or a fill, cached for bars that come again."""

from __future__ import annotations

from functools import lru_cache
from operator import itemgetter

from companion.music.quantize import GridNote
from companion.tokenizer.token_types import TokenType
from companion.tokenizer.vocabulary import Vocabulary

CACHED_BARS = 2048  # about 11 MB for the three caches of bars; live play fills them in half an hour
_BY_ONSET_AND_PITCH = itemgetter(0, 2)


class NoteWriter:
    """Writes notes on the model's grid for one vocabulary, by ascending position and pitch. A velocity is written on change."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._deltas = TokenType.DELTA in vocabulary
        self._position_base, self._positions = vocabulary.domains[TokenType.TIME_ABSOLUTE_POS]
        self._pitch_base, self._pitches = vocabulary.domains[TokenType.NOTE_ONSET]
        self._duration_base, self._durations = vocabulary.domains[TokenType.NOTE_DURATION]
        self._velocity_base = vocabulary.domains[TokenType.VELOCITY_LEVEL][0]
        self.write = lru_cache(maxsize=CACHED_BARS)(self._write)

    def _write(
        self, notes: tuple[GridNote, ...], is_drum: bool, with_velocity: bool = True, with_deltas: bool = True
    ) -> tuple[int, ...]:
        ids: list[int] = []
        level_of = self._vocabulary.velocity_levels
        sticky = self._vocabulary.config.velocity_sticky
        position, level = 0, 0
        for onset, duration, pitch, velocity, delta in sorted(notes, key=_BY_ONSET_AND_PITCH):
            onset = min(max(onset, 0), self._positions - 1)
            if onset != position:
                ids.append(self._position_base + onset)
                position = onset
            new_level = level_of[min(max(velocity, 0), 127)] if with_velocity else 0
            if new_level and (new_level != level or not sticky):
                ids.append(self._velocity_base + new_level)
                level = new_level
            if delta and self._deltas and with_deltas:
                ids += self._delta_tokens(delta)
            ids.append(self._pitch_base + min(max(pitch, 0), self._pitches - 1))
            if not is_drum:
                ids.append(self._duration_base + min(max(duration, 1), self._durations) - 1)
        return tuple(ids)

    def _delta_tokens(self, delta: int) -> tuple[int, ...]:
        first, size = self._vocabulary.domains[TokenType.DELTA]
        size_token = first + min(abs(delta), size - 1)
        return (size_token,) if delta > 0 else (self._vocabulary.id(TokenType.DELTA_DIRECTION, 0), size_token)
