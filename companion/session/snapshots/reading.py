"""Reads everything that is set in a session at this moment, as settings with which a session could begin."""

from __future__ import annotations

from dataclasses import replace

from companion.session.api.bound import on_tracks
from companion.session.api.settings import (
    ChordSettings,
    ClockSettings,
    LeadingSettings,
    PracticeSettings,
    SessionSettings,
    TradingSettings,
)
from companion.session.chords.chords import Chords
from companion.session.extensions import Extensions
from companion.session.input.surface import ControlSurface
from companion.session.input.thru import Thru
from companion.session.input.zones import Zones
from companion.session.lanes import Lanes
from companion.session.output.click import Metronome
from companion.session.performance import Performance
from companion.session.requests.engine import Engine
from companion.session.rewriting.rewriting import Rewriting
from companion.session.timing.musical_time import MusicalTime

# Fields that belong to a performance as a whole. A snapshot has none of them.
OF_THE_WHOLE = ("snapshots", "set_list", "first_entry", "remarks")


class SettingsReader:
    """base: the settings with which the session began; what belongs to the player's own devices is taken from them."""

    def __init__(
        self,
        base: SessionSettings,
        lanes: Lanes,
        time: MusicalTime,
        performance: Performance,
        engine: Engine,
        chords: Chords,
        rewriting: Rewriting,
        metronome: Metronome,
        thru: Thru,
        zones: Zones,
        surface: ControlSurface,
        extensions: Extensions,
    ) -> None:
        self._base, self._lanes, self._time, self._performance = base, lanes, time, performance
        self._engine, self._chords, self._rewriting = engine, chords, rewriting
        self._metronome, self._thru, self._zones = metronome, thru, zones
        self._surface, self._extensions = surface, extensions

    def read_all(self) -> SessionSettings:
        """The present value of every setting. A session that begins with these settings is set like this one."""
        heard, shown = self.read(), self._extensions.settings()
        return replace(
            with_devices_of(heard, self._base),
            tracks=heard.tracks,
            practice=heard.practice if heard.song is not None else self._base.practice,
            learned=dict(self._surface.learned),
            knobs=tuple(on_tracks(self._surface.knobs, self._places())),
            **{name: shown[name] for name in OF_THE_WHOLE if name in shown},
        )

    def read(self) -> SessionSettings:
        """The settings that hold now, apart from the player's controls and devices, snapshots and set lists."""
        time, base, shown = self._time, self._base, self._extensions.settings()
        return SessionSettings(
            tracks=tuple(lane.settings() for lane in self._lanes if not lane.removed),
            clock=ClockSettings(
                source=time.source,
                bpm=time.clock.bpm if time.master is not None else base.clock.bpm,
                time_signature=time.songbook.default_meter,
                count_in_bars=base.clock.count_in_bars,
                click=self._metronome.on,
                click_channel=base.clock.click_channel,
                send_clock=base.clock.send_clock,
            ),
            model=self._engine.model,
            wait_bars=self._performance.wait_bars,
            thru=self._thru.on,
            song=time.songbook.song,
            practice=shown.get("practice", PracticeSettings()),
            trading=shown.get("trading", TradingSettings()),
            chords=ChordSettings(
                self._chords.written.as_text(),
                self._chords.written.loop,
                self._chords.zone.zones,
                base.chords.threshold,
            ),
            rewrite=self._rewriting.dial,
            zones=tuple(on_tracks(self._zones.zones, self._places())),
            leading=shown.get("leading", LeadingSettings()),
            intro_bars=shown.get("intro_bars", 0),
        )

    def _places(self) -> dict[int, int]:
        """The place of each lane among those that are there."""
        return {lane.index: place for place, lane in enumerate(lane for lane in self._lanes if not lane.removed)}


def without_rig(settings: SessionSettings) -> SessionSettings:
    """Settings without what belongs to the player's devices and to the performance as a whole."""
    fresh = SessionSettings(tracks=settings.tracks)
    names = ("learned", "output_latency_seconds", "input_latency_seconds", *OF_THE_WHOLE)
    return replace(settings, **{name: getattr(fresh, name) for name in names})


def with_devices_of(settings: SessionSettings, base: SessionSettings) -> SessionSettings:
    """Return `settings` with those values of `base` that a running session never changes: the player's devices and the margins."""
    known = {track.name: track for track in base.tracks}
    tracks = (
        replace(track, input_port=known[track.name].input_port, output_port=known[track.name].output_port)
        if track.name in known
        else track
        for track in settings.tracks
    )
    clock = replace(
        settings.clock,
        count_in_bars=base.clock.count_in_bars,
        click_channel=base.clock.click_channel,
        send_clock=base.clock.send_clock,
    )
    return replace(
        settings,
        tracks=tuple(tracks),
        clock=clock,
        chords=replace(settings.chords, threshold=base.chords.threshold),
        lead_floor_seconds=base.lead_floor_seconds,
        lead_margin=base.lead_margin,
        output_latency_seconds=base.output_latency_seconds,
        input_latency_seconds=base.input_latency_seconds,
    )
