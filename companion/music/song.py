"""Songs: a score and the other contents of a MIDI file.

All times are ticks of the score's grid (480 a quarter unless asked otherwise), whatever the file's own division. Bytes are read and
written by `companion.music.files`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

from companion.music.files.events import MidiFile
from companion.music.score import Score

DEFAULT_TEMPO = 500_000


@dataclass(frozen=True, slots=True)
class SourcePart:
    """Where a part of a score stands in its file.

    track: index of the MTrk. channel: None for a part without any channel message. notes: (bar, index of the note-on, index of the
    note-off or -1) of every note, in the order of the file.
    """

    track: int
    channel: int | None
    notes: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SongSource:
    """The file from which a song was read, and the place of its score in it.

    score: as it was read, to tell what was changed since. bar_lines: every bar line and the end, in 1/units of a file tick, exactly.
    offsets: by track, what was added to its ticks (the patterns of a format 2 file follow one another).
    """

    file: MidiFile
    score: Score
    parts: tuple[SourcePart, ...]
    bar_lines: tuple[int, ...]
    units: int
    per_quarter: Fraction
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FileSong:
    """A score, and the file's tempo map (tick, µs a quarter), markers (tick, text) and bar lines.

    bar_starts: tick of every bar line, then the end of the last bar. Differs from the sum of the bars' lengths where the file
    changes meter inside a bar. division: the file's own ticks a quarter, kept so that writing repeats its times exactly; 0
    where there is none. controls: by track of the score, messages (tick, bytes) to be written beside its notes; their channel is
    the track's. source: the file, whose other events are written back. remarks: what was wrong with it, each fit for one line.
    """

    score: Score
    tempo_map: tuple[tuple[int, int], ...] = ((0, DEFAULT_TEMPO),)
    markers: tuple[tuple[int, str], ...] = ()
    bar_starts: tuple[int, ...] = ()
    division: int = 0
    controls: tuple[tuple[tuple[int, bytes], ...], ...] = ()
    source: SongSource | None = field(default=None, compare=False, repr=False)
    remarks: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, score: Score) -> FileSong:
        """A song with one tempo, from a bare score."""
        return cls(score, ((0, score.tempo),), (), tuple(score_bar_starts(score)))


def score_bar_starts(score: Score) -> Sequence[int]:
    """Tick of every bar line and of the end; the longest track's bars count."""
    longest = max((track.bars for track in score.tracks), key=len, default=())
    return list(accumulate((bar.length_ticks(score.resolution) for bar in longest), initial=0))
