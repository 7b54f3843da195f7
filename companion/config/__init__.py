"""Presets: TOML files ↔ frozen settings."""

from companion.config.presets import PortChoice, Preset, find_preset, list_presets, load_preset, save_preset

__all__ = ["PortChoice", "Preset", "find_preset", "list_presets", "load_preset", "save_preset"]
