"""A chord chart as values: bars, beats and symbols. It knows nothing of files, voicings, ports or screens."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from companion.harmony.symbols import ChordSymbol
from companion.music import TimeSignature


@dataclass(frozen=True, slots=True)
class ChartChord:
    """A chord that lasts from `beat` (quarter notes from the bar line) until the next chord. `chord` is None for N.C."""

    beat: Fraction
    symbol: str
    chord: ChordSymbol | None


@dataclass(frozen=True, slots=True)
class ChartBar:
    """One bar to play.

    number, line: where the bar is written, both counted from 1. section: the name of the section that starts here, or "".
    """

    chords: tuple[ChartChord, ...]
    time_signature: TimeSignature
    number: int
    line: int
    section: str = ""
    tempo: float | None = None  # BPM, where the chart changes it


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its repeats and form played out. feel: "straight" or "swing". tempo in quarter notes a minute."""

    bars: tuple[ChartBar, ...]
    title: str = ""
    key: str = ""
    tempo: float = 120.0
    feel: str = "straight"

    @property
    def sections(self) -> tuple[tuple[int, str], ...]:
        """(bar index, name) of every section as played."""
        return tuple((index, bar.section) for index, bar in enumerate(self.bars) if bar.section)

    @property
    def chord_marks(self) -> tuple[tuple[int, float, str], ...]:
        """(bar index, beat, symbol) of every chord as played; every bar has one at beat 0 or carries the last one on."""
        return tuple(
            (index, float(chord.beat), chord.symbol) for index, bar in enumerate(self.bars) for chord in bar.chords
        )

    @property
    def tempo_changes(self) -> tuple[tuple[float, float], ...]:
        """(position in beats, BPM), ascending, the first at 0."""
        changes = {Fraction(0): self.tempo}
        position = Fraction(0)
        for bar in self.bars:
            if bar.tempo is not None:
                changes[position] = bar.tempo
            position += bar.time_signature.beats
        return tuple((float(position), bpm) for position, bpm in sorted(changes.items()))
