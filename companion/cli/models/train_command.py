"""`companion train`: makes a checkpoint from a config and music."""

from __future__ import annotations

import argparse
import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from companion.errors import ConfigError, TrainingError, UsageError
from companion.tokenizer import EncoderConfig, Tokenizer
from companion.training.config import TrainingConfig
from companion.training.music.corpus import load_corpus
from companion.training.music.listing import list_split
from companion.training.music.pack import music_folder

_EXAMPLE = """\
example:
  companion train --config configs/training/yellow.toml --data ~/music --out runs/yellow --hours 2
  companion train --config configs/training/yellow.toml --data ~/music --out runs/yellow --resume

DIR holds MIDI files in any folders, with or without a splits.tsv. Several machines or GPUs: accelerate launch -m companion train …
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train` to the command line."""
    parser = subparsers.add_parser(
        "train", help="make a checkpoint", epilog=_EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE.toml", help="settings of the run")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder (or tar archive) of MIDI files")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for state, curves and the checkpoint"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for music that was read (default: OUT/cache)")
    parser.add_argument("--resume", action="store_true", help="go on from the state in OUT")
    parser.add_argument(
        "--hours", type=float, help="stop after this time, the learning rate run down (default: the config's)"
    )
    parser.add_argument("--stop-at", metavar="HH:MM", help="the same, by the clock")
    parser.add_argument("--init-from", metavar="FILE.pt", help="start from these weights (default: the config's)")


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit status."""
    config = TrainingConfig.load(args.config)
    if args.init_from:
        config = replace(config, run=replace(config.run, init_from=args.init_from))
    seconds = _seconds(args, config)
    if not config.optimizer.steps and seconds is None:
        raise UsageError("a run needs an end: --hours, --stop-at, or optimizer.steps in the config")
    state = args.out / "state.pt"
    if args.resume and not state.is_file():
        raise UsageError(f"nothing to resume in {args.out}")
    if state.is_file() and not args.resume:
        raise UsageError(f"{args.out} holds a run already: go on with --resume, or choose another folder")
    encoder = EncoderConfig.load(config.run.encoder)
    _train(config, encoder, args, seconds)
    return 0


def _train(config: TrainingConfig, encoder: EncoderConfig, args: argparse.Namespace, seconds: float | None) -> None:
    import torch

    from companion.cli.models.training_bar import TrainingBar
    from companion.training.examples.samples import SampleMaker
    from companion.training.run.trainer import Trainer

    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot make {args.out}: {error.strerror or error}") from None
    data = music_folder(args.data, args.out / "music")
    tokenizer = Tokenizer(encoder)
    digest = hashlib.sha256(json.dumps(_identity(config, encoder), sort_keys=True).encode())
    makers = []
    for split in ("train", "valid"):
        entries = list_split(data, split, config.data)
        corpus = load_corpus(data, entries, args.cache or args.out / "cache", config.data.readers, print)
        for line in corpus.broken[:10]:
            print(f"skipped {line}")
        print(f"{split}: {len(corpus.songs)} songs, {len(corpus.broken)} files skipped", flush=True)
        digest.update(repr([entry.path for entry in entries]).encode())
        makers.append(SampleMaker(corpus, tokenizer, config.samples, config.data.weights, config.model.positions))
    bar = TrainingBar()
    trainer = Trainer(config, tokenizer, (makers[0], makers[1]), args.out, digest.hexdigest(), bar.say, bar.show)
    if args.resume:
        trainer.resume()
    with bar:
        trainer.run(seconds)


def _identity(config: TrainingConfig, encoder: EncoderConfig) -> dict:
    """Return what must stay the same for a run to go on: everything that shapes the weights and the stream of examples."""
    tables = msgspec.to_builtins(config)
    optimizer = {key: tables["optimizer"][key] for key in ("name", "tokens_per_batch", "batches_per_step")}
    run = {key: tables["run"][key] for key in ("encoder", "seed", "pool_windows")}
    data = {key: value for key, value in tables["data"].items() if key != "readers"}
    return {
        "model": tables["model"],
        "data": data,
        "samples": tables["samples"],
        "optimizer": optimizer,
        "run": run,
        "encoder": encoder.to_dict(),
    }


def _seconds(args: argparse.Namespace, config: TrainingConfig) -> float | None:
    if args.stop_at:
        if args.hours:
            raise UsageError("--hours and --stop-at exclude each other")
        try:
            moment = datetime.strptime(args.stop_at, "%H:%M")
        except ValueError:
            raise UsageError(f"--stop-at {args.stop_at!r}: expected a time such as 15:30") from None
        now = datetime.now()
        end = now.replace(hour=moment.hour, minute=moment.minute, second=0, microsecond=0)
        return ((end if end > now else end + timedelta(days=1)) - now).total_seconds()
    hours = args.hours if args.hours is not None else config.run.hours
    if hours < 0:
        raise ConfigError(f"--hours {hours}: must not be negative")
    return hours * 3600 or None
