"""Finding, reading and saving presets.

A preset is looked for as a file, then by name among the user's own (`presets_dir()`), then among the shipped ones.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from companion.config import controls, schema
from companion.config.settings_tables import SETTINGS_TABLES, read_settings, read_snapshots, write_settings
from companion.config.toml_files import read_toml
from companion.errors import ConfigError
from companion.midi.port_choice import PortChoice
from companion.resources import configs_dir
from companion.session.api.settings import (
    SessionSettings,
)

DEFAULT_PRESET = "duo"
TABLES = ("title", "ports", *SETTINGS_TABLES, "knobs", "snapshots")


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
    return _from_document(read_toml(path, "preset"), path)


def _from_document(document: dict[str, Any], path: Path) -> Preset:
    unknown = [key for key in document if key not in TABLES]
    if unknown:
        raise ConfigError(f"{path}: unknown key {unknown[0]!r} (allowed: {', '.join(TABLES)})")
    title = document.get("title", path.stem)
    if not isinstance(title, str):
        raise ConfigError(f"{path}: title = {title!r} is not text")

    settings = read_settings(document, str(path))
    settings = replace(
        settings,
        knobs=controls.read_knobs(document.get("knobs", []), settings.tracks, path),
        snapshots=read_snapshots(document.get("snapshots", {}), str(path)),
    )
    ports = schema.PORTS.read(document.get("ports", {}), f"{path}: [ports]")
    return Preset(path.stem, title, settings, PortChoice(**ports), path)


def preset_document(preset: Preset) -> dict[str, Any]:
    """The preset as a TOML document, without values that equal the defaults."""
    settings = preset.settings
    document: dict[str, Any] = {"title": preset.title}
    if ports := schema.PORTS.write(preset.ports, PortChoice()):
        document["ports"] = ports
    document.update(write_settings(settings))
    if settings.knobs:
        document["knobs"] = controls.write_knobs(settings.knobs, settings.tracks)
    if settings.snapshots:
        document["snapshots"] = {name: write_settings(stored) for name, stored in settings.snapshots.items()}
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
