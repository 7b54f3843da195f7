"""`companion infill`: turns the command line into a request, and the result into files and JSON.

Bars and tracks count from 1 on the command line and from 0 in `--json`, as in Python.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from companion.charts.reader import read_chart
from companion.charts.spans import chart_spans
from companion.cli.options.numbers import parse_bars, parse_track
from companion.errors import UsageError
from companion.harmony.guide import guide_bars
from companion.inference.engine import InferenceEngine
from companion.inference.requests.request import GenerationRequest, InferenceConfig, TrackPrompt
from companion.inference.results import GenerationResult
from companion.midi.file import read_song
from companion.music.score import Note, Score, empty_bars
from companion.sound.outputs import write_music
from companion.tokenizer.attributes import SPECS


def run_infill(args: argparse.Namespace) -> int:
    """Run the command."""
    song = read_song(args.input)
    if not song.score.tracks:
        raise UsageError(f"{args.input}: has no notes, so there is no track to fill")
    targets = _cells(args.track, len(song.score.tracks), args.bars)
    request = _request(args, song.score, targets)
    engine = InferenceEngine.from_pretrained(args.checkpoint, engine=args.engine)
    score = _padded(song.score, min(engine.tokenizer.config.num_bars_map, default=0))
    result = engine.generate(score, request)
    written = []
    for number, take in enumerate(result.takes):
        path = _numbered(args.output, number)
        filled = replace(song, score=_with_filled(song.score, take, targets))
        write_music(filled, path, gain=args.gain)
        if args.wav is not None:
            write_music(filled, _numbered(args.wav, number), gain=args.gain)
        written.append(str(path))
    warnings = [*song.remarks, *result.warnings]
    if args.json:
        print(json.dumps(_infill_json(engine.checkpoint.name, result, written, warnings)))
    else:
        _print_infill(result, written, sum(len(bars) for bars in targets.values()), warnings)
    return 0


def _numbered(path: Path, number: int) -> Path:
    return path if number == 0 else path.with_suffix(f".{number + 1}{path.suffix}")


def _with_filled(score: Score, take: Score, targets: dict[int, list[int]]) -> Score:
    """Return the score with the filled bars of a take; nothing else is taken from the take."""
    for track, bars in targets.items():
        filled = score.tracks[track]
        for bar in bars:
            filled = filled.with_bar(bar, take.tracks[track].bars[bar])
        score = score.with_track(track, filled)
    return score


def _padded(score: Score, bars: int) -> Score:
    """Add rests to the end of a file that is shorter than the smallest window."""
    missing = bars - score.bar_count
    if missing <= 0:
        return score
    tracks = tuple(
        replace(track, bars=track.bars + empty_bars([track.bars[-1].time_signature] * missing))
        for track in score.tracks
    )
    return replace(score, tracks=tracks)


def _request(args: argparse.Namespace, score: Score, targets: dict[int, list[int]]) -> GenerationRequest:
    count = len(score.tracks)
    hidden = _cells(args.hide, count, None)
    ignored = {parse_track(str(track), count) for track in args.ignore}
    for track, bars in [*targets.items(), *hidden.items()]:
        if bars[-1] >= score.bar_count:
            raise UsageError(
                f"track {track + 1}: bar {bars[-1] + 1} does not exist, the file has {score.bar_count} bars"
            )
    attributes = _attributes(args.attribute)
    of_bars = {name: level for name, level in attributes.items() if name in SPECS and SPECS[name].per_bar}
    of_tracks = {name: level for name, level in attributes.items() if name not in of_bars}
    prompts = tuple(
        TrackPrompt(
            id=track,
            bars=tuple(targets.get(track, ())),
            autoregressive=args.autoregressive and track in targets,
            ignore=track in ignored,
            mask_bars=tuple(hidden.get(track, ())),
            attributes=of_tracks if track in targets else {},
            bar_attributes=dict.fromkeys(targets.get(track, ()), of_bars) if of_bars else {},
        )
        for track in range(count)
    )
    guide = _guide(args.chords, score, targets) if args.chords else {}
    controls = {} if args.genre is None else {"genre": args.genre}
    return GenerationRequest(prompts, _config(args), controls, guide=guide)


def _guide(path: Path, score: Score, targets: dict[int, list[int]]) -> dict[int, tuple[Note, ...]]:
    """Return the chart's chords as a guide for every bar of the file. Raises UsageError if they do not cover the bars to fill."""
    chart = read_chart(path)
    last = max(bar for bars in targets.values() for bar in bars)
    if last >= len(chart.bars):
        raise UsageError(f"--chords {path}: has {len(chart.bars)} bars, bar {last + 1} is to be filled")
    for number, (written, bar) in enumerate(zip(chart.bars, score.tracks[0].bars, strict=False), 1):
        if written.time_signature != bar.time_signature:
            raise UsageError(
                f"--chords {path}: bar {number} is in {written.time_signature}, the file's in {bar.time_signature}"
            )
    return dict(enumerate(guide_bars(list(chart_spans(chart)))))


def _config(args: argparse.Namespace) -> InferenceConfig:
    return InferenceConfig(
        model_dim=_number_or_auto(args.model_dim, "--model-dim"),
        mask_mode=args.mask_mode,
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        mask_p=args.mask_p,
        mask_k=args.mask_k,
        seed=args.seed,
        num_candidates=args.takes,
        max_attempts=args.max_attempts,
        polyphony_hard_limit=args.polyphony_limit,
        density_hard_limit=args.density_limit,
        bars_per_step=_number_or_auto(args.bars_per_step, "--bars-per-step"),
        tracks_per_step=_number_or_auto(args.tracks_per_step, "--tracks-per-step"),
        allow_rests=args.allow_rests,
        target_last=not args.keep_order,
        engine=args.engine,
    )


def _infill_json(checkpoint: str, result: GenerationResult, written: list[str], warnings: list[str]) -> dict[str, Any]:
    return {
        "checkpoint": checkpoint,
        "engine": result.engine,
        "mask_mode": result.mask_mode,
        "model_dim": result.model_dim,
        "seed": result.seed,
        "steps": [step.to_dict() for step in result.steps],
        "seconds": round(result.seconds, 4),
        "outputs": written,
        "warnings": warnings,
    }


def _print_infill(result: GenerationResult, written: list[str], bars: int, warnings: list[str]) -> None:
    for warning in warnings:
        print(f"companion: {warning}", file=sys.stderr)
    print(
        f"{', '.join(written)}: {bars} bars in {result.seconds:.2f} s "
        f"(window {result.model_dim} bars, mask mode {result.mask_mode}, engine {result.engine}, seed {result.seed})"
    )


# -- reading numbers ----------------------------------------------------------------------------------------------------


def _cells(specs: Sequence[str], count: int, default_bars: str | None) -> dict[int, list[int]]:
    """Map tracks to bars, from T[:BARS] specifications."""
    found: dict[int, list[int]] = {}
    for spec in specs:
        track, colon, bars = spec.partition(":")
        chosen = bars if colon else default_bars
        if chosen is None:
            raise UsageError(f"which bars of track {track}? Give --bars 5-8 or {track}:5-8")
        number = parse_track(track, count)
        found[number] = sorted({*found.get(number, ()), *parse_bars(chosen)})
    return found


def _number_or_auto(text: str, option: str) -> int | str:
    if text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{option} must be a whole number or auto, got {text!r}") from None


def _attributes(specs: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for spec in specs:
        name, _, level = spec.partition("=")
        try:
            found[name] = int(level)
        except ValueError:
            raise UsageError(f"--attribute needs NAME=LEVEL with a whole number, got {spec!r}") from None
    return found
