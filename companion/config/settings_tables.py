"""Settings as the tables of a TOML document, and back: the tables that presets and the snapshots in them have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from companion.config import controls, schema
from companion.config.tables import Schema
from companion.errors import ConfigError, UsageError
from companion.session.api.limits import MAX_SNAPSHOTS
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

SETTINGS_TABLES = (
    "clock",
    "model",
    "sampling",
    "session",
    "practice",
    "trading",
    "chords",
    "leading",
    "tracks",
    "zones",
)


def read_settings(document: Mapping[str, Any], where: str) -> SessionSettings:
    """The tables as settings. where: the file, and the table around them. Raises ConfigError with one line."""

    def table(name: str, keys: Schema) -> dict[str, Any]:
        return keys.read(document.get(name, {}), f"{where}: [{name}]")

    tracks = document.get("tracks", [])
    if not isinstance(tracks, list) or not tracks:
        raise ConfigError(f"{where}: at least one [[tracks]] table is needed")
    lanes = tuple(_track(entry, number, where) for number, entry in enumerate(tracks, start=1))
    chords = _chords(table("chords", schema.CHORDS), where)
    return SessionSettings(
        tracks=lanes,
        zones=controls.read_key_zones(document.get("zones", []), lanes, chords.zones, where),
        clock=ClockSettings(**table("clock", schema.CLOCK)),
        model=ModelSettings(sampling=Sampling(**table("sampling", schema.SAMPLING)), **table("model", schema.MODEL)),
        practice=PracticeSettings(**table("practice", schema.PRACTICE)),
        trading=TradingSettings(**table("trading", schema.TRADING)),
        chords=chords,
        leading=LeadingSettings(**table("leading", schema.LEADING)),
        **{"rewrite": REWRITE_DEFAULT, **table("session", schema.SESSION)},
    )


def read_snapshots(value: Any, where: str) -> dict[str, SessionSettings]:
    """[snapshots.NAME] with the tables of each. Raises ConfigError with one line."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: snapshots: expected tables [snapshots.NAME]")
    if len(value) > MAX_SNAPSHOTS:
        raise ConfigError(f"{where}: no more than {MAX_SNAPSHOTS} snapshots")
    found: dict[str, SessionSettings] = {}
    for name, document in value.items():
        here = f"{where}: [snapshots.{name}]"
        if not isinstance(document, Mapping):
            raise ConfigError(f"{here}: expected a table with {', '.join(SETTINGS_TABLES)}")
        if unknown := [key for key in document if key not in SETTINGS_TABLES]:
            raise ConfigError(f"{here}: unknown key {unknown[0]!r} (allowed: {', '.join(SETTINGS_TABLES)})")
        found[name] = read_settings(document, here)
    return found


def write_settings(settings: SessionSettings) -> dict[str, Any]:
    """Settings as tables, without values that equal the defaults."""
    tables = {
        "clock": schema.CLOCK.write(settings.clock, ClockSettings()),
        "model": schema.MODEL.write(settings.model, ModelSettings()),
        "sampling": schema.SAMPLING.write(settings.model.sampling, Sampling()),
        "session": schema.SESSION.write(settings, SessionSettings(tracks=(), rewrite=REWRITE_DEFAULT)),
        "practice": schema.PRACTICE.write(settings.practice, PracticeSettings()),
        "trading": schema.TRADING.write(settings.trading, TradingSettings()),
        "chords": schema.CHORDS.write(settings.chords, ChordSettings()),
        "leading": schema.LEADING.write(settings.leading, LeadingSettings()),
    }
    document: dict[str, Any] = {name: table for name, table in tables.items() if table}
    blank = TrackSettings(name="", role="human")
    document["tracks"] = [
        {"name": track.name, "role": track.role, **schema.TRACK.write(track, blank)} for track in settings.tracks
    ]
    if settings.zones:
        document["zones"] = controls.write_key_zones(settings.zones, settings.tracks)
    return document


def _chords(fields: dict[str, Any], where: str) -> ChordSettings:
    settings = ChordSettings(**fields)
    try:
        if settings.progression:
            from companion.session.chords.written import read_progression  # few presets have one

            read_progression(settings.progression)
    except UsageError as error:
        raise ConfigError(f"{where}: [chords] {error}") from None
    return settings


def _track(entry: Any, number: int, where: str) -> TrackSettings:
    here = f"{where}: [[tracks]] number {number}"
    fields = schema.TRACK.read(entry, here)
    for needed in ("name", "role"):
        if needed not in fields:
            raise ConfigError(f"{here}: {needed} is missing")
    return TrackSettings(**fields)
