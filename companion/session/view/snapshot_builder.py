"""Builds the snapshot for screens from the views of the parts."""

from __future__ import annotations

from companion.session.api.snapshot import Snapshot
from companion.session.chords.chords import Chords
from companion.session.commands.sound_commands import SoundCommands
from companion.session.dials.knobs import Knobs
from companion.session.extensions import Extensions
from companion.session.input.capture import Capture
from companion.session.input.surface import ControlSurface
from companion.session.input.thru import Thru
from companion.session.input.zones import Zones
from companion.session.output.click import Metronome
from companion.session.output.decisions import Decisions
from companion.session.output.outbox import Outbox
from companion.session.output.scheduler import Scheduler
from companion.session.performance import Performance
from companion.session.ports import Ports
from companion.session.requests.engine import Engine
from companion.session.rewriting.rewriting import Rewriting
from companion.session.timing.musical_time import MusicalTime
from companion.session.transport.transport import Transport
from companion.session.view.generation_view import GenerationViews
from companion.session.view.lane_views import LaneViews
from companion.session.view.transport_view import transport_view


class SnapshotBuilder:
    """Builds snapshots. It only reads."""

    def __init__(
        self,
        *,
        time: MusicalTime,
        performance: Performance,
        transport: Transport,
        lane_views: LaneViews,
        generation_views: GenerationViews,
        engine: Engine,
        decisions: Decisions,
        rewriting: Rewriting,
        capture: Capture,
        scheduler: Scheduler,
        metronome: Metronome,
        thru: Thru,
        surface: ControlSurface,
        knobs: Knobs,
        zones: Zones,
        sound: SoundCommands,
        chords: Chords,
        ports: Ports,
        extensions: Extensions,
        outbox: Outbox,
        seed: int,
    ) -> None:
        self._time, self._performance, self._transport = time, performance, transport
        self._lane_views, self._generation_views = lane_views, generation_views
        self._engine, self._decisions, self._rewriting = engine, decisions, rewriting
        self._capture, self._scheduler, self._metronome, self._thru = capture, scheduler, metronome, thru
        self._surface, self._knobs, self._zones, self._sound, self._ports = surface, knobs, zones, sound, ports
        self._chords = chords
        self._extensions, self._outbox, self._seed = extensions, outbox, seed

    def snapshot(self, now: float) -> Snapshot:
        """Everything that a screen may show, at `now` in seconds."""
        position = self._time.position(now)
        counters = self._counters()
        return Snapshot(
            now_seconds=now,
            transport=transport_view(self._time, self._performance, self._transport, position),
            lanes=self._lane_views.views(position),
            generation=self._generation_views.view(counters["late_notes_dropped"]),
            model=self._engine.model,
            bars=self._lane_views.places(),
            checkpoint=self._engine.checkpoint,
            counters=counters,
            ports=self._ports.view,
            practice=self._extensions.practice_view(now),
            learning=self._surface.learning,
            learned=self._surface.learned,
            knobs=self._knobs.view(),
            zones=self._zones.zones,
            recording=self._sound.recording,
            thru=self._thru.on,
            click=self._metronome.on,
            wait_bars=self._performance.wait_bars,
            seed=self._seed,
            chords=self._chords.view(self._lane_views.shown_bars()),
            kept_bar=self._decisions.kept_bar,
            rewrite=self._rewriting.dial,
            entry_bar=self._performance.entry_bar,
            **self._extensions.picture(now),
        )

    def _counters(self) -> dict[str, int]:
        counters = dict(self._outbox.counters)
        counters["notes_in"] = self._capture.notes_in
        counters["notes_out"] = self._scheduler.notes_out
        counters["doubled_ons"] = self._capture.doubled_ons
        counters["unpaired_offs"] = self._capture.unpaired_offs
        counters["missed_ticks"] = self._time.clock.missed_ticks
        counters["hanging_notes"] = 0 if self._performance.running else self._scheduler.hanging_count
        counters["late_notes_dropped"] = self._outbox.counters["late_notes_dropped"] + self._scheduler.late_dropped
        return counters
