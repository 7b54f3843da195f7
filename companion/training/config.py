"""The settings of one training run, read from a TOML file.

This module knows the name, type and bounds of every key. It knows nothing of how the settings are used.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from companion.config.toml_files import read_toml
from companion.errors import ConfigError

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
CountOrNone = Annotated[int, Meta(ge=0)]


class ModelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Shape of the GPT-2: `width` = heads × head dimension."""

    width: Count = 256
    layers: Count = 4
    heads: Count = 4
    positions: Count = 2048
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0  # on the embeddings and on the output of each half of a block


class DataSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The music to read. `weights`: how often a window comes from each set (folder); empty = by number of files."""

    weights: dict[str, NotNegative] = {}
    max_files: CountOrNone = 4000  # of the training split, divided among the sets by weight; 0 = all
    max_valid_files: CountOrNone = 200
    min_bars: Count = 8
    max_meter_changes: CountOrNone = 4
    readers: Count = 2  # processes that read MIDI


class SampleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How windows become training examples; see `samples.py`. Shares are probabilities."""

    live: Share = 0.5
    infill: Share = 0.3  # the rest is plain
    min_tracks: Count = 2
    max_tracks: Count = 5
    window_weights: tuple[NotNegative, ...] = ()  # one weight per entry of num_bars_map; empty = equal
    max_tokens: Count = 1024
    transpose: CountOrNone = 6  # most semitones up or down; all melodic tracks get the same shift
    velocity_scale: Share = 0.2
    empty_past: Share = 0.15  # of live examples: the first bars are empty, as when the companion enters early
    hide_share: Share = 0.8  # of live examples: the others' bars from the targets on are hidden
    hide_infill: Share = 0.3  # of infill examples: 1 to 25 % of the other cells are hidden
    targets_last: Share = 0.9  # of live examples: the tracks to write stand last; otherwise anywhere
    target_attributes: Share = 0.75  # of live examples: target tracks' attributes describe only the target bars
    infill_weight: Positive = 2.0  # loss weight of tokens after a FillInStart
    chord_guide: Share = 0.0  # of examples with targets and known chords: a guide stands last
    practising: Share = 0.0  # of live examples with a guide: the targets lie inside the window
    heard: Share = 0.0  # of live examples: the others' first hidden bar is heard up to a beat of it
    repeats_kept: Share = 1.0  # of live examples whose targets only repeat the bar before; the rest is redrawn
    other_octave: Share = 0.0  # of melodic tracks except basses
    other_program: Share = 0.0  # of melodic tracks: another instrument of the same family
    other_kit: Share = 0.0  # of drum tracks


class OptimizerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`muon` uses Muon for the matrices of the blocks and AdamW for the rest; `adamw` uses AdamW for all."""

    name: Literal["muon", "adamw"] = "muon"
    learning_rate: Positive = 2e-3  # AdamW
    muon_learning_rate: Positive = 0.02
    # Factor on learning_rate for the position embedding. Each row is seen rarely, and Adam would let it drift.
    position_rate: NotNegative = 0.1
    weight_decay: NotNegative = 0.05
    betas: tuple[Share, Share] = (0.9, 0.95)
    momentum: Share = 0.95
    clip: Positive = 1.0
    warmup_steps: CountOrNone = 50
    decay_share: Share = 0.2  # final share of the run, in which the rate decays to 0; 0 = no decay
    tokens_per_batch: Count = 4096  # tokens in one pack of examples, the fixed shape of a step
    batches_per_step: Count = 1
    steps: CountOrNone = 0  # 0 = until the time limit


class RunSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Seeds, devices, and the intervals of saving, measuring and printing.

    teacher: a checkpoint with the same vocabulary. The model learns from its distributions, which are computed in the same run.
    teacher_share: the share of the loss that is the divergence from the teacher's distributions; the rest is the usual loss.
    """

    encoder: str = "yellow"
    init_from: str = ""
    teacher: str = ""
    teacher_share: Share = 0.6
    seed: int = 1
    hours: NotNegative = 0.0  # time limit; 0 = none
    dtype: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = False
    threads: CountOrNone = 0  # CPU threads; 0 = torch's choice
    workers: CountOrNone = 1  # processes that make and pack examples; 0 = in the training process
    pool_windows: Count = 128
    valid_windows: Count = 96
    log_seconds: NotNegative = 20.0
    save_seconds: NotNegative = 300.0
    valid_seconds: NotNegative = 600.0


class TrainingConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """One TOML file, with one table per part."""

    run: RunSettings = RunSettings()
    model: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    samples: SampleSettings = SampleSettings()
    optimizer: OptimizerSettings = OptimizerSettings()

    @classmethod
    def load(cls, path: Path) -> TrainingConfig:
        """Read a file. Raises ConfigError that names the file, the key and the allowed values."""
        if not path.exists():
            raise ConfigError(f"no such training config: {path}")
        return cls.from_dict(read_toml(path, "training config"), str(path))

    @classmethod
    def from_dict(cls, table: dict[str, Any], source: str = "config") -> TrainingConfig:
        """Build from nested tables; raises ConfigError as `load` does."""
        try:
            config = msgspec.convert(table, cls)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{source}: {_in_words(str(error), cls)}") from None
        config.check(source)
        return config

    def check(self, source: str = "config") -> None:
        """Raise ConfigError for values that contradict each other."""
        samples, optimizer = self.samples, self.optimizer
        rules = [
            (self.model.width % self.model.heads == 0, "[model] width must be a multiple of heads"),
            (
                optimizer.tokens_per_batch >= samples.max_tokens,
                "[optimizer] tokens_per_batch must be at least [samples] max_tokens",
            ),
            (samples.max_tokens <= self.model.positions, "[samples] max_tokens must not exceed [model] positions"),
            (samples.live + samples.infill <= 1, "[samples] live + infill must not exceed 1"),
            (samples.min_tracks <= samples.max_tracks, "[samples] min_tracks must not exceed max_tracks"),
        ]
        for holds, text in rules:
            if not holds:
                raise ConfigError(f"{source}: {text}")


def _in_words(message: str, kind: type[Struct]) -> str:
    """msgspec's message as one line: "[table] key: what is allowed"."""
    text, _, where = message.partition(" - at `")
    path = [part for part in re.split(r"[.\[\]`$]+", where) if part and part != "..."]
    place = f"[{path[0]}]" + "".join(f" {part}" for part in path[1:]) if path else ""
    if unknown := re.search(r"unknown field `(.*)`", text):
        owner = _type_at(kind, path)
        allowed = ", ".join(owner.__struct_fields__ if isinstance(owner, type) and issubclass(owner, Struct) else ())
        word = "key" if path else "table"
        return f"{place + ': ' if place else ''}unknown {word} {unknown.group(1)!r}; allowed: {allowed}"
    expected = text.replace("`", "").replace("object", "a table")
    if text.startswith("Invalid enum value"):
        choices = get_args(_type_at(kind, path))
        expected = f"{text.removeprefix('Invalid enum value ')} is not one of {', '.join(map(str, choices))}"
    return f"{place}: {expected[0].lower() + expected[1:]}"


def _type_at(kind: Any, path: list[str]) -> Any:
    """The annotated type at a path of keys."""
    for name in path:
        hints = get_type_hints(kind) if isinstance(kind, type) and issubclass(kind, Struct) else {}
        if name not in hints:
            break
        kind = hints[name]
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
    return kind
