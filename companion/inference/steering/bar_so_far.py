"""The bar being written as steering sees it: its notes so far, and the places of the relevant tokens in the vocabulary."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from companion.tokenizer import TokenType, Vocabulary

Bias = npt.NDArray[np.float32]  # [vocab], added to the logits

_T = TokenType
_NOTE_STARTS = (_T.VELOCITY_LEVEL, _T.DELTA_DIRECTION, _T.DELTA, _T.NOTE_ONSET)
_ENDS = (_T.FILL_IN_END, _T.BAR_END)


@dataclass(frozen=True, slots=True)
class Places:
    """Spans of ids. positions, pitches, durations: by value. note_starts: begin another note at the position. ends: end the bar."""

    size: int
    resolution: int
    positions: slice
    pitches: slice
    durations: slice
    note_starts: npt.NDArray[np.intp]
    ends: npt.NDArray[np.intp]

    @classmethod
    @lru_cache(maxsize=8)
    def of(cls, vocabulary: Vocabulary) -> Places:
        """The places of one vocabulary. They are cached, because every bar needs them."""

        def span(token_type: TokenType) -> slice:
            first, size = vocabulary.domains.get(token_type, (0, 0))
            return slice(first, first + size)

        def ids(types: tuple[TokenType, ...]) -> npt.NDArray[np.intp]:
            return np.concatenate([np.arange(span(name).start, span(name).stop) for name in types])

        return cls(
            vocabulary.size,
            vocabulary.config.resolution,
            span(_T.TIME_ABSOLUTE_POS),
            span(_T.NOTE_ONSET),
            span(_T.NOTE_DURATION),
            ids(_NOTE_STARTS),
            ids(_ENDS),
        )


@dataclass(slots=True)
class BarSoFar:
    """One bar in model ticks from its bar line. position_ticks: where the next note would begin. here: notes that begin there.

    notes: number of notes in the bar. melodic: (pitch, duration, end) of each. sounding [ticks]: how many of them sound at each
    tick, also past the bar's end. Notes that ring on from the previous bar do not count, because listeners hear the new bar's
    notes as separate from them.
    """

    length_ticks: int
    sounding: npt.NDArray[np.int16]
    position_ticks: int = 0
    here: int = 0
    notes: int = 0
    pitch: int = -1
    melodic: list[tuple[int, int, int]] = field(default_factory=list)

    @classmethod
    def start(cls, length_ticks: int, longest_ticks: int) -> BarSoFar:
        """An empty bar; no note is longer than longest_ticks."""
        return cls(length_ticks, np.zeros(length_ticks + longest_ticks + 1, dtype=np.int16))

    def push(self, token_type: TokenType, value: int) -> None:
        """Take the next token. Tokens that are not part of a bar change nothing."""
        if token_type is _T.NOTE_ONSET:
            self.pitch = value
            self.notes += 1
            self.here += 1
        elif token_type is _T.NOTE_DURATION:
            end = self.position_ticks + value + 1
            self.sounding[self.position_ticks : end] += 1
            self.melodic.append((self.pitch, value + 1, end))
        elif token_type is _T.TIME_ABSOLUTE_POS:
            self.position_ticks, self.here = min(value, self.length_ticks - 1), 0

    @property
    def voices(self) -> int:
        """Notes that sound at the position."""
        return int(self.sounding[self.position_ticks])
