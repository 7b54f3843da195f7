"""The two separate measurements, as data and as lines: keeping to chords, and reacting to a change of key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from companion.evaluation.harmony.chords import forced_probability, written_share
from companion.evaluation.harmony.reaction import BARS_HEARD, SOURCES, reaction
from companion.evaluation.harmony.wrong_guides import NONE, TRUE, WRONG, wrong_guides
from companion.evaluation.infill import Player
from companion.evaluation.progress import Progress
from companion.evaluation.report import EvaluationOptions
from companion.evaluation.windows import draw_windows, load_split
from companion.inference.checkpoints.files import load_checkpoint
from companion.inference.engine import InferenceEngine
from companion.tokenizer import Tokenizer

CHANGES = ("changes", "stays")


def evaluate_chords(path: Path, options: EvaluationOptions, progress: Progress) -> dict[str, Any]:
    """Notes in the chord and probability on chord tones, on held-out songs whose chords are known."""
    from companion.inference.backends.reference import build_model

    checkpoint = load_checkpoint(path)
    tokenizer = Tokenizer(checkpoint.encoder_config)
    progress.begin("reading music")
    held_out = load_split(options.data, options.split, options.cache, options.files)
    windows = draw_windows(held_out, options.windows, options.bars, options.seed, with_chords=True)
    model = build_model(checkpoint.config)
    model.load_state_dict(checkpoint.state_dict, strict=True)
    forced = forced_probability(model.eval(), tokenizer, windows, checkpoint.chord_guide, progress)
    player = Player(InferenceEngine.from_checkpoint(path, engine=options.engine))
    written = written_share(player, windows[: options.generated], options.seed, progress)
    wrong = wrong_guides(player, windows[: options.generated], options.seed, progress) if player.reads_guides else {}
    return {
        "checkpoint": path.stem,
        "split": options.split,
        "parameters": checkpoint.config.parameters,
        "chord_guide": checkpoint.chord_guide,
        "windows": len(windows),
        "written_windows": min(len(windows), options.generated),
        "written": written,
        "wrong_guides": wrong,
        "probability": forced,
        "failed_requests": player.failures,
    }


def chord_lines(report: dict[str, Any]) -> Iterator[str]:
    """The chord report for a reader."""
    yield (
        f"{report['checkpoint']} · {report['parameters'] / 1e6:.1f} M parameters · split {report['split']} · "
        f"{'reads' if report['chord_guide'] else 'does not read'} chord guides; in brackets 95 % intervals"
    )
    for part, sources in report["written"].items():
        yield f"{part}: notes in the chord at their onset, {report['written_windows']} windows"
        for source, row in sources.items():
            yield f"  {source:<30} {_percent(row['share']):<20} rests in {row['rests']:.0%} of bars"
    for measure, row in report["wrong_guides"].items():
        yield f"guides, true and wrong, by {'notes in the true chord' if measure == 'in chord' else 'pitch classes shared'}"
        for name in (TRUE, NONE, *WRONG):
            even = row["break_even"].get(name)
            chance = "" if even is None else f"worth showing if right in {even:.0%} of cases"
            yield f"  {name:<30} {_percent(row.get(name)):<20} {chance}"
    for part, sources in report["probability"].items():
        yield f"{part}: probability on chord tones, where the chord differs from the bar before · where it stays"
        for source, row in sources.items():
            yield f"  {source:<30} " + " · ".join(_percent(row.get(name)) for name in CHANGES)


def evaluate_reaction(path: Path, options: EvaluationOptions, progress: Progress) -> dict[str, Any]:
    """Bars until the companion fits after the player changes key."""
    progress.begin("reading music")
    held_out = load_split(options.data, options.split, options.cache, options.files)
    windows = draw_windows(held_out, options.windows, options.bars, options.seed)
    player = Player(InferenceEngine.from_checkpoint(path, engine=options.engine))
    found = reaction(player, windows, options.seed, progress)
    return {"checkpoint": path.stem, "split": options.split, **found, "failed_requests": player.failures}


def reaction_lines(report: dict[str, Any]) -> Iterator[str]:
    """The reaction report for a reader."""
    yield (
        f"{report['checkpoint']} · split {report['split']} · {report['cases']} changes of key by a tritone; in brackets 95 % "
        "intervals"
    )
    yield f"bars until it fits (1 is the earliest, {BARS_HEARD + 1} stands for never)"
    for source in SOURCES:
        row = report[source]
        until = row["bars_until_fit"]
        yield (
            f"  {source:<26} mean {_plain(until['mean'])}, median {_plain(until['median'])}, never in "
            f"{_percent(row['never_fits'])}"
        )
        shares = " ".join("-" if step is None else f"{step['value']:.2f}" for step in row["share_fitting"])
        yield f"  {'':<26} share of fitting notes by bar {shares}"


def _percent(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    return f"{100 * row['value']:.0f} % ({100 * row['low']:.0f} to {100 * row['high']:.0f})"


def _plain(row: dict[str, Any] | None) -> str:
    return "-" if row is None else f"{row['value']:.1f} ({row['low']:.1f} to {row['high']:.1f})"
