"""One bar of one track as rows of characters. Pure; knows no widget and no colour.

How sure a bar is can be read without colour, from the shape of its notes:

    played      thin braille strokes    ⠤⠤⠤   history
    committed   solid half blocks       ▀▀▀   will sound as shown
    tentative   dashed quarter blocks   ▘▘▘   may still change
    hidden      hatching                ╱╱╱   the player's bars to come, which the model must not assume
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from companion.music import Note
from companion.session.api.snapshot import BarState

MIN_SPAN = 12  # semitones, so that a single repeated note does not fill the lane
PITCH_STEPS = 4  # braille dots a cell is high
HATCH = "╱"
BEAT_DOT = "·"
_BRAILLE_BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # Unicode: dots 1237 left, 4568 right
_SOLID = {0b01: "▀", 0b10: "▄", 0b11: "█"}
_DASHED = {0b01: "▘", 0b10: "▖", 0b11: "▌"}


@dataclass(frozen=True, slots=True)
class PitchScale:
    """Which pitch is drawn how high. Melodic lanes: `low`..`high` linearly. Drum lanes: `kit`, one step an instrument used."""

    low: int
    high: int
    kit: tuple[int, ...] = ()

    @property
    def places(self) -> int:
        """How many pitches have a place of their own."""
        return len(self.kit) or self.high - self.low + 1

    def step(self, pitch: int, steps: int) -> int:
        """The vertical step (0 = top) of `steps` for a pitch; pitches outside stick to the edge."""
        if self.kit:
            rank = sum(1 for member in self.kit if member < pitch)
            place, span = len(self.kit) - 1 - min(rank, len(self.kit) - 1), max(len(self.kit) - 1, 1)
        else:
            place, span = self.high - min(max(pitch, self.low), self.high), max(self.high - self.low, 1)
        return min(place * steps // (span + 1), steps - 1) if self.kit else round(place * (steps - 1) / span)

    def holds(self, pitches: Iterable[int]) -> bool:
        """True if every pitch has its own place."""
        return all(pitch in self.kit if self.kit else self.low <= pitch <= self.high for pitch in pitches)


def pitch_scale(pitches: Iterable[int], is_drum: bool, previous: PitchScale | None = None) -> PitchScale:
    """The scale for a lane. The previous one is kept while it fits and is not far too wide, so that the picture does not jump."""
    used = sorted(set(pitches))
    if not used:
        return previous or PitchScale(60 - MIN_SPAN // 2, 60 + MIN_SPAN // 2)
    if previous is not None and bool(previous.kit) == is_drum and previous.holds(used):
        needed = max(used[-1] - used[0], MIN_SPAN)
        if is_drum or previous.high - previous.low <= 2 * needed:
            return previous
    if is_drum:
        return PitchScale(used[0], used[-1], tuple(used))
    missing = max(MIN_SPAN - (used[-1] - used[0]), 0)
    return PitchScale(max(used[0] - missing // 2 - 1, 0), min(used[-1] + (missing + 1) // 2 + 1, 127))


def note_columns(note: Note, columns: int, bar_ticks: int) -> tuple[int, int]:
    """First and one past the last column of a note in a bar drawn `columns` wide; empty for notes past the bar's end."""
    start = note.onset_ticks * columns // bar_ticks
    end = -(-(note.onset_ticks + note.duration_ticks) * columns // bar_ticks)
    start = max(start, 0)
    return start, max(min(end, columns), min(start + 1, columns))


def bar_rows(
    notes: Sequence[Note], state: BarState, scale: PitchScale, width: int, height: int, bar_ticks: int
) -> list[str]:
    """`height` strings of `width` characters; blanks are spaces. Ticks are those of BarView."""
    if width <= 0 or height <= 0 or bar_ticks <= 0:
        return [""] * max(height, 0)
    if state == "hidden" and not notes:
        return [HATCH * width] * height
    if state == "played":
        return _braille_rows(notes, scale, width, height, bar_ticks)
    glyphs = _DASHED if state in ("tentative", "hidden") else _SOLID
    return _block_rows(notes, glyphs, scale, width, height, bar_ticks)


def _braille_rows(notes: Sequence[Note], scale: PitchScale, width: int, height: int, bar_ticks: int) -> list[str]:
    cells = [[0] * width for _ in range(height)]
    thick = 2 if height * PITCH_STEPS >= 2 * scale.places else 1
    for note in notes:
        step = scale.step(note.pitch, height * PITCH_STEPS)
        start, end = note_columns(note, width * 2, bar_ticks)
        end -= end - start > 2  # a gap before the next note of the same pitch
        for dot in range(step, min(step + thick, height * PITCH_STEPS)):
            for column in range(start, end):
                cells[dot // PITCH_STEPS][column // 2] |= _BRAILLE_BITS[column % 2][dot % PITCH_STEPS]
    return ["".join(chr(0x2800 + bits) if bits else " " for bits in row) for row in cells]


def _block_rows(
    notes: Sequence[Note], glyphs: dict[int, str], scale: PitchScale, width: int, height: int, bar_ticks: int
) -> list[str]:
    cells = [[0] * width for _ in range(height)]
    placed = [
        (scale.step(note.pitch, height * PITCH_STEPS) // 2, *note_columns(note, width, bar_ticks)) for note in notes
    ]
    onsets = {(half, start) for half, start, _ in placed}
    for half, start, end in placed:
        if end - start > 1 and (half, end) in onsets:
            end -= 1  # repeated notes stay apart
        for column in range(start, end):
            cells[half // 2][column] |= 1 << half % 2
    return ["".join(glyphs.get(bits, " ") for bits in row) for row in cells]
