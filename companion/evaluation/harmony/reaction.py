"""Measures how fast the companion follows a change of key: bars until its notes fit, beside a ceiling and a baseline.

The player's part is looped. After its last bar it continues a tritone away, in the key that shares the fewest pitch classes with
the old one. The companion continues bar by bar and hears each of the player's bars only afterwards, so bar 0 cannot fit. With
rewriting, it hears the first beat of each bar and rewrites its own bar from the middle of the second beat on. The ceiling is the
part that was really played, transposed with the player one bar late. The baseline repeats the part's own last bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from companion.evaluation.infill import Player
from companion.evaluation.measures import bars as measures
from companion.evaluation.measures.intervals import Figure, mean, median
from companion.evaluation.progress import Progress, counted
from companion.evaluation.windows import LiveWindow
from companion.music import Bar, Note, Score

SHIFT = 6  # semitones
BARS_HEARD = 8  # after the change; a case that does not fit by then counts as one bar more
FITS = 0.75  # a bar fits when this share of its notes is among the pitch classes of the player's last two bars
HEARD_BEATS, REWRITTEN_FROM_BEAT = 1.0, 1.5  # quarter notes from the bar line
SOURCES = ("ours", "ours, rewriting within the bar", "repeats its last bars", "the true part, a bar late")


def reaction(
    player: Player, windows: Sequence[LiveWindow], seed: int, progress: Progress, rewriting: bool = True
) -> dict[str, Any]:
    """source → bars_until_fit (mean and median, 1 is the earliest), never_fits (share), share_fitting by bar after the change."""
    fits: dict[str, list[list[float | None]]] = {name: [] for name in SOURCES}
    for number, window in enumerate(counted(progress, "a change of key", windows)):
        melodic = [cell for cell in window.targets if not window.score.tracks[cell[0]].is_drum]
        if not melodic:
            continue
        score = window.score.select_tracks([0, melodic[0][0]])
        played = _played(score)
        for name, bars in (
            ("ours", _rolled_on(player, score, played, seed + number, rewriting=False)),
            ("repeats its last bars", _repeated(score)),
            ("the true part, a bar late", _moved_late(score)),
        ):
            fits[name].append(_fits(score.bar_count, bars, played))
        if rewriting:
            bars = _rolled_on(player, score, played, seed + number, rewriting=True)
            fits["ours, rewriting within the bar"].append(_fits(score.bar_count, bars, played))
    return {"cases": len(fits["ours"]), **{name: _summary(found) for name, found in fits.items()}}


def _summary(cases: list[list[float | None]]) -> dict[str, Any]:
    until = [first_fit(fits) for fits in cases]
    shares = [[fits[step] for fits in cases if fits[step] is not None] for step in range(BARS_HEARD + 1)]
    return {
        "bars_until_fit": {"mean": _row(mean(until)), "median": _row(median(until))},
        "never_fits": _row(mean([float(bars > BARS_HEARD) for bars in until])),
        "share_fitting": [_row(mean([share for share in step if share is not None])) for step in shares],
    }


def _row(figure: Figure | None) -> dict[str, Any] | None:
    return None if figure is None else figure.to_dict()


def first_fit(fits: Sequence[float | None]) -> int:
    """The first bar after the change, from 1 on, that fits; BARS_HEARD + 1 when none does. Rests do not fit."""
    good = (step for step, share in enumerate(fits) if step > 0 and share is not None and share >= FITS)
    return next(good, BARS_HEARD + 1)


def _played(score: Score) -> list[Bar]:
    """The player's bars: first as written, then again from the start in the new key."""
    bars = score.tracks[0].bars
    return [*bars, *(_shifted(bars[step % len(bars)]) for step in range(BARS_HEARD + 1))]


def _fits(before: int, bars: Sequence[Bar], played: Sequence[Bar]) -> list[float | None]:
    return [
        measures.pitch_class_overlap(bar, played[max(before, before + step - 1) : before + step + 1])
        for step, bar in enumerate(bars)
    ]


def _rolled_on(player: Player, score: Score, played: Sequence[Bar], seed: int, rewriting: bool) -> list[Bar]:
    """The bars that the companion writes after the change, one at a time."""
    dim = score.bar_count
    own = list(score.tracks[1].bars)
    for step in range(BARS_HEARD + 1):
        now = dim + step
        rest = Bar((), played[now].time_signature)
        tracks = (
            replace(score.tracks[0], bars=(*played[now - dim + 1 : now], rest)),
            replace(score.tracks[1], bars=(*own[now - dim + 1 : now], rest)),
        )
        window = replace(score, tracks=tracks)
        written = player.write(window, [(1, dim - 1)], [(0, dim - 1)], seed * 31 + step)[1, dim - 1]
        if rewriting:
            heard = _up_to(played[now], HEARD_BEATS * score.resolution)
            window = replace(
                window, tracks=tuple(t.with_bar(dim - 1, b) for t, b in zip(tracks, (heard, written), strict=True))
            )
            written = player.rewrite_rest(window, (1, dim - 1), [(0, dim - 1)], REWRITTEN_FROM_BEAT, seed * 31 + step)
        own.append(written)
    return own[dim:]


def _up_to(bar: Bar, ticks: float) -> Bar:
    """The part of a bar heard so far. Notes that still sound are cut, because their length is not yet known."""
    return replace(
        bar,
        notes=tuple(
            replace(note, duration_ticks=max(1, min(note.duration_ticks, round(ticks) - note.onset_ticks)))
            for note in bar.notes
            if note.onset_ticks < ticks
        ),
    )


def _repeated(score: Score) -> list[Bar]:
    bars = score.tracks[1].bars
    return [bars[step % len(bars)] for step in range(BARS_HEARD + 1)]


def _moved_late(score: Score) -> list[Bar]:
    """The part that was played with the player's. It stays in the old key for one more bar."""
    bars = _repeated(score)
    return [bars[0], *(_shifted(bar) for bar in bars[1:])]


def _shifted(bar: Bar) -> Bar:
    return replace(bar, notes=tuple(_moved(note) for note in bar.notes))


def _moved(note: Note) -> Note:
    up = note.pitch + SHIFT
    return replace(note, pitch=up if up <= 127 else up - 12)
