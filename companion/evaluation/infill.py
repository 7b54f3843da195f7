"""Measures live use: last bars are written with the player's own bar hidden, and compared with baselines and the true bars.

It also measures control, that is, whether generated bars have the requested attributes. It uses only the public engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.errors import GenerationError
from companion.evaluation.measures import bars as measures
from companion.evaluation.measures import controls
from companion.evaluation.measures.intervals import Figure, mean, ratio
from companion.evaluation.progress import Progress, counted
from companion.evaluation.windows import Cell, LiveWindow, random_bar
from companion.harmony.spans import ChordSpan
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.live import LiveInfill, LiveJob
from companion.music import Bar, Note, Score
from companion.session.api.settings import Sampling

if TYPE_CHECKING:
    from companion.inference.engine import InferenceEngine

NOTES_A_BAR = 48  # twelve per beat, as in live play; it stops untrained models, which do not end a bar
DEFAULT = Sampling()  # the settings of a player who has not touched the dials


@dataclass(frozen=True, slots=True)
class KnownChords:
    """The chords of the bar to be written, and their guide. With None the prompt has no guide."""

    spans: tuple[ChordSpan, ...]
    guide: tuple[Note, ...] | None


class Player:
    """Writes bars in the same way as live play. `failures` counts jobs that could not be finished; their bars are rests."""

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
        takes: int = 1,
    ) -> dict[Cell, Bar]:
        """The generated bars of one live job. steered: with the harmony and variety dials at their defaults; otherwise both are 0.

        takes: the best of so many candidates of each part's bar, as `inference.live.choice` scores them.
        """
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
            density_hard_limit=NOTES_A_BAR,
            takes=takes,
            ranked=takes > 1,
        )
        meters = {(t, bar): score.tracks[t].bars[bar].time_signature for t, bar in job.targets}
        try:
            written = self._live.generate(job).takes[0].bars
        except GenerationError:
            self.failures += 1
            written = {}
        return {cell: Bar(written.get(cell, ()), meter) for cell, meter in meters.items()}

    def rewrite_rest(self, score: Score, cell: Cell, growing: Iterable[Cell], from_beat: float, seed: int) -> Bar:
        """Rewrite a bar from `from_beat` (quarter notes) on, after its notes so far.

        growing: the bars of others as heard up to now.
        """
        track, at = cell
        bar = score.tracks[track].bars[at]
        stands = tuple(note for note in bar.notes if note.onset_ticks < from_beat * score.resolution)
        job = LiveJob(
            score.with_track(track, score.tracks[track].with_bar(at, replace(bar, notes=()))),
            (cell,),
            growing=frozenset(growing),
            sampling=SamplingOptions(temperature=DEFAULT.temperature, top_p=DEFAULT.top_p),
            harmony=DEFAULT.harmony,
            variety=DEFAULT.variety,
            seed=seed,
            density_hard_limit=NOTES_A_BAR,
            forced={track: stands},
            from_beat=from_beat,
        )
        try:
            rest = self._live.generate(job).takes[0].bars.get(cell, ())
        except GenerationError:
            self.failures += 1
            return bar
        return replace(bar, notes=tuple(sorted((*stands, *rest), key=lambda note: (note.onset_ticks, note.pitch))))


def blank(window: LiveWindow) -> Score:
    """The window without the notes of its targets and hidden bars, so that nothing can leak."""
    score = window.score
    for track, bar in (*window.targets, *window.hidden):
        meter = score.tracks[track].bars[bar].time_signature
        score = score.with_track(track, score.tracks[track].with_bar(bar, Bar((), meter)))
    return score


class Averages:
    """Means of named measures, each with its interval over windows. None values are left out."""

    def __init__(self) -> None:
        self._values: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, window: int, **values: float | None) -> None:
        """Add one bar of a window."""
        for name, value in values.items():
            if value is not None:
                self._values[name][window].append(value)

    def figures(self) -> dict[str, Figure]:
        """name → mean over all bars."""
        found = {
            name: ratio([sum(values) for values in cases.values()], [len(values) for values in cases.values()])
            for name, cases in self._values.items()
        }
        return {name: figure for name, figure in found.items() if figure is not None}


def _judge(into: Averages, number: int, window: LiveWindow, cell: Cell, bar: Bar) -> None:
    truth, resolution = window.truth(cell), window.score.resolution
    drum = window.score.tracks[cell[0]].is_drum
    into.add(
        number,
        onset_f1=measures.onset_f1(bar, truth, resolution),
        pitch_class_overlap=None if drum else measures.pitch_class_overlap(bar, window.beside(cell)),
        groove_similarity=measures.groove_similarity(bar, window.score.tracks[cell[0]].bars[: cell[1]], resolution),
        density_match=measures.density_match(bar, truth),
        rest_rate=float(not bar.notes),
    )


def infill_quality(
    player: Player, windows: Sequence[LiveWindow], seed: int, progress: Progress
) -> dict[str, dict[str, Figure]]:
    """Per source and measure: ours, copying the previous bar, a random bar of the same kind of track, and the true bar."""
    rng = np.random.default_rng(seed)
    sums = {name: Averages() for name in ("ours", "copy previous bar", "random bar", "true bar")}
    for number, window in enumerate(counted(progress, "infill quality", windows)):
        written = player.write(blank(window), window.targets, window.hidden, seed + number)
        for cell in window.targets:
            before = window.score.tracks[cell[0]].bars[cell[1] - 1]
            _judge(sums["ours"], number, window, cell, written[cell])
            _judge(sums["copy previous bar"], number, window, cell, before)
            _judge(sums["random bar"], number, window, cell, random_bar(windows, window, cell, rng))
            _judge(sums["true bar"], number, window, cell, window.truth(cell))
    return {name: averages.figures() for name, averages in sums.items()}


def control_accuracy(
    player: Player, windows: Sequence[LiveWindow], names: Iterable[str], each: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """Per attribute and level: the share of generated bars that have the level asked for (`controls.held`); `each` bars a level.

    unasked: the same share of the true bars of those windows, which nobody was asked for (the baseline; the ceiling is 1).
    """
    outcome: dict[str, Any] = {}
    wanted = [name for name in names if name in controls.LEVELS]
    progress.begin("control", sum(len(controls.LEVELS[name]) for name in wanted))
    for name in wanted:
        cases = [(w, cell) for w in windows for cell in w.targets if controls.applies(name, w.score.tracks[cell[0]])]
        if not cases:
            continue
        by_level: dict[int, float] = {}
        hits: list[float] = []
        unasked: list[float] = []
        for level in controls.LEVELS[name]:
            drawn = [cases[(number + level * each) % len(cases)] for number in range(each)]
            found = [_controlled(player, *case, name, level, seed + number) for number, case in enumerate(drawn)]
            by_level[level] = float(np.mean(found))
            hits += found
            unasked += [_is_level(window.score, cell, window.truth(cell), name, level) for window, cell in drawn]
            progress.step()
        figure, base = mean(hits), mean(unasked)
        assert figure is not None
        outcome[name] = {
            "within_one": figure.value,
            "by_level": by_level,
            "interval": [figure.low, figure.high],
            "unasked": base.value if base else None,
        }
    return outcome


def _controlled(player: Player, window: LiveWindow, cell: Cell, name: str, level: int, seed: int) -> float:
    others = [other for other in window.targets if other != cell]
    score = blank(window)
    written = player.write(score, [cell], [*window.hidden, *others], seed, {cell[0]: {name: level}})
    return _is_level(score, cell, written[cell], name, level)


def _is_level(score: Score, cell: Cell, bar: Bar, name: str, level: int) -> float:
    return float(controls.held(name, level, bar, score.tracks[cell[0]], score.resolution))
