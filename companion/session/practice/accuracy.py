"""How well a written part was played: notes aligned by onset, counted as right, wrong, missed or extra, and how far off in time.

Pure: positions are beats of the session (they run on through loop seams), lengths of beats come with the played notes. Nothing
here knows clocks, ports or where the notes come from.

Alignment is done three times over what is still unpaired: notes of the same key, then of the same pitch class (a wrong
octave), then of any pitch (a wrong note). Each time pairs keep the order of both sides and lie within a window of time; among
these as many as possible, then those with the least total distance (dynamic programming over both sequences).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Literal

Verdict = Literal["right", "wrong", "missed", "extra"]
WINDOW_SECONDS = 0.15  # the largest offset at which a note still counts as this note; it applies to wrong notes too
_WINDOW_BEATS = 0.45  # narrow enough that at a fast tempo the neighbouring eighth note is not taken for it


@dataclass(frozen=True, slots=True)
class WrittenNote:
    """A note to be played at `position_beats`, in pass `pass_number`, at this bar and beat of the song."""

    position_beats: float
    pitch: int
    pass_number: int = 1
    bar: int = 0
    beat: float = 0.0


@dataclass(frozen=True, slots=True)
class PlayedNote:
    """A note that was played, and its position. beat_seconds: the length of a beat there."""

    position_beats: float
    pitch: int
    beat_seconds: float = 0.5
    pass_number: int = 1
    bar: int = 0
    beat: float = 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a written note, a played note or a pair of both. offset_seconds: late is positive."""

    verdict: Verdict
    written: WrittenNote | None
    played: PlayedNote | None

    @property
    def offset_seconds(self) -> float:
        """How late (positive) or early the note came; 0 where there is nothing to compare."""
        if self.written is None or self.played is None:
            return 0.0
        return (self.played.position_beats - self.written.position_beats) * self.played.beat_seconds

    @property
    def wrong_octave(self) -> bool:
        """A wrong note of the right name."""
        return (
            self.verdict == "wrong"
            and self.written is not None
            and self.played is not None
            and (self.played.pitch - self.written.pitch) % 12 == 0
        )

    @property
    def pass_number(self) -> int:
        """The pass it counts for: that of the written note, if there is one."""
        note = self.written or self.played
        return note.pass_number if note else 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Judgements counted. Offsets are of right notes: mean (late is positive) and spread, in milliseconds."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    extra: int = 0
    wrong_octave: int = 0
    mean_offset_ms: float = 0.0
    offset_spread_ms: float = 0.0

    @property
    def accuracy(self) -> float | None:
        """The share of right notes among all written and extra notes, 0..1; None before the first."""
        total = self.right + self.wrong + self.missed + self.extra
        return self.right / total if total else None


def tally(judgements: Iterable[Judgement]) -> Tally:
    """Count them."""
    judgements = list(judgements)
    offsets = [1000 * item.offset_seconds for item in judgements if item.verdict == "right"]
    verdicts = [item.verdict for item in judgements]
    return Tally(
        right=len(offsets),
        wrong=verdicts.count("wrong"),
        missed=verdicts.count("missed"),
        extra=verdicts.count("extra"),
        wrong_octave=sum(item.wrong_octave for item in judgements),
        mean_offset_ms=fmean(offsets) if offsets else 0.0,
        offset_spread_ms=pstdev(offsets) if offsets else 0.0,
    )


def window_beats(beat_seconds: float) -> float:
    """How far a played note may be from its written place, in beats of this length."""
    return min(WINDOW_SECONDS / max(beat_seconds, 1e-3), _WINDOW_BEATS)


def align(written: Sequence[WrittenNote], played: Sequence[PlayedNote], window: float) -> list[Judgement]:
    """Judge every note, in order of onset; window in beats."""
    left = sorted(written, key=lambda note: (note.position_beats, note.pitch))
    right = sorted(played, key=lambda note: (note.position_beats, note.pitch))
    judged: list[Judgement] = []
    rounds: tuple[tuple[Verdict, Callable[[int], int]], ...] = (
        ("right", lambda pitch: pitch),
        ("wrong", lambda pitch: pitch % 12),
        ("wrong", lambda pitch: 0),
    )
    for verdict, group_of in rounds:
        pairs = _pair_groups(left, right, group_of, window)
        judged.extend(Judgement(verdict, left[a], right[b]) for a, b in pairs)
        gone_left, gone_right = {a for a, _ in pairs}, {b for _, b in pairs}
        left = [note for index, note in enumerate(left) if index not in gone_left]
        right = [note for index, note in enumerate(right) if index not in gone_right]
    judged.extend(Judgement("missed", note, None) for note in left)
    judged.extend(Judgement("extra", None, note) for note in right)
    return sorted(judged, key=_onset)


def _onset(item: Judgement) -> float:
    note = item.written or item.played
    return note.position_beats if note else 0.0


def _pair_groups(
    left: Sequence[WrittenNote], right: Sequence[PlayedNote], group_of: Callable[[int], int], window: float
) -> list[tuple[int, int]]:
    groups: dict[int, tuple[list[int], list[int]]] = {}
    for side, notes in enumerate((left, right)):
        for index, note in enumerate(notes):
            groups.setdefault(group_of(note.pitch), ([], []))[side].append(index)
    pairs: list[tuple[int, int]] = []
    for ours, theirs in groups.values():
        found = _pair(
            [left[index].position_beats for index in ours], [right[index].position_beats for index in theirs], window
        )
        pairs.extend((ours[a], theirs[b]) for a, b in found)
    return pairs


def _pair(left: Sequence[float], right: Sequence[float], window: float) -> list[tuple[int, int]]:
    """Pairs of indices into two ascending sequences: the most that fit in the window, then the nearest."""
    if not left or not right:
        return []
    # best[i][j]: (pairs, -distance) over left[i:] and right[j:]
    best = [[(0, 0.0)] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in range(len(left) - 1, -1, -1):
        row, below = best[i], best[i + 1]
        for j in range(len(right) - 1, -1, -1):
            choice = max(below[j], row[j + 1])
            distance = abs(right[j] - left[i])
            if distance <= window:
                count, cost = below[j + 1]
                choice = max(choice, (count + 1, cost - distance))
            row[j] = choice
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if best[i][j] == best[i + 1][j]:
            i += 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            pairs.append((i, j))
            i, j = i + 1, j + 1
    return pairs


class AccuracyMeter:
    """Judges a part while it is played: tell it what is written ahead of time, what is played, and how time goes on.

    Judgements of notes that nothing later can change are settled at `advance`, so work and memory stay small. Tallies
    are kept by pass; notes around a loop seam count for the pass they were written in.
    """

    def __init__(self, beat_seconds: float = 0.5) -> None:
        self._window = window_beats(beat_seconds)
        self._written: list[WrittenNote] = []
        self._played: list[PlayedNote] = []
        self._settled: dict[int, list[Judgement]] = {}
        self._tallies: dict[int, Tally] = {}  # counted once, since screens ask often

    def expect(self, notes: Iterable[WrittenNote]) -> None:
        """Written notes of bars to come."""
        self._written.extend(notes)

    def play(self, note: PlayedNote) -> None:
        """A played note, when it comes."""
        self._window = window_beats(note.beat_seconds)
        self._played.append(note)

    def forget_pending(self, from_beats: float = 0.0) -> None:
        """Drop written notes from here on: the player stopped, sought or changed the loop."""
        self._written = [note for note in self._written if note.position_beats < from_beats]

    def advance(self, position_beats: float) -> None:
        """Settle the notes so far back that no later note can be paired with them or their neighbours."""
        horizon = position_beats - 2 * self._window
        if not any(note.position_beats < horizon for note in (*self._written, *self._played)):
            return
        near = position_beats + self._window
        ahead = [note for note in self._written if note.position_beats > near]
        judged = align([note for note in self._written if note.position_beats <= near], self._played, self._window)
        settled = [item for item in judged if _onset(item) < horizon]
        kept = [item for item in judged if _onset(item) >= horizon]
        for item in settled:
            self._settled.setdefault(item.pass_number, []).append(item)
            self._tallies.pop(item.pass_number, None)
        self._written = [item.written for item in kept if item.written] + ahead
        self._played = [item.played for item in kept if item.played]

    def tally(self, pass_number: int) -> Tally:
        """What is settled of this pass so far."""
        if pass_number not in self._tallies:
            self._tallies[pass_number] = tally(self._settled.get(pass_number, ()))
        return self._tallies[pass_number]

    def judgements(self, pass_number: int) -> tuple[Judgement, ...]:
        """Every settled judgement of this pass, in order of onset."""
        return tuple(sorted(self._settled.get(pass_number, ()), key=_onset))

    def forget_pass(self, pass_number: int) -> None:
        """Drop what is kept of a pass."""
        self._settled.pop(pass_number, None)
        self._tallies.pop(pass_number, None)
