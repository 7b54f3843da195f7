"""Which ports a performance uses. A module of its own: every process reads it, and most of them no presets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PortChoice:
    """Which ports to use, by name or part of it; "" = the first real one, or our own virtual port. "none" = no port."""

    input: str = ""
    output: str = ""
