"""The encoder config: the JSON object that determines a checkpoint's vocabulary.

This module knows the keys, their defaults and their errors; `vocabulary.py` turns a config into token ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.errors import EncoderConfigError
from companion.music.meter import TimeSignature
from companion.resources import configs_dir
from companion.tokenizer.token_types import AttributeSpec, TokenType, attribute_spec

_FLAGS = {
    "emit_delta_tokens": False,
    "supports_infill": False,
    "supports_mask_bar_token": False,
    "velocity_sticky": True,
    "switchable_velocity": False,
    "switchable_microtiming": False,
}


@dataclass(frozen=True)
class EncoderConfig:
    """How music becomes tokens. Equal configs give equal vocabularies; see `from_dict` for the JSON keys.

    resolution: model ticks per quarter note. decode_resolution: ticks per quarter of decoded scores.
    num_bars_map: the window lengths in bars. token_domains: explicit (type, size) list, or None to derive it. unknown_controls:
    names of token types and attributes of newer encoders that this version cannot use.
    """

    resolution: int = 480
    decode_resolution: int = 480
    pitch_range: tuple[int, int] = (0, 127)
    velocity_levels: int = 32
    note_duration_max_beats: int = 8
    num_bars_map: tuple[int, ...] = ()
    time_signatures: tuple[TimeSignature, ...] = ()
    instrument_merge_groups: tuple[tuple[int, ...], ...] = ()
    genre_groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    attributes: tuple[AttributeSpec, ...] = ()
    token_domains: tuple[tuple[TokenType, int], ...] | None = None
    emit_delta_tokens: bool = False
    supports_infill: bool = False
    supports_mask_bar_token: bool = False
    velocity_sticky: bool = True
    switchable_velocity: bool = False
    switchable_microtiming: bool = False
    unknown_controls: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EncoderConfig:
        """Build from the JSON object; raises EncoderConfigError naming the key at fault.

        Keys without a meaning for the vocabulary are ignored (published files have model_dim and use_microtiming).
        """
        if not isinstance(data, Mapping):
            raise EncoderConfigError(f"encoder config: expected an object, got {type(data).__name__}")
        flags = {key: _flag(data, key, default) for key, default in _FLAGS.items()}
        flags["emit_delta_tokens"] |= flags["switchable_microtiming"]
        config = cls(
            resolution=_positive(data, "resolution", 480),
            decode_resolution=_positive(data, "decode_resolution", 480),
            pitch_range=_pitch_range(data),
            velocity_levels=_positive(data, "velocity_levels", 32, most=128),
            note_duration_max_beats=_positive(data, "note_duration_max_beats", 8),
            num_bars_map=tuple(_integers(data, "num_bars_map", data.get("num_bars_map", []))),
            time_signatures=_time_signatures(data),
            instrument_merge_groups=_merge_groups(data),
            genre_groups=_genre_groups(data),
            attributes=_attributes(data),
            token_domains=_token_domains(data),
            unknown_controls=_unknown_controls(data),
            raw=dict(data),
            **flags,
        )
        _check_consistency(config)
        return config

    @classmethod
    def from_json(cls, text: str) -> EncoderConfig:
        """Parse JSON text; raises EncoderConfigError."""
        try:
            return cls.from_dict(json.loads(text))
        except (json.JSONDecodeError, RecursionError) as error:
            raise EncoderConfigError(f"encoder config is not valid JSON: {error}") from None

    @classmethod
    def load(cls, name_or_path: str | Path) -> EncoderConfig:
        """Load a built-in config by name (yellow, ghost, expressive, prism, expressive_v2), or a JSON file by path."""
        shipped = configs_dir() / "encoders" / f"{name_or_path}.json"
        path = shipped if shipped.is_file() else Path(name_or_path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError):
            names = ", ".join(sorted(file.stem for file in (configs_dir() / "encoders").glob("*.json")))
            raise EncoderConfigError(
                f"no encoder config {str(name_or_path)!r}: not one of {names}, nor a readable file"
            ) from None
        try:
            return cls.from_json(text)
        except EncoderConfigError as error:
            raise EncoderConfigError(f"{path}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, as it was read."""
        return dict(self.raw)

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the configured attributes, in config order."""
        return tuple(spec.name for spec in self.attributes)


def _flag(data: Mapping[str, Any], key: str, default: bool) -> bool:
    value = data.get(key, default)
    if not isinstance(value, bool):
        raise EncoderConfigError(f"encoder config: {key} must be true or false, not {value!r}")
    return value


def _integer(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise EncoderConfigError(f"encoder config: {key} must hold whole numbers, not {value!r}")
    return value


def _positive(data: Mapping[str, Any], key: str, default: int, most: int = 1_000_000) -> int:
    value = _integer(key, data.get(key, default))
    if not 1 <= value <= most:
        raise EncoderConfigError(f"encoder config: {key} must be in 1..{most}, not {value}")
    return value


def _list(key: str, value: object) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise EncoderConfigError(f"encoder config: {key} must be a list, not {value!r}")
    return list(value)


def _integers(data: Mapping[str, Any], key: str, value: object) -> list[int]:
    numbers = [_integer(key, item) for item in _list(key, value)]
    if any(number < 0 for number in numbers) or len(set(numbers)) != len(numbers):
        raise EncoderConfigError(f"encoder config: {key} must hold different numbers >= 0, not {numbers}")
    return numbers


def _pitch_range(data: Mapping[str, Any]) -> tuple[int, int]:
    limits = [_integer("pitch_range", item) for item in _list("pitch_range", data.get("pitch_range", [0, 127]))]
    if len(limits) != 2 or not 0 <= limits[0] <= limits[1] <= 127:
        raise EncoderConfigError(f"encoder config: pitch_range must be [lowest, highest] in 0..127, not {limits}")
    return limits[0], limits[1]


def _time_signatures(data: Mapping[str, Any]) -> tuple[TimeSignature, ...]:
    texts = _list("time_signatures", data.get("time_signatures", []))
    try:
        return tuple(TimeSignature.parse(str(text)) for text in texts)
    except ValueError as error:
        raise EncoderConfigError(f"encoder config: time_signatures: {error}") from None


def _merge_groups(data: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    key = "instrument_merge_groups"
    groups = tuple(tuple(_integers(data, key, group)) for group in _list(key, data.get(key, [])))
    programs = [program for group in groups for program in group]
    if any(not group for group in groups) or any(p > 127 for p in programs) or len(set(programs)) != len(programs):
        raise EncoderConfigError(f"encoder config: {key} must be disjoint groups of programs 0..127")
    return groups


def _genre_groups(data: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    groups = data.get("genre_groups", {})
    if not isinstance(groups, Mapping):
        raise EncoderConfigError(f"encoder config: genre_groups must be an object, not {groups!r}")
    return tuple(
        (str(name), tuple(str(alias) for alias in _list("genre_groups", groups[name]))) for name in sorted(groups)
    )


def _attribute_entries(data: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = []
    for entry in _list("attribute_controls", data.get("attribute_controls", [])):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("params", {}), Mapping):
            raise EncoderConfigError(f"encoder config: attribute_controls holds {entry!r}")
        found.append((str(entry.get("name")), entry.get("params", {})))
    return found


def _attributes(data: Mapping[str, Any]) -> tuple[AttributeSpec, ...]:
    specs: list[AttributeSpec] = []
    for name, params in _attribute_entries(data):
        spec = attribute_spec(name, params)
        if spec is not None:
            specs.append(spec)
        elif data.get("token_domains") is None:
            detail = f" with {dict(params)}" if params else ""
            raise EncoderConfigError(
                f"encoder config: unknown attribute {name!r}{detail}, and no token_domains say how many tokens it has"
            )
    return tuple(specs)


def _domain_entries(data: Mapping[str, Any]) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for entry in _list("token_domains", data.get("token_domains") or []):
        if not isinstance(entry, Mapping) or "type" not in entry or "domain_size" not in entry:
            raise EncoderConfigError(f"encoder config: token_domains holds {entry!r}")
        found.append((str(entry["type"]), _positive(entry, "domain_size", 0)))
    return found


def _token_domains(data: Mapping[str, Any]) -> tuple[tuple[TokenType, int], ...] | None:
    if data.get("token_domains") is None:
        return None
    names: set[str] = set()
    domains: list[tuple[TokenType, int]] = []
    for name, size in _domain_entries(data):
        token_type = TokenType.parse(name)
        plain = name if token_type is TokenType.UNKNOWN else token_type.value
        if plain in names:
            raise EncoderConfigError(f"encoder config: token_domains has {plain} twice")
        names.add(plain)
        domains.append((token_type, size))
    return tuple(domains)


def _unknown_controls(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of token types and attributes that this version does not know, each once."""
    types = [name for name, _ in _domain_entries(data) if TokenType.parse(name) is TokenType.UNKNOWN]
    attributes = [name for name, params in _attribute_entries(data) if attribute_spec(name, params) is None]
    return tuple(dict.fromkeys((*types, *attributes)))


def _check_consistency(config: EncoderConfig) -> None:
    if config.token_domains is None:
        return
    sizes = dict(config.token_domains)
    wanted = {TokenType.TIME_SIG: len(config.time_signatures), TokenType.NUM_BARS: len(config.num_bars_map)}
    for token_type, needed in wanted.items():
        if needed > sizes.get(token_type, 0):
            raise EncoderConfigError(
                f"encoder config: token_domains gives {token_type.value} {sizes.get(token_type, 0)} values, but {needed} are listed"
            )
