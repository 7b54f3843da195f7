"""The settings of one training run, read from a TOML file.

Knows names, types and bounds of every key; knows nothing of what is done with them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from companion.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Shape of the GPT-2: `width` = heads × head dimension."""

    width: int = 256
    layers: int = 4
    heads: int = 4
    positions: int = 2048


@dataclass(frozen=True, slots=True)
class DataSettings:
    """Which music is read. `weights`: how often a window comes from each set (folder); empty = by number of files."""

    weights: dict[str, float] = field(default_factory=dict)
    max_files: int = 4000  # of the training split, shared out by weight; 0 = all
    max_valid_files: int = 200
    min_bars: int = 8
    max_meter_changes: int = 4
    readers: int = 2  # processes that read MIDI


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """How windows become training examples; see `samples.py`. Shares are probabilities."""

    live: float = 0.5
    infill: float = 0.3  # the rest is plain
    min_tracks: int = 2
    max_tracks: int = 5
    window_weights: tuple[float, ...] = ()  # one for each entry of num_bars_map; empty = equal
    max_tokens: int = 1024
    transpose: int = 6  # semitones either way, one shift for all melodic tracks
    velocity_scale: float = 0.2
    empty_past: float = 0.15  # of live examples: the first bars emptied, as when the companion enters early
    hide_share: float = 0.8  # of live examples: the others' bars from the targets on are hidden
    hide_infill: float = 0.3  # of infill examples: 1..25 % of the other cells hidden
    targets_last: float = 0.9  # of live examples: the tracks to write stand last; the others have them anywhere
    target_attributes: float = 0.75  # of live examples: attributes of target tracks describe the target bars alone
    infill_weight: float = 2.0  # loss weight of tokens after a FillInStart


@dataclass(frozen=True, slots=True)
class OptimizerSettings:
    """`muon` uses Muon for the matrices of the blocks and AdamW for the rest; `adamw` uses AdamW for all."""

    name: str = "muon"
    learning_rate: float = 2e-3  # AdamW
    muon_learning_rate: float = 0.02
    position_rate: float = (
        0.1  # of learning_rate, for the position embedding: each row is seen rarely, and Adam would let it wander
    )
    weight_decay: float = 0.05
    betas: tuple[float, ...] = (0.9, 0.95)
    momentum: float = 0.95
    clip: float = 1.0
    warmup_steps: int = 50
    decay_share: float = 0.2  # the last share of the run, in which the rate falls linearly to nothing
    tokens_per_batch: int = 4096
    batches_per_step: int = 1
    steps: int = 0  # 0 = until the time limit


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Seeds, devices and how often things are saved, measured and printed."""

    encoder: str = "yellow"
    init_from: str = ""
    seed: int = 1
    hours: float = 0.0  # time limit; 0 = none
    dtype: str = "auto"  # auto | fp32 | bf16
    compile: bool = False
    threads: int = 0  # CPU threads; 0 = torch's choice
    workers: int = 1  # processes that make examples; 0 = in the training process
    pool_windows: int = 128
    valid_windows: int = 96
    log_seconds: float = 20.0
    save_seconds: float = 300.0
    valid_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """One TOML file: a table for each part."""

    run: RunSettings = field(default_factory=RunSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    data: DataSettings = field(default_factory=DataSettings)
    samples: SampleSettings = field(default_factory=SampleSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)

    @classmethod
    def load(cls, path: Path) -> TrainingConfig:
        """Read a file; raises ConfigError naming file, key and what is allowed."""
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ConfigError(f"no such training config: {path}") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"{path}: {error}") from None
        return cls.from_dict(table, str(path))

    @classmethod
    def from_dict(cls, table: dict[str, Any], source: str = "config") -> TrainingConfig:
        """Build from nested tables; raises ConfigError as `load` does."""
        parts = {item.name: get_type_hints(cls)[item.name] for item in fields(cls)}
        _refuse_unknown(table, parts, source, "table")
        values = {}
        for name, kind in parts.items():
            section = table.get(name, {})
            if not isinstance(section, dict):
                raise ConfigError(f"{source}: [{name}] must be a table")
            values[name] = _section(kind, section, f"{source}: [{name}]")
        config = cls(**values)
        config.check(source)
        return config

    def check(self, source: str = "config") -> None:
        """Raise ConfigError for values that cannot work."""
        rules = [
            (self.model.width % max(1, self.model.heads) == 0, "model.width must be a multiple of model.heads"),
            (
                min(self.model.width, self.model.layers, self.model.heads, self.model.positions) > 0,
                "model sizes must be positive",
            ),
            (self.optimizer.name in ("muon", "adamw"), "optimizer.name must be muon or adamw"),
            (len(self.optimizer.betas) == 2, "optimizer.betas must be two numbers"),
            (
                self.optimizer.tokens_per_batch >= self.samples.max_tokens,
                "optimizer.tokens_per_batch must hold samples.max_tokens",
            ),
            (self.samples.max_tokens <= self.model.positions, "samples.max_tokens must not exceed model.positions"),
            (0 < self.optimizer.decay_share <= 1, "optimizer.decay_share must be in (0, 1]"),
            (self.samples.live + self.samples.infill <= 1, "samples.live + samples.infill must not exceed 1"),
            (1 <= self.samples.min_tracks <= self.samples.max_tracks, "samples.min_tracks must be in 1..max_tracks"),
            (self.run.dtype in ("auto", "fp32", "bf16"), "run.dtype must be auto, fp32 or bf16"),
            (
                self.run.pool_windows > 0 and self.optimizer.batches_per_step > 0,
                "pool_windows and batches_per_step must be positive",
            ),
            (all(weight >= 0 for weight in self.data.weights.values()), "data.weights must not be negative"),
        ]
        for holds, text in rules:
            if not holds:
                raise ConfigError(f"{source}: {text}")


def _refuse_unknown(table: dict[str, Any], allowed: Any, source: str, word: str) -> None:
    for key in table:
        if key not in allowed:
            raise ConfigError(f"{source}: unknown {word} {key!r}; allowed: {', '.join(allowed)}")


def _section(kind: type, table: dict[str, Any], source: str) -> Any:
    hints = get_type_hints(kind)
    _refuse_unknown(table, list(hints), source, "key")
    return kind(**{key: _value(hints[key], value, f"{source} {key}") for key, value in table.items()})


def _value(hint: Any, value: Any, source: str) -> Any:
    """`value` as the annotated type: TOML's integers pass for floats, its arrays for tuples of numbers."""
    number = (int, float)
    if hint is float and isinstance(value, number) and not isinstance(value, bool):
        return float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    if hint == tuple[float, ...] and isinstance(value, list) and all(isinstance(item, number) for item in value):
        return tuple(float(item) for item in value)
    if (
        hint == dict[str, float]
        and isinstance(value, dict)
        and all(isinstance(item, number) for item in value.values())
    ):
        return {key: float(item) for key, item in value.items()}
    wanted = getattr(hint, "__name__", str(hint)) if hint in (int, float, str, bool) else str(hint)
    raise ConfigError(f"{source} = {value!r}: expected {wanted}")
