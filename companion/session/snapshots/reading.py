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
    TrackSettings,
    TradingSettings,
    Zone,
)
from companion.session.chords.chords import Chords
from companion.session.extensions import Extensions
from companion.session.input.thru import Thru
from companion.session.input.zones import Zones
from companion.session.lanes import Lane, Lanes
from companion.session.output.click import Metronome
from companion.session.performance import Performance
from companion.session.requests.engine import Engine
from companion.session.rewriting.rewriting import Rewriting
from companion.session.timing.musical_time import MusicalTime


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
        extensions: Extensions,
    ) -> None:
        self._base, self._lanes, self._time, self._performance = base, lanes, time, performance
        self._engine, self._chords, self._rewriting = engine, chords, rewriting
        self._metronome, self._thru, self._zones, self._extensions = metronome, thru, zones, extensions

    def read(self) -> SessionSettings:
        """The settings that hold now. Snapshots and set lists are no part of them."""
        time, base, shown = self._time, self._base, self._extensions.settings()
        return SessionSettings(
            tracks=tuple(_track(lane) for lane in self._lanes if not lane.removed),
            clock=ClockSettings(
                source="external" if time.master is None else "internal",
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
            zones=self._zones_by_place(),
            leading=shown.get("leading", LeadingSettings()),
            intro_bars=shown.get("intro_bars", 0),
        )

    def _zones_by_place(self) -> tuple[Zone, ...]:
        """The zones, with the places of their parts among the lanes that are there; those of parts that are gone are left out."""
        present = [lane.index for lane in self._lanes if not lane.removed]
        places = {lane: place for place, lane in enumerate(present)}
        return tuple(on_tracks(self._zones.zones, places))


def _track(lane: Lane) -> TrackSettings:
    return TrackSettings(
        name=lane.name,
        role=lane.role,
        program=lane.program,
        is_drum=lane.is_drum,
        channel=lane.channel,
        input_port=lane.input_port,
        output_port=lane.output_port,
        attributes=dict(lane.attributes),
        muted=lane.muted,
        solo=lane.solo,
        song_track=lane.song_track,
        volume=lane.volume,
        pan=lane.pan,
    )


def without_rig(settings: SessionSettings) -> SessionSettings:
    """Settings without what belongs to the player's devices and to the performance as a whole."""
    fresh = SessionSettings(tracks=settings.tracks)
    return replace(
        settings,
        learned=fresh.learned,
        output_latency_seconds=fresh.output_latency_seconds,
        input_latency_seconds=fresh.input_latency_seconds,
        snapshots=fresh.snapshots,
        set_list=fresh.set_list,
        first_entry=fresh.first_entry,
        remarks=fresh.remarks,
    )
