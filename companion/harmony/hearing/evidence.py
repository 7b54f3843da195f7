"""Measures how much of each pitch class sounds in a stretch of a bar, and in the bass. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from companion.music import Note, TimeSignature

_ON_THE_BEAT, _OFF_THE_BEAT = 1.0, 0.75
_HELD_OVER = 0.9  # for a note that was struck before the stretch
_SHORTEST_BEATS = 0.02  # a note that sounds no longer than this within the stretch belongs to the neighbouring one
_BEAT_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Evidence:
    """What sounds in a stretch of a bar, from `beat` for `beats` quarter notes.

    weights: [12] share of the stretch in which each pitch class sounds, weighted by metre.
    bass: [12] share of the stretch in which each pitch class is the lowest note.
    voices: mean number of notes that sound together, silence left out. lowest: mean pitch of the lowest notes, 0 for silence.
    """

    beat: float
    beats: float
    weights: tuple[float, ...]
    bass: tuple[float, ...]
    voices: float
    lowest: float

    @property
    def total(self) -> float:
        """The sum of the weights; 0 for silence."""
        return sum(self.weights)


def half_bars(meter: TimeSignature) -> tuple[tuple[float, float], ...]:
    """Return (start, end) of the stretches that may each have one chord, in quarter notes: the halves, with the longer one first.

    A bar of two or three beats is one stretch. In 6/8, each of the two beats is one stretch.
    """
    beats = float(meter.beats)
    compound = meter.denominator >= 8 and meter.numerator % 3 == 0
    pulses = meter.numerator // 3 if compound else meter.numerator
    if pulses < (2 if compound else 4):
        return ((0.0, beats),)
    middle = beats * (pulses - pulses // 2) / pulses
    return ((0.0, middle), (middle, beats))


def gather(notes: Iterable[Note], start: float, end: float, resolution: int = 480) -> Evidence:
    """Return the evidence from `start` to `end`, in quarter notes from the bar line.

    Notes are at `resolution` ticks a quarter from that line. Notes held over from the bar before begin below 0.
    """
    weights = [0.0] * 12
    sounding: list[tuple[float, float, int]] = []
    for note in notes:
        onset = note.onset_ticks / resolution
        first, last = max(onset, start), min(onset + note.duration_ticks / resolution, end)
        if last - first <= _SHORTEST_BEATS:
            continue
        from_beat = (onset + _BEAT_TOLERANCE) % 1
        weight = _ON_THE_BEAT if from_beat < 2 * _BEAT_TOLERANCE else _OFF_THE_BEAT
        if onset < start - _SHORTEST_BEATS:
            weight *= _HELD_OVER
        weights[note.pitch % 12] += (last - first) * weight
        sounding.append((first, last, note.pitch))
    bass, voices, lowest = _lowest_notes(sounding)
    length = max(end - start, _SHORTEST_BEATS)
    return Evidence(
        start,
        end - start,
        tuple(weight / length for weight in weights),
        tuple(share / length for share in bass),
        voices,
        lowest,
    )


def _lowest_notes(sounding: Sequence[tuple[float, float, int]]) -> tuple[list[float], float, float]:
    """Return ([12] beats for which each pitch class is the lowest, mean number of voices, mean lowest pitch)."""
    bass = [0.0] * 12
    covered = total = pitches = 0.0
    borders = sorted({border for first, last, _ in sounding for border in (first, last)})
    for left, right in pairwise(borders):
        active = [pitch for first, last, pitch in sounding if first <= left and last >= right]
        if active:
            lowest = min(active)
            bass[lowest % 12] += right - left
            covered += right - left
            total += (right - left) * len(active)
            pitches += (right - left) * lowest
    return (bass, total / covered, pitches / covered) if covered else (bass, 0.0, 0.0)
