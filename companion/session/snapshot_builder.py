"""The picture of a session for screens: `snapshot(now)`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from companion.session.api.snapshot import (
    BarPlace,
    BarState,
    BarView,
    GenerationView,
    LaneView,
    PracticeView,
    Snapshot,
    TransportView,
)
from companion.session.commands.general import Commanding
from companion.session.lanes import Lane
from companion.session.requests.answers import fresh_share
from companion.session.timing.internal_clock import InternalClock

BARS_BEFORE, BARS_AFTER = 8, 3


class Viewing(Commanding):
    """Builds views; those of bars that cannot change any more are kept."""

    _views: dict[tuple[int, int], BarView]

    def snapshot(self, now: float) -> Snapshot:
        """Everything a screen may show, at `now`."""
        position = self.position(now)
        return Snapshot(
            now_seconds=now,
            transport=self._transport_view(position),
            lanes=tuple(self._lane_view(lane, position) for lane in self.lanes if not lane.removed),
            generation=self._generation_view(),
            model=self.settings.model,
            bars=self._places(),
            checkpoint=self.checkpoint,
            counters=self._counters_view(),
            ports=self._ports_view(),
            practice=self._practice_view(now),
            learning=self.learning,
            recording=self.recording,
            thru=self.thru,
            click=self.click,
            wait_bars=self.wait_bars,
            seed=self.seed,
            kept_bar=self.kept_bar,
            entry_bar=self.entry_bar,
            **{name: value for extension in self.extensions for name, value in extension.picture(self, now).items()},
        )

    def _transport_view(self, position: float) -> TransportView:
        bar = max(self.bar, 0)
        if self.counting_in:
            bar = self.bar + 1
        beat, song_bar, meter = position - self.timeline.start(bar), self.timeline.song_bar(bar), None
        if (resume := self.resume_place(position)) is not None:
            (song_bar, beat), meter = resume, self._meter_of(resume[0])
        return TransportView(
            source="internal" if isinstance(self.clock, InternalClock) else "external",
            state=self.clock.state,
            bpm=self.clock.bpm,
            bar=bar,
            beat=beat,
            position_beats=position,
            time_signature=meter or self.timeline.meter(bar),
            jitter_seconds=self.clock.jitter_seconds,
            counting_in=self.counting_in,
            song_bar=song_bar,
        )

    def _shown_bars(self) -> range:
        return range(max(0, self.bar - BARS_BEFORE), max(self.bar, 0) + BARS_AFTER)

    def _places(self) -> tuple[BarPlace, ...]:
        song_bar, meter = self.timeline.song_bar, self.timeline.meter
        return tuple(BarPlace(bar, song_bar(bar), meter(bar)) for bar in self._shown_bars())

    def _lane_view(self, lane: Lane, position: float) -> LaneView:
        return LaneView(
            index=lane.index,
            name=lane.name,
            role=lane.role,
            program=lane.program,
            is_drum=lane.is_drum,
            channel=lane.channel,
            muted=lane.muted,
            solo=lane.solo,
            bars=tuple(self._bar_view(lane, bar, position) for bar in self._shown_bars()),
            attributes=lane.attributes,
            sounding=self.scheduler.sounding(lane.index),
        )

    def _bar_view(self, lane: Lane, bar: int, position: float) -> BarView:
        key = (lane.index, bar)
        if (view := self._views.get(key)) is not None:
            return view
        view = self._make_bar_view(lane, bar, position)
        if bar < self.bar - 1 and lane.role != "human":
            self._views[key] = view
            if len(self._views) > 64 * len(self.lanes):
                self._views = {old: kept for old, kept in self._views.items() if old[1] >= bar - BARS_BEFORE}
        return view

    def _make_bar_view(self, lane: Lane, bar: int, position: float) -> BarView:
        state: BarState
        if lane.role == "human":
            notes = self.capture.notes(lane.index, bar, position)
            state = ("played" if notes else "empty") if bar <= self.bar else "hidden"
            return BarView(bar, state, "human" if notes else "", notes)
        if lane.role == "silent":
            written = self.songbook.notes(lane.song_track, self.timeline.song_bar(bar)) or ()
            return BarView(bar, "played" if bar < self.bar else "committed", "written", written)
        cell = self.plan.get(lane.index, bar)
        if cell is None and lane.role == "backing":
            written = self.songbook.notes(lane.song_track, self.timeline.song_bar(bar)) or ()
            return BarView(bar, "committed" if written else "empty", "written" if written else "", written)
        if cell is None or not (cell.committed or cell.best()):
            return BarView(bar, "empty")
        if not cell.committed:
            draft = cell.best()
            origin = ("older" if draft.insurance else draft.origin) if draft else ""
            return BarView(bar, "tentative", origin, cell.notes(), cell.locked)
        return BarView(bar, "played" if bar < self.bar else "committed", cell.origin, cell.notes(), cell.locked)

    def _generation_view(self) -> GenerationView:
        bars, fresh = fresh_share(self.bars_by_step, self.bars_with_late_notes)
        p50, p99, first_note, last = self.deadlines.percentiles()
        return GenerationView(
            state=self._engine_view(),  # type: ignore[arg-type]
            bars=bars,
            bars_fresh=fresh,
            bars_by_step=dict(self.bars_by_step),
            p50_seconds=p50,
            p99_seconds=p99,
            first_note_p50_seconds=first_note,
            last_seconds=last,
            lead_seconds=self.deadlines.lead(self.size) if self.size else 0.0,
            model_dim=self.size.model_dim if self.size else self.settings.model.model_dim,
            mask_mode=self._mask_mode(),
            late_notes_dropped=self.counters["late_notes_dropped"] + self.scheduler.late_dropped,
            advice=self.size.advice if self.size else "",
        )

    def _mask_mode(self) -> str:
        chosen = self.settings.model.mask_mode
        modes = self.checkpoint.mask_modes if self.checkpoint else ()
        return chosen if chosen in modes or not modes else modes[0]  # "auto": a checkpoint names its best first

    def _engine_view(self) -> str:
        if self.checkpoint is None:
            return self.engine_state
        if self.in_flight is not None:
            return "generating"
        return "prefilling" if self.prefilling else "idle"

    def _ports_view(self) -> dict[str, bool]:
        return {f"{way}:{label or 'default'}": connected for (way, _), (label, connected) in self.ports.items()}

    def _counters_view(self) -> dict[str, int]:
        counters = dict(self.counters)
        counters["notes_in"] = self.capture.notes_in
        counters["notes_out"] = self.scheduler.notes_out
        counters["doubled_ons"] = self.capture.doubled_ons
        counters["unpaired_offs"] = self.capture.unpaired_offs
        counters["missed_ticks"] = getattr(self.clock, "missed_ticks", 0)
        counters["hanging_notes"] = 0 if self.running else self.scheduler.hanging_count
        counters["late_notes_dropped"] = self.counters["late_notes_dropped"] + self.scheduler.late_dropped
        return counters

    def _practice_view(self, now: float) -> PracticeView | None:
        view = self._song_view()
        for extension in self.extensions:
            more = extension.view(self, now)
            if isinstance(more, PracticeView):
                view = more
            elif more and view is not None:
                view = _changed(view, more)
        return view

    def _song_view(self) -> PracticeView | None:
        song = self.songbook.song
        if song is None:
            return None
        return PracticeView(
            title=song.title,
            bar_count=self.songbook.bar_count,
            pass_number=0,
            tempo_factor=self.tempo_factor,
            loop=None,
            sections=song.sections,
            chords=song.chords,
            song_bar=self.timeline.song_bar(max(self.bar, 0)),
            transpose=self.songbook.transpose,
        )


def _changed(view: PracticeView, fields: dict[str, Any]) -> PracticeView:
    return replace(view, **fields)
