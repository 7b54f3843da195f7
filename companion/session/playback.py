"""Bars become sound: committing a bar just before its line, handing its notes to the scheduler, click and backing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from companion.midi.messages import ProgramChange
from companion.music import Note
from companion.session.lanes import DRUM_CHANNEL, Lane
from companion.session.output.plan import BARS_KEPT, RESOLUTION, PlanBar
from companion.session.output.scheduler import CLICK, LATE_SECONDS, Voice
from companion.session.state import SessionCore

COMMIT_SECONDS = (
    0.03  # before the bar line (and the longest output latency): early notes of the bar must still be in time
)
CLICK_BAR_KEY, CLICK_BEAT_KEY, CLICK_BEATS = 76, 77, 0.1  # General MIDI: high and low wood block
ENTER_BEATS = 0.02  # entering within a bar: notes that began this much earlier still sound
MAX_NOTE_BEATS = 64.0


class Playing(SessionCore):
    """Committing and scheduling; `kept_bar` is repeated instead of generating."""

    kept_bar: int | None = None
    kept_notes: Mapping[int, tuple[Note, ...]] = MappingProxyType({})  # by lane
    entry_bar: int = 0  # the first bar in which the companion may play
    bars_by_step: dict[str, int]
    bars_with_late_notes: int = 0

    def commit_seconds(self, bar: int) -> float:
        """When a bar is decided."""
        return self.to_seconds(self.timeline.start(bar)) - COMMIT_SECONDS - self.scheduler.max_latency

    def commit_bar(self, bar: int, now: float, from_position: float | None = None) -> None:
        """Decide what every lane of ours plays in a bar, and schedule it (from a position within it, if given)."""
        self.committed_bar = max(self.committed_bar, bar)
        for lane in self.lanes_of("companion", "backing"):
            cell = self._decide(lane, bar)
            self._schedule(lane, bar, cell.notes(), from_position)
        if self.click:
            self._schedule_click(bar, from_position)
        self.plan.forget_before(bar - BARS_KEPT)
        self.capture.forget_before(bar - BARS_KEPT)

    def replay_bar(self, bar: int, from_position: float) -> None:
        """Schedule the rest of a bar that is committed already (the music goes on after a stop)."""
        for lane in self.lanes_of("companion", "backing"):
            self._schedule(lane, bar, self.plan.notes(lane.index, bar), from_position)
        if self.click:
            self._schedule_click(bar, from_position)

    def plays_in(self, lane: Lane, bar: int) -> bool:
        """Whether a companion lane is to play in a bar at all."""
        if lane.muted or lane.removed or bar < self.entry_bar:
            return False
        for extension in self.extensions:
            wanted = extension.plays(self, lane, bar)
            if wanted is not None:
                return wanted
        return True

    def _decide(self, lane: Lane, bar: int) -> PlanBar:
        meter = self.timeline.meter(bar)
        for extension in self.extensions:
            given = extension.lane_notes(self, lane, bar)
            if given is not None:
                self.plan.put(lane.index, bar, *given)
                return self.plan.commit(lane.index, bar, meter, lane.is_drum)
        if lane.role == "backing":
            written = self.songbook.notes(lane.song_track, self.timeline.song_bar(bar))
            self.plan.put(lane.index, bar, written or (), "written")
            return self.plan.commit(lane.index, bar, meter, lane.is_drum)
        if not self.plays_in(lane, bar):
            self.plan.put(lane.index, bar, (), "rest")
            return self.plan.commit(lane.index, bar, meter, lane.is_drum)
        if self.kept_bar is not None:
            self.plan.put(lane.index, bar, self._kept_notes(lane, bar), "kept")
        cell = self.plan.commit(lane.index, bar, meter, lane.is_drum)
        self.bars_by_step[cell.origin] = self.bars_by_step.get(cell.origin, 0) + 1
        return cell

    def _kept_notes(self, lane: Lane, bar: int) -> tuple[Note, ...]:
        length = self.timeline.meter(bar).bar_ticks(RESOLUTION)
        kept = self.kept_notes.get(lane.index, ())
        return tuple(note for note in kept if note.onset_ticks < length)

    def _schedule(self, lane: Lane, bar: int, notes: Iterable[Note], from_position: float | None = None) -> None:
        for note in notes:
            start, end = self._span(bar, note)
            if from_position is None or start >= from_position - ENTER_BEATS:
                self.scheduler.add(self._voice(lane), bar, note.pitch & 127, note.velocity, start, end)

    def _span(self, bar: int, note: Note) -> tuple[float, float]:
        """Start and end of a note of a bar, in session beats."""
        line = self.timeline.start(bar)
        start = line + (note.onset_ticks + note.delta / RESOLUTION) / RESOLUTION
        end = start + min(MAX_NOTE_BEATS, max(1, note.duration_ticks) / RESOLUTION)
        if self.songbook.song is not None and (seam := self.timeline.seam_after(bar, end - line)) is not None:
            return start, seam  # where a loop closes, nothing hangs over into bars that it does not belong to
        return start, end

    def stream_note(self, lane: Lane, cell: PlanBar, note: Note, now: float) -> bool:
        """A note of a committed bar has only now been decoded; False: it is past due and dropped."""
        if not self.running:
            return True  # it waits with the rest of the bar
        start, end = self._span(cell.bar, note)
        if self.to_seconds(start) - self.scheduler.max_latency >= now - LATE_SECONDS:
            self.scheduler.add(self._voice(lane), cell.bar, note.pitch & 127, note.velocity, start, end)
            return True
        self.counters["late_notes_dropped"] += 1
        if cell.late_notes == 0 and cell.origin == "fresh":
            self.bars_with_late_notes += 1
        cell.late_notes += 1
        return False

    def _voice(self, lane: Lane) -> Voice:
        return Voice(lane.index, lane.output_port, lane.out_channel)

    def _schedule_click(self, bar: int, from_position: float | None = None) -> None:
        meter = self.timeline.meter(bar)
        for beat in range(meter.numerator):
            position = self.timeline.start(bar) + beat * 4 / meter.denominator
            if from_position is None or position >= from_position - ENTER_BEATS:
                self._schedule_one_click(bar, position, beat == 0)

    def _schedule_one_click(self, bar: int, position: float, accent: bool) -> None:
        voice = Voice(CLICK, "", self.settings.clock.click_channel)
        key, velocity = (CLICK_BAR_KEY, 112) if accent else (CLICK_BEAT_KEY, 88)
        self.scheduler.add(voice, bar, key, velocity, position, position + CLICK_BEATS)

    def send_programs(self, now: float, port: str | None = None) -> None:
        """Choose every lane's instrument, on one port or all."""
        for lane in self.lanes_of("companion", "backing"):
            if (port is None or lane.output_port == port) and (lane.out_channel != DRUM_CHANNEL or lane.program):
                self.send(lane.output_port, ProgramChange(lane.out_channel, lane.program), now, lane.index)
