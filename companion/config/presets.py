"""Finding, reading and saving presets.

A preset is looked for as a file, then by name among the user's own (`presets_dir()`), then among the shipped ones.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from companion.config import controls, schema
from companion.config.tables import Schema
from companion.errors import ConfigError, UsageError
from companion.midi.port_choice import PortChoice
from companion.resources import configs_dir
from companion.session.api.settings import (
    REWRITE_DEFAULT,
    ChordSettings,
    ClockSettings,
    LeadingSettings,
    ModelSettings,
    PracticeSettings,
    Sampling,
    SessionSettings,
    TrackSettings,
    TradingSettings,
)
from companion.session.chords.written import read_progression

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover - the same parser under its earlier name
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

DEFAULT_PRESET = "duo"
MAX_PRESET_BYTES = 1_000_000
TABLES = (
    "title",
    "ports",
    "clock",
    "model",
    "sampling",
    "session",
    "practice",
    "trading",
    "leading",
    "chords",
    "tracks",
    "knobs",
    "zones",
)


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set-up."""

    name: str
    title: str
    settings: SessionSettings
    ports: PortChoice = PortChoice()
    path: Path | None = None


def presets_dir() -> Path:
    """Where the user's own presets are kept."""
    return platformdirs.user_config_path("companion") / "presets"


def list_presets() -> list[tuple[str, Path]]:
    """(name, file) of every preset; the user's own hide shipped ones of the same name."""
    found: dict[str, Path] = {}
    for folder in (configs_dir() / "live", presets_dir()):
        if folder.is_dir():
            found.update((file.stem, file) for file in sorted(folder.glob("*.toml")))
    return sorted(found.items())


def find_preset(name: str) -> Path:
    """The file behind a preset's name or path; ConfigError lists what there is."""
    presets = dict(list_presets())
    if name in presets:
        return presets[name]
    path = Path(name).expanduser()
    if path.is_file():
        return path
    raise ConfigError(f"no preset {name!r} (there are: {', '.join(presets)}; or name a .toml file)")


def load_preset(name: str | None = None) -> Preset:
    """Read a preset by name or path; None = the last one used, else the default. Raises ConfigError."""
    if name is None:
        name = last_used() or DEFAULT_PRESET
    path = find_preset(name)
    try:
        if path.stat().st_size > MAX_PRESET_BYTES:
            raise ConfigError(f"{path}: too large for a preset")
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file (expected a preset in TOML)") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply for a preset") from None
    return _from_document(document, path)


def _from_document(document: dict[str, Any], path: Path) -> Preset:
    unknown = [key for key in document if key not in TABLES]
    if unknown:
        raise ConfigError(f"{path}: unknown key {unknown[0]!r} (allowed: {', '.join(TABLES)})")
    title = document.get("title", path.stem)
    if not isinstance(title, str):
        raise ConfigError(f"{path}: title = {title!r} is not text")

    def table(name: str, keys: Schema) -> dict[str, Any]:
        return keys.read(document.get(name, {}), f"{path}: [{name}]")

    tracks = document.get("tracks", [])
    if not isinstance(tracks, list) or not tracks:
        raise ConfigError(f"{path}: at least one [[tracks]] table is needed")
    lanes = tuple(_track(entry, number, path) for number, entry in enumerate(tracks, start=1))
    chords = _chords(table("chords", schema.CHORDS), path)
    settings = SessionSettings(
        tracks=lanes,
        zones=controls.read_key_zones(document.get("zones", []), lanes, chords.zones, path),
        knobs=controls.read_knobs(document.get("knobs", []), lanes, path),
        clock=ClockSettings(**table("clock", schema.CLOCK)),
        model=ModelSettings(sampling=Sampling(**table("sampling", schema.SAMPLING)), **table("model", schema.MODEL)),
        practice=PracticeSettings(**table("practice", schema.PRACTICE)),
        trading=TradingSettings(**table("trading", schema.TRADING)),
        leading=LeadingSettings(**table("leading", schema.LEADING)),
        chords=chords,
        **{"rewrite": REWRITE_DEFAULT, **table("session", schema.SESSION)},
    )
    return Preset(path.stem, title, settings, PortChoice(**table("ports", schema.PORTS)), path)


def _chords(fields: dict[str, Any], path: Path) -> ChordSettings:
    settings = ChordSettings(**fields)
    try:
        if settings.progression:
            read_progression(settings.progression)
    except UsageError as error:
        raise ConfigError(f"{path}: [chords] {error}") from None
    return settings


def _track(entry: Any, number: int, path: Path) -> TrackSettings:
    where = f"{path}: [[tracks]] number {number}"
    fields = schema.TRACK.read(entry, where)
    for needed in ("name", "role"):
        if needed not in fields:
            raise ConfigError(f"{where}: {needed} is missing")
    return TrackSettings(**fields)


def preset_document(preset: Preset) -> dict[str, Any]:
    """The preset as a TOML document, without values that equal the defaults."""
    settings = preset.settings
    document: dict[str, Any] = {"title": preset.title}
    tables = {
        "ports": schema.PORTS.write(preset.ports, PortChoice()),
        "clock": schema.CLOCK.write(settings.clock, ClockSettings()),
        "model": schema.MODEL.write(settings.model, ModelSettings()),
        "sampling": schema.SAMPLING.write(settings.model.sampling, Sampling()),
        "session": schema.SESSION.write(settings, SessionSettings(tracks=())),
        "practice": schema.PRACTICE.write(settings.practice, PracticeSettings()),
        "trading": schema.TRADING.write(settings.trading, TradingSettings()),
        "leading": schema.LEADING.write(settings.leading, LeadingSettings()),
        "chords": schema.CHORDS.write(settings.chords, ChordSettings()),
    }
    document.update((name, table) for name, table in tables.items() if table)
    blank = TrackSettings(name="", role="human")
    document["tracks"] = [
        {"name": track.name, "role": track.role, **schema.TRACK.write(track, blank)} for track in settings.tracks
    ]
    if settings.knobs:
        document["knobs"] = controls.write_knobs(settings.knobs, settings.tracks)
    if settings.zones:
        document["zones"] = controls.write_key_zones(settings.zones, settings.tracks)
    return document


def save_preset(preset: Preset, name: str) -> Path:
    """Write a preset among the user's own, completely or not at all. Returns the file."""
    import tomli_w

    if not name or name != Path(name).name or name.startswith("."):
        raise ConfigError(f"{name!r} cannot be a preset's name")
    path = presets_dir() / f"{name}.toml"
    text = tomli_w.dumps(preset_document(replace(preset, name=name)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    return path


def remember_used(preset: Preset) -> None:
    """Make this the preset with which a plain `companion` starts. Errors are ignored."""
    if preset.path is None:
        return
    state = platformdirs.user_state_path("companion") / "last_preset"
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
        state.write_text(str(preset.path), encoding="utf-8")
    except OSError:
        return


def last_used() -> str | None:
    """The preset used last, if it still exists."""
    try:
        name = (platformdirs.user_state_path("companion") / "last_preset").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if name and Path(name).is_file() else None
