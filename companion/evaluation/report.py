"""A whole evaluation: draws the cases, runs every measure, and says what it found as data and as lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from companion.evaluation import copying, infill, likelihood, pictures
from companion.evaluation.validity import validity
from companion.evaluation.windows import LiveWindow, draw_windows, load_split
from companion.inference.checkpoints.files import load_checkpoint
from companion.inference.engine import InferenceEngine
from companion.inference.requests.validation import supported_mask_modes
from companion.music import Bar
from companion.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """How much to measure. Counts of windows; files read per split; bars per window."""

    data: Path
    cache: Path
    split: str = "test"
    bars: int = 8
    windows: int = 100
    generated: int = 40
    control_each: int = 8
    following: int = 12
    validity: int = 100
    train_windows: int = 1500
    files: int = 200
    train_files: int = 600
    seed: int = 1
    engine: str = "auto"
    plot: Path | None = None


def evaluate(path: Path, options: EvaluationOptions, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything in `companion evaluate`'s JSON contract; `say` gets a line before each part."""
    checkpoint = load_checkpoint(path)
    tokenizer = Tokenizer(checkpoint.encoder_config)
    say("reading music")
    held_out = load_split(options.data, options.split, options.cache, options.files)
    training = load_split(options.data, "train", options.cache, options.train_files)
    windows = draw_windows(held_out, options.windows, options.bars, options.seed)
    say(f"bits a token over {len(windows)} windows")
    unigram, fivegram = likelihood.fit_baselines(
        tokenizer, draw_windows(training, options.train_windows, options.bars, options.seed + 1)
    )
    report: dict[str, Any] = {
        "checkpoint": path.stem,
        "split": options.split,
        "parameters": checkpoint.config.parameters,
        "model_dim": options.bars,
        **likelihood.measure(checkpoint, tokenizer, windows, unigram, fivegram),
    }
    player = infill.Player(InferenceEngine.from_checkpoint(path, engine=options.engine))
    cases = windows[: options.generated]
    say(f"infill quality over {len(cases)} windows")
    report["infill"] = infill.infill_quality(player, cases, options.seed)
    say("control")
    names = [name for name in checkpoint.encoder_config.attribute_names if name in infill.CONTROLS]
    report["control"] = infill.control_accuracy(player, windows, names, options.control_each, options.seed)
    say("following a key change")
    report["following"] = infill.following(player, windows[: options.following], options.seed)
    say("copying")
    report["copying"] = _copying(player, copying.index_corpus(training), cases, options.seed)
    say("validity")
    modes = supported_mask_modes(tokenizer.vocabulary)
    report["validity"] = validity(player.backend, tokenizer, windows[: options.validity], modes, options.seed)
    report["failed_requests"] = player.failures
    if options.plot is not None:
        shown = max(cases[:12], key=lambda window: len(window.targets))
        written = player.write(infill.blank(shown), shown.targets, shown.hidden, options.seed)
        pictures.draw(options.plot, shown, written, report)
    return report


def _copying(player: infill.Player, index: copying.RunIndex, windows: list[LiveWindow], seed: int) -> dict[str, Any]:
    """Runs shared with training music: of the second half of windows as the model writes it, and as it truly was."""
    generated: list[list[Bar]] = []
    true: list[list[Bar]] = []
    for number, window in enumerate(windows):
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
    yield f"{report['checkpoint']} · {report['parameters'] / 1e6:.1f} M parameters · split {report['split']}"
    base = report["baselines"]
    bits, infilled = report["bits_per_token"], report["bits_per_token"]["infill"]
    yield f"bits a token   {bits['all']:.2f} (unigram {base['unigram']['all']:.2f}, 5-gram {base['5-gram']['all']:.2f})"
    yield (
        f"  in fills     {infilled:.2f} (unigram {base['unigram']['infill']:.2f}, 5-gram {base['5-gram']['infill']:.2f}, "
        f"copying the bar before {base['copy previous bar']['infill']:.2f})"
    )
    yield f"bits a note    {report['bits_per_note']['all']:.2f}, in fills {report['bits_per_note']['infill']:.2f}"
    names = ["onset_f1", "pitch_class_overlap", "groove_similarity", "density_match", "rest_rate"]
    yield f"{'infill':<20}" + "".join(f"{name:>21}" for name in names)
    for source, means in report["infill"].items():
        yield f"  {source:<18}" + "".join(f"{means.get(name, float('nan')):>21.2f}" for name in names)
    for name, row in report["control"].items():
        levels = " ".join(f"{level}:{share:.0%}" for level, share in row["by_level"].items())
        yield f"control ±1  {name:<18} {row['within_one']:.0%}   {levels}"
    after = " ".join("-" if share is None else f"{share:.2f}" for share in report["following"]["share_fitting"])
    yield f"following: share of fitting notes per bar after a key change {after}"
    yield f"  bars until it fits {report['following']['bars_until_fit']:.1f}"
    ours, true = report["copying"]["generated"], report["copying"]["true bars"]
    yield (
        f"longest run shared with training music: mean {ours['mean']:.1f}, max {ours['max']:.0f} "
        f"(true bars: {true['mean']:.1f}, {true['max']:.0f})"
    )
    for mode, row in report["validity"].items():
        yield (
            f"valid without grammar, {mode:<17} {row['valid']:.1%} ± {row['error']:.1%} (legal mass {row['legal_mass']:.4f}; "
            f"above attention by {row['above_attention']:.1%} ± {row['above_attention_error']:.1%})"
        )
