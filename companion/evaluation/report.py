"""A whole evaluation: it draws the cases, runs every measure, and reports the results as data and as lines.

Every figure stands beside its baselines and its ceiling, if there is one. Intervals are 95 % confidence intervals over windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from companion.evaluation import infill, pictures
from companion.evaluation.harmony.reaction import reaction
from companion.evaluation.measures import copying, likelihood
from companion.evaluation.measures.validity import validity
from companion.evaluation.progress import Progress, counted
from companion.evaluation.windows import LiveWindow, draw_windows, load_split
from companion.inference.checkpoints.files import load_checkpoint
from companion.inference.engine import InferenceEngine
from companion.inference.requests.validation import supported_mask_modes
from companion.music import Bar
from companion.tokenizer import Tokenizer

MEASURES = ("onset_f1", "pitch_class_overlap", "groove_similarity", "density_match", "rest_rate")


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """The size of an evaluation: numbers of windows, files read per split, and bars per window."""

    data: Path
    cache: Path
    split: str = "test"
    bars: int = 8
    windows: int = 200
    generated: int = 80
    control_each: int = 12
    following: int = 20
    performances: int = 40
    validity: int = 100
    train_windows: int = 1500
    files: int = 200
    train_files: int = 600
    seed: int = 1
    engine: str = "auto"
    plot: Path | None = None


def evaluate(path: Path, options: EvaluationOptions, progress: Progress) -> dict[str, Any]:
    """Everything in `companion evaluate`'s JSON contract."""
    checkpoint = load_checkpoint(path)
    tokenizer = Tokenizer(checkpoint.encoder_config)
    progress.begin("reading music")
    held_out = load_split(options.data, options.split, options.cache, options.files)
    training = load_split(options.data, "train", options.cache, options.train_files)
    windows = draw_windows(held_out, options.windows, options.bars, options.seed)
    progress.begin("baselines")
    unigram, fivegram = likelihood.fit_baselines(
        tokenizer, draw_windows(training, options.train_windows, options.bars, options.seed + 1)
    )
    report: dict[str, Any] = {
        "checkpoint": path.stem,
        "split": options.split,
        "parameters": checkpoint.config.parameters,
        "model_dim": options.bars,
        "windows": len(windows),
        **likelihood.measure(checkpoint, tokenizer, windows, unigram, fivegram, progress),
    }
    player = infill.Player(InferenceEngine.from_checkpoint(path, engine=options.engine))
    cases = windows[: options.generated]
    quality = infill.infill_quality(player, cases, options.seed, progress)
    report["infill"] = {
        source: {name: figure.value for name, figure in figures.items()} for source, figures in quality.items()
    }
    report["infill_intervals"] = {
        source: {name: [figure.low, figure.high] for name, figure in figures.items()}
        for source, figures in quality.items()
    }
    names = checkpoint.encoder_config.attribute_names
    report["control"] = infill.control_accuracy(player, windows, names, options.control_each, options.seed, progress)
    report["following"] = _following(
        reaction(player, windows[: options.following], options.seed, progress, rewriting=False)
    )
    report["copying"] = _copying(player, copying.index_corpus(training), cases, options.seed, progress)
    modes = supported_mask_modes(tokenizer.vocabulary)
    report["validity"] = validity(player.backend, tokenizer, windows[: options.validity], modes, options.seed, progress)
    report["failed_requests"] = player.failures
    if options.plot is not None:
        shown = max(cases[:12], key=lambda window: len(window.targets))
        written = player.write(infill.blank(shown), shown.targets, shown.hidden, options.seed)
        pictures.draw(options.plot, shown, written, report)
    return report


def _following(found: dict[str, Any]) -> dict[str, Any]:
    """The mean course after a change of key, and the bars it takes, beside the baseline and the ceiling."""
    ours = found["ours"]
    until = {name: row["bars_until_fit"]["mean"] for name, row in found.items() if name != "cases"}
    return {
        "share_fitting": [step and step["value"] for step in ours["share_fitting"]],
        "bars_until_fit": until["ours"] and until["ours"]["value"],
        "interval": until["ours"] and [until["ours"]["low"], until["ours"]["high"]],
        "others": {name: figure and figure["value"] for name, figure in until.items() if name != "ours"},
        "cases": found["cases"],
    }


def _copying(
    player: infill.Player, index: copying.RunIndex, windows: list[LiveWindow], seed: int, progress: Progress
) -> dict[str, Any]:
    """Runs shared with training music, in the second half of windows: as the model writes it, and as it was played."""
    generated: list[list[Bar]] = []
    true: list[list[Bar]] = []
    for number, window in enumerate(counted(progress, "copying", windows)):
        bars = window.score.bar_count
        for track in [cell[0] for cell in window.targets if not window.score.tracks[cell[0]].is_drum][:1]:
            cells = [(track, bar) for bar in range(bars // 2, bars)]
            score = infill.blank(replace(window, targets=tuple(cells), hidden=()))
            written = player.write(score, cells, (), seed + number)
            generated.append([written[cell] for cell in cells])
            true.append(list(window.score.tracks[track].bars[bars // 2 :]))
    return {
        "unit": "steps of (1/12 beat, semitones) in common with the training music, transposition ignored",
        "generated": copying.summary(index, generated, 480),
        "true bars": copying.summary(index, true, 480),
    }


def lines(report: dict[str, Any]) -> Iterator[str]:
    """The report for a reader."""
    yield (
        f"{report['checkpoint']} · {report['parameters'] / 1e6:.1f} M parameters · split {report['split']} · "
        f"{report['windows']} windows; in brackets 95 % intervals"
    )
    yield from _likelihood_lines(report)
    yield f"{'infill':<20}" + "".join(f"{name:>22}" for name in MEASURES)
    for source, means in report["infill"].items():
        yield f"  {source:<18}" + "".join(
            f"{_with_interval(means.get(name), report['infill_intervals'][source].get(name)):>22}" for name in MEASURES
        )
    for name, row in report["control"].items():
        levels = " ".join(f"{level}:{share:.0%}" for level, share in row["by_level"].items())
        base = "" if row["unasked"] is None else f", unasked {row['unasked']:.0%}"
        low, high = row["interval"]
        yield f"control ±1  {name:<18} {row['within_one']:.0%} ({low:.0%} to {high:.0%}{base}; at best 100%)   {levels}"
    yield from _following_lines(report["following"])
    ours, true = report["copying"]["generated"], report["copying"]["true bars"]
    yield (
        f"longest run shared with training music: mean {ours['mean']:.1f}, max {ours['max']:.0f} "
        f"(true bars: {true['mean']:.1f}, {true['max']:.0f})"
    )
    for mode, row in report["validity"].items():
        yield (
            f"valid without grammar, {mode:<17} {row['valid']:.1%} ± {row['error']:.1%} (at best 100%; legal mass "
            f"{row['legal_mass']:.4f}; above attention by {row['above_attention']:.1%} ± "
            f"{row['above_attention_error']:.1%})"
        )


def _likelihood_lines(report: dict[str, Any]) -> Iterator[str]:
    base, bits = report["baselines"], report["bits_per_token"]
    intervals = bits["interval"]
    yield (
        f"bits a token   {_with_interval(bits['all'], intervals.get('all'))}; unigram {base['unigram']['all']:.2f}, "
        f"5-gram {base['5-gram']['all']:.2f}"
    )
    yield (
        f"  in fills     {_with_interval(bits['infill'], intervals.get('infill'))}; unigram "
        f"{base['unigram']['infill']:.2f}, 5-gram {base['5-gram']['infill']:.2f}, copying the bar before "
        f"{base['copy previous bar']['infill']:.2f}"
    )
    yield f"bits a note    {report['bits_per_note']['all']:.2f}, in fills {report['bits_per_note']['infill']:.2f}"


def _following_lines(following: dict[str, Any]) -> Iterator[str]:
    after = " ".join("-" if share is None else f"{share:.2f}" for share in following["share_fitting"])
    yield f"following: share of fitting notes per bar after a key change {after}"
    until = following["bars_until_fit"]
    if until is None:
        yield "  bars until it fits: no case"
        return
    others = ", ".join(f"{name} {value:.1f}" for name, value in following["others"].items() if value is not None)
    yield f"  bars until it fits {_with_interval(until, following['interval'], 1)}; {others}"


def _with_interval(value: float | None, interval: list[float] | None, digits: int = 2) -> str:
    if value is None:
        return "-"
    if interval is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({interval[0]:.{digits}f} to {interval[1]:.{digits}f})"
