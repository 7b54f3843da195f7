"""Presets: TOML files ↔ frozen settings. The functions are imported on first use: a screen that only asks for a wish needs no presets."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from companion.config.presets import PortChoice, Preset, find_preset, list_presets, load_preset, save_preset

__all__ = ["PortChoice", "Preset", "find_preset", "list_presets", "load_preset", "save_preset"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("companion.config.presets"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
