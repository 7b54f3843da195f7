"""Turns the screen into a preset and a preset into a performance. `companion.config` reads and writes the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from companion.session.api.bound import on_tracks
from companion.session.api.settings import LeadingSettings, SessionSettings, TrackSettings
from companion.session.api.snapshot import LaneView, Snapshot

if TYPE_CHECKING:
    from companion.config.presets import Preset


def settings_on_screen(
    snapshot: Snapshot, base: SessionSettings, stored: Mapping[str, SessionSettings] | None = None
) -> SessionSettings:
    """`base` with every choice made on the screen. Settings that the screen does not show stay as they are.

    stored: the snapshots as they are now; None: those of `base`.
    """
    transport, practice = snapshot.transport, snapshot.practice
    places = {lane.index: place for place, lane in enumerate(snapshot.lanes)}
    clock = replace(base.clock, source=transport.source, time_signature=transport.time_signature, click=snapshot.click)
    if transport.source == "internal":
        clock = replace(clock, bpm=round(transport.bpm, 2))
    settings = replace(
        base,
        tracks=tuple(_track(lane, base) for lane in snapshot.lanes),
        clock=clock,
        model=snapshot.model,
        wait_bars=snapshot.wait_bars,
        thru=snapshot.thru,
        rewrite=snapshot.rewrite,
        learned=dict(snapshot.learned),
        knobs=tuple(on_tracks((view.knob for view in snapshot.knobs), places)),
        zones=tuple(on_tracks(snapshot.zones, places)),
        leading=LeadingSettings(
            snapshot.intensity,
            snapshot.follow_dynamics,
            snapshot.follow_density,
            snapshot.stay_out_of_register,
        ),
        trading=replace(base.trading, trade_bars=snapshot.trade_bars, answer=snapshot.answer),
        chords=replace(
            base.chords,
            progression=snapshot.chords.progression,
            loop=snapshot.chords.loop,
            zones=snapshot.chords.zones,
        ),
        intro_bars=snapshot.intro_bars,
        snapshots=base.snapshots if stored is None else stored,
    )
    if practice is None:
        return settings
    choices = replace(
        base.practice, tempo_factor=practice.tempo_factor, transpose=practice.transpose, loop=practice.loop
    )
    return replace(settings, practice=choices)


def _track(lane: LaneView, base: SessionSettings) -> TrackSettings:
    known = next((track for track in base.tracks if track.name == lane.name), None)
    track = known or TrackSettings(lane.name, lane.role)
    return replace(
        track,
        role=lane.role,
        program=lane.program,
        is_drum=lane.is_drum,
        channel=lane.channel,
        attributes=dict(lane.attributes),
        muted=lane.muted,
        solo=lane.solo,
        volume=lane.volume,
        pan=lane.pan,
    )


def save(name: str, preset: Preset, settings: SessionSettings, ports: Mapping[str, str]) -> str:
    """Write the preset among the user's own; returns the file's path. Raises ConfigError."""
    from companion.config import presets

    choice = presets.PortChoice(ports.get("in", preset.ports.input), ports.get("out", preset.ports.output))
    chosen = replace(preset, name=name, settings=settings, ports=choice)
    return str(presets.save_preset(chosen, name))


def offered() -> list[tuple[str, str]]:
    """(name, title) of every preset. The title of an unreadable preset says that it cannot be read."""
    from companion.config import presets
    from companion.errors import ConfigError

    found = []
    for name, _ in presets.list_presets():
        try:
            found.append((name, presets.load_preset(name).title))
        except ConfigError as error:
            found.append((name, str(error)))
    return found
