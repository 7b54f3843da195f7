"""Measures how well filled parts keep to a chart's chords: the share of their notes whose pitch class is in the current chord.

Parts are filled as in a session: bar after bar, with the chart's chords known before and after the bar and without
the coming bars of the filled parts. There are two comparisons: a bass line by rule, which walks and so also leaves the
chord, and chance, which is the share of the twelve pitch classes that the chords cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from companion.charts.chart import Chart
from companion.charts.comping import RESOLUTION, bass_line, comping_track
from companion.charts.spans import chart_spans
from companion.harmony.guide import guide_bars
from companion.harmony.spans import ChordSpan
from companion.inference.decoding.sampling import SamplingOptions
from companion.inference.live import LiveInfill, LiveJob
from companion.inference.live.infill import DEFAULT_TOGETHER
from companion.inference.live.layout import Together
from companion.inference.steering.chords import BASS_PROGRAMS, strong_beats
from companion.music import Bar, Score, Track
from companion.music.score import empty_bars
from companion.session.api.settings import Sampling, TrackSettings

if TYPE_CHECKING:
    from companion.inference.engine import InferenceEngine

KNOWN_AHEAD = 2  # a quarter of an 8-bar window, as in the session
EARLY_OR_LATE_TICKS = RESOLUTION // 4  # a note this close to a chord's beginning counts as struck with it


@dataclass(frozen=True, slots=True)
class Overlap:
    """How well a part keeps to the chords. A share is None if there is nothing to count.

    share: of notes whose pitch class is in the chord at their onset; by_length: the same weighted by duration.
    on_strong_beats: the same share of the notes that begin on a strong beat (1 and 3 of four, 1 of three).
    root_on_changes: share of chord changes at which the chord's bass note sounds in this part, rests counted as misses.
    bars: share of bars with any note.
    """

    part: str
    notes: int
    share: float | None
    by_length: float | None
    on_strong_beats: float | None
    root_on_changes: float | None
    bars: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def chord_overlap(chart: Chart, tracks: Iterable[Track], part: str) -> Overlap:
    """Overlap over all of these tracks (several takes of one part); bars are the chart's, notes at its 480 grid."""
    counted: list[tuple[int, bool, bool]] = []  # (duration in ticks, in the chord, on a strong beat) of every note
    roots: list[bool] = []
    filled: list[bool] = []
    for track in tracks:
        before: ChordSpan | None = None
        for bar, bar_spans in zip(track.bars, chart_spans(chart), strict=False):
            filled.append(bool(bar.notes))
            counted += _notes_in_chords(bar, bar_spans)
            for span in bar_spans:
                if span.chord is not None and (before is None or span.chord != before.chord):
                    roots.append(_sounds(bar, span))
                before = span
    total = sum(length for length, _, _ in counted)
    return Overlap(
        part,
        len(counted),
        _share(inside for _, inside, _ in counted),
        sum(length for length, inside, _ in counted if inside) / total if total else None,
        _share(inside for _, inside, strong in counted if strong),
        _share(roots),
        fmean(filled) if filled else 0.0,
    )


def _notes_in_chords(bar: Bar, bar_spans: Sequence[ChordSpan]) -> Iterator[tuple[int, bool, bool]]:
    """(duration, whether it is in the chord, whether it begins on a strong beat) of every note under a chord."""
    strong = {round(beat * RESOLUTION) for beat in strong_beats(bar.time_signature)}
    for note in bar.notes:
        chord = [span.chord for span in bar_spans if span.beat * RESOLUTION <= note.onset_ticks][-1]
        if chord is not None:
            yield note.duration_ticks, note.pitch % 12 in chord.pitch_classes, note.onset_ticks in strong


def _sounds(bar: Bar, span: ChordSpan) -> bool:
    """Whether the chord's bass note sounds in the part as the chord begins."""
    assert span.chord is not None
    start = span.beat * RESOLUTION
    roots = (note for note in bar.notes if note.pitch % 12 == span.chord.bass)
    return any(
        note.onset_ticks <= start + EARLY_OR_LATE_TICKS and note.onset_ticks + note.duration_ticks > start
        for note in roots
    )


def _share(found: Iterable[bool]) -> float | None:
    counted = list(found)
    return fmean(counted) if counted else None


def chance(chart: Chart) -> float:
    """The overlap that pitches drawn evenly would have, weighted by how long each chord lasts."""
    weights = [
        (float(span.beats), len(span.chord.pitch_classes))
        for bar in chart_spans(chart)
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
    sampling: Sampling | None = None,
    together: Together = DEFAULT_TOGETHER,
    takes: int = 1,
) -> Score:
    """The chart's comping as track 0, then the parts, written bar by bar the way live practice writes them.

    bars_ahead: bars of the window beyond the bar to be written, as in a session. A model that reads chord guides sees those
    instead of the comping in them. together: which parts are written in one batch, see
    `layout.Together`. takes: each part's bar is the best of so many candidates (`inference.live.choice`). Raises GenerationError.
    """
    live = LiveInfill(engine, together)
    sampling = sampling or Sampling()
    bar_spans = list(chart_spans(chart))
    guides = guide_bars(bar_spans)
    meters = [bar.time_signature for bar in chart.bars]
    blank = empty_bars(meters)
    filled = (Track(blank, part.program, part.is_drum, part.name) for part in parts)
    score = Score((comping_track(chart), *filled), RESOLUTION)
    ours = range(1, len(score.tracks))
    for bar in range(score.bar_count):
        first = max(0, min(bar + 1 + bars_ahead, score.bar_count) - model_dim)
        window = _padded(score.window(first, first + model_dim), model_dim)
        unknown = {(track, later) for track in ours for later in range(bar - first + 1, model_dim)}
        job = LiveJob(
            window,
            tuple((track, bar - first) for track in ours),
            frozenset(unknown),
            sampling=SamplingOptions(sampling.temperature, sampling.top_k, sampling.top_p),
            attributes={track: dict(part.attributes) for track, part in zip(ours, parts, strict=True)},
            seed=seed * 1000 + bar,
            harmony=sampling.harmony,
            variety=sampling.variety,
            chords=bar_spans[bar],
            guide=guides[bar],
            chord_tracks=frozenset({0}),
            takes=takes,
            ranked=takes > 1,
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
    engine: InferenceEngine,
    chart: Chart,
    parts: Sequence[TrackSettings],
    seeds: Sequence[int] = (1, 2, 3),
    sampling: Sampling | None = None,
    takes: int = 1,
) -> dict[str, Any]:
    """Every melodic part's overlap over these seeds, the rule-made bass line's, and chance; as JSON values.

    range: the smallest and the largest share of a part among the seeds, which says how far one draw can be trusted.
    takes: see `fill_chart`.
    """
    sampling = sampling or Sampling()
    scores = [fill_chart(engine, chart, parts, seed, sampling=sampling, takes=takes) for seed in seeds]
    melodic = [(number, part) for number, part in enumerate(parts, 1) if not part.is_drum]
    filled = [
        {
            **chord_overlap(chart, [score.tracks[number] for score in scores], part.name).to_dict(),
            "range": _range(chart, [score.tracks[number] for score in scores], part.name),
            "is_bass": part.program in BASS_PROGRAMS,
        }
        for number, part in melodic
    ]
    reference = chord_overlap(chart, [bass_line(chart)], "bass line by rule")
    return {
        "chart": chart.title,
        "bars": len(chart.bars),
        "takes": len(seeds),
        "candidates": takes,
        "harmony": sampling.harmony,
        "variety": sampling.variety,
        "chord_guide": engine.checkpoint.chord_guide,
        "parts": [*filled, {**reference.to_dict(), "is_bass": True}],
        "chance": chance(chart),
    }


def _range(chart: Chart, tracks: Sequence[Track], part: str) -> list[float] | None:
    shares = [chord_overlap(chart, [track], part).share for track in tracks]
    found = [share for share in shares if share is not None]
    return [min(found), max(found)] if found else None


def measure_lines(measured: dict[str, Any]) -> list[str]:
    """The measure for a terminal."""
    lines = [
        f"{measured['chart']}: {measured['bars']} bars, {measured['takes']} takes; chance {measured['chance']:.0%}"
    ]
    for part in measured["parts"]:
        if part["share"] is None:
            lines.append(f"  {part['part']:<20} no notes")
            continue
        strong = part["on_strong_beats"]
        details = [f"{part['by_length']:.0%} of their time"]
        if measured["takes"] > 1 and part.get("range"):
            details.insert(0, "{:.0%} to {:.0%} by take".format(*part["range"]))
        details += [] if strong is None else [f"{strong:.0%} on strong beats"]
        details += [f"root on {part['root_on_changes']:.0%} of changes"] if part["is_bass"] else []
        lines.append(
            f"  {part['part']:<20} {part['share']:.0%} of notes in the chord ({', '.join(details)}; "
            f"{part['notes']} notes, in {part['bars']:.0%} of bars)"
        )
    return lines
