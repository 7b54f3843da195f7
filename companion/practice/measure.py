"""How well filled parts keep to a chart's chords: the share of their notes whose pitch class is in the chord that sounds.

Parts are filled as the session fills them: bar after bar, one part after the other, with the chart's chords known
before and after the bar and nothing of the bars to come in its own parts. For comparison stand a bass line by rule (which
walks, so it too leaves the chord), and chance: the share of the twelve pitch classes that the chords cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from companion.charts.chart import Chart
from companion.charts.comping import RESOLUTION, bass_line, comping_track, spans
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.live import LiveInfill, LiveJob
from companion.music import Score, Track
from companion.music.score import empty_bars
from companion.session.api.settings import Sampling, TrackSettings

if TYPE_CHECKING:
    from companion.inference.engine import InferenceEngine

KNOWN_AHEAD = 2  # a quarter of an 8-bar window, as in the session


@dataclass(frozen=True, slots=True)
class Overlap:
    """share: of notes whose pitch class is in the chord at their onset; by_length: the same weighted by duration.

    bars: share of bars with any note. Shares are None for a part without notes.
    """

    part: str
    notes: int
    share: float | None
    by_length: float | None
    bars: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def chord_overlap(chart: Chart, tracks: Iterable[Track], part: str) -> Overlap:
    """Overlap over all of these tracks (several takes of one part); bars are the chart's, notes at its 480 grid."""
    lengths: list[int] = []
    inside: list[int] = []
    filled: list[bool] = []
    for track in tracks:
        for bar, bar_spans in zip(track.bars, spans(chart), strict=False):
            filled.append(bool(bar.notes))
            for note in bar.notes:
                chord = [span.chord for span in bar_spans if span.beat * RESOLUTION <= note.onset_ticks][-1]
                if chord is None:
                    continue
                lengths.append(note.duration_ticks)
                inside.append(note.duration_ticks if note.pitch % 12 in chord.pitch_classes else 0)
    share = fmean(length > 0 for length in inside) if lengths else None
    by_length = sum(inside) / sum(lengths) if lengths else None
    return Overlap(part, len(lengths), share, by_length, fmean(filled) if filled else 0.0)


def chance(chart: Chart) -> float:
    """The overlap that pitches drawn evenly would have, weighted by how long each chord lasts."""
    weights = [
        (float(span.beats), len(span.chord.pitch_classes))
        for bar in spans(chart)
        for span in bar
        if span.chord is not None
    ]
    total = sum(beats for beats, _ in weights)
    return sum(beats * size / 12 for beats, size in weights) / total if total else 0.0


def fill_chart(
    engine: InferenceEngine,
    chart: Chart,
    parts: Sequence[TrackSettings],
    seed: int,
    model_dim: int = 8,
    bars_ahead: int = KNOWN_AHEAD,
) -> Score:
    """The chart's comping as track 0, then the parts, written bar by bar the way live practice writes them.

    bars_ahead: written bars of the comping that the model sees beyond the bar it writes. Raises GenerationError.
    """
    live = LiveInfill(engine)
    comping = comping_track(chart)
    meters = [bar.time_signature for bar in chart.bars]
    blank = empty_bars(meters)
    score = Score((comping, *(Track(blank, part.program, part.is_drum, part.name) for part in parts)), RESOLUTION)
    ours = range(1, len(score.tracks))
    for bar in range(score.bar_count):
        first = max(0, min(bar + 1 + bars_ahead, score.bar_count) - model_dim)
        window = _padded(score.window(first, first + model_dim), model_dim)
        unknown = {(track, later) for track in ours for later in range(bar - first + 1, model_dim)}
        job = LiveJob(
            window,
            tuple((track, bar - first) for track in ours),
            frozenset(unknown),
            sampling=SamplingOptions(temperature=Sampling().temperature, top_p=Sampling().top_p),
            attributes={track: dict(part.attributes) for track, part in zip(ours, parts, strict=True)},
            seed=seed * 1000 + bar,
            harmony=Sampling().harmony,
            variety=Sampling().variety,
        )
        for (track, _), notes in live.generate(job).takes[0].bars.items():
            row = score.tracks[track]
            score = score.with_track(track, row.with_bar(bar, replace(row.bars[bar], notes=notes)))
    return score


def _padded(window: Score, model_dim: int) -> Score:
    """Rests after the end of a chart that is shorter than the window."""
    tracks = []
    for track in window.tracks:
        missing = [track.bars[-1].time_signature] * (model_dim - len(track.bars))
        tracks.append(replace(track, bars=(*track.bars, *empty_bars(missing))))
    return replace(window, tracks=tuple(tracks))


def measure_chart(
    engine: InferenceEngine, chart: Chart, parts: Sequence[TrackSettings], seeds: Sequence[int] = (1, 2, 3)
) -> dict[str, Any]:
    """Every melodic part's overlap over these takes, the rule-made bass line's, and chance; as JSON values."""
    scores = [fill_chart(engine, chart, parts, seed) for seed in seeds]
    melodic = [(number, part) for number, part in enumerate(parts, 1) if not part.is_drum]
    filled = [chord_overlap(chart, [score.tracks[number] for score in scores], part.name) for number, part in melodic]
    reference = chord_overlap(chart, [bass_line(chart)], "bass line by rule")
    return {
        "chart": chart.title,
        "bars": len(chart.bars),
        "takes": len(seeds),
        "parts": [each.to_dict() for each in (*filled, reference)],
        "chance": chance(chart),
    }


def measure_lines(measured: dict[str, Any]) -> list[str]:
    """The measure for a terminal."""
    lines = [
        f"{measured['chart']}: {measured['bars']} bars, {measured['takes']} takes; chance {measured['chance']:.0%}"
    ]
    for part in measured["parts"]:
        share = (
            "no notes"
            if part["share"] is None
            else f"{part['share']:.0%} of notes, {part['by_length']:.0%} of their time"
        )
        lines.append(
            f"  {part['part']:<20} {share} in the chord ({part['notes']} notes, in {part['bars']:.0%} of bars)"
        )
    return lines
