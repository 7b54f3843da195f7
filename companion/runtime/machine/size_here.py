"""Finds which size of a checkpoint would run on this machine. It loads and measures every size and decides as the session does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from companion.session.api.events import EngineReady, LoadedSize
from companion.session.api.settings import SessionSettings
from companion.session.requests.sizing.lead_time import Size
from companion.session.requests.sizing.sizes import Sizes

TEMPI_BPM = (80, 120, 160, 200)
PARTS = 3
BEATS = 4


@dataclass(frozen=True, slots=True)
class SizeAt:
    """What would run at a tempo, in 4/4 with PARTS parts to write. why: one line, "" where there is one size only.

    lead_seconds: how long before its line a bar would be asked for at first.
    """

    bpm: int
    name: str
    why: str
    lead_seconds: float = 0.0


def sizes_at(loaded: Sequence[LoadedSize], tempi: Iterable[int] = TEMPI_BPM, parts: int = PARTS) -> list[SizeAt]:
    """The size that the session would begin with at each tempo. loaded: largest first, at least one."""
    defaults = SessionSettings(())
    first, *smaller = loaded
    event = EngineReady(first.checkpoint, first.warm_seconds, tuple(smaller))
    found = []
    for bpm in tempi:
        sizes = Sizes(defaults.lead_margin, defaults.lead_floor_seconds)
        sizes.ready(event)
        choice = sizes.choose(0, BEATS * 60 / bpm, parts, lambda info: sorted(info.num_bars_map, reverse=True))
        assert choice is not None
        info = sizes.current
        assert info is not None
        lead = sizes.lead(Size(min(info.num_bars_map), parts))
        found.append(SizeAt(bpm, choice.name, choice.why, lead))
    return found


def measure_family(name: str, engine: str = "auto") -> tuple[list[SizeAt], tuple[str, ...]]:
    """Load and measure every size of a checkpoint; what would run, and remarks. Builds graphs where they are missing.

    Raises CheckpointError or GenerationError when no size can be loaded.
    """
    from companion.runtime.engine.sizes import LoadedSizes
    from companion.session.api.settings import ModelSettings

    sizes = LoadedSizes(ModelSettings(checkpoint=name, engine=engine), is_built=lambda member, engine: True)
    try:
        ready = sizes.ready()
    finally:
        sizes.close()
    return sizes_at(ready.sizes), ready.remarks
