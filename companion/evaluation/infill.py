"""The live case, generated and measured: last bars written with the player's own bar hidden, against baselines and truth.

Also control (is the attribute asked for the attribute measured?) and following (after a key change in the context, how
many bars until the companion's notes fit?). Knows the public engine only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.errors import GenerationError
from companion.evaluation import measures
from companion.evaluation.windows import Cell, LiveWindow, random_bar
from companion.harmony.spans import ChordSpan
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.live import LiveInfill, LiveJob
from companion.music import Bar, Note, Score
from companion.session.api.settings import Sampling
from companion.tokenizer import attributes

if TYPE_CHECKING:
    from companion.inference.engine import InferenceEngine

DEFAULT = Sampling()  # what a player gets who has not touched the dials
CONTROLS: dict[str, tuple[int, ...]] = {
    "note_density": tuple(range(10)),
    "min_polyphony": (0, 1, 2, 3),
    "max_polyphony": (0, 1, 2, 3, 4),
    "min_note_duration": (0, 1, 2, 3, 4),
    "max_note_duration": (1, 2, 3, 4, 5),
}
FOLLOW_BARS = 4
FOLLOW_SHIFT = 6  # a tritone: the new key shares the fewest pitch classes with the old
FITS = 0.75  # a bar fits when this share of its notes is among the player's pitch classes


@dataclass(frozen=True, slots=True)
class KnownChords:
    """The chords of the bar to be written, and their guide; guide None: the prompt shall have none."""

    spans: tuple[ChordSpan, ...]
    guide: tuple[Note, ...] | None


class Player:
    """Writes bars the way live play does. `failures` counts jobs that could not be finished; their bars are rests."""

    def __init__(self, engine: InferenceEngine) -> None:
        self._live = LiveInfill(engine)
        self.backend = engine.backend
        self.reads_guides = engine.checkpoint.chord_guide
        self.failures = 0

    def write(
        self,
        score: Score,
        targets: Iterable[Cell],
        hidden: Iterable[Cell],
        seed: int,
        attribute: Mapping[int, Mapping[str, int]] | None = None,
        chords: KnownChords | None = None,
        steered: bool = True,
    ) -> dict[Cell, Bar]:
        """The generated bars of one live job. steered: with the dials where a player finds them, else at nothing."""
        job = LiveJob(
            score,
            tuple(sorted(targets)),
            frozenset(hidden),
            sampling=SamplingOptions(temperature=DEFAULT.temperature, top_p=DEFAULT.top_p),
            attributes=attribute or {},
            harmony=DEFAULT.harmony if steered else 0.0,
            variety=DEFAULT.variety if steered else 0.0,
            chords=chords.spans if chords else None,
            guide=chords.guide if chords else None,
            seed=seed,
            # no real bar comes near: only an untrained model would fill its context instead of ending
            density_hard_limit=96,
        )
        meters = {(t, bar): score.tracks[t].bars[bar].time_signature for t, bar in job.targets}
        try:
            written = self._live.generate(job).takes[0].bars
        except GenerationError:
            self.failures += 1
            written = {}
        return {cell: Bar(written.get(cell, ()), meter) for cell, meter in meters.items()}


def blank(window: LiveWindow) -> Score:
    """The window without the notes of its targets and hidden bars, so that nothing can leak."""
    score = window.score
    for track, bar in (*window.targets, *window.hidden):
        meter = score.tracks[track].bars[bar].time_signature
        score = score.with_track(track, score.tracks[track].with_bar(bar, Bar((), meter)))
    return score


class Averages:
    """Means of named measures; None is left out."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = defaultdict(list)

    def add(self, **values: float | None) -> None:
        """One case."""
        for name, value in values.items():
            if value is not None:
                self._values[name].append(value)

    def means(self) -> dict[str, float]:
        """name → mean."""
        return {name: float(np.mean(values)) for name, values in self._values.items()}


def _judge(into: Averages, window: LiveWindow, cell: Cell, bar: Bar) -> None:
    truth, resolution = window.truth(cell), window.score.resolution
    drum = window.score.tracks[cell[0]].is_drum
    into.add(
        onset_f1=measures.onset_f1(bar, truth, resolution),
        pitch_class_overlap=None if drum else measures.pitch_class_overlap(bar, window.beside(cell)),
        groove_similarity=measures.groove_similarity(bar, window.score.tracks[cell[0]].bars[: cell[1]], resolution),
        density_match=measures.density_match(bar, truth),
        rest_rate=float(not bar.notes),
    )


def infill_quality(player: Player, windows: Sequence[LiveWindow], seed: int) -> dict[str, Any]:
    """Means per source: ours, copying the previous bar, a random bar of the same kind of track, and the true bar."""
    rng = np.random.default_rng(seed)
    sums = {name: Averages() for name in ("ours", "copy previous bar", "random bar", "true bar")}
    for number, window in enumerate(windows):
        written = player.write(blank(window), window.targets, window.hidden, seed + number)
        for cell in window.targets:
            before = window.score.tracks[cell[0]].bars[cell[1] - 1]
            _judge(sums["ours"], window, cell, written[cell])
            _judge(sums["copy previous bar"], window, cell, before)
            _judge(sums["random bar"], window, cell, random_bar(windows, window, cell, rng))
            _judge(sums["true bar"], window, cell, window.truth(cell))
    return {name: averages.means() for name, averages in sums.items()}


def control_accuracy(
    player: Player, windows: Sequence[LiveWindow], names: Iterable[str], each: int, seed: int
) -> dict[str, Any]:
    """Per attribute and level: the share of generated bars whose own level is the one asked for, ±1; `each` bars a level."""
    outcome: dict[str, Any] = {}
    for name in names:
        drum = name == "note_density"
        cases = [(w, cell) for w in windows for cell in w.targets if w.score.tracks[cell[0]].is_drum == drum]
        if not cases:
            continue
        by_level: dict[int, float] = {}
        for level in CONTROLS.get(name, ()):
            hits: list[bool] = []
            for number in range(each):
                window, cell = cases[(number + level * each) % len(cases)]
                others = [c for c in window.targets if c != cell]
                score = blank(window)
                wanted = {cell[0]: {name: level}}
                written = player.write(score, [cell], [*window.hidden, *others], seed + number, wanted)
                track = replace(score.tracks[cell[0]], bars=(written[cell],))
                measured = attributes.compute_track(track, score.resolution).get(name)
                hits.append(bool(written[cell].notes) and measured is not None and abs(measured - level) <= 1)
            by_level[level] = float(np.mean(hits))
        outcome[name] = {"within_one": float(np.mean(list(by_level.values()))), "by_level": by_level}
    return outcome


def following(player: Player, windows: Sequence[LiveWindow], seed: int) -> dict[str, Any]:
    """The player changes key by a tritone; the companion rolls on bar by bar, hearing each player's bar only afterwards.

    share_fitting[k]: mean share of the companion's notes among the player's pitch classes in the k-th bar after the change
    (bar 0 cannot know); bars_until_fit: mean bars until that share reaches FITS (FOLLOW_BARS + 1 when it never does).
    """
    shares: list[list[float]] = [[] for _ in range(FOLLOW_BARS + 1)]
    until: list[int] = []
    for number, window in enumerate(windows):
        melodic = [cell for cell in window.targets if not window.score.tracks[cell[0]].is_drum]
        if not melodic:
            continue
        score = window.score.select_tracks([0, melodic[0][0]])
        fits = _follow_one(player, score, seed + number)
        for step, fit in enumerate(fits):
            if fit is not None:
                shares[step].append(fit)
        good = [step for step, fit in enumerate(fits) if step > 0 and fit is not None and fit >= FITS]
        until.append(good[0] if good else FOLLOW_BARS + 1)
    return {
        "share_fitting": [float(np.mean(share)) if share else None for share in shares],
        "bars_until_fit": float(np.mean(until)) if until else None,
        "cases": len(until),
    }


def _follow_one(player: Player, score: Score, seed: int) -> list[float | None]:
    """Track 0 is the player, looped and shifted after its last bar; track 1 the companion."""
    bars = score.bar_count
    played = [*score.tracks[0].bars, *(_shift(score.tracks[0].bars[i % bars]) for i in range(FOLLOW_BARS + 1))]
    own = list(score.tracks[1].bars)
    fits: list[float | None] = []
    for step in range(FOLLOW_BARS + 1):
        now = bars + step
        heard, mine = [*played[now - bars + 1 : now]], own[now - bars + 1 : now]
        rest = Bar((), played[now].time_signature)
        window = replace(
            score,
            tracks=(
                replace(score.tracks[0], bars=(*heard, rest)),
                replace(score.tracks[1], bars=(*mine, rest)),
            ),
        )
        written = player.write(window, [(1, bars - 1)], [(0, bars - 1)], seed * 31 + step)[1, bars - 1]
        own.append(written)
        fits.append(measures.pitch_class_overlap(written, played[max(bars, now - 1) : now + 1]))
    return fits


def _shift(bar: Bar) -> Bar:
    return replace(bar, notes=tuple(_moved(note) for note in bar.notes))


def _moved(note: Note) -> Note:
    up = note.pitch + FOLLOW_SHIFT
    return replace(note, pitch=up if up <= 127 else up - 12)
