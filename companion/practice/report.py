"""Reports how the practice went: as lines, as JSON and as a picture. It knows finished passes and nothing of the session."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from companion.errors import CompanionError
from companion.session.api.effects import JudgedNote, PassFinished

COLOURS = {"right": "#2a9d4a", "wrong": "#d1495b", "missed": "#9a9a9a", "extra": "#e09f3e"}
NO_PICTURE = "no picture: it needs matplotlib (pip install 'companion[report]')"


@dataclass(frozen=True, slots=True)
class PassSummary:
    """One pass in numbers. bars count from 1; accuracy is right / (right + wrong + missed + extra), None without notes."""

    number: int
    bars: tuple[int, int]
    tempo_factor: float
    transpose: int
    right: int
    wrong: int
    missed: int
    extra: int
    wrong_octave: int
    accuracy: float | None
    mean_offset_ms: float
    offset_spread_ms: float


def summarise(finished: PassFinished) -> PassSummary:
    """Count a pass."""
    verdicts = [note.verdict for note in finished.notes]
    offsets = [note.offset_ms for note in finished.notes if note.verdict == "right"]
    return PassSummary(
        number=finished.number,
        bars=(finished.bars[0] + 1, finished.bars[1]),
        tempo_factor=finished.tempo_factor,
        transpose=finished.transpose,
        right=len(offsets),
        wrong=verdicts.count("wrong"),
        missed=verdicts.count("missed"),
        extra=verdicts.count("extra"),
        wrong_octave=sum(map(_wrong_octave, finished.notes)),
        accuracy=len(offsets) / len(verdicts) if verdicts else None,
        mean_offset_ms=fmean(offsets) if offsets else 0.0,
        offset_spread_ms=pstdev(offsets) if offsets else 0.0,
    )


def document(title: str, passes: Sequence[PassFinished]) -> dict[str, Any]:
    """The report as JSON values: every pass in numbers, with its notes."""
    return {
        "title": title,
        "passes": [{**asdict(summarise(each)), "notes": [asdict(note) for note in each.notes]} for each in passes],
    }


def summary_lines(title: str, passes: Sequence[PassFinished]) -> list[str]:
    """The report for a terminal: one line a pass, then the bars that went worst."""
    lines = [f"{title}: {len(passes)} {'pass' if len(passes) == 1 else 'passes'}"]
    for each in map(summarise, passes):
        key = f", key {each.transpose:+d}" if each.transpose else ""
        head = f"pass {each.number}, bars {each.bars[0]}-{each.bars[1]}, tempo {each.tempo_factor:.0%}{key}"
        lines.append(f"{head}: {_counts(each)}")
    if worst := worst_bars([note for each in passes for note in each.notes]):
        lines.append("bars to look at: " + ", ".join(f"{bar + 1} ({share:.0%} right)" for bar, share in worst))
    return lines


def worst_bars(notes: Sequence[JudgedNote], count: int = 3) -> list[tuple[int, float]]:
    """(song bar, share of right notes) of the worst bars, those that were not perfect, worst first."""
    by_bar: dict[int, list[bool]] = {}
    for note in notes:
        by_bar.setdefault(note.bar, []).append(note.verdict == "right")
    shares = [(bar, fmean(right)) for bar, right in by_bar.items()]
    return sorted((item for item in shares if item[1] < 1), key=lambda item: (item[1], item[0]))[:count]


def write_report(folder: Path, title: str, passes: Sequence[PassFinished]) -> list[str]:
    """Write report.json, report.txt and report.png. Returns lines about what was written and what could not be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(document(title, passes), indent=1) + "\n", encoding="utf-8")
        (folder / "report.txt").write_text("\n".join(summary_lines(title, passes)) + "\n", encoding="utf-8")
        lines = [f"report: {folder / 'report.json'}, {folder / 'report.txt'}"]
        if any(each.notes for each in passes):
            lines.append(_draw(folder / "report.png", title, passes))
    except OSError as error:
        raise CompanionError(f"{folder}: the report cannot be written: {error.strerror}") from None
    return lines


def _wrong_octave(note: JudgedNote) -> bool:
    played, written = note.played, note.pitch
    return note.verdict == "wrong" and played is not None and written is not None and (played - written) % 12 == 0


def _counts(each: PassSummary) -> str:
    if each.accuracy is None:
        return "nothing to compare"
    octave = f" ({each.wrong_octave} by octaves)" if each.wrong_octave else ""
    side = "late" if each.mean_offset_ms >= 0 else "early"
    timing = f"; {abs(each.mean_offset_ms):.0f} ms {side} on average, spread {each.offset_spread_ms:.0f} ms"
    counts = f"{each.right} right, {each.wrong} wrong{octave}, {each.missed} missed, {each.extra} extra"
    return f"{each.accuracy:.0%} right; {counts}{timing if each.right else ''}"


def _draw(path: Path, title: str, passes: Sequence[PassFinished]) -> str:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return NO_PICTURE
    figure = Figure(figsize=(11, 8), layout="constrained")
    FigureCanvasAgg(figure)
    roll, timing, course = figure.subplots(3, 1, height_ratios=[3, 2, 1.4])
    last = [each for each in passes if each.notes][-1]
    _draw_roll(roll, last)
    _draw_timing(timing, last)
    _draw_course(course, [summarise(each) for each in passes if each.notes])
    figure.suptitle(title)
    figure.savefig(path, dpi=110)
    return f"picture: {path}"


def _draw_roll(axes: Any, last: PassFinished) -> None:
    for verdict, colour in COLOURS.items():
        notes = [note for note in last.notes if note.verdict == verdict]
        pitches = [note.played if note.pitch is None else note.pitch for note in notes]
        axes.scatter(_bars(notes), pitches, s=26, color=colour, label=f"{verdict} {len(notes)}")
    axes.set(ylabel="pitch (MIDI)", xlabel="bar")
    axes.set_title(f"pass {last.number}", loc="left")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False)


def _draw_timing(axes: Any, last: PassFinished) -> None:
    right = [note for note in last.notes if note.verdict == "right"]
    axes.axhline(0, color="black", linewidth=0.8)
    axes.scatter(_bars(right), [note.offset_ms for note in right], s=16, color=COLOURS["right"])
    axes.set(ylabel="early | late (ms)", xlabel="bar")


def _draw_course(axes: Any, summaries: Sequence[PassSummary]) -> None:
    numbers = [each.number for each in summaries]
    axes.plot(
        numbers,
        [100 * (each.accuracy or 0) for each in summaries],
        marker="o",
        color=COLOURS["right"],
        label="right, %",
    )
    axes.plot(numbers, [100 * each.tempo_factor for each in summaries], marker="s", color="#4a6fa5", label="tempo, %")
    axes.set(xlabel="pass", ylabel="%", xticks=numbers)
    axes.legend(loc="lower right")


def _bars(notes: Sequence[JudgedNote]) -> list[float]:
    """Places on an axis of bars that counts from 1; beats are drawn as quarters of a bar."""
    return [1 + note.bar + note.beat / 4 for note in notes]
